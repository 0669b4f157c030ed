/*
 * jwk: what an issuer publishes at its jwks_uri, saved as a file.  A set may hold keys of several
 * kinds; each becomes a key pinned to one algorithm, its own or the file's.  A private key in the
 * file is an error: auth only verifies with the keys of others, and a private key here is one that
 * leaked.
 */
#include "auth/jwk.h"

#include <errno.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <string.h>

#include "auth/base64url.h"
#include "auth/evp.h"
#include "common/json.h"

#define JWKS_MAX_DEPTH 8
#define NUMBER_MAX_BYTES 1024

struct number {
	unsigned char bytes[NUMBER_MAX_BYTES];
	size_t len;
};

static bool number_read(const json_t *jwk, const char *name, struct number *out)
{
	struct slice text = json_text(jwk, name);

	return text.len > 0 && base64url_decode(text, out->bytes, sizeof(out->bytes), &out->len) &&
	       out->len > 0;
}

static int pkey_from_params(EVP_PKEY **out, const char *type, OSSL_PARAM_BLD *build)
{
	CLEANUP(OSSL_PARAM_freep) OSSL_PARAM *params = OSSL_PARAM_BLD_to_param(build);
	CLEANUP(EVP_PKEY_CTX_freep)
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, type, NULL);

	if (params == NULL || ctx == NULL || EVP_PKEY_fromdata_init(ctx) != 1)
		return -ENOMEM;
	if (EVP_PKEY_fromdata(ctx, out, EVP_PKEY_PUBLIC_KEY, params) != 1) {
		ERR_clear_error();
		return -EINVAL;
	}
	return 0;
}

static int rsa_read(const json_t *jwk, EVP_PKEY **out, struct key_error *e)
{
	CLEANUP(OSSL_PARAM_BLD_freep) OSSL_PARAM_BLD *build = OSSL_PARAM_BLD_new();
	CLEANUP(BN_freep) BIGNUM *n = NULL;
	CLEANUP(BN_freep) BIGNUM *exponent = NULL;
	struct number modulus, power;

	if (!number_read(jwk, "n", &modulus) || !number_read(jwk, "e", &power))
		return key_error_set(e, "an RSA key needs n and e in base64url");
	n = BN_bin2bn(modulus.bytes, (int)modulus.len, NULL);
	exponent = BN_bin2bn(power.bytes, (int)power.len, NULL);
	if (build == NULL || n == NULL || exponent == NULL ||
		OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_RSA_N, n) != 1 ||
		OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_RSA_E, exponent) != 1)
		return -ENOMEM;
	if (pkey_from_params(out, "RSA", build) < 0)
		return key_error_set(e, "the RSA key's numbers are not valid");
	return 0;
}

static int ec_read(const json_t *jwk, const struct alg *alg, EVP_PKEY **out, struct key_error *e)
{
	CLEANUP(OSSL_PARAM_BLD_freep) OSSL_PARAM_BLD *build = OSSL_PARAM_BLD_new();
	unsigned char point[1 + 2 * 66] = {POINT_CONVERSION_UNCOMPRESSED};
	size_t half = alg->half_bytes;
	struct number x, y;

	if (alg->curve == NULL || !slice_is(json_text(jwk, "crv"), alg->crv))
		return key_error_set(e, "the key's curve is not the one of %s", alg->name);
	if (!number_read(jwk, "x", &x) || !number_read(jwk, "y", &y) || x.len != half ||
		y.len != half)
		return key_error_set(e, "an EC key on %s needs x and y of %zu bytes in base64url",
			alg->crv, half);
	memcpy(point + 1, x.bytes, half);
	memcpy(point + 1 + half, y.bytes, half);
	if (build == NULL ||
		OSSL_PARAM_BLD_push_utf8_string(build, OSSL_PKEY_PARAM_GROUP_NAME, alg->curve, 0) !=
			1 ||
		OSSL_PARAM_BLD_push_octet_string(
			build, OSSL_PKEY_PARAM_PUB_KEY, point, 1 + 2 * half) != 1)
		return -ENOMEM;
	if (pkey_from_params(out, "EC", build) < 0)
		return key_error_set(e, "the EC key is no point on %s", alg->crv);
	return 0;
}

static int okp_read(const json_t *jwk, EVP_PKEY **out, struct key_error *e)
{
	struct number x;

	if (!slice_is(json_text(jwk, "crv"), "Ed25519"))
		return key_error_set(e, "of the OKP keys only Ed25519 is known");
	if (!number_read(jwk, "x", &x) || x.len != 32)
		return key_error_set(e, "an Ed25519 key needs x of 32 bytes in base64url");
	*out = EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, x.bytes, x.len);
	return *out == NULL ? -ENOMEM : 0;
}

