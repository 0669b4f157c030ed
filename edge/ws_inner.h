/*
 * ws_inner: what ws.c (writing, and libwebsockets' callbacks) and ws_start.c (its context, and
 * adoption) share.  For these two files alone, the only ones that include libwebsockets.h.
 */
#ifndef POSTERN_EDGE_WS_INNER_H
#define POSTERN_EDGE_WS_INNER_H

#include "edge/ws.h"

struct lws_context;
struct lws_protocols;
struct lws_vhost;

struct ws {
	struct lws_context *context;
	struct lws_vhost *vhost;
	const struct ws_events *events;
	struct ws_link *adopting; /* while lws_adopt_*() runs */
	struct ws_link *dirty;
	size_t n_dirty;
	size_t pending_bytes;
	struct ws_counts counts;
};

#define WS_SUBPROTOCOL "postern.v1"

/* The one protocol, with all of libwebsockets' callbacks. */
extern const struct lws_protocols ws_protocols[];
/* Calls on_closed(), once. */
void ws_tell_closed(struct ws_link *link);

#endif
