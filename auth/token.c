/*
 * token: the rules in the order in which they must be asked.  First the shape, without parsing;
 * then the header, strictly, for two things only: `kid`, an index into the key ring, and `alg`,
 * which must be the key's own (a token never chooses how it is verified).  Then the signature.
 * Nothing in the payload is looked at before the signature holds.
 */
#include "auth/token.h"

#include <strings.h>

#include "auth/token_parts.h"
#include "common/json.h"

struct header {
	const struct alg *alg;
	struct slice kid; /* data NULL: none */
};

const char *token_verdict_text(enum token_verdict verdict)
{
	switch (verdict) {
	case TOKEN_BAD_SHAPE:
		return "not a JWT: three base64url parts, at most 3 KiB";
	case TOKEN_BAD_HEADER:
		return "header: not strict JSON, or typ, crit or kid is not understood";
	case TOKEN_BAD_ALG:
		return "alg: not known, or not the key's";
	case TOKEN_UNKNOWN_KEY:
		return "kid: no such key (any more), or no kid where several keys fit";
	case TOKEN_BAD_SIGNATURE:
		return "the signature does not fit";
	case TOKEN_BAD_CLAIMS:
		return "claims: not strict JSON, or a claim is missing or of a wrong type";
	case TOKEN_EXPIRED:
		return "exp: expired";
	case TOKEN_NOT_YET:
		return "nbf or iat: not yet valid";
	case TOKEN_TOO_LONG_LIVED:
		return "exp: lives longer than the key's max-lifetime";
	case TOKEN_BAD_ISSUER:
		return "iss: not the key's";
	case TOKEN_BAD_AUDIENCE:
		return "aud: not the key's";
	case TOKEN_BAD_SUBJECT:
		return "sub: not a user id";
	case TOKEN_FOREIGN_USER:
		return "sub: outside the key's users";
	case TOKEN_FAILED:
		return "out of memory";
	case TOKEN_GOOD:
		return "valid";
	}
	return "";
}

static bool is_base64url(struct slice s)
{
	for (size_t i = 0; i < s.len; i++) {
		char c = s.data[i];

		if (!((c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
			    c == '-' || c == '_'))
			return false;
	}
	return s.len > 0 && s.len % 4 != 1;
}

static bool parts_split(struct slice token, struct token_parts *out)
{
	const char *first, *second, *end;

	if (token.len == 0 || token.len > TOKEN_MAX_BYTES)
		return false;
	end = token.data + token.len;
	first = memchr(token.data, '.', token.len);
	if (first == NULL)
		return false;
	second = memchr(first + 1, '.', (size_t)(end - first - 1));
	if (second == NULL)
		return false;
	*out = (struct token_parts){
		.whole = token,
		.signed_part = {token.data, (size_t)(second - token.data)},
		.header = {token.data, (size_t)(first - token.data)},
		.payload = {first + 1, (size_t)(second - first - 1)},
		.signature = {second + 1, (size_t)(end - second - 1)},
	};
	return is_base64url(out->header) && is_base64url(out->payload) &&
	       is_base64url(out->signature);
}

static bool is_word(struct slice s, const char *word)
{
	return s.len == strlen(word) && strncasecmp(s.data, word, s.len) == 0;
}

/* libjwt 1.10 takes typ JWT alone, so HMAC tokens may say nothing else; access tokens say at+jwt.
 */
static bool typ_is_known(const json_t *root, const struct alg *alg)
{
	struct slice typ = json_text(root, "typ");

	if (json_object_get(root, "typ") == NULL)
		return true;
	return is_word(typ, "JWT") || (alg->family != ALG_HMAC && is_word(typ, "at+jwt"));
}

static enum token_verdict header_from_json(const json_t *root, struct header *out)
{
	const json_t *kid = json_object_get(root, "kid");

	if (!json_is_string(json_object_get(root, "alg")) || json_object_get(root, "crit") != NULL)
		return TOKEN_BAD_HEADER;
	out->alg = alg_find(json_text(root, "alg"));
	if (out->alg == NULL)
		return TOKEN_BAD_ALG;
	if (!typ_is_known(root, out->alg))
		return TOKEN_BAD_HEADER;
	out->kid = json_text(root, "kid");
	if (kid != NULL && (out->kid.len == 0 || out->kid.len > KEY_ID_MAX_BYTES))
		return TOKEN_BAD_HEADER;
	return TOKEN_GOOD;
}

/* *out_root keeps the kid alive. */
static enum token_verdict header_read(struct slice part, json_t **out_root, struct header *out)
{
	unsigned char text[BASE64URL_DECODED_MAX(TOKEN_MAX_BYTES)];
	size_t len;

	if (!base64url_decode(part, text, sizeof(text), &len))
		return TOKEN_BAD_SHAPE;
	if (json_read((struct slice){(const char *)text, len}, TOKEN_MAX_DEPTH, out_root) !=
			JSON_READ ||
		!json_is_object(*out_root))
		return TOKEN_BAD_HEADER;
	return header_from_json(*out_root, out);
}

static enum token_verdict check_with_kid(const struct keyring *ring, const struct header *header,
	const struct token_parts *parts, const struct key **out)
{
	const struct key *key = keyring_by_kid(ring, header->kid);

	if (key == NULL)
		return TOKEN_UNKNOWN_KEY;
	if (key->alg != header->alg)
		return TOKEN_BAD_ALG;
	*out = key;
	return token_signature_check(key, parts);
}

/* Bounded, or a stranger could make each of his tokens cost as many verifications as there are
 * keys. */
static enum token_verdict check_without_kid(const struct keyring *ring, const struct alg *alg,
	const struct token_parts *parts, const struct key **out)
{
	enum token_verdict verdict = TOKEN_BAD_ALG;
	size_t fitting = 0;

	for (size_t i = 0; i < keyring_count(ring); i++)
		fitting += keyring_at(ring, i)->alg == alg;
	if (fitting > TOKEN_KEYS_TRIED)
		return TOKEN_UNKNOWN_KEY;
	for (size_t i = 0; i < keyring_count(ring); i++) {
		const struct key *key = keyring_at(ring, i);

		if (key->alg != alg)
			continue;
		verdict = token_signature_check(key, parts);
		if (verdict != TOKEN_BAD_SIGNATURE) {
			*out = key;
			return verdict;
		}
	}
	return verdict;
}

static bool is_over(const struct key *key, int64_t now_ms)
{
	return key->policy->until_s != 0 && now_ms / 1000 >= key->policy->until_s;
}

enum token_verdict token_check(
	const struct keyring *ring, struct slice token, int64_t now_ms, struct token_facts *out)
{
	CLEANUP(json_decrefp) json_t *root = NULL;
	const struct key *key = NULL;
	struct token_parts parts;
	struct header header;
	enum token_verdict verdict;

	if (!parts_split(token, &parts))
		return TOKEN_BAD_SHAPE;
	verdict = header_read(parts.header, &root, &header);
	if (verdict != TOKEN_GOOD)
		return verdict;
	verdict = header.kid.data != NULL ? check_with_kid(ring, &header, &parts, &key)
					  : check_without_kid(ring, header.alg, &parts, &key);
	if (verdict == TOKEN_GOOD && is_over(key, now_ms))
		verdict = TOKEN_UNKNOWN_KEY;
	if (verdict != TOKEN_GOOD)
		return verdict;
	return token_claims_check(key, &parts, now_ms, out);
}
