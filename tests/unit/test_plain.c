/* plain: nothing from the wire drives the terminal. */
#include <stdio.h>
#include <string.h>

#include "common/json.h"
#include "common/plain.h"
#include "tests/unit/test.h"

static void becomes(struct slice in, const char *wanted)
{
	struct buf out;

	buf_init(&out, 4096);
	plain_add(&out, in);
	assert_false(out.failed);
	assert_int_equal(out.len, strlen(wanted));
	assert_memory_equal(out.data, wanted, out.len);
	buf_fini(&out);
}

static void plain_text_of_any_language_is_left_alone(void **state)
{
	(void)state;
	becomes(SLICE_LITERAL("ann@example.com key=value"), "ann@example.com key=value");
	becomes(SLICE_LITERAL("Zoë, 名前, 😀"), "Zoë, 名前, 😀");
}

static void what_drives_a_terminal_is_shown_instead(void **state)
{
	(void)state;
	becomes(SLICE_LITERAL("\x1b]0;title\x07"), "\\x1b]0;title\\x07");
	becomes(SLICE_LITERAL("a\nb\rc\td\x7f\0e"), "a\\x0ab\\x0dc\\x09d\\x7f\\x00e");
	becomes(SLICE_LITERAL("\xc2\x9b"
			      "31m"),
		"\\u{9b}31m"); /* CSI as one character */
	becomes(SLICE_LITERAL("\x9b"
			      "31m"),
		"\\x9b31m"); /* and as one byte, which is no UTF-8 */
	becomes(SLICE_LITERAL("\xe2\x80\xae"
			      "abc"),
		"\\u{202e}abc"); /* right to left */
	becomes(SLICE_LITERAL("\xe2\x80\xa8"), "\\u{2028}");
	becomes(SLICE_LITERAL("back\\x1b"), "back\\\\x1b");
}

static void bytes_that_are_no_utf8_are_shown_one_by_one(void **state)
{
	(void)state;
	becomes(SLICE_LITERAL("\xff\xfe"), "\\xff\\xfe");
	becomes(SLICE_LITERAL("\xc3"), "\\xc3");
	becomes(SLICE_LITERAL("\xe2\x82"), "\\xe2\\x82");
	becomes(SLICE_LITERAL("\xed\xa0\x80"), "\\xed\\xa0\\x80");
	becomes(SLICE_LITERAL("\xc0\xaf"), "\\xc0\\xaf");
}

static void every_short_text_comes_out_without_control_characters(void **state)
{
	(void)state;
	for (unsigned a = 0; a < 256; a++) {
		for (unsigned b = 0; b < 256; b++) {
			char in[2] = {(char)a, (char)b};
			struct buf out;

			buf_init(&out, 64);
			plain_add(&out, (struct slice){in, 2});
			assert_true(utf8_is_valid(buf_slice(&out)));
			for (size_t i = 0; i < out.len; i++) {
				unsigned char c = (unsigned char)out.data[i];

				assert_true(c >= 0x20 && c != 0x7f);
				assert_false(c == 0xc2 && (unsigned char)out.data[i + 1] < 0xa0);
			}
			buf_fini(&out);
		}
	}
}

static void json_is_valid_whatever_came(void **state)
{
	(void)state;
	for (unsigned a = 0; a < 256; a++) {
		for (unsigned b = 0; b < 256; b++) {
			CLEANUP(json_decrefp) json_t *value = NULL;
			char in[3] = {(char)a, (char)b, 'x'};
			struct buf out;

			buf_init(&out, 64);
			plain_add_json(&out, (struct slice){in, 3});
			assert_false(out.failed);
			assert_int_equal(json_read(buf_slice(&out), 1, &value), JSON_READ);
			assert_true(json_is_string(value));
			buf_fini(&out);
		}
	}
}

static void a_column_is_a_character(void **state)
{
	(void)state;
	assert_int_equal(plain_width(SLICE_LITERAL("")), 0);
	assert_int_equal(plain_width(SLICE_LITERAL("abc")), 3);
	assert_int_equal(plain_width(SLICE_LITERAL("Zoë")), 3);
}

static void a_cell_is_filled_up_and_never_cut(void **state)
{
	struct buf out;

	(void)state;
	buf_init(&out, 4096);
	plain_add_cell(&out, SLICE_LITERAL("Zo\xc3\xab"), 5);
	plain_add_cell(&out, (struct slice){0}, 3);
	plain_add_cell(&out, SLICE_LITERAL("longer than that\n"), 3);
	plain_add_cell(&out, SLICE_LITERAL("x"), 9);
	plain_end_line(&out);
	assert_true(slice_is(buf_slice(&out), "Zo\xc3\xab    -    longer than that\\x0a  x\n"));
	buf_clear(&out);
	plain_add_member(&out, "name", SLICE_LITERAL("a\"b"));
	assert_true(slice_is(buf_slice(&out), "\"name\":\"a\\\"b\""));
	buf_fini(&out);
	buf_init(&out, 4);
	plain_add_cell(&out, SLICE_LITERAL("too long"), 20);
	assert_true(out.failed);
	buf_fini(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(plain_text_of_any_language_is_left_alone),
		cmocka_unit_test(what_drives_a_terminal_is_shown_instead),
		cmocka_unit_test(bytes_that_are_no_utf8_are_shown_one_by_one),
		cmocka_unit_test(every_short_text_comes_out_without_control_characters),
		cmocka_unit_test(json_is_valid_whatever_came),
		cmocka_unit_test(a_column_is_a_character),
		cmocka_unit_test(a_cell_is_filled_up_and_never_cut),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
