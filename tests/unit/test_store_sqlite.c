/*
 * What the SQLite store finds when it is opened: after a crash, beside files that do not belong
 * together, and with bits turned over.
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

static int setup(void **state)
{
	struct rig *r = malloc(sizeof(*r));

	rig_init(r, "sqlite");
	rig_open(r);
	*state = r;
	return 0;
}

static int teardown(void **state)
{
	rig_fini(*state);
	free(*state);
	return 0;
}

static void send_some(struct rig *r, int n)
{
	static const char *const names[] = {"ann", "bob", "cid", "dan"};

	for (int i = 0; i < n; i++)
		rig_send(r, names[i * 3 % 4], names[i * 7 % 3], (size_t)(i * 37 % 300));
	rig_settle(r);
}

/* Every stream, and how many rows of them were right. */
static size_t read_everything(struct rig *r)
{
	size_t right = 0;

	for (size_t i = 0; i < r->n_users; i++)
		right += rig_read_all(r, r->users[i].name);
	return right;
}

static size_t places(const struct rig *r)
{
	size_t n = 0;

	for (size_t i = 0; i < r->n_users; i++)
		n += (size_t)r->users[i].head.seq;
	return n;
}

static void refused(struct rig *r, const char *word)
{
	assert_int_equal(rig_try(r), STORE_OPEN_REFUSED);
	r->store = NULL;
	if (strstr(r->why, word) == NULL)
		fail_msg("\"%s\" is not in \"%s\"", word, r->why);
}

/* Puts all files of a copy in place of the closed store's. */
static void put_back(struct rig *r, const char *name)
{
	rig_restore(r, name, "");
	rig_restore(r, name, "-wal");
	if (access(r->path, F_OK) != 0)
		fail_msg("no copy");
}

static char *epoch_of(struct rig *r, char out[EPOCH_BYTES + 1])
{
	memcpy(out, store_epoch(r->store).data, EPOCH_BYTES);
	out[EPOCH_BYTES] = '\0';
	return out;
}

/* As the sealed head has it. */
static char *epoch_of_file(const struct rig *r, char out[EPOCH_BYTES + 1])
{
	char path[160];
	int fd;

	(void)snprintf(path, sizeof(path), "%s.head", r->path);
	fd = open(path, O_RDONLY);
	assert_int_equal(pread(fd, out, EPOCH_BYTES, 8), EPOCH_BYTES);
	out[EPOCH_BYTES] = '\0';
	close(fd);
	return out;
}

static void what_was_acknowledged_is_there_after_a_kill(void **state)
{
	struct rig *r = *state;
	char before[EPOCH_BYTES + 1], after[EPOCH_BYTES + 1];

	send_some(r, 500);
	(void)epoch_of(r, before);
	rig_copy(r, "copy"); /* as a kill leaves the files: WAL and all */
	rig_close(r);
	put_back(r, "copy");
	rig_restore(r, "copy", ".head");
	rig_open(r);
	assert_string_equal(before, epoch_of(r, after));
	assert_int_equal(read_everything(r), places(r));
	send_some(r, 100);
	assert_int_equal(read_everything(r), places(r));
	assert_int_equal(r->wrong, 0);
}

static void files_are_for_their_owner_alone(void **state)
{
	struct rig *r = *state;
	static const char *const suffixes[] = {"", "-wal", ".head", ".key", ".lock"};
	char path[160];
	struct stat st;

	send_some(r, 1);
	for (size_t i = 0; i < 5; i++) {
		(void)snprintf(path, sizeof(path), "%s%s", r->path, suffixes[i]);
		assert_int_equal(stat(path, &st), 0);
		assert_int_equal(st.st_mode & 0777, 0600);
	}
	rig_close(r);
	(void)snprintf(path, sizeof(path), "%s.key", r->path);
	assert_int_equal(chmod(path, 0640), 0);
	refused(r, "others may read");
}

static void an_older_file_put_back_is_refused_unless_the_loss_is_accepted(void **state)
{
	struct rig *r = *state;
	char before[EPOCH_BYTES + 1], after[EPOCH_BYTES + 1];

	send_some(r, 100);
	(void)epoch_of(r, before);
	rig_copy(r, "copy");
	send_some(r, 100);
	rig_close(r);
	put_back(r, "copy");
	refused(r, "--accept-loss");
	refused(r, "older");
	r->config.accept_loss = true;
	rig_open(r);
	assert_string_not_equal(before, epoch_of(r, after));
	rig_close(r);
	r->config.accept_loss = false;
	rig_open(r); /* accepted once and for all */
	(void)epoch_of(r, before);
	assert_string_equal(before, after);
}

static void a_truncated_wal_is_refused(void **state)
{
	struct rig *r = *state;
	char path[160];
	struct stat st;

	send_some(r, 100);
	send_some(r, 100);
	rig_copy(r, "copy");
	rig_close(r);
	put_back(r, "copy");
	rig_restore(r, "copy", ".head");
	(void)snprintf(path, sizeof(path), "%s-wal", r->path);
	assert_int_equal(stat(path, &st), 0);
	assert_true(st.st_size > 8192);
	assert_int_equal(truncate(path, st.st_size - 5000), 0);
	refused(r, "older");
}

