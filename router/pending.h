/*
 * pending: messages that have their numbers and are not on disk yet, in the order of these numbers,
 * each with everything that its readers and its sender are to be told when it is.  One allocation
 * each.  Pure.
 */
#ifndef POSTERN_ROUTER_PENDING_H
#define POSTERN_ROUTER_PENDING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/limits.h"
#include "router/message.h"
#include "router/users.h"

/* Who is to be answered. */
struct asker {
	bool is_operator;
	uint32_t link; /* not of an operator */
	uint64_t turn; /* of the link, when he asked: another edge may hold it later */
	uint64_t ref;
};

/* One who asked again meanwhile. */
struct waiter {
	struct waiter *next;
	struct asker asker;
};

struct pending {
	struct pending *next;
	uint64_t number;
	bool is_failed;	   /* to be refused */
	struct user *to;   /* NULL: the system stream */
	struct user *from; /* NULL: an operator */
	uint64_t session;  /* of the sender; 0: none */
	struct asker asker;
	struct waiter *waiters; /* owned, the first first */
	struct waiter **last_waiter;
	uint32_t mid;		/* in mids.h; 0: not remembered */
	struct message message; /* points into text */
	char text[];
};

struct pendings_count {
	size_t rows;  /* and who waits for one */
	size_t bytes; /* of bodies */
};

struct pendings {
	struct pending *first;
	struct pending **last;
	struct pendings_count all;
	struct pendings_count of_link[MAX_EDGES]; /* of all, what came by its link */
};

void pendings_init(struct pendings *ps);
void pendings_fini(struct pendings *ps);

/* Owned, with a copy of the message; NULL: out of memory. */
struct pending *pending_new(const struct message *m);
void pending_free(struct pending *p);

/* At the end, and given away. */
void pendings_add(struct pendings *ps, struct pending *p);
/* false: out of memory. */
bool pendings_wait(struct pendings *ps, struct pending *p, const struct asker *asker);
/* The first one, owned by the caller again. */
struct pending *pendings_take(struct pendings *ps);

#endif
