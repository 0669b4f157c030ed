/* How far the devices of a user have read. */
#include <stdio.h>
#include <stdlib.h>

#include "router/positions.h"
#include "test.h"

static struct user *make_user(struct users *us)
{
	assert_int_equal(users_init(us, 5), 0);
	return users_make(us, SLICE_LITERAL("1"));
}

static void a_position_goes_up_only_and_is_told_once_for_each_rise(void **state)
{
	struct positions ps = {0};
	struct users us;
	struct user *u = make_user(&us);
	struct position *p = positions_make(&ps, u, SLICE_LITERAL("d"));

	(void)state;
	assert_non_null(p);
	assert_null(ps.dirty_first);
	positions_raise(&ps, p, 5, 0);
	positions_raise(&ps, p, 7, 2);
	assert_ptr_equal(ps.dirty_first, p);
	assert_ptr_equal(ps.dirty_last, p);
	positions_told(&ps, p);
	assert_null(ps.dirty_first);
	positions_raise(&ps, p, 6, 1);
	assert_int_equal(p->u, 7);
	assert_int_equal(p->s, 2);
	assert_null(ps.dirty_first);
	positions_raise(&ps, p, 6, 3);
	assert_int_equal(p->u, 7);
	assert_int_equal(p->s, 3);
	assert_ptr_equal(ps.dirty_first, p);
	assert_ptr_equal(positions_find(u, SLICE_LITERAL("d")), p);
	assert_null(positions_find(u, SLICE_LITERAL("e")));
	positions_free(&ps, u);
	users_fini(&us);
}

static void when_it_was_seen_is_told_again_after_a_day(void **state)
{
	struct positions ps = {0};
	struct users us;
	struct user *u = make_user(&us);
	struct position *p = positions_make(&ps, u, SLICE_LITERAL("d"));
	int64_t day = 86400000;

	(void)state;
	assert_non_null(p);
	positions_seen(&ps, p, 100 * day);
	positions_told(&ps, p);
	positions_seen(&ps, p, 101 * day - 1);
	assert_null(ps.dirty_first);
	positions_seen(&ps, p, 101 * day);
	assert_ptr_equal(ps.dirty_first, p);
	positions_free(&ps, u);
	assert_null(ps.dirty_first);
	users_fini(&us);
}

static void the_device_seen_longest_ago_makes_room_when_the_store_knows_it(void **state)
{
	struct positions ps = {0};
	struct users us;
	struct user *u = make_user(&us);
	struct slice d7 = SLICE_LITERAL("d7");
	struct position *p;

	(void)state;
	for (int i = 0; i < DEVICES_PER_USER; i++) {
		char device[8];

		snprintf(device, sizeof(device), "d%d", i);
		p = positions_make(&ps, u, slice_of(device));
		assert_non_null(p);
		p->seen_ms = i == 7 ? 1 : 10 + i;
		p->told_ms = p->seen_ms;
		positions_raise(&ps, p, 1, 0);
	}
	/* nothing that was not told may get lost */
	p = positions_make(&ps, u, SLICE_LITERAL("new"));
	assert_ptr_equal(p, u->unnamed);
	while (ps.dirty_first != NULL)
		positions_told(&ps, ps.dirty_first);
	p = positions_make(&ps, u, SLICE_LITERAL("new"));
	assert_true(slice_is(position_device(p), "new"));
	assert_int_equal(u->n_positions, DEVICES_PER_USER);
	assert_null(positions_find(u, d7));
	positions_free(&ps, u);
	users_fini(&us);
}

static void connections_without_a_device_share_one_record_of_their_user(void **state)
{
	struct positions ps = {0};
	struct users us;
	struct user *u = make_user(&us);
	struct position *p = positions_make(&ps, u, SLICE_LITERAL("~0123456789abcdef"));
	uint64_t lowest;

	(void)state;
	assert_non_null(p);
	assert_int_equal(p->device_len, 0);
	assert_ptr_equal(positions_make(&ps, u, SLICE_LITERAL("~fedcba9876543210")), p);
	assert_int_equal(u->n_positions, 0);
	positions_raise(&ps, p, 3, 0);
	assert_false(positions_lowest(u, &lowest));
	positions_free(&ps, u);
	assert_null(ps.dirty_first);
	users_fini(&us);
}

static void the_lowest_is_of_those_that_can_still_go_on(void **state)
{
	static const char *const devices[] = {"a", "b", "c"};
	static const uint64_t at[] = {12, 9, 5};
	struct positions ps = {0};
	struct users us;
	struct user *u = make_user(&us);
	uint64_t lowest;

	(void)state;
	for (int i = 0; i < 3; i++) {
		struct position *p = positions_make(&ps, u, slice_of(devices[i]));

		assert_non_null(p);
		positions_raise(&ps, p, at[i], 0);
	}
	assert_true(positions_lowest(u, &lowest));
	assert_int_equal(lowest, 5);
	u->numbers.floor = 7; /* 6 is gone, and with it what c would read next */
	assert_true(positions_lowest(u, &lowest));
	assert_int_equal(lowest, 9);
	u->numbers.floor = 14;
	assert_false(positions_lowest(u, &lowest));
	positions_free(&ps, u);
	users_fini(&us);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_position_goes_up_only_and_is_told_once_for_each_rise),
		cmocka_unit_test(when_it_was_seen_is_told_again_after_a_day),
		cmocka_unit_test(the_device_seen_longest_ago_makes_room_when_the_store_knows_it),
		cmocka_unit_test(connections_without_a_device_share_one_record_of_their_user),
		cmocka_unit_test(the_lowest_is_of_those_that_can_still_go_on),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
