/*
 * lease: which edge may use which slot.  A HELLO leases a slot to an identity (edge id and epoch)
 * under a fresh key; the first message on the link shows the key.  Pure: time and randomness are
 * given.
 */
#ifndef POSTERN_ROUTER_LEASE_H
#define POSTERN_ROUTER_LEASE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/slice.h"
#include "proto/limits.h"

#define LEASE_QUARANTINED 256 /* identities that are remembered as refused */

enum slot_state {
	SLOT_FREE,
	SLOT_LEASED,  /* given, not claimed yet */
	SLOT_LIVE,    /* claimed with the key */
	SLOT_CLOSING, /* its pipe is being closed */
};

struct lease_identity {
	uint32_t id;
	uint32_t epoch;
};

struct lease_slot {
	enum slot_state state;
	struct lease_identity edge;
	uint32_t wire; /* of its link; stays until the slot is leased anew */
	unsigned char key[LINK_KEY_BYTES];
	int64_t claim_by_ms;
	int64_t used_ms;    /* last leased */
	int64_t tainted_ms; /* last time that somebody came to it who had no key: leased after
			       others */
};

struct leases {
	struct lease_slot slots[MAX_EDGES];
	struct lease_identity quarantined[LEASE_QUARANTINED]; /* a ring */
	size_t n_quarantined;
	int64_t bucket_ms; /* HELLOs: up to this time is spent; 1/s, burst MAX_EDGES */
};

void leases_init(struct leases *ls);

/* Whether one more HELLO is within the rate; *out_after_ms is for a refusal. */
bool leases_admit(struct leases *ls, int64_t now_ms, uint32_t *out_after_ms);

/* An identity of the router's own drawing from the caller's random number: no other edge has its
 * id. */
struct lease_identity leases_draw(const struct leases *ls, uint64_t random);

struct lease_ask {
	int64_t now_ms;
	struct lease_identity edge;
	uint32_t wire; /* the lower of the edge's version and ours */
	unsigned char key[LINK_KEY_BYTES];
};
enum lease_result {
	LEASE_GIVEN,
	LEASE_BUSY,    /* no free slot */
	LEASE_REFUSED, /* quarantined */
	LEASE_HELD,    /* this identity has a live link: *out_slot */
};
enum lease_result leases_ask(struct leases *ls, const struct lease_ask *ask, uint32_t *out_slot);

/* The first message showed this key.  false: wrong, too late, or nothing was leased. */
bool leases_claim(struct leases *ls, uint32_t slot, struct slice key, int64_t now_ms);
void leases_closing(struct leases *ls, uint32_t slot);
/* Somebody without the key came. */
void leases_taint(struct leases *ls, uint32_t slot, int64_t now_ms);
/* The pipe is gone.  A lease that was not claimed yet stays until its time. */
void leases_end(struct leases *ls, uint32_t slot);
/* Frees what was not claimed in time. */
void leases_tick(struct leases *ls, int64_t now_ms);
/* Its lease is void and its credential is refused from now on. */
void leases_quarantine(struct leases *ls, struct lease_identity edge);

#endif
