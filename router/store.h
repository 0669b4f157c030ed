/*
 * store: the durable inbox.  The core decides and numbers; the store keeps, and says when what it
 * was given is on disk.  All I/O happens on one thread of its own, which commits in batches: while
 * one batch is being written the next collects (group commit), at most STORE_BATCH_ROWS.
 *
 * Everything here is called on the loop thread and every event comes on the loop thread.  What is
 * submitted is copied, carried out in the order of submission, and never blocks.
 *
 * Two kinds, one contract (tests/unit/test_store_contract.c): sqlite:PATH, whose commits are
 * fsynced (WAL, synchronous=FULL), and memory, which keeps nothing and says so.
 *
 * Failures.  Disk full: the batch that did not fit and every append of its generation are dropped
 * and on_failed() says so once; the core takes their numbers back and goes on with the next
 * generation.  Reads go on.  Any other failure of a write (EIO, a failed fsync) breaks the store
 * for good: on_broken(), and the process must end; nothing is tried again on the same descriptor.
 */
#ifndef POSTERN_ROUTER_STORE_H
#define POSTERN_ROUTER_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>

#include "proto/limits.h"
#include "router/mark.h"
#include "router/message.h"

struct store;

struct store_config {
	const char *url;  /* memory, memory:BYTES (of messages, then it is full) or sqlite:PATH.
			     PATH.head is the sealed head, PATH.key the key of the MACs; both are
			     made when PATH is. */
	bool accept_loss; /* an older file was put back on purpose: begin a new epoch */
	bool on_tmpfs;	  /* a PATH in memory, which no power cut survives, is meant */
	int64_t keep_acked_ms; /* offers begin at this age, see on_old() */
	uint64_t boot;	       /* names this boot of the kernel; marks of another are dropped */
	int64_t boot_ms;       /* CLOCK_BOOTTIME now; marks older than MARK_KEPT_MS are dropped */
};

enum store_opened {
	STORE_OPENED,
	STORE_OPEN_FAILED,  /* the line in why says what; errno style in *out_error */
	STORE_OPEN_REFUSED, /* exit 78: locked by another process, newer schema, on tmpfs unless
			       on_tmpfs, the head is lower than the sealed one, the key does not
			       fit */
};
/* Opens and checks; no thread yet.  why gets one line without a newline. */
#define STORE_WHY_BYTES 256
enum store_opened store_open(
	struct store **out, const struct store_config *config, char why[STORE_WHY_BYTES]);
/* Only of one that was not started. */
void store_free(struct store *s);

bool store_is_durable(const struct store *s);
/* EPOCH_BYTES of text: of all numbers in it. */
struct slice store_epoch(const struct store *s);

/* What is in it, for the core, before the thread starts.  Borrowed for the call. */
struct store_user {
	struct slice uid;	    /* empty: the system stream */
	struct message_place head;  /* of the last number; seq 0: none yet */
	struct message_place acked; /* of the highest that any device acknowledged */
	uint64_t acked_system;
	uint64_t floor; /* lowest number that is kept; head.seq + 1: none */
};
struct store_device {
	struct slice uid;
	struct slice device;
	uint64_t u;
	uint64_t s;
	int64_t seen_ms; /* wall */
};
struct store_contact {
	struct slice a; /* sorts before b */
	struct slice b;
	int64_t last_ms; /* wall */
};
/* What is recent is told by the wall clock, which may have been put forward by an hour. */
#define STORE_RECENT_MS (MIDS_MS + 3600000)
struct store_visitor {
	/* 0, or -errno, which ends the visit.  All but on_user may be NULL: not shown. */
	int (*on_user)(void *arg, const struct store_user *u);	   /* each before what names it */
	int (*on_device)(void *arg, const struct store_device *d); /* oldest first */
	int (*on_contact)(void *arg, const struct store_contact *c);
	int (*on_mark)(void *arg, const struct mark *mark);
	/* Marks are lost (damaged, of a file that --accept-loss took, or of a store in memory that
	 * ended): what they said is not known, so every ticket that was issued at until_ms or
	 * before must be void.  At most once; with on_mark alone.  Shown at each start for
	 * MARK_KEPT_MS. */
	int (*on_void)(void *arg, int64_t until_ms);
	/* The messages of the last STORE_RECENT_MS, at most MIDS_MAX, oldest first; damaged ones
	 * left out. */
	int (*on_recent)(void *arg, const struct message *m);
};
int store_load(struct store *s, const struct store_visitor *v, int64_t wall_ms, void *arg);

