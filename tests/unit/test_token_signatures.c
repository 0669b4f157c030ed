/*
 * token: shapes and signatures that attackers of JWTs have tried, against each algorithm and each
 * kind of key.  The same table holds with every generation of libjwt.
 */
#include <openssl/bn.h>
#include <openssl/ec.h>
#include <openssl/obj_mac.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "auth/base64url.h"
#include "tests/unit/test.h"
#include "tests/unit/token_rig.h"

#define BIG 65536
#define SIGNATURE_MAX 512

static const char *const hmacs[] = {"HS256", "HS384", "HS512"};

static bool is_kind(size_t k, const char *family)
{
	return strncmp(kinds[k].alg, family, strlen(family)) == 0;
}

/* dots dots between parts of this text. */
static char *parts_of(const char *part, size_t dots)
{
	size_t len = strlen(part);
	char *text = malloc((dots + 1) * (len + 1) + 1);
	char *end = text;

	assert_non_null(text);
	for (size_t i = 0; i <= dots; i++) {
		memcpy(end, part, len);
		end += len;
		*end++ = '.';
	}
	end[-1] = '\0';
	return text;
}

static void no_number_of_dots_between_any_parts_is_a_token(void **state)
{
	static const char *const parts[] = {
		"", "A", "AA", "e30", "eyJhbGciOiJIUzI1NiJ9", "=", "\n"};
	char *big = malloc(BIG + 1);

	(void)state;
	assert_non_null(big);
	memset(big, 'A', BIG);
	big[BIG] = '\0';
	for (size_t dots = 0; dots <= 7; dots++) {
		char *text = parts_of(big, dots);

		expect(text, TOKEN_BAD_SHAPE, "64 KiB");
		free(text);
		for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
			char what[64];

			text = parts_of(parts[i], dots);
			snprintf(what, sizeof(what), "%zu dots, part %zu", dots, i);
			/* Three parts of base64url are looked into, and one of them is a header. */
			expect(text,
				dots != 2 || strlen(parts[i]) < 2 ? TOKEN_BAD_SHAPE
				: i == 4			  ? TOKEN_BAD_SIGNATURE
								  : TOKEN_BAD_HEADER,
				what);
			free(text);
		}
	}
	free(big);
}

/* Each of a good token's parts emptied, and blown up to 64 KiB. */
static void a_part_that_is_empty_or_huge_is_refused(void **state)
{
	(void)state;
	for (size_t k = 0; k < N_KINDS; k++) {
		char header[64];
		char *token, *big = malloc(BIG + 1);

		assert_non_null(big);
		memset(big, 'A', BIG);
		big[BIG] = '\0';
		snprintf(header, sizeof(header), "{\"alg\":\"%s\"}", kinds[k].alg);
		token = sign(header, GOOD_CLAIMS, &kinds[k]);
		for (int part = 0; part < 6; part++) {
			const char *first = strchr(token, '.'), *second = strchr(first + 1, '.');
			const char *filling = part % 2 == 0 ? "" : big;
			char *text;

			assert_true(
				asprintf(&text, "%.*s.%.*s.%s",
					part / 2 == 0 ? (int)strlen(filling) : (int)(first - token),
					part / 2 == 0 ? filling : token,
					part / 2 == 1 ? (int)strlen(filling)
						      : (int)(second - first - 1),
					part / 2 == 1 ? filling : first + 1,
					part / 2 == 2 ? filling : second + 1) > 0);
			expect(text, TOKEN_BAD_SHAPE, header);
			free(text);
		}
		free(token);
		free(big);
	}
}

/* The public half of a key, as an attacker has it: PEM with and without its last newline, JWK. */
static char *public_text(enum forge_key key, int form)
{
	char *text = form == 2 ? forge_jwk(&forge, key, "") : forge_pem(&forge, key);

	if (form == 1)
		text[strlen(text) - 1] = '\0';
	return text;
}

