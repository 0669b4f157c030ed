/* log: one line per event, in both forms, whatever is in it and whoever reads it. */
#include <errno.h>
#include <fcntl.h>
#include <regex.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/json.h"
#include "common/log.h"
#include "tests/unit/capture.h"
#include "tests/unit/test.h"

#define TIME_ "[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\\.[0-9]{3}Z"

static void assert_matches(const char *text, const char *pattern)
{
	regex_t regex;

	assert_int_equal(regcomp(&regex, pattern, REG_EXTENDED | REG_NOSUB), 0);
	if (regexec(&regex, text, 0, NULL, 0) != 0)
		fail_msg("%s is not %s", text, pattern);
	regfree(&regex);
}

static json_t *parse_line(const char *line)
{
	json_t *value = NULL;

	if (json_read(slice_of(line), 2, &value) != JSON_READ)
		fail_msg("no JSON: %s", line);
	return value;
}

static void a_line_has_time_level_process_event_and_pairs(void **state)
{
	struct capture c = capture_begin(STDERR_FILENO);

	(void)state;
	log_open("edge", LOG_INFO, false);
	log_info("listening", "address=%s:%d", "127.0.0.1", 8080);
	log_error("broken", "");
	assert_matches(capture_end(&c),
		"^" TIME_ " info edge listening address=127\\.0\\.0\\.1:8080\n" TIME_
		" error edge broken\n$");
}

static void lines_below_the_level_are_left_out(void **state)
{
	struct capture c = capture_begin(STDERR_FILENO);
	const char *text;

	(void)state;
	for (int level = LOG_ERROR; level <= LOG_DEBUG; level++) {
		log_open("edge", (enum log_level)level, false);
		log_error("e0", "at=%d", level);
		log_warn("e1", "at=%d", level);
		log_info("e2", "at=%d", level);
		log_debug("e3", "at=%d", level);
	}
	text = capture_end(&c);
	for (int level = LOG_ERROR; level <= LOG_DEBUG; level++) {
		for (int event = 0; event < 4; event++) {
			char line[32];

			snprintf(line, sizeof(line), "e%d at=%d\n", event, level);
			assert_int_equal(strstr(text, line) != NULL, event <= level);
		}
	}
}

static void pairs_become_members(void **state)
{
	static const struct {
		const char *text;
		const char *members;
	} table[] = {
		{"", "{}"},
		{"a=1", "{\"a\":\"1\"}"},
		{"a=1 b_2=x=y c=", "{\"a\":\"1\",\"b_2\":\"x=y\",\"c\":\"\"}"},
		{"a=\"x y\" b=\"\" c=2", "{\"a\":\"x y\",\"b\":\"\",\"c\":\"2\"}"},
		{"error=No such file b=1", "{\"error\":\"No such file\",\"b\":\"1\"}"},
		{"just words", "{\"text\":\"just words\"}"},
		{"words a=1", "{\"text\":\"words\",\"a\":\"1\"}"},
		{"a=\"x\\x22y\\\"", "{\"a\":\"x\\\\x22y\\\\\"}"},
		{"event=chat time=1", "{\"event_\":\"chat\",\"time_\":\"1\"}"},
		{"a=\"open", "{\"a\":\"open\"}"},
		{"a=\"b\"c", "{\"a\":\"b\",\"text\":\"c\"}"},
		{"  a=1   b=2  ", "{\"a\":\"1\",\"b\":\"2\"}"},
		{"A=1", "{\"text\":\"A=1\"}"},
		{"a=q\"q", "{\"a\":\"q\\\"q\"}"},
	};

	(void)state;
	log_open("auth", LOG_INFO, true);
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		struct capture c = capture_begin(STDERR_FILENO);
		CLEANUP(json_decrefp) json_t *expected = NULL;
		CLEANUP(json_decrefp) json_t *line = NULL;

		log_warn("some_event", "%s", table[i].text);
		line = parse_line(capture_end(&c));
		assert_true(slice_is(json_text(line, "level"), "warn"));
		assert_true(slice_is(json_text(line, "process"), "auth"));
		assert_true(slice_is(json_text(line, "event"), "some_event"));
		assert_matches(json_string_value(json_object_get(line, "time")), "^" TIME_ "$");
		json_object_del(line, "level");
		json_object_del(line, "process");
		json_object_del(line, "event");
		json_object_del(line, "time");
		expected = parse_line(table[i].members);
		if (!json_equal(line, expected))
			fail_msg("%s: %s", table[i].text, json_dumps(line, 0));
	}
}

