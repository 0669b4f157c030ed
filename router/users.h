/*
 * users: everybody the router has heard of, by uid, and in order those who have a session.  A
 * record is there for a user who is known, or whom somebody watches.  Pure.
 */
#ifndef POSTERN_ROUTER_USERS_H
#define POSTERN_ROUTER_USERS_H

#include <stdbool.h>
#include <stdint.h>

#include "common/map.h"
#include "common/slice.h"

struct session;
struct watch;

struct user {
	uint64_t seq;		  /* last number of the user's stream */
	struct session *sessions; /* sessions.c; the sessions of one link are neighbours */
	uint32_t n_sessions;
	uint32_t n_away; /* of them */
	bool known;
	bool is_dirty;		/* presence.c */
	struct watch *watchers; /* presence.c, as what follows */
	struct user *dirty_next;
	struct user *dirty_prev;
	int64_t due_ms;
	uint64_t rank; /* users.c: the roster's tree */
	struct user *left;
	struct user *right;
	size_t uid_len;
	char uid[];
};

static inline struct slice user_uid(const struct user *u)
{
	return (struct slice){u->uid, u->uid_len};
}

struct users {
	struct map *by_uid;
	struct user *roster; /* those with a session */
	uint64_t rank_key;
	uint64_t n_known;
	uint64_t n_online;
};

/* 0 or -errno.  users_fini() also after a failure. */
int users_init(struct users *us, uint64_t random);
void users_fini(struct users *us);

/* NULL: there is no record. */
struct user *users_find(const struct users *us, struct slice uid);
/* The record, made if there is none; NULL: out of memory. */
struct user *users_make(struct users *us, struct slice uid);
void users_know(struct users *us, struct user *u);
/* Frees the record if nothing needs it. */
void users_drop_idle(struct users *us, struct user *u);

/* The first session came, or the last one went. */
void users_enrol(struct users *us, struct user *u);
void users_strike(struct users *us, struct user *u);
/* The first with a session whose uid sorts after that (bytewise), or NULL. */
const struct user *users_next_online(const struct users *us, struct slice after);

#endif
