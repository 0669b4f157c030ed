/*
 * token_claims: what a signed token says, read with strict types and judged by the policy of its
 * key. A claim that we use and that has another type than RFC 7519 gives it refuses the token: a
 * lenient reader and a strict one would disagree about who somebody is.
 */
#include <openssl/sha.h>
#include <stdio.h>

#include "auth/token_parts.h"
#include "common/json.h"
#include "proto/names.h"

#define LEEWAY_S (TOKEN_LEEWAY_MS / 1000)
#define ISSUER_MAX_BYTES 1024
#define TIME_MAX_S 253402300799LL /* the end of the year 9999 */

struct times {
	int64_t exp;
	int64_t nbf;
	int64_t iat;
	bool has_nbf;
	bool has_iat;
};

/* A NumericDate that is an integer of this age; false: it is there and is none. */
static bool time_read(const json_t *claims, const char *name, int64_t *out, bool *out_there)
{
	const json_t *value = json_object_get(claims, name);

	*out_there = value != NULL;
	if (value == NULL)
		return true;
	if (!json_is_integer(value))
		return false;
	*out = json_integer_value(value);
	return *out >= 0 && *out <= TIME_MAX_S;
}

static enum token_verdict times_check(const json_t *claims, const struct key_policy *policy,
	int64_t now_ms, struct token_facts *out)
{
	struct times t = {0};
	bool has_exp = false;
	int64_t now = now_ms / 1000;

	if (!time_read(claims, "exp", &t.exp, &has_exp) || !has_exp ||
		!time_read(claims, "nbf", &t.nbf, &t.has_nbf) ||
		!time_read(claims, "iat", &t.iat, &t.has_iat))
		return TOKEN_BAD_CLAIMS;
	if (now_ms >= (t.exp + LEEWAY_S) * 1000)
		return TOKEN_EXPIRED;
	if ((t.has_nbf && t.nbf > now + LEEWAY_S) || (t.has_iat && t.iat > now + LEEWAY_S))
		return TOKEN_NOT_YET;
	if (t.has_iat && t.exp < t.iat)
		return TOKEN_BAD_CLAIMS;
	if (t.exp - (t.has_iat ? t.iat : now) > policy->max_lifetime_s)
		return TOKEN_TOO_LONG_LIVED;
	out->exp_ms = t.exp * 1000;
	out->iat_ms = t.iat * 1000;
	return TOKEN_GOOD;
}

static enum token_verdict issuer_check(const json_t *claims, const struct key_policy *policy)
{
	const json_t *iss = json_object_get(claims, "iss");

	if (iss != NULL && !json_is_string(iss))
		return TOKEN_BAD_CLAIMS;
	if (policy->iss != NULL && !slice_is(json_text(claims, "iss"), policy->iss))
		return TOKEN_BAD_ISSUER;
	return TOKEN_GOOD;
}

/* RFC 7519, 4.1.3: who is not named by an audience that is there must refuse the token. */
static enum token_verdict audience_check(const json_t *claims, const struct key_policy *policy)
{
	const json_t *aud = json_object_get(claims, "aud");
	const json_t *one;
	bool named = false;
	size_t i;

	if (aud == NULL)
		return policy->aud == NULL ? TOKEN_GOOD : TOKEN_BAD_AUDIENCE;
	if (json_is_string(aud))
		named = policy->aud != NULL && slice_is(json_text(claims, "aud"), policy->aud);
	else if (!json_is_array(aud))
		return TOKEN_BAD_CLAIMS;
	json_array_foreach(aud, i, one)
	{
		struct slice text = {json_string_value(one), json_string_length(one)};

		if (!json_is_string(one))
			return TOKEN_BAD_CLAIMS;
		named = named || (policy->aud != NULL && slice_is(text, policy->aud));
	}
	return named ? TOKEN_GOOD : TOKEN_BAD_AUDIENCE;
}

/* 7 and "7" are one user (a uid is text). */
static enum token_verdict subject_read(
	const json_t *claims, const struct key_policy *policy, struct token_facts *out)
{
	const json_t *sub = json_object_get(claims, "sub");
	struct slice uid = json_text(claims, "sub");
	struct slice prefix = slice_of(policy->users);
	char number[24];

	if (json_is_integer(sub) && json_integer_value(sub) >= 0) {
		snprintf(number, sizeof(number), "%" JSON_INTEGER_FORMAT, json_integer_value(sub));
		uid = slice_of(number);
	}
	if (!name_is_uid(uid))
		return TOKEN_BAD_SUBJECT;
	if (uid.len < prefix.len || !slice_eq((struct slice){uid.data, prefix.len}, prefix))
		return TOKEN_FOREIGN_USER;
	memcpy(out->uid, uid.data, uid.len);
	out->uid_len = uid.len;
	return TOKEN_GOOD;
}

