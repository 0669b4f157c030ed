/*
 * The contract of router/store.h, once for each kind of store.
 */
#include <stdio.h>
#include <stdlib.h>

#include "tests/unit/store_rig.h"
#include "tests/unit/test.h"

static int memory_setup(void **state)
{
	struct rig *r = malloc(sizeof(*r));

	rig_init(r, "memory");
	rig_open(r);
	*state = r;
	return 0;
}

static int small_setup(void **state)
{
	struct rig *r = malloc(sizeof(*r));

	rig_init(r, "memory:10000");
	rig_open(r);
	*state = r;
	return 0;
}

static int on_void(void *arg, int64_t until_ms)
{
	int64_t *seen = arg;

	assert_int_equal(*seen, 0);
	*seen = until_ms;
	return 0;
}

static void what_a_memory_before_knew_to_be_void_is_lost(void **state)
{
	static const struct store_visitor visitor = {.on_void = on_void}, blind = {0};
	const struct store_config config = {.url = "memory", .boot = 1, .boot_ms = 4711};
	char why[STORE_WHY_BYTES];
	struct store *store;
	int64_t seen = 0;

	(void)state;
	assert_int_equal(store_open(&store, &config, why), STORE_OPENED);
	assert_int_equal(store_load(store, &blind, 0, &seen), 0);
	assert_int_equal(store_load(store, &visitor, 0, &seen), 0);
	assert_int_equal(seen, 4711);
	store_free(store);
}

/* Of SQLite's: test_store_faults.c. */
static void a_full_memory_fails_the_generation_once_and_reads_go_on(void **state)
{
	struct rig *r = *state;

	for (int i = 0; i < 10; i++)
		rig_send(r, "ann", "bob", 100);
	rig_settle(r);
	for (int i = 0; i < 100; i++)
		rig_send(r, "ann", "bob", 2000);
	rig_settle(r);
	rig_send(r, "ann", "bob", 1); /* it would fit, but is of that generation */
	rig_settle(r);
	assert_int_equal(r->failures, 1);
	assert_int_equal(r->failed, 1);
	assert_int_equal(rig_read_all(r, "bob"), r->users[rig_user(r, "bob")].stored.seq);
	rig_fall_back(r);
	assert_int_equal(
		store_trim(r->store, SLICE_LITERAL("bob"), r->users[rig_user(r, "bob")].head.seq),
		0);
	assert_int_equal(
		store_trim(r->store, SLICE_LITERAL("ann"), r->users[rig_user(r, "ann")].head.seq),
		0);
	rig_send(r, "ann", "bob", 2000);
	rig_settle(r);
	assert_int_equal(r->failures, 1);
	assert_int_equal(rig_read_all(r, "bob"), 1);
	assert_int_equal(r->wrong, 0);
}

static void what_was_submitted_is_read_in_both_streams(void **state)
{
	struct rig *r = *state;

	rig_send(r, "ann", "bob", 10);
	rig_send(r, "bob", "ann", 0);
	rig_send(r, NULL, "ann", 300);
	rig_send(r, "ann", "ann", 20);
	rig_send(r, NULL, "", 40);
	rig_settle(r);
	assert_int_equal(r->stored, 5);
	assert_int_equal(rig_read_all(r, "ann"), 4);
	assert_int_equal(rig_read_all(r, "bob"), 2);
	assert_int_equal(rig_read_all(r, ""), 1);
	assert_int_equal(r->wrong, 0);
}

static void an_unknown_stream_is_empty(void **state)
{
	struct rig *r = *state;

	rig_read(r, "nobody", 0, 10);
	assert_int_equal(r->n, 0);
	assert_int_equal(r->floor, 1);
}

static void a_read_sees_every_append_before_it(void **state)
{
	struct rig *r = *state;

	for (uint64_t i = 1; i <= 50; i++) {
		rig_send(r, "ann", "bob", 8);
		rig_read(r, "bob", i - 1, 10);
		assert_true(r->n >= 1);
		assert_true(r->stored >= i);
	}
	assert_int_equal(r->wrong, 0);
}

