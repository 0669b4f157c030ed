/* base64url: one spelling for each byte string. */
#include <stdlib.h>

#include "auth/base64url.h"
#include "tests/unit/test.h"

static void what_is_encoded_decodes_to_the_same(void **state)
{
	unsigned char bytes[256], back[256];
	char text[BASE64URL_ENCODED_MAX(256) + 1];

	(void)state;
	for (unsigned i = 0; i < 256; i++)
		bytes[i] = (unsigned char)(i * 7 + 3);
	for (size_t n = 0; n <= 256; n++) {
		size_t len = base64url_encode(bytes, n, text);
		size_t got = 999;

		assert_int_equal(len, strlen(text));
		assert_true(base64url_decode(slice_of(text), back, sizeof(back), &got));
		assert_int_equal(got, n);
		assert_memory_equal(back, bytes, n);
	}
}

static void the_vectors_of_rfc_4648_hold(void **state)
{
	static const char *const table[][2] = {{"", ""}, {"f", "Zg"}, {"fo", "Zm8"},
		{"foo", "Zm9v"}, {"foob", "Zm9vYg"}, {"fooba", "Zm9vYmE"}, {"foobar", "Zm9vYmFy"},
		{"\xff\xfe", "__4"}, {"\xfb\xef", "--8"}};
	char text[16];

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		base64url_encode((const unsigned char *)table[i][0], strlen(table[i][0]), text);
		assert_string_equal(text, table[i][1]);
	}
}

static void other_spellings_are_refused(void **state)
{
	static const char *const table[] = {"Z", "Zg=", "Zg==", "Zh", "Zm9", "Zm8=", " Zg", "Zg ",
		"Zg\n", "Z g", "Zm9v\nYg", "+/+/", "Zm9vY", "Zm9v\x80", "Zm9v.", "_5", "AB"};
	unsigned char out[16];
	size_t len;

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		if (base64url_decode(slice_of(table[i]), out, sizeof(out), &len))
			fail_msg("\"%s\"", table[i]);
	}
}

static void what_does_not_fit_is_refused(void **state)
{
	unsigned char out[3];
	size_t len;

	(void)state;
	assert_true(base64url_decode(SLICE_LITERAL("Zm9v"), out, 3, &len));
	assert_false(base64url_decode(SLICE_LITERAL("Zm9v"), out, 2, &len));
	assert_false(base64url_decode(SLICE_LITERAL("Zg"), out, 0, &len));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_encoded_decodes_to_the_same),
		cmocka_unit_test(the_vectors_of_rfc_4648_hold),
		cmocka_unit_test(other_spellings_are_refused),
		cmocka_unit_test(what_does_not_fit_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
