/*
 * All SQL but that of a single load, and what SQLite's answers mean.
 */
#include <errno.h>
#include <sqlite3.h>

#include "common/cleanup.h"
#include "router/store_record.h"
#include "router/store_sqlite_inner.h"

#define META_BYTES (EPOCH_BYTES + 3 * 8)

/* What version 2 added. */
#define SCHEMA_2                                                                                   \
	"CREATE TABLE marks(id INTEGER PRIMARY KEY, subject BLOB NOT NULL UNIQUE,"                 \
	" row BLOB NOT NULL) STRICT;"                                                              \
	"PRAGMA user_version=2;"

static const char schema[] =
	"BEGIN IMMEDIATE;"
	"CREATE TABLE meta(id INTEGER PRIMARY KEY, row BLOB NOT NULL) STRICT;"
	"CREATE TABLE users(id INTEGER PRIMARY KEY, row BLOB NOT NULL) STRICT;"
	"CREATE TABLE messages(id INTEGER PRIMARY KEY, row BLOB NOT NULL) STRICT;"
	"CREATE TABLE stream(user INTEGER NOT NULL, first INTEGER NOT NULL, places BLOB NOT NULL,"
	" PRIMARY KEY(user, first)) STRICT, WITHOUT ROWID;"
	"CREATE TABLE devices(user INTEGER NOT NULL, device TEXT NOT NULL, seen INTEGER NOT NULL,"
	" row BLOB NOT NULL, PRIMARY KEY(user, device)) STRICT, WITHOUT ROWID;"
	"CREATE TABLE contacts(a INTEGER NOT NULL, b INTEGER NOT NULL, row BLOB NOT NULL,"
	" PRIMARY KEY(a, b)) STRICT, WITHOUT ROWID;" SCHEMA_2;

/*
 * EXCLUSIVE comes before the first look at the WAL: its index is then on the heap and no second
 * process gets in.  Checkpoints are ours (store_sqlite_write.c).
 */
static const char settings[] = "PRAGMA locking_mode=EXCLUSIVE;"
			       "PRAGMA journal_mode=WAL;"
			       "PRAGMA synchronous=FULL;"
			       "PRAGMA wal_autocheckpoint=0;"
			       "PRAGMA journal_size_limit=67108864;"
			       "PRAGMA cache_size=-32768;"
			       "PRAGMA mmap_size=0;"
			       "PRAGMA temp_store=MEMORY;"
			       "PRAGMA cell_size_check=ON;"
			       "PRAGMA trusted_schema=OFF;";

static const char *const texts[SQ_COUNT] = {
	[SQ_BEGIN] = "BEGIN IMMEDIATE",
	[SQ_COMMIT] = "COMMIT",
	[SQ_ROLLBACK] = "ROLLBACK",
	[SQ_COUNTER] = "INSERT OR REPLACE INTO meta(id, row) VALUES(1, ?1)",
	[SQ_USER_PUT] = "INSERT OR REPLACE INTO users(id, row) VALUES(?1, ?2)",
	[SQ_MESSAGE_ADD] = "INSERT INTO messages(id, row) VALUES(?1, ?2)",
	[SQ_CHUNK_ADD] = "INSERT INTO stream(user, first, places) VALUES(?1, ?2, ?3)",
	[SQ_DEVICE_SET] = "UPDATE devices SET seen = ?3, row = ?4 WHERE user = ?1 AND device = ?2",
	[SQ_DEVICE_ADD] = "INSERT INTO devices(user, device, seen, row) VALUES(?1, ?2, ?3, ?4)",
	[SQ_DEVICE_PRUNE] = ("DELETE FROM devices WHERE user = ?1 AND device IN (SELECT device FROM"
			     " devices WHERE user = ?1 ORDER BY seen DESC LIMIT -1 OFFSET ?2)"),
	[SQ_CONTACT_PUT] = "INSERT OR REPLACE INTO contacts(a, b, row) VALUES(?1, ?2, ?3)",
	[SQ_CHUNK_AT] = ("SELECT first, places FROM stream WHERE user = ?1 AND first <= ?2"
			 " ORDER BY first DESC LIMIT 1"),
	[SQ_CHUNK_FIRST] = ("SELECT first, places FROM stream WHERE user = ?1 AND first < ?2"
			    " ORDER BY first LIMIT 1"),
	[SQ_CHUNK_DROP] = "DELETE FROM stream WHERE user = ?1 AND first = ?2",
	[SQ_MESSAGE_AT] = "SELECT id, row FROM messages WHERE id = ?1",
	[SQ_MESSAGE_FROM] = "SELECT id, row FROM messages WHERE id > ?1 ORDER BY id LIMIT ?2",
	[SQ_MESSAGE_DROP] = "DELETE FROM messages WHERE id = ?1",
	[SQ_MARK_PUT] = "INSERT OR REPLACE INTO marks(id, subject, row) VALUES(?1, ?2, ?3)",
	[SQ_MARK_OUT] = "DELETE FROM marks WHERE subject = ?1",
	[SQ_MARK_FROM] = "SELECT id, row FROM marks WHERE id >= ?1 ORDER BY id LIMIT 1",
	[SQ_MARK_DROP] = "DELETE FROM marks WHERE id = ?1",
};

