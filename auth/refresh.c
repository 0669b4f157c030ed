/*
 * The token was checked before, so its payload is read here for its texts alone.  One that auth
 * would not make itself, with a name that is too long for instance, is not made again either.
 */
#include "auth/refresh.h"

#include <errno.h>
#include <string.h>

#include "auth/base64url.h"
#include "common/json.h"
#include "proto/limits.h"

#define CLAIMS_MAX_DEPTH 8

/* The key of own.conf, or one that was it before a rotation. */
static bool is_own(const struct key *key, const struct key *own)
{
	const char *name = key->policy->name;

	return key == own || (key->secret != NULL && strncmp(name, "own-", 4) == 0 &&
				     key->policy->issuer_id == own->policy->issuer_id);
}

static int claims_read(struct slice token, json_t **out)
{
	unsigned char text[BASE64URL_DECODED_MAX(TOKEN_MAX_BYTES)];
	const char *first = memchr(token.data, '.', token.len);
	const char *last = memrchr(token.data, '.', token.len);
	size_t len;

	if (first == NULL || last <= first ||
		!base64url_decode((struct slice){first + 1, (size_t)(last - first - 1)}, text,
			sizeof(text), &len))
		return -EINVAL;
	return json_read((struct slice){(const char *)text, len}, CLAIMS_MAX_DEPTH, out) ==
			       JSON_READ
		       ? 0
		       : -EINVAL;
}

/* Seconds since 1970; 0: it is of no login. */
static int64_t login_time(const json_t *claims)
{
	const json_t *value = json_object_get(claims, "auth_time");

	return json_is_integer(value) && json_integer_value(value) > 0 ? json_integer_value(value)
								       : 0;
}

/* A login that lies ahead was not ours: it would be good for ever. */
static bool may_be_refreshed(int64_t login_s, int64_t now_ms)
{
	int64_t now_s = now_ms / 1000;

	return login_s > 0 && login_s <= now_s + TOKEN_LEEWAY_MS / 1000 &&
	       now_s - login_s < REFRESH_MAX_MS / 1000;
}

int refresh_make(char **out, const struct keyring *ring, struct slice token,
	const struct token_facts *facts, const struct refresh_terms *terms)
{
	CLEANUP(json_decrefp) json_t *claims = NULL;
	const struct key *own = keyring_own(ring);
	struct token_order order = {
		.sub = {facts->uid, facts->uid_len},
		.iat_s = terms->iat_s,
		.ttl_s = LOGIN_TTL_S,
	};
	int r;

	if (own == NULL || !is_own(facts->key, own))
		return -EPERM;
	r = claims_read(token, &claims);
	if (r < 0)
		return r;
	order.name = json_text(claims, "name");
	order.scope = json_text(claims, "scope");
	order.jti_text = json_text(claims, "jti");
	order.auth_time_s = login_time(claims);
	if (order.jti_text.len == 0 || !may_be_refreshed(order.auth_time_s, terms->now_ms))
		return -EPERM;
	if (order.ttl_s > own->policy->max_lifetime_s)
		order.ttl_s = own->policy->max_lifetime_s;
	return token_make(out, own, &order);
}
