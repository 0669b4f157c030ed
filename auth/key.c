/*
 * key: turns a secret, a PEM text or a public key into something that tokens can be checked with,
 * or says why not.  Everything that is known to go wrong with JWT keys is refused here, at start,
 * and not when the first forged token arrives: short secrets, a public key used as a secret, a
 * curve that is not the algorithm's.  Asymmetric keys are parsed once: parsing a PEM costs more
 * than verifying with it.
 */
#include "auth/key.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "auth/evp.h"

int key_error_set(struct key_error *e, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(e->text, sizeof(e->text), format, args);
	va_end(args);
	return -EINVAL;
}

void key_free(struct key *key)
{
	if (key == NULL)
		return;
	if (key->secret != NULL)
		explicit_bzero(key->secret, key->secret_len);
	free(key->secret);
	free(key->kid);
	EVP_MD_CTX_free(key->verifier);
	free(key);
}

static int key_new(struct key **out, const struct key_spec *spec, struct key_error *e)
{
	CLEANUP(key_freep) struct key *key = NULL;

	if (spec->kid.data != NULL && (spec->kid.len == 0 || spec->kid.len > KEY_ID_MAX_BYTES))
		return key_error_set(e, "a kid has 1 to %d bytes", KEY_ID_MAX_BYTES);
	if (spec->kid.data != NULL && memchr(spec->kid.data, '\0', spec->kid.len) != NULL)
		return key_error_set(e, "a kid holds a NUL");
	key = calloc(1, sizeof(*key));
	if (key == NULL)
		return -ENOMEM;
	key->alg = spec->alg;
	key->policy = spec->policy;
	if (spec->kid.data != NULL) {
		key->kid = strndup(spec->kid.data, spec->kid.len);
		if (key->kid == NULL)
			return -ENOMEM;
	}
	*out = key;
	key = NULL;
	return 0;
}

/*
 * The oldest trick: the issuer's public key is public, so a verifier that takes it for an HMAC
 * secret lets anyone sign.  Text or binary, it is no secret.
 */
static bool is_public_material(struct slice secret)
{
	const unsigned char *der = (const unsigned char *)secret.data;
	CLEANUP(EVP_PKEY_freep) EVP_PKEY *pkey = NULL;

	if (memmem(secret.data, secret.len, "-----BEGIN", 10) != NULL)
		return true;
	if (secret.len > 8 && memcmp(secret.data, "ssh-", 4) == 0)
		return true;
	pkey = d2i_PUBKEY(NULL, &der, (long)secret.len);
	ERR_clear_error();
	return pkey != NULL;
}

int key_from_secret(
	struct key **out, const struct key_spec *spec, struct slice secret, struct key_error *e)
{
	CLEANUP(key_freep) struct key *key = NULL;
	int r;

	if (spec->alg->family != ALG_HMAC)
		return key_error_set(e, "%s wants a public key, not a secret", spec->alg->name);
	if (secret.len < KEY_SECRET_MIN_BYTES)
		return key_error_set(e, "an HMAC secret has at least %d bytes, this one %zu",
			KEY_SECRET_MIN_BYTES, secret.len);
	if (is_public_material(secret))
		return key_error_set(e, "a PEM or a public key is no HMAC secret");
	r = key_new(&key, spec, e);
	if (r < 0)
		return r;
	key->secret = malloc(secret.len);
	if (key->secret == NULL)
		return -ENOMEM;
	memcpy(key->secret, secret.data, secret.len);
	key->secret_len = secret.len;
	*out = key;
	key = NULL;
	return 0;
}

static int check_rsa(const EVP_PKEY *pkey, const struct alg *alg, struct key_error *e)
{
	int bits = EVP_PKEY_get_bits(pkey);

	if (!EVP_PKEY_is_a(pkey, "RSA"))
		return key_error_set(e, "%s wants an RSA key", alg->name);
	if (bits < KEY_RSA_MIN_BITS || bits > KEY_RSA_MAX_BITS)
		return key_error_set(e, "an RSA key has %d to %d bits, this one %d",
			KEY_RSA_MIN_BITS, KEY_RSA_MAX_BITS, bits);
	return 0;
}

