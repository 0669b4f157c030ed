/* Frames of clients, each with the answer it must get. */
#include <stdio.h>
#include <stdlib.h>

#include "edge/frame.h"
#include "proto/names.h"
#include "tests/unit/test.h"

struct row {
	const char *text;
	enum exception_code code;
	const char *field; /* of the exception */
	const char *id;	   /* as it is echoed; NULL: none */
};

static const struct row good[] = {
	{"{\"event\":\"chat\",\"data\":{\"toUserId\":7,\"message\":\"yo\"}}", EX_NONE, NULL, NULL},
	{"{\"event\":\"chat\",\"data\":{\"toUserId\":\"7\",\"message\":\"yo\"}}", EX_NONE, NULL,
		NULL},
	{"{\"event\":\"chat\",\"data\":{\"toUserId\":0,\"message\":\"-0\"}}", EX_NONE, NULL, NULL},
	{"{\"event\":\"chat\",\"data\":{\"toUserId\":999999999999999,\"message\":\"\"}}", EX_NONE,
		NULL, NULL},
	{"{\"event\":\"chat\",\"data\":{\"toUserId\":\"007\",\"message\":\"a text may begin so\"}}",
		EX_NONE, NULL, NULL},
	{"{\"event\":\"chat\",\"data\":{\"toUserId\":\"ann@b.c:d-e_f\",\"message\":\"\\u00e9\"}}",
		EX_NONE, NULL, NULL},
	{"{\"event\":\"chat\",\"id\":7,\"data\":{\"toUserId\":7,\"message\":\"yo\"}}", EX_NONE,
		NULL, "7"},
	{"{\"event\":\"chat\",\"id\":-7,\"data\":{\"toUserId\":7,\"message\":\"yo\"}}", EX_NONE,
		NULL, "-7"},
	{"{\"event\":\"chat\",\"id\":\"a\\\"b\",\"data\":{\"toUserId\":7,\"message\":\"\"}}",
		EX_NONE, NULL, "\"a\\\"b\""},
	{"{\"data\":{\"message\":\"x\",\"toUserId\":7},\"mid\":\"01K\",\"id\":\"\",\"event\":"
	 "\"chat\"}",
		EX_NONE, NULL, "\"\""},
	{" { \"event\" : \"chat\" , \"data\" : {\"toUserId\":7,\"message\":\"x\",\"more\":[1]} } ",
		EX_NONE, NULL, NULL},
	{"{\"event\":\"chat\",\"later\":1,\"data\":{\"toUserId\":7,\"message\":\"x\"}}", EX_NONE,
		NULL, NULL},
	{"{\"event\":\"heartbeat\"}", EX_NONE, NULL, NULL},
	{"{\"event\":\"heartbeat\",\"data\":{}}", EX_NONE, NULL, NULL},
	{"{\"event\":\"heartbeat\",\"data\":null}", EX_NONE, NULL, NULL},
	{"{\"event\":\"heartbeat\",\"data\":{\"u\":122,\"s\":0}}", EX_NONE, NULL, NULL},
	{"{\"event\":\"sync\",\"data\":{\"e\":\"k3f9k3f9\",\"u\":122,\"s\":0}}", EX_NONE, NULL,
		NULL},
	{"{\"event\":\"sync\",\"data\":{\"e\":\"\"}}", EX_NONE, NULL, NULL},
	{"{\"event\":\"typing\",\"data\":{\"toUserId\":7}}", EX_NONE, NULL, NULL},
	{"{\"event\":\"watch\",\"id\":11,\"data\":{\"users\":[\"7\",9]}}", EX_NONE, NULL, "11"},
	{"{\"event\":\"watch\",\"data\":{\"users\":[]}}", EX_NONE, NULL, NULL},
	{"{\"event\":\"push\",\"data\":{\"event\":\"news\",\"data\":[1,2]}}", EX_NONE, NULL, NULL},
	{"{\"event\":\"reauth\",\"id\":10,\"data\":{\"token\":\"T\"}}", EX_NONE, NULL, "10"},
	{"{\"event\":\"reauth\",\"data\":{\"token\":\"\",\"more\":1}}", EX_NONE, NULL, NULL},
	{"{\"event\":\"push\",\"data\":{\"event\":\"news\",\"data\":null,\"user\":9}}", EX_NONE,
		NULL, NULL},
};

