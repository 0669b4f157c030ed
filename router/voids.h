/*
 * voids: which tickets are void, and the close code to say so: those of a user or of an issuer that
 * were issued at a time or before it, and those of one token.  Users need not be known.  What is
 * older than MARK_KEPT_MS counts no more, since no ticket from before is good any more; of more
 * than MARKS_MAX the oldest is.  Pure.
 */
#ifndef POSTERN_ROUTER_VOIDS_H
#define POSTERN_ROUTER_VOIDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/map.h"
#include "common/slice.h"
#include "router/mark.h"

/* In its map, and in the queue by the time of its arrival. */
struct voids_entry {
	struct mark mark; /* uid: the entry's own */
	struct voids_entry *newer;
	struct voids_entry *older;
	char uid[];
};

struct voids {
	struct map *users;   /* by uid */
	struct map *tokens;  /* by hash */
	struct map *issuers; /* by id */
	struct voids_entry *oldest;
	struct voids_entry *newest;
	size_t n;
};

/* What a ticket is, or was: of one that is live, too. */
struct voids_ticket {
	struct slice uid;
	int64_t issued_ms;
	uint64_t token_hash;
	uint32_t issuer_id;
};

/* 0 or -errno.  voids_fini() also after a failure. */
int voids_init(struct voids *v);
void voids_fini(struct voids *v);

/* Whether that mark makes the ticket void.  One of MARK_SESSION makes none. */
bool voids_names(const struct mark *mark, const struct voids_ticket *t);

/* Gives the mark the time of an earlier one of the same subject, where that is later. */
void voids_raise(const struct voids *v, struct mark *mark);
/* A mark of a user, a token or an issuer; one of the same subject is replaced, but for a later
 * time. 0, or -ENOMEM and nothing changed. */
int voids_put(struct voids *v, const struct mark *mark);
/* The close code for a ticket that is void, or 0. */
unsigned voids_code(const struct voids *v, const struct voids_ticket *t, int64_t now_ms);
/* Whether a mark of that time counts no more. */
bool voids_is_past(int64_t at_ms, int64_t now_ms);
/* Forgets what counts no more. */
void voids_forget(struct voids *v, int64_t now_ms);

#endif
