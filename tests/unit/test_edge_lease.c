/* lease: what a newly claimed link means for the sessions. */
#include "edge/lease.h"
#include "tests/unit/test.h"

static const struct lease none = {0, 0, 0};
static const struct lease first = {7, 3, 1000};

static void the_first_claim_finds_no_sessions(void **state)
{
	(void)state;
	assert_int_equal(lease_change(&none, &first), UPLINK_FIRST);
}

static void the_same_router_has_ended_the_sessions_of_a_link_that_broke(void **state)
{
	(void)state;
	assert_int_equal(lease_change(&first, &first), UPLINK_SAME_ROUTER);
}

static void a_new_router_knows_nobody_yet(void **state)
{
	const struct lease restarted = {7, 3, 1001};

	(void)state;
	assert_int_equal(lease_change(&first, &restarted), UPLINK_NEW_ROUTER);
}

static void with_another_name_the_tickets_are_void(void **state)
{
	const struct lease names[] = {{8, 3, 1000}, {7, 4, 1000}, {8, 3, 1001}, {7, 4, 1001}};

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		assert_int_equal(lease_change(&first, &names[i]), UPLINK_NEW_EDGE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_first_claim_finds_no_sessions),
		cmocka_unit_test(the_same_router_has_ended_the_sessions_of_a_link_that_broke),
		cmocka_unit_test(a_new_router_knows_nobody_yet),
		cmocka_unit_test(with_another_name_the_tickets_are_void),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