static const struct row wrong[] = {
	/* no JSON, or not what a frame is */
	{"", EX_BAD_FRAME, NULL, NULL},
	{" ", EX_BAD_FRAME, NULL, NULL},
	{"x", EX_BAD_FRAME, NULL, NULL},
	{"{", EX_BAD_FRAME, NULL, NULL},
	{"{}", EX_BAD_FRAME, "event", NULL},
	{"[]", EX_BAD_FRAME, NULL, NULL},
	{"null", EX_BAD_FRAME, NULL, NULL},
	{"7", EX_BAD_FRAME, NULL, NULL},
	{"\"chat\"", EX_BAD_FRAME, NULL, NULL},
	{"{\"event\":\"heartbeat\"} x", EX_BAD_FRAME, NULL, NULL},
	{"{\"event\":\"heartbeat\"}{\"event\":\"heartbeat\"}", EX_BAD_FRAME, NULL, NULL},
	{"{'event':'heartbeat'}", EX_BAD_FRAME, NULL, NULL},
	{"{\"event\":\"heartbeat\",}", EX_BAD_FRAME, NULL, NULL},
	{"{\"event\":\"heartbeat\",\"data\":NaN}", EX_BAD_FRAME, NULL, NULL},
	{"{\"event\":\"heartbeat\",\"data\":1e999}", EX_BAD_FRAME, NULL, NULL},
	{"{\"event\":\"heartbeat\",\"data\":99999999999999999999}", EX_BAD_FRAME, NULL, NULL},
	{"{\"event\":\"heartbeat\",\"event\":\"heartbeat\"}", EX_BAD_FRAME, NULL, NULL},
	{"{\"event\":\"chat\",\"data\":{\"toUserId\":7,\"message\":\"a\",\"message\":\"b\"}}",
		EX_BAD_FRAME, NULL, NULL},
	{"{\"event\":\"chat\",\"data\":{\"toUserId\":7,\"message\":\"\\ud800\"}}", EX_BAD_FRAME,
		NULL, NULL},
	{"{\"event\":\"chat\",\"data\":{\"toUserId\":7,\"message\":\"\xc0\x80\"}}", EX_BAD_FRAME,
		NULL, NULL},
	{"{\"event\":\"chat\",\"data\":{\"toUserId\":7,\"message\":\"\xff\"}}", EX_BAD_FRAME, NULL,
		NULL},
	{"{\"event\":\"chat\",\"data\":{\"toUserId\":7,\"message\":\"a\nb\"}}", EX_BAD_FRAME, NULL,
		NULL},
	/* the event */
	{"{\"event\":7}", EX_BAD_FRAME, "event", NULL},
	{"{\"event\":null,\"id\":3}", EX_BAD_FRAME, "event", "3"},
	{"{\"event\":[\"chat\"]}", EX_BAD_FRAME, "event", NULL},
	{"{\"data\":{\"toUserId\":7,\"message\":\"x\"},\"id\":\"q\"}", EX_BAD_FRAME, "event",
		"\"q\""},
	{"{\"event\":\"\"}", EX_UNKNOWN_EVENT, NULL, NULL},
	{"{\"event\":\"Chat\"}", EX_UNKNOWN_EVENT, NULL, NULL},
	{"{\"event\":\"chat \",\"id\":5}", EX_UNKNOWN_EVENT, NULL, "5"},
	{"{\"event\":\"ready\"}", EX_UNKNOWN_EVENT, NULL, NULL},
	{"{\"event\":\"chat\\u0000\"}", EX_UNKNOWN_EVENT, NULL, NULL},
	/* id and mid */
	{"{\"event\":\"heartbeat\",\"id\":1.5}", EX_BAD_DATA, "id", NULL},
	{"{\"event\":\"heartbeat\",\"id\":null}", EX_BAD_DATA, "id", NULL},
	{"{\"event\":\"heartbeat\",\"id\":{}}", EX_BAD_DATA, "id", NULL},
	{"{\"event\":\"heartbeat\",\"id\":[1]}", EX_BAD_DATA, "id", NULL},
	{"{\"event\":\"heartbeat\",\"id\":true}", EX_BAD_DATA, "id", NULL},
	{"{\"event\":\"heartbeat\",\"mid\":7}", EX_BAD_DATA, "mid", NULL},
	{"{\"event\":\"heartbeat\",\"mid\":\"\"}", EX_BAD_DATA, "mid", NULL},
	{"{\"event\":\"heartbeat\",\"mid\":\"a b\",\"id\":1}", EX_BAD_DATA, "mid", "1"},
	/* chat */
	{"{\"event\":\"chat\"}", EX_BAD_DATA, "data", NULL},
	{"{\"event\":\"chat\",\"data\":\"x\",\"id\":8}", EX_BAD_DATA, "data", "8"},
	{"{\"event\":\"chat\",\"data\":[7,\"x\"]}", EX_BAD_DATA, "data", NULL},
	{"{\"event\":\"chat\",\"data\":{}}", EX_BAD_DATA, "toUserId", NULL},
	{"{\"event\":\"chat\",\"data\":{\"message\":\"x\"}}", EX_BAD_DATA, "toUserId", NULL},
	{"{\"event\":\"chat\",\"data\":{\"toUserId\":null,\"message\":\"x\"}}", EX_BAD_DATA,
		"toUserId", NULL},
	{"{\"event\":\"chat\",\"data\":{\"toUserId\":7.0,\"message\":\"x\"}}", EX_BAD_DATA,
		"toUserId", NULL},
	{"{\"event\":\"chat\",\"data\":{\"toUserId\":7e0,\"message\":\"x\"}}", EX_BAD_DATA,
		"toUserId", NULL},
	{"{\"event\":\"chat\",\"data\":{\"toUserId\":-1,\"message\":\"x\"}}", EX_BAD_DATA,
		"toUserId", NULL},
	{"{\"event\":\"chat\",\"data\":{\"toUserId\":-0,\"message\":\"x\"}}", EX_BAD_DATA,
		"toUserId", NULL},
	{"{\"event\":\"chat\",\"data\":{\"toUserId\":+1,\"message\":\"x\"}}", EX_BAD_FRAME, NULL,
		NULL},
	{"{\"event\":\"chat\",\"data\":{\"toUserId\":007,\"message\":\"x\"}}", EX_BAD_FRAME, NULL,
		NULL},
	{"{\"event\":\"chat\",\"data\":{\"toUserId\":1000000000000000,\"message\":\"x\"}}",
		EX_BAD_DATA, "toUserId", NULL},
	{"{\"event\":\"chat\",\"data\":{\"toUserId\":true,\"message\":\"x\"}}", EX_BAD_DATA,
		"toUserId", NULL},
	{"{\"event\":\"chat\",\"data\":{\"toUserId\":\"\",\"message\":\"x\"}}", EX_BAD_DATA,
		"toUserId", NULL},
	{"{\"event\":\"chat\",\"data\":{\"toUserId\":\"a b\",\"message\":\"x\"}}", EX_BAD_DATA,
		"toUserId", NULL},
	{"{\"event\":\"chat\",\"data\":{\"toUserId\":\"7\\u0000\",\"message\":\"x\"}}", EX_BAD_DATA,
		"toUserId", NULL},
	{"{\"event\":\"chat\",\"data\":{\"toUserId\":7}}", EX_BAD_DATA, "message", NULL},
	{"{\"event\":\"chat\",\"data\":{\"toUserId\":7,\"message\":7}}", EX_BAD_DATA, "message",
		NULL},
	{"{\"event\":\"chat\",\"data\":{\"toUserId\":7,\"message\":null}}", EX_BAD_DATA, "message",
		NULL},
	{"{\"event\":\"chat\",\"data\":{\"toUserId\":7,\"message\":{\"a\":1}}}", EX_BAD_DATA,
		"message", NULL},
	/* the others */
	{"{\"event\":\"heartbeat\",\"data\":7}", EX_BAD_DATA, "data", NULL},
	{"{\"event\":\"sync\"}", EX_BAD_DATA, "data", NULL},
	{"{\"event\":\"sync\",\"data\":{}}", EX_BAD_DATA, "e", NULL},
	{"{\"event\":\"sync\",\"data\":{\"e\":7}}", EX_BAD_DATA, "e", NULL},
	{"{\"event\":\"sync\",\"data\":{\"e\":\"a\",\"u\":null}}", EX_BAD_DATA, "u", NULL},
	{"{\"event\":\"sync\",\"data\":{\"e\":\"a\",\"u\":1,\"s\":-1}}", EX_BAD_DATA, "s", NULL},
	{"{\"event\":\"heartbeat\",\"data\":{\"u\":-1}}", EX_BAD_DATA, "u", NULL},
	{"{\"event\":\"heartbeat\",\"data\":{\"u\":1.5}}", EX_BAD_DATA, "u", NULL},
	{"{\"event\":\"heartbeat\",\"data\":{\"s\":\"1\"}}", EX_BAD_DATA, "s", NULL},
	{"{\"event\":\"reauth\"}", EX_BAD_DATA, "data", NULL},
	{"{\"event\":\"reauth\",\"data\":\"T\",\"id\":3}", EX_BAD_DATA, "data", "3"},
	{"{\"event\":\"reauth\",\"data\":{}}", EX_BAD_DATA, "token", NULL},
	{"{\"event\":\"reauth\",\"data\":{\"token\":7}}", EX_BAD_DATA, "token", NULL},
	{"{\"event\":\"reauth\",\"data\":{\"token\":null}}", EX_BAD_DATA, "token", NULL},
	{"{\"event\":\"typing\"}", EX_BAD_DATA, "data", NULL},
	{"{\"event\":\"typing\",\"data\":{\"toUserId\":[]}}", EX_BAD_DATA, "toUserId", NULL},
	{"{\"event\":\"watch\",\"data\":{}}", EX_BAD_DATA, "users", NULL},
	{"{\"event\":\"watch\",\"data\":{\"users\":\"7\"}}", EX_BAD_DATA, "users", NULL},
	{"{\"event\":\"watch\",\"data\":{\"users\":[\"7\",1.5]}}", EX_BAD_DATA, "users", NULL},
	{"{\"event\":\"watch\",\"data\":{\"users\":[[]]}}", EX_BAD_DATA, "users", NULL},
	{"{\"event\":\"push\"}", EX_BAD_DATA, "data", NULL},
	{"{\"event\":\"push\",\"data\":{\"data\":1}}", EX_BAD_DATA, "event", NULL},
	{"{\"event\":\"push\",\"data\":{\"event\":\"chat\",\"data\":1}}", EX_BAD_DATA, "event",
		NULL},
	{"{\"event\":\"push\",\"data\":{\"event\":\"auth.x\",\"data\":1}}", EX_BAD_DATA, "event",
		NULL},
	{"{\"event\":\"push\",\"data\":{\"event\":\"a b\",\"data\":1}}", EX_BAD_DATA, "event",
		NULL},
	{"{\"event\":\"push\",\"data\":{\"event\":\"news\"}}", EX_BAD_DATA, "data", NULL},
	{"{\"event\":\"push\",\"data\":{\"event\":\"news\",\"data\":1,\"user\":1.5}}", EX_BAD_DATA,
		"user", NULL},
	{"{\"event\":\"push\",\"data\":{\"event\":\"news\",\"data\":1,\"user\":\"\"}}", EX_BAD_DATA,
		"user", NULL},
};

