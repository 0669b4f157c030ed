/*
 * core_internal: what core.c (dispatch, queries), core_sessions.c (who is there) and
 * core_messages.c (who gets what) share, and nobody else sees.
 */
#ifndef POSTERN_ROUTER_CORE_INTERNAL_H
#define POSTERN_ROUTER_CORE_INTERNAL_H

#include "router/commands.h"
#include "router/core.h"
#include "router/presence.h"
#include "router/sessions.h"
#include "router/text.h"
#include "router/users.h"

struct core {
	struct core_config config;
	struct commands commands;
	struct users users;
	struct sessions sessions;
	struct presence presence;
	uint64_t system_head;
	int64_t now_ms; /* of the last event */
	struct core_counts counts;
	char epoch[EPOCH_BYTES];
};

/* 0, or -ENOMEM and the state is as before.  The commands are thrown away then. */
typedef int core_handler_fn(struct core *c, const struct core_event *e);

core_handler_fn core_on_edge_up;
core_handler_fn core_on_edge_down;
core_handler_fn core_on_open;
core_handler_fn core_on_close;
core_handler_fn core_on_watch;
core_handler_fn core_on_away;
core_handler_fn core_on_renew;
core_handler_fn core_on_user_known;
core_handler_fn core_on_kick;
core_handler_fn core_on_tick;

core_handler_fn core_on_send;
core_handler_fn core_on_push; /* CORE_PUSH and CORE_CTL_PUSH */
core_handler_fn core_on_typing;

/* Whose is the session that an event of this link names? */
enum owner {
	OWNER_NONE,  /* another link's, or nobody's: a violation */
	OWNER_ENDED, /* it was this edge's: the edge had not heard of the end */
	OWNER_LINK,
};
enum owner core_owner(
	const struct core *c, const struct core_event *e, uint64_t id, struct session **out);

/* what is a literal. */
int core_violation(struct core *c, const struct core_event *e, const char *what);

#endif
