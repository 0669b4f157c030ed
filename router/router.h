/*
 * router: builds the parts, owns the loop, and ends it.
 */
#ifndef POSTERN_ROUTER_ROUTER_H
#define POSTERN_ROUTER_ROUTER_H

#include "router/config.h"

struct router;

/* What needs no socket.  config is borrowed for ever.  0 and an owned *out, or -errno and a logged
 * line. */
int router_new(struct router **out, const struct router_config *config);

/* Opens every socket that it will ever have.  0, or -errno and a logged line. */
int router_listen(struct router *r);

/* Until SIGTERM or SIGINT and what was to be said is said (0), or the ticket key is unsafe
 * (-EACCES). */
int router_run(struct router *r);

#endif