static void check(const struct row *row)
{
	struct frame f;
	struct frame_error e = frame_read(slice_of(row->text), &f);

	if (e.code != row->code)
		fail_msg("%s: %d instead of %d", row->text, (int)e.code, (int)row->code);
	if (!slice_eq(slice_of(e.field), slice_of(row->field)))
		fail_msg("%s: field %s", row->text, e.field == NULL ? "none" : e.field);
	if (!slice_eq(f.id, slice_of(row->id)))
		fail_msg("%s: id %.*s", row->text, SLICE_ARGS(f.id));
	frame_fini(&f);
}

static void good_frames_are_read(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		check(&good[i]);
}

static void wrong_frames_get_their_exception(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		check(&wrong[i]);
}

static void every_beginning_of_a_frame_is_a_bad_frame(void **state)
{
	const char *text = good[9].text;

	(void)state;
	for (size_t len = 0; len < strlen(text); len++) {
		struct frame f;

		assert_int_equal(frame_read((struct slice){text, len}, &f).code, EX_BAD_FRAME);
		assert_int_equal(f.id.len, 0);
		frame_fini(&f);
	}
}

static void what_a_chat_says_is_what_was_sent(void **state)
{
	const char *text = "{\"event\":\"chat\",\"mid\":\"01K\",\"id\":7,"
			   "\"data\":{\"toUserId\":42,\"message\":\"a\\n\\u0000\\ud83d\\ude00\"}}";
	struct frame f;

	(void)state;
	assert_int_equal(frame_read(slice_of(text), &f).code, EX_NONE);
	assert_int_equal(f.event, FRAME_CHAT);
	assert_true(slice_is(f.to, "42"));
	assert_true(slice_is(f.mid, "01K"));
	assert_true(slice_eq(f.message, SLICE_LITERAL("a\n\0\xf0\x9f\x98\x80")));
	frame_fini(&f);
}

