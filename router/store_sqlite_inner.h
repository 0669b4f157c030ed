/*
 * store_sqlite_inner: what the files of the SQLite store share.
 *
 *	meta      one row: the epoch and the number of the last commit
 *	users     id -> uid, floor, what was acknowledged (a blob, see store_users.c)
 *	messages  id, rising with time -> a record and its MAC
 *	stream    (user, seq) -> id of the message, for the recipient's place and for the sender's
 *	devices, contacts
 *
 * A user's head is not written with each message: it is the last row of the stream or, when there
 * is none, what is before the floor.  The users are all in memory; so no message costs a look-up by
 * name.  A stream row has no MAC of its own: the message that it leads to must say that it stands
 * at this very number of this very user.
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
	SQ_STREAM_ADD,
	SQ_DEVICE_SET,
	SQ_DEVICE_ADD,
	SQ_DEVICE_PRUNE,
	SQ_CONTACT_PUT,
	SQ_STREAM_AT,
	SQ_STREAM_LAST,
	SQ_STREAM_RANGE,
	SQ_STREAM_FIRST,
	SQ_STREAM_DROP,
	SQ_MESSAGE_AT,
	SQ_MESSAGE_FROM,
	SQ_MESSAGE_DROP,
	SQ_COUNT
};

struct store_sqlite {
	struct store_backend base;
	struct sqlite3 *db;
	struct sqlite3_stmt *queries[SQ_COUNT];
	struct store_mac *mac;
	struct store_users users;
	struct store_head head; /* the sealed one */
	int lock;		/* descriptor that holds the flock */
	uint64_t counter;	/* of commits */
	uint64_t next_message;
	uint64_t kept_message; /* next_message after the last commit */
	int wal_pages;
	uint64_t scan_after;
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
/* For CLEANUP. */
void sq_resetp(struct sqlite3_stmt **statement);

/* What is at one number of a stream.  *out borrows from the statement *out_row, which the caller
 * resets.  false: nothing, or damaged. */
bool sq_message_at(struct store_sqlite *s, const struct store_person *u, uint64_t seq,
	struct sqlite3_stmt **out_row, struct message *out);
/* Whether a blob is message id, whole. */
bool sq_message_fits(struct store_sqlite *s, uint64_t id, struct slice blob, struct message *out);
bool sq_is_at(const struct message *m, const struct store_person *u, uint64_t seq);
/* The place of seq, or the nearest below it that is known. */
struct message_place sq_place(struct store_sqlite *s, const struct store_person *u, uint64_t seq);

/* Users, heads and the counter; before anything else is done. */
int sq_users_read(struct store_sqlite *s, size_t *out_damaged);
int sq_user_write(struct store_sqlite *s, const struct store_person *u);
int sq_meta_write(struct store_sqlite *s);

int sq_load(struct store_backend *b, const struct store_visitor *v, int64_t wall_ms, void *arg);
int sq_read(struct store_backend *b, const struct store_read *read, struct store_rows *rows);
int sq_scan(struct store_backend *b, int64_t old_ms, store_found_fn *found, void *arg, bool *more);
int sq_trim(struct store_backend *b, struct slice uid, uint64_t seq, struct message_place *out);
int sq_tidy(struct store_backend *b, size_t max_rows);
bool sq_has_untidy(const struct store_backend *b);
int sq_backup(struct store_backend *b, bool *more);
const char *sq_backup_path(const struct store_backend *b);
void sq_backup_end(struct store_sqlite *s);

/* store_sqlite_write.c */
int sq_begin(struct store_backend *b);
int sq_append(struct store_backend *b, const struct store_record *r);
int sq_user(struct store_backend *b, struct slice uid, uint64_t acked_system);
int sq_position(struct store_backend *b, const struct store_device *d, struct message_place *out);
int sq_contact(struct store_backend *b, const struct store_contact *c);
int sq_commit(struct store_backend *b);
void sq_rollback(struct store_backend *b);

#endif
