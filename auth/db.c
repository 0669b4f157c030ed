/*
 * db: opens auth.db and knows its schema.  Each step from one schema to the next is one
 * transaction, which sets the version that it leads to, so a start that is killed in between goes
 * on from where it was.
 */
#include "auth/db.h"

#include <errno.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <stdbool.h>
#include <stdlib.h>

#define SCHEMA_VERSION 2

/* The step at i leads from schema i to schema i + 1. */
static const char *const steps[SCHEMA_VERSION] = {
	/* users, and facts about users */
	"BEGIN IMMEDIATE;"
	"CREATE TABLE users("
	" id INTEGER PRIMARY KEY, username TEXT NOT NULL UNIQUE, uid TEXT NOT NULL UNIQUE,"
	" hash TEXT NOT NULL, demo INTEGER NOT NULL) STRICT;"
	"CREATE TABLE facts("
	" number INTEGER PRIMARY KEY, uid TEXT NOT NULL UNIQUE) STRICT;"
	"PRAGMA user_version=1;"
	"COMMIT;",

	/* facts of all kinds, and the boot that their boot_ms is of */
	"BEGIN IMMEDIATE;"
	"ALTER TABLE facts RENAME TO facts_1;"
	"CREATE TABLE facts("
	" number INTEGER PRIMARY KEY, kind INTEGER NOT NULL, uid TEXT NOT NULL,"
	" subject INTEGER NOT NULL, wall_ms INTEGER NOT NULL, boot_ms INTEGER NOT NULL,"
	" until_ms INTEGER NOT NULL, code INTEGER NOT NULL) STRICT;"
	"INSERT INTO facts SELECT number, 1, uid, 0, 0, 0, 0, 0 FROM facts_1;"
	"DROP TABLE facts_1;"
	"CREATE UNIQUE INDEX facts_uids ON facts(kind, uid) WHERE kind IN (1, 2);"
	"CREATE UNIQUE INDEX facts_subjects ON facts(kind, subject) WHERE kind IN (3, 4);"
	"CREATE TABLE boot(id INTEGER PRIMARY KEY CHECK (id = 1), boot_id TEXT NOT NULL) STRICT;"
	"PRAGMA user_version=2;"
	"COMMIT;",
};

struct db {
	sqlite3 *sqlite;
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

static sqlite3_stmt *stmt(struct db_query *q)
{
	return (sqlite3_stmt *)q;
}

static int run(struct db *db, const char *sql)
{
	return to_errno(sqlite3_exec(db->sqlite, sql, NULL, NULL, NULL));
}

void db_close(struct db *db)
{
	sqlite3_stmt *s;

	if (db == NULL)
		return;
	while (db->sqlite != NULL && (s = sqlite3_next_stmt(db->sqlite, NULL)) != NULL)
		sqlite3_finalize(s);
	sqlite3_close(db->sqlite);
	free(db);
}

/* SQLite would make the file with the process's umask; hashes are nobody else's to read. */
static int file_make(const char *path)
{
	CLEANUP(fd_closep) int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);

	return fd < 0 ? -errno : 0;
}

static int version_read(struct db *db, int64_t *out)
{
	static const char *const sql = "PRAGMA user_version";
	struct db_query *q;
	int r = db_prepare(db, &sql, 1, &q);

	if (r < 0)
		return r;
	r = db_step(q);
	if (r > 0)
		*out = db_int(q, 0);
	sqlite3_finalize(stmt(q));
	return r == 0 ? -EIO : r < 0 ? r : 0;
}

/* A file of a later version is not touched. */
static int schema_bring(struct db *db)
{
	int64_t version = 0;
	int r = version_read(db, &version);

	if (r < 0)
		return r;
	if (version < 0 || version > SCHEMA_VERSION)
		return -EPROTONOSUPPORT;
	for (; r == 0 && version < SCHEMA_VERSION; version++)
		r = run(db, steps[version]);
	return r;
}

int db_open(struct db **out, const char *path)
{
	CLEANUP(db_closep) struct db *db = calloc(1, sizeof(*db));
	int r;

	if (db == NULL)
		return -ENOMEM;
	r = file_make(path);
	if (r < 0)
		return r;
	r = to_errno(sqlite3_open_v2(path, &db->sqlite,
		SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE, NULL));
	if (r == 0)
		r = run(db, "PRAGMA synchronous=FULL; PRAGMA trusted_schema=OFF;");
	if (r == 0)
		r = schema_bring(db);
	if (r < 0)
		return r;
	*out = db;
	db = NULL;
	return 0;
}

int db_prepare(struct db *db, const char *const *sql, size_t n, struct db_query **out)
{
	for (size_t i = 0; i < n; i++) {
		sqlite3_stmt *s;
		int code = sqlite3_prepare_v3(
			db->sqlite, sql[i], -1, SQLITE_PREPARE_PERSISTENT, &s, NULL);

		if (code != SQLITE_OK)
			return to_errno(code);
		out[i] = (struct db_query *)s;
	}
	return 0;
}

int db_begin(struct db *db)
{
	return run(db, "BEGIN IMMEDIATE");
}

int db_commit(struct db *db)
{
	return run(db, "COMMIT");
}

/* SQLite may have done it itself (disk full): then there is nothing to undo. */
void db_rollback(struct db *db)
{
	if (sqlite3_get_autocommit(db->sqlite) == 0)
		(void)run(db, "ROLLBACK");
}

int db_bind_text(struct db_query *q, int i, struct slice text)
{
	return to_errno(sqlite3_bind_text(
		stmt(q), i, text.data == NULL ? "" : text.data, (int)text.len, SQLITE_TRANSIENT));
}

int db_bind_int(struct db_query *q, int i, int64_t value)
{
	return to_errno(sqlite3_bind_int64(stmt(q), i, value));
}

int db_step(struct db_query *q)
{
	int code = sqlite3_step(stmt(q));

	return code == SQLITE_ROW ? 1 : to_errno(code);
}

int64_t db_int(struct db_query *q, int column)
{
	return sqlite3_column_int64(stmt(q), column);
}

struct slice db_text(struct db_query *q, int column)
{
	const unsigned char *text = sqlite3_column_text(stmt(q), column);

	return (struct slice){(const char *)text,
		text == NULL ? 0 : (size_t)sqlite3_column_bytes(stmt(q), column)};
}

void db_resetp(struct db_query **q)
{
	if (*q == NULL)
		return;
	sqlite3_reset(stmt(*q));
	sqlite3_clear_bindings(stmt(*q));
}
