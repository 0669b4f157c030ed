/*
 * JWTs against a fixed key ring.  The input is a token as it stands, or a header and claims that
 * are signed here by a key of the ring, so that what lies behind the signature is reached too; or
 * signed by a key that is not in it.  A good verdict is judged once more by other means.
 */
#include <assert.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "auth/base64url.h"
#include "common/json.h"
#include "proto/names.h"
#include "tests/fuzz/script.h"
#include "tests/unit/token_rig.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define STRANGERS_SECRET "a secret that is in no file, and as long as the others are"
#define PART_MAX_BYTES 4096

static bool is_ready;

/* Beside the key of each algorithm: one with bounds, one whose time is over, and so many of one
 * algorithm that none of them is tried without its kid. */
static void more_keys(void)
{
	struct key_error e;
	char name[32];

	forge_file(&forge, "strict.conf",
		"alg = HS256\nfile = secret\niss = i\nkid = strict\naud = chat\nusers = s:\n"
		"max-lifetime = 2h\n",
		0600);
	forge_file(&forge, "over.conf",
		"alg = HS256\nfile = secret\niss = i\nkid = over\n"
		"until = 2025-12-31T23:59:59Z\n",
		0600);
	for (unsigned i = 0; i < TOKEN_KEYS_TRIED; i++) {
		snprintf(name, sizeof(name), "more-%u.conf", i);
		conf_write(name, "HS512", "secret", NULL);
	}
	keyring_free(ring);
	ring = NULL;
	assert(keyring_load(&ring, forge.dir, false, &e) == 0);
}

static void begin(void)
{
	if (is_ready)
		return;
	assert(token_rig_setup(NULL) == 0);
	more_keys();
	for (enum token_verdict v = TOKEN_BAD_SHAPE; v <= TOKEN_GOOD; v++)
		assert(token_verdict_text(v)[0] != '\0');
	forge_clear(&forge); /* what was loaded is in memory */
	assert(rmdir(forge.dir) == 0);
	is_ready = true;
}

/* The part of a token as JSON. */
static json_t *part_read(struct slice token, unsigned n)
{
	unsigned char text[BASE64URL_DECODED_MAX(TOKEN_MAX_BYTES)];
	const char *from = token.data;
	const char *end = token.data + token.len;
	json_t *json = NULL;
	const char *dot;
	size_t len;

	for (; n > 0; n--)
		from = (const char *)memchr(from, '.', (size_t)(end - from)) + 1;
	dot = memchr(from, '.', (size_t)(end - from));
	assert(dot != NULL);
	assert(base64url_decode(
		(struct slice){from, (size_t)(dot - from)}, text, sizeof(text), &len));
	assert(json_read((struct slice){(const char *)text, len}, 8, &json) == JSON_READ);
	assert(json_is_object(json));
	return json;
}

static bool is_for(const json_t *aud, const char *whom)
{
	bool found = json_is_string(aud) && strcmp(json_string_value(aud), whom) == 0;

	for (size_t i = 0; i < json_array_size(aud); i++)
		found |= is_for(json_array_get(aud, i), whom);
	return found;
}

/* Without whom: neither another algorithm, nor another user, nor another time. */
static void check_good(struct slice token, const struct token_facts *facts)
{
	CLEANUP(json_decrefp) json_t *header = part_read(token, 0);
	CLEANUP(json_decrefp) json_t *claims = part_read(token, 1);
	const json_t *sub = json_object_get(claims, "sub");
	const json_t *exp = json_object_get(claims, "exp");
	struct slice uid = {facts->uid, facts->uid_len};

	assert(token.len <= TOKEN_MAX_BYTES);
	assert(facts->key != NULL && slice_is(json_text(header, "alg"), facts->key->alg->name));
	assert(json_object_get(header, "crit") == NULL);
	assert(json_object_get(header, "kid") == NULL ||
		slice_is(json_text(header, "kid"), facts->key->kid));
	assert(name_is_uid(uid));
	assert(json_is_string(sub) ? slice_eq(json_text(claims, "sub"), uid)
				   : json_is_integer(sub) && name_is_uid(uid));
	assert(slice_is(json_text(claims, "iss"), "i"));
	assert(json_is_integer(exp) && json_integer_value(exp) * 1000 == facts->exp_ms);
	assert(facts->exp_ms + TOKEN_LEEWAY_MS > NOW_S * 1000);
	assert(facts->exp_ms <= (NOW_S + 30 + 24 * 60 * 60) * 1000);
	assert(facts->iat_ms <= (NOW_S + 30) * 1000);
	assert(strcmp(facts->key->policy->name, "over") != 0);
	if (strcmp(facts->key->policy->name, "strict") == 0)
		assert(uid.len > 2 && memcmp(uid.data, "s:", 2) == 0 &&
			is_for(json_object_get(claims, "aud"), "chat") &&
			facts->exp_ms <= (NOW_S + 30 + 2 * 60 * 60) * 1000);
}

