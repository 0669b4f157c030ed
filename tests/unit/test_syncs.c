/* Whose page is asked for next, and how many are on their way. */
#include "edge/syncs.h"
#include "proto/limits.h"
#include "tests/unit/test.h"

static void pages_are_asked_for_in_order_and_never_too_many(void **state)
{
	struct syncs s = {0};
	uint64_t session;
	uint64_t next = 1;

	(void)state;
	assert_false(syncs_peek(&s, &session));
	for (uint64_t i = 1; i <= 1000; i++)
		assert_int_equal(syncs_want(&s, i), 0);
	while (syncs_peek(&s, &session)) {
		assert_int_equal(session, next++);
		syncs_shift(&s, true);
	}
	assert_int_equal(next - 1, SYNCS_IN_FLIGHT);
	for (; next <= 1000; next++) {
		assert_false(syncs_peek(&s, &session));
		syncs_done(&s);
		assert_true(syncs_peek(&s, &session));
		assert_int_equal(session, next);
		syncs_shift(&s, true);
		/* Again at the end, as one whose page was not the last. */
		assert_int_equal(syncs_want(&s, next + 100000), 0);
	}
	syncs_reset(&s);
	assert_int_equal(s.in_flight, 0);
}

static void one_that_left_meanwhile_takes_no_place(void **state)
{
	struct syncs s = {0};
	uint64_t session;

	(void)state;
	for (uint64_t i = 0; i < 10 * SYNCS_IN_FLIGHT; i++) {
		assert_int_equal(syncs_want(&s, i), 0);
		assert_true(syncs_peek(&s, &session));
		assert_int_equal(session, i);
		syncs_shift(&s, false);
	}
	assert_int_equal(s.n, 0);
	assert_int_equal(s.in_flight, 0);
	syncs_reset(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pages_are_asked_for_in_order_and_never_too_many),
		cmocka_unit_test(one_that_left_meanwhile_takes_no_place),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
