/* config: three sources, one meaning, and a clear line for each mistake. */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/config.h"
#include "tests/unit/capture.h"
#include "tests/unit/test.h"

struct values {
	char *listen;
	char *proxy;
	int64_t max_connections;
	int64_t offset;
	bool demo;
	bool strict;
	int64_t interval_ms;
};

static const struct setting settings[] = {
	{"listen", SETTING_TEXT, offsetof(struct values, listen), .text = "127.0.0.1:8080",
		.help = "address and port"},
	{"listen-proxy", SETTING_TEXT, offsetof(struct values, proxy), .help = "another address"},
	{"max-connections", SETTING_INT, offsetof(struct values, max_connections), .number = 10000,
		.min = 1, .max = 1000000, .help = "how many"},
	{"offset", SETTING_INT, offsetof(struct values, offset), .number = -5, .min = -10,
		.max = 10, .help = "may be negative"},
	{"demo", SETTING_BOOL, offsetof(struct values, demo), .help = "demo users"},
	{"strict", SETTING_BOOL, offsetof(struct values, strict), .number = 1, .help = "be strict"},
	{"interval", SETTING_DURATION, offsetof(struct values, interval_ms), .number = 25000,
		.min = 1000, .max = 3600000, .help = "between heartbeats"},
	{0},
};

static const struct config_spec spec = {
	.program = "postern-test",
	.env_prefix = "POSTERN_TEST",
	.summary = "Tests.",
	.epilog = "Example: none",
	.settings = settings,
};

enum { MAX_ARGS = 16 };

/* args: separated by blanks; what the run printed on stderr goes to *out_text. */
static enum config_result load(const char *args, struct values *out, const char **out_text)
{
	static char copy[1024];
	char *argv[MAX_ARGS + 2] = {NULL};
	enum config_result result;
	struct capture c;
	char *rest = NULL;
	int argc = 1;

	memset(out, 0, sizeof(*out));
	snprintf(copy, sizeof(copy), "program %s", args);
	argv[0] = strtok_r(copy, " ", &rest);
	while (argc <= MAX_ARGS && (argv[argc] = strtok_r(NULL, " ", &rest)) != NULL)
		argc++;
	c = capture_begin(STDERR_FILENO);
	result = config_load(&spec, argc, argv, out);
	*out_text = capture_end(&c);
	return result;
}

/* One clear line that begins with the program and holds what is named. */
static void assert_one_line(const char *text, const char *names)
{
	const char *end = strchr(text, '\n');

	if (end == NULL || end[1] != '\0' || strncmp(text, "postern-test: ", 14) != 0 ||
		strstr(text, names) == NULL)
		fail_msg("\"%s\" should name %s", text, names);
}

static void assert_loads(const char *args, struct values *out)
{
	const char *text;

	if (load(args, out, &text) != CONFIG_OK || text[0] != '\0')
		fail_msg("%s: %s", args, text);
}

static char file_path[64];

static void write_file(const char *text)
{
	FILE *f = fopen(file_path, "w");

	assert_non_null(f);
	fputs(text, f);
	fclose(f);
}

static int set_up(void **state)
{
	int fd;

	(void)state;
	strcpy(file_path, "/tmp/postern-config-XXXXXX");
	fd = mkstemp(file_path);
	if (fd < 0)
		return -1;
	return close(fd);
}

static int tear_down(void **state)
{
	(void)state;
	return unlink(file_path);
}

static void without_anything_there_are_the_defaults(void **state)
{
	struct values v;

	(void)state;
	assert_loads("", &v);
	assert_string_equal(v.listen, "127.0.0.1:8080");
	assert_null(v.proxy);
	assert_int_equal(v.max_connections, 10000);
	assert_int_equal(v.offset, -5);
	assert_false(v.demo);
	assert_true(v.strict);
	assert_int_equal(v.interval_ms, 25000);
	config_free(&spec, &v);
	assert_null(v.listen);
}