static enum token_verdict check(struct slice token)
{
	struct token_facts facts;
	enum token_verdict verdict = token_check(ring, token, NOW_S * 1000, &facts);

	assert(token_verdict_text(verdict)[0] != '\0');
	if (verdict == TOKEN_GOOD)
		check_good(token, &facts);
	/* The same answer each time, and none without keys that have a time. */
	assert(token_check(ring, token, NOW_S * 1000, &facts) == verdict);
	if (verdict == TOKEN_GOOD)
		assert(token_check(ring, token, (NOW_S + 400 * 24 * 60 * 60) * 1000, &facts) ==
			TOKEN_EXPIRED);
	return verdict;
}

static void text_of(struct slice part, char out[PART_MAX_BYTES])
{
	size_t len = part.len < PART_MAX_BYTES ? part.len : PART_MAX_BYTES - 1;

	if (len > 0)
		memcpy(out, part.data, len);
	out[len] = '\0';
}

static struct slice line_of(struct script *s)
{
	const uint8_t *end = s->left == 0 ? NULL : memchr(s->at, '\n', s->left);
	struct slice line = script_take(s, end == NULL ? s->left : (size_t)(end - s->at));

	script_byte(s);
	return line;
}

/* A header of its own, or the usual one of the kind. */
static void header_of(
	const struct kind *kind, bool is_own, struct script *s, char out[PART_MAX_BYTES])
{
	if (is_own)
		text_of(line_of(s), out);
	else
		snprintf(out, PART_MAX_BYTES, "{\"alg\":\"%s\",\"kid\":\"%s\"}", kind->alg,
			kind->alg);
}

static void check_signed(struct script *s, bool is_own_header)
{
	const struct kind *kind = &kinds[script_byte(s) % N_KINDS];
	char header[PART_MAX_BYTES], payload[PART_MAX_BYTES];
	char *token;

	header_of(kind, is_own_header, s, header);
	text_of(script_rest(s), payload);
	token = sign(header, payload, kind);
	(void)check(slice_of(token));
	free(token);
}

/* Whatever it says, a key that is in no file opens nothing. */
static void check_stranger(struct script *s)
{
	const struct kind *kind = &kinds[script_byte(s) % N_KINDS];
	struct forge_order order = {.alg = kind->alg};
	char header[PART_MAX_BYTES], payload[PART_MAX_BYTES];
	char *token;

	header_of(kind, true, s, header);
	text_of(script_rest(s), payload);
	order.header = header;
	order.payload = payload;
	if (kind->alg[0] == 'H')
		order.secret = SLICE_LITERAL(STRANGERS_SECRET);
	else if (kind->alg[0] == 'R' || kind->alg[0] == 'P')
		order.key = forge.keys[FORGE_RSA_OTHER];
	else
		return;
	token = forge_token(&order);
	assert(check(slice_of(token)) < TOKEN_BAD_CLAIMS);
	free(token);
}

/* A good token with one byte changed. */
static void check_changed(struct script *s)
{
	const struct kind *kind = &kinds[script_byte(s) % N_KINDS];
	uint8_t flip = script_byte(s);
	size_t at = script_number(s, 2);
	char header[PART_MAX_BYTES];
	char *token;

	header_of(kind, false, NULL, header);
	token = sign(header, GOOD_CLAIMS, kind);
	assert(check(slice_of(token)) == TOKEN_GOOD);
	token[at % strlen(token)] ^= (char)flip;
	if (flip != 0)
		assert(check(slice_of(token)) != TOKEN_GOOD);
	free(token);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct script s = {data, size};

	begin();
	switch (script_byte(&s) % 5) {
	case 0:
		/* Nobody but the ring's keys signs, and they have not. */
		assert(check(script_rest(&s)) < TOKEN_BAD_CLAIMS);
		break;
	case 1:
		check_signed(&s, true);
		break;
	case 2:
		check_signed(&s, false);
		break;
	case 3:
		check_stranger(&s);
		break;
	case 4:
		check_changed(&s);
		break;
	}
	return 0;
}
