/*
 * JWK sets: whatever is in the text, a key that comes out of it is pinned to one algorithm, has the
 * strength of one, a kid without a NUL, and is public or a secret of its own length; what is
 * refused is refused in one line.
 */
#include <assert.h>
#include <errno.h>
#include <stdint.h>

#include "auth/jwk.h"
#include "tests/fuzz/script.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char name[] = "a";
static char users[] = "";
static const struct key_policy policy = {.name = name, .users = users, .max_lifetime_s = 3600};

struct keys {
	const struct alg *of_file;
	size_t n;
};

static int check_key(void *arg, struct key *key)
{
	struct keys *keys = arg;

	assert(key->alg != NULL && key->policy == &policy);
	assert(keys->of_file == NULL || key->alg == keys->of_file);
	assert(key->kid == NULL || (key->kid[0] != '\0' && strlen(key->kid) <= KEY_ID_MAX_BYTES));
	if (key->alg->family == ALG_HMAC)
		assert(key->secret_len >= KEY_SECRET_MIN_BYTES && key->verifier == NULL);
	else
		assert(key->secret == NULL && key->verifier != NULL);
	keys->n++;
	key_free(key);
	return keys->n == JWKS_MAX_KEYS ? -ENOSPC : 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const algs[] = {
		"", "", "HS256", "RS256", "PS384", "ES256", "ES512", "EdDSA"};
	struct script s = {data, size};
	struct keys keys = {alg_find(slice_of(algs[script_byte(&s) % 8])), 0};
	struct jwks_spec spec = {.alg = keys.of_file, .policy = &policy};
	struct key_error e = {""};
	int r = jwks_read(script_rest(&s), &spec, check_key, &keys, &e);

	assert(keys.n <= JWKS_MAX_KEYS);
	if (r == -EINVAL)
		assert(e.text[0] != '\0' && strchr(e.text, '\n') == NULL);
	else
		assert(r == 0 || r == -ENOSPC);
	return 0;
}
