/*
 * trust: tells the router the numbered facts (facts.h) over trust.sock.  The router answers the
 * last number it took, so whatever it misses, or forgot at a restart, is sent again from there.
 * Loop thread only.
 */
#ifndef POSTERN_AUTH_TRUST_H
#define POSTERN_AUTH_TRUST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>

#include "auth/facts.h"
#include "common/bus.h"

struct trust;

/* Dials path in the background.  facts is borrowed.  0 and an owned *out, or -errno.  Lives as long
 * as the process, as its socket does. */
int trust_new(struct trust **out, uv_loop_t *loop, struct bus *bus, const char *path,
	struct facts *facts);

/* There are new facts: they are sent now and not at the next second. */
void trust_tell(struct trust *t);

/* Somebody who waits for a fact to be in force.  Owned by him until done() is called. */
struct trust_wait {
	void (*done)(struct trust_wait *w, bool in_force);
	/* the rest is private to trust.c */
	struct trust_wait *next;
	uint64_t number;
	int64_t until_ms;
};
/*
 * done() is called once, later, from the loop: the router has everything up to this number, in
 * force and on its disk; or in_force is false: not within REVOKE_CONFIRM_MS.  Tells, too.
 */
void trust_wait_for(struct trust *t, struct trust_wait *w, uint64_t number);

/* The ticket key that the router is asked to load, in every question from now on; 0: none.  Asks at
 * once. */
void trust_want_ticket_key(struct trust *t, uint32_t id);
/* keys() hears after every answer which ticket keys the router takes; ids are borrowed.  An older
 * router says nothing: n is 0. */
typedef void trust_keys_fn(void *arg, const uint32_t *ids, size_t n);
void trust_on_ticket_keys(struct trust *t, trust_keys_fn *keys, void *arg);

#endif
