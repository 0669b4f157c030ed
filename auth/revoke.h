/*
 * revoke: carries out a revocation: on disk, then in force here, then told to the router, whose
 * confirmation is waited for.  For authctl and for POST /auth/logout.  Loop thread only.
 */
#ifndef POSTERN_AUTH_REVOKE_H
#define POSTERN_AUTH_REVOKE_H

#include <stdbool.h>
#include <stddef.h>

#include "auth/revocations.h"

struct authd;

/* in_force: the router has it on disk; false: not within REVOKE_CONFIRM_MS, it will get it later.
 */
typedef void revoke_done_fn(void *arg, bool in_force);

/*
 * All n of them, in one transaction, n up to 64.  0: they are on disk and in force at auth, and
 * done() is called once, later, from the loop.  -errno: nothing was done (-ENOBUFS:
 * there are too many).
 */
int revoke_all(
	struct authd *a, const struct revocation *list, size_t n, revoke_done_fn *done, void *arg);

#endif