static void numbers_and_texts_name_the_same_user(void **state)
{
	static const char *const forms[] = {"7", "\"7\""};

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		char text[100];
		struct frame f;

		snprintf(text, sizeof(text), "{\"event\":\"typing\",\"data\":{\"toUserId\":%s}}",
			forms[i]);
		assert_int_equal(frame_read(slice_of(text), &f).code, EX_NONE);
		assert_true(slice_is(f.to, "7"));
		frame_fini(&f);
	}
}

/* n of c, or the same text n times. */
static struct slice many(const char *before, const char *piece, size_t n, const char *after)
{
	static char text[200000];
	char *p = stpcpy(text, before);

	for (size_t i = 0; i < n; i++)
		p = stpcpy(p, piece);
	p = stpcpy(p, after);
	return (struct slice){text, (size_t)(p - text)};
}

static enum exception_code code_of(struct slice text)
{
	struct frame f;
	enum exception_code code = frame_read(text, &f).code;

	frame_fini(&f);
	return code;
}

static void the_bounds_are_exact(void **state)
{
	const char *chat = "{\"event\":\"chat\",\"data\":{\"toUserId\":7,\"message\":\"";
	const char *to = "{\"event\":\"typing\",\"data\":{\"toUserId\":\"";
	const char *push = "{\"event\":\"push\",\"data\":{\"event\":\"n\",\"data\":\"";
	const char *name = "{\"event\":\"push\",\"data\":{\"data\":1,\"event\":\"";
	const char *id = "{\"event\":\"heartbeat\",\"id\":\"";
	const char *mid = "{\"event\":\"heartbeat\",\"mid\":\"";

	(void)state;
	assert_int_equal(code_of(many(chat, "x", CHAT_MAX_BYTES, "\"}}")), EX_NONE);
	assert_int_equal(code_of(many(chat, "x", CHAT_MAX_BYTES + 1, "\"}}")), EX_TOO_LARGE);
	assert_int_equal(code_of(many(chat, "\xc3\xa9", CHAT_MAX_BYTES / 2, "\"}}")), EX_NONE);
	assert_int_equal(
		code_of(many(chat, "\xc3\xa9", CHAT_MAX_BYTES / 2 + 1, "\"}}")), EX_TOO_LARGE);
	assert_int_equal(code_of(many(to, "x", UID_MAX_BYTES, "\"}}")), EX_NONE);
	assert_int_equal(code_of(many(to, "x", UID_MAX_BYTES + 1, "\"}}")), EX_BAD_DATA);
	assert_int_equal(code_of(many(push, "x", CHAT_MAX_BYTES - 2, "\"}}")), EX_NONE);
	assert_int_equal(code_of(many(push, "x", CHAT_MAX_BYTES - 1, "\"}}")), EX_TOO_LARGE);
	assert_int_equal(code_of(many(name, "x", EVENT_MAX_BYTES, "\"}}")), EX_NONE);
	assert_int_equal(code_of(many(name, "x", EVENT_MAX_BYTES + 1, "\"}}")), EX_BAD_DATA);
	assert_int_equal(code_of(many(id, "x", FRAME_ID_MAX_BYTES - 2, "\"}")), EX_NONE);
	assert_int_equal(code_of(many(id, "x", FRAME_ID_MAX_BYTES - 1, "\"}")), EX_BAD_DATA);
	assert_int_equal(code_of(many(mid, "x", MID_MAX_BYTES, "\"}")), EX_NONE);
	assert_int_equal(code_of(many(mid, "x", MID_MAX_BYTES + 1, "\"}")), EX_BAD_DATA);
}

