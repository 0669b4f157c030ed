/*
 * keyfile: reads one NAME.conf of the key directory, and the key material that it names.
 *
 *	# keys/shop.conf
 *	alg = RS256            # one of alg.c; may be left out for a JWK set whose keys name theirs
 *	file = shop.pem        # secret, public key in PEM or JWK set, in the same directory
 *	kid = 2025-01          # optional; not for a JWK set
 *	iss = https://shop.example
 *	aud = chat
 *	users = shop:          # every uid starts so; none: any
 *	max-lifetime = 24h
 *	until = 2026-12-31T00:00:00Z  # from then on the key verifies nothing; none: for ever
 *	encoding = text        # of a secret: text (the bytes, without a last newline) or base64url
 *
 * Loop thread only.
 */
#ifndef POSTERN_AUTH_KEYFILE_H
#define POSTERN_AUTH_KEYFILE_H

#include <stdbool.h>

#include "auth/key.h"

#define KEYFILE_MAX_BYTES 262144
#define KEYFILE_UNTIL_FORMAT "%Y-%m-%dT%H:%M:%SZ" /* UTC */

/* Owns key.  0, or -errno to stop. */
typedef int keyfile_each_fn(void *arg, struct key *key);

void key_policy_free(struct key_policy *policy);
DEFINE_FREEP(struct key_policy, key_policy_free)

/*
 * conf is the file's name in the directory dir_fd.  Calls each() for every key.  *out_policy is
 * owned and outlives the keys, which borrow it; it is set even on failure when keys were handed
 * out.  0, or -EINVAL or another -errno with a line in e.
 */
int keyfile_load(int dir_fd, const char *conf, keyfile_each_fn *each, void *arg,
	struct key_policy **out_policy, struct key_error *e);

/* The value of `until`, as seconds since 1970. */
bool keyfile_until_parse(struct slice value, int64_t *out_s);

/* A new file (0600) with these bytes, synced; 0, or -errno: -EEXIST when it is there. */
int keyfile_write(int dir_fd, const char *name, struct slice bytes);

/* -EACCES with a line in e unless fd belongs to us or root and others may do nothing with it. */
int keyfile_check_private(int fd, const char *name, struct key_error *e);

#endif
