/*
 * Marks in the SQLite store: what a start shows of them, and that nothing void becomes valid when
 * they are damaged, lost, or older than the disk is full.
 */
#include <errno.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/clock.h"
#include "tests/unit/store_rig.h"
#include "tests/unit/store_vfs.h"
#include "tests/unit/test.h"

#define BOOT 0xb007
#define NOW_MS 50000000

static struct store_vfs *disk;

static int setup(void **state)
{
	struct rig *r = malloc(sizeof(*r));

	disk = store_vfs_install();
	rig_init(r, "sqlite");
	r->config.boot = BOOT;
	r->config.boot_ms = NOW_MS;
	r->config.keep_acked_ms = 1000; /* chores are looked for every 100 ms */
	rig_open(r);
	*state = r;
	return 0;
}

static int teardown(void **state)
{
	disk = store_vfs_install();
	rig_fini(*state);
	free(*state);
	return 0;
}

/* What a load shows, as text, in order. */
struct shown {
	size_t n;
	int64_t void_until;
	char text[8192];
};

static int on_user(void *arg, const struct store_user *u)
{
	(void)arg;
	(void)u;
	return 0;
}

static int on_mark(void *arg, const struct mark *m)
{
	struct shown *s = arg;
	size_t at = strlen(s->text);

	s->n++;
	(void)snprintf(s->text + at, sizeof(s->text) - at, "%d %.*s %llu %lld %u %u/%u; ",
		(int)m->kind, SLICE_ARGS(m->uid), (unsigned long long)m->id, (long long)m->at_ms,
		m->code, m->edge_id, m->edge_epoch);
	return 0;
}

static int on_void(void *arg, int64_t until_ms)
{
	struct shown *s = arg;

	assert_int_equal(s->void_until, 0);
	s->void_until = until_ms;
	return 0;
}

static const struct store_visitor visitor = {
	.on_user = on_user, .on_mark = on_mark, .on_void = on_void};

/* Of the store that is open, or opened for it. */
static struct shown show(struct rig *r)
{
	struct shown s = {0};

	if (r->store != NULL)
		rig_close(r);
	if (rig_try(r) != STORE_OPENED)
		fail_msg("%s", r->why);
	assert_int_equal(store_load(r->store, &visitor, 0, &s), 0);
	rig_close(r);
	return s;
}

static void put(struct rig *r, struct mark m, uint64_t tag)
{
	assert_int_equal(store_mark(r->store, &m, tag), 0);
}

static struct mark of_user(const char *uid, int64_t at_ms)
{
	return (struct mark){.kind = MARK_USER, .uid = slice_of(uid), .at_ms = at_ms, .code = 4404};
}

static struct mark of_session(uint64_t id, int64_t at_ms)
{
	return (struct mark){.kind = MARK_SESSION,
		.id = id,
		.at_ms = at_ms,
		.code = 4009,
		.edge_id = 3,
		.edge_epoch = 7};
}

static void raw(struct rig *r, const char *sql)
{
	sqlite3 *db;
	char *why = NULL;

	assert_int_equal(sqlite3_open_v2(r->path, &db, SQLITE_OPEN_READWRITE, "unix"), SQLITE_OK);
	if (sqlite3_exec(db, sql, NULL, NULL, &why) != SQLITE_OK)
		fail_msg("%s: %s", sql, why);
	sqlite3_close(db);
}