static void a_page_ends_at_its_rows_or_bytes(void **state)
{
	struct rig *r = *state;
	struct store_read read = {.tag = 1, .uid = SLICE_LITERAL("bob"), .max_rows = 100};
	size_t pages = r->pages;

	for (int i = 0; i < 20; i++)
		rig_send(r, "ann", "bob", 100);
	rig_read(r, "bob", 3, 5);
	assert_int_equal(r->n, 5);
	assert_int_equal(r->last, 8);
	rig_read(r, "bob", 18, 5);
	assert_int_equal(r->n, 2);
	rig_read(r, "bob", 20, 5);
	assert_int_equal(r->n, 0);
	rig_read(r, "bob", 4000, 5);
	assert_int_equal(r->n, 0);
	pages = r->pages;
	read.max_bytes = 250;
	assert_int_equal(store_read(r->store, &read), 0);
	rig_settle(r);
	assert_int_equal(r->pages, pages + 1);
	assert_int_equal(r->n, 3);
	read.max_bytes = 1;
	assert_int_equal(store_read(r->store, &read), 0);
	rig_settle(r);
	assert_int_equal(r->n, 1);
}

static void the_largest_bodies_fit(void **state)
{
	struct rig *r = *state;

	for (int i = 0; i < 5; i++)
		rig_send(r, i % 2 == 0 ? "ann" : NULL, "bob", PUSH_MAX_BYTES);
	rig_settle(r);
	assert_int_equal(rig_read_all(r, "bob"), 5);
	assert_int_equal(r->wrong, 0);
}

static void many_batches_keep_their_order(void **state)
{
	struct rig *r = *state;
	char from[16], to[16];

	for (unsigned i = 0; i < 5000; i++) {
		(void)snprintf(from, sizeof(from), "u%u", i * 7 % 10);
		(void)snprintf(to, sizeof(to), "u%u", i * 13 % 9);
		rig_send(r, from, to, i % 200);
		if (i % 1000 == 0)
			rig_settle(r);
	}
	rig_settle(r);
	assert_int_equal(r->stored, 5000);
	for (unsigned i = 0; i < 10; i++) {
		(void)snprintf(to, sizeof(to), "u%u", i);
		assert_int_equal(rig_read_all(r, to), r->users[rig_user(r, to)].head.seq);
	}
	assert_int_equal(r->wrong, 0);
}

static void position_set(struct rig *r, const char *name, const char *device, uint64_t u)
{
	struct store_device d = {slice_of(name), slice_of(device), u, 0, 1700000000000};

	assert_int_equal(store_position(r->store, &d), 0);
	rig_settle(r);
}

static void a_position_is_answered_with_its_place(void **state)
{
	struct rig *r = *state;
	struct rig_user *bob = &r->users[rig_user(r, "bob")];

	for (int i = 0; i < 10; i++)
		rig_send(r, i % 2 == 0 ? "ann" : "bob", i % 2 == 0 ? "bob" : "ann", 100);
	position_set(r, "bob", "phone", 5);
	assert_int_equal(bob->acked, 5);
	assert_int_equal(bob->acked_rows, 3);
	assert_int_equal(bob->acked_bytes, 300);
	position_set(r, "bob", "tablet", 10);
	assert_int_equal(bob->acked, 10);
	assert_int_equal(bob->acked_rows, 5);
	position_set(r, "bob", "phone", 6);
	assert_int_equal(bob->acked, 6);
	assert_int_equal(bob->acked_rows, 3);
	bob->acked = 99;
	position_set(r, "bob", "phone", 0);
	assert_int_equal(bob->acked, 99);
}

static void trimming_moves_the_floor_and_keeps_the_head(void **state)
{
	struct rig *r = *state;
	struct rig_user *bob = &r->users[rig_user(r, "bob")];

	for (int i = 0; i < 30; i++)
		rig_send(r, "ann", "bob", 10);
	rig_settle(r);
	assert_int_equal(store_trim(r->store, SLICE_LITERAL("bob"), 12), 0);
	rig_settle(r);
	assert_int_equal(bob->acked, 12); /* what is gone waits for nobody */
	assert_int_equal(bob->acked_bytes, 120);
	rig_read(r, "bob", 3, 5);
	assert_int_equal(r->floor, 13);
	assert_int_equal(r->n, 0);
	assert_int_equal(rig_read_all(r, "bob"), 18);
	assert_int_equal(rig_read_all(r, "ann"), 30);
	assert_int_equal(store_trim(r->store, SLICE_LITERAL("bob"), 4000), 0);
	rig_settle(r);
	assert_int_equal(rig_read_all(r, "bob"), 0);
	assert_int_equal(r->floor, 31);
	rig_send(r, "ann", "bob", 10);
	rig_settle(r);
	assert_int_equal(rig_read_all(r, "bob"), 1);
	assert_int_equal(r->last, 31);
	assert_int_equal(r->wrong, 0);
}

