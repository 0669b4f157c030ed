/*
 * What the SQLite store keeps: over a start, over clocks that jump, over trimming, full disks and
 * new epochs.
 */
#include <errno.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "router/store_backend.h"
#include "router/store_mac.h"
#include "router/store_record.h"
#include "tests/unit/store_rig.h"
#include "tests/unit/test.h"

/* What a load shows. */
struct loaded {
	struct rig *rig;
	size_t users;
	size_t devices;
	size_t contacts;
	size_t recent;
	uint64_t last_seen;
	uint64_t floor;
	struct message_place head;
	struct message_place acked;
	uint64_t acked_system;
	char name[16]; /* whose */
};

static int on_user(void *arg, const struct store_user *u)
{
	struct loaded *l = arg;

	l->users++;
	if (slice_is(u->uid, l->name)) {
		l->head = u->head;
		l->acked = u->acked;
		l->acked_system = u->acked_system;
		l->floor = u->floor;
	}
	return 0;
}

static int on_device(void *arg, const struct store_device *d)
{
	struct loaded *l = arg;

	assert_true((uint64_t)d->seen_ms >= l->last_seen);
	l->last_seen = (uint64_t)d->seen_ms;
	l->devices++;
	return 0;
}

static int on_contact(void *arg, const struct store_contact *c)
{
	struct loaded *l = arg;

	assert_int_equal(c->last_ms, 1234);
	assert_true(slice_is(c->a, "ann") && slice_is(c->b, "bob"));
	l->contacts++;
	return 0;
}

static int on_recent(void *arg, const struct message *m)
{
	struct loaded *l = arg;

	assert_true(m->mid.len > 4);
	l->recent++;
	return 0;
}

static const struct store_visitor visitor = {
	.on_user = on_user,
	.on_device = on_device,
	.on_contact = on_contact,
	.on_recent = on_recent,
};

static struct loaded load(struct rig *r, const char *name, int64_t wall_ms)
{
	struct loaded l = {.rig = r};

	(void)snprintf(l.name, sizeof(l.name), "%s", name);
	assert_int_equal(rig_try(r), STORE_OPENED);
	assert_int_equal(store_load(r->store, &visitor, wall_ms, &l), 0);
	rig_close(r);
	return l;
}

static void a_load_shows_what_was_kept(void **state)
{
	struct rig *r = *state;
	struct store_contact c = {SLICE_LITERAL("ann"), SLICE_LITERAL("bob"), 1234};
	struct store_device d = {SLICE_LITERAL("bob"), SLICE_LITERAL("phone"), 4, 7, 50};
	struct loaded l;

	for (int i = 0; i < 10; i++)
		rig_send(r, "ann", "bob", 100);
	rig_settle(r);
	assert_int_equal(store_user(r->store, SLICE_LITERAL("zoe"), 42), 0);
	assert_int_equal(store_contact(r->store, &c), 0);
	assert_int_equal(store_position(r->store, &d), 0);
	d.device = SLICE_LITERAL("tablet");
	d.u = 2;
	d.seen_ms = 40;
	assert_int_equal(store_position(r->store, &d), 0);
	d.device = SLICE_LITERAL("");
	d.u = 6;
	assert_int_equal(store_position(r->store, &d), 0);
	rig_close(r);
	l = load(r, "bob", r->ts_ms);
	assert_int_equal(l.users, 3);
	assert_int_equal(l.devices, 2);
	assert_int_equal(l.contacts, 1);
	assert_int_equal(l.recent, 10);
	assert_int_equal(l.head.seq, 10);
	assert_int_equal(l.head.bytes, 1000);
	assert_int_equal(l.acked.seq, 6);
	assert_int_equal(l.acked.rows, 6);
	assert_int_equal(l.acked.bytes, 600);
	assert_int_equal(l.acked_system, 7);
	assert_int_equal(l.floor, 1);
	l = load(r, "zoe", r->ts_ms + STORE_RECENT_MS - 5);
	assert_int_equal(l.recent, 5);
	assert_int_equal(l.acked_system, 42);
	assert_int_equal(l.head.seq, 0);
}

static void recent_messages_are_found_over_a_clock_that_jumps(void **state)
{
	struct rig *r = *state;

	for (int i = 0; i < 100; i++)
		rig_send(r, "ann", "bob", 1);
	r->ts_ms += 3600000;
	for (int i = 0; i < 100; i++)
		rig_send(r, "ann", "bob", 1);
	r->ts_ms -= 3600000;
	for (int i = 0; i < 100; i++)
		rig_send(r, "ann", "bob", 1);
	rig_close(r);
	assert_true(load(r, "bob", r->ts_ms).recent >= 200);
	assert_true(load(r, "bob", r->ts_ms + STORE_RECENT_MS - 50).recent >= 50);
	assert_int_equal(load(r, "bob", r->ts_ms + 3600000 + STORE_RECENT_MS).recent, 0);
}

