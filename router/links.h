/*
 * links: MAX_EDGES PAIR sockets under random names, opened at start and never closed; each is
 * leased to one edge at a time (lease.h).  Batches in are decoded and dispatched; what was added
 * for a link during a turn of the loop goes out in one message at its end.  Loop thread only.
 */
#ifndef POSTERN_ROUTER_LINKS_H
#define POSTERN_ROUTER_LINKS_H

#include <stdbool.h>
#include <stdint.h>

#include "router/hub.h"
#include "router/lease.h"
#include "router/metrics.h"

struct links;

/* Opens all sockets in run/router/link/.  0 and an owned *out that lives for ever, or -errno. */
int links_new(struct links **out, struct hub *hub);

/*
 * Gives the slot's socket a new name, for one lease: who had the slot before may know the old one
 * and could sit on it.  The path, valid until the next renaming.
 */
const char *links_rename(struct links *ls, uint32_t slot);

/* One item for a link; without effect when nobody has it. */
void links_opened(struct links *ls, const struct core_command *c);
void links_refuse_open(struct links *ls, uint32_t slot, uint64_t nonce, unsigned code);
void links_result(struct links *ls, const struct core_command *c);
void links_deliver(struct links *ls, const struct core_command *c);
void links_shut(struct links *ls, const struct core_command *c);
void links_page(struct links *ls, const struct core_command *c);
void links_stream_reset(struct links *ls, const struct core_command *c);
void links_system(struct links *ls, uint32_t slot, Pb__SystemMessage *message);
void links_refuse_send(
	struct links *ls, uint32_t slot, uint64_t ref, unsigned code, const char *field);

/* The version that is spoken with the slot's edge: what is newer is neither sent nor taken. */
uint32_t links_wire(const struct links *ls, uint32_t slot);
/* Asks an edge to close its clients and leave.  0 and how many sessions it has; -ENOENT: no such
 * edge. */
int links_drain(struct links *ls, uint32_t edge_id, uint64_t *out_sessions);

/* The ticket key changed: each edge gets a credential made with the new one. */
void links_new_credentials(struct links *ls);
/* The edges whose wire cannot say that lose their links, and get one with the next. */
void links_end_old_credentials(struct links *ls);

void links_gauges(struct links *ls, uint32_t slot, const Pb__UpGauges *gauges);

/* The edge broke a rule; what is a literal.  At EDGE_VIOLATIONS_PER_MINUTE it is put in quarantine.
 */
void links_violation(struct links *ls, uint32_t slot, const char *what);
/* Closes the link when the turn is over; why is a literal word. */
void links_close(struct links *ls, uint32_t slot, const char *why);

/* At the end of each turn: ends what is marked, then sends what there is. */
void links_turn(struct links *ls);
/* Every 250 ms: deadlines, silence, and news for links that had nothing else to hear. */
void links_tick(struct links *ls, int64_t now_ms);
/* Whether anything still waits for its turn to be sent. */
bool links_are_idle(const struct links *ls);

void links_view(const struct links *ls, struct router_view *out);

#endif
