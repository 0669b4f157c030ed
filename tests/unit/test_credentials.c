/* Where a token may travel, and where it may not. */
#include <stdio.h>
#include <stdlib.h>

#include "edge/credentials.h"
#include "tests/unit/test.h"

#define T "eyJh.eyJz.c2ln"
#define X "0123456789012345678901234567890123456789_-A"
#define AUTH(value) "Authorization: " value "\r\n"
#define PROTO(value) "Sec-WebSocket-Protocol: " value "\r\n"

struct verdict {
	enum credentials_result result;
	struct credentials found;
};

/* The head's bytes stay in a static buffer, since what is found is borrowed from them. */
static struct verdict find_in(
	const char *query, const char *fields, const struct credential_places *places)
{
	static char text[HEAD_MAX_BYTES * 2];
	struct verdict v;
	struct http_head head;
	int len = snprintf(
		text, sizeof(text), "GET /ws?%s HTTP/1.1\r\nHost: a\r\n%s\r\n", query, fields);

	assert_int_equal(http_head_parse((struct slice){text, (size_t)len}, &head), HTTP_HEAD_OK);
	v.result = credentials_find(&head, places, &v.found);
	return v;
}

static const struct credential_places nowhere_else;
static const struct credential_places everywhere = {true, true, true};

static struct verdict find(const char *fields)
{
	return find_in("token=" T "&ticket=" X, fields, &nowhere_else);
}

static void each_place_and_each_mistake_has_its_verdict(void **state)
{
	static const struct {
		const char *fields;
		enum credentials_result result;
		bool native;
		bool other;
	} table[] = {
		{"", CREDENTIALS_NONE, false, false},
		{AUTH("Bearer " T), CREDENTIALS_FOUND, false, false},
		{AUTH("bearer " T), CREDENTIALS_FOUND, false, false},
		{AUTH("BEARER    " T "  "), CREDENTIALS_FOUND, false, false},
		{AUTH("Bearer"), CREDENTIALS_NONE, false, false},
		{AUTH("Bearer "), CREDENTIALS_NONE, false, false},
		{AUTH(""), CREDENTIALS_NONE, false, false},
		{AUTH("Bearer a"), CREDENTIALS_NONE, false, false},
		{AUTH("Bearer a.b"), CREDENTIALS_NONE, false, false},
		{AUTH("Bearer a..c"), CREDENTIALS_NONE, false, false},
		{AUTH("Bearer .b.c"), CREDENTIALS_NONE, false, false},
		{AUTH("Bearer a.b."), CREDENTIALS_NONE, false, false},
		{AUTH("Bearer a.b.c.d"), CREDENTIALS_NONE, false, false},
		{AUTH("Bearer a.b.c="), CREDENTIALS_NONE, false, false},
		{AUTH("Bearer a.b+.c"), CREDENTIALS_NONE, false, false},
		{AUTH("Bearer a.b.c d"), CREDENTIALS_NONE, false, false},
		{AUTH("Bearer " T "," T), CREDENTIALS_NONE, false, false},
		{AUTH("Bearer\t" T), CREDENTIALS_NONE, false, false},
		{AUTH("BearerX " T), CREDENTIALS_NONE, false, false},
		{AUTH("Basic " T), CREDENTIALS_NONE, false, false},
		{AUTH("Bearer " T) AUTH("Bearer " T), CREDENTIALS_CONFLICT, false, false},
		{AUTH("Basic x") AUTH("Bearer " T), CREDENTIALS_CONFLICT, false, false},
		{PROTO("postern.v1"), CREDENTIALS_NONE, true, false},
		{PROTO("postern.v1, bearer." T), CREDENTIALS_FOUND, true, false},
		{PROTO("postern.v1,bearer." T), CREDENTIALS_FOUND, true, false},
		{PROTO("bearer." T ", postern.v1"), CREDENTIALS_FOUND, true, false},
		{PROTO("postern.v1") PROTO("bearer." T), CREDENTIALS_FOUND, true, false},
		{PROTO("bearer." T), CREDENTIALS_FOUND, false, false},
		{PROTO("chat, bearer." T), CREDENTIALS_FOUND, false, true},
		{PROTO("chat, postern.v1, bearer." T), CREDENTIALS_FOUND, true, true},
		{PROTO("Postern.v1, bearer." T), CREDENTIALS_FOUND, false, true},
		{PROTO("postern.v1, bearer."), CREDENTIALS_NONE, true, false},
		{PROTO("postern.v1, bearer.a.b.c="), CREDENTIALS_NONE, true, false},
		{PROTO("postern.v1, Bearer." T), CREDENTIALS_NONE, true, true},
		{PROTO("postern.v1, bearer." T ", bearer." T), CREDENTIALS_FOUND, true, false},
		{PROTO("postern.v1, bearer." T ", bearer.a.b.c"), CREDENTIALS_CONFLICT, true,
			false},
		{AUTH("Bearer " T) PROTO("postern.v1"), CREDENTIALS_FOUND, true, false},
		{AUTH("Bearer " T) PROTO("postern.v1, bearer." T), CREDENTIALS_FOUND, true, false},
		{AUTH("Bearer a.b.c") PROTO("postern.v1, bearer." T), CREDENTIALS_CONFLICT, true,
			false},
		{AUTH("Bearer ") PROTO("postern.v1, bearer." T), CREDENTIALS_CONFLICT, true, false},
		{AUTH("Basic x") PROTO("postern.v1, bearer." T), CREDENTIALS_FOUND, true, false},
		{AUTH("Bearer " T) PROTO("a b"), CREDENTIALS_MALFORMED, false, false},
		{AUTH("Bearer " T) PROTO("postern.v1,"), CREDENTIALS_MALFORMED, true, false},
		{AUTH("Bearer " T) PROTO(""), CREDENTIALS_MALFORMED, false, false},
		{AUTH("Bearer " T) PROTO("a,,b"), CREDENTIALS_MALFORMED, false, true},
		{AUTH("Bearer " T) PROTO("\"postern.v1\""), CREDENTIALS_MALFORMED, false, false},
		{"Cookie: postern_token=" T "\r\n", CREDENTIALS_NONE, false, false},
		{"X-Authorization: Bearer " T "\r\n", CREDENTIALS_NONE, false, false},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		struct verdict v = find(table[i].fields);

		if (v.result != table[i].result)
			print_error("fields: %s\n", table[i].fields);
		assert_int_equal(v.result, table[i].result);
		assert_int_equal(v.found.offers_native, table[i].native);
		assert_int_equal(v.found.offers_other, table[i].other);
		if (v.result == CREDENTIALS_FOUND)
			assert_true(slice_is(v.found.token, T));
	}
}