static void a_lost_wal_is_refused(void **state)
{
	struct rig *r = *state;

	send_some(r, 100);
	rig_copy(r, "copy");
	rig_close(r);
	put_back(r, "copy");
	rig_restore(r, "copy", ".head");
	rig_remove(r, "-wal");
	refused(r, "--accept-loss");
}

static void a_new_store_beside_an_old_head_is_refused(void **state)
{
	struct rig *r = *state;

	send_some(r, 10);
	rig_close(r);
	rig_remove(r, "");
	refused(r, "--accept-loss");
	refused(r, "--accept-loss");
	r->config.accept_loss = true;
	rig_open(r);
	rig_read(r, "bob", 0, 10);
	assert_int_equal(r->n, 0);
}

static void a_missing_or_damaged_head_is_refused(void **state)
{
	struct rig *r = *state;
	char path[160];
	int fd;

	send_some(r, 10);
	rig_close(r);
	rig_copy(r, "copy");
	rig_remove(r, ".head");
	refused(r, "missing");
	rig_restore(r, "copy", ".head");
	(void)snprintf(path, sizeof(path), "%s.head", r->path);
	fd = open(path, O_RDWR);
	assert_int_equal(pwrite(fd, "x", 1, 17), 1);
	close(fd);
	refused(r, "damaged");
	r->config.accept_loss = true;
	rig_open(r);
	assert_int_equal(read_everything(r), places(r));
}

static void another_key_is_refused(void **state)
{
	struct rig *r = *state;
	char path[160];
	int fd;

	send_some(r, 10);
	rig_close(r);
	(void)snprintf(path, sizeof(path), "%s.key", r->path);
	fd = open(path, O_RDWR);
	assert_int_equal(pwrite(fd, "0123456789abcdef", 16, 0), 16);
	close(fd);
	refused(r, "key");
	rig_remove(r, ".key");
	refused(r, "key");
}