static bool scope_has(struct slice scope, const char *word)
{
	while (scope.len > 0) {
		const char *blank = memchr(scope.data, ' ', scope.len);
		size_t len = blank == NULL ? scope.len : (size_t)(blank - scope.data);
		size_t used = blank == NULL ? len : len + 1;

		if (slice_is((struct slice){scope.data, len}, word))
			return true;
		scope.data += used;
		scope.len -= used;
	}
	return false;
}

static enum token_verdict scope_read(const json_t *claims, struct token_facts *out)
{
	const json_t *scope = json_object_get(claims, "scope");
	struct slice words = json_text(claims, "scope");

	if (scope != NULL && !json_is_string(scope))
		return TOKEN_BAD_CLAIMS;
	out->may_push = scope_has(words, "push");
	out->read_only = scope_has(words, "read-only");
	return TOKEN_GOOD;
}

static uint64_t digest_number(const unsigned char *bytes, size_t len)
{
	unsigned char digest[SHA256_DIGEST_LENGTH];
	uint64_t number = 0;

	SHA256(bytes, len, digest);
	for (int i = 7; i >= 0; i--)
		number = number << 8 | digest[i];
	return number;
}

uint64_t token_jti_hash(const struct key_policy *policy, struct slice jti)
{
	const char *issuer = policy->iss != NULL ? policy->iss : policy->name;
	unsigned char text[ISSUER_MAX_BYTES + 1 + TOKEN_MAX_BYTES];
	size_t issuer_len = strnlen(issuer, ISSUER_MAX_BYTES);
	size_t jti_len = jti.len < TOKEN_MAX_BYTES ? jti.len : TOKEN_MAX_BYTES;

	memcpy(text, issuer, issuer_len);
	text[issuer_len] = '\0';
	memcpy(text + issuer_len + 1, jti.data, jti_len);
	return digest_number(text, issuer_len + 1 + jti_len);
}

/*
 * What a revocation names: issuer and jti where there is one.  Else the signed part and not the
 * token, since an ECDSA signature has a second form that anyone can compute.
 */
static enum token_verdict hash_make(const json_t *claims, const struct key *key,
	const struct token_parts *parts, struct token_facts *out)
{
	const json_t *jti = json_object_get(claims, "jti");
	struct slice text = json_text(claims, "jti");

	if (jti != NULL && (!json_is_string(jti) || text.len == 0))
		return TOKEN_BAD_CLAIMS;
	if (jti != NULL)
		out->hash = token_jti_hash(key->policy, text);
	else
		out->hash = digest_number(
			(const unsigned char *)parts->signed_part.data, parts->signed_part.len);
	return TOKEN_GOOD;
}

static enum token_verdict claims_judge(const json_t *claims, const struct key *key,
	const struct token_parts *parts, int64_t now_ms, struct token_facts *out)
{
	const struct key_policy *policy = key->policy;
	enum token_verdict verdict;

	verdict = times_check(claims, policy, now_ms, out);
	if (verdict == TOKEN_GOOD)
		verdict = issuer_check(claims, policy);
	if (verdict == TOKEN_GOOD)
		verdict = audience_check(claims, policy);
	if (verdict == TOKEN_GOOD)
		verdict = subject_read(claims, policy, out);
	if (verdict == TOKEN_GOOD)
		verdict = scope_read(claims, out);
	if (verdict == TOKEN_GOOD)
		verdict = hash_make(claims, key, parts, out);
	return verdict;
}

enum token_verdict token_claims_check(const struct key *key, const struct token_parts *parts,
	int64_t now_ms, struct token_facts *out)
{
	CLEANUP(json_decrefp) json_t *claims = NULL;
	unsigned char text[BASE64URL_DECODED_MAX(TOKEN_MAX_BYTES)];
	struct token_facts facts = {.key = key, .issuer_id = key->policy->issuer_id};
	enum token_verdict verdict;
	size_t len;

	if (!base64url_decode(parts->payload, text, sizeof(text), &len))
		return TOKEN_BAD_SHAPE;
	if (json_read((struct slice){(const char *)text, len}, TOKEN_MAX_DEPTH, &claims) !=
			JSON_READ ||
		!json_is_object(claims))
		return TOKEN_BAD_CLAIMS;
	verdict = claims_judge(claims, key, parts, now_ms, &facts);
	if (verdict == TOKEN_GOOD)
		*out = facts;
	return verdict;
}