static void old_messages_are_offered(void **state)
{
	struct rig *r = *state;
	struct rig_user *bob = &r->users[rig_user(r, "bob")];
	struct rig_user *ann = &r->users[rig_user(r, "ann")];

	rig_close(r);
	r->config.keep_acked_ms = 1000;
	rig_open(r);
	for (int i = 0; i < 5; i++)
		rig_send(r, "ann", "bob", 10);
	r->ts_ms = 4000000000000; /* not old for a long time */
	rig_send(r, "ann", "bob", 10);
	for (uint64_t began = uv_hrtime(); bob->old < 5 || ann->old < 5;)
		rig_turn(r, began);
	assert_int_equal(bob->old, 5);
	assert_int_equal(ann->old, 5);
}

static void nothing_goes_on_after_stop_and_all_was_carried_out(void **state)
{
	struct rig *r = *state;

	for (int i = 0; i < 3000; i++)
		rig_send(r, "ann", "bob", 10);
	rig_close(r);
	assert_true(r->stored <= 3000);
	if (r->path[0] == '\0')
		return;
	rig_open(r);
	assert_int_equal(rig_read_all(r, "bob"), 3000);
	assert_int_equal(r->wrong, 0);
}

static void a_mark_is_durable_when_it_is_said(void **state)
{
	struct rig *r = *state;
	struct mark m = {.kind = MARK_USER, .uid = SLICE_LITERAL("ann"), .at_ms = 5, .code = 4404};

	assert_int_equal(store_mark(r->store, &m, 0), 0); /* nobody waits */
	rig_send(r, "ann", "bob", 10);
	for (uint64_t tag = 1; tag <= 20; tag++) {
		m.kind = tag % 2 == 0 ? MARK_SESSION : MARK_USER;
		m.id = tag;
		assert_int_equal(store_mark(r->store, &m, tag), 0);
		rig_send(r, "ann", "bob", 10);
	}
	rig_settle(r);
	assert_int_equal(r->marked, 20);
	assert_int_equal(r->unmarked, 0);
	assert_int_equal(r->marked_tag, 20); /* in the order of submission */
	assert_int_equal(r->stored, 21);
}

static void counts_say_what_waits(void **state)
{
	struct rig *r = *state;
	struct store_counts c;

	for (int i = 0; i < 100; i++)
		rig_send(r, "ann", "bob", 10);
	rig_settle(r);
	rig_read(r, "bob", 0, 5);
	store_counts(r->store, &c);
	assert_int_equal(c.rows, 100);
	assert_int_equal(c.pending_rows, 0);
	assert_int_equal(c.pending_bytes, 0);
	assert_true(c.commits >= 1);
	assert_int_equal(c.reads, 1);
	assert_int_equal(c.damaged, 0);
}

/* What both do; the two lists differ in the store alone. */
#define BOTH(test)                                                                                 \
	{#test " (memory)", test, memory_setup, rig_teardown, NULL},                               \
	{                                                                                          \
#test " (sqlite)", test, rig_setup_sqlite, rig_teardown, NULL                      \
	}

int main(void)
{
	const struct CMUnitTest tests[] = {
		BOTH(what_was_submitted_is_read_in_both_streams),
		BOTH(an_unknown_stream_is_empty),
		BOTH(a_read_sees_every_append_before_it),
		BOTH(a_page_ends_at_its_rows_or_bytes),
		BOTH(the_largest_bodies_fit),
		BOTH(many_batches_keep_their_order),
		BOTH(a_position_is_answered_with_its_place),
		BOTH(trimming_moves_the_floor_and_keeps_the_head),
		BOTH(old_messages_are_offered),
		BOTH(a_mark_is_durable_when_it_is_said),
		BOTH(nothing_goes_on_after_stop_and_all_was_carried_out),
		BOTH(counts_say_what_waits),
		cmocka_unit_test(what_a_memory_before_knew_to_be_void_is_lost),
		cmocka_unit_test_setup_teardown(
			a_full_memory_fails_the_generation_once_and_reads_go_on, small_setup,
			rig_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