#define COOKIE(value) "Cookie: " value "\r\n"

static void a_cookie_is_ours_by_its_exact_name_and_place(void **state)
{
	static const struct {
		const char *fields;
		enum credentials_result result;
		bool is_cookie;
	} table[] = {
		{COOKIE("postern_token=" T), CREDENTIALS_FOUND, true},
		{COOKIE("a=b; postern_token=" T), CREDENTIALS_FOUND, true},
		{COOKIE("postern_token=" T "; a=b"), CREDENTIALS_FOUND, true},
		{COOKIE("a={\"x\":1, \"y\":2}; b; =; postern_token=" T ";"), CREDENTIALS_FOUND,
			true},
		{COOKIE("a=b") COOKIE("postern_token=" T), CREDENTIALS_FOUND, true},
		{COOKIE("postern_token=" T "; postern_token=" T), CREDENTIALS_FOUND, true},
		{COOKIE("postern_token=" T "; postern_token=a.b.c"), CREDENTIALS_CONFLICT, true},
		{COOKIE("postern_token=a.b.c; x=y; postern_token=" T), CREDENTIALS_CONFLICT, true},
		{COOKIE("postern_token=" T) COOKIE("postern_token=a.b.c"), CREDENTIALS_CONFLICT,
			true},
		{COOKIE("postern_token=" T "; postern_token="), CREDENTIALS_CONFLICT, true},
		{COOKIE("postern_token="), CREDENTIALS_NONE, true},
		{COOKIE("postern_token"), CREDENTIALS_NONE, false},
		{COOKIE("postern_token=\"" T "\""), CREDENTIALS_NONE, true},
		{COOKIE("postern_token= " T), CREDENTIALS_NONE, true},
		{COOKIE("postern_token=" T " ; a=b"), CREDENTIALS_NONE, true},
		{COOKIE("postern_token =" T), CREDENTIALS_NONE, false},
		{COOKIE("Postern_Token=" T), CREDENTIALS_NONE, false},
		{COOKIE("xpostern_token=" T), CREDENTIALS_NONE, false},
		{COOKIE("a=postern_token=" T), CREDENTIALS_NONE, false},
		{COOKIE("a=b;  postern_token=" T), CREDENTIALS_NONE, false},
		{COOKIE("a=b, postern_token=" T), CREDENTIALS_NONE, false},
		{COOKIE("postern%5Ftoken=" T), CREDENTIALS_NONE, false},
		{COOKIE(""), CREDENTIALS_NONE, false},
		{COOKIE(";;; ;"), CREDENTIALS_NONE, false},
		{"Cookie2: postern_token=" T "\r\n", CREDENTIALS_NONE, false},
		{COOKIE("postern_token=" T) AUTH("Bearer " T), CREDENTIALS_FOUND, false},
		{COOKIE("postern_token=" T) AUTH("Bearer a.b.c"), CREDENTIALS_CONFLICT, true},
		{COOKIE("postern_token=" T) PROTO("postern.v1, bearer." T), CREDENTIALS_FOUND,
			false},
		{PROTO("postern.v1, bearer." T) COOKIE("postern_token=" T), CREDENTIALS_FOUND,
			false},
		{PROTO("postern.v1, bearer.a.b.c") COOKIE("postern_token=" T), CREDENTIALS_CONFLICT,
			false},
	};
	static const struct credential_places cookie = {.cookie = true};

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		struct verdict v = find_in("", table[i].fields, &cookie);

		if (v.result != table[i].result)
			fail_msg("%s: %d", table[i].fields, (int)v.result);
		if (v.result == CREDENTIALS_FOUND) {
			assert_true(slice_is(v.found.token, T));
			assert_int_equal(v.found.is_cookie, table[i].is_cookie);
		}
		assert_false(v.found.is_one_time);
		if (strstr(table[i].fields, "Authorization") == NULL &&
			strstr(table[i].fields, "Protocol") == NULL)
			assert_int_equal(find(table[i].fields).result, CREDENTIALS_NONE);
	}
}

