/*
 * users: the user table, and beside it the table of facts.  A fact says that a uid exists here; its
 * number is given once, in the transaction that makes the user, and it stays when the user goes:
 * numbers with holes, or that move, could not be compared with what the router took.
 */
#include "auth/users.h"

#include <errno.h>
#include <fcntl.h>
#include <sqlite3.h>

#include "proto/names.h"

#define SCHEMA_VERSION 1

static const char schema[] =
	"BEGIN IMMEDIATE;"
	"CREATE TABLE IF NOT EXISTS users("
	" id INTEGER PRIMARY KEY, username TEXT NOT NULL UNIQUE, uid TEXT NOT NULL UNIQUE,"
	" hash TEXT NOT NULL, demo INTEGER NOT NULL) STRICT;"
	"CREATE TABLE IF NOT EXISTS facts("
	" number INTEGER PRIMARY KEY, uid TEXT NOT NULL UNIQUE) STRICT;"
	"PRAGMA user_version=1;"
	"COMMIT;";

enum query { Q_ADD, Q_ADD_FACT, Q_FIND, Q_FACTS, Q_LAST_FACT, Q_VERSION, Q_COUNT };

static const char *const queries[Q_COUNT] = {
	[Q_ADD] = "INSERT INTO users(username, uid, hash, demo) VALUES(?1, ?2, ?3, ?4)",
	[Q_ADD_FACT] = ("INSERT OR IGNORE INTO facts(number, uid)"
			" SELECT coalesce(max(number), 0) + 1, ?1 FROM facts"),
	[Q_FIND] = "SELECT uid, hash FROM users WHERE username = ?1 AND demo <= ?2",
	[Q_FACTS] = "SELECT number, uid FROM facts WHERE number > ?1 ORDER BY number LIMIT ?2",
	[Q_LAST_FACT] = "SELECT coalesce(max(number), 0) FROM facts",
	[Q_VERSION] = "PRAGMA user_version",
};

struct users {
	sqlite3 *db;
	sqlite3_stmt *statements[Q_COUNT];
	uint64_t last_fact;
	bool demo;
};

static int to_errno(int code)
{
	switch (code & 0xff) {
	case SQLITE_OK:
	case SQLITE_DONE:
	case SQLITE_ROW:
		return 0;
	case SQLITE_CONSTRAINT:
		return -EEXIST;
	case SQLITE_NOMEM:
		return -ENOMEM;
	case SQLITE_FULL:
		return -ENOSPC;
	case SQLITE_READONLY:
	case SQLITE_PERM:
	case SQLITE_CANTOPEN:
		return -EACCES;
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
		return -EBUSY;
	default:
		return -EIO;
	}
}

static void statement_resetp(sqlite3_stmt **s)
{
	if (*s != NULL) {
		sqlite3_reset(*s);
		sqlite3_clear_bindings(*s);
	}
}

void users_close(struct users *u)
{
	if (u == NULL)
		return;
	for (int i = 0; i < Q_COUNT; i++)
		sqlite3_finalize(u->statements[i]);
	sqlite3_close(u->db);
	free(u);
}

static int run(struct users *u, const char *sql)
{
	return to_errno(sqlite3_exec(u->db, sql, NULL, NULL, NULL));
}

static int bind_text(sqlite3_stmt *s, int i, struct slice text)
{
	return sqlite3_bind_text(s, i, text.data, (int)text.len, SQLITE_TRANSIENT);
}

static int number_get(struct users *u, enum query query, int64_t *out)
{
	CLEANUP(statement_resetp) sqlite3_stmt *s = u->statements[query];
	int code = sqlite3_step(s);

	if (code != SQLITE_ROW)
		return code == SQLITE_DONE ? -EIO : to_errno(code);
	*out = sqlite3_column_int64(s, 0);
	return 0;
}

static int last_fact_read(struct users *u)
{
	int64_t last = 0;
	int r = number_get(u, Q_LAST_FACT, &last);

	if (r == 0)
		u->last_fact = (uint64_t)last;
	return r;
}

static int prepare(struct users *u)
{
	for (int i = 0; i < Q_COUNT; i++) {
		int code = sqlite3_prepare_v3(
			u->db, queries[i], -1, SQLITE_PREPARE_PERSISTENT, &u->statements[i], NULL);

		if (code != SQLITE_OK)
			return to_errno(code);
	}
	return 0;
}

/* A file of a later version is not touched. */
static int version_check(struct users *u)
{
	CLEANUP(statement_resetp) sqlite3_stmt *s = NULL;
	int code = sqlite3_prepare_v2(u->db, queries[Q_VERSION], -1, &s, NULL);
	int64_t version = 0;

	if (code == SQLITE_OK)
		code = sqlite3_step(s);
	if (code == SQLITE_ROW)
		version = sqlite3_column_int64(s, 0);
	sqlite3_finalize(s);
	s = NULL;
	if (code != SQLITE_ROW)
		return to_errno(code);
	return version > SCHEMA_VERSION ? -EPROTONOSUPPORT : 0;
}

/* SQLite would make the file with the process's umask; hashes are nobody else's to read. */
static int file_make(const char *path)
{
	CLEANUP(fd_closep) int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);

	return fd < 0 ? -errno : 0;
}

