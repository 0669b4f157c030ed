/* keyring: which key directories auth starts with, and with which words it refuses the others. */
#include <errno.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "auth/keyring.h"
#include "tests/unit/forge.h"
#include "tests/unit/test.h"

#define SECRET_31 "0123456789abcdef0123456789abcde"
#define SECRET_32 SECRET_31 "f"

static struct forge forge;

static int setup(void **state)
{
	(void)state;
	forge_init(&forge);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	forge_fini(&forge);
	return 0;
}

static int clear(void **state)
{
	(void)state;
	forge_clear(&forge);
	return 0;
}

static void conf(const char *name, const char *text)
{
	forge_file(&forge, name, text, 0600);
}

static void secret(const char *name, const char *text)
{
	forge_file(&forge, name, text, 0600);
}

/* The line must hold the words; an operator has nothing else. */
static void expect_refused(bool shared_users, const char *words)
{
	struct keyring *ring = NULL;
	struct key_error e = {""};
	int r = keyring_load(&ring, forge.dir, shared_users, &e);

	if (r == 0)
		fail_msg("taken, wanted \"%s\"", words);
	if (strstr(e.text, words) == NULL)
		fail_msg("\"%s\" does not say \"%s\"", e.text, words);
	assert_null(strchr(e.text, '\n'));
	assert_null(ring);
}

static void expect_keys(bool shared_users, size_t n)
{
	struct keyring *ring = NULL;
	struct key_error e;

	if (keyring_load(&ring, forge.dir, shared_users, &e) < 0)
		fail_msg("%s", e.text);
	assert_int_equal(keyring_count(ring), n);
	keyring_free(ring);
}

static void a_secret_has_at_least_32_bytes(void **state)
{
	(void)state;
	conf("a.conf", "alg = HS256\nfile = a.secret\n");
	secret("a.secret", SECRET_31);
	expect_refused(false, "at least 32 bytes");
	secret("a.secret", SECRET_31 "\n"); /* the last newline is none of them */
	expect_refused(false, "at least 32 bytes");
	secret("a.secret", "");
	expect_refused(false, "at least 32 bytes");
	secret("a.secret", SECRET_32 "\n");
	expect_keys(false, 1);
}

static void a_secret_in_base64url_is_measured_decoded(void **state)
{
	(void)state;
	conf("a.conf", "alg = HS256\nfile = a.secret\nencoding = base64url\n");
	secret("a.secret", SECRET_32 "\n"); /* 24 bytes */
	expect_refused(false, "at least 32 bytes");
	secret("a.secret", SECRET_32 "ABCDEFGHIJK\n"); /* 32 bytes and 2 bits that are 0 */
	expect_refused(false, "not base64url");
	secret("a.secret", SECRET_32 "ABCDEFGHIJE\n");
	expect_keys(false, 1);
	conf("a.conf", "alg = HS256\nfile = a.secret\nencoding = hex\n");
	expect_refused(false, "encoding is text or base64url");
}

static void a_public_key_is_no_secret(void **state)
{
	char *pem = forge_pem(&forge, FORGE_RSA);
	char *base64;
	unsigned char *der = NULL;
	int len;

	(void)state;
	conf("a.conf", "alg = HS256\nfile = a.pem\n");
	forge_pem_file(&forge, "a.pem", FORGE_RSA);
	expect_refused(false, "no HMAC secret");
	forge_pem_file(&forge, "a.pem", FORGE_P256);
	expect_refused(false, "no HMAC secret");
	secret("a.pem", "\n\n  -----BEGIN CERTIFICATE-----\nMIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8A\n");
	expect_refused(false, "no HMAC secret");
	len = i2d_PUBKEY(forge.keys[FORGE_RSA], &der);
	assert_true(len > 0);
	base64 = forge_base64(der, (size_t)len);
	conf("a.conf", "alg = HS256\nfile = a.der\nencoding = base64url\n");
	secret("a.der", base64);
	expect_refused(false, "no HMAC secret");
	OPENSSL_free(der);
	free(base64);
	base64 = forge_base64(pem, strlen(pem));
	secret("a.der", base64);
	expect_refused(false, "no HMAC secret");
	free(base64);
	free(pem);
}

static void files_that_others_can_read_are_refused(void **state)
{
	static const unsigned modes[] = {0604, 0602, 0601, 0620, 0666, 0644};

	(void)state;
	for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
		conf("a.conf", "alg = HS256\nfile = a.secret\n");
		forge_file(&forge, "a.secret", SECRET_32, modes[i]);
		expect_refused(false, "a.secret: others can read or write it");
		forge_file(&forge, "a.secret", SECRET_32, 0600);
		forge_file(&forge, "a.conf", "alg = HS256\nfile = a.secret\n", modes[i]);
		expect_refused(false, "a.conf: others can read or write it");
		forge_clear(&forge);
	}
	conf("a.conf", "alg = HS256\nfile = a.secret\n");
	forge_file(&forge, "a.secret", SECRET_32, 0440);
	expect_keys(false, 1);
}

