/*
 * dispatch: one item of an edge's batch becomes an event of the core, or something for the hands.
 */
#ifndef POSTERN_ROUTER_DISPATCH_H
#define POSTERN_ROUTER_DISPATCH_H

#include <stdbool.h>
#include <stdint.h>

#include "link.pb-c.h"
#include "router/hub.h"

/* Item and what it holds are borrowed.  A broken rule is counted against the slot's edge. */
void dispatch_item(struct hub *h, uint32_t slot, const Pb__UpItem *item);

/* Whether the table has a handler for it on a link of that wire version. */
bool dispatch_knows(Pb__UpItem__ItemCase kind, uint32_t wire);

#endif
