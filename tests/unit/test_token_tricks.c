/*
 * token: headers and claims that attackers of JWTs have tried, under each algorithm and with each
 * kind of key.  The same table holds with every generation of libjwt.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/test.h"
#include "tests/unit/token_rig.h"

/* A kid names a key of the ring, by all of its bytes, or none. */
static void a_kid_is_an_index_into_the_ring_and_nothing_else(void **state)
{
	static const char *const kids[] = {"/etc/passwd", "../../../../dev/null",
		"file:///dev/null", "secret", "own.secret", "%s.pem", "%s.conf", "%s\\u0000",
		"\\u0000%s", "%s ", "%s/../%s", "%s' OR '1'='1", "x' UNION SELECT '" SECRET "' --",
		"%s;", "%s\\n", "|/bin/true", "$(true)", "https://evil.example/%s", "0", "-1", "*",
		"%%", "\\ufeff%s"};

	(void)state;
	for (size_t k = 0; k < N_KINDS; k++) {
		for (size_t i = 0; i < sizeof(kids) / sizeof(kids[0]); i++) {
			char kid[256], header[512];
			const char *at = kids[i];
			size_t n = 0;

			/* %s is the right kid. */
			while (*at != '\0' && n < sizeof(kid) - 64) {
				if (at[0] == '%' && at[1] == 's') {
					n += (size_t)snprintf(
						kid + n, sizeof(kid) - n, "%s", kinds[k].alg);
					at += 2;
				} else {
					kid[n++] = *at++;
				}
			}
			kid[n] = '\0';
			snprintf(header, sizeof(header), "{\"alg\":\"%s\",\"kid\":\"%s\"}",
				kinds[k].alg, kid);
			expect_signed(header, GOOD_CLAIMS, &kinds[k], TOKEN_UNKNOWN_KEY);
		}
	}
}

static void a_kid_of_another_key_brings_its_algorithm(void **state)
{
	char kid[200], header[512];

	(void)state;
	for (size_t k = 0; k < N_KINDS; k++) {
		/* as long as a kid may be, and longer */
		for (size_t len = 127; len <= 130; len++) {
			memset(kid, 'k', len);
			kid[len] = '\0';
			snprintf(header, sizeof(header), "{\"alg\":\"%s\",\"kid\":\"%s\"}",
				kinds[k].alg, kid);
			expect_signed(header, GOOD_CLAIMS, &kinds[k],
				len <= 128 ? TOKEN_UNKNOWN_KEY : TOKEN_BAD_HEADER);
		}
		snprintf(header, sizeof(header), "{\"alg\":\"%s\",\"kid\":\"%s\"}",
			kinds[(k + 1) % N_KINDS].alg, kinds[k].alg);
		expect_signed(header, GOOD_CLAIMS, &kinds[(k + 1) % N_KINDS], TOKEN_BAD_ALG);
	}
}

/* Whatever the header brings along is not what a token is verified with. */
static void a_key_that_comes_with_the_token_is_ignored(void **state)
{
	static const char *const algs[] = {"RS256", "RS384", "RS512", "PS256", "PS384", "PS512"};
	char *jwk = forge_jwk(&forge, FORGE_RSA_OTHER, ",\"kid\":\"RS256\"");
	char *pem = forge_pem(&forge, FORGE_RSA_OTHER);
	char *der = forge_base64(pem, strlen(pem));
	const char *const forms[] = {"\"jwk\":%s", "\"x5c\":[\"%s\"]", "\"jku\":\"data:,%s\"",
		"\"x5u\":\"file:///%s\"", "\"x5t\":\"%s\""};

	(void)state;
	for (size_t a = 0; a < 6; a++) {
		for (size_t f = 0; f < sizeof(forms) / sizeof(forms[0]); f++) {
			char *member, *header, *token;
			struct forge_order order = {
				NULL, GOOD_CLAIMS, algs[a], forge.keys[FORGE_RSA_OTHER], {NULL, 0}};
			const char *value = f == 0 ? jwk : f == 1 ? der : "x";
			const char *mark = strstr(forms[f], "%s");

			assert_true(asprintf(&member, "%.*s%s%s", (int)(mark - forms[f]), forms[f],
					    value, mark + 2) > 0);
			assert_true(asprintf(&header, "{\"alg\":\"%s\",\"kid\":\"%s\",%s}", algs[a],
					    algs[a], member) > 0);
			order.header = header;
			token = forge_token(&order);
			expect(token, TOKEN_BAD_SIGNATURE, header);
			free(token);
			/* and in the header of a good one it harms nothing */
			expect_signed(header, GOOD_CLAIMS, &kinds[3 + a], TOKEN_GOOD);
			free(header);
			free(member);
		}
	}
	free(jwk);
	free(pem);
	free(der);
}

