/*
 * token: one table of tokens and the verdict of each.  The same table has to hold with every
 * generation of libjwt.  Keys and signatures are made by forge.c with OpenSSL alone.
 */
#include <stdio.h>
#include <stdlib.h>

#include "tests/unit/test.h"
#include "tests/unit/token_rig.h"

static void a_good_token_of_each_algorithm_is_good_with_and_without_kid(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_KINDS; i++) {
		char header[128];

		snprintf(header, sizeof(header), "{\"alg\":\"%s\",\"typ\":\"JWT\",\"kid\":\"%s\"}",
			kinds[i].alg, kinds[i].alg);
		expect_signed(header, GOOD_CLAIMS, &kinds[i], TOKEN_GOOD);
		snprintf(header, sizeof(header), "{\"alg\":\"%s\"}", kinds[i].alg);
		expect_signed(header, GOOD_CLAIMS, &kinds[i], TOKEN_GOOD);
	}
}

/* For each key, each algorithm in the header: the key's own is the only one. */
static void the_header_never_chooses_the_algorithm(void **state)
{
	(void)state;
	for (size_t key = 0; key < N_KINDS; key++) {
		for (size_t said = 0; said < N_KINDS; said++) {
			char header[128];

			snprintf(header, sizeof(header), "{\"alg\":\"%s\",\"kid\":\"%s\"}",
				kinds[said].alg, kinds[key].alg);
			expect_signed(header, GOOD_CLAIMS, &kinds[key],
				said == key ? TOKEN_GOOD : TOKEN_BAD_ALG);
		}
	}
}

/* The same without a kid: the key of the algorithm that is said must have signed. */
static void the_signature_must_be_of_the_algorithm_that_is_said(void **state)
{
	(void)state;
	for (size_t key = 0; key < N_KINDS; key++) {
		for (size_t said = 0; said < N_KINDS; said++) {
			char header[64];

			snprintf(header, sizeof(header), "{\"alg\":\"%s\"}", kinds[said].alg);
			expect_signed(header, GOOD_CLAIMS, &kinds[key],
				said == key ? TOKEN_GOOD : TOKEN_BAD_SIGNATURE);
		}
	}
}

static void a_public_key_as_an_hmac_secret_signs_nothing(void **state)
{
	static const char *const kids[] = {"RS256", "ES256", "EdDSA", "HS256"};

	(void)state;
	for (size_t i = 0; i < 4; i++) {
		char *pem = forge_pem(&forge, i == 1 ? FORGE_P256 : FORGE_RSA);
		char header[128];
		struct forge_order order = {header, GOOD_CLAIMS, "HS256", NULL, slice_of(pem)};
		char *token;

		snprintf(header, sizeof(header), "{\"alg\":\"HS256\",\"kid\":\"%s\"}", kids[i]);
		token = forge_token(&order);
		expect(token, i == 3 ? TOKEN_BAD_SIGNATURE : TOKEN_BAD_ALG, header);
		free(token);
		snprintf(header, sizeof(header), "{\"alg\":\"HS256\"}");
		token = forge_token(&order);
		expect(token, TOKEN_BAD_SIGNATURE, "the PEM without kid");
		free(token);
		free(pem);
	}
}

static void another_issuers_key_signs_nothing(void **state)
{
	static const char *const algs[] = {"RS256", "RS512", "PS256", "PS512"};

	(void)state;
	for (size_t i = 0; i < 4; i++) {
		char header[128];
		struct forge_order order = {
			header, GOOD_CLAIMS, algs[i], forge.keys[FORGE_RSA_OTHER], {0}};
		char *token;

		snprintf(header, sizeof(header), "{\"alg\":\"%s\",\"kid\":\"%s\"}", algs[i],
			algs[i]);
		token = forge_token(&order);
		expect(token, TOKEN_BAD_SIGNATURE, header);
		free(token);
	}
}

