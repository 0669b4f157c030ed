/*
 * token_rig: a key ring with one key of each algorithm, tokens signed by them, and the verdict that
 * each is expected to get.
 */
#ifndef POSTERN_TESTS_UNIT_TOKEN_RIG_H
#define POSTERN_TESTS_UNIT_TOKEN_RIG_H

#include "auth/token.h"
#include "tests/unit/forge.h"

#define NOW_S 1767225600LL
#define SECRET "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define GOOD_CLAIMS "{\"iss\":\"i\",\"sub\":\"7\",\"exp\":1767229200}"
#define N_KINDS 13

struct kind {
	const char *alg; /* also the kid */
	enum forge_key key;
};

extern const struct kind kinds[N_KINDS];
extern struct forge forge;
extern struct keyring *ring;
extern unsigned rows; /* tokens judged so far */

int token_rig_setup(void **state);
int token_rig_teardown(void **state);

/* A key file; kid may be NULL. */
void conf_write(const char *name, const char *alg, const char *file, const char *kid);

/* Signed properly by the method of this kind, whatever the header says.  Owned. */
char *sign(const char *header, const char *payload, const struct kind *kind);

void expect_of(
	const struct keyring *keys, const char *token, enum token_verdict wanted, const char *what);
void expect(const char *token, enum token_verdict wanted, const char *what);
void expect_signed(const char *header, const char *payload, const struct kind *kind,
	enum token_verdict wanted);

#endif
