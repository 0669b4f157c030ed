/*
 * link: the numbers and the credit of one link, and the batches that wait for it.  Pure: links.c
 * moves the bytes.  The rules are those of proto/link.proto.
 */
#ifndef POSTERN_ROUTER_LINK_H
#define POSTERN_ROUTER_LINK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "link.pb-c.h"
#include "proto/limits.h"
#include "router/batch.h"

struct link {
	uint32_t wire; /* the lower of the two sides' versions */
	/* from the edge */
	uint64_t rx_number; /* of the last batch that was taken */
	uint64_t rx_told;   /* the edge knows that its batches up to here were seen */
	size_t rx_bytes;    /* of the batches after rx_told */
	uint32_t rx_sizes[LINK_WINDOW_BATCHES];
	/* to the edge */
	uint64_t tx_number; /* of the last batch that was made */
	uint64_t tx_seen;   /* the edge saw up to here */
	size_t tx_bytes;    /* of the batches after tx_seen */
	uint32_t tx_sizes[LINK_WINDOW_BATCHES];
	uint64_t head_told; /* the last system_head that was sent */
	struct batch waiting;
};

void link_init(struct link *l);
void link_fini(struct link *l);
/* For a new edge on the same socket, which speaks that version. */
void link_reset(struct link *l, uint32_t wire);

enum link_take {
	LINK_TAKEN,
	LINK_GAP,	  /* not the next number */
	LINK_OVER_CREDIT, /* more unseen batches or bytes than the window has */
	LINK_BAD_SEEN,	  /* saw what was not sent, or less than before */
};
/* A batch of that many bytes came.  On anything but LINK_TAKEN the link must be closed. */
enum link_take link_take(struct link *l, uint64_t number, uint64_t seen, size_t bytes);

/* 0; -ENOBUFS: the edge does not keep up, close it; -ENOMEM. */
int link_add(struct link *l, const Pb__DownItem *item, size_t elements);
size_t link_queued(const struct link *l);

enum link_due {
	LINK_NOTHING,
	LINK_HEADER, /* a batch without items: the edge needs credit, or should know system_head */
	LINK_ITEMS,
};
/* What the next message is.  on_tick: any news of seen or system_head is worth one; it also tells
 * the edge that the router lives. */
enum link_due link_due(const struct link *l, uint64_t system_head, bool on_tick);

/* How many bytes the next message has, and its bytes; due is not LINK_NOTHING.  make counts it as
 * sent; its result is the number of items. */
size_t link_next_bytes(const struct link *l, enum link_due due, uint64_t system_head);
size_t link_make(struct link *l, enum link_due due, uint64_t system_head, char *out);

#endif
