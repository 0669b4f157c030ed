/*
 * syncs: which sessions want a page of their inbox, in the order in which they came, and how many
 * pages are on their way: never more than a bound, so that many who catch up at once cost the
 * router no more than a few.  Names sessions, never connections.  Pure.
 */
#ifndef POSTERN_EDGE_SYNCS_H
#define POSTERN_EDGE_SYNCS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Embedded; all zero: empty. */
struct syncs {
	uint64_t *ring; /* of cap sessions */
	size_t cap;
	size_t first;
	size_t n;
	size_t in_flight;
};

/* At the end of the queue.  0 or -ENOMEM. */
int syncs_want(struct syncs *s, uint64_t session);
/* The first in the queue, while a page may be asked for.  It stays there. */
bool syncs_peek(const struct syncs *s, uint64_t *out);
/* The first is served (is_asked: a page is on its way) or is none any more. */
void syncs_shift(struct syncs *s, bool is_asked);
/* A page came, or its session ended. */
void syncs_done(struct syncs *s);
/* The link is gone, and with it all that was asked; frees. */
void syncs_reset(struct syncs *s);

#endif
