/*
 * token_signature: does this key say that it wrote these bytes.  HMAC goes through libjwt; whatever
 * has a public key goes through OpenSSL with the key parsed at start, since libjwt parses the PEM
 * again for each token (1,000 ES256 a second instead of 8,600) and 1.10 knows neither PS* nor
 * EdDSA.
 *
 * libjwt is handed only tokens whose header was found to name the key's algorithm; left alone it
 * believes the header.
 */
#include <jwt.h>
#include <openssl/err.h>
#include <stdio.h>

#include "auth/evp.h"
#include "auth/token_parts.h"

#define SIGNATURE_MAX_BYTES (KEY_RSA_MAX_BITS / 8)

DEFINE_FREEP(jwt_t, jwt_free)

static enum token_verdict hmac_check(const struct key *key, struct slice token)
{
	CLEANUP(jwt_freep) jwt_t *jwt = NULL;
	char text[TOKEN_MAX_BYTES + 1];
	int r;

	memcpy(text, token.data, token.len);
	text[token.len] = '\0';
	r = jwt_decode(&jwt, text, key->secret, (int)key->secret_len);
	if (r == ENOMEM)
		return TOKEN_FAILED;
	if (r != 0 || jwt == NULL || jwt_get_alg(jwt) != jwt_str_alg(key->alg->name))
		return TOKEN_BAD_SIGNATURE;
	return TOKEN_GOOD;
}

/* A JWS has r and s side by side (RFC 7518, 3.4), OpenSSL wants them in DER.  The length, or 0. */
static size_t ecdsa_to_der(const struct alg *alg, unsigned char *bytes, size_t len)
{
	CLEANUP(ECDSA_SIG_freep) ECDSA_SIG *sig = ECDSA_SIG_new();
	size_t half = alg->half_bytes;
	BIGNUM *r, *s;
	int der_len;

	if (len != 2 * half || sig == NULL)
		return 0;
	r = BN_bin2bn(bytes, (int)half, NULL);
	s = BN_bin2bn(bytes + half, (int)half, NULL);
	if (r == NULL || s == NULL || ECDSA_SIG_set0(sig, r, s) != 1) {
		BN_free(r);
		BN_free(s);
		return 0;
	}
	der_len = i2d_ECDSA_SIG(sig, &bytes);
	return der_len > 0 ? (size_t)der_len : 0;
}

static enum token_verdict public_check(const struct key *key, const struct token_parts *parts)
{
	CLEANUP(EVP_MD_CTX_freep) EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	unsigned char signature[SIGNATURE_MAX_BYTES];
	size_t len;
	int r;

	if (ctx == NULL || EVP_MD_CTX_copy_ex(ctx, key->verifier) != 1)
		return TOKEN_FAILED;
	if (!base64url_decode(parts->signature, signature, sizeof(signature), &len))
		return TOKEN_BAD_SIGNATURE;
	if (key->alg->family == ALG_EC)
		len = ecdsa_to_der(key->alg, signature, len);
	if (len == 0)
		return TOKEN_BAD_SIGNATURE;
	r = EVP_DigestVerify(ctx, signature, len, (const unsigned char *)parts->signed_part.data,
		parts->signed_part.len);
	ERR_clear_error();
	return r == 1 ? TOKEN_GOOD : TOKEN_BAD_SIGNATURE;
}

enum token_verdict token_signature_check(const struct key *key, const struct token_parts *parts)
{
	if (key->alg->family == ALG_HMAC)
		return hmac_check(key, parts->whole);
	return public_check(key, parts);
}