static void a_clock_that_was_put_forward_makes_nothing_less_recent(void **state)
{
	struct rig *r = *state;

	for (int i = 0; i < 100; i++)
		rig_send(r, "ann", "bob", 1);
	rig_close(r);
	assert_int_equal(load(r, "bob", r->ts_ms + 3600000).recent, 100);
}

static void a_message_of_a_wrong_clock_hides_no_old_one(void **state)
{
	struct rig *r = *state;
	struct rig_user *bob = &r->users[rig_user(r, "bob")];
	int64_t before_ms = r->ts_ms;

	rig_close(r);
	r->config.keep_acked_ms = 1000;
	rig_open(r);
	r->ts_ms = 4000000000000; /* for a moment */
	rig_send(r, "ann", "bob", 10);
	r->ts_ms = before_ms;
	for (int i = 0; i < 5; i++)
		rig_send(r, "ann", "bob", 10);
	for (uint64_t began = uv_hrtime(); bob->old < 6;)
		rig_turn(r, began);
}

static void append_one(struct store_backend *b, uint64_t seq)
{
	char bytes[256 + STORE_MAC_BYTES];
	struct message m = {.kind = MESSAGE_PUSH,
		.to = SLICE_LITERAL("bob"),
		.device = SLICE_LITERAL("routerctl"),
		.mid = SLICE_LITERAL("m"),
		.event = SLICE_LITERAL("e"),
		.body = SLICE_LITERAL("{}"),
		.at_to = {seq, seq, 2 * seq}};
	struct store_record record = {.bytes = bytes, .len = store_record_size(&m), .message = m};

	store_record_encode(&m, bytes);
	assert_int_equal(b->ops->append(b, &record), 0);
}

static void trim_bob(struct store_backend *b, uint64_t seq)
{
	struct message_place place;

	assert_int_equal(b->ops->begin(b), 0);
	assert_int_equal(b->ops->trim(b, SLICE_LITERAL("bob"), seq, &place), 0);
	assert_int_equal(b->ops->commit(b), 0);
}

static void tidy_all(struct store_backend *b)
{
	for (int i = 0; i < 10 && b->ops->has_untidy(b); i++) {
		assert_int_equal(b->ops->begin(b), 0);
		assert_int_equal(b->ops->tidy(b, 500), 0);
		assert_int_equal(b->ops->commit(b), 0);
	}
	assert_false(b->ops->has_untidy(b));
}

static void what_a_full_disk_keeps_from_being_taken_away_is_taken_later(void **state)
{
	struct rig *r = *state;
	struct store_backend *b = NULL;

	rig_close(r);
	assert_int_equal(store_sqlite_open(&b, r->path, &r->config, r->why), STORE_OPENED);
	assert_int_equal(b->ops->begin(b), 0);
	for (uint64_t seq = 1; seq <= 10; seq++)
		append_one(b, seq);
	assert_int_equal(b->ops->commit(b), 0);
	trim_bob(b, 5);
	tidy_all(b);
	trim_bob(b, 10);
	assert_true(b->ops->has_untidy(b));
	assert_int_equal(b->ops->begin(b), 0);
	assert_int_equal(b->ops->tidy(b, 500), 0);
	b->ops->rollback(b);
	assert_true(b->ops->has_untidy(b));
	tidy_all(b);
	b->ops->close(b);
}

static void heads_outlive_everything_being_trimmed(void **state)
{
	struct rig *r = *state;
	struct store_counts c = {0};
	struct loaded l;
	sqlite3 *db;
	sqlite3_stmt *q;

	for (int i = 0; i < 3000; i++)
		rig_send(r, "ann", "bob", 10);
	rig_settle(r);
	assert_int_equal(store_trim(r->store, SLICE_LITERAL("bob"), 3000), 0);
	assert_int_equal(store_trim(r->store, SLICE_LITERAL("ann"), 3000), 0);
	rig_settle(r);
	for (uint64_t began = uv_hrtime(); c.trimmed < 6000; store_counts(r->store, &c))
		rig_turn(r, began);
	rig_close(r);
	l = load(r, "bob", r->ts_ms);
	assert_int_equal(l.head.seq, 3000);
	assert_int_equal(l.head.bytes, 30000);
	assert_int_equal(l.floor, 3001);
	assert_int_equal(l.acked.seq, 3000);
	assert_int_equal(load(r, "ann", r->ts_ms).head.seq, 3000);
	assert_int_equal(sqlite3_open(r->path, &db), SQLITE_OK);
	assert_int_equal(sqlite3_prepare_v2(db,
				 "SELECT (SELECT count(*) FROM messages) + (SELECT count(*) FROM"
				 " stream)",
				 -1, &q, NULL),
		SQLITE_OK);
	assert_int_equal(sqlite3_step(q), SQLITE_ROW);
	assert_int_equal(sqlite3_column_int(q, 0), 0);
	sqlite3_finalize(q);
	sqlite3_close(db);
	rig_open(r);
	rig_send(r, "ann", "bob", 10);
	rig_settle(r);
	rig_read(r, "bob", 3000, 10);
	assert_int_equal(r->n, 1);
	assert_int_equal(r->wrong, 0);
}