static void flags_are_taken_in_every_form(void **state)
{
	struct values v;

	(void)state;
	assert_loads("--listen :1 --listen-proxy=a=b --max-connections=7 --offset -3 --demo "
		     "--no-strict",
		&v);
	assert_string_equal(v.listen, ":1");
	assert_string_equal(v.proxy, "a=b");
	assert_int_equal(v.max_connections, 7);
	assert_int_equal(v.offset, -3);
	assert_true(v.demo);
	assert_false(v.strict);
	config_free(&spec, &v);
	assert_loads("--demo=yes --strict=OFF --interval 2min --listen= --listen-proxy=--x", &v);
	assert_true(v.demo);
	assert_false(v.strict);
	assert_int_equal(v.interval_ms, 120000);
	assert_string_equal(v.listen, "");
	assert_string_equal(v.proxy, "--x");
	config_free(&spec, &v);
	/* the last one wins, so a script can append to what it was given */
	assert_loads("--demo --no-demo --listen a --listen b", &v);
	assert_false(v.demo);
	assert_string_equal(v.listen, "b");
	config_free(&spec, &v);
}

static void a_flag_beats_the_environment_and_that_the_file(void **state)
{
	(void)state;
	for (int from = 0; from < 8; from++) {
		struct values v;
		char args[128];
		int64_t expected = 10000;

		write_file(from & 1 ? "max-connections = 1\n" : "# nothing\n");
		expected = from & 1 ? 1 : expected;
		if (from & 2)
			setenv("POSTERN_TEST_MAX_CONNECTIONS", "2", 1);
		expected = from & 2 ? 2 : expected;
		snprintf(args, sizeof(args), "%s --config %s",
			from & 4 ? "--max-connections 3" : "", file_path);
		expected = from & 4 ? 3 : expected;
		assert_loads(args, &v);
		assert_int_equal(v.max_connections, expected);
		config_free(&spec, &v);
		unsetenv("POSTERN_TEST_MAX_CONNECTIONS");
	}
}

static void a_file_has_lines_comments_and_blanks(void **state)
{
	struct values v;
	char args[128];

	(void)state;
	write_file("# a comment\n\n  listen  =  [::1]:80  # where\r\n"
		   "demo=on\n\tinterval = 3s\n  # more = less\n"
		   "listen-proxy = a#b = c\nstrict = no");
	snprintf(args, sizeof(args), "--config=%s", file_path);
	assert_loads(args, &v);
	assert_string_equal(v.listen, "[::1]:80");
	assert_string_equal(v.proxy, "a#b = c");
	assert_true(v.demo);
	assert_false(v.strict);
	assert_int_equal(v.interval_ms, 3000);
	config_free(&spec, &v);
}

static void the_environment_may_name_the_file(void **state)
{
	struct values v;

	(void)state;
	write_file("listen = from-file\n");
	setenv("POSTERN_TEST_CONFIG", file_path, 1);
	assert_loads("", &v);
	unsetenv("POSTERN_TEST_CONFIG");
	assert_string_equal(v.listen, "from-file");
	config_free(&spec, &v);
}

