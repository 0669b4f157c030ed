/* Messages to all: in order, each once, with holes filled or jumped. */
#include "edge/system.h"
#include "tests/unit/test.h"

static void put(struct system_log *l, uint64_t n, bool repaired)
{
	struct system_message m = {.number = n};

	if (!system_wants(l, n))
		return;
	m.native = wire_new_ping(SLICE_LITERAL("n"));
	m.plain = wire_new_ping(SLICE_LITERAL("p"));
	system_put(l, &m, repaired);
}

/* The numbers that come out now must be from..to; from > to: none. */
static void expect(struct system_log *l, uint64_t from, uint64_t to)
{
	const struct system_message *m;

	for (uint64_t n = from; n <= to; n++) {
		m = system_next(l);
		assert_non_null(m);
		assert_int_equal(m->number, n);
	}
	assert_null(system_next(l));
}

static void nothing_is_kept_before_the_first_session(void **state)
{
	struct system_log l;

	(void)state;
	system_init(&l);
	put(&l, 1, false);
	system_heard(&l, 5);
	assert_false(system_has_gap(&l));
	system_start(&l, 5);
	assert_false(system_has_gap(&l));
	put(&l, 5, false);
	expect(&l, 1, 0);
	put(&l, 6, false);
	expect(&l, 6, 6);
	system_start(&l, 1); /* a later session changes nothing */
	put(&l, 6, false);
	expect(&l, 1, 0);
	system_reset(&l);
}

static void messages_come_out_in_order_whatever_way_they_came(void **state)
{
	struct system_log l;

	(void)state;
	system_init(&l);
	system_start(&l, 10);
	put(&l, 13, false);
	put(&l, 12, false);
	expect(&l, 1, 0);
	assert_true(system_has_gap(&l));
	put(&l, 11, true);
	expect(&l, 11, 13);
	put(&l, 12, false);
	put(&l, 13, true);
	expect(&l, 1, 0);
	assert_false(system_has_gap(&l));
	system_reset(&l);
}

static void what_the_router_forgot_too_is_jumped(void **state)
{
	struct system_log l;

	(void)state;
	system_init(&l);
	system_start(&l, 0);
	system_heard(&l, 1000);
	for (uint64_t n = 1000 - SYSTEM_KEPT + 1; n <= 1000; n++) {
		put(&l, n, true);
		expect(&l, n, n);
	}
	assert_false(system_has_gap(&l));
	system_reset(&l);
}

static void a_number_far_ahead_is_left_to_the_repair(void **state)
{
	struct system_log l;

	(void)state;
	system_init(&l);
	system_start(&l, 0);
	put(&l, SYSTEM_KEPT + 1, false);
	assert_null(system_get(&l, SYSTEM_KEPT + 1));
	assert_true(system_has_gap(&l));
	put(&l, SYSTEM_KEPT, false);
	expect(&l, 1, 0);
	put(&l, 1, false);
	expect(&l, 1, 1);
	system_reset(&l);
}

static void the_last_ones_are_kept(void **state)
{
	struct system_log l;

	(void)state;
	system_init(&l);
	system_start(&l, 0);
	for (uint64_t n = 1; n <= 1000; n++) {
		put(&l, n, false);
		expect(&l, n, n);
	}
	assert_int_equal(l.head, 1000);
	for (uint64_t n = 0; n <= 1010; n++) {
		const struct system_message *m = system_get(&l, n);

		assert_true((m != NULL) == (n > 1000 - SYSTEM_KEPT && n <= 1000));
	}
	system_reset(&l);
	assert_null(system_get(&l, 1000));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_is_kept_before_the_first_session),
		cmocka_unit_test(messages_come_out_in_order_whatever_way_they_came),
		cmocka_unit_test(what_the_router_forgot_too_is_jumped),
		cmocka_unit_test(a_number_far_ahead_is_left_to_the_repair),
		cmocka_unit_test(the_last_ones_are_kept),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
