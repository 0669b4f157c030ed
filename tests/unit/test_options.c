/* options: what a tool's command line may look like. */
#include <string.h>

#include "common/options.h"
#include "tests/unit/test.h"

#define ARGS_MAX 12

struct values {
	const char *run;
	const char *user;
	bool json;
};

static const struct option_spec table[] = {
	{"--run", true, offsetof(struct values, run)},
	{"--user", true, offsetof(struct values, user)},
	{"--json", false, offsetof(struct values, json)},
	{0},
};

static char line[256];

/* args: words with one blank between them. */
static bool read_line(
	const char *args, struct values *out, struct option_words *words, struct buf *complaint)
{
	char *argv[ARGS_MAX + 2] = {(char[]){"tool"}};
	char *rest = line;
	int argc = 1;

	assert_true(strlen(args) < sizeof(line));
	strcpy(line, args);
	while (args[0] != '\0' && rest != NULL && argc <= ARGS_MAX)
		argv[argc++] = strsep(&rest, " ");
	*out = (struct values){0};
	return options_read(table, argc, argv, out, words, complaint);
}

static void options_stand_anywhere_between_words(void **state)
{
	static const char *const lines[] = {
		"--run /r --json push 7",
		"push --run=/r 7 --json",
		"push 7 --json --run /r",
		"--json --run=/r -- push 7",
	};
	struct option_words words;
	struct buf complaint;
	struct values v;

	(void)state;
	buf_init(&complaint, 256);
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		assert_true(read_line(lines[i], &v, &words, &complaint));
		assert_string_equal(v.run, "/r");
		assert_true(v.json);
		assert_null(v.user);
		assert_int_equal(words.n, 2);
		assert_string_equal(words.list[0], "push");
		assert_string_equal(words.list[1], "7");
	}
	buf_fini(&complaint);
}

static void a_value_may_be_anything(void **state)
{
	struct option_words words;
	struct buf complaint;
	struct values v;

	(void)state;
	buf_init(&complaint, 256);
	assert_true(read_line("--user --json --run=", &v, &words, &complaint));
	assert_string_equal(v.user, "--json");
	assert_string_equal(v.run, "");
	assert_false(v.json);
	assert_true(read_line("check - -- --json", &v, &words, &complaint));
	assert_int_equal(words.n, 3);
	assert_string_equal(words.list[1], "-");
	assert_string_equal(words.list[2], "--json");
	assert_false(v.json);
	buf_fini(&complaint);
}

static void what_is_wrong_is_named(void **state)
{
	static const struct {
		const char *args;
		const char *complaint;
	} cases[] = {
		{"--jso", "--jso: unknown option"},
		{"--jsonx", "--jsonx: unknown option"},
		{"-j", "-j: unknown option"},
		{"--json=1", "--json: takes no value"},
		{"--run", "--run: needs a value"},
		{"--run a --run b", "--run: given twice"},
		{"--\x1b[2J", "--\\x1b[2J: unknown option"},
		{"1 2 3 4 5 6 7 8 9", "9: one word too many"},
	};
	struct option_words words;
	struct buf complaint;
	struct values v;

	(void)state;
	buf_init(&complaint, 256);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_false(read_line(cases[i].args, &v, &words, &complaint));
		if (!slice_is(buf_slice(&complaint), cases[i].complaint))
			fail_msg("%s: %.*s", cases[i].args, SLICE_ARGS(buf_slice(&complaint)));
	}
	buf_fini(&complaint);
}

static void a_number_is_digits_up_to_its_bound(void **state)
{
	static const struct {
		const char *text;
		bool is_good;
		uint64_t value;
	} cases[] = {{"0", true, 0}, {"7", true, 7}, {"100", true, 100}, {"101", false, 0},
		{"99999999999999999999999", false, 0}, {"", false, 0}, {"-1", false, 0},
		{"+1", false, 0}, {" 1", false, 0}, {"1 ", false, 0}, {"1x", false, 0}};
	uint64_t value;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		if (options_number(cases[i].text, 100, &value) != cases[i].is_good)
			fail_msg("%s", cases[i].text);
		if (cases[i].is_good)
			assert_int_equal(value, cases[i].value);
	}
	assert_true(options_number("999999999999999", 999999999999999, &value));
	assert_int_equal(value, 999999999999999);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(options_stand_anywhere_between_words),
		cmocka_unit_test(a_value_may_be_anything),
		cmocka_unit_test(what_is_wrong_is_named),
		cmocka_unit_test(a_number_is_digits_up_to_its_bound),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
