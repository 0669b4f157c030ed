/*
 * store_backend: what a kind of store does, synchronously, on the thread of store.c (load and
 * whatever comes before the thread: on the caller's).  Two kinds: sqlite and memory.
 *
 * Results are 0 or -errno.  Of a write, -ENOSPC and -ENOMEM mean that it did not fit and may be
 * tried again after rollback(); anything else that the store is broken.
 */
#ifndef POSTERN_ROUTER_STORE_BACKEND_H
#define POSTERN_ROUTER_STORE_BACKEND_H

#include "common/buf.h"
#include "router/store.h"
#include "router/store_mac.h"

/* A message to be kept: bytes as store_record.h makes them, with room for a MAC behind, and what
 * they say. */
struct store_record {
	struct message message; /* its slices are in bytes */
	char *bytes;
	size_t len;
};

/* A page being made.  Rows take slices of bytes when it is complete: see store_rows_finish(). */
struct store_rows {
	struct message_row *rows;
	size_t n;
	size_t cap;
	uint64_t floor;
	size_t body_bytes;
	struct buf bytes;
};

typedef void store_found_fn(void *arg, struct slice uid, uint64_t seq, int64_t ts_ms);

struct store_backend {
	const struct store_ops *ops;
	char epoch[EPOCH_BYTES];
	uint64_t damaged; /* rows found so since the start */
	uint64_t trimmed;
	uint64_t marks;
};

struct store_ops {
	bool is_durable;
	void (*close)(struct store_backend *b);
	int (*load)(
		struct store_backend *b, const struct store_visitor *v, int64_t wall_ms, void *arg);

	/* Writes, between begin() and commit() or rollback(). */
	int (*begin)(struct store_backend *b);
	int (*append)(struct store_backend *b, const struct store_record *r);
	int (*user)(struct store_backend *b, struct slice uid, uint64_t acked_system);
	/* *out: the place of d->u. */
	int (*position)(
		struct store_backend *b, const struct store_device *d, struct message_place *out);
	int (*contact)(struct store_backend *b, const struct store_contact *c);
	int (*mark)(struct store_backend *b, const struct mark *mark);
	/* *out: the user's new acked place when it was in what is trimmed, else seq is 0. */
	int (*trim)(
		struct store_backend *b, struct slice uid, uint64_t seq, struct message_place *out);
	/* Takes away at most max_rows of what was trimmed. */
	int (*tidy)(struct store_backend *b, size_t max_rows);
	int (*commit)(struct store_backend *b);
	void (*rollback)(struct store_backend *b);

	bool (*has_untidy)(const struct store_backend *b);
	/* As store_read() says.  -ENOMEM: rows is empty. */
	int (*read)(
		struct store_backend *b, const struct store_read *read, struct store_rows *rows);
	/* Looks at a bounded part for messages of before old_ms and names them by stream; *more is
	 * false when a pass is over. */
	int (*scan)(struct store_backend *b, int64_t old_ms, store_found_fn *found, void *arg,
		bool *more);
	/* One slice of the copy; *more is false when it is complete. */
	int (*backup)(struct store_backend *b, bool *more);
	/* Where backups go; NULL: none are made. */
	const char *(*backup_path)(const struct store_backend *b);
};

enum store_opened store_memory_open(struct store_backend **out, struct slice max_bytes,
	int64_t boot_ms, char why[STORE_WHY_BYTES]);
/* config NULL: only to look at what is there, without the sealed head; nothing is written. */
enum store_opened store_sqlite_open(struct store_backend **out, const char *path,
	const struct store_config *config, char why[STORE_WHY_BYTES]);

/* EPOCH_BYTES of text. */
void store_epoch_make(char out[EPOCH_BYTES]);

void store_rows_init(struct store_rows *rows);
void store_rows_fini(struct store_rows *rows);
void store_rows_clear(struct store_rows *rows);
/* record is copied; empty: the row is damaged.  0 or -ENOMEM. */
int store_rows_add(struct store_rows *rows, uint64_t seq, struct slice record);
bool store_rows_is_full(const struct store_rows *rows, const struct store_read *read);
void store_rows_finish(struct store_rows *rows);

#endif
