/*
 * What the SQLite store finds when it is opened: after a crash, beside files that do not belong
 * together.
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

static void refused(struct rig *r, const char *word)
{
	assert_int_equal(rig_try(r), STORE_OPEN_REFUSED);
	r->store = NULL;
	if (strstr(r->why, word) == NULL)
		fail_msg("\"%s\" is not in \"%s\"", word, r->why);
}

static void what_was_acknowledged_is_there_after_a_kill(void **state)
{
	struct rig *r = *state;
	char before[EPOCH_BYTES + 1], after[EPOCH_BYTES + 1];

	rig_send_some(r, 500);
	(void)rig_epoch(r, before);
	rig_copy(r, "copy"); /* as a kill leaves the files: WAL and all */
	rig_close(r);
	rig_put_back(r, "copy");
	rig_restore(r, "copy", ".head");
	rig_open(r);
	assert_string_equal(before, rig_epoch(r, after));
	assert_int_equal(rig_read_everything(r), rig_places(r));
	rig_send_some(r, 100);
	assert_int_equal(rig_read_everything(r), rig_places(r));
	assert_int_equal(r->wrong, 0);
}

static void files_are_for_their_owner_alone(void **state)
{
	struct rig *r = *state;
	static const char *const suffixes[] = {"", "-wal", ".head", ".key", ".lock"};
	char path[160];
	struct stat st;

	rig_send_some(r, 1);
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

	rig_send_some(r, 100);
	(void)rig_epoch(r, before);
	rig_copy(r, "copy");
	rig_send_some(r, 100);
	rig_close(r);
	rig_put_back(r, "copy");
	refused(r, "--accept-loss");
	refused(r, "older");
	r->config.accept_loss = true;
	rig_open(r);
	assert_string_not_equal(before, rig_epoch(r, after));
	rig_close(r);
	r->config.accept_loss = false;
	rig_open(r); /* accepted once and for all */
	(void)rig_epoch(r, before);
	assert_string_equal(before, after);
}

static void a_truncated_wal_is_refused(void **state)
{
	struct rig *r = *state;
	char path[160];
	struct stat st;

	rig_send_some(r, 100);
	rig_send_some(r, 100);
	rig_copy(r, "copy");
	rig_close(r);
	rig_put_back(r, "copy");
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

	rig_send_some(r, 100);
	rig_copy(r, "copy");
	rig_close(r);
	rig_put_back(r, "copy");
	rig_restore(r, "copy", ".head");
	rig_remove(r, "-wal");
	refused(r, "--accept-loss");
}

static void a_new_store_beside_an_old_head_is_refused(void **state)
{
	struct rig *r = *state;

	rig_send_some(r, 10);
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

	rig_send_some(r, 10);
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
	assert_int_equal(rig_read_everything(r), rig_places(r));
}

static void another_key_is_refused(void **state)
{
	struct rig *r = *state;
	char path[160];
	int fd;

	rig_send_some(r, 10);
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

int main(void)
{
#define TEST(test) cmocka_unit_test_setup_teardown(test, rig_setup_sqlite, rig_teardown)
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
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