int users_open(struct users **out, const char *path)
{
	CLEANUP(users_closep) struct users *u = calloc(1, sizeof(*u));
	int r;

	if (u == NULL)
		return -ENOMEM;
	r = file_make(path);
	if (r < 0)
		return r;
	r = to_errno(sqlite3_open_v2(path, &u->db,
		SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE, NULL));
	if (r == 0)
		r = version_check(u);
	if (r == 0)
		r = run(u, "PRAGMA synchronous=FULL; PRAGMA trusted_schema=OFF;");
	if (r == 0)
		r = run(u, schema);
	if (r == 0)
		r = prepare(u);
	if (r == 0)
		r = last_fact_read(u);
	if (r < 0)
		return r;
	*out = u;
	u = NULL;
	return 0;
}

static int insert_user(struct users *u, const struct user_new *user)
{
	CLEANUP(statement_resetp) sqlite3_stmt *s = u->statements[Q_ADD];

	if (bind_text(s, 1, user->username) != SQLITE_OK ||
		bind_text(s, 2, user->uid) != SQLITE_OK ||
		bind_text(s, 3, slice_of(user->hash)) != SQLITE_OK ||
		sqlite3_bind_int(s, 4, user->demo) != SQLITE_OK)
		return -ENOMEM;
	return to_errno(sqlite3_step(s));
}

static int insert_fact(struct users *u, struct slice uid)
{
	CLEANUP(statement_resetp) sqlite3_stmt *s = u->statements[Q_ADD_FACT];

	if (bind_text(s, 1, uid) != SQLITE_OK)
		return -ENOMEM;
	return to_errno(sqlite3_step(s));
}

int users_add(struct users *u, const struct user_new *user)
{
	int r;

	if (!name_is_uid(user->uid) || user->username.len == 0 ||
		user->username.len > USERNAME_MAX_BYTES)
		return -EINVAL;
	r = run(u, "BEGIN IMMEDIATE");
	if (r < 0)
		return r;
	r = insert_user(u, user);
	if (r == 0)
		r = insert_fact(u, user->uid);
	if (r == 0)
		r = run(u, "COMMIT");
	if (r < 0) {
		(void)run(u, "ROLLBACK");
		return r;
	}
	return last_fact_read(u);
}

static bool column_copy(sqlite3_stmt *s, int column, char *out, size_t size)
{
	const unsigned char *text = sqlite3_column_text(s, column);
	size_t len = (size_t)sqlite3_column_bytes(s, column);

	if (text == NULL || len >= size)
		return false;
	memcpy(out, text, len);
	out[len] = '\0';
	return true;
}

int users_find(struct users *u, struct slice username, struct user *out)
{
	CLEANUP(statement_resetp) sqlite3_stmt *s = u->statements[Q_FIND];
	int code;

	if (username.len == 0 || username.len > USERNAME_MAX_BYTES)
		return -ENOENT;
	if (bind_text(s, 1, username) != SQLITE_OK || sqlite3_bind_int(s, 2, u->demo) != SQLITE_OK)
		return -ENOMEM;
	code = sqlite3_step(s);
	if (code == SQLITE_DONE)
		return -ENOENT;
	if (code != SQLITE_ROW)
		return to_errno(code);
	return column_copy(s, 0, out->uid, sizeof(out->uid)) &&
			       column_copy(s, 1, out->hash, sizeof(out->hash))
		       ? 0
		       : -EIO;
}

static int demo_add(struct users *u, const char *username, const char *uid)
{
	struct user_new user = {.username = slice_of(username), .uid = slice_of(uid), .demo = true};
	char hash[HASH_MAX_BYTES];
	struct user found;
	int r = users_find(u, user.username, &found);

	if (r != -ENOENT)
		return r;
	r = hash_make(SLICE_LITERAL("123456"), hash);
	if (r < 0)
		return r;
	user.hash = hash;
	return users_add(u, &user);
}

int users_set_demo(struct users *u, bool on)
{
	int r;

	u->demo = on;
	if (!on)
		return 0;
	r = demo_add(u, "jim", "1");
	return r < 0 ? r : demo_add(u, "john", "2");
}

uint64_t users_last_fact(const struct users *u)
{
	return u->last_fact;
}

int users_facts(struct users *u, uint64_t after, unsigned max, users_fact_fn *each, void *arg)
{
	CLEANUP(statement_resetp) sqlite3_stmt *s = u->statements[Q_FACTS];
	int code;

	if (sqlite3_bind_int64(s, 1, after > INT64_MAX ? INT64_MAX : (int64_t)after) != SQLITE_OK ||
		sqlite3_bind_int64(s, 2, max) != SQLITE_OK)
		return -ENOMEM;
	while ((code = sqlite3_step(s)) == SQLITE_ROW) {
		struct slice uid = {(const char *)sqlite3_column_text(s, 1),
			(size_t)sqlite3_column_bytes(s, 1)};
		int r = each(arg, (uint64_t)sqlite3_column_int64(s, 0), uid);

		if (r != 0)
			return r;
	}
	return to_errno(code);
}
