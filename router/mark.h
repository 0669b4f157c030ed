/*
 * mark: what must outlive a router in the store beside messages: revocations, and sessions that
 * were ended for good (kicked, replaced, logged out, revoked).  A ticket dies within
 * SESSION_MAX_MS, and with the boot, so a mark is kept for MARK_KEPT_MS of CLOCK_BOOTTIME of the
 * same boot and no longer.
 */
#ifndef POSTERN_ROUTER_MARK_H
#define POSTERN_ROUTER_MARK_H

#include <stdint.h>

#include "common/slice.h"

enum mark_kind {
	MARK_USER = 1, /* uid: tickets issued at at_ms or before are void */
	MARK_TOKEN,    /* id: the token hash; every ticket with it is void */
	MARK_ISSUER,   /* id: the issuer's; tickets issued at at_ms or before are void */
	MARK_SESSION,  /* id: the session's, which is not opened again; of edge_id and edge_epoch */
};

/* One of a kind and uid, or of a kind and id: a later one replaces it. */
struct mark {
	enum mark_kind kind;
	struct slice uid; /* borrowed; MARK_USER, and MARK_TOKEN where known; else empty */
	uint64_t id;
	int64_t at_ms; /* CLOCK_BOOTTIME */
	unsigned code; /* close code that it was done with */
	uint32_t edge_id;
	uint32_t edge_epoch;
};

#endif
