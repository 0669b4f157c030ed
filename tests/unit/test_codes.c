/* codes: the table says for each code what its range promises. */
#include <stdbool.h>
#include <string.h>

#include "proto/codes.h"
#include "tests/unit/test.h"

static bool is_retry_word(const char *word)
{
	return strcmp(word, "no") == 0 || strcmp(word, "now") == 0 || strcmp(word, "after") == 0 ||
	       strcmp(word, "reauth") == 0;
}

#define SYMBOL_(number, symbol, text, retry) number,
static const unsigned exceptions[] = {EXCEPTION_CODES(SYMBOL_)};
static const unsigned closes[] = {CLOSE_CODES(SYMBOL_)};

static void every_code_of_both_tables_is_found(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(exceptions) / sizeof(exceptions[0]); i++) {
		const struct code_info *info = code_info(exceptions[i]);

		assert_non_null(info);
		assert_int_equal(info->code, exceptions[i]);
		assert_true(info->code >= 1000 && info->code < 2000);
		assert_true(is_retry_word(info->retry));
	}
	for (size_t i = 0; i < sizeof(closes) / sizeof(closes[0]); i++) {
		const struct code_info *info = code_info(closes[i]);

		assert_non_null(info);
		assert_int_equal(info->code, closes[i]);
		assert_true(is_retry_word(info->retry));
		/* name[;after=ms][;resume=0|1] in at most 123 bytes */
		assert_true(strlen(info->name) < 123 - strlen(";after=1000000;resume=1"));
		assert_int_equal(
			strspn(info->name, "abcdefghijklmnopqrstuvwxyz_"), strlen(info->name));
	}
}

static void a_close_codes_range_tells_what_to_do(void **state)
{
	static const char *const promise[] = {"no", "after", NULL, NULL, "reauth"};

	(void)state;
	for (size_t i = 0; i < sizeof(closes) / sizeof(closes[0]); i++) {
		const struct code_info *info = code_info(closes[i]);
		unsigned range = info->code / 100 % 10;

		assert_true(info->code >= 4000 && range <= 4 && range != 3);
		if (promise[range] != NULL)
			assert_string_equal(info->retry, promise[range]);
	}
}

static void no_code_is_there_twice(void **state)
{
	unsigned count = 0;

	(void)state;
	for (unsigned code = 0; code < 70000; code++)
		count += code_info(code) != NULL;
	assert_int_equal(count,
		sizeof(exceptions) / sizeof(exceptions[0]) + sizeof(closes) / sizeof(closes[0]));
}

static void what_is_no_code_is_not_found(void **state)
{
	(void)state;
	assert_null(code_info(0));
	assert_null(code_info(1001));
	assert_null(code_info(4000));
	assert_null(code_info(4294967295u));
}

static void names_are_those_of_the_protocol(void **state)
{
	(void)state;
	assert_string_equal(code_info(EX_RATE_LIMITED)->name, "rate limited");
	assert_string_equal(code_info(EX_RATE_LIMITED)->retry, "after");
	assert_string_equal(code_info(CLOSE_UNAUTHORIZED)->name, "unauthorized");
	assert_int_equal(CLOSE_UNAUTHORIZED, 4401);
	assert_int_equal(EX_BAD_FRAME, 1002);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_code_of_both_tables_is_found),
		cmocka_unit_test(a_close_codes_range_tells_what_to_do),
		cmocka_unit_test(no_code_is_there_twice),
		cmocka_unit_test(what_is_no_code_is_not_found),
		cmocka_unit_test(names_are_those_of_the_protocol),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