static void a_wrong_command_line_is_a_usage_error(void **state)
{
	static const struct {
		const char *args;
		const char *names;
	} table[] = {
		{"--nothing", "--nothing"},
		{"--nothing=1", "--nothing"},
		{"--no-listen", "--no-listen"},
		{"--no-nothing", "--no-nothing"},
		{"--no-demo=on", "--no-demo"},
		{"--lis x", "--lis"},
		{"--LISTEN x", "--LISTEN"},
		{"-l", "-l"},
		{"--", "--"},
		{"word", "word"},
		{"--demo on", "on"},
		{"--listen", "--listen needs a value"},
		{"--listen --demo", "--listen needs a value"},
		{"--config", "--config needs a value"},
		{"--max-connections", "1 to 1000000"},
		{"--max-connections 0", "--max-connections: 0 is not allowed"},
		{"--max-connections 1000001", "1 to 1000000"},
		{"--max-connections -1", "1 to 1000000"},
		{"--max-connections +1", "a whole number"},
		{"--max-connections 1k", "1k"},
		{"--max-connections 0x10", "0x10"},
		{"--max-connections 1.0", "1.0"},
		{"--max-connections=", "--max-connections"},
		{"--max-connections 99999999999999999999", "--max-connections"},
		{"--offset -11", "-10 to 10"},
		{"--demo=maybe", "on or off"},
		{"--demo=", "on or off"},
		{"--interval 25", "500ms, 3s, 15min, 1h or 2d"},
		{"--interval 25x", "--interval"},
		{"--interval 999ms", "1s to 1h"},
		{"--interval 2h", "1s to 1h"},
		{"--interval -1s", "--interval"},
		{"--interval 1.5s", "--interval"},
		{"--interval s", "--interval"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		struct values v;
		const char *text;

		if (load(table[i].args, &v, &text) != CONFIG_USAGE)
			fail_msg("%s", table[i].args);
		assert_one_line(text, table[i].names);
		config_free(&spec, &v);
	}
}

static void a_wrong_file_is_unsafe(void **state)
{
	static const struct {
		const char *text;
		const char *names;
	} table[] = {
		{"nothing = 1\n", ":1: nothing is not a setting"},
		{"config = x\n", ":1: config"},
		{"Listen = x\n", "Listen"},
		{"--listen = x\n", "--listen"},
		{" = x\n", "is not a setting"},
		{"\n\nlisten\n", ":3: not a line of the form name = value"},
		{"demo\n", "name = value"},
		{"demo = perhaps\n", "on or off"},
		{"max-connections = 0\n", "max-connections: 0 is not allowed"},
		{"max-connections =\n", "max-connections"},
		{"listen = a\n#\nlisten = a\n", ":3: listen is there twice"},
		{"a\x1b[31m = 1\n", "\\x1b"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		struct values v;
		const char *text;
		char args[128];

		write_file(table[i].text);
		/* also where a flag would win */
		snprintf(args, sizeof(args), "--config %s --listen x --max-connections 5",
			file_path);
		if (load(args, &v, &text) != CONFIG_UNSAFE)
			fail_msg("%s", table[i].text);
		assert_one_line(text, table[i].names);
		config_free(&spec, &v);
	}
}

static void a_file_that_cannot_be_read_is_unsafe(void **state)
{
	struct values v;
	const char *text;
	char args[128];
	FILE *f;

	(void)state;
	assert_int_equal(load("--config /nonexistent/file", &v, &text), CONFIG_UNSAFE);
	assert_one_line(text, "/nonexistent/file: No such file or directory");
	config_free(&spec, &v);
	assert_int_equal(load("--config /tmp", &v, &text), CONFIG_UNSAFE);
	assert_one_line(text, "--config /tmp");
	config_free(&spec, &v);
	snprintf(args, sizeof(args), "--config %s", file_path);
	f = fopen(file_path, "w");
	assert_non_null(f);
	assert_int_equal(fwrite("demo=on\0\n", 1, 9, f), 9);
	fclose(f);
	assert_int_equal(load(args, &v, &text), CONFIG_UNSAFE);
	assert_one_line(text, "NUL");
	config_free(&spec, &v);
	f = fopen(file_path, "w");
	assert_non_null(f);
	for (int i = 0; i < 65537; i++)
		fputc('#', f);
	fclose(f);
	assert_int_equal(load(args, &v, &text), CONFIG_UNSAFE);
	assert_one_line(text, "65536");
	config_free(&spec, &v);
}

static void a_files_name_moves_no_cursor(void **state)
{
	struct values v;
	const char *text;

	(void)state;
	assert_int_equal(load("--config /none\x1b[31m\n", &v, &text), CONFIG_UNSAFE);
	assert_one_line(text, "--config \"/none\\x1b[31m\\x0a\": No such file");
	config_free(&spec, &v);
}

static void a_wrong_environment_is_unsafe(void **state)
{
	static const struct {
		const char *name;
		const char *value;
		bool good;
	} table[] = {
		{"POSTERN_TEST_LISTEN", "x", true},
		{"POSTERN_TEST_DEMO", "1", true},
		{"POSTERN_TESTS", "x", true},
		{"POSTERN_TES_LISTEN", "x", true},
		{"POSTERN_TEST_NOTHING", "x", false},
		{"POSTERN_TEST_", "x", false},
		{"POSTERN_TEST_listen", "x", false},
		{"POSTERN_TEST_LISTEN-PROXY", "x", false},
		{"POSTERN_TEST_CHECK_CONFIG", "x", false},
		{"POSTERN_TEST_DEMO", "", false},
		{"POSTERN_TEST_MAX_CONNECTIONS", "-1", false},
		{"POSTERN_TEST_INTERVAL", "25", false},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		struct values v;
		const char *text;
		enum config_result result;

		setenv(table[i].name, table[i].value, 1);
		result = load("--max-connections 5", &v, &text);
		unsetenv(table[i].name);
		if (result != (table[i].good ? CONFIG_OK : CONFIG_UNSAFE))
			fail_msg("%s: %s", table[i].name, text);
		if (!table[i].good)
			assert_one_line(text, table[i].name);
		config_free(&spec, &v);
	}
}

static void help_names_every_setting(void **state)
{
	struct values v;
	const char *text;
	struct capture c = capture_begin(STDOUT_FILENO);

	(void)state;
	assert_int_equal(load("--demo --help --nothing", &v, &text), CONFIG_DONE);
	assert_string_equal(text, "");
	text = capture_end(&c);
	assert_non_null(strstr(text, "Usage: postern-test [--SETTING VALUE]..."));
	assert_non_null(strstr(text, "Tests."));
	assert_non_null(strstr(text, "--listen TEXT\n        address and port\n        default "
				     "127.0.0.1:8080; POSTERN_TEST_LISTEN\n"));
	assert_non_null(strstr(text, "--listen-proxy TEXT\n        another address\n        "
				     "POSTERN_TEST_LISTEN_PROXY\n"));
	assert_non_null(strstr(text, "--max-connections NUMBER\n        how many\n        default "
				     "10000, 1 to 1000000; POSTERN_TEST_MAX_CONNECTIONS\n"));
	assert_non_null(strstr(text, "default -5, -10 to 10; POSTERN_TEST_OFFSET\n"));
	assert_non_null(strstr(text, "--demo\n        demo users\n        default off; "));
	assert_non_null(strstr(text, "default on; POSTERN_TEST_STRICT"));
	assert_non_null(strstr(text, "--interval TIME\n        between heartbeats\n        default "
				     "25s, 1s to 1h; POSTERN_TEST_INTERVAL\n"));
	assert_non_null(strstr(text, "--config FILE"));
	assert_non_null(strstr(text, "POSTERN_TEST_CONFIG"));
	assert_non_null(strstr(text, "Example: none"));
	config_free(&spec, &v);
}

static void version_is_printed(void **state)
{
	struct values v;
	const char *text;
	struct capture c = capture_begin(STDOUT_FILENO);

	(void)state;
	assert_int_equal(load("--version", &v, &text), CONFIG_DONE);
	assert_string_equal(capture_end(&c), "postern-test " POSTERN_VERSION "\n");
	config_free(&spec, &v);
}

static void check_config_loads_and_says_so(void **state)
{
	struct values v;
	const char *text;

	(void)state;
	assert_int_equal(load("--check-config --listen x", &v, &text), CONFIG_CHECK);
	assert_string_equal(v.listen, "x");
	config_free(&spec, &v);
	assert_int_equal(load("--check-config --max-connections 0", &v, &text), CONFIG_USAGE);
	config_free(&spec, &v);
}

static void directories_come_from_the_environment(void **state)
{
	(void)state;
	unsetenv("POSTERN_RUN");
	unsetenv("POSTERN_STATE");
	assert_string_equal(config_run_dir(), "/run/postern");
	assert_string_equal(config_state_dir(), "/var/lib/postern");
	setenv("POSTERN_RUN", "/tmp/r", 1);
	setenv("POSTERN_STATE", "/tmp/s", 1);
	assert_string_equal(config_run_dir(), "/tmp/r");
	assert_string_equal(config_state_dir(), "/tmp/s");
	setenv("POSTERN_RUN", "", 1);
	assert_string_equal(config_run_dir(), "/run/postern");
	unsetenv("POSTERN_RUN");
	unsetenv("POSTERN_STATE");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(without_anything_there_are_the_defaults),
		cmocka_unit_test(flags_are_taken_in_every_form),
		cmocka_unit_test(a_flag_beats_the_environment_and_that_the_file),
		cmocka_unit_test(a_file_has_lines_comments_and_blanks),
		cmocka_unit_test(the_environment_may_name_the_file),
		cmocka_unit_test(a_wrong_command_line_is_a_usage_error),
		cmocka_unit_test(a_wrong_file_is_unsafe),
		cmocka_unit_test(a_file_that_cannot_be_read_is_unsafe),
		cmocka_unit_test(a_files_name_moves_no_cursor),
		cmocka_unit_test(a_wrong_environment_is_unsafe),
		cmocka_unit_test(help_names_every_setting),
		cmocka_unit_test(version_is_printed),
		cmocka_unit_test(check_config_loads_and_says_so),
		cmocka_unit_test(directories_come_from_the_environment),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
