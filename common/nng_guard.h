/*
 * nng_guard: what an executable must bring for NNG 1; see nng_guard.c.
 */
#ifndef POSTERN_COMMON_NNG_GUARD_H
#define POSTERN_COMMON_NNG_GUARD_H

/* The descriptor that this thread last asked for SO_PEERCRED, or -1. */
int nng_guard_peer_fd(void);

#endif
