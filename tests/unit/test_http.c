/* The door's answers, byte by byte where a client depends on them. */
#include <stdio.h>
#include <string.h>

#include "edge/http.h"
#include "edge/refusal.h"
#include "proto/codes.h"
#include "proto/limits.h"
#include "tests/unit/test.h"

static struct buf out;
static const struct cors nobody;
static const struct cors somebody = {{"https://app.example", 19}, false};
static const struct cors with_cookies = {{"https://app.example", 19}, true};

static const char *text(void)
{
	static char copy[32768];

	assert_false(out.failed);
	assert_true(out.len < sizeof(copy));
	memcpy(copy, out.data, out.len);
	copy[out.len] = '\0';
	return copy;
}

static int start(void **state)
{
	(void)state;
	buf_init(&out, 16384);
	return 0;
}

static int stop(void **state)
{
	(void)state;
	buf_fini(&out);
	return 0;
}

/* The body of what was written; its length must be what the head says. */
static const char *body_of(const char *answer)
{
	const char *body = strstr(answer, "\r\n\r\n");
	char field[64];

	assert_non_null(body);
	body += 4;
	snprintf(field, sizeof(field), "\r\nContent-Length: %zu\r\n", strlen(body));
	assert_non_null(strstr(answer, field));
	return body;
}

static void every_refusal_is_json_with_a_length_that_nobody_keeps(void **state)
{
	(void)state;
	for (int r = 0; r < N_REFUSALS; r++) {
		struct refusal_detail d = {.refusal = (enum refusal)r, .after_ms = 1500};
		const struct refusal_info *info = refusal_info(d.refusal);
		const char *answer;
		json_t *json;
		char line[128];

		buf_clear(&out);
		refusal_write(&out, &d);
		answer = text();
		snprintf(line, sizeof(line), "HTTP/1.1 %u %s\r\n", info->status, info->reason);
		assert_memory_equal(answer, line, strlen(line));
		assert_non_null(strstr(answer, "\r\nCache-Control: no-store\r\n"));
		assert_non_null(strstr(answer, "\r\nConnection: close\r\n"));
		assert_int_equal(json_read(slice_of(body_of(answer)), 4, &json), JSON_READ);
		assert_int_equal(json_integer_value(json_object_get(json, "code")), info->code);
		assert_true(slice_is(json_text(json, "name"), code_info(info->code)->name));
		assert_true(slice_is(json_text(json, "retry"), code_info(info->code)->retry));
		assert_int_equal(json_integer_value(json_object_get(json, "after_ms")),
			refusal_is_temporary(d.refusal) ? 1500 : 0);
		assert_int_equal(json_object_size(json), r == REFUSAL_KEY ? 6 : 5);
		json_decref(json);
		assert_int_equal(strstr(answer, "\r\nRetry-After: 2\r\n") != NULL,
			refusal_is_temporary(d.refusal));
		assert_int_equal(strstr(answer, "\r\nWWW-Authenticate: Bearer\r\n") != NULL,
			info->status == 401);
		assert_null(strstr(answer, "Access-Control"));
	}
}

static void statuses_have_the_codes_that_are_documented(void **state)
{
	(void)state;
	for (int r = 0; r < N_REFUSALS; r++) {
		const struct refusal_info *info = refusal_info((enum refusal)r);
		unsigned code = info->code;

		switch (info->status) {
		case 401:
			assert_int_equal(code, 4401);
			break;
		case 403:
			assert_true(code == 4003 || code == 4004);
			break;
		case 429:
			assert_int_equal(code, 4129);
			break;
		case 503:
			assert_true(code == 4100 || code == 4131 || code == 4200 || code == 4202);
			break;
		default:
			assert_int_equal(code, r == REFUSAL_KEY ? 1004 : 4001);
		}
	}
}

static void a_refused_method_names_those_that_are_allowed(void **state)
{
	struct refusal_detail d = {.refusal = REFUSAL_METHOD,
		.allow = "GET, OPTIONS",
		.cors = {SLICE_LITERAL("https://app.example"), false}};

	(void)state;
	buf_clear(&out);
	refusal_write(&out, &d);
	assert_non_null(strstr(text(), "\r\nAllow: GET, OPTIONS\r\n"));
	assert_non_null(strstr(text(), "\r\nAccess-Control-Allow-Origin: https://app.example\r\n"));
	assert_non_null(strstr(text(), "\r\nVary: Origin\r\n"));
}

