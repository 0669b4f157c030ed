/* buf and the UTF-8 check beside it. */
#include "common/buf.h"
#include "tests/unit/test.h"

static void assert_text(const struct buf *b, const char *text)
{
	assert_false(b->failed);
	assert_int_equal(b->len, strlen(text));
	assert_memory_equal(b->data, text, b->len);
}

static void pieces_are_joined(void **state)
{
	struct buf b;

	(void)state;
	buf_init(&b, 1000);
	buf_add(&b, SLICE_LITERAL("a\0b"));
	buf_add(&b, (struct slice){NULL, 0});
	buf_add_text(&b, "cd");
	buf_printf(&b, "-%d-%s", 17, "x");
	assert_int_equal(b.len, 10);
	assert_memory_equal(b.data, "a\0bcd-17-x", 10);
	assert_true(slice_eq(buf_slice(&b), (struct slice){"a\0bcd-17-x", 10}));
	buf_fini(&b);
	assert_null(b.data);
}

static void every_length_up_to_the_bound_fits(void **state)
{
	(void)state;
	for (size_t max = 0; max < 300; max++) {
		struct buf b;

		buf_init(&b, max);
		for (size_t i = 0; i < max; i++)
			buf_add(&b, SLICE_LITERAL("x"));
		assert_false(b.failed);
		assert_int_equal(b.len, max);
		buf_add(&b, SLICE_LITERAL("y"));
		assert_true(b.failed);
		assert_int_equal(b.len, max);
		buf_fini(&b);
	}
}

static void printf_fits_to_the_byte(void **state)
{
	(void)state;
	for (size_t len = 1; len < 200; len++) {
		struct buf b;

		buf_init(&b, len);
		buf_printf(&b, "%0*d", (int)len, 7);
		assert_false(b.failed);
		assert_int_equal(b.len, len);
		assert_int_equal(b.data[len - 1], '7');
		buf_clear(&b);
		buf_printf(&b, "%0*d", (int)len + 1, 7);
		assert_true(b.failed);
		assert_int_equal(b.len, 0);
		buf_fini(&b);
	}
}

static void what_does_not_fit_changes_nothing_and_sticks(void **state)
{
	struct buf b;

	(void)state;
	buf_init(&b, 8);
	buf_add_text(&b, "12345");
	buf_add_text(&b, "6789");
	assert_true(b.failed);
	buf_add_text(&b, "6");
	assert_int_equal(b.len, 5);
	assert_true(b.failed);
	buf_clear(&b);
	buf_add_text(&b, "12345678");
	assert_text(&b, "12345678");
	buf_fini(&b);
}

static void a_bound_of_all_there_is_works(void **state)
{
	struct buf b;

	(void)state;
	buf_init(&b, SIZE_MAX);
	for (int i = 0; i < 10000; i++)
		buf_add_text(&b, "0123456789");
	assert_false(b.failed);
	assert_int_equal(b.len, 100000);
	buf_fini(&b);
}

static void json_strings_are_escaped(void **state)
{
	struct buf b;

	(void)state;
	buf_init(&b, 1000);
	buf_add_json_string(&b, SLICE_LITERAL(""));
	buf_add_json_string(&b, SLICE_LITERAL("plain / text"));
	buf_add_json_string(&b, SLICE_LITERAL("\"\\\b\f\n\r\t"));
	buf_add_json_string(&b, SLICE_LITERAL("\0\x01\x1f\x7f"));
	buf_add_json_string(&b, SLICE_LITERAL("h\xc3\xa4\xf0\x9f\x98\x80\"e"));
	assert_text(&b,
		"\"\"\"plain / text\"\"\\\"\\\\\\b\\f\\n\\r\\t\"\"\\u0000\\u0001\\u001f\x7f\""
		"\"h\xc3\xa4\xf0\x9f\x98\x80\\\"e\"");
	buf_fini(&b);
}

/* Encodes as the formula says, overlong or not. */
static size_t encode(unsigned long point, size_t width, char out[4])
{
	static const unsigned leads[] = {0, 0x00, 0xc0, 0xe0, 0xf0};

	for (size_t i = width - 1; i > 0; i--) {
		out[i] = (char)(0x80 | (point & 0x3f));
		point >>= 6;
	}
	out[0] = (char)(leads[width] | point);
	return width;
}

static size_t shortest(unsigned long point)
{
	if (point < 0x80)
		return 1;
	if (point < 0x800)
		return 2;
	return point < 0x10000 ? 3 : 4;
}

static void every_code_point_is_valid_in_its_shortest_form_only(void **state)
{
	static const unsigned long beyond[] = {0x7f, 0x7ff, 0xffff, 0x1fffff};

	(void)state;
	for (size_t width = 1; width <= 4; width++) {
		for (unsigned long point = 0; point <= beyond[width - 1]; point++) {
			bool good = shortest(point) == width && point <= 0x10ffff &&
				    (point < 0xd800 || point > 0xdfff);
			char bytes[4];
			size_t n = encode(point, width, bytes);

			if (utf8_is_valid((struct slice){bytes, n}) != good)
				fail_msg("U+%lX in %zu bytes", point, width);
			for (size_t cut = 1; good && cut < n; cut++) {
				if (utf8_is_valid((struct slice){bytes, cut}))
					fail_msg("U+%lX cut to %zu", point, cut);
			}
		}
	}
}

static void bytes_that_no_text_has_are_refused(void **state)
{
	static const struct {
		const char *text;
		bool good;
	} table[] = {
		{"", true},
		{"abc", true},
		{"\x7f", true},
		{"gr\xc3\xbc\xc3\x9f", true},
		{"\xed\x9f\xbf\xee\x80\x80", true},
		{"\xf4\x8f\xbf\xbf", true},
		{"\x80", false},
		{"\xbf", false},
		{"a\x80", false},
		{"\xc0\x80", false},
		{"\xc1\xbf", false},
		{"\xc3", false},
		{"\xc3\xc3", false},
		{"\xc3\x28", false},
		{"\xe0\x80\x80", false},
		{"\xe0\x9f\xbf", false},
		{"\xe2\x82", false},
		{"\xe2\x28\xa1", false},
		{"\xe2\x82\x28", false},
		{"\xed\xa0\x80", false},
		{"\xed\xbf\xbf", false},
		{"\xed\xa0\xbd\xed\xb8\x80", false},
		{"\xf0\x80\x80\x80", false},
		{"\xf0\x8f\xbf\xbf", false},
		{"\xf0\x9f\x98", false},
		{"\xf0\x9f\x98\x28", false},
		{"\xf4\x90\x80\x80", false},
		{"\xf5\x80\x80\x80", false},
		{"\xf8\x88\x80\x80\x80", false},
		{"\xfc\x84\x80\x80\x80\x80", false},
		{"\xfe", false},
		{"\xff", false},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		if (utf8_is_valid(slice_of(table[i].text)) != table[i].good)
			fail_msg("entry %zu", i);
	}
	assert_true(utf8_is_valid(SLICE_LITERAL("a\0b")));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pieces_are_joined),
		cmocka_unit_test(every_length_up_to_the_bound_fits),
		cmocka_unit_test(printf_fits_to_the_byte),
		cmocka_unit_test(what_does_not_fit_changes_nothing_and_sticks),
		cmocka_unit_test(a_bound_of_all_there_is_works),
		cmocka_unit_test(json_strings_are_escaped),
		cmocka_unit_test(every_code_point_is_valid_in_its_shortest_form_only),
		cmocka_unit_test(bytes_that_no_text_has_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
