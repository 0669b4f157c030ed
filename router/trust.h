/*
 * trust: trust.sock, where auth alone may speak: which users exist.  Loop thread only.
 */
#ifndef POSTERN_ROUTER_TRUST_H
#define POSTERN_ROUTER_TRUST_H

#include "router/hub.h"

struct trust;

/* Listens.  0 and an owned *out that lives for ever, or -errno. */
int trust_new(struct trust **out, struct hub *hub);

#endif
