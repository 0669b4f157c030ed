/*
 * token: one table of tokens and the verdict of each.  The same table has to hold with every
 * generation of libjwt.  Keys and signatures are made by forge.c with OpenSSL alone.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "auth/token.h"
#include "tests/unit/forge.h"
#include "tests/unit/test.h"

#define NOW_S 1767225600LL
#define SECRET "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define GOOD_CLAIMS "{\"iss\":\"i\",\"sub\":\"7\",\"exp\":1767229200}"

static struct forge forge;
static struct keyring *ring;
static unsigned rows;

struct kind {
	const char *alg; /* also the kid */
	enum forge_key key;
};

static const struct kind kinds[] = {
	{"HS256", FORGE_N_KEYS},
	{"HS384", FORGE_N_KEYS},
	{"HS512", FORGE_N_KEYS},
	{"RS256", FORGE_RSA},
	{"RS384", FORGE_RSA},
	{"RS512", FORGE_RSA},
	{"PS256", FORGE_RSA},
	{"PS384", FORGE_RSA},
	{"PS512", FORGE_RSA},
	{"ES256", FORGE_P256},
	{"ES384", FORGE_P384},
	{"ES512", FORGE_P521},
	{"EdDSA", FORGE_ED25519},
};

#define N_KINDS (sizeof(kinds) / sizeof(kinds[0]))

static bool is_hmac(const char *alg)
{
	return alg[0] == 'H';
}

/* Signed properly by the method of this kind, whatever the header says. */
static char *sign(const char *header, const char *payload, const struct kind *kind)
{
	struct forge_order order = {header, payload, kind->alg,
		is_hmac(kind->alg) ? NULL : forge.keys[kind->key], SLICE_LITERAL(SECRET)};

	return forge_token(&order);
}

static void expect_of(
	const struct keyring *keys, const char *token, enum token_verdict wanted, const char *what)
{
	struct token_facts facts;
	enum token_verdict verdict = token_check(keys, slice_of(token), NOW_S * 1000, &facts);

	rows++;
	if (verdict != wanted)
		fail_msg("%s: \"%s\", wanted \"%s\"", what, token_verdict_text(verdict),
			token_verdict_text(wanted));
}

static void expect(const char *token, enum token_verdict wanted, const char *what)
{
	expect_of(ring, token, wanted, what);
}

static void expect_signed(
	const char *header, const char *payload, const struct kind *kind, enum token_verdict wanted)
{
	char *token = sign(header, payload, kind);
	char what[4096];

	snprintf(what, sizeof(what), "%s %.2000s by %s", header, payload, kind->alg);
	expect(token, wanted, what);
	free(token);
}

static void conf_write(const char *name, const char *alg, const char *file, const char *kid)
{
	char text[512];

	snprintf(text, sizeof(text), "alg = %s\nfile = %s\niss = i\n%s%s\n", alg, file,
		kid == NULL ? "" : "kid = ", kid == NULL ? "" : kid);
	forge_file(&forge, name, text, 0600);
}

static int setup(void **state)
{
	struct key_error e;

	(void)state;
	forge_init(&forge);
	forge_file(&forge, "secret", SECRET "\n", 0600);
	for (size_t i = 0; i < N_KINDS; i++) {
		char name[32], file[32];

		snprintf(name, sizeof(name), "%s.conf", kinds[i].alg);
		snprintf(file, sizeof(file), "%s.pem", kinds[i].alg);
		if (!is_hmac(kinds[i].alg))
			forge_pem_file(&forge, file, kinds[i].key);
		conf_write(
			name, kinds[i].alg, is_hmac(kinds[i].alg) ? "secret" : file, kinds[i].alg);
	}
	if (keyring_load(&ring, forge.dir, false, &e) < 0)
		fail_msg("%s", e.text);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	keyring_free(ring);
	forge_fini(&forge);
	return 0;
}

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

