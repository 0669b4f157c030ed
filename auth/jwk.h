/*
 * jwk: JSON Web Keys (RFC 7517, 7518, 8037) to keys.  Loop thread only.
 */
#ifndef POSTERN_AUTH_JWK_H
#define POSTERN_AUTH_JWK_H

#include "auth/key.h"
#include "common/slice.h"

#define JWKS_MAX_KEYS 64

/* Owns key.  0, or -errno to stop. */
typedef int jwk_each_fn(void *arg, struct key *key);

/*
 * Calls each() for every signature key of a JWK set, or of a single JWK.  alg is the algorithm of
 * all of them, or NULL: each JWK names its own.  Keys for encryption (`use`, `key_ops`) are passed
 * over; anything else that cannot be used is an error.  0, -EINVAL with a line in e, -ENOMEM, or
 * what each() returned.
 */
struct jwks_spec {
	const struct alg *alg;
	const struct key_policy *policy; /* borrowed by the keys */
};
int jwks_read(struct slice text, const struct jwks_spec *spec, jwk_each_fn *each, void *arg,
	struct key_error *e);

#endif