int sq_errno(int code)
{
	switch (code & 0xff) {
	case SQLITE_OK:
	case SQLITE_DONE:
	case SQLITE_ROW:
		return 0;
	case SQLITE_NOMEM:
		return -ENOMEM;
	case SQLITE_FULL:
		return -ENOSPC;
	case SQLITE_CORRUPT:
	case SQLITE_NOTADB:
		return -EBADMSG;
	case SQLITE_READONLY:
	case SQLITE_PERM:
	case SQLITE_CANTOPEN:
		return -EACCES;
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
		return -EBUSY;
	case SQLITE_CONSTRAINT:
		return -EEXIST;
	default:
		return code == SQLITE_IOERR_NOMEM ? -ENOMEM : -EIO;
	}
}

int sq_exec(struct store_sqlite *s, const char *sql)
{
	return sq_errno(sqlite3_exec(s->db, sql, NULL, NULL, NULL));
}

struct slice sq_blob(sqlite3_stmt *row, int column)
{
	const char *data = sqlite3_column_blob(row, column);

	return (struct slice){data, data == NULL ? 0 : (size_t)sqlite3_column_bytes(row, column)};
}

void sq_resetp(struct sqlite3_stmt **statement)
{
	if (*statement != NULL)
		sqlite3_reset(*statement);
}

int sq_prepare(struct store_sqlite *s)
{
	/* Who only looks may look at an older file. */
	const int n = s->schema < 2 ? SQ_MARK_PUT : SQ_COUNT;

	for (int i = 0; i < n; i++) {
		int code = sqlite3_prepare_v3(
			s->db, texts[i], -1, SQLITE_PREPARE_PERSISTENT, &s->queries[i], NULL);

		if (code != SQLITE_OK)
			return sq_errno(code);
	}
	return 0;
}

/* Who only looks leaves the WAL as it is. */
int sq_settings(struct store_sqlite *s)
{
	if (s->is_look)
		(void)sqlite3_db_config(s->db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
	return sq_exec(s, settings);
}

int sq_number(struct store_sqlite *s, const char *sql, int64_t *out)
{
	sqlite3_stmt *q = NULL;
	int code = sqlite3_prepare_v2(s->db, sql, -1, &q, NULL);

	if (code == SQLITE_OK)
		code = sqlite3_step(q);
	if (code == SQLITE_ROW)
		*out = sqlite3_column_int64(q, 0);
	sqlite3_finalize(q);
	return code == SQLITE_ROW ? 0 : code == SQLITE_DONE ? -ENODATA : sq_errno(code);
}

int sq_meta_write(struct store_sqlite *s)
{
	CLEANUP(sq_resetp) sqlite3_stmt *q = s->queries[SQ_COUNTER];
	char row[META_BYTES + STORE_MAC_BYTES];

	memcpy(row, s->base.epoch, EPOCH_BYTES);
	store_put_u64(row + EPOCH_BYTES, s->now.counter);
	store_put_u64(row + EPOCH_BYTES + 8, s->now.mark);
	store_put_u64(row + EPOCH_BYTES + 16, s->now.heads);
	if (!store_mac_make(s->mac, STORE_DOMAIN_META, 1, (struct slice){row, META_BYTES},
		    row + META_BYTES))
		return -ENOMEM;
	sqlite3_bind_blob(q, 1, row, sizeof(row), SQLITE_STATIC);
	return sq_errno(sqlite3_step(q));
}

/* -ENOKEY: the MAC is another key's. */
int sq_meta_read(struct store_sqlite *s)
{
	sqlite3_stmt *q = NULL;
	int code = sqlite3_prepare_v2(s->db, "SELECT row FROM meta WHERE id = 1", -1, &q, NULL);
	struct slice row;
	int r = -ENOKEY;

	if (code == SQLITE_OK)
		code = sqlite3_step(q);
	if (code == SQLITE_ROW) {
		row = sq_blob(q, 0);
		if (row.len == META_BYTES + STORE_MAC_BYTES &&
			store_mac_fits(s->mac, STORE_DOMAIN_META, 1, row)) {
			memcpy(s->base.epoch, row.data, EPOCH_BYTES);
			s->now.counter = store_get_u64(row.data + EPOCH_BYTES);
			s->now.mark = store_get_u64(row.data + EPOCH_BYTES + 8);
			s->now.heads = store_get_u64(row.data + EPOCH_BYTES + 16);
			r = 0;
		}
	} else if (code != SQLITE_DONE) {
		r = sq_errno(code);
	}
	sqlite3_finalize(q);
	return r;
}

int sq_make(struct store_sqlite *s)
{
	int r = sq_exec(s, schema);

	s->schema = SQ_SCHEMA_VERSION;
	store_epoch_make(s->base.epoch);
	s->now = (struct sq_progress){.mark = 1};
	if (r == 0)
		r = sq_prepare(s);
	if (r == 0)
		r = sq_meta_write(s);
	if (r == 0)
		r = sq_exec(s, "COMMIT");
	return r;
}

int sq_migrate(struct store_sqlite *s)
{
	int r = sq_exec(s, "BEGIN IMMEDIATE;" SCHEMA_2 "COMMIT");

	if (r == 0)
		s->schema = SQ_SCHEMA_VERSION;
	return r;
}
