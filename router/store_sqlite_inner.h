/*
 * store_sqlite_inner: what the files of the SQLite store share.
 *
 *	meta      one row: the epoch, the number of the last commit, the mark, a digest of all heads
 *	users     id -> uid, floor, what was acknowledged (a blob, see store_users.c)
 *	messages  id, rising with time -> a record and its MAC
 *	stream    (user, first number) -> ids of up to SQ_CHUNK messages whose numbers follow
 *	devices, contacts, marks
 *
 * A commit writes messages alone, one after the other.  Where they stand in the streams is kept in
 * memory, in each user's tail, and written to `stream` later, many at once and sorted by user: a
 * message in two streams would else dirty two pages of its own.  Messages before the mark are all
 * in `stream`; those behind it are read again when the store is opened.
 *
 * The users are all in memory, so no message costs a look-up by name.  A stream row has no MAC: the
 * message that it leads to must say that it stands at this very number of this very user.  The
 * digest of all heads tells when the last messages of a stream are gone: then numbers could be
 *given twice and a new epoch begins.
 */
#ifndef POSTERN_ROUTER_STORE_SQLITE_INNER_H
#define POSTERN_ROUTER_STORE_SQLITE_INNER_H

#include "router/store_backend.h"
#include "router/store_head.h"
#include "router/store_users.h"

struct sqlite3;
struct sqlite3_stmt;

enum sq_query {
	SQ_BEGIN,
	SQ_COMMIT,
	SQ_ROLLBACK,
	SQ_COUNTER,
	SQ_USER_PUT,
	SQ_MESSAGE_ADD,
	SQ_CHUNK_ADD,
	SQ_DEVICE_SET,
	SQ_DEVICE_ADD,
	SQ_DEVICE_PRUNE,
	SQ_CONTACT_PUT,
	SQ_CHUNK_AT,
	SQ_CHUNK_FIRST,
	SQ_CHUNK_DROP,
	SQ_MESSAGE_AT,
	SQ_MESSAGE_FROM,
	SQ_MESSAGE_DROP,
	SQ_MARK_PUT, /* this and what follows: of schema 2 */
	SQ_MARK_OUT,
	SQ_MARK_FROM,
	SQ_MARK_DROP,
	SQ_COUNT
};

#define SQ_SCHEMA_VERSION 2 /* as the schema says it */
#define SQ_CHUNK 64

/* Ids of the messages at first and on; n is 0: not known. */
struct sq_chunk {
	uint64_t first;
	size_t n;
	uint64_t ids[SQ_CHUNK];
};

/* What a transaction moves and a rollback takes back. */
struct sq_progress {
	uint64_t counter; /* of commits */
	uint64_t next_message;
	uint64_t mark;
	uint64_t heads;	    /* a digest of them, see sq_head_digest() */
	uint64_t tail_rows; /* of all tails */
	uint64_t marks;	    /* rows */
	size_t round_at;
};

struct sq_people {
	struct store_person **list;
	size_t n;
	size_t cap;
};

struct store_sqlite {
	struct store_backend base;
	struct sqlite3 *db;
	struct sqlite3_stmt *queries[SQ_COUNT];
	struct store_mac *mac;
	struct store_users users;
	struct store_head head; /* the sealed one */
	int lock;		/* descriptor that holds the flock */
	struct sq_progress now;
	struct sq_progress kept; /* as of the last commit */
	struct sq_people tailed; /* those with a tail, but for those of the round */
	struct sq_people round;	 /* whose tails are being written, by id */
	uint64_t round_mark;	 /* the mark when it is over */
	bool is_round;
	bool is_round_wanted; /* what is to be trimmed is in a tail */
	bool is_look;	      /* nothing is written */
	int wal_pages;	      /* after the last commit */
	uint64_t scan_after;
	int64_t schema; /* of the file */
	uint64_t boot;
	int64_t boot_ahead_ms; /* of the configured boot time before this process's */
	uint64_t next_mark;    /* 0: not known */
	bool are_marks_lost;
	int64_t marks_due_ms; /* before, none is to be taken away */
	struct sqlite3 *copy; /* of a backup that is going on */
	struct sqlite3_backup *backup;
	char *path;
	char *backup_path;
	char *backup_part;
};

