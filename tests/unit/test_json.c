/* json: what is JSON here, what is not, and that writing gives back what was read. */
#include "common/json.h"
#include "tests/unit/test.h"

enum { DEPTH = 4 };

static enum json_result read_only(struct slice text)
{
	CLEANUP(json_decrefp) json_t *value = NULL;
	enum json_result result = json_read(text, DEPTH, &value);

	assert_true((result == JSON_READ) == (value != NULL));
	return result;
}

static void good_texts_are_read(void **state)
{
	static const char *const table[] = {
		"{}",
		"[]",
		"null",
		"true",
		"0",
		"-1",
		"1.5e3",
		"\"\"",
		" \t\r\n{ } \n",
		"{\"a\":1,\"b\":[1,2,{\"c\":null}]}",
		"\"\\u0000\"",
		"\"\\ud83d\\ude00\"",
		"\"\xf0\x9f\x98\x80\"",
		"9223372036854775807",
		"[[[[]]]]",
		"\"[[[[[[[[{{{{{\"",
		"\"\\\"[[[[[[[\"",
		"[\"\\\\\",[],\"{{{{{{\"]",
		"[[],[],[],[],[],[],{},{}]",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		if (read_only(slice_of(table[i])) != JSON_READ)
			fail_msg("%s", table[i]);
	}
}

static void bad_texts_are_refused(void **state)
{
	static const char *const table[] = {
		"",
		" ",
		"{",
		"}",
		"]",
		"{]",
		"[1,]",
		"{\"a\":1,}",
		"{\"a\"}",
		"{a:1}",
		"{'a':1}",
		"{\"a\":1}x",
		"{}{}",
		"nul",
		"True",
		"01",
		"+1",
		".5",
		"1.",
		"1e",
		"NaN",
		"Infinity",
		"1e999",
		"9223372036854775808",
		"\"",
		"\"\n\"",
		"\"\x01\"",
		"\"\\x\"",
		"\"\\u12\"",
		"\"\\ud83d\"",
		"\"\\ude00\"",
		"\"\\ud83d\\ud83d\"",
		"\"\xff\"",
		"\"\xc0\x80\"",
		"\"\xed\xa0\x80\"",
		"\xef\xbb\xbf{}",
		"{\"a\":1,\"a\":2}",
		"{\"a\":1,\"\\u0061\":2}",
		"[{\"x\":{},\"x\":{}}]",
		"// c\n1",
		"\"\\\\\"[",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		if (read_only(slice_of(table[i])) != JSON_BAD)
			fail_msg("%s", table[i]);
	}
	assert_int_equal(read_only(SLICE_LITERAL("{}\0")), JSON_BAD);
	assert_int_equal(read_only(SLICE_LITERAL("\"a\0b\"")), JSON_BAD);
	assert_int_equal(read_only((struct slice){NULL, 0}), JSON_BAD);
}

static void depth_is_bounded_before_parsing(void **state)
{
	char text[20000];

	(void)state;
	assert_int_equal(read_only(SLICE_LITERAL("[[[[[]]]]]")), JSON_TOO_DEEP);
	assert_int_equal(
		read_only(SLICE_LITERAL("{\"a\":{\"a\":{\"a\":{\"a\":{}}}}}")), JSON_TOO_DEEP);
	memset(text, '[', sizeof(text));
	assert_int_equal(read_only((struct slice){text, sizeof(text)}), JSON_TOO_DEEP);
	/* closing what was never opened earns nothing */
	assert_int_equal(read_only(SLICE_LITERAL("]]]]]][[[[[")), JSON_TOO_DEEP);
}

static void numbers_of_many_digits_are_refused(void **state)
{
	char text[10000];

	(void)state;
	memset(text, '9', sizeof(text));
	assert_int_equal(read_only((struct slice){text, sizeof(text)}), JSON_BAD);
}

static void writing_gives_back_what_was_read(void **state)
{
	static const char *const table[] = {
		"{\"z\":1,\"a\":[true,false,null],\"m\":{\"k\":\"v\"}}",
		"[1,-2,1.5,\"\"]",
		"\"gr\xc3\xbc\xc3\x9f \xf0\x9f\x98\x80 /\"",
		"\"\\u0000\\n\\\"\"",
		"7",
		"null",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		CLEANUP(json_decrefp) json_t *value = NULL;
		struct buf b;

		buf_init(&b, 1000);
		assert_int_equal(json_read(slice_of(table[i]), DEPTH, &value), JSON_READ);
		json_write(&b, value);
		assert_false(b.failed);
		if (!slice_is(buf_slice(&b), table[i]))
			fail_msg("%.*s", SLICE_ARGS(buf_slice(&b)));
		buf_fini(&b);
	}
}

static void our_own_strings_are_read_back(void **state)
{
	char bytes[0x80];
	CLEANUP(json_decrefp) json_t *value = NULL;
	struct buf b;

	(void)state;
	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (char)i;
	buf_init(&b, 4000);
	buf_add_json_string(&b, (struct slice){bytes, sizeof(bytes)});
	assert_int_equal(json_read(buf_slice(&b), 1, &value), JSON_READ);
	assert_int_equal(json_string_length(value), sizeof(bytes));
	assert_memory_equal(json_string_value(value), bytes, sizeof(bytes));
	buf_fini(&b);
}

static void a_full_buffer_fails_the_writing(void **state)
{
	CLEANUP(json_decrefp) json_t *value = json_pack("{s:s}", "key", "a longer value");
	struct buf b;

	(void)state;
	buf_init(&b, 10);
	json_write(&b, value);
	assert_true(b.failed);
	buf_fini(&b);
}

static void members_are_read_as_slices(void **state)
{
	CLEANUP(json_decrefp) json_t *value = NULL;

	(void)state;
	assert_int_equal(
		json_read(slice_of("{\"a\":\"x\\u0000y\",\"n\":1,\"e\":\"\"}"), DEPTH, &value),
		JSON_READ);
	assert_true(slice_eq(json_text(value, "a"), SLICE_LITERAL("x\0y")));
	assert_null(json_text(value, "n").data);
	assert_null(json_text(value, "none").data);
	assert_non_null(json_text(value, "e").data);
	assert_int_equal(json_text(value, "e").len, 0);
	assert_null(json_text(NULL, "a").data);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(good_texts_are_read),
		cmocka_unit_test(bad_texts_are_refused),
		cmocka_unit_test(depth_is_bounded_before_parsing),
		cmocka_unit_test(numbers_of_many_digits_are_refused),
		cmocka_unit_test(writing_gives_back_what_was_read),
		cmocka_unit_test(our_own_strings_are_read_back),
		cmocka_unit_test(a_full_buffer_fails_the_writing),
		cmocka_unit_test(members_are_read_as_slices),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