static void no_public_key_is_an_hmac_secret(void **state)
{
	(void)state;
	for (size_t k = 3; k < N_KINDS; k++) {
		for (int form = 0; form < 3; form++) {
			char *secret = public_text(kinds[k].key, form);

			for (size_t h = 0; h < 3; h++) {
				char header[96];
				struct forge_order order = {
					header, GOOD_CLAIMS, hmacs[h], NULL, slice_of(secret)};
				char *token;

				snprintf(header, sizeof(header), "{\"alg\":\"%s\",\"kid\":\"%s\"}",
					hmacs[h], kinds[k].alg);
				token = forge_token(&order);
				expect(token, TOKEN_BAD_ALG, header);
				free(token);
				snprintf(header, sizeof(header), "{\"alg\":\"%s\",\"kid\":\"%s\"}",
					kinds[k].alg, kinds[k].alg);
				token = forge_token(&order);
				expect(token, TOKEN_BAD_SIGNATURE, header);
				free(token);
				snprintf(header, sizeof(header), "{\"alg\":\"%s\"}", hmacs[h]);
				token = forge_token(&order);
				expect(token, TOKEN_BAD_SIGNATURE, header);
				free(token);
			}
			free(secret);
		}
	}
}

static void no_empty_or_short_secret_signs(void **state)
{
	static const struct slice secrets[] = {{"", 0}, {"\0", 1}, {"0", 1}, {"secret", 6},
		{SECRET, 63}, {SECRET "\n", 65}, {"null", 4}};

	(void)state;
	for (size_t s = 0; s < sizeof(secrets) / sizeof(secrets[0]); s++) {
		for (size_t h = 0; h < 3; h++) {
			char header[96];
			struct forge_order order = {
				header, GOOD_CLAIMS, hmacs[h], NULL, secrets[s]};
			char *token;

			snprintf(header, sizeof(header), "{\"alg\":\"%s\",\"kid\":\"%s\"}",
				hmacs[h], hmacs[h]);
			token = forge_token(&order);
			expect(token, TOKEN_BAD_SIGNATURE, header);
			free(token);
		}
	}
}

/* header.payload of a good token, with these bytes as its signature. */
static char *with_signature(const char *token, const unsigned char *bytes, size_t n)
{
	char *signature = forge_base64(bytes, n);
	char *text;

	assert_true(asprintf(&text, "%.*s.%s", (int)(strrchr(token, '.') - token), token,
			    signature) > 0);
	free(signature);
	return text;
}

static size_t signature_of(const char *token, unsigned char out[SIGNATURE_MAX])
{
	size_t n;

	assert_true(base64url_decode(slice_of(strrchr(token, '.') + 1), out, SIGNATURE_MAX, &n));
	return n;
}

/* All zeros, all ones, 1 and 1, halves swapped, cut, doubled, with a byte more. */
static void no_signature_that_was_not_made_with_the_key_holds(void **state)
{
	(void)state;
	for (size_t k = 0; k < N_KINDS; k++) {
		unsigned char good[SIGNATURE_MAX], bad[2 * SIGNATURE_MAX];
		char header[64];
		char *token;
		size_t n;

		snprintf(header, sizeof(header), "{\"alg\":\"%s\"}", kinds[k].alg);
		token = sign(header, GOOD_CLAIMS, &kinds[k]);
		n = signature_of(token, good);
		for (int trick = 0; trick < 8; trick++) {
			size_t len = n;
			char *text;

			memset(bad, trick == 1 ? 0xff : 0, sizeof(bad));
			if (trick == 2)
				bad[n / 2 - 1] = bad[n - 1] = 1;
			if (trick == 3) {
				memcpy(bad, good + n / 2, n / 2);
				memcpy(bad + n / 2, good, n / 2);
			}
			if (trick >= 4)
				memcpy(bad, good, n);
			if (trick == 5)
				memcpy(bad + n, good, n);
			len = trick == 4   ? n / 2
			      : trick == 5 ? 2 * n
			      : trick == 6 ? n + 1
			      : trick == 7 ? 1
					   : n;
			text = with_signature(token, bad, len);
			expect(text,
				strlen(text) > TOKEN_MAX_BYTES ? TOKEN_BAD_SHAPE
							       : TOKEN_BAD_SIGNATURE,
				header);
			free(text);
		}
		free(token);
	}
}

