/*
 * keyring: the keys that tokens are checked with, as the key directory has them.  Never changed
 * once loaded: a reload makes a new one.  Loop thread only.
 */
#ifndef POSTERN_AUTH_KEYRING_H
#define POSTERN_AUTH_KEYRING_H

#include <stdbool.h>
#include <stddef.h>

#include "auth/key.h"

#define KEYRING_MAX_KEYS 256
#define KEYRING_MAX_FILES 64

struct keyring;

/*
 * Reads every *.conf in dir.  shared_users: keys of different issuers may speak for the same users.
 * 0 and an owned *out, or -errno with a line in e.
 */
int keyring_load(struct keyring **out, const char *dir, bool shared_users, struct key_error *e);
/* Wipes the secrets. */
void keyring_free(struct keyring *ring);
DEFINE_FREEP(struct keyring, keyring_free)

/*
 * At first start: makes dir (0700), and in it own.conf and own.secret when it has no *.conf at all.
 * 0, 1 when a key was made, or -errno with a line in e.
 */
int keyring_make_own(const char *dir, struct key_error *e);

size_t keyring_count(const struct keyring *ring);
/* All borrowed; NULL: none. */
const struct key *keyring_at(const struct keyring *ring, size_t i);
const struct key *keyring_by_kid(const struct keyring *ring, struct slice kid);
/* The HMAC key of own.conf, which auth signs with. */
const struct key *keyring_own(const struct keyring *ring);

#endif