static void what_the_router_refuses_is_403_503_or_401(void **state)
{
	(void)state;
	assert_int_equal(refusal_of_open(CLOSE_SESSION_LIMIT), REFUSAL_SESSION);
	assert_int_equal(refusal_of_open(CLOSE_FORBIDDEN), REFUSAL_SESSION);
	assert_int_equal(refusal_of_open(CLOSE_OVERLOAD), REFUSAL_ROUTER_AWAY);
	assert_int_equal(refusal_of_open(CLOSE_RETRY), REFUSAL_ROUTER_AWAY);
	assert_int_equal(refusal_of_open(CLOSE_REVOKED), REFUSAL_UNAUTHORIZED);
	assert_int_equal(refusal_of_open(CLOSE_RATE_LIMITED), REFUSAL_RATE);
	assert_int_equal(refusal_of_open(CLOSE_LOGGED_OUT), REFUSAL_UNAUTHORIZED);
	assert_int_equal(refusal_of_open(0), REFUSAL_SESSION);
}

static void ready_is_200_only_with_both(void **state)
{
	(void)state;
	for (int i = 0; i < 4; i++) {
		buf_clear(&out);
		http_write_ready(&out, i & 1, i & 2);
		assert_int_equal(strncmp(text(), "HTTP/1.1 200 ", 13) == 0, i == 3);
		assert_non_null(
			strstr(body_of(text()), i & 1 ? "\"auth\":true" : "\"auth\":false"));
		assert_non_null(
			strstr(body_of(text()), i & 2 ? "\"router\":true" : "\"router\":false"));
	}
}

static void a_preflight_is_answered_for_a_listed_origin_only(void **state)
{
	(void)state;
	buf_clear(&out);
	http_write_options(&out, "POST, OPTIONS", &nobody);
	assert_null(strstr(text(), "Access-Control"));
	assert_non_null(strstr(text(), "\r\nAllow: POST, OPTIONS\r\n"));
	buf_clear(&out);
	http_write_options(&out, "POST, OPTIONS", &somebody);
	assert_non_null(strstr(text(), "\r\nAccess-Control-Allow-Origin: https://app.example\r\n"));
	assert_non_null(strstr(text(), "\r\nAccess-Control-Allow-Methods: POST, OPTIONS\r\n"));
	assert_non_null(
		strstr(text(), "\r\nAccess-Control-Allow-Headers: authorization, content-type, "
			       "idempotency-key\r\n"));
	assert_non_null(strstr(text(), "\r\nVary: Origin\r\n"));
	assert_null(strstr(text(), "Allow-Credentials"));
	buf_clear(&out);
	http_write_options(&out, "POST, OPTIONS", &with_cookies);
	assert_non_null(strstr(text(), "\r\nAccess-Control-Allow-Credentials: true\r\n"));
}

static void a_token_answer_is_what_the_original_gave(void **state)
{
	(void)state;
	buf_clear(&out);
	http_write_token(&out, SLICE_LITERAL("a.b.c"), &nobody);
	assert_string_equal(body_of(text()), "{\"access_token\":\"a.b.c\"}");
	assert_non_null(strstr(text(), "\r\nCache-Control: no-store\r\n"));
}

static void a_ticket_answer_has_its_time(void **state)
{
	(void)state;
	buf_clear(&out);
	http_write_ticket(&out, SLICE_LITERAL("abc"), 30000, &somebody);
	assert_string_equal(body_of(text()), "{\"ticket\":\"abc\",\"expires_in_ms\":30000}");
	assert_non_null(strstr(text(), "\r\nCache-Control: no-store\r\n"));
}

static void an_exception_has_its_status(void **state)
{
	static const struct {
		unsigned code;
		const char *line;
		bool is_temporary;
	} table[] = {
		{1004, "HTTP/1.1 400 ", false},
		{1005, "HTTP/1.1 413 ", false},
		{1101, "HTTP/1.1 404 ", false},
		{1102, "HTTP/1.1 409 ", true},
		{1103, "HTTP/1.1 429 ", true},
		{1301, "HTTP/1.1 429 ", true},
		{1404, "HTTP/1.1 403 ", false},
		{1410, "HTTP/1.1 409 ", false},
		{1503, "HTTP/1.1 503 ", true},
		{1000, "HTTP/1.1 503 ", true},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		const struct refusal_exception e = {.code = table[i].code,
			.field = SLICE_LITERAL("to\"User"),
			.after_ms = 1500,
			.cors = somebody};
		const char *answer;
		json_t *json;

		buf_clear(&out);
		refusal_write_exception(&out, &e);
		answer = text();
		assert_memory_equal(answer, table[i].line, strlen(table[i].line));
		assert_int_equal(json_read(slice_of(body_of(answer)), 4, &json), JSON_READ);
		assert_int_equal(json_integer_value(json_object_get(json, "code")), table[i].code);
		assert_true(slice_is(json_text(json, "field"), "to\"User"));
		assert_int_equal(json_integer_value(json_object_get(json, "after_ms")),
			table[i].is_temporary ? 1500 : 0);
		assert_int_equal(
			strstr(answer, "\r\nRetry-After: 2\r\n") != NULL, table[i].is_temporary);
		assert_non_null(strstr(answer, "\r\nAccess-Control-Allow-Origin: "));
		json_decref(json);
	}
	/* One that this build does not know. */
	buf_clear(&out);
	refusal_write_exception(&out, &(struct refusal_exception){.code = 1999, .after_ms = 1});
	assert_memory_equal(text(), "HTTP/1.1 503 ", 13);
	assert_non_null(strstr(body_of(text()), "\"code\":1000"));
	assert_null(strstr(text(), "\"field\""));
}

