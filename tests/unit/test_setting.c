/* setting: what values are read, and that what is printed is read back. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/setting.h"
#include "tests/unit/test.h"

static void durations_are_read(void **state)
{
	static const struct {
		const char *text;
		int64_t ms;
	} table[] = {
		{"0s", 0},
		{"500ms", 500},
		{"3s", 3000},
		{"15min", 900000},
		{"1h", 3600000},
		{"2d", 172800000},
		{"007s", 7000},
		{"106751991167d", INT64_C(9223372036828800000)},
		{"106751991168d", -1},
		{"9223372036854775807ms", INT64_MAX},
		{"9223372036854775808ms", -1},
		{"99999999999999999999999ms", -1},
		{"", -1},
		{"5", -1},
		{"s", -1},
		{"-5s", -1},
		{"+5s", -1},
		{" 5s", -1},
		{"5s ", -1},
		{"5 s", -1},
		{"5m", -1},
		{"5S", -1},
		{"5sec", -1},
		{"1.5s", -1},
		{"1h30min", -1},
		{"0x5s", -1},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		if (duration_parse(table[i].text) != table[i].ms)
			fail_msg("%s", table[i].text);
	}
}

static void a_printed_default_is_read_back(void **state)
{
	static const int64_t values[] = {0, 1, 999, 1000, 1001, 60000, 90000, 3600000, 5400000,
		86400000, 172800000, 86400001, 9007199254740993};

	(void)state;
	for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
		struct setting s = {"x", SETTING_DURATION, 0, .number = values[i]};
		char text[32];
		int64_t out = -1;

		assert_true(setting_parse(&s, setting_default(&s, text), &out));
		assert_true(out == values[i]);
		s.type = SETTING_INT;
		assert_true(setting_parse(&s, setting_default(&s, text), &out));
		assert_true(out == values[i]);
	}
}

static void a_refused_value_leaves_the_field_as_it_was(void **state)
{
	static const struct setting number = {"n", SETTING_INT, 0, .min = 1, .max = 9};
	static const struct setting flag = {.name = "b", .type = SETTING_BOOL};
	int64_t n = 5;
	bool b = true;

	(void)state;
	for (int i = -20; i < 30; i++) {
		char text[16];

		n = 5;
		snprintf(text, sizeof(text), "%d", i);
		assert_int_equal(setting_parse(&number, text, &n), i >= 1 && i <= 9);
		assert_int_equal(n, i >= 1 && i <= 9 ? i : 5);
	}
	assert_false(setting_parse(&flag, "2", &b));
	assert_true(b);
}

static void without_a_range_any_number_from_zero_is_good(void **state)
{
	static const struct setting open_end = {.name = "n", .type = SETTING_INT};
	char text[80];
	int64_t n;

	(void)state;
	assert_true(setting_parse(&open_end, "9223372036854775807", &n));
	assert_true(n == INT64_MAX);
	assert_true(setting_parse(&open_end, "0", &n));
	assert_false(setting_parse(&open_end, "-1", &n));
	assert_string_equal(
		setting_allowed(&open_end, text, sizeof(text)), "a whole number, at least 0");
}

static void a_text_is_at_most_4096_bytes(void **state)
{
	static const struct setting s = {.name = "t", .type = SETTING_TEXT};
	static char text[4098];
	char *field = NULL;

	(void)state;
	memset(text, 'x', 4097);
	assert_false(setting_parse(&s, text, &field));
	assert_null(field);
	assert_true(setting_parse(&s, text + 1, &field));
	assert_string_equal(field, text + 1);
	setting_free(&s, &field);
	assert_null(field);
}

static void a_choice_is_one_of_its_words(void **state)
{
	static const char *const words[] = {"error", "warn", "info", NULL};
	static const struct setting s = {
		.name = "c", .type = SETTING_CHOICE, .choices = words, .number = 2};
	static const char *const wrong[] = {"", "Error", "error ", "warning", "0", "error,warn"};
	enum { A, B, C, D } field = D;
	char text[80];

	(void)state;
	setting_set_default(&s, &field);
	assert_int_equal(field, C);
	for (int i = 0; i < 3; i++) {
		assert_true(setting_parse(&s, words[i], &field));
		assert_int_equal(field, i);
	}
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		assert_false(setting_parse(&s, wrong[i], &field));
	assert_int_equal(field, C);
	assert_string_equal(setting_default(&s, text), "info");
	assert_string_equal(setting_form(&s, text, sizeof(text)), "error|warn|info");
	assert_string_equal(setting_allowed(&s, text, sizeof(text)), "error, warn or info");
	assert_string_equal(setting_allowed(&s, text, 8), "error, ");
}

static void uids_are_numbers_with_commas(void **state)
{
	static const struct setting s = {.name = "u", .type = SETTING_UIDS};
	static const char *const wrong[] = {"", ",", "1,", ",1", "1,,2", "1 ,2", "-1", "+1", "root",
		"0x1", "4294967295", "4294967296", "99999999999999999999", "1;2"};
	char many[4 * (UID_LIST_MAX + 1)] = "0";
	struct uid_list list;

	(void)state;
	setting_set_default(&s, &list);
	assert_int_equal(list.n, 1);
	assert_int_equal(list.list[0], geteuid());
	assert_true(setting_parse(&s, "0,7,4294967294", &list));
	assert_int_equal(list.n, 3);
	assert_int_equal(list.list[1], 7);
	assert_int_equal(list.list[2], 4294967294);
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		if (setting_parse(&s, wrong[i], &list))
			fail_msg("%s", wrong[i]);
	}
	assert_int_equal(list.n, 3);
	for (int i = 1; i < UID_LIST_MAX; i++)
		strcat(many, ",1");
	assert_true(setting_parse(&s, many, &list));
	assert_int_equal(list.n, UID_LIST_MAX);
	strcat(many, ",1");
	assert_false(setting_parse(&s, many, &list));
}

static bool is_even(const char *text)
{
	return strlen(text) % 2 == 0;
}

static void a_text_may_have_a_rule_of_its_own(void **state)
{
	static const struct setting s = {.name = "t",
		.type = SETTING_TEXT,
		.check = is_even,
		.allowed = "an even number of characters"};
	char *field = NULL;
	char text[80];

	(void)state;
	assert_false(setting_parse(&s, "odd", &field));
	assert_null(field);
	assert_true(setting_parse(&s, "even", &field));
	assert_false(setting_parse(&s, "three", &field));
	assert_string_equal(field, "even");
	assert_string_equal(
		setting_allowed(&s, text, sizeof(text)), "an even number of characters");
	setting_free(&s, &field);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(durations_are_read),
		cmocka_unit_test(a_printed_default_is_read_back),
		cmocka_unit_test(a_refused_value_leaves_the_field_as_it_was),
		cmocka_unit_test(without_a_range_any_number_from_zero_is_good),
		cmocka_unit_test(a_text_is_at_most_4096_bytes),
		cmocka_unit_test(a_choice_is_one_of_its_words),
		cmocka_unit_test(uids_are_numbers_with_commas),
		cmocka_unit_test(a_text_may_have_a_rule_of_its_own),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
