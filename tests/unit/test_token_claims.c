/*
 * token: the claims, judged by strict types and by the policy of the key; and the tokens that auth
 * makes.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "tests/unit/test.h"
#include "tests/unit/token_rig.h"

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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(claims_are_judged_by_strict_types),
		cmocka_unit_test(claims_are_judged_alike_under_a_public_key),
		cmocka_unit_test(a_payload_that_is_no_json_is_refused),
		cmocka_unit_test(the_facts_are_the_tokens),
		cmocka_unit_test(what_token_make_makes_is_good),
		cmocka_unit_test(token_make_refuses_what_token_check_would),
		cmocka_unit_test(policies_bind_audience_users_and_lifetime),
	};

	return cmocka_run_group_tests(tests, token_rig_setup, token_rig_teardown);
}
