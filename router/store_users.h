/*
 * store_users: everybody whom the store knows, in memory, with an undo for a batch that fails.
 */
#ifndef POSTERN_ROUTER_STORE_USERS_H
#define POSTERN_ROUTER_STORE_USERS_H

#include "common/map.h"
#include "router/store.h"
#include "router/store_mac.h"

/* What a batch may change and a rollback restores. */
struct store_person_state {
	struct message_place head;
	struct message_place acked;
	uint64_t acked_system;
	uint64_t floor;			  /* lowest number that is kept */
	struct message_place below_floor; /* the place of floor - 1 */
	struct message_place indexed;	  /* up to here in the table, from here on in the tail */
	uint64_t low;	 /* the table's first number; below floor: to be taken away */
	bool is_written; /* it has a row */
	bool is_dirty;	 /* which is older than this */
};

/* A number whose row of the stream is not written yet. */
struct store_tail {
	uint64_t message; /* 0: it was damaged */
	uint64_t rows;	  /* of its place */
	uint64_t bytes;
};

struct store_person {
	uint64_t id;
	struct store_person_state state;
	bool is_touched; /* in the undo */
	bool is_untidy;	 /* in the list of those with low < floor */
	struct store_person *next_untidy;
	bool is_tailed;		 /* in the list of those with a tail */
	struct store_tail *tail; /* tail[0] is of tail_base; up to the head */
	uint64_t tail_base;
	size_t tail_cap;
	uint64_t old_seq; /* of one step of a scan */
	int64_t old_ms;
	size_t uid_len;
	char uid[];
};

struct store_person_before {
	struct store_person *person;
	struct store_person_state state;
};

struct store_users {
	struct map *by_uid;
	struct map *by_id;
	uint64_t next_id;
	struct store_person_before *undo;
	size_t n_undo;
	size_t cap_undo;
	struct store_person *untidy;
	size_t n_untidy;
};

int store_users_init(struct store_users *t);
void store_users_fini(struct store_users *t);
/* NULL: unknown. */
struct store_person *store_users_get(const struct store_users *t, struct slice uid);
struct store_person *store_users_by_id(const struct store_users *t, uint64_t id);
/* NULL: no memory, or the id or the uid is there already.  id 0: the next one. */
struct store_person *store_users_add(struct store_users *t, struct slice uid, uint64_t id);
struct slice store_person_uid(const struct store_person *p);

/* Before a batch changes p.  0 or -ENOMEM. */
int store_users_touch(struct store_users *t, struct store_person *p);
/* The batch is kept: those touched are forgotten. */
void store_users_keep(struct store_users *t);
void store_users_undo(struct store_users *t);
/* Lists p when it is untidy. */
void store_users_untidy(struct store_users *t, struct store_person *p);

/* The next number of p's tail, which becomes its head.  0 or -ENOMEM. */
int store_person_push(struct store_person *p, const struct message_place *place, uint64_t message);
/* seq is in the tail. */
const struct store_tail *store_person_tail(const struct store_person *p, uint64_t seq);

/* The row's blob, without its MAC. */
#define STORE_PERSON_MAX_BYTES (1 + UID_MAX_BYTES + 12 * 8)
size_t store_person_encode(const struct store_person *p, char out[STORE_PERSON_MAX_BYTES]);
bool store_person_decode(struct slice in, struct slice *uid, struct store_person_state *out);

#endif