static void headers_are_read_strictly(void **state)
{
	static const struct {
		const char *header;
		enum token_verdict verdict;
	} table[] = {
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

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
		expect_signed(table[i].header, GOOD_CLAIMS, &kinds[0], table[i].verdict);
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

#define WITH(claims) "{\"iss\":\"i\",\"sub\":\"7\",\"exp\":1767229200," claims "}"
#define EXP(value) "{\"iss\":\"i\",\"sub\":\"7\",\"exp\":" value "}"
#define SUB(value) "{\"iss\":\"i\",\"exp\":1767229200,\"sub\":" value "}"

static const struct claims_row {
	const char *payload;
	enum token_verdict verdict;
} claims_table[] = {
	{GOOD_CLAIMS, TOKEN_GOOD},
	{"{}", TOKEN_BAD_CLAIMS},
	{"[]", TOKEN_BAD_CLAIMS},
	{"{\"iss\":\"i\",\"sub\":\"7\"}", TOKEN_BAD_CLAIMS},
	/* exp: 30 s of leeway, an integer, nothing else */
	{EXP("1767225600"), TOKEN_GOOD},
	{EXP("1767225571"), TOKEN_GOOD},
	{EXP("1767225570"), TOKEN_EXPIRED},
	{EXP("1767225500"), TOKEN_EXPIRED},
	{EXP("0"), TOKEN_EXPIRED},
	{EXP("1"), TOKEN_EXPIRED},
	{EXP("-1"), TOKEN_BAD_CLAIMS},
	{EXP("-9223372036854775808"), TOKEN_BAD_CLAIMS},
	{EXP("\"1767229200\""), TOKEN_BAD_CLAIMS},
	{EXP("\"\""), TOKEN_BAD_CLAIMS},
	{EXP("1767229200.0"), TOKEN_BAD_CLAIMS},
	{EXP("1767229200.5"), TOKEN_BAD_CLAIMS},
	{EXP("1.7672292e9"), TOKEN_BAD_CLAIMS},
	{EXP("1e308"), TOKEN_BAD_CLAIMS},
	{EXP("9223372036854775807"), TOKEN_BAD_CLAIMS},
	{EXP("253402300800"), TOKEN_BAD_CLAIMS},
	{EXP("253402300799"), TOKEN_TOO_LONG_LIVED},
	{EXP("null"), TOKEN_BAD_CLAIMS},
	{EXP("true"), TOKEN_BAD_CLAIMS},
	{EXP("[1767229200]"), TOKEN_BAD_CLAIMS},
	{EXP("{}"), TOKEN_BAD_CLAIMS},
	/* max-lifetime: 24 h from iat, or from now where there is none */
	{EXP("1767312000"), TOKEN_GOOD},
	{EXP("1767312001"), TOKEN_TOO_LONG_LIVED},
	{EXP("1767229200,\"iat\":1767142800"), TOKEN_GOOD},
	{EXP("1767229200,\"iat\":1767142799"), TOKEN_TOO_LONG_LIVED},
	{EXP("1767229200,\"iat\":0"), TOKEN_TOO_LONG_LIVED},
	{EXP("1767312030,\"iat\":1767225630"), TOKEN_GOOD},
	/* iat and nbf */
	{WITH("\"iat\":1767225600"), TOKEN_GOOD},
	{WITH("\"iat\":1767225630"), TOKEN_GOOD},
	{WITH("\"iat\":1767225631"), TOKEN_NOT_YET},
	{WITH("\"iat\":-5"), TOKEN_BAD_CLAIMS},
	{WITH("\"iat\":\"1767225600\""), TOKEN_BAD_CLAIMS},
	{WITH("\"iat\":1767225600.5"), TOKEN_BAD_CLAIMS},
	{WITH("\"iat\":null"), TOKEN_BAD_CLAIMS},
	{EXP("1767225590,\"iat\":1767225595"), TOKEN_BAD_CLAIMS},
	{WITH("\"nbf\":1767225630"), TOKEN_GOOD},
	{WITH("\"nbf\":1767225631"), TOKEN_NOT_YET},
	{WITH("\"nbf\":0"), TOKEN_GOOD},
	{WITH("\"nbf\":\"0\""), TOKEN_BAD_CLAIMS},
	{WITH("\"nbf\":1e3"), TOKEN_BAD_CLAIMS},
	{WITH("\"nbf\":false"), TOKEN_BAD_CLAIMS},
	/* iss */
	{"{\"sub\":\"7\",\"exp\":1767229200}", TOKEN_BAD_ISSUER},
	{"{\"iss\":\"j\",\"sub\":\"7\",\"exp\":1767229200}", TOKEN_BAD_ISSUER},
	{"{\"iss\":\"I\",\"sub\":\"7\",\"exp\":1767229200}", TOKEN_BAD_ISSUER},
	{"{\"iss\":\"\",\"sub\":\"7\",\"exp\":1767229200}", TOKEN_BAD_ISSUER},
	{"{\"iss\":\"i/\",\"sub\":\"7\",\"exp\":1767229200}", TOKEN_BAD_ISSUER},
	{"{\"iss\":[\"i\"],\"sub\":\"7\",\"exp\":1767229200}", TOKEN_BAD_CLAIMS},
	{"{\"iss\":1,\"sub\":\"7\",\"exp\":1767229200}", TOKEN_BAD_CLAIMS},
	/* aud: these keys have none, so any is another's */
	{WITH("\"aud\":\"chat\""), TOKEN_BAD_AUDIENCE},
	{WITH("\"aud\":[\"chat\"]"), TOKEN_BAD_AUDIENCE},
	{WITH("\"aud\":[]"), TOKEN_BAD_AUDIENCE},
	{WITH("\"aud\":1"), TOKEN_BAD_CLAIMS},
	{WITH("\"aud\":null"), TOKEN_BAD_CLAIMS},
	{WITH("\"aud\":[1]"), TOKEN_BAD_CLAIMS},
	/* sub: a uid, as text or as an integer */
	{SUB("\"ann@example.org\""), TOKEN_GOOD},
	{SUB("\"a:b._-\""), TOKEN_GOOD},
	{SUB("7"), TOKEN_GOOD},
	{SUB("0"), TOKEN_GOOD},
	{SUB("9223372036854775807"), TOKEN_GOOD},
	{SUB("-1"), TOKEN_BAD_SUBJECT},
	{SUB("7.0"), TOKEN_BAD_SUBJECT},
	{SUB("7.5"), TOKEN_BAD_SUBJECT},
	{SUB("7e1"), TOKEN_BAD_SUBJECT},
	{SUB("\"\""), TOKEN_BAD_SUBJECT},
	{SUB("\"a b\""), TOKEN_BAD_SUBJECT},
	{SUB("\"a\\u0000b\""), TOKEN_BAD_SIGNATURE}, /* libjwt's own parser takes no NUL */
	{SUB("\"\\u00fc\""), TOKEN_BAD_SUBJECT},
	{SUB("\"a/b\""), TOKEN_BAD_SUBJECT},
	{SUB("\"a\\nb\""), TOKEN_BAD_SUBJECT},
	{SUB("null"), TOKEN_BAD_SUBJECT},
	{SUB("true"), TOKEN_BAD_SUBJECT},
	{SUB("[7]"), TOKEN_BAD_SUBJECT},
	{SUB("{\"id\":7}"), TOKEN_BAD_SUBJECT},
	{"{\"iss\":\"i\",\"exp\":1767229200}", TOKEN_BAD_SUBJECT},
	{SUB("\"7\",\"sub\":\"8\""), TOKEN_BAD_CLAIMS},
	{SUB("7,\"sub\":7"), TOKEN_BAD_CLAIMS},
	/* scope and jti */
	{WITH("\"scope\":\"push\""), TOKEN_GOOD},
	{WITH("\"scope\":\"\""), TOKEN_GOOD},
	{WITH("\"scope\":[\"push\"]"), TOKEN_BAD_CLAIMS},
	{WITH("\"scope\":1"), TOKEN_BAD_CLAIMS},
	{WITH("\"jti\":\"a\""), TOKEN_GOOD},
	{WITH("\"jti\":\"\""), TOKEN_BAD_CLAIMS},
	{WITH("\"jti\":7"), TOKEN_BAD_CLAIMS},
	{WITH("\"x\":[[[[[[[1]]]]]]]"), TOKEN_GOOD},
	{WITH("\"x\":[[[[[[[[1]]]]]]]]"), TOKEN_BAD_CLAIMS},
};

static void claims_are_judged_by_strict_types(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(claims_table) / sizeof(claims_table[0]); i++)
		expect_signed("{\"alg\":\"HS256\"}", claims_table[i].payload, &kinds[0],
			claims_table[i].verdict);
}

/* What libjwt never parses must come to the same end as what it does. */
static void claims_are_judged_alike_under_a_public_key(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(claims_table) / sizeof(claims_table[0]); i++) {
		enum token_verdict wanted = claims_table[i].verdict;

		expect_signed("{\"alg\":\"ES256\"}", claims_table[i].payload, &kinds[9],
			wanted == TOKEN_BAD_SIGNATURE ? TOKEN_BAD_SUBJECT : wanted);
	}
}

