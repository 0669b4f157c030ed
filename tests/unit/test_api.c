/* Bodies of the HTTP API, and the answer to a call. */
#include <stdlib.h>

#include "edge/api.h"
#include "proto/limits.h"
#include "tests/unit/test.h"

struct row {
	const char *body;
	enum exception_code code;
	const char *field;
};

typedef struct api_error read_fn(struct slice body, struct api_call *out);

static void check(const struct row *rows, size_t n, read_fn *read)
{
	for (size_t i = 0; i < n; i++) {
		struct api_call call;
		struct api_error e = read(slice_of(rows[i].body), &call);
		const char *field = e.field == NULL ? "" : e.field;

		if (e.code != rows[i].code || strcmp(field, rows[i].field) != 0)
			fail_msg("%s: %d %s", rows[i].body, (int)e.code, field);
		api_call_fini(&call);
	}
}

static void a_chat_is_two_members_of_exact_types(void **state)
{
	static const struct row rows[] = {
		{"{\"toUser\":7,\"content\":\"x\"}", EX_NONE, ""},
		{"{\"toUser\":\"7\",\"content\":\"\"}", EX_NONE, ""},
		{"{\"toUser\":0,\"content\":\"x\"}", EX_NONE, ""},
		{"{\"toUser\":999999999999999,\"content\":\"x\"}", EX_NONE, ""},
		{"{\"more\":[1],\"toUser\":\"a@b\",\"content\":\"x\"}", EX_NONE, ""},
		{"", EX_BAD_DATA, ""},
		{"null", EX_BAD_DATA, ""},
		{"[]", EX_BAD_DATA, ""},
		{"\"x\"", EX_BAD_DATA, ""},
		{"{\"toUser\":7,\"content\":\"x\"", EX_BAD_DATA, ""},
		{"{\"toUser\":7,\"content\":\"x\"}x", EX_BAD_DATA, ""},
		{"{\"toUser\":7,\"toUser\":8,\"content\":\"x\"}", EX_BAD_DATA, ""},
		{"{\"toUser\":7,\"content\":\"\\ud800\"}", EX_BAD_DATA, ""},
		{"{\"toUser\":7,\"content\":\"x\",\"d\":[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]}",
			EX_BAD_DATA, ""},
		{"{}", EX_BAD_DATA, "toUser"},
		{"{\"content\":\"x\"}", EX_BAD_DATA, "toUser"},
		{"{\"toUserId\":7,\"content\":\"x\"}", EX_BAD_DATA, "toUser"},
		{"{\"toUser\":7.0,\"content\":\"x\"}", EX_BAD_DATA, "toUser"},
		{"{\"toUser\":-1,\"content\":\"x\"}", EX_BAD_DATA, "toUser"},
		{"{\"toUser\":-0,\"content\":\"x\"}", EX_BAD_DATA, "toUser"},
		{"{\"toUser\":1000000000000000,\"content\":\"x\"}", EX_BAD_DATA, "toUser"},
		{"{\"toUser\":\"a b\",\"content\":\"x\"}", EX_BAD_DATA, "toUser"},
		{"{\"toUser\":\"\",\"content\":\"x\"}", EX_BAD_DATA, "toUser"},
		{"{\"toUser\":null,\"content\":\"x\"}", EX_BAD_DATA, "toUser"},
		{"{\"toUser\":[7],\"content\":\"x\"}", EX_BAD_DATA, "toUser"},
		{"{\"toUser\":true,\"content\":\"x\"}", EX_BAD_DATA, "toUser"},
		{"{\"toUser\":7}", EX_BAD_DATA, "content"},
		{"{\"toUser\":7,\"content\":1}", EX_BAD_DATA, "content"},
		{"{\"toUser\":7,\"content\":null}", EX_BAD_DATA, "content"},
		{"{\"toUser\":7,\"content\":{\"a\":1}}", EX_BAD_DATA, "content"},
		{"{\"toUser\":7,\"message\":\"x\"}", EX_BAD_DATA, "content"},
	};

	(void)state;
	check(rows, sizeof(rows) / sizeof(rows[0]), api_read_chat);
}

static void a_push_is_to_one_or_to_all(void **state)
{
	static const struct row rows[] = {
		{"{\"user\":\"7\",\"event\":\"news\",\"data\":null}", EX_NONE, ""},
		{"{\"user\":7,\"event\":\"news\",\"data\":[1,{\"a\":2}]}", EX_NONE, ""},
		{"{\"all\":true,\"event\":\"news\",\"data\":1}", EX_NONE, ""},
		{"{\"event\":\"news\",\"data\":1}", EX_BAD_DATA, "user"},
		{"{\"user\":null,\"event\":\"news\",\"data\":1}", EX_BAD_DATA, "user"},
		{"{\"user\":\"\",\"event\":\"news\",\"data\":1}", EX_BAD_DATA, "user"},
		{"{\"user\":\"7\",\"all\":true,\"event\":\"news\",\"data\":1}", EX_BAD_DATA, "all"},
		{"{\"user\":\"7\",\"all\":false,\"event\":\"news\",\"data\":1}", EX_BAD_DATA,
			"all"},
		{"{\"all\":false,\"event\":\"news\",\"data\":1}", EX_BAD_DATA, "all"},
		{"{\"all\":1,\"event\":\"news\",\"data\":1}", EX_BAD_DATA, "all"},
		{"{\"all\":\"true\",\"event\":\"news\",\"data\":1}", EX_BAD_DATA, "all"},
		{"{\"all\":true,\"data\":1}", EX_BAD_DATA, "event"},
		{"{\"all\":true,\"event\":\"\",\"data\":1}", EX_BAD_DATA, "event"},
		{"{\"all\":true,\"event\":\"a b\",\"data\":1}", EX_BAD_DATA, "event"},
		{"{\"all\":true,\"event\":\"chat\",\"data\":1}", EX_BAD_DATA, "event"},
		{"{\"all\":true,\"event\":\"identity\",\"data\":1}", EX_BAD_DATA, "event"},
		{"{\"all\":true,\"event\":1,\"data\":1}", EX_BAD_DATA, "event"},
		{"{\"all\":true,\"event\":\"news\"}", EX_BAD_DATA, "data"},
		{"[]", EX_BAD_DATA, ""},
		{"{\"all\":true,\"event\":\"news\",\"data\":{\"a\":1,\"a\":2}}", EX_BAD_DATA, ""},
	};

	(void)state;
	check(rows, sizeof(rows) / sizeof(rows[0]), api_read_push);
}

