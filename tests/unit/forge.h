/*
 * forge: makes keys and tokens for the tests of auth, good ones and bad ones, with OpenSSL alone,
 * so that no code under test takes part.  Everything aborts the test on failure.
 */
#ifndef POSTERN_TESTS_UNIT_FORGE_H
#define POSTERN_TESTS_UNIT_FORGE_H

#include <openssl/evp.h>
#include <stdbool.h>
#include <stddef.h>

#include "common/slice.h"

enum forge_key {
	FORGE_RSA,
	FORGE_RSA_OTHER, /* in no file */
	FORGE_P256,
	FORGE_P384,
	FORGE_P521,
	FORGE_ED25519,
	FORGE_RSA_1024,
	FORGE_N_KEYS
};

struct forge {
	EVP_PKEY *keys[FORGE_N_KEYS];
	char dir[64]; /* a directory of mode 0700, removed with what is in it */
};

void forge_init(struct forge *f);
void forge_fini(struct forge *f);

/* A file in the directory with this mode. */
void forge_file(const struct forge *f, const char *name, const char *text, unsigned mode);
/* The public half in PEM, into a file of mode 0600; and as text, owned. */
void forge_pem_file(const struct forge *f, const char *name, enum forge_key key);
char *forge_pem(const struct forge *f, enum forge_key key);
/* The public half as a JWK with these members beside it (",\"kid\":\"a\""), owned. */
char *forge_jwk(const struct forge *f, enum forge_key key, const char *members);
/* Removes all files. */
void forge_clear(const struct forge *f);

/* base64url, owned. */
char *forge_base64(const void *bytes, size_t n);

/* header.payload and a signature by this algorithm with key or, for HS*, secret.  Owned. */
struct forge_order {
	const char *header;
	const char *payload;
	const char *alg;     /* how it is really signed */
	EVP_PKEY *key;	     /* not for HS* */
	struct slice secret; /* for HS* */
};
char *forge_token(const struct forge_order *order);

#endif