static void a_payload_that_is_no_json_is_refused(void **state)
{
	static const char *const table[] = {"x", "null", "1", "\"a\"", "{\"exp\":1e999}",
		"{\"exp\":99999999999999999999}", "{\"a\":\"\xff\"}", "{\"a\":\"\\ud800\"}",
		"{} {}"};

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		char *token = sign("{\"alg\":\"HS256\"}", table[i], &kinds[0]);
		struct token_facts facts;
		enum token_verdict verdict =
			token_check(ring, slice_of(token), NOW_S * 1000, &facts);

		assert_true(verdict == TOKEN_BAD_SIGNATURE || verdict == TOKEN_BAD_CLAIMS);
		free(token);
		expect_signed("{\"alg\":\"ES256\"}", table[i], &kinds[9], TOKEN_BAD_CLAIMS);
	}
}

static void check_facts(const char *payload, struct token_facts *out)
{
	char *token = sign("{\"alg\":\"HS256\"}", payload, &kinds[0]);

	assert_int_equal(token_check(ring, slice_of(token), NOW_S * 1000, out), TOKEN_GOOD);
	free(token);
}

static void the_facts_are_the_tokens(void **state)
{
	struct token_facts a, b;

	(void)state;
	check_facts(WITH("\"scope\":\"read push\",\"jti\":\"x\""), &a);
	assert_int_equal(a.exp_ms, 1767229200000LL);
	assert_int_equal(a.uid_len, 1);
	assert_memory_equal(a.uid, "7", 1);
	assert_true(a.may_push);
	assert_false(a.read_only);
	check_facts(SUB("7,\"jti\":\"x\",\"scope\":\"read-only\""), &b);
	assert_memory_equal(b.uid, "7", 1);
	assert_false(b.may_push);
	assert_true(b.read_only);
	assert_true(a.hash == b.hash); /* one issuer, one jti: one name */
	check_facts(SUB("7,\"jti\":\"y\",\"scope\":\"pushy xpush\""), &b);
	assert_false(b.may_push);
	assert_true(a.hash != b.hash);
	check_facts(SUB("9223372036854775807"), &b);
	assert_int_equal(b.uid_len, 19);
	assert_memory_equal(b.uid, "9223372036854775807", 19);
}

