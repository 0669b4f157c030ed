/*
 * users: everybody the router has heard of, by uid, and in order those who have a session.  A
 * record is there for a user who is known, or whom somebody watches; who is known stays so, and
 * whoever has sent or received a message is known.  Pure.
 */
#ifndef POSTERN_ROUTER_USERS_H
#define POSTERN_ROUTER_USERS_H

#include <stdbool.h>
#include <stdint.h>

#include "common/map.h"
#include "common/slice.h"
#include "router/message.h"

struct session;
struct watch;
struct position;

/* Of one stream. */
struct numbers {
	struct message_place head;   /* the last that was given out */
	struct message_place stored; /* the last that is on disk and was told */
	uint64_t floor;		     /* lowest that is kept; stored.seq + 1: none */
};

struct user {
	struct numbers numbers;
	struct message_place acked; /* as far as the store said what place that is */
	uint64_t acked_seq;	    /* highest that any device acknowledged */
	uint64_t acked_system;
	bool has_begun;		    /* the store knows of him, and acked_system is where he began */
	uint32_t n_inboxes;	    /* that he made on that day */
	int64_t inboxes_day;	    /* since 1970 */
	struct position *positions; /* positions.c */
	struct position *unnamed;
	uint32_t n_positions;
	struct session *sessions; /* sessions.c; the sessions of one link are neighbours */
	uint32_t n_sessions;
	uint32_t n_calls;      /* sessions of HTTP requests, which nobody sees */
	struct session *calls; /* of them, as sessions */
	uint32_t n_away;       /* of them */
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
