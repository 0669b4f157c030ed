/* failures: five wrong passwords a minute under one name, guesses in flight included. */
#include <stdio.h>

#include "auth/failures.h"
#include "proto/limits.h"
#include "tests/unit/test.h"

static struct failures *failures;

static int setup(void **state)
{
	(void)state;
	return failures_new(&failures);
}

static int teardown(void **state)
{
	(void)state;
	failures_free(failures);
	return 0;
}

static const struct slice ann = {"ann", 3};

static void fail_once(struct slice name, int64_t now_ms)
{
	assert_int_equal(failures_begin(failures, name, now_ms), 0);
	failures_end(failures, name, true, now_ms);
}

static void the_sixth_try_in_a_minute_waits_for_the_minutes_end(void **state)
{
	(void)state;
	for (int i = 0; i < LOGIN_FAILURES_PER_MINUTE; i++)
		fail_once(ann, 1000 + i);
	assert_int_equal(failures_begin(failures, ann, 2000), 59000);
	assert_int_equal(failures_begin(failures, ann, 60999), 1);
	assert_int_equal(failures_begin(failures, ann, 61000), 0);
	failures_end(failures, ann, true, 61000);
	fail_once(ann, 61001); /* a new window */
}

static void names_are_counted_apart(void **state)
{
	(void)state;
	for (int i = 0; i < LOGIN_FAILURES_PER_MINUTE; i++)
		fail_once(ann, 0);
	assert_true(failures_begin(failures, ann, 0) > 0);
	fail_once(SLICE_LITERAL("ben"), 0);
	fail_once(SLICE_LITERAL(""), 0);
	fail_once(SLICE_LITERAL("ann\0"), 0);
}

static void guesses_in_flight_count(void **state)
{
	(void)state;
	for (int i = 0; i < LOGIN_FAILURES_PER_MINUTE; i++)
		assert_int_equal(failures_begin(failures, ann, 0), 0);
	assert_true(failures_begin(failures, ann, 0) > 0);
	failures_end(failures, ann, false, 10);
	assert_int_equal(failures_begin(failures, ann, 10), 0);
	for (int i = 0; i < LOGIN_FAILURES_PER_MINUTE; i++)
		failures_end(failures, ann, true, 20);
	assert_int_equal(failures_begin(failures, ann, 20), 60000);
}

static void a_success_neither_counts_nor_clears(void **state)
{
	(void)state;
	for (int i = 0; i < 50; i++) {
		assert_int_equal(failures_begin(failures, ann, i), 0);
		failures_end(failures, ann, false, i);
	}
	for (int i = 0; i < LOGIN_FAILURES_PER_MINUTE; i++)
		fail_once(ann, 100);
	assert_true(failures_begin(failures, ann, 200) > 0);
}

static void names_are_bounded_and_old_ones_make_room(void **state)
{
	char name[16];

	(void)state;
	for (int i = 0; i < FAILURES_MAX_NAMES; i++) {
		snprintf(name, sizeof(name), "%d", i);
		fail_once(slice_of(name), 0);
	}
	assert_true(failures_begin(failures, ann, 1) > 0);
	assert_int_equal(failures_begin(failures, ann, FAILURES_WINDOW_MS), 0);
	failures_end(failures, ann, false, FAILURES_WINDOW_MS);
	fail_once(SLICE_LITERAL("0"), FAILURES_WINDOW_MS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			the_sixth_try_in_a_minute_waits_for_the_minutes_end, setup, teardown),
		cmocka_unit_test_setup_teardown(names_are_counted_apart, setup, teardown),
		cmocka_unit_test_setup_teardown(guesses_in_flight_count, setup, teardown),
		cmocka_unit_test_setup_teardown(
			a_success_neither_counts_nor_clears, setup, teardown),
		cmocka_unit_test_setup_teardown(
			names_are_bounded_and_old_ones_make_room, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