static void policies_bind_audience_users_and_lifetime(void **state)
{
	static const struct {
		const char *payload;
		enum token_verdict verdict;
	} table[] = {
		{"{\"aud\":\"chat\",\"sub\":\"shop:7\",\"exp\":1767225900}", TOKEN_GOOD},
		{"{\"aud\":[\"mail\",\"chat\"],\"sub\":\"shop:\",\"exp\":1767225900}", TOKEN_GOOD},
		{"{\"sub\":\"shop:7\",\"exp\":1767225900}", TOKEN_BAD_AUDIENCE},
		{"{\"aud\":\"mail\",\"sub\":\"shop:7\",\"exp\":1767225900}", TOKEN_BAD_AUDIENCE},
		{"{\"aud\":\"chat \",\"sub\":\"shop:7\",\"exp\":1767225900}", TOKEN_BAD_AUDIENCE},
		{"{\"aud\":[\"chat\",1],\"sub\":\"shop:7\",\"exp\":1767225900}", TOKEN_BAD_CLAIMS},
		{"{\"aud\":\"chat\",\"sub\":\"shop\",\"exp\":1767225900}", TOKEN_FOREIGN_USER},
		{"{\"aud\":\"chat\",\"sub\":\"7\",\"exp\":1767225900}", TOKEN_FOREIGN_USER},
		{"{\"aud\":\"chat\",\"sub\":7,\"exp\":1767225900}", TOKEN_FOREIGN_USER},
		{"{\"aud\":\"chat\",\"sub\":\"Shop:7\",\"exp\":1767225900}", TOKEN_FOREIGN_USER},
		{"{\"aud\":\"chat\",\"sub\":\"shop:7\",\"exp\":1767225901}", TOKEN_TOO_LONG_LIVED},
		{"{\"iss\":\"anyone\",\"aud\":\"chat\",\"sub\":\"shop:7\",\"exp\":1767225900}",
			TOKEN_GOOD},
	};
	struct keyring *keys;
	struct key_error e;

	(void)state;
	forge_clear(&forge);
	forge_file(&forge, "shop.conf",
		"# a shop\nalg=HS256\nfile = shop.secret # here\naud = chat\nusers = shop:\n"
		"max-lifetime = 300s\n",
		0600);
	forge_file(&forge, "shop.secret", SECRET, 0600);
	if (keyring_load(&keys, forge.dir, false, &e) < 0)
		fail_msg("%s", e.text);
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		char *token = sign("{\"alg\":\"HS256\"}", table[i].payload, &kinds[0]);

		expect_of(keys, token, table[i].verdict, table[i].payload);
		free(token);
	}
	keyring_free(keys);
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

