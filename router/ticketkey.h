/*
 * ticketkey: waits for the key that auth makes in state/ticket/.  Until it is there, HELLOs are
 * answered busy, so no link and no ticket can come.  Loop thread only.
 */
#ifndef POSTERN_ROUTER_TICKETKEY_H
#define POSTERN_ROUTER_TICKETKEY_H

#include <stdint.h>

#include "router/hub.h"

enum ticketkey_result {
	TICKETKEY_READY,  /* h->keys is set */
	TICKETKEY_WAIT,	  /* not there yet */
	TICKETKEY_UNSAFE, /* others may read or write it, or it is no key: a line was logged */
};

struct ticketkey {
	int64_t since_ms;
	bool said;
};

/* Looks once; called every 250 ms until it is ready. */
enum ticketkey_result ticketkey_look(struct ticketkey *tk, struct hub *h, int64_t now_ms);

#endif