static int oct_read(
	struct key **out, const struct key_spec *spec, const json_t *jwk, struct key_error *e)
{
	struct number k;
	int r;

	if (!number_read(jwk, "k", &k))
		return key_error_set(e, "a secret needs k in base64url");
	r = key_from_secret(out, spec, (struct slice){(const char *)k.bytes, k.len}, e);
	explicit_bzero(&k, sizeof(k));
	return r;
}

/* An issuer's set also publishes keys to encrypt with; those are not for us. */
static bool is_for_signatures(const json_t *jwk)
{
	const json_t *use = json_object_get(jwk, "use");
	const json_t *ops = json_object_get(jwk, "key_ops");
	const json_t *op;
	size_t i;

	if (use != NULL && !slice_is(json_text(jwk, "use"), "sig"))
		return false;
	if (ops == NULL)
		return true;
	json_array_foreach(ops, i, op)
	{
		if (json_is_string(op) && strcmp(json_string_value(op), "verify") == 0)
			return true;
	}
	return false;
}

static int alg_of(
	const json_t *jwk, const struct alg *of_file, const struct alg **out, struct key_error *e)
{
	struct slice name = json_text(jwk, "alg");

	*out = of_file;
	if (json_object_get(jwk, "alg") == NULL) {
		if (of_file == NULL)
			return key_error_set(
				e, "a JWK without alg: set alg in the key's .conf file");
		return 0;
	}
	*out = alg_find(name);
	if (*out == NULL)
		return key_error_set(e, "an alg that is not known");
	if (of_file != NULL && *out != of_file)
		return key_error_set(e, "a JWK's alg is %s, the .conf file's is %s", (*out)->name,
			of_file->name);
	return 0;
}

static int public_read(
	struct key **out, const struct key_spec *spec, const json_t *jwk, struct key_error *e)
{
	CLEANUP(EVP_PKEY_freep) EVP_PKEY *pkey = NULL;
	struct slice kty = json_text(jwk, "kty");
	int r;

	if (json_object_get(jwk, "d") != NULL)
		return key_error_set(
			e, "a private key does not belong here: remove d and the rest");
	if (slice_is(kty, "RSA"))
		r = rsa_read(jwk, &pkey, e);
	else if (slice_is(kty, "EC"))
		r = ec_read(jwk, spec->alg, &pkey, e);
	else if (slice_is(kty, "OKP"))
		r = okp_read(jwk, &pkey, e);
	else
		r = key_error_set(e, "a kty that is not known");
	if (r < 0)
		return r;
	return key_from_pkey(out, spec, pkey, e);
}

static int jwk_read(
	struct key **out, const json_t *jwk, const struct jwks_spec *set, struct key_error *e)
{
	struct key_spec spec = {.policy = set->policy};
	int r;

	if (!json_is_object(jwk))
		return key_error_set(e, "a JWK is a JSON object");
	if (!is_for_signatures(jwk))
		return 0;
	r = alg_of(jwk, set->alg, &spec.alg, e);
	if (r < 0)
		return r;
	if (json_object_get(jwk, "kid") != NULL) {
		spec.kid = json_text(jwk, "kid");
		if (spec.kid.data == NULL)
			return key_error_set(e, "a JWK's kid is a string");
	}
	if (slice_is(json_text(jwk, "kty"), "oct"))
		return oct_read(out, &spec, jwk, e);
	return public_read(out, &spec, jwk, e);
}

static int jwk_pass_on(const json_t *jwk, const struct jwks_spec *spec, jwk_each_fn *each,
	void *arg, struct key_error *e)
{
	struct key *key = NULL;
	int r = jwk_read(&key, jwk, spec, e);

	if (r < 0 || key == NULL)
		return r;
	return each(arg, key);
}

int jwks_read(struct slice text, const struct jwks_spec *spec, jwk_each_fn *each, void *arg,
	struct key_error *e)
{
	CLEANUP(json_decrefp) json_t *root = NULL;
	const json_t *keys;
	const json_t *jwk;
	size_t i;

	if (json_read(text, JWKS_MAX_DEPTH, &root) != JSON_READ || !json_is_object(root))
		return key_error_set(e, "neither PEM nor a JWK set in strict JSON");
	keys = json_object_get(root, "keys");
	if (keys == NULL)
		return jwk_pass_on(root, spec, each, arg, e);
	if (!json_is_array(keys) || json_array_size(keys) > JWKS_MAX_KEYS)
		return key_error_set(e, "a JWK set has at most %d keys", JWKS_MAX_KEYS);
	json_array_foreach(keys, i, jwk)
	{
		int r = jwk_pass_on(jwk, spec, each, arg, e);

		if (r < 0)
			return r;
	}
	return 0;
}
