/*
 * links_internal: what links.c (sockets) and link_items.c (items to an edge) share, and nobody else
 * sees.
 */
#ifndef POSTERN_ROUTER_LINKS_INTERNAL_H
#define POSTERN_ROUTER_LINKS_INTERNAL_H

#include "router/link.h"
#include "router/links.h"
#include "router/silence.h"

struct violations {
	uint64_t total;
	unsigned in_minute;
	int64_t minute_ms;
};

struct edge_link {
	struct links *owner;
	uint32_t slot;
	struct bus_socket *socket;
	char path[LINK_PATH_MAX_BYTES + 1];
	uint32_t pipe;	 /* 0: nobody is connected */
	const char *why; /* marked to be closed, with this reason */
	bool closed;	 /* and that was done; its pipe is on its way out */
	bool live;	 /* claimed: edge and what follows are valid */
	int64_t up_ms;
	int64_t heard_ms;
	struct lease_identity edge;
	struct link link;
	struct violations violations;
	struct silence silence;
	Pb__UpGauges gauges;
};

struct links {
	struct hub *hub;
	bool on_tick;
	struct edge_link links[MAX_EDGES];
};

/* link_items.c */
void links_credential(struct links *ls, uint32_t slot);

#endif
