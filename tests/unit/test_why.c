/* why: the last reasons of each user. */
#include <stdio.h>
#include <string.h>

#include "router/why.h"
#include "tests/unit/test.h"

static struct why *why;

static int setup(void **state)
{
	(void)state;
	return why_new(&why);
}

static int teardown(void **state)
{
	(void)state;
	why_free(why);
	return 0;
}

static void add(const char *user, const char *kind, const char *detail, int64_t at_ms)
{
	why_add(why, at_ms, slice_of(user), slice_of(kind), slice_of(detail));
}

static size_t count(const char *user)
{
	size_t n = 0;

	while (why_at(why, slice_of(user), n) != NULL)
		n++;
	return n;
}

static bool is(const char *user, size_t i, const char *kind, const char *detail)
{
	const struct why_reason *r = why_at(why, slice_of(user), i);

	return r != NULL && slice_is((struct slice){r->kind, r->kind_len}, kind) &&
	       slice_is((struct slice){r->detail, r->detail_len}, detail);
}

static void reasons_are_read_the_oldest_first_and_by_user(void **state)
{
	(void)state;
	add("7", "opened", "edge=1", 1);
	add("8", "opened", "edge=2", 2);
	add("7", "closed", "edge=1 code=4009", 3);
	assert_int_equal(count("7"), 2);
	assert_int_equal(count("8"), 1);
	assert_int_equal(count("77"), 0);
	assert_true(is("7", 0, "opened", "edge=1"));
	assert_true(is("7", 1, "closed", "edge=1 code=4009"));
	assert_int_equal(why_at(why, SLICE_LITERAL("7"), 1)->at_ms, 3);
}

static void the_oldest_reason_of_a_user_gives_way(void **state)
{
	char detail[16];

	(void)state;
	for (int i = 0; i < WHY_PER_USER + 5; i++) {
		(void)snprintf(detail, sizeof(detail), "n=%d", i);
		add("7", "refused", detail, i);
	}
	assert_int_equal(count("7"), WHY_PER_USER);
	assert_true(is("7", 0, "refused", "n=5"));
	(void)snprintf(detail, sizeof(detail), "n=%d", WHY_PER_USER + 4);
	assert_true(is("7", WHY_PER_USER - 1, "refused", detail));
}

static void the_same_again_only_moves_its_time(void **state)
{
	(void)state;
	add("7", "closed", "code=4009", 1);
	for (int i = 2; i < 100; i++)
		add("7", "refused", "what=send code=1301", i);
	assert_int_equal(count("7"), 2);
	assert_int_equal(why_at(why, SLICE_LITERAL("7"), 1)->at_ms, 99);
}

static void the_user_without_news_for_longest_gives_way(void **state)
{
	char uid[16];

	(void)state;
	for (int i = 0; i < WHY_USERS; i++) {
		(void)snprintf(uid, sizeof(uid), "u%d", i);
		add(uid, "opened", "", i);
	}
	add("u0", "closed", "", WHY_USERS);
	add("new", "opened", "", WHY_USERS);
	assert_int_equal(count("u0"), 2);
	assert_int_equal(count("u1"), 0);
	assert_int_equal(count("u2"), 1);
	assert_int_equal(count("new"), 1);
	for (int i = 0; i < 3 * WHY_USERS; i++) {
		(void)snprintf(uid, sizeof(uid), "v%d", i);
		add(uid, "opened", "", i);
	}
	assert_int_equal(count("u0"), 0);
	assert_int_equal(count("v0"), 0);
	assert_int_equal(count(uid), 1);
}

static void long_details_are_cut(void **state)
{
	char detail[WHY_DETAIL_BYTES * 2];

	(void)state;
	memset(detail, 'x', sizeof(detail) - 1);
	detail[sizeof(detail) - 1] = '\0';
	add("7", "a kind that is far too long", detail, 1);
	assert_int_equal(why_at(why, SLICE_LITERAL("7"), 0)->detail_len, WHY_DETAIL_BYTES);
	assert_int_equal(why_at(why, SLICE_LITERAL("7"), 0)->kind_len, WHY_KIND_BYTES);
	add("7", "a kind that is far too long", detail, 2); /* the same */
	assert_int_equal(count("7"), 1);
}

static void messages_are_no_reasons(void **state)
{
	(void)state;
	assert_true(why_wants(SLICE_LITERAL("closed")));
	assert_false(why_wants(SLICE_LITERAL("sent")));
	assert_false(why_wants(SLICE_LITERAL("pushed")));
	assert_false(why_wants(SLICE_LITERAL("")));
}

int main(void)
{
#define TEST(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(reasons_are_read_the_oldest_first_and_by_user),
		TEST(the_oldest_reason_of_a_user_gives_way),
		TEST(the_same_again_only_moves_its_time),
		TEST(the_user_without_news_for_longest_gives_way),
		TEST(long_details_are_cut),
		TEST(messages_are_no_reasons),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