static void a_directory_that_others_can_read_is_refused(void **state)
{
	(void)state;
	conf("a.conf", "alg = HS256\nfile = a.secret\n");
	secret("a.secret", SECRET_32);
	assert_int_equal(chmod(forge.dir, 0755), 0);
	expect_refused(false, "others can read or write it");
	assert_int_equal(chmod(forge.dir, 0770), 0);
	expect_refused(false, "others can read or write it");
	assert_int_equal(chmod(forge.dir, 0700), 0);
	expect_keys(false, 1);
}

static void an_rsa_key_has_at_least_2048_bits(void **state)
{
	(void)state;
	conf("a.conf", "alg = RS256\nfile = a.pem\n");
	forge_pem_file(&forge, "a.pem", FORGE_RSA_1024);
	expect_refused(false, "2048");
	forge_pem_file(&forge, "a.pem", FORGE_RSA);
	expect_keys(false, 1);
}

static void the_kind_of_key_must_be_the_algorithms(void **state)
{
	static const struct {
		const char *alg;
		enum forge_key key;
		const char *words;
	} table[] = {
		{"RS256", FORGE_P256, "wants an RSA key"},
		{"PS512", FORGE_ED25519, "wants an RSA key"},
		{"ES256", FORGE_RSA, "wants an EC key"},
		{"ES256", FORGE_P384, "curve P-256"},
		{"ES384", FORGE_P256, "curve P-384"},
		{"ES512", FORGE_P384, "curve P-521"},
		{"ES256", FORGE_ED25519, "wants an EC key"},
		{"EdDSA", FORGE_P256, "wants an Ed25519 key"},
		{"EdDSA", FORGE_RSA, "wants an Ed25519 key"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		char text[128];

		snprintf(text, sizeof(text), "alg = %s\nfile = a.pem\n", table[i].alg);
		conf("a.conf", text);
		forge_pem_file(&forge, "a.pem", table[i].key);
		expect_refused(false, table[i].words);
	}
}

static void what_is_no_key_is_refused(void **state)
{
	(void)state;
	conf("a.conf", "alg = RS256\nfile = a.pem\n");
	expect_refused(false, "a.pem");
	secret("a.pem", "");
	expect_refused(false, "no public key");
	secret("a.pem", "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n");
	expect_refused(false, "no public key");
	secret("a.pem", SECRET_32);
	expect_refused(false, "no public key");
	secret("a.pem", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n");
	expect_refused(false, "a private key does not belong here");
	secret("a.pem", "-----BEGIN RSA PRIVATE KEY-----\nAAAA\n");
	expect_refused(false, "a private key does not belong here");
}

static void settings_are_read_strictly(void **state)
{
	static const char *const table[][2] = {
		{"alg = HS256\nfile = s\nfoo = 1\n", "no setting is called \"foo\""},
		{"alg = HS256\nfile = s\nAlg = HS256\n", "no setting is called \"Alg\""},
		{"alg = HS256\nfile = s\nfile = s\n", "file is there twice"},
		{"alg = HS256\nfile = s\nnonsense\n", "line 3"},
		{"alg = HS256\n", "file is missing"},
		{"file = s\n", "alg is missing"},
		{"alg = none\nfile = s\n", "alg is one of"},
		{"alg = hs256\nfile = s\n", "alg is one of"},
		{"alg = RS256, HS256\nfile = s\n", "alg is one of"},
		{"alg =\nfile = s\n", "alg is one of"},
		{"alg = HS256\nfile = /etc/passwd\n", "without a path"},
		{"alg = HS256\nfile = ../s\n", "without a path"},
		{"alg = HS256\nfile = .s\n", "without a path"},
		{"alg = HS256\nfile = missing\n", "missing"},
		{"alg = HS256\nfile = s\nkid =\n", "a kid has"},
		{"alg = HS256\nfile = s\nusers = a b\n", "users"},
		{"alg = HS256\nfile = s\nmax-lifetime = 24\n", "max-lifetime"},
		{"alg = HS256\nfile = s\nmax-lifetime = 0s\n", "max-lifetime"},
		{"alg = HS256\nfile = s\nmax-lifetime = 9000d\n", "max-lifetime"},
		{"alg = HS256\nfile = s\nmax-lifetime = -1h\n", "max-lifetime"},
	};

	(void)state;
	secret("s", SECRET_32);
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		conf("a.conf", table[i][0]);
		expect_refused(false, table[i][1]);
	}
	conf("a.conf", "\r\n# a comment\n\talg\t=HS256 # pinned\r\n\nfile=s\nkid=a#b\niss = x = y");
	expect_keys(false, 1);
}

static void one_kid_names_one_key(void **state)
{
	(void)state;
	secret("s", SECRET_32);
	conf("a.conf", "alg = HS256\nfile = s\nkid = k\niss = i\n");
	conf("b.conf", "alg = HS384\nfile = s\nkid = k\niss = i\n");
	expect_refused(false, "a.conf and b.conf: two keys have one kid");
	conf("b.conf", "alg = HS384\nfile = s\nkid = K\niss = i\n");
	expect_keys(false, 2);
}

static void two_issuers_do_not_share_users_unless_told(void **state)
{
	static const struct {
		const char *a, *b;
		bool overlap;
	} table[] = {
		{"", "", true},
		{"", "users = shop:\n", true},
		{"users = sh\n", "users = shop:\n", true},
		{"users = shop:\n", "users = shop:\n", true},
		{"users = shop:\n", "users = game:\n", false},
		{"users = shop1\n", "users = shop2\n", false},
	};

	(void)state;
	secret("s", SECRET_32);
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		char text[256];

		snprintf(text, sizeof(text), "alg = HS256\nfile = s\niss = one\n%s", table[i].a);
		conf("a.conf", text);
		snprintf(text, sizeof(text), "alg = HS384\nfile = s\niss = two\n%s", table[i].b);
		conf("b.conf", text);
		if (table[i].overlap)
			expect_refused(false, "--shared-users");
		else
			expect_keys(false, 2);
		expect_keys(true, 2);
	}
	/* No iss: each file is an issuer of its own. */
	conf("a.conf", "alg = HS256\nfile = s\n");
	conf("b.conf", "alg = HS384\nfile = s\n");
	expect_refused(false, "two issuers for the same users");
}

