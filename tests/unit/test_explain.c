/* explain: every code has a text, and docs/PROTOCOL.md says the same of it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/json.h"
#include "proto/codes.h"
#include "router/ctl/explain.h"
#include "tests/unit/test.h"

#define NUMBER_(number, symbol, text, retry) number,

static const unsigned exceptions[] = {EXCEPTION_CODES(NUMBER_)};
static const unsigned closes[] = {CLOSE_CODES(NUMBER_)};

#define COUNT(list) (sizeof(list) / sizeof((list)[0]))

static void check_text(unsigned code)
{
	char word[12];
	const struct explanation *e;

	(void)snprintf(word, sizeof(word), "%u", code);
	e = explain_find(word);
	if (e == NULL)
		fail_msg("%u has no text", code);
	assert_int_equal(e->code, code);
	assert_non_null(explain_find(code_info(code)->name));
	assert_true(strlen(e->what) > 10 && strlen(e->client) > 4 && strlen(e->look) > 10);
}

static void every_code_has_a_text_and_nothing_else_has(void **state)
{
	size_t n = 0;

	(void)state;
	for (size_t i = 0; i < COUNT(exceptions); i++)
		check_text(exceptions[i]);
	for (size_t i = 0; i < COUNT(closes); i++)
		check_text(closes[i]);
	for (unsigned before = 0; explain_at(n) != NULL; n++) {
		assert_true(explain_at(n)->code > before);
		before = explain_at(n)->code;
	}
	assert_int_equal(n, COUNT(exceptions) + COUNT(closes));
	assert_null(explain_find("4999"));
	assert_null(explain_find("0"));
	assert_null(explain_find(""));
}

static char *read_file(const char *path)
{
	FILE *f = fopen(path, "r");
	char *text = calloc(1, 1 << 20);

	assert_non_null(f);
	assert_non_null(text);
	assert_true(fread(text, 1, (1 << 20) - 1, f) > 1000);
	fclose(f);
	return text;
}

/* What the range of a close code tells who does not know it. */
static const char *range_retry(unsigned code)
{
	static const char *const retries[] = {"no", "after", "after", "", "reauth"};

	return retries[(code - 4000) / 100];
}

static void the_protocol_says_the_same(void **state)
{
	char *text = read_file(PROTOCOL_MD);
	char row[128];

	(void)state;
	for (size_t i = 0; i < COUNT(exceptions); i++) {
		const struct code_info *info = code_info(exceptions[i]);

		(void)snprintf(row, sizeof(row), "\n| %u | %s | %s |\n", info->code, info->name,
			info->retry);
		if (strstr(text, row) == NULL)
			fail_msg("docs/PROTOCOL.md has not: %s", row);
	}
	for (size_t i = 0; i < COUNT(closes); i++) {
		const struct code_info *info = code_info(closes[i]);

		(void)snprintf(row, sizeof(row), "\n| %u | %s |\n", info->code, info->name);
		if (strstr(text, row) == NULL)
			fail_msg("docs/PROTOCOL.md has not: %s", row);
		/* 4230 alone asks for more than its range */
		if (info->code != CLOSE_TOKEN_EXPIRED)
			assert_string_equal(info->retry, range_retry(info->code));
	}
	free(text);
}

static void it_prints_lines_or_one_object(void **state)
{
	struct buf out;
	json_t *value = NULL;

	(void)state;
	buf_init(&out, 65536);
	explain_print(&out, explain_find("4409"), false);
	buf_add(&out, (struct slice){"", 1});
	assert_non_null(strstr(out.data, "4409 replaced (close code, retry: reauth)\n  what     "));
	buf_clear(&out);
	for (size_t i = 0; explain_at(i) != NULL; i++) {
		buf_clear(&out);
		explain_print(&out, explain_at(i), true);
		assert_int_equal(json_read(buf_slice(&out), 4, &value), JSON_READ);
		assert_int_equal(
			json_integer_value(json_object_get(value, "code")), explain_at(i)->code);
		assert_int_equal(json_object_size(value), 7);
		json_decref(value);
	}
	buf_fini(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_code_has_a_text_and_nothing_else_has),
		cmocka_unit_test(the_protocol_says_the_same),
		cmocka_unit_test(it_prints_lines_or_one_object),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
