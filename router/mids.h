/*
 * mids: which message ids were used lately, and what became of their messages, so that a send that
 * is tried again makes no second message.  An id belongs to a (user, device).  Names are kept as
 * keyed hashes of 64 bits, and a message as another: a second message that is taken for the first
 * would have to meet both.  Bounds: MIDS_PER_DEVICE, MIDS_MAX, MIDS_MS.  Pure.
 */
#ifndef POSTERN_ROUTER_MIDS_H
#define POSTERN_ROUTER_MIDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/map.h"
#include "router/core.h"

struct pending;
struct mids_device;

struct mid {
	uint64_t key;
	uint64_t check; /* of the message */
	uint64_t seq;	/* what became of it, as the result says it */
	int64_t at_ms;
	struct pending *pending; /* NULL: it is stored */
	struct mids_device *owner;
	uint32_t older; /* indexes; 0 is the ring's own */
	uint32_t newer;
	uint32_t older_here; /* of its device */
	uint32_t newer_here;
	uint32_t devices;
	enum core_state state;
};

/* The tag is of the key: most questions are answered without a look at the record. */
struct mids_slot {
	uint32_t tag;
	uint32_t i; /* 0: empty */
};

struct mids {
	uint64_t k[4];
	struct mid *list;	 /* [0]: newer is the oldest, older the newest of all */
	struct mids_slot *slots; /* 2 * cap, by tag */
	uint32_t cap;		 /* of list, a power of two */
	uint32_t used;		 /* of list; those given back are in the chain of free ones */
	uint32_t free_first;
	size_t n;
	struct map *devices;
};

/* 0 or -ENOMEM.  mids_fini() also after a failure. */
int mids_init(struct mids *m, uint64_t random);
void mids_fini(struct mids *m);

struct mids_name {
	uint64_t device; /* of (user, device) */
	uint64_t key;
	uint64_t check;
};
/* Of the message's from, device and mid, and of what it says to whom. */
void mids_name(const struct mids *m, const struct message *message, struct mids_name *out);

/* An index, or 0: not known. */
uint32_t mids_find(const struct mids *m, const struct mids_name *name, int64_t now_ms);
static inline struct mid *mids_at(const struct mids *m, uint32_t i)
{
	return &m->list[i];
}
/* The name must not be there, but for one that is too old.  What is over a bound is forgotten. 0:
 * out of memory, and nothing changed. */
uint32_t mids_add(struct mids *m, const struct mids_name *name, int64_t now_ms);
void mids_remove(struct mids *m, uint32_t i);
/* Forgets what is too old, at most max of them. */
void mids_expire(struct mids *m, int64_t now_ms, size_t max);

#endif