static void what_is_read_is_what_was_said(void **state)
{
	struct api_call call;

	(void)state;
	api_read_chat(SLICE_LITERAL("{\"toUser\":42,\"content\":\"h\\u00e9\\u0000\"}"), &call);
	assert_true(slice_is(call.to, "42"));
	assert_int_equal(call.content.len, 4);
	assert_memory_equal(call.content.data, "h\xc3\xa9", 4);
	api_call_fini(&call);
	api_read_push(
		SLICE_LITERAL("{\"user\":\"b\",\"event\":\"e\",\"data\": { \"k\" : 1 }}"), &call);
	assert_true(slice_is(call.to, "b"));
	assert_true(slice_is(call.event, "e"));
	assert_true(slice_is(call.data, "{\"k\":1}"));
	api_call_fini(&call);
	api_read_push(SLICE_LITERAL("{\"all\":true,\"event\":\"e\",\"data\":1}"), &call);
	assert_int_equal(call.to.len, 0);
	api_call_fini(&call);
}

static struct api_error read_long(read_fn *read, const char *format, int len)
{
	char *body = malloc((size_t)len + 256);
	struct api_call call;
	struct api_error e;

	assert_non_null(body);
	snprintf(body, (size_t)len + 256, format, len, 7);
	e = read(slice_of(body), &call);
	api_call_fini(&call);
	free(body);
	return e;
}

static void texts_have_a_longest(void **state)
{
	static const char chat[] = "{\"toUser\":7,\"content\":\"%0*d\"}";
	static const char push[] = "{\"all\":true,\"event\":\"e\",\"data\":\"%0*d\"}";
	struct api_error e;

	(void)state;
	assert_int_equal(read_long(api_read_chat, chat, CHAT_MAX_BYTES).code, EX_NONE);
	e = read_long(api_read_chat, chat, CHAT_MAX_BYTES + 1);
	assert_int_equal(e.code, EX_TOO_LARGE);
	assert_string_equal(e.field, "content");
	assert_int_equal(read_long(api_read_push, push, CHAT_MAX_BYTES - 2).code, EX_NONE);
	e = read_long(api_read_push, push, CHAT_MAX_BYTES - 1);
	assert_int_equal(e.code, EX_TOO_LARGE);
	assert_string_equal(e.field, "data");
}

static void a_call_is_answered_like_a_frame(void **state)
{
	struct live_call_result result = {
		.outcome = LIVE_CALL_SENT,
		.state = "delivered",
		.mid = SLICE_LITERAL("m1"),
		.devices = 2,
		.seq = 9,
	};
	const struct cors nobody = {0};
	struct buf out;

	(void)state;
	buf_init(&out, 4096);
	api_write_sent(&out, &result, &nobody);
	result.state = "duplicate";
	result.first = "stored";
	result.devices = 0;
	result.seq = 0;
	api_write_sent(&out, &result, &nobody);
	buf_add(&out, (struct slice){"", 1});
	assert_false(out.failed);
	assert_memory_equal(out.data, "HTTP/1.1 200 OK\r\n", 17);
	assert_non_null(strstr(out.data, "\r\n\r\n{\"mid\":\"m1\",\"state\":\"delivered\","
					 "\"devices\":2,\"seq\":9}HTTP/1.1"));
	assert_non_null(strstr(out.data,
		"{\"mid\":\"m1\",\"state\":\"duplicate\",\"first\":\"stored\",\"devices\":0}"));
	buf_fini(&out);
}

static void a_field_has_the_name_that_the_caller_gave_it(void **state)
{
	(void)state;
	assert_true(slice_is(api_field(SLICE_LITERAL("toUserId")), "toUser"));
	assert_true(slice_is(api_field(SLICE_LITERAL("message")), "content"));
	assert_true(slice_is(api_field(SLICE_LITERAL("mid")), "Idempotency-Key"));
	assert_true(slice_is(api_field(SLICE_LITERAL("event")), "event"));
	assert_int_equal(api_field((struct slice){NULL, 0}).len, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_chat_is_two_members_of_exact_types),
		cmocka_unit_test(a_push_is_to_one_or_to_all),
		cmocka_unit_test(what_is_read_is_what_was_said),
		cmocka_unit_test(texts_have_a_longest),
		cmocka_unit_test(a_call_is_answered_like_a_frame),
		cmocka_unit_test(a_field_has_the_name_that_the_caller_gave_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
