/* routerctl's command line. */
#include <string.h>

#include "router/ctl/args.h"
#include "router/ctl/commands.h"
#include "tests/unit/test.h"

#define MAX_WORDS 24

/* Splits line at blanks and reads it; the complaint is empty when all is well. */
static bool read_line(char *line, struct ctl_args *out, struct buf *complaint)
{
	char *argv[MAX_WORDS] = {(char *)"routerctl"};
	int argc = 1;
	char *rest;

	buf_clear(complaint);
	for (char *word = strtok_r(line, " ", &rest); word != NULL;
		word = strtok_r(NULL, " ", &rest))
		argv[argc++] = word;
	if (!args_read(argc, argv, out, complaint))
		return false;
	if (out->command == NULL || commands_find(out->command) == NULL)
		return false;
	return args_fit(out, commands_takes(commands_find(out->command)), complaint);
}

static bool is_good(const char *text)
{
	struct ctl_args args;
	struct buf complaint;
	char line[256];
	bool good;

	strncpy(line, text, sizeof(line) - 1);
	line[sizeof(line) - 1] = '\0';
	buf_init(&complaint, 1024);
	good = read_line(line, &args, &complaint);
	buf_fini(&complaint);
	return good;
}

static void right_lines_are_taken(void **state)
{
	static const char *const lines[] = {
		"push --user 2",
		"push --all --event news --data {} --id m1",
		"--run /x push --all",
		"push --user=2 --event=news --data=-",
		"who",
		"who --json",
		"user 2",
		"edges --json --run /x",
		"stats",
		"ping",
		"ping --json",
		"kick 2 --yes",
		"kick --yes 2",
		"tail",
		"tail --user a@b",
		"push --user 2 --wait accepted",
		"push --user 2 --wait delivered --timeout 1min",
		"push --user 2 --wait acked --timeout 500ms --ttl 30d",
		"push --all --wait accepted",
		"push --all --wait delivered",
		"top",
		"top --count 1",
		"top --count 100 --json",
		"inbox 2",
		"inbox 2 --purge --yes",
		"drain 4711",
		"drain 4294967295",
		"backup /x/y.db",
		"backup y.db --json",
		"why 2",
		"why 2 --json",
		"explain",
		"explain 4409 --json",
		"explain kicked",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		if (!is_good(lines[i]))
			fail_msg("refused: %s", lines[i]);
	}
}

static void wrong_lines_are_refused(void **state)
{
	static const char *const lines[] = {
		"",
		"nothing",
		"ping 2",
		"ping --yes",
		"push",
		"push --user 2 --all",
		"push --user",
		"push --user 2 --user 3",
		"push --all --event a/b",
		"push --all --id a/b",
		"push --all --yes",
		"push --al",
		"push -a",
		"push --all=yes",
		"who 2",
		"who --all",
		"user",
		"user 2 3",
		"user a/b",
		"kick 2",
		"kick --yes",
		"stats --user 2",
		"tail --event x",
		"push --user 2 3",
		"push --user 2 --wait stored",
		"push --user 2 --wait",
		"push --all --wait acked",
		"push --user 2 --timeout 61s",
		"push --user 2 --timeout 0s",
		"push --user 2 --timeout 5",
		"push --user 2 --ttl x",
		"push --user 2 --ttl 0s",
		"push --user 2 --purge",
		"push --user 2 --count 3",
		"top 2",
		"top --count 0",
		"top --count 101",
		"top --count 1x",
		"top --wait acked",
		"inbox",
		"inbox 2 --purge",
		"inbox 2 --yes",
		"inbox a/b",
		"drain",
		"drain 0",
		"drain -1",
		"drain 4294967296",
		"drain 47x",
		"drain 1 --yes",
		"backup",
		"backup a b",
		"backup --user 2",
		"kick 2 --yes --purge",
		"why",
		"why 2 3",
		"why a/b",
		"why 2 --yes",
		"explain 1 2",
		"explain --user 2",
		"explain 4409 --yes",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		if (is_good(lines[i]))
			fail_msg("taken: %s", lines[i]);
	}
}

static void values_are_where_they_belong(void **state)
{
	char line[] = "push --run /x --user 2 --event news --data 1 --id m --json --wait acked "
		      "--timeout 7s --ttl 1h";
	struct ctl_args args;
	struct buf complaint;

	(void)state;
	buf_init(&complaint, 1024);
	assert_true(read_line(line, &args, &complaint));
	assert_string_equal(args.command, "push");
	assert_string_equal(args.run, "/x");
	assert_string_equal(args.user, "2");
	assert_string_equal(args.event, "news");
	assert_string_equal(args.data, "1");
	assert_string_equal(args.mid, "m");
	assert_true(args.json);
	assert_false(args.all);
	assert_int_equal(args.wait, PB__CTL_WAIT__CTL_WAIT_ACKED);
	assert_int_equal(args.timeout_ms, 7000);
	assert_int_equal(args.ttl_ms, 3600000);
	buf_fini(&complaint);
}

static void a_bare_word_is_met_with_advice(void **state)
{
	struct buf complaint;

	(void)state;
	buf_init(&complaint, 1024);
	assert_false(args_data_is_json(SLICE_LITERAL("hello"), &complaint));
	assert_non_null(memmem(complaint.data, complaint.len, "'\"hello\"'", 9));
	assert_false(args_data_is_json(SLICE_LITERAL("{\"a\":"), &complaint));
	assert_false(args_data_is_json(SLICE_LITERAL(""), &complaint));
	assert_false(args_data_is_json(
		SLICE_LITERAL("[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]"), &complaint));
	assert_non_null(memmem(complaint.data, complaint.len, "deep", 4));
	assert_true(args_data_is_json(SLICE_LITERAL("\"hello\""), &complaint));
	assert_true(args_data_is_json(SLICE_LITERAL("null"), &complaint));
	assert_true(args_data_is_json(SLICE_LITERAL("{\"a\":[1,2.5,true]}"), &complaint));
	buf_fini(&complaint);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(right_lines_are_taken),
		cmocka_unit_test(wrong_lines_are_refused),
		cmocka_unit_test(values_are_where_they_belong),
		cmocka_unit_test(a_bare_word_is_met_with_advice),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
