/*
 * trust: tells the router which users exist, as numbered facts over trust.sock.  The router answers
 * the last number it took, so whatever it misses, or forgot at a restart, is sent again from there.
 * Loop thread only.
 */
#ifndef POSTERN_AUTH_TRUST_H
#define POSTERN_AUTH_TRUST_H

#include <uv.h>

#include "auth/users.h"
#include "common/bus.h"

struct trust;

/* Dials path in the background.  users is borrowed.  0 and an owned *out, or -errno.  Lives as long
 * as the process, as its socket does. */
int trust_new(struct trust **out, uv_loop_t *loop, struct bus *bus, const char *path,
	struct users *users);

#endif