static const struct header_row {
	const char *header;
	enum token_verdict verdict;
} header_table[] = {
	{"{\"alg\":\"none\"}", TOKEN_BAD_ALG},
	{"{\"alg\":\"None\"}", TOKEN_BAD_ALG},
	{"{\"alg\":\"NONE\",\"kid\":\"HS256\"}", TOKEN_BAD_ALG},
	{"{\"alg\":\"nOnE\"}", TOKEN_BAD_ALG},
	{"{\"alg\":\"\"}", TOKEN_BAD_ALG},
	{"{\"alg\":\"hs256\"}", TOKEN_BAD_ALG},
	{"{\"alg\":\"HS256 \"}", TOKEN_BAD_ALG},
	{"{\"alg\":\"HS256\\u0000\"}", TOKEN_BAD_ALG},
	{"{\"alg\":\"HS1\"}", TOKEN_BAD_ALG},
	{"{\"alg\":\"ES256K\"}", TOKEN_BAD_ALG},
	{"{\"alg\":\"A128KW\"}", TOKEN_BAD_ALG},
	{"{\"alg\":null}", TOKEN_BAD_HEADER},
	{"{\"alg\":256}", TOKEN_BAD_HEADER},
	{"{\"alg\":[\"HS256\"]}", TOKEN_BAD_HEADER},
	{"{}", TOKEN_BAD_HEADER},
	{"{\"typ\":\"JWT\"}", TOKEN_BAD_HEADER},
	{"[]", TOKEN_BAD_HEADER},
	{"\"HS256\"", TOKEN_BAD_HEADER},
	{"null", TOKEN_BAD_HEADER},
	{"{\"alg\":\"HS256\"", TOKEN_BAD_HEADER},
	{"{\"alg\":\"HS256\"}}", TOKEN_BAD_HEADER},
	{"{\"alg\":\"HS256\"} x", TOKEN_BAD_HEADER},
	{"{'alg':'HS256'}", TOKEN_BAD_HEADER},
	{"{\"alg\":\"HS256\",\"alg\":\"HS256\"}", TOKEN_BAD_HEADER},
	{"{\"alg\":\"none\",\"alg\":\"HS256\"}", TOKEN_BAD_HEADER},
	{"{\"alg\":\"HS256\",\"kid\":\"HS256\",\"kid\":\"HS256\"}", TOKEN_BAD_HEADER},
	{"{\"alg\":\"HS256\",\"crit\":[]}", TOKEN_BAD_HEADER},
	{"{\"alg\":\"HS256\",\"crit\":[\"b64\"],\"b64\":false}", TOKEN_BAD_HEADER},
	{"{\"alg\":\"HS256\",\"crit\":[\"exp\"]}", TOKEN_BAD_HEADER},
	{"{\"alg\":\"HS256\",\"crit\":null}", TOKEN_BAD_HEADER},
	{"{\"alg\":\"HS256\",\"typ\":\"jwt\"}", TOKEN_GOOD},
	{"{\"alg\":\"HS256\",\"typ\":\"JWE\"}", TOKEN_BAD_HEADER},
	{"{\"alg\":\"HS256\",\"typ\":\"at+jwt\"}", TOKEN_BAD_HEADER},
	{"{\"alg\":\"HS256\",\"typ\":\"JWT\\u0000\"}", TOKEN_BAD_HEADER},
	{"{\"alg\":\"HS256\",\"typ\":\"\"}", TOKEN_BAD_HEADER},
	{"{\"alg\":\"HS256\",\"typ\":1}", TOKEN_BAD_HEADER},
	{"{\"alg\":\"HS256\",\"typ\":null}", TOKEN_BAD_HEADER},
	{"{\"alg\":\"HS256\",\"x\":[[[[[[[[1]]]]]]]]}", TOKEN_BAD_HEADER},
	{"{\"alg\":\"HS256\",\"kid\":\"HS256\",\"jku\":\"https://evil.example\","
	 "\"x5u\":\"https://evil.example\",\"jwk\":{\"kty\":\"oct\",\"k\":\"AA\"}}",
		TOKEN_GOOD},
	{"{\"alg\":\"HS256\",\"kid\":\"\"}", TOKEN_BAD_HEADER},
	{"{\"alg\":\"HS256\",\"kid\":null}", TOKEN_BAD_HEADER},
	{"{\"alg\":\"HS256\",\"kid\":0}", TOKEN_BAD_HEADER},
	{"{\"alg\":\"HS256\",\"kid\":[\"HS256\"]}", TOKEN_BAD_HEADER},
	{"{\"alg\":\"HS256\",\"kid\":\"nobody\"}", TOKEN_UNKNOWN_KEY},
	{"{\"alg\":\"HS256\",\"kid\":\"hs256\"}", TOKEN_UNKNOWN_KEY},
	{"{\"alg\":\"HS256\",\"kid\":\"HS256\\u0000\"}", TOKEN_UNKNOWN_KEY},
	{"{\"alg\":\"HS256\",\"kid\":\"../../../dev/null\"}", TOKEN_UNKNOWN_KEY},
	{"{\"alg\":\"HS256\",\"kid\":\"/dev/null\"}", TOKEN_UNKNOWN_KEY},
	{"{\"alg\":\"HS256\",\"kid\":\"x' OR '1'='1\"}", TOKEN_UNKNOWN_KEY},
	{"{\"alg\":\"HS256\",\"kid\":\"HS384\"}", TOKEN_BAD_ALG},
};

