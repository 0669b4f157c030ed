/* refresh: what the next token of a login keeps, and for how long there is a next one. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "auth/base64url.h"
#include "auth/refresh.h"
#include "common/json.h"
#include "tests/unit/forge.h"
#include "tests/unit/test.h"

#define NOW_S 1767225600LL
#define SECRET "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define OTHER "abcdef0123456789abcdef0123456789abcdef0123456789abcdef0123456789"

static struct forge forge;
static struct keyring *ring;

static int setup(void **state)
{
	struct key_error e;

	(void)state;
	forge_init(&forge);
	forge_file(&forge, "own.secret", SECRET, 0600);
	forge_file(&forge, "own.conf",
		"alg = HS256\nfile = own.secret\nkid = now\niss = postern\nmax-lifetime = 24h\n",
		0600);
	forge_file(&forge, "own-before.secret", OTHER, 0600);
	forge_file(&forge, "own-before.conf",
		"alg = HS256\nfile = own-before.secret\nkid = before\niss = postern\n", 0600);
	forge_file(&forge, "shop.conf",
		"alg = HS256\nfile = own-before.secret\nkid = shop\niss = postern\n", 0600);
	return keyring_load(&ring, forge.dir, false, &e);
}

static int teardown(void **state)
{
	(void)state;
	keyring_free(ring);
	forge_fini(&forge);
	return 0;
}

static char *sign_with(const char *kid, const char *secret, const char *payload)
{
	char header[80];
	struct forge_order order = {
		.header = header, .payload = payload, .alg = "HS256", .secret = slice_of(secret)};

	snprintf(header, sizeof(header), "{\"alg\":\"HS256\",\"kid\":\"%s\"}", kid);
	return forge_token(&order);
}

static int refresh_at(const char *token, int64_t now_s, char **out)
{
	struct token_facts facts;
	struct refresh_terms terms = {now_s * 1000, now_s};

	assert_int_equal(token_check(ring, slice_of(token), now_s * 1000, &facts), TOKEN_GOOD);
	return refresh_make(out, ring, slice_of(token), &facts, &terms);
}

static int refresh_of(const char *payload, char **out)
{
	char *token = sign_with("now", SECRET, payload);
	int r = refresh_at(token, NOW_S, out);

	free(token);
	return r;
}

static void expect_refused(const char *payload, int error)
{
	char *fresh = NULL;

	assert_int_equal(refresh_of(payload, &fresh), error);
	assert_null(fresh);
}

static json_t *payload_of(const char *token)
{
	const char *first = strchr(token, '.') + 1;
	struct slice part = {first, strcspn(first, ".")};
	unsigned char text[4096];
	size_t len;
	json_t *claims = NULL;

	assert_true(base64url_decode(part, text, sizeof(text), &len));
	assert_int_equal(json_read((struct slice){(const char *)text, len}, 8, &claims), JSON_READ);
	return claims;
}

#define CLAIMS                                                                                     \
	"\"iss\":\"postern\",\"sub\":7,\"exp\":1767225700,\"iat\":1767225500,\"name\":"            \
	"\"J\\u00fcrgen\","                                                                        \
	"\"scope\":\"push read-only\",\"jti\":\"a jti\""

#define BARE "\"iss\":\"postern\",\"sub\":7,\"exp\":1767225700,\"iat\":1767225500"

static void the_next_token_says_the_same_of_the_same_login(void **state)
{
	struct token_facts before, after;
	char *token = sign_with("now", SECRET, "{" CLAIMS ",\"auth_time\":1767220000}");
	char *fresh = NULL;
	json_t *claims;

	(void)state;
	assert_int_equal(refresh_at(token, NOW_S, &fresh), 0);
	assert_int_equal(token_check(ring, slice_of(token), NOW_S * 1000, &before), TOKEN_GOOD);
	assert_int_equal(token_check(ring, slice_of(fresh), NOW_S * 1000, &after), TOKEN_GOOD);
	assert_true(after.hash == before.hash);
	assert_int_equal(after.issuer_id, before.issuer_id);
	assert_int_equal(after.iat_ms, NOW_S * 1000);
	assert_int_equal(after.exp_ms, (NOW_S + LOGIN_TTL_S) * 1000);
	assert_true(after.may_push && after.read_only);
	claims = payload_of(fresh);
	assert_string_equal(json_string_value(json_object_get(claims, "sub")), "7");
	assert_string_equal(json_string_value(json_object_get(claims, "name")), "J\xc3\xbcrgen");
	assert_string_equal(json_string_value(json_object_get(claims, "scope")), "push read-only");
	assert_string_equal(json_string_value(json_object_get(claims, "jti")), "a jti");
	assert_true(json_integer_value(json_object_get(claims, "auth_time")) == 1767220000);
	json_decref(claims);
	free(token);
	free(fresh);
}

/* As authctl makes it: its short life is meant. */
static void a_token_of_no_login_is_not_prolonged(void **state)
{
	(void)state;
	expect_refused("{" CLAIMS "}", -EPERM);
}

