/*
 * store_rig: a store in a directory of its own, the loop that it speaks to, and a naive model of
 * what was submitted, so that a test can ask whether everything that is read is right.
 */
#ifndef POSTERN_TESTS_UNIT_STORE_RIG_H
#define POSTERN_TESTS_UNIT_STORE_RIG_H

#include "router/store.h"

#define RIG_USERS 16
#define RIG_WAIT_MS 10000

struct rig_row {
	struct message_place to;
	struct message_place from;
	size_t sender; /* of rig.users; RIG_USERS: an operator */
	size_t recipient;
	size_t body_len;
	uint64_t number;
	uint64_t generation;
	int64_t ts_ms;
};

struct rig_user {
	char name[16]; /* "": the system stream */
	struct message_place head;
	struct message_place stored;
	size_t *rows;	/* of rig.rows, by number - 1 */
	uint64_t floor; /* the test's */
	uint64_t acked; /* by on_acked() */
	uint64_t acked_rows;
	uint64_t acked_bytes;
	uint64_t old; /* by on_old() */
};

struct rig {
	uv_loop_t loop;
	bool has_loop;
	struct store *store;
	struct store_config config;
	char dir[64];
	char path[96]; /* of the database; "": in memory */
	char url[128];
	char why[STORE_WHY_BYTES];

	struct rig_user users[RIG_USERS];
	size_t n_users;
	struct rig_row *rows;
	size_t n_rows;
	size_t n_stored; /* of rows: up to here they are, or failed */
	uint64_t number;
	uint64_t generation;
	int64_t ts_ms; /* of the next message; rises by one */

	uint64_t stored;
	size_t failures;
	uint64_t failed; /* generation */
	bool is_broken;
	size_t marked;	 /* by on_marked(): durable */
	size_t unmarked; /* dropped */
	uint64_t marked_tag;
	char backup[128];
	bool backup_done;

	/* the last page */
	size_t pages;
	uint64_t tag;
	uint64_t floor;
	size_t n;
	size_t damaged;
	size_t all_damaged; /* of all pages */
	size_t wrong;	    /* rows of all pages that are not what was submitted */
	uint64_t last;	    /* number of the last row */
};

/* kind: "sqlite" or "memory" or "memory:BYTES". */
void rig_init(struct rig *r, const char *kind);
void rig_fini(struct rig *r);

enum store_opened rig_try(struct rig *r);
void rig_open(struct rig *r); /* must succeed, and starts */
void rig_close(struct rig *r);
/* PATH and what belongs to it, to dir/name and on. */
void rig_copy(const struct rig *r, const char *name);
/* The other way. */
void rig_restore(struct rig *r, const char *name, const char *suffix);
void rig_remove(struct rig *r, const char *suffix);

/* The user's index. */
size_t rig_user(struct rig *r, const char *name);
/* from NULL: an operator's push.  Without a store the model alone learns of it. */
void rig_send(struct rig *r, const char *from, const char *to, size_t body_len);
/* What on_stored() does to the model. */
void rig_count_stored(struct rig *r, uint64_t number);
/* Everything submitted is durable and told. */
void rig_settle(struct rig *r);
/* One turn of the loop, at most a little while; fails when RIG_WAIT_MS are over since began_ns
 * (uv_hrtime()): for (uint64_t t = uv_hrtime(); !there;) rig_turn(r, t); */
void rig_turn(struct rig *r, uint64_t began_ns);
/* Until *what is true. */
void rig_wait(struct rig *r, const bool *what);
void rig_read(struct rig *r, const char *name, uint64_t after, uint32_t max_rows);
/* All of the stream in pages of 7, from the floor on.  How many rows were right. */
size_t rig_read_all(struct rig *r, const char *name);
/* The core's part of a failure: heads fall back to what is stored, generation + 1. */
void rig_fall_back(struct rig *r);
/* n messages between four users, and durable. */
void rig_send_some(struct rig *r, int n);
/* Every stream, and how many rows of them were right; how many places the model has. */
size_t rig_read_everything(struct rig *r);
size_t rig_places(const struct rig *r);
/* The database and its WAL of a copy in place of the closed store's. */
void rig_put_back(struct rig *r, const char *name);
char *rig_epoch(struct rig *r, char out[EPOCH_BYTES + 1]);
/* As the sealed head has it. */
char *rig_epoch_of_file(const struct rig *r, char out[EPOCH_BYTES + 1]);

/* For cmocka: *state is an open rig with a SQLite store. */
int rig_setup_sqlite(void **state);
int rig_teardown(void **state);

#endif
