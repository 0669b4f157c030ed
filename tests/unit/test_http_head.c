/*
 * http_head: a table of heads with their verdicts.  Each entry is parsed whole and byte by byte: a
 * verdict may come early, but it must be the same one and must not change when more bytes come.
 */
#include <stdio.h>
#include <stdlib.h>

#include "proto/http_head.h"
#include "tests/unit/test.h"

#define LINE "GET /ws HTTP/1.1\r\n"
#define HOST "Host: example.org\r\n"

/* SLICE_LITERAL() for static memory, NULs and all. */
#define BYTES(s)                                                                                   \
	{                                                                                          \
		(s), sizeof(s) - 1                                                                 \
	}

static const struct entry {
	struct slice in;
	enum http_head_result result;
} table[] = {
	/* good */
	{BYTES(LINE HOST "\r\n"), HTTP_HEAD_OK},
	{BYTES(LINE "host:example.org\r\n\r\n"), HTTP_HEAD_OK},
	{BYTES(LINE "HOST: \t 127.0.0.1:8080 \t\r\n\r\n"), HTTP_HEAD_OK},
	{BYTES(LINE "Host: [::1]:8080\r\n\r\n"), HTTP_HEAD_OK},
	{BYTES(LINE "Host: [::ffff:1.2.3.4]\r\n\r\n"), HTTP_HEAD_OK},
	{BYTES("POST / HTTP/1.1\r\n" HOST "Content-Length: 5\r\n\r\nhello"), HTTP_HEAD_OK},
	{BYTES("OPTIONS /api/x HTTP/1.1\r\n" HOST "\r\n"), HTTP_HEAD_OK},
	{BYTES("DELETE /x HTTP/1.1\r\n" HOST "\r\n"), HTTP_HEAD_OK},
	{BYTES("get /x HTTP/1.1\r\n" HOST "\r\n"), HTTP_HEAD_OK},
	{BYTES("GET /?a=b&c=%20 HTTP/1.1\r\n" HOST "\r\n"), HTTP_HEAD_OK},
	{BYTES("GET // HTTP/1.1\r\n" HOST "\r\n"), HTTP_HEAD_OK},
	{BYTES(LINE HOST "X-Empty:\r\n\r\n"), HTTP_HEAD_OK},
	{BYTES(LINE HOST "X: a\tb c\r\n\r\n"), HTTP_HEAD_OK},
	{BYTES(LINE HOST "X: gr\xc3\xbc\xdf\r\n\r\n"), HTTP_HEAD_OK},
	{BYTES(LINE HOST "!#$%&'*+-.^_`|~09azAZ: x\r\n\r\n"), HTTP_HEAD_OK},
	{BYTES(LINE HOST "X: 1\r\nX: 2\r\n\r\n"), HTTP_HEAD_OK},
	{BYTES(LINE HOST "Transfer-Encoding: chunked\r\n\r\n"), HTTP_HEAD_OK},
	{BYTES(LINE HOST "Content-Length: 0\r\n\r\n"), HTTP_HEAD_OK},
	{BYTES(LINE HOST "Content-Length: 999999999999999999\r\n\r\n"), HTTP_HEAD_OK},
	{BYTES(LINE HOST "X: :\r\n\r\n"), HTTP_HEAD_OK},
	{BYTES(LINE HOST "\r\n\n\nwhatever follows"), HTTP_HEAD_OK},

	/* not all there */
	{BYTES(""), HTTP_HEAD_MORE},
	{BYTES("G"), HTTP_HEAD_MORE},
	{BYTES("PRI "), HTTP_HEAD_MORE},
	{BYTES("GET /"), HTTP_HEAD_MORE},
	{BYTES("GET / HTTP/1."), HTTP_HEAD_MORE},
	{BYTES("GET / HTTP/1.1\r"), HTTP_HEAD_MORE},
	{BYTES(LINE), HTTP_HEAD_MORE},
	{BYTES(LINE "Host"), HTTP_HEAD_MORE},
	{BYTES(LINE HOST), HTTP_HEAD_MORE},
	{BYTES(LINE HOST "\r"), HTTP_HEAD_MORE},

	/* request line */
	{BYTES("\r\n"), HTTP_HEAD_BAD},
	{BYTES("\n"), HTTP_HEAD_BAD},
	{BYTES(" GET / HTTP/1.1\r\n"), HTTP_HEAD_BAD},
	{BYTES("\x16\x03\x01\x02\x00\x01"), HTTP_HEAD_BAD},
	{BYTES("\r\n\r\n\x00\r\nQUIT\n"), HTTP_HEAD_BAD},
	{BYTES("\0"), HTTP_HEAD_BAD},
	{BYTES("\xff"), HTTP_HEAD_BAD},
	{BYTES("{\"event\":1}"), HTTP_HEAD_BAD},
	{BYTES("GE(T"), HTTP_HEAD_BAD},
	{BYTES("GET\t/"), HTTP_HEAD_BAD},
	{BYTES("ABCDEFGHIJKLMNOPQRSTUVWXYZABCDEFGHIJKLMNOP"), HTTP_HEAD_BAD},
	{BYTES("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), HTTP_HEAD_BAD},
	{BYTES("OPTIONS * HTTP/1.1\r\n" HOST "\r\n"), HTTP_HEAD_BAD},
	{BYTES("GET http://example.org/ws HTTP/1.1\r\n"), HTTP_HEAD_BAD},
	{BYTES("CONNECT example.org:80 HTTP/1.1\r\n"), HTTP_HEAD_BAD},
	{BYTES("GET  / HTTP/1.1\r\n"), HTTP_HEAD_BAD},
	{BYTES("GET ws HTTP/1.1\r\n"), HTTP_HEAD_BAD},
	{BYTES("GET /a#b HTTP/1.1\r\n"), HTTP_HEAD_BAD},
	{BYTES("GET /a\tb HTTP/1.1\r\n"), HTTP_HEAD_BAD},
	{BYTES("GET /\x7f HTTP/1.1\r\n"), HTTP_HEAD_BAD},
	{BYTES("GET /\xc3\xbc HTTP/1.1\r\n"), HTTP_HEAD_BAD},
	{BYTES("GET /\0 HTTP/1.1\r\n"), HTTP_HEAD_BAD},
	{BYTES("GET /\r\n"), HTTP_HEAD_BAD},
	{BYTES("GET\r\n"), HTTP_HEAD_BAD},
	{BYTES("GET \r\n"), HTTP_HEAD_BAD},
	{BYTES("GET / \r\n"), HTTP_HEAD_BAD},
	{BYTES("GET /  HTTP/1.1\r\n"), HTTP_HEAD_BAD},
	{BYTES("GET / HTTP/1.1 \r\n"), HTTP_HEAD_BAD},
	{BYTES("GET / HTTP/1.10\r\n"), HTTP_HEAD_BAD},
	{BYTES("GET / HTTP/1.\r\n"), HTTP_HEAD_BAD},
	{BYTES("GET / http/1.1\r\n"), HTTP_HEAD_BAD},
	{BYTES("GET / HTTP/x.1\r\n"), HTTP_HEAD_BAD},
	{BYTES("GET / HTTPS/1.1\r\n"), HTTP_HEAD_BAD},
	{BYTES("GET / HTTP/1.1\n"), HTTP_HEAD_BAD},
	{BYTES("GET / HTTP/1.1\r\r\n"), HTTP_HEAD_BAD},
	{BYTES("GET / HTTP/1.1\rX"), HTTP_HEAD_BAD},
	{BYTES("GET / HTTP/1.0\r\n" HOST "\r\n"), HTTP_HEAD_VERSION},
	{BYTES("GET / HTTP/1.2\r\n" HOST "\r\n"), HTTP_HEAD_VERSION},
	{BYTES("GET / HTTP/0.9\r\n"), HTTP_HEAD_VERSION},
	{BYTES("GET / HTTP/2.0\r\n"), HTTP_HEAD_VERSION},
	{BYTES("GET / HTTP/9.9"), HTTP_HEAD_VERSION},

	/* fields */
	{BYTES(LINE HOST "\n"), HTTP_HEAD_BAD},
	{BYTES(LINE "Host: a\n"), HTTP_HEAD_BAD},
	{BYTES(LINE HOST "X: a\rb\r\n\r\n"), HTTP_HEAD_BAD},
	{BYTES(LINE HOST "X: a\r\r\n"), HTTP_HEAD_BAD},
	{BYTES(LINE HOST "\r\r\n"), HTTP_HEAD_BAD},
	{BYTES(LINE HOST " folded: x\r\n\r\n"), HTTP_HEAD_BAD},
	{BYTES(LINE HOST "X: a\r\n b\r\n\r\n"), HTTP_HEAD_BAD},
	{BYTES(LINE HOST "X: a\r\n\tb\r\n\r\n"), HTTP_HEAD_BAD},
	{BYTES(LINE "Host : example.org\r\n"), HTTP_HEAD_BAD},
	{BYTES(LINE "Host\t: example.org\r\n"), HTTP_HEAD_BAD},
	{BYTES(LINE HOST ": x\r\n"), HTTP_HEAD_BAD},
	{BYTES(LINE HOST "X\r\n"), HTTP_HEAD_BAD},
	{BYTES(LINE HOST "X Y: 1\r\n"), HTTP_HEAD_BAD},
	{BYTES(LINE HOST "X(Y): 1\r\n"), HTTP_HEAD_BAD},
	{BYTES(LINE HOST "X\xc3\xbc: 1\r\n"), HTTP_HEAD_BAD},
	{BYTES(LINE HOST "X\0: 1\r\n"), HTTP_HEAD_BAD},
	{BYTES(LINE HOST "X: \0\r\n"), HTTP_HEAD_BAD},
	{BYTES(LINE HOST "X: \x01\r\n"), HTTP_HEAD_BAD},
	{BYTES(LINE HOST "X: \x1b[31m\r\n"), HTTP_HEAD_BAD},
	{BYTES(LINE HOST "X: \x7f\r\n"), HTTP_HEAD_BAD},
	{BYTES(LINE HOST "X: \x0b\r\n"), HTTP_HEAD_BAD},

	/* Host */
	{BYTES(LINE "\r\n"), HTTP_HEAD_BAD},
	{BYTES(LINE "X: 1\r\n\r\n"), HTTP_HEAD_BAD},
	{BYTES(LINE HOST HOST "\r\n"), HTTP_HEAD_BAD},
	{BYTES(LINE HOST "hOsT: other\r\n\r\n"), HTTP_HEAD_BAD},
	{BYTES(LINE "Host:\r\n\r\n"), HTTP_HEAD_BAD},
	{BYTES(LINE "Host: a b\r\n\r\n"), HTTP_HEAD_BAD},
	{BYTES(LINE "Host: a,b\r\n\r\n"), HTTP_HEAD_BAD},
	{BYTES(LINE "Host: a/b\r\n\r\n"), HTTP_HEAD_BAD},
	{BYTES(LINE "Host: me@a\r\n\r\n"), HTTP_HEAD_BAD},
	{BYTES(LINE "Host: a:\r\n\r\n"), HTTP_HEAD_BAD},
	{BYTES(LINE "Host: a:x\r\n\r\n"), HTTP_HEAD_BAD},
	{BYTES(LINE "Host: a:1:2\r\n\r\n"), HTTP_HEAD_BAD},
	{BYTES(LINE "Host: a:65536\r\n\r\n"), HTTP_HEAD_BAD},
	{BYTES(LINE "Host: a:000080\r\n\r\n"), HTTP_HEAD_BAD},
	{BYTES(LINE "Host: :80\r\n\r\n"), HTTP_HEAD_BAD},
	{BYTES(LINE "Host: ::1\r\n\r\n"), HTTP_HEAD_BAD},
	{BYTES(LINE "Host: []\r\n\r\n"), HTTP_HEAD_BAD},
	{BYTES(LINE "Host: [::1\r\n\r\n"), HTTP_HEAD_BAD},
	{BYTES(LINE "Host: [::1]x\r\n\r\n"), HTTP_HEAD_BAD},
	{BYTES(LINE "Host: \xc3\xbc\r\n\r\n"), HTTP_HEAD_BAD},

	/* framing */
	{BYTES(LINE HOST "Content-Length:\r\n\r\n"), HTTP_HEAD_BAD},
	{BYTES(LINE HOST "Content-Length: -1\r\n\r\n"), HTTP_HEAD_BAD},
	{BYTES(LINE HOST "Content-Length: +1\r\n\r\n"), HTTP_HEAD_BAD},
	{BYTES(LINE HOST "Content-Length: 0x10\r\n\r\n"), HTTP_HEAD_BAD},
	{BYTES(LINE HOST "Content-Length: 1 2\r\n\r\n"), HTTP_HEAD_BAD},
	{BYTES(LINE HOST "Content-Length: 5, 5\r\n\r\n"), HTTP_HEAD_BAD},
	{BYTES(LINE HOST "Content-Length: 5.0\r\n\r\n"), HTTP_HEAD_BAD},
	{BYTES(LINE HOST "Content-Length: 1000000000000000000\r\n\r\n"), HTTP_HEAD_BAD},
	{BYTES(LINE HOST "Content-Length: 5\r\nContent-Length: 5\r\n\r\n"), HTTP_HEAD_BAD},
	{BYTES(LINE HOST "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n"), HTTP_HEAD_BAD},
	{BYTES(LINE HOST "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n"), HTTP_HEAD_BAD},
	{BYTES(LINE HOST "Transfer-Encoding: \r\ncontent-length: 0\r\n\r\n"), HTTP_HEAD_BAD},
};

/* A copy that ends where the allocation ends, so that one byte too far is seen. */
static enum http_head_result parse(struct slice in, struct http_head *out)
{
	char *copy = malloc(in.len + 1);
	enum http_head_result result;

	assert_non_null(copy);
	memcpy(copy + 1, in.data, in.len);
	result = http_head_parse((struct slice){copy + 1, in.len}, out);
	free(copy);
	return result;
}

static void verdicts_are_those_of_the_table(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		struct http_head head;

		if (parse(table[i].in, &head) != table[i].result)
			fail_msg("entry %zu: %.*s", i, SLICE_ARGS(table[i].in));
	}
}

static void a_verdict_never_changes_with_more_bytes(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		enum http_head_result before = HTTP_HEAD_MORE;

		for (size_t len = 0; len <= table[i].in.len; len++) {
			struct http_head head;
			enum http_head_result now =
				parse((struct slice){table[i].in.data, len}, &head);

			if (before != HTTP_HEAD_MORE && now != before)
				fail_msg("entry %zu at %zu", i, len);
			before = now;
		}
		assert_int_equal(before, table[i].result);
	}
}

