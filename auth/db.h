/*
 * db: auth.db, the one SQLite file of auth, and the only file here that includes sqlite3.h.  A file
 * of an older schema is brought to this one when it is opened; one of a newer schema is refused.
 * Every commit is on disk when it returns.  Loop thread only.
 */
#ifndef POSTERN_AUTH_DB_H
#define POSTERN_AUTH_DB_H

#include <stddef.h>
#include <stdint.h>

#include "common/cleanup.h"
#include "common/slice.h"

struct db;
struct db_query; /* a prepared statement; lives as long as its db */

/* Opens path, making it (0600) if needed.  0 and an owned *out, or -errno (-EPROTONOSUPPORT: a
 * newer schema). */
int db_open(struct db **out, const char *path);
void db_close(struct db *db);
DEFINE_FREEP(struct db, db_close)

/* Prepares n statements into out.  0 or -errno. */
int db_prepare(struct db *db, const char *const *sql, size_t n, struct db_query **out);

/* A transaction that writes.  What fails within it is undone with db_rollback(). */
int db_begin(struct db *db);
int db_commit(struct db *db);
void db_rollback(struct db *db);

/* i counts from 1; text is copied.  0 or -ENOMEM. */
int db_bind_text(struct db_query *q, int i, struct slice text);
int db_bind_int(struct db_query *q, int i, int64_t value);
/* 1: a row, 0: no more, or -errno (-EEXIST: a constraint). */
int db_step(struct db_query *q);
/* Of the row; column counts from 0; text is borrowed until the next step or reset. */
int64_t db_int(struct db_query *q, int column);
struct slice db_text(struct db_query *q, int column);
/* For CLEANUP(): ready for the next use, with nothing bound. */
void db_resetp(struct db_query **q);

#endif