static void a_query_is_read_where_it_is_allowed(void **state)
{
	static const struct {
		const char *query;
		const char *fields;
		struct credential_places places;
		enum credentials_result result;
		bool is_one_time;
	} table[] = {
		{"token=" T, "", {.query = true}, CREDENTIALS_FOUND, false},
		{"token=" T, "", {.cookie = true, .ticket = true}, CREDENTIALS_NONE, false},
		{"a=b&token=" T "&dev=x", "", {.query = true}, CREDENTIALS_FOUND, false},
		{"%74oken=" T, "", {.query = true}, CREDENTIALS_FOUND, false},
		{"token=" T "&token=" T, "", {.query = true}, CREDENTIALS_FOUND, false},
		{"token=" T "&%74oken=a.b.c", "", {.query = true}, CREDENTIALS_CONFLICT, false},
		{"token=", "", {.query = true}, CREDENTIALS_NONE, false},
		{"token", "", {.query = true}, CREDENTIALS_NONE, false},
		{"token=eyJh%2EeyJz.c2ln", "", {.query = true}, CREDENTIALS_NONE, false},
		{"token=" T "%00", "", {.query = true}, CREDENTIALS_NONE, false},
		{"Token=" T, "", {.query = true}, CREDENTIALS_NONE, false},
		{"xtoken=" T, "", {.query = true}, CREDENTIALS_NONE, false},
		{"token=" T, AUTH("Bearer " T), {.query = true}, CREDENTIALS_FOUND, false},
		{"token=a.b.c", AUTH("Bearer " T), {.query = true}, CREDENTIALS_CONFLICT, false},
		{"token=a.b.c", AUTH("Bearer " T), {.ticket = true}, CREDENTIALS_FOUND, false},
		{"ticket=" X, "", {.ticket = true}, CREDENTIALS_FOUND, true},
		{"ticket=" X, "", {.cookie = true, .query = true}, CREDENTIALS_NONE, false},
		{"ticket=" X "&ticket=" X, "", {.ticket = true}, CREDENTIALS_FOUND, true},
		{"ticket=" X "A", "", {.ticket = true}, CREDENTIALS_NONE, false},
		{"ticket=" T, "", {.ticket = true}, CREDENTIALS_NONE, false},
		{"ticket=0123456789012345678901234567890123456789_-.", "", {.ticket = true},
			CREDENTIALS_NONE, false},
		{"ticket=", "", {.ticket = true}, CREDENTIALS_NONE, false},
		{"ticket=" X, AUTH("Bearer " T), {.ticket = true}, CREDENTIALS_CONFLICT, false},
		{"ticket=" X, AUTH("Bearer " X), {.ticket = true}, CREDENTIALS_CONFLICT, false},
		{"ticket=" X "&token=" X, "", {.query = true, .ticket = true}, CREDENTIALS_CONFLICT,
			false},
		{"ticket=" X, COOKIE("postern_token=" T), {.cookie = true, .ticket = true},
			CREDENTIALS_CONFLICT, false},
		{"ticket=" X, PROTO("postern.v1"), {.ticket = true}, CREDENTIALS_FOUND, true},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		struct verdict v = find_in(table[i].query, table[i].fields, &table[i].places);

		if (v.result != table[i].result)
			fail_msg("%s %s: %d", table[i].query, table[i].fields, (int)v.result);
		if (v.result != CREDENTIALS_FOUND)
			continue;
		assert_int_equal(v.found.is_one_time, table[i].is_one_time);
		assert_true(slice_is(v.found.token, table[i].is_one_time ? X : T));
		assert_false(v.found.is_cookie);
	}
}

