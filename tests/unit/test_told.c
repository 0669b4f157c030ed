/* told: which of auth's facts are in force, and which are on disk too. */
#include <string.h>

#include "router/told.h"
#include "tests/unit/test.h"

static struct told told;

static int setup(void **state)
{
	(void)state;
	memset(&told, 0, sizeof(told));
	return 0;
}

/* One that needs no mark, or one that does. */
static void take(uint64_t number, uint64_t after, bool with_mark)
{
	assert_int_equal(told_next(&told, number, after), TOLD_TAKE);
	told_take(&told, number);
	if (with_mark)
		told_marking(&told, number);
}

static void facts_follow_each_other_and_are_taken_once(void **state)
{
	(void)state;
	take(1, 0, false);
	take(2, 1, false);
	assert_int_equal(told_last(&told), 2);
	assert_int_equal(told_next(&told, 1, 0), TOLD_SKIP);
	assert_int_equal(told_next(&told, 2, 1), TOLD_SKIP);
	assert_int_equal(told_next(&told, 4, 3), TOLD_STOP); /* of wire 2: 3 is missing */
	take(3, 2, false);
}

static void holes_that_the_request_vouches_for_are_passed(void **state)
{
	(void)state;
	take(5, 0, false);
	take(9, 0, false);
	assert_int_equal(told_last(&told), 9);
	assert_int_equal(told_next(&told, 20, 10), TOLD_STOP); /* 10 may be something */
	take(20, 9, false);
	take(21, 2, false); /* all that hold after 2 are here */
}

static void what_is_not_on_disk_is_not_told(void **state)
{
	(void)state;
	take(1, 0, false);
	take(4, 0, true);
	take(5, 0, false);
	take(8, 0, true);
	assert_int_equal(told_last(&told), 3);
	assert_true(told_is_settled(&told, 3));
	assert_false(told_is_settled(&told, 4));
	told_marked(&told, 4, true);
	assert_int_equal(told_last(&told), 7);
	assert_true(told_is_settled(&told, 5));
	assert_false(told_is_settled(&told, 8));
	told_marked(&told, 8, true);
	assert_int_equal(told_last(&told), 8);
	assert_true(told_is_settled(&told, 100));
}

static void a_mark_that_was_not_kept_takes_back_what_follows(void **state)
{
	(void)state;
	take(1, 0, false);
	take(4, 0, true);
	take(5, 0, true);
	take(6, 0, true);
	told_marked(&told, 4, true);
	told_marked(&told, 5, false);
	assert_true(told_is_settled(&told, 6));
	assert_int_equal(told_last(&told), 4);
	take(5, 4, true); /* auth says them again */
	take(6, 4, true);
	told_marked(&told, 6, true); /* of the first time: the same is on disk */
	assert_int_equal(told_last(&told), 4);
	told_marked(&told, 5, true);
	told_marked(&told, 6, true);
	assert_int_equal(told_last(&told), 6);
}

static void one_that_could_not_be_carried_out_is_not_taken(void **state)
{
	(void)state;
	take(3, 0, true);
	assert_int_equal(told_next(&told, 7, 3), TOLD_TAKE);
	told_take(&told, 7);
	told_lost(&told, 7);
	told_marked(&told, 3, true);
	assert_int_equal(told_last(&told), 6); /* there is nothing between them */
	take(7, 6, false);
	/* a mark that finds no memory is lost while its fact is taken */
	told_take(&told, 8);
	told_marking(&told, 8);
	told_marked(&told, 8, false);
	assert_int_equal(told_last(&told), 7);
}

static void no_more_are_taken_than_can_wait(void **state)
{
	(void)state;
	for (uint64_t n = 1; n <= TOLD_WAITING_MAX; n++)
		take(n, n - 1, true);
	assert_int_equal(told_next(&told, TOLD_WAITING_MAX + 1, TOLD_WAITING_MAX), TOLD_STOP);
	told_marked(&told, 1, true);
	take(TOLD_WAITING_MAX + 1, TOLD_WAITING_MAX, true);
	assert_int_equal(told_last(&told), 1);
}

int main(void)
{
#define TEST(test) cmocka_unit_test_setup(test, setup)
	const struct CMUnitTest tests[] = {
		TEST(facts_follow_each_other_and_are_taken_once),
		TEST(holes_that_the_request_vouches_for_are_passed),
		TEST(what_is_not_on_disk_is_not_told),
		TEST(a_mark_that_was_not_kept_takes_back_what_follows),
		TEST(one_that_could_not_be_carried_out_is_not_taken),
		TEST(no_more_are_taken_than_can_wait),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