/* 0 or -errno, see store_backend.h. */
int sq_errno(int code);
int sq_exec(struct store_sqlite *s, const char *sql);
int sq_prepare(struct store_sqlite *s);
int sq_settings(struct store_sqlite *s);
/* The tables, an epoch, and the queries. */
int sq_make(struct store_sqlite *s);
/* From an older schema to ours, in one transaction. */
int sq_migrate(struct store_sqlite *s);
/* -ENODATA: no row. */
int sq_number(struct store_sqlite *s, const char *sql, int64_t *out);
int sq_meta_write(struct store_sqlite *s);
/* -ENOKEY: its MAC is another key's. */
int sq_meta_read(struct store_sqlite *s);
struct slice sq_blob(struct sqlite3_stmt *row, int column);
/* For CLEANUP. */
void sq_resetp(struct sqlite3_stmt **statement);

/* The id of the message at seq, which is the head or below; 0: not known.  cache is the caller's,
 * zeroed at first, for one user. */
uint64_t sq_message_id(
	struct store_sqlite *s, const struct store_person *u, uint64_t seq, struct sq_chunk *cache);
/* 0: it has no such chunk, or it is damaged. */
uint64_t sq_chunk_read(struct sqlite3_stmt *row, struct sq_chunk *out);
int sq_chunk_write(struct store_sqlite *s, const struct store_person *p, uint64_t first,
	const uint64_t *ids, size_t n);
/* Whether a blob is message id, whole. */
bool sq_message_fits(struct store_sqlite *s, uint64_t id, struct slice blob, struct message *out);
bool sq_is_at(const struct message *m, const struct store_person *u, uint64_t seq);
/* The place of seq, or the nearest below it that is known. */
struct message_place sq_place(struct store_sqlite *s, const struct store_person *u, uint64_t seq);

/* Users and their tails; before anything else is done.  damaged_users: their rows are lost;
 * is_short: numbers were given that are nowhere. */
int sq_users_read(struct store_sqlite *s, size_t *damaged_users, bool *is_short);
int sq_user_write(struct store_sqlite *s, const struct store_person *u);

int sq_load(struct store_backend *b, const struct store_visitor *v, int64_t wall_ms, void *arg);
int sq_read(struct store_backend *b, const struct store_read *read, struct store_rows *rows);
int sq_scan(struct store_backend *b, int64_t old_ms, store_found_fn *found, void *arg, bool *more);
int sq_trim(struct store_backend *b, struct slice uid, uint64_t seq, struct message_place *out);
int sq_tidy(struct store_backend *b, size_t max_rows);
bool sq_has_untidy(const struct store_backend *b);
int sq_backup(struct store_backend *b, bool *more);
const char *sq_backup_path(const struct store_backend *b);
void sq_backup_end(struct store_sqlite *s);

/* store_sqlite_tail.c */
/* A place of message, which is the next of p, in its tail. */
int sq_tail_add(struct store_sqlite *s, struct store_person *p, const struct message_place *place,
	uint64_t message);
int sq_tail_read(struct store_sqlite *s);
/* What a user with that head adds to the digest. */
uint64_t sq_head_digest(const struct store_person *p);
/* Writes at most max_rows places of tails, when it is time. */
int sq_tail_write(struct store_sqlite *s, size_t max_rows);
bool sq_tail_is_due(const struct store_sqlite *s);
/* A commit kept what was written. */
void sq_tail_kept(struct store_sqlite *s);

/* store_sqlite_marks.c */
int sq_mark(struct store_backend *b, const struct mark *mark);
/* In a transaction: every ticket issued until now is void. */
int sq_marks_void(struct store_sqlite *s);
/* Looks whether they are whole; when one is not, voids everything. */
int sq_marks_open(struct store_sqlite *s);
int sq_marks_show(struct store_sqlite *s, const struct store_visitor *v, void *arg);
bool sq_marks_are_due(const struct store_sqlite *s);
int sq_marks_prune(struct store_sqlite *s, size_t max_rows);

/* store_sqlite_write.c */
int sq_begin(struct store_backend *b);
int sq_append(struct store_backend *b, const struct store_record *r);
int sq_user(struct store_backend *b, struct slice uid, uint64_t acked_system);
int sq_position(struct store_backend *b, const struct store_device *d, struct message_place *out);
int sq_contact(struct store_backend *b, const struct store_contact *c);
int sq_commit(struct store_backend *b);
void sq_rollback(struct store_backend *b);

#endif
