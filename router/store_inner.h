/*
 * store_inner: what store.c (the loop's side) and store_thread.c (the thread's) share.
 */
#ifndef POSTERN_ROUTER_STORE_INNER_H
#define POSTERN_ROUTER_STORE_INNER_H

#include <pthread.h>

#include "router/store_backend.h"

enum store_op_kind {
	STORE_OP_APPEND,
	STORE_OP_READ,
	STORE_OP_USER,
	STORE_OP_POSITION,
	STORE_OP_CONTACT,
	STORE_OP_MARK,
	STORE_OP_TRIM,
	STORE_OP_BACKUP,
	STORE_OP_OLD, /* never submitted: only an event */
};

/* One submission; after it was carried out, the event about it. */
struct store_op {
	struct store_op *next;
	enum store_op_kind kind;
	uint64_t number;     /* APPEND */
	uint64_t generation; /* APPEND */
	union {
		struct store_record record;
		struct store_read read;
		struct store_device device;
		struct store_contact contact;
		struct {
			struct mark mark;
			uint64_t tag;
			bool is_durable;
		} mark;
		struct {
			struct slice uid;
			uint64_t seq; /* TRIM, OLD; USER: acked_system */
			int64_t ts_ms;
		} user;
		int error; /* BACKUP */
	};
	struct message_place place; /* POSITION, TRIM: on_acked(); seq 0: nothing to say */
	struct store_rows rows;	    /* READ */
	char text[];		    /* what the slices point to */
};

struct store_ops_list {
	struct store_op *first;
	struct store_op **last;
	size_t n;
};

struct store {
	struct store_backend *backend;
	int64_t keep_acked_ms;

	/* the loop's */
	const struct store_events *events;
	void *arg;
	uv_async_t wake;
	bool started;

	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t work;

	/* lock */
	struct store_ops_list todo;
	struct store_ops_list done;
	bool stop;
	bool busy;     /* the thread holds submissions */
	bool has_lost; /* a submission of lost_generation found no memory */
	uint64_t lost_generation;
	bool has_stored; /* events that must not need memory */
	uint64_t stored;
	bool has_failed;
	uint64_t failed;
	const char *failed_why;
	bool has_broken;
	char broken_why[STORE_WHY_BYTES];
	bool backing_up;
	struct store_counts counts;

	/* the thread's */
	struct store_ops_list batch;
	struct store_ops_list again; /* writes without a generation, of batches that failed */
	struct store_ops_list reads;
	struct store_op *backup;
	struct store_ops_list told;
	uint64_t dropped_below; /* generations below are dropped */
	int64_t again_ms;	/* before, `again` and tidying wait for a batch to go with */
	int64_t scan_ms;	/* next */
	bool is_broken;
};

void store_list_init(struct store_ops_list *l);
void store_list_push(struct store_ops_list *l, struct store_op *op);
struct store_op *store_list_pop(struct store_ops_list *l);
/* Puts all of `more` behind; it is empty then. */
void store_list_join(struct store_ops_list *l, struct store_ops_list *more);
void store_list_free(struct store_ops_list *l);
void store_op_free(struct store_op *op);

int store_thread_start(struct store *s);

#endif
