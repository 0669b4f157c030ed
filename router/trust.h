/*
 * trust: trust.sock, where auth alone may speak: which users exist, and what is revoked.  Loop
 * thread only.
 */
#ifndef POSTERN_ROUTER_TRUST_H
#define POSTERN_ROUTER_TRUST_H

#include "router/hub.h"
#include "router/told.h"

struct trust;

/* Listens.  0 and an owned *out that lives for ever, or -errno. */
int trust_new(struct trust **out, struct hub *hub);

/* The core made a mark of a fact, which goes to the store now. */
void trust_marking(struct trust *t, uint64_t tag);
/* And what became of it. */
void trust_marked(struct trust *t, uint64_t tag, bool is_durable);

#endif