static void a_message_stays_until_both_streams_let_it_go(void **state)
{
	struct rig *r = *state;

	for (int i = 0; i < 100; i++)
		rig_send(r, "ann", "bob", 10);
	rig_settle(r);
	assert_int_equal(store_trim(r->store, SLICE_LITERAL("bob"), 100), 0);
	rig_close(r); /* with the trim under way or done */
	rig_open(r);
	assert_int_equal(rig_read_all(r, "ann"), 100);
	assert_int_equal(rig_read_all(r, "bob"), 0);
	assert_int_equal(store_trim(r->store, SLICE_LITERAL("ann"), 40), 0);
	rig_settle(r);
	assert_int_equal(rig_read_all(r, "ann"), 60);
	assert_int_equal(r->wrong, 0);
}

static void lost_numbers_begin_a_new_epoch_in_which_nobody_has_them(void **state)
{
	struct rig *r = *state;
	struct store_device d = {SLICE_LITERAL("bob"), SLICE_LITERAL("phone"), 10, 0, 50};
	char before[EPOCH_BYTES + 1], after[EPOCH_BYTES + 1];
	struct loaded l;
	sqlite3 *db;

	for (int i = 0; i < 10; i++)
		rig_send(r, "ann", "bob", 100);
	assert_int_equal(store_position(r->store, &d), 0);
	rig_settle(r);
	(void)rig_epoch(r, before);
	rig_close(r);
	assert_int_equal(sqlite3_open(r->path, &db), SQLITE_OK);
	assert_int_equal(
		sqlite3_exec(db, "DELETE FROM messages WHERE id > 8", NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(db);
	l = load(r, "bob", r->ts_ms);
	assert_string_not_equal(before, rig_epoch_of_file(r, after));
	assert_int_equal(l.head.seq, 8);
	assert_int_equal(l.acked.seq, 8);
	assert_int_equal(l.acked.rows, 8);
	assert_int_equal(l.devices, 0);
	l = load(r, "bob", r->ts_ms); /* once and for all */
	assert_string_equal(after, rig_epoch_of_file(r, before));
	assert_int_equal(l.acked.seq, 8);
	for (size_t i = 0; i < 2; i++)
		r->users[i].head.seq = r->users[i].stored.seq = 8;
	r->users[rig_user(r, "bob")].head.rows = 8;
	r->users[rig_user(r, "bob")].head.bytes = 800;
	rig_open(r);
	rig_send(r, "ann", "bob", 100);
	rig_settle(r);
	assert_int_equal(rig_read_all(r, "bob"), 9);
	assert_int_equal(r->wrong, 0);
}

static void devices_beyond_the_bound_are_forgotten(void **state)
{
	struct rig *r = *state;
	struct loaded l;
	char name[16];

	for (int i = 0; i < DEVICES_PER_USER + 10; i++) {
		struct store_device d = {.uid = SLICE_LITERAL("bob"), .seen_ms = 100 + i};

		d.device =
			(struct slice){name, (size_t)snprintf(name, sizeof(name), "device%d", i)};
		assert_int_equal(store_position(r->store, &d), 0);
	}
	rig_close(r);
	l = load(r, "bob", 0);
	assert_int_equal(l.devices, DEVICES_PER_USER);
	assert_int_equal(l.last_seen, 100 + DEVICES_PER_USER + 9);
}

static void a_backup_made_under_load_is_a_whole_store(void **state)
{
	struct rig *r = *state;
	uint64_t before;

	rig_send_some(r, 5000);
	before = r->users[rig_user(r, "bob")].head.seq;
	assert_int_equal(store_backup(r->store), 0);
	assert_int_equal(store_backup(r->store), -EBUSY);
	while (!r->backup_done)
		rig_send_some(r, 20);
	assert_true(strlen(r->backup) > strlen(r->path));
	rig_close(r);
	assert_int_equal(rename(r->backup, r->path), 0);
	rig_remove(r, "-wal");
	r->config.accept_loss = true;
	rig_open(r);
	assert_true(rig_read_all(r, "bob") >= before);
	assert_int_equal(r->wrong, 0);
}

int main(void)
{
#define TEST(test) cmocka_unit_test_setup_teardown(test, rig_setup_sqlite, rig_teardown)
	const struct CMUnitTest tests[] = {
		TEST(a_load_shows_what_was_kept),
		TEST(recent_messages_are_found_over_a_clock_that_jumps),
		TEST(a_clock_that_was_put_forward_makes_nothing_less_recent),
		TEST(a_message_of_a_wrong_clock_hides_no_old_one),
		TEST(what_a_full_disk_keeps_from_being_taken_away_is_taken_later),
		TEST(heads_outlive_everything_being_trimmed),
		TEST(a_message_stays_until_both_streams_let_it_go),
		TEST(lost_numbers_begin_a_new_epoch_in_which_nobody_has_them),
		TEST(devices_beyond_the_bound_are_forgotten),
		TEST(a_backup_made_under_load_is_a_whole_store),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
