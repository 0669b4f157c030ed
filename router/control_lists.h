/*
 * control_lists: what routerctl's questions list, built in an arena.  Loop thread only.
 */
#ifndef POSTERN_ROUTER_CONTROL_LISTS_H
#define POSTERN_ROUTER_CONTROL_LISTS_H

#include <stdint.h>

#include "ctl.pb-c.h"
#include "router/hub.h"

/* All fill *out with memory of the arena and of the core (until its next step): 0 or -ENOMEM.
 */
int control_who(struct hub *h, struct arena *arena, struct slice after, Pb__CtlUsers *out);
/* Also -ENOENT. */
int control_user(struct hub *h, struct arena *arena, struct slice uid, Pb__CtlUsers *out);
int control_inbox(struct hub *h, struct arena *arena, struct slice uid, Pb__CtlInboxState *out);
int control_edges(struct hub *h, struct arena *arena, Pb__CtlEdgeList *out);
int control_top(struct hub *h, struct arena *arena, uint32_t count, Pb__CtlTopList *out);
int control_why(struct hub *h, struct arena *arena, struct slice uid, Pb__CtlReasons *out);
int control_stats(struct hub *h, struct arena *arena, Pb__CtlStatList *out);
int control_tail(
	struct hub *h, struct arena *arena, uint64_t after, struct slice user, Pb__CtlTailed *out);

#endif
