/* onetime: good once, for its time, from its Origin; and bounds for one user and for all. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "auth/onetime.h"
#include "tests/unit/test.h"

#define NOW 1000000LL
#define ORIGIN SLICE_LITERAL("https://app.example")
#define NONE ((struct slice){NULL, 0})

static struct onetime *o;
static uint64_t drawn;

static int setup(void **state)
{
	(void)state;
	drawn = 0;
	return onetime_new(&o);
}

static int teardown(void **state)
{
	(void)state;
	onetime_free(o);
	return 0;
}

static struct token_facts facts_of(const char *uid)
{
	struct token_facts facts = {
		.issuer_id = 7, .exp_ms = 5, .iat_ms = 3, .hash = 11, .may_push = true};

	facts.uid_len = strlen(uid);
	memcpy(facts.uid, uid, facts.uid_len);
	return facts;
}

struct text {
	char chars[ONE_TIME_TEXT_BYTES + 1];
};

static int try_make(const char *uid, struct slice origin, int64_t now_ms, struct text *out)
{
	unsigned char random[ONE_TIME_BYTES] = {0};
	struct token_facts facts = facts_of(uid);

	drawn++;
	memcpy(random, &drawn, sizeof(drawn));
	return onetime_make(o, random, &facts, origin, now_ms, out->chars);
}

static struct text make(const char *uid, struct slice origin, int64_t now_ms)
{
	struct text t;

	assert_int_equal(try_make(uid, origin, now_ms, &t), 0);
	assert_int_equal(strlen(t.chars), ONE_TIME_TEXT_BYTES);
	return t;
}

static bool take(const struct text *t, struct slice origin, int64_t now_ms)
{
	struct token_facts facts;

	return onetime_take(o, slice_of(t->chars), origin, now_ms, &facts);
}

static void a_ticket_is_good_once_and_says_what_its_token_said(void **state)
{
	struct text t = make("ann", ORIGIN, NOW);
	struct token_facts facts;

	(void)state;
	assert_true(onetime_take(o, slice_of(t.chars), ORIGIN, NOW + 1, &facts));
	assert_null(facts.key);
	assert_int_equal(facts.issuer_id, 7);
	assert_int_equal(facts.exp_ms, 5);
	assert_int_equal(facts.iat_ms, 3);
	assert_true(facts.hash == 11);
	assert_true(facts.may_push);
	assert_false(facts.read_only);
	assert_int_equal(facts.uid_len, 3);
	assert_memory_equal(facts.uid, "ann", 3);
	assert_false(take(&t, ORIGIN, NOW + 1));
	assert_int_equal(onetime_count(o), 0);
}

static void it_ends_with_its_time(void **state)
{
	struct text a = make("ann", ORIGIN, NOW);
	struct text b = make("ann", ORIGIN, NOW);

	(void)state;
	assert_int_equal(onetime_wait_ms(o, NOW + 1), ONE_TIME_MS - 1);
	assert_true(take(&a, ORIGIN, NOW + ONE_TIME_MS - 1));
	assert_false(take(&b, ORIGIN, NOW + ONE_TIME_MS));
	assert_int_equal(onetime_count(o), 0);
	assert_int_equal(onetime_wait_ms(o, NOW + 1), 0);
}

static void another_origin_is_denied_and_spends_it(void **state)
{
	static const char *const others[] = {"", "null", "https://app.example.",
		"https://app.example/", "https://APP.example", "http://app.example",
		"https://app.example:443", "https://app.exampl", "https://app.examplee"};

	(void)state;
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		struct text t = make("ann", ORIGIN, NOW);

		assert_false(take(&t, slice_of(others[i]), NOW));
		assert_false(take(&t, ORIGIN, NOW));
		t = make("ann", slice_of(others[i]), NOW);
		assert_true(take(&t, slice_of(others[i]), NOW));
	}
}

static void none_as_origin_matches_none_alone(void **state)
{
	struct text a = make("ann", NONE, NOW);
	struct text b = make("ann", NONE, NOW);

	(void)state;
	assert_true(take(&a, NONE, NOW));
	assert_false(take(&b, ORIGIN, NOW));
}

static void only_the_exact_text_is_a_ticket(void **state)
{
	struct text t = make("ann", NONE, NOW);
	char text[2 * ONE_TIME_TEXT_BYTES];
	struct token_facts facts;

	(void)state;
	for (size_t len = 0; len < sizeof(text); len++) {
		memset(text, 'A', sizeof(text));
		memcpy(text, t.chars, len < ONE_TIME_TEXT_BYTES ? len : ONE_TIME_TEXT_BYTES);
		if (len != ONE_TIME_TEXT_BYTES)
			assert_false(onetime_take(o, (struct slice){text, len}, NONE, NOW, &facts));
	}
	for (size_t i = 0; i < ONE_TIME_TEXT_BYTES; i++) {
		for (unsigned bit = 0; bit < 8; bit++) {
			struct text other = t;

			other.chars[i] = (char)(other.chars[i] ^ (char)(1U << bit));
			assert_false(
				onetime_take(o, (struct slice){other.chars, ONE_TIME_TEXT_BYTES},
					NONE, NOW, &facts));
		}
	}
	assert_true(take(&t, NONE, NOW));
}

static void a_users_share_is_bounded_and_his_oldest_goes(void **state)
{
	struct text texts[ONE_TIME_PER_USER + 3];
	struct text bob = make("bob", NONE, NOW);

	(void)state;
	for (size_t i = 0; i < ONE_TIME_PER_USER + 3; i++)
		texts[i] = make("ann", NONE, NOW + (int64_t)i);
	assert_int_equal(onetime_count(o), ONE_TIME_PER_USER + 1);
	for (size_t i = 0; i < ONE_TIME_PER_USER + 3; i++)
		assert_int_equal(take(&texts[i], NONE, NOW + 100), i >= 3);
	assert_true(take(&bob, NONE, NOW + 100));
	assert_int_equal(onetime_count(o), 0);
}

static void a_full_table_serves_again_after_its_time(void **state)
{
	struct text t;
	char uid[24];

	(void)state;
	for (unsigned i = 0; i < ONE_TIME_MAX; i++) {
		snprintf(uid, sizeof(uid), "%u", i / ONE_TIME_PER_USER);
		assert_int_equal(try_make(uid, NONE, NOW, &t), 0);
	}
	assert_int_equal(try_make("nobody", NONE, NOW + ONE_TIME_MS - 1, &t), -EAGAIN);
	/* Who has his full share is served from it. */
	assert_int_equal(try_make("17", NONE, NOW + ONE_TIME_MS - 1, &t), 0);
	assert_int_equal(onetime_count(o), ONE_TIME_MAX);
	assert_int_equal(try_make("nobody", NONE, NOW + ONE_TIME_MS, &t), 0);
	assert_int_equal(onetime_count(o), 2);
	assert_true(take(&t, NONE, NOW + ONE_TIME_MS));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_ticket_is_good_once_and_says_what_its_token_said),
		TEST(it_ends_with_its_time),
		TEST(another_origin_is_denied_and_spends_it),
		TEST(none_as_origin_matches_none_alone),
		TEST(only_the_exact_text_is_a_ticket),
		TEST(a_users_share_is_bounded_and_his_oldest_goes),
		TEST(a_full_table_serves_again_after_its_time),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