static void depth_is_bounded_before_parsing(void **state)
{
	static char close[20000];

	(void)state;
	/* the frame itself is one, its data another */
	for (size_t n = 0; n < 10000; n = n < 20 ? n + 1 : n * 3) {
		memset(close, ']', n);
		strcpy(close + n, "}}");
		assert_int_equal(
			code_of(many("{\"event\":\"push\",\"data\":{\"event\":\"n\",\"data\":", "[",
				n, n == 0 ? "1}}" : close)),
			n <= FRAME_MAX_DEPTH - 2 ? EX_NONE : EX_BAD_FRAME);
	}
}

static void a_hundred_users_may_be_watched(void **state)
{
	struct frame f;
	const char *before = "{\"event\":\"watch\",\"data\":{\"users\":[1";

	(void)state;
	assert_int_equal(
		frame_read(many(before, ",\"ann\"", WATCH_MAX_USERS - 1, "]}}"), &f).code, EX_NONE);
	assert_int_equal(f.n_users, WATCH_MAX_USERS);
	assert_true(slice_is(f.users[0], "1"));
	assert_true(slice_is(f.users[WATCH_MAX_USERS - 1], "ann"));
	frame_fini(&f);
	assert_int_equal(
		code_of(many(before, ",\"ann\"", WATCH_MAX_USERS, "]}}")), EX_TOO_MANY_WATCHES);
}