static int check_ec(const EVP_PKEY *pkey, const struct alg *alg, struct key_error *e)
{
	char curve[64] = "";
	size_t len = 0;

	if (!EVP_PKEY_is_a(pkey, "EC"))
		return key_error_set(e, "%s wants an EC key", alg->name);
	if (EVP_PKEY_get_group_name(pkey, curve, sizeof(curve), &len) != 1)
		return key_error_set(e, "an EC key has no named curve");
	if (strcmp(curve, alg->curve) != 0)
		return key_error_set(
			e, "%s wants the curve %s, the key has %s", alg->name, alg->crv, curve);
	return 0;
}

static int check_kind(const EVP_PKEY *pkey, const struct alg *alg, struct key_error *e)
{
	switch (alg->family) {
	case ALG_HMAC:
		return key_error_set(e, "%s wants a secret, not a public key", alg->name);
	case ALG_RSA:
	case ALG_RSA_PSS:
		return check_rsa(pkey, alg, e);
	case ALG_EC:
		return check_ec(pkey, alg, e);
	case ALG_ED25519:
		if (!EVP_PKEY_is_a(pkey, "ED25519"))
			return key_error_set(e, "EdDSA wants an Ed25519 key");
		return 0;
	}
	return -EINVAL;
}

/* A point off the curve, an even exponent and the like. */
static int check_numbers(EVP_PKEY *pkey, struct key_error *e)
{
	CLEANUP(EVP_PKEY_CTX_freep)
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(NULL, pkey, NULL);

	if (ctx == NULL)
		return -ENOMEM;
	if (EVP_PKEY_public_check(ctx) != 1) {
		ERR_clear_error();
		return key_error_set(e, "the public key's numbers are not valid");
	}
	return 0;
}

static int make_verifier(struct key *key, EVP_PKEY *pkey)
{
	EVP_PKEY_CTX *params; /* of the verifier */

	key->verifier = EVP_MD_CTX_new();
	if (key->verifier == NULL)
		return -ENOMEM;
	if (EVP_DigestVerifyInit_ex(
		    key->verifier, &params, key->alg->digest, NULL, NULL, pkey, NULL) != 1)
		return -ENOMEM;
	if (key->alg->family != ALG_RSA_PSS)
		return 0;
	/* RFC 7518, 3.5: MGF1 with the same hash (the default), salt as long as the hash. */
	if (EVP_PKEY_CTX_set_rsa_padding(params, RSA_PKCS1_PSS_PADDING) != 1 ||
		EVP_PKEY_CTX_set_rsa_pss_saltlen(params, RSA_PSS_SALTLEN_DIGEST) != 1)
		return -ENOMEM;
	return 0;
}

int key_from_pkey(
	struct key **out, const struct key_spec *spec, EVP_PKEY *pkey, struct key_error *e)
{
	CLEANUP(key_freep) struct key *key = NULL;
	int r;

	r = check_kind(pkey, spec->alg, e);
	if (r < 0)
		return r;
	r = check_numbers(pkey, e);
	if (r < 0)
		return r;
	r = key_new(&key, spec, e);
	if (r < 0)
		return r;
	r = make_verifier(key, pkey);
	if (r < 0) {
		ERR_clear_error();
		return r;
	}
	*out = key;
	key = NULL;
	return 0;
}

int key_from_pem(
	struct key **out, const struct key_spec *spec, struct slice pem, struct key_error *e)
{
	CLEANUP(BIO_free_allp) BIO *bio = NULL;
	CLEANUP(EVP_PKEY_freep) EVP_PKEY *pkey = NULL;

	if (memmem(pem.data, pem.len, "PRIVATE KEY-----", 16) != NULL)
		return key_error_set(e, "a private key does not belong here: give the public one");
	bio = BIO_new_mem_buf(pem.data, (int)pem.len);
	if (bio == NULL)
		return -ENOMEM;
	pkey = PEM_read_bio_PUBKEY(bio, NULL, NULL, NULL);
	if (pkey == NULL) {
		ERR_clear_error();
		return key_error_set(
			e, "no public key in PEM form (it starts with -----BEGIN PUBLIC KEY-----)");
	}
	return key_from_pkey(out, spec, pkey, e);
}
