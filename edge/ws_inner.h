/*
 * ws_inner: what ws.c (writing, and libwebsockets' callbacks) and ws_start.c (its context, and
 * adoption) share.  For these two files alone, the only ones that include libwebsockets.h.
 */
#ifndef POSTERN_EDGE_WS_INNER_H
#define POSTERN_EDGE_WS_INNER_H

#include <libwebsockets.h>

#include "edge/ws.h"

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

/* All of libwebsockets' callbacks. */
int ws_on_lws(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in, size_t len);
/* Calls on_closed(), once. */
void ws_tell_closed(struct ws_link *link);

#endif