#define CLAIM(text) "{\"iss\":\"i\",\"sub\":\"7\"," text "}"

static const struct row {
	const char *payload;
	enum token_verdict verdict;
} claims[] = {
	{CLAIM("\"exp\":\"1767229200\""), TOKEN_BAD_CLAIMS},
	{CLAIM("\"exp\":1767229200.0"), TOKEN_BAD_CLAIMS},
	{CLAIM("\"exp\":1.7672292e9"), TOKEN_BAD_CLAIMS},
	{CLAIM("\"exp\":1e308"), TOKEN_BAD_CLAIMS},
	{CLAIM("\"exp\":-1"), TOKEN_BAD_CLAIMS},
	{CLAIM("\"exp\":-1e308"), TOKEN_BAD_CLAIMS},
	{CLAIM("\"exp\":0"), TOKEN_EXPIRED},
	{CLAIM("\"exp\":true"), TOKEN_BAD_CLAIMS},
	{CLAIM("\"exp\":[]"), TOKEN_BAD_CLAIMS},
	{CLAIM("\"exp\":9223372036854775807"), TOKEN_BAD_CLAIMS},
	{CLAIM("\"Exp\":1767229200"), TOKEN_BAD_CLAIMS},
	{CLAIM("\"exp\":1767229200,\"nbf\":1767229100"), TOKEN_NOT_YET},
	{CLAIM("\"exp\":1767229200,\"iat\":1767229100"), TOKEN_NOT_YET},
	{CLAIM("\"exp\":1767229200,\"iat\":1e308"), TOKEN_BAD_CLAIMS},
	{CLAIM("\"exp\":1767229200,\"aud\":\"x\""), TOKEN_BAD_AUDIENCE},
	{CLAIM("\"exp\":1767229200,\"jti\":{}"), TOKEN_BAD_CLAIMS},
	{CLAIM("\"exp\":1767229200,\"auth_time\":\"x\""), TOKEN_GOOD},
	{"{\"iss\":\"i\",\"sub\":\"../7\",\"exp\":1767229200}", TOKEN_BAD_SUBJECT},
	{"{\"iss\":\"i\",\"sub\":\"7' OR '1'='1\",\"exp\":1767229200}", TOKEN_BAD_SUBJECT},
	{"{\"iss\":\"i\",\"sub\":\"*\",\"exp\":1767229200}", TOKEN_BAD_SUBJECT},
	{"{\"iss\":\"i\",\"userId\":\"7\",\"exp\":1767229200}", TOKEN_BAD_SUBJECT},
	{"{\"iss\":\"none\",\"sub\":\"7\",\"exp\":1767229200}", TOKEN_BAD_ISSUER},
};

static void claims_are_judged_alike_under_every_algorithm(void **state)
{
	(void)state;
	for (size_t k = 0; k < N_KINDS; k++) {
		char header[64];

		snprintf(header, sizeof(header), "{\"alg\":\"%s\"}", kinds[k].alg);
		for (size_t i = 0; i < sizeof(claims) / sizeof(claims[0]); i++)
			expect_signed(header, claims[i].payload, &kinds[k], claims[i].verdict);
	}
}

