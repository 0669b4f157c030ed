/*
 * hello: router.sock.  An edge says HELLO and gets a leased link, its identity and a credential
 * that brings the same identity back later.  Loop thread only.
 */
#ifndef POSTERN_ROUTER_HELLO_H
#define POSTERN_ROUTER_HELLO_H

#include <stdint.h>

#include "router/hub.h"

struct hello;

/* Listens.  0 and an owned *out that lives for ever, or -errno (-EADDRINUSE: a router runs there).
 */
int hello_new(struct hello **out, struct hub *hub);
/* A link's pipe is gone: who waited for it gets it. */
void hello_slot_free(struct hello *he, uint32_t slot);
/* Every 250 ms. */
void hello_tick(struct hello *he, int64_t now_ms);

#endif