static void a_page_is_kept_to_its_own_origin(void **state)
{
	const struct page page = {.body = SLICE_LITERAL("abc"),
		.content_type = "text/html; charset=utf-8",
		.etag = "\"1\""};

	(void)state;
	buf_clear(&out);
	http_write_page(&out, &page, false);
	assert_non_null(strstr(text(), "HTTP/1.1 200 OK\r\n"));
	assert_non_null(strstr(text(), "\r\nContent-Length: 3\r\n"));
	assert_non_null(strstr(text(), "\r\nETag: \"1\"\r\n"));
	assert_non_null(strstr(text(), "default-src 'none'"));
	assert_null(strstr(text(), "unsafe"));
	assert_non_null(strstr(text(), "\r\nX-Content-Type-Options: nosniff\r\n"));
	buf_clear(&out);
	http_write_page(&out, &page, true);
	assert_non_null(strstr(text(), "HTTP/1.1 304 Not Modified\r\n"));
	assert_null(strstr(text(), "Content-Length"));
}

static void a_login_is_two_strings_of_bounded_length(void **state)
{
	static const struct {
		const char *body;
		bool good;
	} table[] = {
		{"{\"username\":\"jim\",\"password\":\"123456\"}", true},
		{" {\"password\":\"p\",\"username\":\"u\",\"more\":[1]} ", true},
		{"", false},
		{"null", false},
		{"[]", false},
		{"\"username\"", false},
		{"{}", false},
		{"{\"username\":\"jim\"}", false},
		{"{\"username\":\"jim\",\"password\":1}", false},
		{"{\"username\":\"jim\",\"password\":null}", false},
		{"{\"username\":\"\",\"password\":\"x\"}", false},
		{"{\"username\":\"jim\",\"password\":\"\"}", false},
		{"{\"username\":\"jim\",\"username\":\"a\",\"password\":\"x\"}", false},
		{"{\"username\":\"jim\",\"password\":\"x\"}}", false},
		{"{\"username\":\"jim\",\"password\":\"x\",\"d\":[[[[1]]]]}", false},
		{"username=jim&password=x", false},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		struct http_login login;
		bool good = http_read_login(slice_of(table[i].body), &login);

		if (good != table[i].good)
			fail_msg("%s", table[i].body);
		if (good)
			json_decref(login.json);
	}
}

static void names_and_passwords_have_a_longest(void **state)
{
	(void)state;
	for (int extra = 0; extra < 2; extra++) {
		for (int which = 0; which < 2; which++) {
			struct http_login login;
			char body[1024];
			int user = USERNAME_MAX_BYTES + (which == 0 ? extra : 0);
			int password = PASSWORD_MAX_BYTES + (which == 1 ? extra : 0);
			int len = snprintf(body, sizeof(body),
				"{\"username\":\"%0*d\",\"password\":\"%0*d\"}", user, 7, password,
				7);
			bool good = http_read_login((struct slice){body, (size_t)len}, &login);

			assert_int_equal(good, extra == 0);
			if (good)
				json_decref(login.json);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_refusal_is_json_with_a_length_that_nobody_keeps),
		cmocka_unit_test(statuses_have_the_codes_that_are_documented),
		cmocka_unit_test(a_refused_method_names_those_that_are_allowed),
		cmocka_unit_test(what_the_router_refuses_is_403_503_or_401),
		cmocka_unit_test(ready_is_200_only_with_both),
		cmocka_unit_test(a_preflight_is_answered_for_a_listed_origin_only),
		cmocka_unit_test(a_token_answer_is_what_the_original_gave),
		cmocka_unit_test(a_ticket_answer_has_its_time),
		cmocka_unit_test(an_exception_has_its_status),
		cmocka_unit_test(a_page_is_kept_to_its_own_origin),
		cmocka_unit_test(a_login_is_two_strings_of_bounded_length),
		cmocka_unit_test(names_and_passwords_have_a_longest),
	};

	return cmocka_run_group_tests(tests, start, stop);
}
