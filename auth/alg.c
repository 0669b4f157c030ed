/*
 * alg: one table.  What is not in it cannot be configured and is never verified.
 */
#include "auth/alg.h"

static const struct alg algs[] = {
	{"HS256", ALG_HMAC, "SHA256", NULL, NULL, 0},
	{"HS384", ALG_HMAC, "SHA384", NULL, NULL, 0},
	{"HS512", ALG_HMAC, "SHA512", NULL, NULL, 0},
	{"RS256", ALG_RSA, "SHA256", NULL, NULL, 0},
	{"RS384", ALG_RSA, "SHA384", NULL, NULL, 0},
	{"RS512", ALG_RSA, "SHA512", NULL, NULL, 0},
	{"PS256", ALG_RSA_PSS, "SHA256", NULL, NULL, 0},
	{"PS384", ALG_RSA_PSS, "SHA384", NULL, NULL, 0},
	{"PS512", ALG_RSA_PSS, "SHA512", NULL, NULL, 0},
	{"ES256", ALG_EC, "SHA256", "prime256v1", "P-256", 32},
	{"ES384", ALG_EC, "SHA384", "secp384r1", "P-384", 48},
	{"ES512", ALG_EC, "SHA512", "secp521r1", "P-521", 66},
	{"EdDSA", ALG_ED25519, NULL, NULL, NULL, 0},
};

const struct alg *alg_find(struct slice name)
{
	for (size_t i = 0; i < sizeof(algs) / sizeof(algs[0]); i++) {
		if (slice_is(name, algs[i].name))
			return &algs[i];
	}
	return NULL;
}
