/*
 * token: a JWT in, a verdict out.  Pure but for the clock, which is an argument.  The verdict's
 * reason is for the operator: it goes to `authctl check` and to debug lines, never to an edge.
 */
#ifndef POSTERN_AUTH_TOKEN_H
#define POSTERN_AUTH_TOKEN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "auth/keyring.h"
#include "common/slice.h"
#include "proto/limits.h"

/* A token without kid is tried with the keys of its algorithm when there are at most so many. */
#define TOKEN_KEYS_TRIED 4

enum token_verdict {
	TOKEN_BAD_SHAPE, /* not three parts of base64url, or too long */
	TOKEN_BAD_HEADER,
	TOKEN_BAD_ALG,	   /* not known, or not the key's */
	TOKEN_UNKNOWN_KEY, /* its kid, or no kid and too many keys */
	TOKEN_BAD_SIGNATURE,
	TOKEN_BAD_CLAIMS, /* no JSON object, or a claim of a wrong type */
	TOKEN_EXPIRED,
	TOKEN_NOT_YET, /* nbf or iat lies ahead */
	TOKEN_TOO_LONG_LIVED,
	TOKEN_BAD_ISSUER,
	TOKEN_BAD_AUDIENCE,
	TOKEN_BAD_SUBJECT,
	TOKEN_FOREIGN_USER, /* the key does not speak for this uid */
	TOKEN_FAILED,	    /* out of memory */
	TOKEN_GOOD,
};

struct token_facts {
	const struct key *key; /* borrowed from the ring */
	uint32_t issuer_id;
	int64_t exp_ms; /* wall clock, since 1970 */
	int64_t iat_ms; /* the same; 0: none */
	uint64_t hash;	/* names it for revocation: of issuer and jti, or of the signed part */
	bool may_push;
	bool read_only;
	size_t uid_len;
	char uid[UID_MAX_BYTES];
};

/* out is filled for TOKEN_GOOD only. */
enum token_verdict token_check(
	const struct keyring *ring, struct slice token, int64_t now_ms, struct token_facts *out);

/* As token_facts.hash of the tokens with this jti, not empty, under keys of this policy. */
uint64_t token_jti_hash(const struct key_policy *policy, struct slice jti);

/* A few words, static. */
const char *token_verdict_text(enum token_verdict verdict);

struct token_order {
	struct slice sub;
	struct slice name;  /* data NULL: none */
	struct slice scope; /* the same */
	struct slice aud;   /* the same: the key's own */
	int64_t iat_s;
	int64_t ttl_s;
	int64_t auth_time_s;   /* of the login; 0: none */
	uint64_t jti[2];       /* random */
	struct slice jti_text; /* data not NULL: this one */
};

/*
 * Signs with an HMAC key.  0 and an owned *out (free), -ERANGE: longer than the key's max-lifetime,
 * -EPERM: the key does not speak for sub, -EINVAL: sub is no uid or a text is not UTF-8 or too
 * long, -ENOMEM.
 */
int token_make(char **out, const struct key *key, const struct token_order *order);

#endif