static void a_position_is_read_as_it_was_said(void **state)
{
	const char *sync =
		"{\"event\":\"sync\",\"data\":{\"e\":\"k3f9k3f9\",\"s\":9223372036854775807}}";
	struct frame f;

	(void)state;
	assert_int_equal(frame_read(slice_of(sync), &f).code, EX_NONE);
	assert_int_equal(f.event, FRAME_SYNC);
	assert_true(slice_is(f.epoch, "k3f9k3f9"));
	assert_false(f.has_u);
	assert_true(f.has_s);
	assert_true(f.s == INT64_MAX);
	frame_fini(&f);
	assert_int_equal(
		frame_read(SLICE_LITERAL("{\"event\":\"heartbeat\",\"data\":{\"u\":0}}"), &f).code,
		EX_NONE);
	assert_true(f.has_u && !f.has_s && f.u == 0);
	frame_fini(&f);
	assert_int_equal(
		frame_read(SLICE_LITERAL("{\"event\":\"heartbeat\",\"data\":{}}"), &f).code,
		EX_NONE);
	assert_false(f.has_u || f.has_s);
	frame_fini(&f);
}

static void a_push_carries_its_data_compactly(void **state)
{
	const char *text = "{\"event\":\"push\",\"data\":{\"event\":\"a.b\",\"user\":9,"
			   "\"data\": { \"x\" : [ 1 , \"\xc3\xa9\" ] } }}";
	struct frame f;

	(void)state;
	assert_int_equal(frame_read(slice_of(text), &f).code, EX_NONE);
	assert_int_equal(f.event, FRAME_PUSH);
	assert_true(slice_is(f.name, "a.b"));
	assert_true(slice_is(f.to, "9"));
	assert_true(slice_is(buf_slice(&f.data), "{\"x\":[1,\"\xc3\xa9\"]}"));
	frame_fini(&f);
}