static void headers_are_read_strictly(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(header_table) / sizeof(header_table[0]); i++)
		expect_signed(
			header_table[i].header, GOOD_CLAIMS, &kinds[0], header_table[i].verdict);
	expect_signed("{\"alg\":\"RS256\",\"typ\":\"at+jwt\"}", GOOD_CLAIMS, &kinds[3], TOKEN_GOOD);
	expect_signed("{\"alg\":\"ES256\",\"typ\":\"AT+JWT\"}", GOOD_CLAIMS, &kinds[9], TOKEN_GOOD);
	expect_signed("{\"alg\":\"RS256\",\"typ\":\"dpop+jwt\"}", GOOD_CLAIMS, &kinds[3],
		TOKEN_BAD_HEADER);
}

static void a_token_is_three_parts_of_base64url(void **state)
{
	static const char *const table[] = {
		"",
		".",
		"..",
		"...",
		"a",
		"a.b",
		"a.b.",
		".b.c",
		"a..c",
		"..c",
		"a.b.c.d",
		"a.b.c.d.e",
		".......",
		"eyJhbGciOiJIUzI1NiJ9",
		"eyJhbGciOiJIUzI1NiJ9.",
		"eyJhbGciOiJIUzI1NiJ9..",
		"eyJhbGciOiJIUzI1NiJ9.e30.",
		"eyJhbGciOiJub25lIn0.e30.",
		"Bearer a.b.c",
		"eyJhbGciOiJIUzI1NiJ9.e30.AAAAA",
		"eyJhbGciOiJIUzI1NiJ9.e30.====",
		"eyJhbGciOiJIUzI1NiJ9.e30.AA==",
		"eyJhbGciOiJIUzI1NiJ9 .e30.AA",
		"eyJhbGciOiJIUzI1NiJ9.e30\n.AA",
		"eyJhbGciOiJIUzI1NiJ9.e30.A+/A",
		"\x80\x80.e30.AA",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
		expect(table[i], TOKEN_BAD_SHAPE, table[i]);
}

static char *edited(const char *token, const char *prefix, size_t cut, const char *suffix)
{
	char *text;

	assert_true(
		asprintf(&text, "%s%.*s%s", prefix, (int)(strlen(token) - cut), token, suffix) > 0);
	return text;
}

static void a_good_token_with_anything_changed_is_none(void **state)
{
	static const struct {
		const char *prefix;
		size_t cut;
		const char *suffix;
		enum token_verdict verdict;
	} table[] = {
		{"", 0, "=", TOKEN_BAD_SHAPE},
		{"", 0, " ", TOKEN_BAD_SHAPE},
		{"", 0, "\n", TOKEN_BAD_SHAPE},
		{" ", 0, "", TOKEN_BAD_SHAPE},
		{"", 0, ".", TOKEN_BAD_SHAPE},
		{"", 0, ".AAAA", TOKEN_BAD_SHAPE},
		{"", 43, "", TOKEN_BAD_SHAPE},
		{"", 0, "A", TOKEN_BAD_SIGNATURE},
		{"", 1, "", TOKEN_BAD_SIGNATURE},
		{"", 21, "", TOKEN_BAD_SIGNATURE},
		{"", 22, "", TOKEN_BAD_SHAPE},
		{"", 42, "", TOKEN_BAD_SHAPE},
		{"", 41, "", TOKEN_BAD_SIGNATURE},
		{"", 43, "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", TOKEN_BAD_SIGNATURE},
	};
	char *token = sign("{\"alg\":\"HS256\"}", GOOD_CLAIMS, &kinds[0]);

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		char *text = edited(token, table[i].prefix, table[i].cut, table[i].suffix);

		expect(text, table[i].verdict, text);
		free(text);
	}
	free(token);
}

/* Each bit of each character of each kind's signature and payload: never good.  Also the second
 * spelling of a base64url text, whose left-over bits are not zero. */