static void jwks_write(const char *format, const char *a, const char *b)
{
	char *text;

	assert_true(asprintf(&text, format, a, b) > 0);
	secret("a.json", text);
	free(text);
}

static void a_jwk_set_gives_its_signature_keys(void **state)
{
	char *rsa =
		forge_jwk(&forge, FORGE_RSA, ",\"kid\":\"r\",\"alg\":\"RS256\",\"use\":\"sig\"");
	char *ec = forge_jwk(
		&forge, FORGE_P256, ",\"kid\":\"e\",\"alg\":\"ES256\",\"key_ops\":[\"verify\"]");
	char *ed = forge_jwk(&forge, FORGE_ED25519, ",\"kid\":\"d\",\"alg\":\"EdDSA\"");
	char *p521 = forge_jwk(&forge, FORGE_P521, ",\"kid\":\"h\",\"alg\":\"ES512\"");
	char *enc =
		forge_jwk(&forge, FORGE_RSA, ",\"kid\":\"x\",\"alg\":\"RSA-OAEP\",\"use\":\"enc\"");

	(void)state;
	conf("a.conf", "file = a.json\niss = i\n");
	jwks_write("{\"keys\":[%s,%s]}", rsa, ec);
	expect_keys(false, 2);
	jwks_write("\n {\"keys\":[%s,%s]}", enc, ed);
	expect_keys(false, 1);
	jwks_write("%s%s", p521, "");
	expect_keys(false, 1);
	jwks_write("{\"keys\":[%s,%s]}", rsa, rsa);
	expect_refused(false, "two keys have one kid");
	conf("a.conf", "alg = ES256\nfile = a.json\niss = i\n");
	jwks_write("{\"keys\":[%s,%s]}", rsa, ec);
	expect_refused(false, "RS256");
	conf("a.conf", "file = a.json\nkid = k\n");
	expect_refused(false, "name their own");
	free(rsa);
	free(ec);
	free(ed);
	free(p521);
	free(enc);
}

