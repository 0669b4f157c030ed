/*
 * ticketring: the change from one ticket key to the next.  A new key waits as the candidate until
 * the router has it; then it mints, and the one before is good for as long as what it made.  What
 * counts is on disk: after a start in between the older key mints until the router was heard, so a
 * change that was begun goes on.  Loop thread only; time is an argument, CLOCK_BOOTTIME.
 */
#ifndef POSTERN_AUTH_TICKETRING_H
#define POSTERN_AUTH_TICKETRING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/cleanup.h"
#include "proto/ticket.h"

struct ticketring;

/* keys are those of dir, loaded, and borrowed for life; dir is copied.  0 and an owned *out, or
 * -errno. */
int ticketring_new(struct ticketring **out, struct ticket_keys *keys, const char *dir);
void ticketring_free(struct ticketring *r);
DEFINE_FREEP(struct ticketring, ticketring_free)

/* The newest key's id, which the router is asked to load. */
unsigned char ticketring_wanted(const struct ticketring *r);
/* What the router takes, as it says after each question; n 0: it does not say. */
void ticketring_router_has(struct ticketring *r, const uint32_t *ids, size_t n, int64_t now_ms);

/* Makes the next key: ticketring_wanted() is another one now.  0, -EBUSY: the change before is not
 * over, or -errno: nothing was changed. */
int ticketring_rotate(struct ticketring *r);

/* Now and then.  true: the older key's time is over; it is gone, and its file. */
bool ticketring_tick(struct ticketring *r, int64_t now_ms);

struct ticketring_line {
	unsigned char id;
	bool is_minting;
	bool router_has_it;
	int64_t retires_in_ms; /* 0: it does not */
};
/* The oldest first; how many. */
size_t ticketring_list(
	const struct ticketring *r, int64_t now_ms, struct ticketring_line out[TICKET_KEYS_MAX]);

#endif
