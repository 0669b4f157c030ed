/*
 * token_make: signs the tokens that auth itself hands out, with libjwt.  What it makes,
 * token_check() takes; an order that its key's policy would refuse is an error here.
 */
#include <errno.h>
#include <jwt.h>
#include <stdio.h>
#include <string.h>

#include "auth/token.h"
#include "common/buf.h"
#include "proto/names.h"

#define TEXT_CLAIM_MAX_BYTES 512

DEFINE_FREEP(jwt_t, jwt_free)

static bool text_add(jwt_t *jwt, const char *name, struct slice value)
{
	char text[TEXT_CLAIM_MAX_BYTES + 1];

	if (value.data == NULL || value.len == 0)
		return true;
	memcpy(text, value.data, value.len);
	text[value.len] = '\0';
	return jwt_add_grant(jwt, name, text) == 0;
}

static bool text_is_fit(struct slice value)
{
	return value.len <= TEXT_CLAIM_MAX_BYTES &&
	       (value.len == 0 || memchr(value.data, '\0', value.len) == NULL) &&
	       utf8_is_valid(value);
}

static int order_check(const struct key *key, const struct token_order *order)
{
	struct slice prefix = slice_of(key->policy->users);

	if (!name_is_uid(order->sub) || !text_is_fit(order->name) || !text_is_fit(order->scope) ||
		!text_is_fit(order->aud) || !text_is_fit(order->jti_text) ||
		key->alg->family != ALG_HMAC)
		return -EINVAL;
	if (order->sub.len < prefix.len ||
		!slice_eq((struct slice){order->sub.data, prefix.len}, prefix))
		return -EPERM;
	return order->ttl_s < 1 || order->ttl_s > key->policy->max_lifetime_s ? -ERANGE : 0;
}

static bool claims_add(jwt_t *jwt, const struct key *key, const struct token_order *order)
{
	const struct key_policy *policy = key->policy;
	struct slice aud = order->aud.data != NULL ? order->aud : slice_of(policy->aud);
	char random[40];
	struct slice jti = order->jti_text;

	snprintf(random, sizeof(random), "%016llx%016llx", (unsigned long long)order->jti[0],
		(unsigned long long)order->jti[1]);
	if (jti.data == NULL)
		jti = slice_of(random);
	return text_add(jwt, "iss", slice_of(policy->iss)) && text_add(jwt, "aud", aud) &&
	       text_add(jwt, "sub", order->sub) && text_add(jwt, "name", order->name) &&
	       text_add(jwt, "scope", order->scope) && text_add(jwt, "jti", jti) &&
	       (order->auth_time_s == 0 ||
		       jwt_add_grant_int(jwt, "auth_time", (long)order->auth_time_s) == 0) &&
	       jwt_add_grant_int(jwt, "iat", (long)order->iat_s) == 0 &&
	       jwt_add_grant_int(jwt, "exp", (long)(order->iat_s + order->ttl_s)) == 0;
}

int token_make(char **out, const struct key *key, const struct token_order *order)
{
	CLEANUP(jwt_freep) jwt_t *jwt = NULL;
	int r = order_check(key, order);

	if (r < 0)
		return r;
	if (jwt_new(&jwt) != 0 ||
		jwt_set_alg(jwt, jwt_str_alg(key->alg->name), key->secret, (int)key->secret_len) !=
			0 ||
		!claims_add(jwt, key, order))
		return -ENOMEM;
	if (key->kid != NULL && jwt_add_header(jwt, "kid", key->kid) != 0)
		return -ENOMEM;
	*out = jwt_encode_str(jwt);
	return *out == NULL ? -ENOMEM : 0;
}
