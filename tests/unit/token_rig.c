/* token_rig: see token_rig.h. */
#include "tests/unit/token_rig.h"

#include <stdio.h>
#include <stdlib.h>

#include "tests/unit/test.h"

struct forge forge;
struct keyring *ring;
unsigned rows;

const struct kind kinds[N_KINDS] = {
	{"HS256", FORGE_N_KEYS},
	{"HS384", FORGE_N_KEYS},
	{"HS512", FORGE_N_KEYS},
	{"RS256", FORGE_RSA},
	{"RS384", FORGE_RSA},
	{"RS512", FORGE_RSA},
	{"PS256", FORGE_RSA},
	{"PS384", FORGE_RSA},
	{"PS512", FORGE_RSA},
	{"ES256", FORGE_P256},
	{"ES384", FORGE_P384},
	{"ES512", FORGE_P521},
	{"EdDSA", FORGE_ED25519},
};

static bool is_hmac(const char *alg)
{
	return alg[0] == 'H';
}

/* Signed properly by the method of this kind, whatever the header says. */
char *sign(const char *header, const char *payload, const struct kind *kind)
{
	struct forge_order order = {header, payload, kind->alg,
		is_hmac(kind->alg) ? NULL : forge.keys[kind->key], SLICE_LITERAL(SECRET)};

	return forge_token(&order);
}

void expect_of(
	const struct keyring *keys, const char *token, enum token_verdict wanted, const char *what)
{
	struct token_facts facts;
	enum token_verdict verdict = token_check(keys, slice_of(token), NOW_S * 1000, &facts);

	rows++;
	if (verdict != wanted)
		fail_msg("%s: \"%s\", wanted \"%s\"", what, token_verdict_text(verdict),
			token_verdict_text(wanted));
}

void expect(const char *token, enum token_verdict wanted, const char *what)
{
	expect_of(ring, token, wanted, what);
}

void expect_signed(
	const char *header, const char *payload, const struct kind *kind, enum token_verdict wanted)
{
	char *token = sign(header, payload, kind);
	char what[4096];

	snprintf(what, sizeof(what), "%s %.2000s by %s", header, payload, kind->alg);
	expect(token, wanted, what);
	free(token);
}

void conf_write(const char *name, const char *alg, const char *file, const char *kid)
{
	char text[512];

	snprintf(text, sizeof(text), "alg = %s\nfile = %s\niss = i\n%s%s\n", alg, file,
		kid == NULL ? "" : "kid = ", kid == NULL ? "" : kid);
	forge_file(&forge, name, text, 0600);
}

int token_rig_setup(void **state)
{
	struct key_error e;

	(void)state;
	forge_init(&forge);
	forge_file(&forge, "secret", SECRET "\n", 0600);
	for (size_t i = 0; i < N_KINDS; i++) {
		char name[32], file[32];

		snprintf(name, sizeof(name), "%s.conf", kinds[i].alg);
		snprintf(file, sizeof(file), "%s.pem", kinds[i].alg);
		if (!is_hmac(kinds[i].alg))
			forge_pem_file(&forge, file, kinds[i].key);
		conf_write(
			name, kinds[i].alg, is_hmac(kinds[i].alg) ? "secret" : file, kinds[i].alg);
	}
	if (keyring_load(&ring, forge.dir, false, &e) < 0)
		fail_msg("%s", e.text);
	return 0;
}

int token_rig_teardown(void **state)
{
	(void)state;
	keyring_free(ring);
	forge_fini(&forge);
	return 0;
}