static void a_token_is_found_in_a_frame_of_any_event(void **state)
{
	static const struct {
		const char *text;
		const char *token;
	} table[] = {
		{"{\"event\":\"chat\",\"data\":{\"toUserId\":7,\"message\":\"x\",\"token\":\"T.t\"}"
		 "}",
			"T.t"},
		{"{\"event\":\"heartbeat\",\"data\":{\"token\":\"T\"}}", "T"},
		{"{\"event\":\"sync\",\"data\":{\"token\":\"T\"}}", "T"}, /* with no epoch */
		{"{\"event\":\"push\",\"data\":{\"event\":\"chat\",\"token\":\"T\"}}", "T"},
		{"{\"event\":\"nobody_knows\",\"data\":{\"token\":\"T\"}}", "T"},
		{"{\"event\":\"heartbeat\",\"mid\":7,\"data\":{\"token\":\"T\"}}", "T"},
		{"{\"event\":\"heartbeat\",\"data\":{\"token\":\"\"}}", ""},
		{"{\"event\":\"heartbeat\",\"data\":{\"token\":7}}", NULL},
		{"{\"event\":\"heartbeat\",\"token\":\"T\"}", NULL},
		{"{\"event\":\"heartbeat\",\"data\":{\"a\":{\"token\":\"T\"}}}", NULL},
		{"{\"event\":\"push\",\"data\":{\"event\":\"news\",\"data\":{\"token\":\"T\"}}}",
			NULL},
		{"{\"event\":\"heartbeat\",\"data\":[\"token\",\"T\"]}", NULL},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		struct frame f;

		frame_read(slice_of(table[i].text), &f);
		if (table[i].token == NULL) {
			assert_null(f.token.data);
		} else {
			assert_non_null(f.token.data);
			assert_true(slice_is(f.token, table[i].token));
		}
		frame_fini(&f);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(good_frames_are_read),
		cmocka_unit_test(wrong_frames_get_their_exception),
		cmocka_unit_test(every_beginning_of_a_frame_is_a_bad_frame),
		cmocka_unit_test(what_a_chat_says_is_what_was_sent),
		cmocka_unit_test(numbers_and_texts_name_the_same_user),
		cmocka_unit_test(the_bounds_are_exact),
		cmocka_unit_test(depth_is_bounded_before_parsing),
		cmocka_unit_test(a_hundred_users_may_be_watched),
		cmocka_unit_test(a_position_is_read_as_it_was_said),
		cmocka_unit_test(a_push_carries_its_data_compactly),
		cmocka_unit_test(a_token_is_found_in_a_frame_of_any_event),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
