/*
 * silence: an edge that says nothing (SIGSTOP, a loop that hangs) while its pipe stands.  NNG never
 * tells of it.  Its sessions are marked away, and back when it speaks again.  Loop thread only.
 */
#ifndef POSTERN_ROUTER_SILENCE_H
#define POSTERN_ROUTER_SILENCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "router/hub.h"

struct silence {
	bool on;
	size_t n_sessions;
	uint64_t *sessions; /* that this module made away; owned */
};

/* Without effect when it is on already. */
void silence_begin(struct silence *s, struct hub *h, uint32_t slot, uint32_t edge_id);
void silence_end(struct silence *s, struct hub *h, uint32_t slot, uint32_t edge_id);
/* The link is gone, its sessions with it. */
void silence_forget(struct silence *s);

#endif
