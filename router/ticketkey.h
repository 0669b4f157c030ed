/*
 * ticketkey: the keys that auth makes in state/ticket/.  Until the first is there, HELLOs are
 * answered busy, so no link and no ticket can come; later auth says when there is a new one.  Loop
 * thread only.
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

/*
 * Auth is going to mint with this key (each second it says so anew; 0: it says nothing).  It is
 * loaded, credentials are made with it, and every edge gets one; a key whose file auth has removed
 * is dropped.  Trouble is logged: then ticket_keys_has() is false for the id.
 */
void ticketkey_wanted(struct hub *h, uint32_t id);

/* The ids that are taken; how many. */
size_t ticketkey_ids(const struct hub *h, uint32_t out[TICKET_KEYS_MAX]);

/* Looks once; called every 250 ms until it is ready. */
enum ticketkey_result ticketkey_look(struct ticketkey *tk, struct hub *h, int64_t now_ms);

#endif