static void no_flipped_bit_leaves_a_token_good(void **state)
{
	(void)state;
	for (size_t k = 0; k < N_KINDS; k += 3) {
		char header[64];
		char *token;
		size_t len;

		snprintf(header, sizeof(header), "{\"alg\":\"%s\"}", kinds[k].alg);
		token = sign(header, GOOD_CLAIMS, &kinds[k]);
		len = strlen(token);
		for (size_t i = 0; i < len; i += 1 + len / 90) {
			struct token_facts facts;
			char before = token[i];

			token[i] = before == 'A' ? 'B' : 'A';
			assert_int_not_equal(
				token_check(ring, slice_of(token), NOW_S * 1000, &facts),
				TOKEN_GOOD);
			token[i] = before;
			rows++;
		}
		for (char c = 'A'; c <= 'Z'; c++) {
			struct token_facts facts;
			char before = token[len - 1];

			token[len - 1] = c;
			if (c != before)
				assert_int_not_equal(
					token_check(ring, slice_of(token), NOW_S * 1000, &facts),
					TOKEN_GOOD);
			token[len - 1] = before;
			rows++;
		}
		expect(token, TOKEN_GOOD, "unchanged");
		free(token);
	}
}

static void a_token_over_3_kib_is_refused(void **state)
{
	char *claims;
	char *token;

	(void)state;
	assert_true(asprintf(&claims,
			    "{\"iss\":\"i\",\"sub\":\"7\",\"exp\":1767229200,\"x\":\"%02100d\"}",
			    0) > 0);
	token = sign("{\"alg\":\"HS256\"}", claims, &kinds[0]);
	assert_true(strlen(token) <= TOKEN_MAX_BYTES);
	expect(token, TOKEN_GOOD, "just below the bound");
	free(token);
	free(claims);
	assert_true(asprintf(&claims,
			    "{\"iss\":\"i\",\"sub\":\"7\",\"exp\":1767229200,\"x\":\"%02300d\"}",
			    0) > 0);
	token = sign("{\"alg\":\"HS256\"}", claims, &kinds[0]);
	assert_true(strlen(token) > TOKEN_MAX_BYTES);
	expect(token, TOKEN_BAD_SHAPE, "just over the bound");
	free(token);
	token = malloc(65537);
	assert_non_null(token);
	memset(token, 'A', 65536);
	token[65536] = '\0';
	token[100] = '.';
	token[200] = '.';
	expect(token, TOKEN_BAD_SHAPE, "64 KiB");
	free(token);
	free(claims);
}

static void without_kid_at_most_four_keys_are_tried(void **state)
{
	struct keyring *keys;
	struct key_error e;
	char *token = sign("{\"alg\":\"HS256\"}", GOOD_CLAIMS, &kinds[0]);

	(void)state;
	forge_clear(&forge);
	for (int n = 1; n <= TOKEN_KEYS_TRIED + 1; n++) {
		char conf[32], file[32], secret[80];

		/* The right key is the last by name: all others are tried before it. */
		snprintf(conf, sizeof(conf), "k%d.conf", 9 - n);
		snprintf(file, sizeof(file), "k%d.secret", 9 - n);
		snprintf(secret, sizeof(secret), "%064d", n);
		conf_write(conf, "HS256", file, NULL);
		forge_file(&forge, file, n == 1 ? SECRET : secret, 0600);
		if (keyring_load(&keys, forge.dir, false, &e) < 0)
			fail_msg("%s", e.text);
		expect_of(
			keys, token, n <= TOKEN_KEYS_TRIED ? TOKEN_GOOD : TOKEN_UNKNOWN_KEY, conf);
		keyring_free(keys);
	}
	free(token);
}

static void the_table_has_at_least_900_rows(void **state)
{
	(void)state;
	print_message("%u tokens judged\n", rows);
	assert_true(rows >= 900);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_good_token_of_each_algorithm_is_good_with_and_without_kid),
		cmocka_unit_test(the_header_never_chooses_the_algorithm),
		cmocka_unit_test(the_signature_must_be_of_the_algorithm_that_is_said),
		cmocka_unit_test(a_public_key_as_an_hmac_secret_signs_nothing),
		cmocka_unit_test(another_issuers_key_signs_nothing),
		cmocka_unit_test(headers_are_read_strictly),
		cmocka_unit_test(a_token_is_three_parts_of_base64url),
		cmocka_unit_test(a_good_token_with_anything_changed_is_none),
		cmocka_unit_test(no_flipped_bit_leaves_a_token_good),
		cmocka_unit_test(a_token_over_3_kib_is_refused),
		cmocka_unit_test(without_kid_at_most_four_keys_are_tried),
		cmocka_unit_test(the_table_has_at_least_900_rows),
	};

	return cmocka_run_group_tests(tests, token_rig_setup, token_rig_teardown);
}
