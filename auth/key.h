/*
 * key: one verification key, pinned to one algorithm and to the policy of the file that it came
 * from. A key that is unsafe to verify with cannot be made.  Loop thread only.
 */
#ifndef POSTERN_AUTH_KEY_H
#define POSTERN_AUTH_KEY_H

#include <openssl/evp.h>
#include <stddef.h>
#include <stdint.h>

#include "auth/alg.h"
#include "common/cleanup.h"
#include "common/slice.h"

#define KEY_ID_MAX_BYTES 128
#define KEY_SECRET_MIN_BYTES 32
#define KEY_RSA_MIN_BITS 2048
#define KEY_RSA_MAX_BITS 8192 /* a larger one only makes each verification dear */

/* One line for the operator: what is wrong and where.  Never key material. */
struct key_error {
	char text[320];
};
/* Always -EINVAL, to be returned. */
int key_error_set(struct key_error *e, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* What tokens under a key may say. */
struct key_policy {
	char *name;  /* of the file, without .conf */
	char *iss;   /* NULL: the claim is not looked at */
	char *aud;   /* NULL: a token that names an audience is not for us */
	char *users; /* prefix of every uid, "" for any */
	int64_t max_lifetime_s;
	int64_t until_s;    /* wall clock: then the keys verify nothing any more; 0: for ever */
	uint32_t issuer_id; /* from iss, or from name */
};

struct key {
	const struct alg *alg;
	char *kid;			 /* NULL: none */
	const struct key_policy *policy; /* borrowed from the key ring */
	unsigned char *secret;		 /* HMAC */
	size_t secret_len;
	EVP_MD_CTX *verifier; /* the others: parsed and initialised once, copied for each token */
};

/*
 * Owned *out, or -EINVAL with a line in e, or -ENOMEM.  kid may be NULL; it is copied, as secret
 * and pem are.  policy is borrowed.
 */
struct key_spec {
	const struct alg *alg;
	struct slice kid; /* data NULL: none */
	const struct key_policy *policy;
};
int key_from_secret(
	struct key **out, const struct key_spec *spec, struct slice secret, struct key_error *e);
int key_from_pem(
	struct key **out, const struct key_spec *spec, struct slice pem, struct key_error *e);
/* pkey is borrowed. */
int key_from_pkey(
	struct key **out, const struct key_spec *spec, EVP_PKEY *pkey, struct key_error *e);

/* Wipes the secret. */
void key_free(struct key *key);
DEFINE_FREEP(struct key, key_free)

#endif
