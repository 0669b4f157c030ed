/*
 * hash: password hashes, yescrypt by libcrypt with the system's default cost.  Any thread.
 */
#ifndef POSTERN_AUTH_HASH_H
#define POSTERN_AUTH_HASH_H

#include <stdbool.h>

#include "common/slice.h"

#define HASH_MAX_BYTES 384

/* Terminated text into out.  0, or -errno (-EINVAL: the password is empty, too long or holds a
 * NUL). */
int hash_make(struct slice password, char out[HASH_MAX_BYTES]);

/* Whether hash_make() could have made it: the same scheme and cost, and whole.  A dearer one would
 * keep everybody's logins waiting. */
bool hash_is_ours(struct slice hash);

/* Takes as long for a wrong password as for the right one. */
bool hash_fits(const char *hash, struct slice password);

#endif