/* How many bytes of in it takes for a verdict. */
static size_t bytes_to_verdict(const char *in)
{
	struct http_head head;

	for (size_t len = 0; len <= strlen(in); len++) {
		if (parse((struct slice){in, len}, &head) != HTTP_HEAD_MORE)
			return len;
	}
	return SIZE_MAX;
}

static void what_is_wrong_is_refused_at_its_first_byte(void **state)
{
	(void)state;
	assert_int_equal(bytes_to_verdict("\x16\x03\x01"), 1);
	assert_int_equal(bytes_to_verdict("\n"), 1);
	assert_int_equal(bytes_to_verdict("PRI * HTTP/2.0\r\n\r\n"), 5);
	assert_int_equal(bytes_to_verdict("GET http://x/"), 5);
	assert_int_equal(bytes_to_verdict("GET / HTTP/1.0\r\n"), 14);
	assert_int_equal(bytes_to_verdict("GET / HTTQ"), 10);
	assert_int_equal(bytes_to_verdict("GET / HTTP/1.1\n"), 15);
	assert_int_equal(bytes_to_verdict(LINE "Host: a\n"), sizeof(LINE) - 1 + 8);
	assert_int_equal(bytes_to_verdict(LINE " "), sizeof(LINE) - 1 + 1);
	assert_int_equal(bytes_to_verdict(LINE "Host "), sizeof(LINE) - 1 + 5);
	assert_int_equal(bytes_to_verdict(LINE HOST HOST), sizeof(LINE HOST HOST) - 1);
	assert_int_equal(bytes_to_verdict(LINE "X: \x01"), sizeof(LINE) - 1 + 4);
}