static void no_chain_of_refreshes_passes_a_day_after_the_login(void **state)
{
	char *token = sign_with("now", SECRET, "{" CLAIMS ",\"auth_time\":1767225600}");
	int64_t now = NOW_S;
	int n = 0;

	(void)state;
	for (;;) {
		char *fresh = NULL;
		int r = refresh_at(token, now, &fresh);

		free(token);
		token = fresh;
		if (r < 0)
			break;
		n++;
		now += LOGIN_TTL_S - 60;
		assert_true(n < 100);
	}
	assert_true(now - NOW_S >= REFRESH_MAX_MS / 1000);
	assert_true(n >= 24);
	/* to the second */
	for (int64_t late = -1; late <= 1; late++) {
		char payload[400];
		char *fresh = NULL;

		snprintf(payload, sizeof(payload), "{" CLAIMS ",\"auth_time\":%lld}",
			(long long)(NOW_S - REFRESH_MAX_MS / 1000 - late));
		assert_int_equal(refresh_of(payload, &fresh), late < 0 ? 0 : -EPERM);
		free(fresh);
	}
}

static void what_is_no_login_of_ours_is_refused(void **state)
{
	static const char *const payloads[] = {
		"{" CLAIMS ",\"auth_time\":0}",
		"{" CLAIMS ",\"auth_time\":-1}",
		"{" CLAIMS ",\"auth_time\":\"1767220000\"}",
		"{" CLAIMS ",\"auth_time\":1767220000.5}",
		"{" CLAIMS ",\"auth_time\":null}",
		"{" CLAIMS ",\"auth_time\":1767225640}", /* ahead */
		"{" CLAIMS ",\"auth_time\":9223372036854775807}",
		"{" BARE ",\"auth_time\":1767220000}",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(payloads) / sizeof(payloads[0]); i++)
		expect_refused(payloads[i], -EPERM);
}

static void texts_that_auth_would_not_sign_are_refused(void **state)
{
	static const char *const names[] = {"name", "scope"};
	char payload[2000];

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		snprintf(payload, sizeof(payload),
			"{" BARE ",\"auth_time\":1767220000,\"jti\":\"a\",\"%s\":\"%0600d\"}",
			names[i], 1);
		expect_refused(payload, -EINVAL);
	}
	snprintf(payload, sizeof(payload), "{" BARE ",\"auth_time\":1767220000,\"jti\":\"%0600d\"}",
		1);
	expect_refused(payload, -EINVAL);
}

static void only_the_own_key_and_the_one_before_refresh(void **state)
{
	static const struct {
		const char *kid;
		int result;
	} cases[] = {{"before", 0}, {"shop", -EPERM}};

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		char *token =
			sign_with(cases[i].kid, OTHER, "{" CLAIMS ",\"auth_time\":1767220000}");
		char *fresh = NULL;
		struct token_facts facts;

		assert_int_equal(refresh_at(token, NOW_S, &fresh), cases[i].result);
		if (fresh != NULL) {
			assert_int_equal(token_check(ring, slice_of(fresh), NOW_S * 1000, &facts),
				TOKEN_GOOD);
			assert_string_equal(facts.key->kid, "now");
		}
		free(token);
		free(fresh);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_next_token_says_the_same_of_the_same_login),
		cmocka_unit_test(a_token_of_no_login_is_not_prolonged),
		cmocka_unit_test(no_chain_of_refreshes_passes_a_day_after_the_login),
		cmocka_unit_test(what_is_no_login_of_ours_is_refused),
		cmocka_unit_test(texts_that_auth_would_not_sign_are_refused),
		cmocka_unit_test(only_the_own_key_and_the_one_before_refresh),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
