/*
 * batches: what goes up the link, collected into messages, numbered, and held back when the router
 * has not processed enough of what it got (credit).  Items are packed when they are added; a
 * message is what was added since the last one.  Pure: the caller moves the bytes.
 */
#ifndef POSTERN_EDGE_BATCHES_H
#define POSTERN_EDGE_BATCHES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/slice.h"
#include "link.pb-c.h"
#include "proto/limits.h"

struct batch;

/* Embedded; batches_init() first. */
struct batches {
	struct batch *first; /* oldest that waits; the last one still grows */
	struct batch *last;
	size_t waiting_bytes;
	uint64_t sent; /* number of the last batch that was sent */
	uint64_t seen; /* highest of ours that the router processed */
	size_t unseen_bytes;
	uint32_t sizes[LINK_WINDOW_BATCHES]; /* of the unseen, by number */
};

void batches_init(struct batches *b);
/* Forgets all that waits and all numbers: the link is a new one. */
void batches_reset(struct batches *b);

/* Copies item.  0; -EAGAIN: more than max_waiting bytes wait already; -EMSGSIZE; -ENOMEM. */
int batches_add(struct batches *b, const Pb__UpItem *item, size_t max_waiting);

struct batches_head {
	uint32_t wire;	  /* of the link */
	struct slice key; /* in number 1; else empty */
	uint64_t seen;	  /* of the router's batches */
	bool is_due;	  /* send even without items, to say what was seen */
};
/* Bytes of the next message, 0: nothing to send, or no credit. */
size_t batches_size(const struct batches *b, const struct batches_head *head);
/* Writes exactly that many bytes; they count as sent. */
void batches_write(struct batches *b, const struct batches_head *head, char *out);

/* The router has processed number n.  false: it was never sent. */
bool batches_on_seen(struct batches *b, uint64_t n);

#endif
