/*
 * positions: how far each device of a user has read, and which of these the store has still to be
 * told.  At most DEVICES_PER_USER devices; the one that was seen longest ago makes room.  What
 * connections without a device of their own acknowledge is kept as of no device.  Pure.
 */
#ifndef POSTERN_ROUTER_POSITIONS_H
#define POSTERN_ROUTER_POSITIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/limits.h"
#include "router/users.h"

struct position {
	struct user *user;
	struct position *next; /* of the user */
	struct position *dirty_next;
	struct position *dirty_prev;
	uint64_t u;
	uint64_t s;
	int64_t seen_ms; /* wall */
	int64_t told_ms; /* seen_ms as the store has it */
	bool is_dirty;
	uint8_t device_len; /* 0: of no device */
	char device[DEVICE_MAX_BYTES];
};

static inline struct slice position_device(const struct position *p)
{
	return (struct slice){p->device, p->device_len};
}

/* All zero: empty. */
struct positions {
	struct position *dirty_first; /* dirty longest */
	struct position *dirty_last;
};

/* Chosen by the client, so that it means the same device the next time. */
bool device_is_named(struct slice device);

/* NULL: there is none. */
struct position *positions_find(const struct user *u, struct slice device);
/*
 * The record, made if there is none.  When the places of all devices are taken by some that the
 * store has not been told of, the one of no device.  NULL: out of memory, and nothing changed.
 */
struct position *positions_make(struct positions *ps, struct user *u, struct slice device);
/* The device has at least this much; never back. */
void positions_raise(struct positions *ps, struct position *p, uint64_t u, uint64_t s);
void positions_seen(struct positions *ps, struct position *p, int64_t wall_ms);
/* The store is told of this one. */
void positions_told(struct positions *ps, struct position *p);
/* The lowest u of the user's devices, but for those that have lost what comes next already; false:
 * there is none. */
bool positions_lowest(const struct user *u, uint64_t *out);
/* All records of the user. */
void positions_free(struct positions *ps, struct user *u);

#endif
