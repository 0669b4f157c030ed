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
	uint64_t low;	 /* rows from here on are there; below floor: to be taken away */
	bool is_written; /* it has a row */
	bool is_dirty;	 /* which is older than this */
};

struct store_person {
	uint64_t id;
	struct store_person_state state;
	bool is_touched; /* in the undo */
	bool is_untidy;	 /* in the list of those with low < floor */
	struct store_person *next_untidy;
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

/* The row's blob, without its MAC. */
#define STORE_PERSON_MAX_BYTES (1 + UID_MAX_BYTES + 9 * 8)
size_t store_person_encode(const struct store_person *p, char out[STORE_PERSON_MAX_BYTES]);
bool store_person_decode(struct slice in, struct slice *uid, struct store_person_state *out);

#endif