/* Every pair of places: the same bytes are one token, others are two. */
static void two_places_agree_or_conflict(void **state)
{
	static const char *const same[] = {AUTH("Bearer " T), PROTO("postern.v1, bearer." T),
		COOKIE("postern_token=" T), NULL};
	static const char *const other[] = {AUTH("Bearer x.y.z"), PROTO("postern.v1, bearer.x.y.z"),
		COOKIE("postern_token=x.y.z"), NULL};

	(void)state;
	for (size_t i = 0; i < 4; i++) {
		for (size_t j = 0; j < 4; j++) {
			char fields[512];
			const char *query = same[i] == NULL ? "token=" T
					    : j == 3	    ? "token=x.y.z"
							    : "";

			if (i == j)
				continue;
			snprintf(fields, sizeof(fields), "%s%s", same[i] == NULL ? "" : same[i],
				other[j] == NULL ? "" : other[j]);
			assert_int_equal(
				find_in(query, fields, &everywhere).result, CREDENTIALS_CONFLICT);
			snprintf(fields, sizeof(fields), "%s%s", same[i] == NULL ? "" : same[i],
				same[j] == NULL ? "" : same[j]);
			query = i == 3 || j == 3 ? "token=" T : "";
			assert_int_equal(
				find_in(query, fields, &everywhere).result, CREDENTIALS_FOUND);
		}
	}
}

static void the_longest_token_is_taken_and_a_longer_one_is_none(void **state)
{
	char fields[HEAD_MAX_BYTES];
	int at = snprintf(fields, sizeof(fields), "Authorization: Bearer a.b.");
	size_t from = strlen("Authorization: Bearer ");

	(void)state;
	memset(fields + at, 'c', sizeof(fields) - (size_t)at);
	memcpy(fields + from + TOKEN_MAX_BYTES, "\r\n", 3);
	assert_int_equal(find(fields).result, CREDENTIALS_FOUND);
	assert_int_equal(find(fields).found.token.len, TOKEN_MAX_BYTES);
	memcpy(fields + from + TOKEN_MAX_BYTES, "c\r\n", 4);
	assert_int_equal(find(fields).result, CREDENTIALS_NONE);
}

/* One byte of a good head is changed: a token comes out only with the alphabet of tokens. */
static void no_byte_that_a_token_cannot_have_gets_through(void **state)
{
	static const char good[] = AUTH("Bearer " T);
	const size_t from = strlen("Authorization: Bearer ");

	(void)state;
	for (size_t i = from; i < sizeof(good) - 3; i++) {
		for (int c = 0x20; c < 0x100; c++) {
			char fields[sizeof(good)];
			struct verdict v;

			if (c == 0x7f)
				continue;
			memcpy(fields, good, sizeof(good));
			fields[i] = (char)c;
			v = find(fields);
			for (size_t k = 0; v.result == CREDENTIALS_FOUND && k < v.found.token.len;
				k++)
				assert_non_null(strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQ"
						       "RSTUVWXYZ0123456789-_.",
					v.found.token.data[k]));
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_place_and_each_mistake_has_its_verdict),
		cmocka_unit_test(a_cookie_is_ours_by_its_exact_name_and_place),
		cmocka_unit_test(a_query_is_read_where_it_is_allowed),
		cmocka_unit_test(two_places_agree_or_conflict),
		cmocka_unit_test(the_longest_token_is_taken_and_a_longer_one_is_none),
		cmocka_unit_test(no_byte_that_a_token_cannot_have_gets_through),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