static void unsafe_jwks_are_refused(void **state)
{
	static const char *const table[][2] = {
		{"{\"keys\":[]}", "no keys"},
		{"{\"keys\":{}}", "at most"},
		{"{\"keys\":[1]}", "JSON object"},
		{"{\"keys\":[{\"kty\":\"RSA\"}]}", "without alg"},
		{"{\"keys\":[{\"kty\":\"RSA\",\"alg\":\"none\"}]}", "not known"},
		{"{\"keys\":[{\"kty\":\"RSA\",\"alg\":\"RS256\"}]}", "needs n and e"},
		{"{\"kty\":\"RSA\",\"alg\":\"RS256\",\"n\":\"AQAB\",\"e\":\"AQAB\"}", "RSA key"},
		{"{\"kty\":\"EC\",\"alg\":\"ES256\",\"crv\":\"P-384\"}", "curve"},
		{"{\"kty\":\"EC\",\"alg\":\"ES256\",\"crv\":\"P-256\",\"x\":\"AQAB\",\"y\":"
		 "\"AQAB\"}",
			"32 bytes"},
		{"{\"kty\":\"EC\",\"alg\":\"ES256\",\"crv\":\"P-256\","
		 "\"x\":\"AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE\","
		 "\"y\":\"AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE\"}",
			"no point"},
		{"{\"kty\":\"OKP\",\"alg\":\"EdDSA\",\"crv\":\"X25519\"}", "Ed25519"},
		{"{\"kty\":\"OKP\",\"alg\":\"EdDSA\",\"crv\":\"Ed25519\",\"x\":\"AQAB\"}",
			"32 bytes"},
		{"{\"kty\":\"oct\",\"alg\":\"HS256\",\"k\":\"AQAB\"}", "at least 32 bytes"},
		{"{\"kty\":\"oct\",\"alg\":\"RS256\","
		 "\"k\":\"AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE\"}",
			"wants a public key"},
		{"{\"kty\":\"RSA\",\"alg\":\"HS256\",\"n\":\"AQAB\",\"e\":\"AQAB\"}",
			"wants a secret"},
		{"{\"kty\":\"RSA\",\"alg\":\"RS256\",\"d\":\"AQAB\"}", "private key"},
		{"{\"kty\":\"RSA\",\"alg\":\"RS256\",\"kid\":7}", "kid is a string"},
		{"{\"kty\":\"RSA\",\"kty\":\"oct\"}", "strict JSON"},
		{"{\"keys\":", "strict JSON"},
	};

	(void)state;
	conf("a.conf", "file = a.json\n");
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		secret("a.json", table[i][0]);
		expect_refused(false, table[i][1]);
	}
	secret("a.json", "{\"kty\":\"oct\",\"alg\":\"HS256\","
			 "\"k\":\"AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE\"}");
	expect_keys(false, 1);
}

static void an_empty_directory_has_no_keys(void **state)
{
	struct keyring *ring;
	struct key_error e;

	(void)state;
	expect_refused(false, "no keys");
	assert_int_equal(keyring_load(&ring, "/nonexistent/keys", false, &e), -ENOENT);
}

static void the_first_start_makes_a_key_of_our_own_and_only_the_first(void **state)
{
	struct keyring *ring;
	struct key_error e;
	char path[128];
	struct stat st;

	(void)state;
	assert_int_equal(keyring_make_own(forge.dir, &e), 1);
	assert_int_equal(keyring_make_own(forge.dir, &e), 0);
	assert_int_equal(keyring_load(&ring, forge.dir, false, &e), 0);
	assert_int_equal(keyring_count(ring), 1);
	assert_non_null(keyring_own(ring));
	assert_int_equal(keyring_own(ring)->secret_len, 32);
	assert_string_equal(keyring_own(ring)->policy->iss, "postern");
	assert_string_equal(keyring_own(ring)->alg->name, "HS256");
	keyring_free(ring);
	snprintf(path, sizeof(path), "%s/own.secret", forge.dir);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	snprintf(path, sizeof(path), "%s/own.conf", forge.dir);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
}

static void an_operators_key_is_left_alone(void **state)
{
	struct key_error e;

	(void)state;
	secret("s", SECRET_32);
	conf("shop.conf", "alg = HS256\nfile = s\n");
	assert_int_equal(keyring_make_own(forge.dir, &e), 0);
	expect_keys(false, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(a_secret_has_at_least_32_bytes, clear),
		cmocka_unit_test_teardown(a_secret_in_base64url_is_measured_decoded, clear),
		cmocka_unit_test_teardown(a_public_key_is_no_secret, clear),
		cmocka_unit_test_teardown(files_that_others_can_read_are_refused, clear),
		cmocka_unit_test_teardown(a_directory_that_others_can_read_is_refused, clear),
		cmocka_unit_test_teardown(an_rsa_key_has_at_least_2048_bits, clear),
		cmocka_unit_test_teardown(the_kind_of_key_must_be_the_algorithms, clear),
		cmocka_unit_test_teardown(what_is_no_key_is_refused, clear),
		cmocka_unit_test_teardown(settings_are_read_strictly, clear),
		cmocka_unit_test_teardown(one_kid_names_one_key, clear),
		cmocka_unit_test_teardown(two_issuers_do_not_share_users_unless_told, clear),
		cmocka_unit_test_teardown(a_jwk_set_gives_its_signature_keys, clear),
		cmocka_unit_test_teardown(unsafe_jwks_are_refused, clear),
		cmocka_unit_test_teardown(an_empty_directory_has_no_keys, clear),
		cmocka_unit_test_teardown(
			the_first_start_makes_a_key_of_our_own_and_only_the_first, clear),
		cmocka_unit_test_teardown(an_operators_key_is_left_alone, clear),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