/* libjwt reads HMAC tokens, and its parser takes the last of two: then it is ours that refuses. */
static void nothing_is_said_twice(void **state)
{
	static const char *const headers[] = {"{\"alg\":\"%s\",\"alg\":\"%s\"}",
		"{\"alg\":\"none\",\"alg\":\"%s\"}", "{\"alg\":\"%s\",\"al\\u0067\":\"none\"}",
		"{\"alg\":\"%s\",\"kid\":\"%s\",\"kid\":\"x\"}", "{\"alg\":\"%s\",\"x\":1,\"x\":1}",
		"{\"alg\":\"%s\",\"x\":{\"y\":1,\"y\":2}}"};
	static const char *const payloads[] = {
		CLAIM("\"exp\":1767229200,\"sub\":\"8\""),
		CLAIM("\"exp\":1,\"exp\":1767229200"),
		CLAIM("\"exp\":1767229200,\"s\\u0075b\":\"8\""),
		CLAIM("\"exp\":1767229200,\"iss\":\"i\""),
		CLAIM("\"exp\":1767229200,\"x\":{\"y\":1,\"y\":1}"),
	};

	(void)state;
	for (size_t k = 0; k < N_KINDS; k++) {
		char header[128];

		for (size_t i = 0; i < sizeof(headers) / sizeof(headers[0]); i++) {
			const char *at = headers[i];
			size_t n = 0;

			while (*at != '\0') {
				if (at[0] == '%') {
					n += (size_t)snprintf(
						header + n, sizeof(header) - n, "%s", kinds[k].alg);
					at += 2;
				} else {
					header[n++] = *at++;
				}
			}
			header[n] = '\0';
			expect_signed(header, GOOD_CLAIMS, &kinds[k], TOKEN_BAD_HEADER);
		}
		snprintf(header, sizeof(header), "{\"alg\":\"%s\"}", kinds[k].alg);
		for (size_t i = 0; i < sizeof(payloads) / sizeof(payloads[0]); i++)
			expect_signed(header, payloads[i], &kinds[k], TOKEN_BAD_CLAIMS);
	}
}

static void what_is_critical_and_not_understood_is_refused(void **state)
{
	static const char *const members[] = {"\"crit\":[\"exp\"]", "\"crit\":[]",
		"\"crit\":\"alg\"", "\"crit\":[\"b64\"],\"b64\":true", "\"crit\":null",
		"\"crit\":[\"http://evil.example\"]", "\"crit\":{}"};

	(void)state;
	for (size_t k = 0; k < N_KINDS; k++) {
		for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++) {
			char header[128];

			snprintf(header, sizeof(header), "{\"alg\":\"%s\",%s}", kinds[k].alg,
				members[i]);
			expect_signed(header, GOOD_CLAIMS, &kinds[k], TOKEN_BAD_HEADER);
		}
	}
}

/* "none" with every kid, and with every kind of signature behind it. */
static void none_is_no_algorithm(void **state)
{
	static const char *const spellings[] = {
		"none", "None", "NONE", "nOnE", "none\\u0000", " none", "", "null", "false"};

	(void)state;
	for (size_t k = 0; k < N_KINDS; k++) {
		for (size_t i = 0; i < sizeof(spellings) / sizeof(spellings[0]); i++) {
			char header[128];

			snprintf(header, sizeof(header), "{\"alg\":\"%s\",\"kid\":\"%s\"}",
				spellings[i], kinds[k].alg);
			expect_signed(header, GOOD_CLAIMS, &kinds[k], TOKEN_BAD_ALG);
		}
	}
}

static void the_table_has_at_least_1000_rows(void **state)
{
	(void)state;
	print_message("%u tokens judged\n", rows);
	assert_true(rows >= 1000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_kid_is_an_index_into_the_ring_and_nothing_else),
		cmocka_unit_test(a_kid_of_another_key_brings_its_algorithm),
		cmocka_unit_test(a_key_that_comes_with_the_token_is_ignored),
		cmocka_unit_test(claims_are_judged_alike_under_every_algorithm),
		cmocka_unit_test(nothing_is_said_twice),
		cmocka_unit_test(what_is_critical_and_not_understood_is_refused),
		cmocka_unit_test(none_is_no_algorithm),
		cmocka_unit_test(the_table_has_at_least_1000_rows),
	};

	return cmocka_run_group_tests(tests, token_rig_setup, token_rig_teardown);
}