static ECDSA_SIG *ecdsa_of(const unsigned char *raw, size_t n)
{
	ECDSA_SIG *sig = ECDSA_SIG_new();

	assert_non_null(sig);
	assert_int_equal(ECDSA_SIG_set0(sig, BN_bin2bn(raw, (int)(n / 2), NULL),
				 BN_bin2bn(raw + n / 2, (int)(n / 2), NULL)),
		1);
	return sig;
}

static void an_ecdsa_signature_in_der_is_none(void **state)
{
	(void)state;
	for (size_t k = 0; k < N_KINDS; k++) {
		unsigned char raw[SIGNATURE_MAX], der[SIGNATURE_MAX], *end = der;
		char header[64];
		ECDSA_SIG *sig;
		char *token, *text;
		int n;

		if (!is_kind(k, "ES"))
			continue;
		snprintf(header, sizeof(header), "{\"alg\":\"%s\"}", kinds[k].alg);
		token = sign(header, GOOD_CLAIMS, &kinds[k]);
		sig = ecdsa_of(raw, signature_of(token, raw));
		n = i2d_ECDSA_SIG(sig, &end);
		assert_true(n > 0);
		text = with_signature(token, der, (size_t)n);
		expect(text, TOKEN_BAD_SIGNATURE, header);
		ECDSA_SIG_free(sig);
		free(text);
		free(token);
	}
}

/*
 * Who has one ECDSA signature has two, r with s and r with n - s.  Both hold, so both must be one
 * token for a revocation.
 */
static void the_second_form_of_an_ecdsa_signature_is_the_same_token(void **state)
{
	EC_GROUP *group = EC_GROUP_new_by_curve_name(NID_X9_62_prime256v1);
	const char *claims = "{\"iss\":\"i\",\"sub\":\"7\",\"exp\":1767229200}"; /* no jti */
	char *token = sign("{\"alg\":\"ES256\"}", claims, &kinds[9]);
	unsigned char raw[SIGNATURE_MAX];
	struct token_facts first, second;
	BIGNUM *s;
	char *text;

	(void)state;
	assert_non_null(group);
	assert_int_equal(signature_of(token, raw), 64);
	s = BN_bin2bn(raw + 32, 32, NULL);
	assert_non_null(s);
	assert_int_equal(BN_sub(s, EC_GROUP_get0_order(group), s), 1);
	assert_int_equal(BN_bn2binpad(s, raw + 32, 32), 32);
	text = with_signature(token, raw, 64);
	assert_string_not_equal(text, token);
	assert_int_equal(token_check(ring, slice_of(token), NOW_S * 1000, &first), TOKEN_GOOD);
	assert_int_equal(token_check(ring, slice_of(text), NOW_S * 1000, &second), TOKEN_GOOD);
	assert_true(first.hash == second.hash);
	BN_free(s);
	EC_GROUP_free(group);
	free(text);
	free(token);
	rows += 2;
}

static void the_table_has_at_least_400_rows(void **state)
{
	(void)state;
	print_message("%u tokens judged\n", rows);
	assert_true(rows >= 400);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(no_number_of_dots_between_any_parts_is_a_token),
		cmocka_unit_test(a_part_that_is_empty_or_huge_is_refused),
		cmocka_unit_test(no_public_key_is_an_hmac_secret),
		cmocka_unit_test(no_empty_or_short_secret_signs),
		cmocka_unit_test(no_signature_that_was_not_made_with_the_key_holds),
		cmocka_unit_test(an_ecdsa_signature_in_der_is_none),
		cmocka_unit_test(the_second_form_of_an_ecdsa_signature_is_the_same_token),
		cmocka_unit_test(the_table_has_at_least_400_rows),
	};

	return cmocka_run_group_tests(tests, token_rig_setup, token_rig_teardown);
}
