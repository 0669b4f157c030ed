/*
 * refresh: a token of a login that is still good, for a new one of the same user.  The new one
 * keeps what the old one said (sub, name, scope), its jti, by which both are revoked, and the time
 * of the login, `auth_time`; a token without it, an operator's, ends when it was made to end.  Its
 * aud is the own key's.
 */
#ifndef POSTERN_AUTH_REFRESH_H
#define POSTERN_AUTH_REFRESH_H

#include "auth/keyring.h"
#include "auth/token.h"

struct refresh_terms {
	int64_t now_ms; /* wall clock */
	int64_t iat_s;	/* of the new token */
};

/*
 * facts are what token_check() said of the token.  0 and an owned *out, or -errno (-EPERM: not of
 * the own key, without jti or auth_time, or REFRESH_MAX_MS after the login).
 */
int refresh_make(char **out, const struct keyring *ring, struct slice token,
	const struct token_facts *facts, const struct refresh_terms *terms);

#endif