static void what_token_make_makes_is_good(void **state)
{
	struct token_order order = {.sub = SLICE_LITERAL("jim"),
		.name = SLICE_LITERAL("J\xc3\xbc"),
		.scope = SLICE_LITERAL("push"),
		.iat_s = NOW_S,
		.ttl_s = 3600,
		.jti = {1, 2}};
	struct token_facts facts;

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		const struct key *key = keyring_by_kid(ring, slice_of(kinds[i].alg));
		char *token = NULL;

		assert_non_null(key);
		assert_int_equal(token_make(&token, key, &order), 0);
		assert_int_equal(
			token_check(ring, slice_of(token), NOW_S * 1000, &facts), TOKEN_GOOD);
		assert_ptr_equal(facts.key, key);
		assert_int_equal(facts.exp_ms, (NOW_S + 3600) * 1000);
		assert_true(facts.may_push);
		assert_memory_equal(facts.uid, "jim", 3);
		rows++;
		free(token);
	}
}

static void token_make_refuses_what_token_check_would(void **state)
{
	const struct key *key = keyring_by_kid(ring, SLICE_LITERAL("HS256"));
	struct token_order good = {.sub = SLICE_LITERAL("7"), .iat_s = NOW_S, .ttl_s = 3600};
	struct token_order order;
	char *token = NULL;

	(void)state;
	order = good;
	order.sub = SLICE_LITERAL("a b");
	assert_int_equal(token_make(&token, key, &order), -EINVAL);
	order.sub = SLICE_LITERAL("");
	assert_int_equal(token_make(&token, key, &order), -EINVAL);
	order = good;
	order.ttl_s = 24 * 3600 + 1;
	assert_int_equal(token_make(&token, key, &order), -ERANGE);
	order.ttl_s = 0;
	assert_int_equal(token_make(&token, key, &order), -ERANGE);
	order = good;
	order.scope = SLICE_LITERAL("\xff");
	assert_int_equal(token_make(&token, key, &order), -EINVAL);
	order.scope = SLICE_LITERAL("a\0b");
	assert_int_equal(token_make(&token, key, &order), -EINVAL);
	key = keyring_by_kid(ring, SLICE_LITERAL("RS256"));
	assert_int_equal(token_make(&token, key, &good), -EINVAL);
	assert_null(token);
}

static void the_table_has_at_least_150_rows(void **state)
{
	(void)state;
	print_message("%u tokens judged\n", rows);
	assert_true(rows >= 150);
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
		cmocka_unit_test(claims_are_judged_by_strict_types),
		cmocka_unit_test(claims_are_judged_alike_under_a_public_key),
		cmocka_unit_test(a_payload_that_is_no_json_is_refused),
		cmocka_unit_test(the_facts_are_the_tokens),
		cmocka_unit_test(policies_bind_audience_users_and_lifetime),
		cmocka_unit_test(without_kid_at_most_four_keys_are_tried),
		cmocka_unit_test(what_token_make_makes_is_good),
		cmocka_unit_test(token_make_refuses_what_token_check_would),
		cmocka_unit_test(the_table_has_at_least_150_rows),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