static void every_byte_is_judged_in_names_values_and_targets(void **state)
{
	(void)state;
	for (int c = 0; c < 256; c++) {
		bool alnum =
			(c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
		bool tchar = alnum || (c != 0 && strchr("!#$%&'*+-.^_`|~", c) != NULL);
		bool value = c == '\t' || (c >= ' ' && c != 0x7f);
		bool target = c > ' ' && c < 0x7f && c != '#';
		struct http_head head;
		char text[128];
		int n;

		n = snprintf(text, sizeof(text), LINE HOST "a?b: x\r\n\r\n");
		*(char *)memchr(text, '?', sizeof(text)) = (char)c;
		/* a colon ends the name, and what follows is the value */
		assert_int_equal(parse((struct slice){text, (size_t)n}, &head),
			tchar || c == ':' ? HTTP_HEAD_OK : HTTP_HEAD_BAD);

		n = snprintf(text, sizeof(text), LINE HOST "a: x?y\r\n\r\n");
		*(char *)memchr(text, '?', sizeof(text)) = (char)c;
		assert_int_equal(parse((struct slice){text, (size_t)n}, &head),
			value ? HTTP_HEAD_OK : HTTP_HEAD_BAD);

		n = snprintf(text, sizeof(text), "GET /a?b HTTP/1.1\r\n" HOST "\r\n");
		*(char *)memchr(text, '?', sizeof(text)) = (char)c;
		assert_int_equal(parse((struct slice){text, (size_t)n}, &head),
			target ? HTTP_HEAD_OK : HTTP_HEAD_BAD);
	}
}

static void the_parts_of_a_head_are_found(void **state)
{
	static const char text[] = "POST /api/login?x=1?2&y HTTP/1.1\r\n"
				   "Host: example.org:80\r\n"
				   "X-One:  first value\t\r\n"
				   "Content-Length: 0012\r\n"
				   "x-ONE: second\r\n\r\nbody";
	struct http_head head;
	size_t count;

	(void)state;
	assert_int_equal(http_head_parse(SLICE_LITERAL(text), &head), HTTP_HEAD_OK);
	assert_int_equal(head.method, HTTP_POST);
	assert_true(slice_is(head.path, "/api/login"));
	assert_true(slice_is(head.query, "x=1?2&y"));
	assert_int_equal(head.n_fields, 4);
	assert_int_equal(head.content_length, 12);
	assert_false(head.has_transfer_encoding);
	assert_int_equal(head.bytes, strlen(text) - 4);
	assert_true(slice_is(http_head_get(&head, "x-one", &count), "first value"));
	assert_int_equal(count, 2);
	assert_true(slice_is(http_head_get(&head, "HOST", &count), "example.org:80"));
	assert_int_equal(count, 1);
	assert_null(http_head_get(&head, "x-on", &count).data);
	assert_int_equal(count, 0);
}

static void methods_are_told_apart(void **state)
{
	static const struct {
		const char *method;
		enum http_method expected;
	} methods[] = {
		{"GET", HTTP_GET},
		{"POST", HTTP_POST},
		{"OPTIONS", HTTP_OPTIONS},
		{"get", HTTP_OTHER},
		{"HEAD", HTTP_OTHER},
		{"GETX", HTTP_OTHER},
		{"PUT", HTTP_OTHER},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(methods) / sizeof(methods[0]); i++) {
		struct http_head head;
		char text[64];

		snprintf(text, sizeof(text), "%s / HTTP/1.1\r\n" HOST "\r\n", methods[i].method);
		assert_int_equal(http_head_parse(slice_of(text), &head), HTTP_HEAD_OK);
		assert_int_equal(head.method, methods[i].expected);
		assert_true(slice_is(head.path, "/"));
		assert_int_equal(head.query.len, 0);
		assert_int_equal(head.content_length, -1);
	}
}

/* A head with one field that makes it exactly len bytes long. */
static void head_of(char *text, size_t len)
{
	int n = snprintf(text, len + 1, LINE HOST "X: ");

	memset(text + n, 'x', len - (size_t)n);
	memcpy(text + len - 4, "\r\n\r\n", 4);
}

static void a_head_may_have_8192_bytes_and_no_more(void **state)
{
	static char text[HEAD_MAX_BYTES + 2];
	struct http_head head;

	(void)state;
	head_of(text, HEAD_MAX_BYTES);
	assert_int_equal(parse((struct slice){text, HEAD_MAX_BYTES}, &head), HTTP_HEAD_OK);
	assert_int_equal(head.bytes, HEAD_MAX_BYTES);
	head_of(text, HEAD_MAX_BYTES + 1);
	assert_int_equal(parse((struct slice){text, HEAD_MAX_BYTES - 1}, &head), HTTP_HEAD_MORE);
	assert_int_equal(parse((struct slice){text, HEAD_MAX_BYTES}, &head), HTTP_HEAD_TOO_LARGE);
	assert_int_equal(
		parse((struct slice){text, HEAD_MAX_BYTES + 1}, &head), HTTP_HEAD_TOO_LARGE);
}

static void a_field_of_64_kib_is_too_large(void **state)
{
	static char text[65536];
	struct http_head head;

	(void)state;
	head_of(text, sizeof(text) - 1);
	assert_int_equal(parse((struct slice){text, sizeof(text) - 1}, &head), HTTP_HEAD_TOO_LARGE);
}

static void there_may_be_64_fields_and_no_more(void **state)
{
	(void)state;
	for (size_t n = 1; n <= 200; n++) {
		char text[HEAD_MAX_BYTES] = LINE HOST;
		size_t len = strlen(text);
		enum http_head_result before = HTTP_HEAD_MORE;
		struct http_head head;

		for (size_t i = 1; i < n; i++) {
			memcpy(text + len, "A: b\r\n", 6);
			len += 6;
		}
		memcpy(text + len, "\r\n", 2);
		len += 2;
		for (size_t cut = 0; cut <= len; cut++) {
			enum http_head_result now =
				http_head_parse((struct slice){text, cut}, &head);

			assert_true(before == HTTP_HEAD_MORE || now == before);
			before = now;
		}
		assert_int_equal(before, n <= HEAD_MAX_FIELDS ? HTTP_HEAD_OK : HTTP_HEAD_TOO_LARGE);
	}
}

static void a_target_may_have_4096_bytes_and_no_more(void **state)
{
	(void)state;
	for (size_t len = HEAD_TARGET_MAX_BYTES - 2; len < HEAD_TARGET_MAX_BYTES + 3; len++) {
		static char text[HEAD_MAX_BYTES];
		struct http_head head;
		size_t n = 4 + len;

		memcpy(text, "GET ", 4);
		memset(text + 4, '/', len);
		assert_int_equal(parse((struct slice){text, n}, &head),
			len <= HEAD_TARGET_MAX_BYTES ? HTTP_HEAD_MORE : HTTP_HEAD_TOO_LARGE);
		memcpy(text + n, " HTTP/1.1\r\nHost: a\r\n\r\n", 22);
		assert_int_equal(parse((struct slice){text, n + 22}, &head),
			len <= HEAD_TARGET_MAX_BYTES ? HTTP_HEAD_OK : HTTP_HEAD_TOO_LARGE);
	}
}

static void tokens_are_found_in_lists(void **state)
{
	static const char text[] = LINE HOST "Connection: keep-alive,  UpGrade\t, \r\n"
					     "Upgrade: websocket2\r\n"
					     "Connection: ,,x\r\n\r\n";
	struct http_head head;

	(void)state;
	assert_int_equal(http_head_parse(SLICE_LITERAL(text), &head), HTTP_HEAD_OK);
	assert_true(http_head_has_token(&head, "connection", "upgrade"));
	assert_true(http_head_has_token(&head, "Connection", "Keep-Alive"));
	assert_true(http_head_has_token(&head, "Connection", "x"));
	assert_false(http_head_has_token(&head, "Connection", "keep"));
	assert_false(http_head_has_token(&head, "Connection", "close"));
	assert_false(http_head_has_token(&head, "Upgrade", "websocket"));
	assert_false(http_head_has_token(&head, "Nothing", "x"));
}

static void parameters_are_decoded(void **state)
{
	static const struct {
		const char *query;
		int result;
		const char *value;
	} queries[] = {
		{"", 0, ""},
		{"&&", 0, ""},
		{"device=1", 0, ""},
		{"de=1", 0, ""},
		{"x=dev=1", 0, ""},
		{"dev=a", 1, "a"},
		{"dev=", 1, ""},
		{"dev", 1, ""},
		{"a=1&dev=a&b=2", 1, "a"},
		{"dev=a=b", 1, "a=b"},
		{"dev=a?b", 1, "a?b"},
		{"dev=a+b", 1, "a+b"},
		{"dev=%41%7a%2f%2F", 1, "Az//"},
		{"d%65v=x", 1, "x"},
		{"DEV=x", 0, ""},
		{"dev=%", -1, ""},
		{"dev=%4", -1, ""},
		{"dev=%4&x=1", -1, ""},
		{"dev=%g1", -1, ""},
		{"dev=%1g", -1, ""},
		{"dev=%%41", -1, ""},
		{"dev=a&dev=a", -1, ""},
		{"dev=a&d%65v=a", -1, ""},
		{"dev&dev", -1, ""},
		{"dev=12345678", 1, "12345678"},
		{"dev=123456789", -1, ""},
		{"dev=1234567%38", 1, "12345678"},
		{"x=%zz&dev=a", 1, "a"},
		{"%zz=x&dev=a", 1, "a"},
		{"averyveryveryveryveryveryverylongname=x&dev=a", 1, "a"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(queries) / sizeof(queries[0]); i++) {
		struct slice out = {NULL, 0};
		char buf[8];
		int result = http_query_get(slice_of(queries[i].query), "dev", buf, 8, &out);

		if (result != queries[i].result)
			fail_msg("%s", queries[i].query);
		if (result == 1)
			assert_true(slice_is(out, queries[i].value));
	}
}

static void a_decoded_nul_is_a_byte_of_the_value(void **state)
{
	struct slice out;
	char buf[8];

	(void)state;
	assert_int_equal(http_query_get(slice_of("t=a%00b"), "t", buf, sizeof(buf), &out), 1);
	assert_true(slice_eq(out, SLICE_LITERAL("a\0b")));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(verdicts_are_those_of_the_table),
		cmocka_unit_test(a_verdict_never_changes_with_more_bytes),
		cmocka_unit_test(what_is_wrong_is_refused_at_its_first_byte),
		cmocka_unit_test(every_byte_is_judged_in_names_values_and_targets),
		cmocka_unit_test(the_parts_of_a_head_are_found),
		cmocka_unit_test(methods_are_told_apart),
		cmocka_unit_test(a_head_may_have_8192_bytes_and_no_more),
		cmocka_unit_test(a_field_of_64_kib_is_too_large),
		cmocka_unit_test(there_may_be_64_fields_and_no_more),
		cmocka_unit_test(a_target_may_have_4096_bytes_and_no_more),
		cmocka_unit_test(tokens_are_found_in_lists),
		cmocka_unit_test(parameters_are_decoded),
		cmocka_unit_test(a_decoded_nul_is_a_byte_of_the_value),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
