/*
 * contacts: which two users exchanged a message, and when last, to the day.  Names are kept as
 * keyed hashes of 128 bits.  Pure.
 */
#ifndef POSTERN_ROUTER_CONTACTS_H
#define POSTERN_ROUTER_CONTACTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/slice.h"

struct contact {
	uint64_t key[2];
	int64_t last_ms; /* wall; 0: an empty slot */
};

struct contacts {
	uint64_t k[4];
	struct contact *slots; /* a power of two */
	size_t n_slots;
	size_t n;
	size_t swept; /* the next slot of the sweep */
};

void contacts_init(struct contacts *cs, uint64_t random);
void contacts_fini(struct contacts *cs);

/* Whether a sorts before b, as the store wants it. */
bool contacts_in_order(struct slice a, struct slice b);
/* In any order; 0: never, or forgotten. */
int64_t contacts_last(const struct contacts *cs, struct slice a, struct slice b);
/* 0 or -ENOMEM.  last_ms is not 0. */
int contacts_put(struct contacts *cs, struct slice a, struct slice b, int64_t last_ms);
/* Forgets those before that time among the next max slots. */
void contacts_sweep(struct contacts *cs, int64_t before_ms, size_t max);

#endif
