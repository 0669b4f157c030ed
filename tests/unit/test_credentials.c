/* Where a token may travel, and where it may not. */
#include <stdio.h>
#include <stdlib.h>

#include "edge/credentials.h"
#include "tests/unit/test.h"

#define T "eyJh.eyJz.c2ln"
#define AUTH(value) "Authorization: " value "\r\n"
#define PROTO(value) "Sec-WebSocket-Protocol: " value "\r\n"

struct verdict {
	enum credentials_result result;
	struct credentials found;
};

/* The head's bytes stay in a static buffer, since what is found is borrowed from them. */
static struct verdict find(const char *fields)
{
	static char text[HEAD_MAX_BYTES * 2];
	struct verdict v;
	struct http_head head;
	int len = snprintf(
		text, sizeof(text), "GET /ws?token=" T " HTTP/1.1\r\nHost: a\r\n%s\r\n", fields);

	assert_int_equal(http_head_parse((struct slice){text, (size_t)len}, &head), HTTP_HEAD_OK);
	v.result = credentials_find(&head, &v.found);
	return v;
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
		cmocka_unit_test(the_longest_token_is_taken_and_a_longer_one_is_none),
		cmocka_unit_test(no_byte_that_a_token_cannot_have_gets_through),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
