/*
 * ownkey: changes the key that auth signs with.  own.conf gets a new secret and kid, and keeps its
 * other settings; the one before stays beside it as own-KID.conf, which verifies and never signs,
 * until the last token under it is over (`until`).  On disk only: the ring is to be loaded anew.
 * Loop thread only.
 */
#ifndef POSTERN_AUTH_OWNKEY_H
#define POSTERN_AUTH_OWNKEY_H

#include <stdint.h>

#include "auth/key.h"

/*
 * dir is the key directory, own the key of own.conf as it is loaded, now_s the wall clock.  0, or
 * -errno with a line in e: own.conf is as it was.
 */
int ownkey_rotate(const char *dir, const struct key *own, int64_t now_s, struct key_error *e);

/*
 * Before the keys are loaded: ends a change that a crash interrupted, and removes the keys of
 * before whose time is over, with their secrets.  0 or -errno with a line in e.
 */
int ownkey_tidy(const char *dir, int64_t now_s, struct key_error *e);

#endif