static void a_newer_schema_is_refused_and_not_touched(void **state)
{
	struct rig *r = *state;
	sqlite3 *db;

	rig_close(r);
	assert_int_equal(sqlite3_open(r->path, &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, "PRAGMA user_version=99", NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(db);
	refused(r, "later version");
}

static void another_database_is_refused(void **state)
{
	struct rig *r = *state;
	sqlite3 *db;

	rig_close(r);
	rig_remove(r, "");
	rig_remove(r, ".head");
	assert_int_equal(sqlite3_open(r->path, &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, "CREATE TABLE t(x)", NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(db);
	refused(r, "not a store");
}

static void a_second_process_is_refused(void **state)
{
	struct rig *r = *state;
	struct store *second = NULL;
	pid_t pid;
	int status;
	sqlite3 *db;

	assert_int_equal(store_open(&second, &r->config, r->why), STORE_OPEN_REFUSED);
	assert_non_null(strstr(r->why, "another process"));
	pid = fork();
	if (pid == 0)
		_exit(store_open(&second, &r->config, r->why) == STORE_OPEN_REFUSED ? 0 : 1);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	/* and who knows nothing of our lock gets SQLite's */
	assert_int_equal(sqlite3_open(r->path, &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, "SELECT * FROM users", NULL, NULL, NULL), SQLITE_BUSY);
	sqlite3_close(db);
}

static void what_is_no_store_is_refused(void **state)
{
	struct rig *r = *state;

	rig_close(r);
	r->config.url = "redis://localhost";
	refused(r, "sqlite:PATH and memory");
	r->config.url = "sqlite:/nowhere/at/all/inbox.db";
	assert_int_equal(rig_try(r), STORE_OPEN_FAILED);
	r->store = NULL;
	if (access("/dev/shm", W_OK) == 0) {
		r->config.url = "sqlite:/dev/shm/postern-inbox.db";
		r->config.on_tmpfs = false;
		refused(r, "tmpfs");
	}
}

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

static const struct store_visitor visitor = {on_user, on_device, on_contact, on_recent};

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
	(void)epoch_of(r, before);
	rig_close(r);
	assert_int_equal(sqlite3_open(r->path, &db), SQLITE_OK);
	assert_int_equal(
		sqlite3_exec(db, "DELETE FROM messages WHERE id > 8", NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(db);
	l = load(r, "bob", r->ts_ms);
	assert_string_not_equal(before, epoch_of_file(r, after));
	assert_int_equal(l.head.seq, 8);
	assert_int_equal(l.acked.seq, 8);
	assert_int_equal(l.acked.rows, 8);
	assert_int_equal(l.devices, 0);
	l = load(r, "bob", r->ts_ms); /* once and for all */
	assert_string_equal(after, epoch_of_file(r, before));
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

	send_some(r, 5000);
	before = r->users[rig_user(r, "bob")].head.seq;
	assert_int_equal(store_backup(r->store), 0);
	assert_int_equal(store_backup(r->store), -EBUSY);
	while (!r->backup_done)
		send_some(r, 20);
	assert_true(strlen(r->backup) > strlen(r->path));
	rig_close(r);
	assert_int_equal(rename(r->backup, r->path), 0);
	rig_remove(r, "-wal");
	r->config.accept_loss = true;
	rig_open(r);
	assert_true(rig_read_all(r, "bob") >= before);
	assert_int_equal(r->wrong, 0);
}

/* One bit of the database, somewhere. */
static void flip(struct rig *r, unsigned seed)
{
	int fd = open(r->path, O_RDWR);
	off_t size = lseek(fd, 0, SEEK_END), at;
	unsigned char byte;

	srandom(seed);
	at = (off_t)(((uint64_t)random() << 16 ^ (uint64_t)random()) % (uint64_t)size);
	assert_int_equal(pread(fd, &byte, 1, at), 1);
	byte ^= (unsigned char)(1u << (seed % 8));
	assert_int_equal(pwrite(fd, &byte, 1, at), 1);
	close(fd);
}

/* Messages to all, and trims, on what is damaged: it goes on, or breaks and says so.  The model
 * forgets them. */
static bool write_on(struct rig *r)
{
	struct rig before = *r;
	bool broken;

	for (size_t i = 0; i < before.n_users; i++)
		rig_send(r, "ann", r->users[i].name, 50);
	rig_settle(r);
	for (size_t i = 0; i < before.n_users; i++)
		assert_int_equal(
			store_trim(r->store, slice_of(r->users[i].name), before.users[i].head.seq),
			0);
	rig_settle(r);
	broken = r->is_broken;
	if (!broken)
		(void)read_everything(r);
	memcpy(r->users, before.users, sizeof(before.users));
	r->n_rows = before.n_rows;
	r->n_stored = before.n_stored;
	r->number = before.number;
	r->stored = before.stored;
	r->is_broken = false;
	return broken;
}

/* The copy with one bit turned. */
static bool open_turned(struct rig *r, unsigned seed, char epoch[EPOCH_BYTES + 1])
{
	put_back(r, "copy");
	rig_restore(r, "copy", ".head");
	rig_remove(r, "-wal");
	(void)epoch_of_file(r, epoch);
	flip(r, seed);
	r->all_damaged = 0;
	if (rig_try(r) != STORE_OPENED) {
		r->store = NULL;
		return false;
	}
	store_free(r->store);
	rig_open(r);
	return true;
}

static void turn_bits(struct rig *r, unsigned n)
{
	size_t refusals = 0, damaged = 0, whole = 0, epochs = 0, broken = 0, all;

	rig_copy(r, "copy");
	rig_open(r);
	all = read_everything(r);
	rig_close(r);
	for (unsigned seed = 1; seed <= n; seed++) {
		char before[EPOCH_BYTES + 1], after[EPOCH_BYTES + 1];
		size_t right;

		if (!open_turned(r, seed, before)) {
			refusals++;
			continue;
		}
		right = read_everything(r);
		if (right == all)
			whole++;
		else if (strcmp(before, epoch_of(r, after)) != 0)
			epochs++;
		else if (right + r->all_damaged == all)
			damaged++;
		else
			fail_msg("seed %u: %zu right, %zu damaged of %zu", seed, right,
				r->all_damaged, all);
		if (strcmp(before, epoch_of(r, after)) == 0)
			broken += write_on(r);
		if (r->wrong > 0)
			fail_msg("seed %u: a row was wrong", seed);
		rig_close(r);
	}
	print_message("%u bits turned: %zu stores not opened, %zu with damaged rows, %zu in a new"
		      " epoch, %zu whole; %zu broke when written\n",
		n, refusals, damaged, epochs, whole, broken);
	assert_true(damaged > n / 8);
}

static unsigned flips(void)
{
	const char *n = getenv("STORE_FLIPS");

	return n == NULL ? 300 : (unsigned)strtoul(n, NULL, 10);
}

static void a_turned_bit_is_found_and_never_read(void **state)
{
	struct rig *r = *state;

	send_some(r, 600);
	rig_close(r);
	turn_bits(r, flips());
}

static void a_turned_bit_is_found_in_a_store_that_was_trimmed(void **state)
{
	struct rig *r = *state;

	send_some(r, 600);
	assert_int_equal(
		store_trim(r->store, SLICE_LITERAL("dan"), 1000), 0); /* writes the tails */
	send_some(r, 100);
	rig_close(r);
	turn_bits(r, flips());
}

int main(void)
{
#define TEST(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(what_was_acknowledged_is_there_after_a_kill),
		TEST(files_are_for_their_owner_alone),
		TEST(an_older_file_put_back_is_refused_unless_the_loss_is_accepted),
		TEST(a_truncated_wal_is_refused),
		TEST(a_lost_wal_is_refused),
		TEST(a_new_store_beside_an_old_head_is_refused),
		TEST(a_missing_or_damaged_head_is_refused),
		TEST(another_key_is_refused),
		TEST(a_newer_schema_is_refused_and_not_touched),
		TEST(another_database_is_refused),
		TEST(a_second_process_is_refused),
		TEST(what_is_no_store_is_refused),
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
		TEST(a_turned_bit_is_found_and_never_read),
		TEST(a_turned_bit_is_found_in_a_store_that_was_trimmed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