/* A page, or the offer of old messages.  Borrowed for the call. */
struct store_page {
	uint64_t tag;			/* of the read */
	struct slice uid;		/* as asked */
	uint64_t after;			/* as asked */
	uint64_t floor;			/* lowest number kept in this stream when it was read */
	const struct message_row *rows; /* after + 1 and on, no number left out */
	size_t n;
};
struct store_events {
	void (*on_stored)(void *arg, uint64_t number); /* every append up to this one is durable */
	void (*on_failed)(void *arg, uint64_t generation, const char *why); /* disk full */
	void (*on_broken)(void *arg, const char *why);
	void (*on_page)(void *arg, const struct store_page *page);
	/* Of store_mark() with a tag: it is durable, or was dropped (disk full). */
	void (*on_marked)(void *arg, uint64_t tag, bool is_durable);
	/* A position was kept: the place of its number u in the user's stream. */
	void (*on_acked)(void *arg, struct slice uid, const struct message_place *place);
	/* Messages of this stream up to seq, the newest of ts_ms, are older than keep_acked_ms. */
	void (*on_old)(void *arg, struct slice uid, uint64_t seq, int64_t ts_ms);
	/* A backup is complete at that path, or failed (path NULL, and why). */
	void (*on_backup)(void *arg, const char *path, const char *why);
};
/* Starts the thread.  0 or -errno.  events is borrowed for ever. */
int store_start(struct store *s, uv_loop_t *loop, const struct store_events *events, void *arg);

/* Carries out what was submitted, ends the thread and closes; waits for that, and no event comes
 * any more.  s is gone when the loop has run once. */
void store_stop(struct store *s);

/*
 * number rises by one with each append and goes on over failures; generation is the core's (see
 * above).  0; -ENOMEM: it was not taken, and the generation fails as when the disk is full: what of
 * it is not durable is dropped, and on_failed() comes.
 */
int store_append(struct store *s, uint64_t number, uint64_t generation, const struct message *m);
/* on_page() with what is there after `after`: whole rows, at least one if there is one, at most
 * max_rows, and no more once max_bytes of bodies are reached.  Sees every append before it that
 * was stored. */
struct store_read {
	uint64_t tag;
	struct slice uid;
	uint64_t after;
	uint32_t max_rows;
	uint32_t max_bytes;
};
int store_read(struct store *s, const struct store_read *read);
/* The user exists from now on.  acked_system: where he begins in the system stream. */
int store_user(struct store *s, struct slice uid, uint64_t acked_system);
/* Positions of a device (empty: of none) and, when higher than before, of the user.  Durable with
 * the next commit; on_acked() then, when u is not 0.  A user has DEVICES_PER_USER, those seen last.
 */
int store_position(struct store *s, const struct store_device *d);
/* Two users exchanged a message at that time. */
int store_contact(struct store *s, const struct store_contact *c);
/*
 * on_marked() follows when tag is not 0.  Replaces one of the same kind and subject.  When the disk
 * is full, one without a tag is tried again later, as a position is.  A damaged row is never
 * passed over in silence: see on_void().
 */
int store_mark(struct store *s, const struct mark *mark, uint64_t tag);
/* Numbers up to seq, which is stored, are not kept any more; floor becomes seq + 1.  When the user
 * had not acknowledged seq he has now, and on_acked() says so. */
int store_trim(struct store *s, struct slice uid, uint64_t seq);
/* A consistent copy beside PATH, made while commits go on.  One at a time: -EBUSY. */
int store_backup(struct store *s);

struct store_counts {
	uint64_t commits;
	uint64_t rows;	       /* appended */
	uint64_t damaged;      /* rows found damaged */
	uint64_t failures;     /* batches that did not fit */
	uint64_t pending_rows; /* submitted, not durable */
	uint64_t pending_bytes;
	uint64_t last_batch; /* rows */
	uint64_t commit_us;  /* of the last commit */
	uint64_t reads;
	uint64_t trimmed;
	uint64_t marks; /* rows, also those that are not taken away yet */
};
void store_counts(const struct store *s, struct store_counts *out);
/* Every submission is durable, nothing waits. */
bool store_is_idle(const struct store *s);

#endif
