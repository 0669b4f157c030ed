/*
 * fingerprint: tells one token from another without keeping it.  Pure.
 */
#ifndef POSTERN_EDGE_FINGERPRINT_H
#define POSTERN_EDGE_FINGERPRINT_H

#include <stdbool.h>
#include <string.h>

#include "common/slice.h"

#define FINGERPRINT_BYTES 16

/* The first bytes of the token's SHA-256.  All zero: of no token at all. */
struct fingerprint {
	unsigned char bytes[FINGERPRINT_BYTES];
};

/* libcrypto reads its configuration and takes 2 MB with its first digest: once, at start. */
void fingerprint_start(void);
/* Of no token when libcrypto fails: it differs from every token, then. */
struct fingerprint fingerprint_of(struct slice token);
static inline bool fingerprint_is(const struct fingerprint *f, struct slice token)
{
	const struct fingerprint other = fingerprint_of(token);
	const struct fingerprint none = {{0}};

	return memcmp(f, &other, sizeof(other)) == 0 && memcmp(f, &none, sizeof(none)) != 0;
}

#endif