static int rows(struct rig *r)
{
	sqlite3 *db;
	sqlite3_stmt *q = NULL;
	int n;

	assert_int_equal(sqlite3_open_v2(r->path, &db, SQLITE_OPEN_READWRITE, "unix"), SQLITE_OK);
	assert_int_equal(
		sqlite3_prepare_v2(db, "SELECT count(*) FROM marks", -1, &q, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_step(q), SQLITE_ROW);
	n = sqlite3_column_int(q, 0);
	sqlite3_finalize(q);
	sqlite3_close(db);
	return n;
}

static void every_kind_is_kept_over_a_start(void **state)
{
	struct rig *r = *state;
	struct mark token = {.kind = MARK_TOKEN,
		.uid = SLICE_LITERAL("bob"),
		.id = UINT64_MAX,
		.at_ms = NOW_MS - 2,
		.code = 4410};
	struct mark issuer = {.kind = MARK_ISSUER, .id = 5, .at_ms = NOW_MS - 1, .code = 4404};
	struct shown s;

	put(r, of_user("ann", NOW_MS - 3), 1);
	put(r, token, 2);
	put(r, issuer, 3);
	put(r, of_session(77, NOW_MS), 4);
	rig_settle(r);
	assert_int_equal(r->marked, 4);
	assert_int_equal(r->marked_tag, 4);
	s = show(r);
	assert_string_equal(s.text, "1 ann 0 49999997 4404 0/0; "
				    "2 bob 18446744073709551615 49999998 4410 0/0; "
				    "3  5 49999999 4404 0/0; "
				    "4  77 50000000 4009 3/7; ");
	assert_int_equal(s.void_until, 0);
}

static void a_later_one_of_the_same_subject_replaces_it(void **state)
{
	struct rig *r = *state;
	struct mark token = {.kind = MARK_TOKEN, .id = 77, .at_ms = NOW_MS, .code = 4404};

	put(r, of_user("ann", NOW_MS - 9), 0);
	put(r, of_session(77, NOW_MS - 9), 0);
	put(r, token, 0); /* the same id, of another kind */
	put(r, of_user("ann", NOW_MS), 0);
	put(r, of_user("anna", NOW_MS), 0);
	rig_settle(r);
	assert_int_equal(r->marked, 0); /* nobody asked */
	assert_string_equal(show(r).text,
		"4  77 49999991 4009 3/7; 2  77 50000000 4404 0/0; "
		"1 ann 0 50000000 4404 0/0; 1 anna 0 50000000 4404 0/0; ");
}

static void a_mark_of_another_boot_or_too_old_is_not_shown(void **state)
{
	struct rig *r = *state;

	put(r, of_user("old", NOW_MS - MARK_KEPT_MS - 10), 0);
	put(r, of_user("young", NOW_MS), 0);
	rig_settle(r);
	assert_int_equal(show(r).n, 1);
	r->config.boot_ms = NOW_MS + MARK_KEPT_MS - 10000;
	assert_int_equal(show(r).n, 1);
	r->config.boot_ms = NOW_MS + MARK_KEPT_MS + 10;
	assert_int_equal(show(r).n, 0);
	r->config.boot_ms = NOW_MS;
	assert_int_equal(show(r).n, 1);
	r->config.boot = BOOT + 1;
	assert_int_equal(show(r).n, 0);
}

static void old_marks_are_taken_away_while_it_runs(void **state)
{
	struct rig *r = *state;
	struct store_counts c = {0};

	for (unsigned i = 0; i < 1200; i++)
		put(r, of_session(i + 1, NOW_MS - MARK_KEPT_MS + 200), 0);
	put(r, of_session(5000, NOW_MS), 0);
	rig_settle(r);
	for (uint64_t began = uv_hrtime(); c.marks != 1; store_counts(r->store, &c))
		rig_turn(r, began);
	rig_close(r);
	assert_int_equal(rows(r), 1);
	r->config.boot++; /* and those of another boot */
	rig_open(r);
	c.marks = 1;
	for (uint64_t began = uv_hrtime(); c.marks != 0; store_counts(r->store, &c))
		rig_turn(r, began);
	rig_close(r);
	assert_int_equal(rows(r), 0);
}

static void a_full_disk_says_that_a_mark_is_not_durable_and_nothing_breaks(void **state)
{
	struct rig *r = *state;

	rig_send(r, "ann", "bob", 100);
	rig_settle(r);
	atomic_store(&disk->write, SQLITE_FULL);
	put(r, of_user("ann", NOW_MS), 9);
	put(r, of_session(1, NOW_MS), 0);
	for (uint64_t began = uv_hrtime(); r->unmarked == 0;)
		rig_turn(r, began);
	assert_int_equal(r->marked, 0);
	assert_int_equal(r->marked_tag, 9);
	assert_int_equal(r->failures, 0); /* of a generation */
	assert_false(r->is_broken);
	assert_int_equal(rig_read_all(r, "bob"), 1);
	atomic_store(&disk->write, 0);
	rig_settle(r); /* the one without a tag, by itself */
	assert_int_equal(r->unmarked, 1);
	rig_send(r, "ann", "bob", 100);
	put(r, of_user("ann", NOW_MS + 1), 10);
	rig_settle(r);
	assert_int_equal(r->marked, 1);
	assert_int_equal(r->stored, 2);
	assert_string_equal(show(r).text, "4  1 50000000 4009 3/7; 1 ann 0 50000001 4404 0/0; ");
}

static void a_broken_disk_breaks_the_store(void **state)
{
	struct rig *r = *state;

	atomic_store(&disk->sync, SQLITE_IOERR_FSYNC);
	put(r, of_user("ann", NOW_MS), 9);
	rig_wait(r, &r->is_broken);
	assert_int_equal(r->marked, 0);
}

static void a_damaged_mark_voids_everything_until_now(void **state)
{
	static const char *const damages[] = {
		"UPDATE marks SET row = zeroblob(length(row)) WHERE id = 2",
		"UPDATE marks SET id = 4000 WHERE id = 2",
		"UPDATE marks SET row = substr(row, 1, 60) WHERE id = 2",
		"UPDATE marks SET row = (SELECT row FROM marks WHERE id = 3) WHERE id = 2",
	};
	struct rig *r = *state;

	for (size_t i = 0; i < sizeof(damages) / sizeof(damages[0]); i++) {
		struct shown s;

		raw(r, "DELETE FROM marks");
		r->config.boot_ms = NOW_MS;
		rig_open(r);
		put(r, of_user("ann", NOW_MS), 0);
		put(r, of_user("bob", NOW_MS), 0);
		put(r, of_session(1, NOW_MS), 0);
		rig_close(r);
		raw(r, damages[i]);
		r->config.boot_ms = NOW_MS + 5000;
		s = show(r);
		assert_in_range(s.void_until, NOW_MS + 5000, NOW_MS + 6000);
		/* and as long as a mark lives */
		r->config.boot_ms = NOW_MS + 5000 + MARK_KEPT_MS - 1000;
		assert_int_equal(show(r).void_until, s.void_until);
		r->config.boot_ms = NOW_MS + 7000 + MARK_KEPT_MS;
		assert_int_equal(show(r).void_until, 0);
	}
}

static int first_setup(void **state)
{
	int r = setup(state);

	rig_close(*state);
	return r;
}

static void on_a_full_disk_a_damaged_mark_is_found_at_each_start(void **state)
{
	struct rig *r = *state;

	put(r, of_user("ann", NOW_MS), 0);
	rig_close(r);
	raw(r, "UPDATE marks SET row = zeroblob(90)");
	atomic_store(&disk->write, SQLITE_FULL);
	assert_in_range(show(r).void_until, NOW_MS, NOW_MS + 1000);
	r->config.boot_ms += 1000000;
	assert_in_range(show(r).void_until, NOW_MS + 1000000, NOW_MS + 1001000);
	atomic_store(&disk->write, 0);
	assert_in_range(show(r).void_until, NOW_MS + 1000000, NOW_MS + 1001000);
}

static void an_older_file_whose_loss_is_accepted_voids_everything(void **state)
{
	struct rig *r = *state;
	struct shown s;

	put(r, of_user("ann", NOW_MS), 0);
	rig_close(r);
	rig_copy(r, "copy");
	rig_open(r);
	put(r, of_user("bob", NOW_MS), 0);
	rig_settle(r);
	rig_close(r);
	rig_put_back(r, "copy");
	rig_remove(r, "-wal");
	assert_int_equal(rig_try(r), STORE_OPEN_REFUSED);
	r->config.accept_loss = true;
	s = show(r);
	assert_int_equal(s.n, 1);
	assert_in_range(s.void_until, NOW_MS, NOW_MS + 1000);
	r->config.accept_loss = false;
	assert_int_equal(show(r).void_until, s.void_until);
}

static void a_file_of_the_first_schema_is_brought_to_ours(void **state)
{
	struct rig *r = *state;

	rig_send_some(r, 300);
	rig_close(r);
	raw(r, "DROP TABLE marks; PRAGMA user_version=1");
	rig_open(r);
	assert_int_equal(rig_read_everything(r), rig_places(r));
	assert_int_equal(r->wrong, 0);
	put(r, of_user("ann", NOW_MS), 1);
	rig_send_some(r, 10);
	assert_int_equal(r->marked, 1);
	assert_int_equal(show(r).n, 1);
	rig_open(r);
	assert_int_equal(rig_read_everything(r), rig_places(r));
}

static void a_backup_keeps_the_marks(void **state)
{
	struct rig *r = *state;

	rig_send_some(r, 300);
	put(r, of_user("ann", NOW_MS), 0);
	rig_settle(r);
	assert_int_equal(store_backup(r->store), 0);
	rig_wait(r, &r->backup_done);
	rig_close(r);
	assert_int_equal(rename(r->backup, r->path), 0);
	rig_remove(r, "-wal");
	r->config.accept_loss = true;
	assert_string_equal(show(r).text, "1 ann 0 50000000 4404 0/0; ");
}

/* One bit of the pages of marks, which are the last of the file. */
static void flip(struct rig *r, unsigned seed)
{
	int fd = open(r->path, O_RDWR);
	off_t size = lseek(fd, 0, SEEK_END), at;
	unsigned char byte;

	at = (off_t)((uint64_t)random() % (uint64_t)size);
	assert_int_equal(pread(fd, &byte, 1, at), 1);
	byte ^= (unsigned char)(1u << (seed % 8));
	assert_int_equal(pwrite(fd, &byte, 1, at), 1);
	close(fd);
}

static void a_turned_bit_loses_no_mark_in_silence(void **state)
{
	struct rig *r = *state;
	size_t refused = 0, voided = 0, whole = 0;
	struct shown all;

	srandom(4711);
	for (unsigned i = 0; i < 100; i++)
		put(r, of_user(i % 2 == 0 ? "ann" : "a-longer-name-of-somebody", NOW_MS + i), 0);
	for (unsigned i = 0; i < 100; i++)
		put(r, of_session(i + 1, NOW_MS), 0);
	rig_close(r);
	all = show(r);
	assert_int_equal(all.n, 102);
	rig_copy(r, "copy");
	for (unsigned seed = 0; seed < 1500; seed++) {
		struct shown s = {0};

		rig_put_back(r, "copy");
		rig_restore(r, "copy", ".head");
		rig_remove(r, "-wal");
		flip(r, seed);
		if (rig_try(r) != STORE_OPENED) {
			r->store = NULL;
			refused++;
			continue;
		}
		if (store_load(r->store, &visitor, 0, &s) < 0)
			refused++;
		else if (s.void_until >= NOW_MS)
			voided++;
		else if (strcmp(s.text, all.text) == 0)
			whole++;
		else
			fail_msg("turn %u: marks were lost in silence", seed);
		rig_close(r);
	}
	print_message("%zu refused, %zu voided, %zu whole\n", refused, voided, whole);
	assert_true(voided > 100);
}

int main(void)
{
#define TEST(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(every_kind_is_kept_over_a_start),
		TEST(a_later_one_of_the_same_subject_replaces_it),
		TEST(a_mark_of_another_boot_or_too_old_is_not_shown),
		TEST(old_marks_are_taken_away_while_it_runs),
		TEST(a_full_disk_says_that_a_mark_is_not_durable_and_nothing_breaks),
		TEST(a_broken_disk_breaks_the_store),
		cmocka_unit_test_setup_teardown(
			a_damaged_mark_voids_everything_until_now, first_setup, teardown),
		TEST(on_a_full_disk_a_damaged_mark_is_found_at_each_start),
		TEST(an_older_file_whose_loss_is_accepted_voids_everything),
		TEST(a_file_of_the_first_schema_is_brought_to_ours),
		TEST(a_backup_keeps_the_marks),
		TEST(a_turned_bit_loses_no_mark_in_silence),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