static void control_characters_never_reach_the_reader(void **state)
{
	(void)state;
	for (int json = 0; json < 2; json++) {
		char raw[256];
		struct capture c;
		const char *text;
		size_t len;

		for (int i = 0; i < 255; i++)
			raw[i] = (char)(i + 1);
		raw[255] = '\0';
		c = capture_begin(STDERR_FILENO);
		log_open("edge", LOG_INFO, json != 0);
		log_info("x", "a=%s", raw);
		text = capture_end(&c);
		len = strlen(text);
		assert_int_equal(text[len - 1], '\n');
		for (size_t i = 0; i < len - 1; i++)
			assert_true(text[i] >= ' ' && text[i] < 0x7f);
		if (json != 0)
			json_decref(parse_line(text));
	}
}

static void a_line_is_at_most_4096_bytes(void **state)
{
	static char big[20000];

	(void)state;
	for (int fill = 0; fill < 4; fill++) {
		static const char *const fills[] = {"x", "\"", "a= ", "a=\"\""};

		for (size_t i = 0; i + 5 < sizeof(big); i += strlen(fills[fill]))
			strcpy(big + i, fills[fill]);
		for (int json = 0; json < 2; json++) {
			struct capture c = capture_begin(STDERR_FILENO);
			const char *text;
			size_t len;

			log_open("edge", LOG_INFO, json != 0);
			log_info("x", "k=1 %s", big);
			text = capture_end(&c);
			len = strlen(text);
			assert_true(len > 1000 / (json != 0 && fill > 0 ? 100 : 1) && len <= 4096);
			assert_int_equal(text[len - 1], '\n');
			assert_ptr_equal(strchr(text, '\n'), text + len - 1);
			/* duplicates of one of our own formats are all that is wrong with these */
			if (json != 0 && fill < 2)
				json_decref(parse_line(text));
		}
	}
}

static void a_reader_that_is_gone_or_slow_costs_lines_only(void **state)
{
	int saved = dup(STDERR_FILENO);
	int fds[2];
	char text[65536 * 2];
	ssize_t n;
	char *told;
	long dropped;

	(void)state;
	log_open("edge", LOG_INFO, false);
	assert_int_equal(pipe(fds), 0);
	dup2(fds[1], STDERR_FILENO);
	/* blocking descriptor, nobody reads: this returns all the same */
	for (int i = 0; i < 10000; i++)
		log_info("fill", "i=%d", i);
	n = read(fds[0], text, sizeof(text) - 1);
	log_info("after", "x=1");
	dup2(saved, STDERR_FILENO);
	assert_true(n > 0);
	text[n] = '\0';
	/* 10,000 = what was written and what is told to be missing */
	long written = 0;
	for (ssize_t i = 0; i < n; i++)
		written += text[i] == '\n';
	assert_int_equal(text[n - 1], '\n');
	n = read(fds[0], text, sizeof(text) - 1);
	assert_true(n > 0);
	text[n] = '\0';
	told = strstr(text, "warn edge log_dropped lines=");
	assert_non_null(told);
	dropped = strtol(strchr(told, '=') + 1, NULL, 10);
	assert_int_equal(dropped + written, 10000);
	assert_non_null(strstr(text, "info edge after x=1\n"));

	/* no reader at all: no SIGPIPE, no error */
	dup2(fds[1], STDERR_FILENO);
	close(fds[0]);
	log_info("nobody", "x=1");
	dup2(saved, STDERR_FILENO);
	close(fds[1]);
	/* not even a descriptor */
	close(STDERR_FILENO);
	log_info("nowhere", "x=1");
	dup2(saved, STDERR_FILENO);
	close(saved);
}

