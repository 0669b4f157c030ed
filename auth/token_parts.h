/*
 * token_parts: what token.c's stages hand to each other.  Private to token*.c.
 */
#ifndef POSTERN_AUTH_TOKEN_PARTS_H
#define POSTERN_AUTH_TOKEN_PARTS_H

#include "auth/base64url.h"
#include "auth/token.h"

#define TOKEN_MAX_DEPTH 8

struct token_parts {
	struct slice whole;
	struct slice signed_part; /* header.payload */
	struct slice header;	  /* base64url, as the two below */
	struct slice payload;
	struct slice signature;
};

/* The signature, with this key and its algorithm: TOKEN_GOOD, TOKEN_BAD_SIGNATURE or TOKEN_FAILED.
 */
enum token_verdict token_signature_check(const struct key *key, const struct token_parts *parts);

/* The claims, by the key's policy.  Only after the signature. */
enum token_verdict token_claims_check(const struct key *key, const struct token_parts *parts,
	int64_t now_ms, struct token_facts *out);

#endif
