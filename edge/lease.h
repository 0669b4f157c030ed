/*
 * lease: what a HELLO gave us, beside a path and a key, and what it means for the sessions that we
 * hold.  Pure.
 */
#ifndef POSTERN_EDGE_LEASE_H
#define POSTERN_EDGE_LEASE_H

#include <stdint.h>

struct lease {
	uint32_t edge_id; /* 0: none */
	uint32_t edge_epoch;
	uint64_t router_start; /* drawn at each router start */
};

enum uplink_change {
	UPLINK_FIRST,
	UPLINK_SAME_ROUTER, /* it closed our link: it has ended all sessions */
	UPLINK_NEW_ROUTER,  /* it was started anew: sessions may be reopened with their tickets */
	UPLINK_NEW_EDGE,    /* we have another id or epoch: tickets from before are void */
};

/* From the link that was claimed last to one that is claimed now. */
enum uplink_change lease_change(const struct lease *claimed, const struct lease *now);

#endif