static void at_most_ten_lines_a_second_pass_and_the_rest_is_counted(void **state)
{
	struct log_limit limit = {0};
	struct capture c;
	unsigned passed = 0;

	(void)state;
	log_open("edge", LOG_INFO, false);
	/* a second may end while this runs; then it is taken again */
	do {
		limit = (struct log_limit){0};
		passed = 0;
		log_limit_pass(&limit);
		long long second = limit.second;

		for (int i = 0; i < 24; i++)
			passed += log_limit_pass(&limit);
		if (limit.second == second)
			break;
	} while (true);
	assert_int_equal(passed, 9);
	assert_int_equal(limit.left_out, 15);
	limit.second--; /* as if the next one had come */
	c = capture_begin(STDERR_FILENO);
	assert_true(log_limit_pass(&limit));
	assert_int_equal(limit.left_out, 0);
	log_info("bad", "a=1");
	log_info("bad", "a=2");
	assert_matches(capture_end(&c), "bad left_out=15 a=1\n.* bad a=2\n$");
}

static void limited_lines_are_limited_by_place(void **state)
{
	struct capture c = capture_begin(STDERR_FILENO);
	const char *text;
	int lines = 0;

	(void)state;
	log_open("edge", LOG_WARN, false);
	for (int i = 0; i < 1000; i++) {
		LOG_LIMITED(LOG_WARN, "first", "i=%d", i);
		LOG_LIMITED(LOG_WARN, "second", "i=%d", i);
		LOG_LIMITED(LOG_INFO, "never", "i=%d", i);
	}
	text = capture_end(&c);
	assert_null(strstr(text, "never"));
	assert_non_null(strstr(text, "first i=9\n"));
	assert_non_null(strstr(text, "second i=9\n"));
	for (const char *p = text; *p != '\0'; p++)
		lines += *p == '\n';
	/* two places, ten a second; the loop ends within two seconds */
	assert_true(lines >= 20 && lines <= 60);
}

static void quoting_is_one_word_that_can_be_read_back(void **state)
{
	static const struct {
		const char *in;
		size_t len;
		const char *out;
	} table[] = {
		{"plain-1.2:3/@x", sizeof("plain-1.2:3/@x") - 1, "plain-1.2:3/@x"},
		{"", sizeof("") - 1, "\"\""},
		{"a b", sizeof("a b") - 1, "\"a b\""},
		{"a=b", sizeof("a=b") - 1, "\"a=b\""},
		{"a\"b", sizeof("a\"b") - 1, "\"a\\x22b\""},
		{"a\\b", sizeof("a\\b") - 1, "\"a\\x5cb\""},
		{"a\nb", sizeof("a\nb") - 1, "\"a\\x0ab\""},
		{"a\0b", sizeof("a\0b") - 1, "\"a\\x00b\""},
		{"\x1b[0m", sizeof("\x1b[0m") - 1, "\"\\x1b[0m\""},
		{"\xc3\xbc", sizeof("\xc3\xbc") - 1, "\"\\xc3\\xbc\""},
		{"\x7f", sizeof("\x7f") - 1, "\"\\x7f\""},
	};
	char buf[64];

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
		assert_string_equal(
			log_quote(buf, sizeof(buf), (struct slice){table[i].in, table[i].len}),
			table[i].out);
}

static void quoting_is_cut_to_every_size(void **state)
{
	const struct slice in = SLICE_LITERAL("ab \n\xff\"cdef gh");

	(void)state;
	for (size_t size = 1; size < 64; size++) {
		char *buf = malloc(size);

		assert_non_null(buf);
		assert_ptr_equal(log_quote(buf, size, in), buf);
		assert_true(strlen(buf) < size);
		if (size >= 3) {
			assert_int_equal(buf[0], '"');
			assert_int_equal(buf[strlen(buf) - 1], '"');
		}
		free(buf);
	}
	assert_string_equal(log_quote(NULL, 0, in), "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_line_has_time_level_process_event_and_pairs),
		cmocka_unit_test(lines_below_the_level_are_left_out),
		cmocka_unit_test(pairs_become_members),
		cmocka_unit_test(control_characters_never_reach_the_reader),
		cmocka_unit_test(a_line_is_at_most_4096_bytes),
		cmocka_unit_test(a_reader_that_is_gone_or_slow_costs_lines_only),
		cmocka_unit_test(at_most_ten_lines_a_second_pass_and_the_rest_is_counted),
		cmocka_unit_test(limited_lines_are_limited_by_place),
		cmocka_unit_test(quoting_is_one_word_that_can_be_read_back),
		cmocka_unit_test(quoting_is_cut_to_every_size),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
