/*
 * alg: the signature algorithms that a key may be pinned to.  Pure, static memory.
 */
#ifndef POSTERN_AUTH_ALG_H
#define POSTERN_AUTH_ALG_H

#include <stddef.h>

#include "common/slice.h"

enum alg_family { ALG_HMAC, ALG_RSA, ALG_RSA_PSS, ALG_EC, ALG_ED25519 };

struct alg {
	const char *name; /* as in a token's header */
	enum alg_family family;
	const char *digest; /* OpenSSL's name; NULL: part of the algorithm */
	const char *curve;  /* OpenSSL's group name, EC only */
	const char *crv;    /* the same in a JWK, EC only */
	size_t half_bytes;  /* of r and of s, EC only */
};

/* Exact name, in its case; NULL: none of ours, "none" above all. */
const struct alg *alg_find(struct slice name);

#endif
