/* Who gets what: private messages, pushes, typing. */
#include "common/json.h"
#include "core_rig.h"

static void a_message_reaches_every_session_of_its_recipient_once_per_link(void **state)
{
	struct rig r;
	const struct core_command *c;

	(void)state;
	rig_start(&r);
	rig_open(&r, 0, 1, "1");
	rig_open(&r, 1, 2, "2");
	rig_open(&r, 0, 3, "2");
	rig_open(&r, 1, 4, "2");
	rig_open(&r, 0, 5, "3");
	rig_send(&r, 0, 1, "2", "hi");
	assert_int_equal(rig_count(&r, CORE_DO_DELIVER), 2);
	assert_int_equal(rig_received(&r, 1, 2), 1);
	assert_int_equal(rig_received(&r, 0, 3), 1);
	assert_int_equal(rig_received(&r, 1, 4), 1);
	assert_int_equal(rig_received(&r, 0, 5), 0);
	assert_int_equal(rig_received(&r, 0, 1), 0);
	c = rig_one(&r, CORE_DO_RESULT);
	assert_int_equal(c->link, 0);
	assert_int_equal(c->result.ref, 77);
	assert_int_equal(c->result.state, CORE_DELIVERED);
	assert_int_equal(c->result.devices, 3);
	assert_int_equal(c->result.seq, 1);
	assert_int_equal(c->result.mid.len, 26);
	assert_int_equal(rig_user(&r, "1").seq, 1);
	assert_int_equal(rig_user(&r, "2").seq, 1);
	rig_stop(&r);
}

static void the_text_has_the_places_where_the_shorter_forms_end(void **state)
{
	struct rig r;
	struct core_event e = {.kind = CORE_SEND};
	const struct core_text *t;

	(void)state;
	rig_start(&r);
	rig_open(&r, 0, 1, "jim");
	rig_open(&r, 0, 2, "2");
	e.send.session = 1;
	e.send.to = SLICE_LITERAL("2");
	e.send.content = SLICE_LITERAL("a\"b\\c\n\x01\x7f\xf0\x9f\x91\x8b");
	e.send.mid = SLICE_LITERAL("m-1");
	rig_step(&r, &e);
	t = &rig_one(&r, CORE_DO_DELIVER)->deliver.text;
	rig_assert_text(t, t->data_end,
		"{\"event\":\"chat\",\"data\":{\"fromUser\":\"jim\",\"content\":"
		"\"a\\\"b\\\\c\\n\\u0001\x7f\xf0\x9f\x91\x8b\"}");
	rig_assert_text(t, t->plain_end,
		"{\"event\":\"chat\",\"data\":{\"fromUser\":\"jim\",\"content\":"
		"\"a\\\"b\\\\c\\n\\u0001\x7f\xf0\x9f\x91\x8b\"},\"seq\":1");
	rig_assert_text(t, t->text.len,
		"{\"event\":\"chat\",\"data\":{\"fromUser\":\"jim\",\"content\":"
		"\"a\\\"b\\\\c\\n\\u0001\x7f\xf0\x9f\x91\x8b\"},\"seq\":1"
		",\"mid\":\"m-1\",\"ts\":1767226600000");
	assert_true(slice_is(rig_one(&r, CORE_DO_RESULT)->result.mid, "m-1"));
	rig_stop(&r);
}

static void every_text_of_one_character_comes_back_as_it_was(void **state)
{
	struct rig r;

	(void)state;
	rig_start(&r);
	rig_open(&r, 0, 1, "1");
	for (unsigned ch = 0; ch < 128; ch++) {
		CLEANUP(json_decrefp) json_t *frame = NULL;
		char content[1] = {(char)ch};
		char text[512];
		struct core_event e = {.kind = CORE_SEND};
		struct slice got;
		int n;

		e.send.session = 1;
		e.send.to = SLICE_LITERAL("1");
		e.send.content = (struct slice){content, 1};
		rig_step(&r, &e);
		n = snprintf(text, sizeof(text), "%.*s}",
			SLICE_ARGS(rig_one(&r, CORE_DO_DELIVER)->deliver.text.text));
		assert_int_equal(json_read((struct slice){text, (size_t)n}, 8, &frame), JSON_READ);
		got = json_text(json_object_get(frame, "data"), "content");
		assert_true(slice_eq(got, e.send.content));
	}
	rig_stop(&r);
}

static void the_senders_other_sessions_get_a_carbon_which_a_plain_one_only_counts(void **state)
{
	struct rig r;
	struct ticket t;
	struct core_event plain;
	const struct core_command *c;

	(void)state;
	rig_start(&r);
	rig_open(&r, 0, 1, "42");
	rig_open(&r, 1, 2, "42");
	rig_open(&r, 0, 3, "7");
	t = rig_ticket(&r, 4, "42");
	plain = rig_open_event(&t);
	plain.open.dialect = CORE_PLAIN;
	rig_step(&r, &plain);
	rig_send(&r, 0, 1, "7", "yo");
	assert_int_equal(rig_count(&r, CORE_DO_DELIVER), 3);
	assert_int_equal(rig_received(&r, 0, 3), 1);
	assert_int_equal(rig_received(&r, 0, 4), 1);
	assert_int_equal(rig_received(&r, 0, 1), 0);
	assert_true(rig_nth(&r, CORE_DO_DELIVER, 1)->deliver.native_only);
	assert_int_equal(rig_nth(&r, CORE_DO_DELIVER, 1)->deliver.number, 1);
	c = rig_nth(&r, CORE_DO_DELIVER, 2);
	assert_int_equal(c->link, 1);
	assert_int_equal(c->deliver.sessions[0], 2);
	assert_true(c->deliver.native_only);
	rig_assert_text(&c->deliver.text, c->deliver.text.plain_end,
		"{\"event\":\"chat\",\"data\":{\"toUser\":7,\"content\":\"yo\",\"fromUser\":42},"
		"\"seq\":1");
	assert_memory_equal(
		c->deliver.text.text.data + c->deliver.text.text.len - 14, ",\"carbon\":true", 14);
	rig_stop(&r);
}

static void a_message_to_oneself_has_one_number_and_reaches_all_own_sessions(void **state)
{
	struct rig r;
	const struct core_command *c;

	(void)state;
	rig_start(&r);
	rig_open(&r, 0, 1, "1");
	rig_open(&r, 1, 2, "1");
	rig_send(&r, 0, 1, "1", "note");
	assert_int_equal(rig_received(&r, 0, 1), 1);
	assert_int_equal(rig_received(&r, 1, 2), 1);
	assert_int_equal(rig_count(&r, CORE_DO_DELIVER), 2);
	c = rig_one(&r, CORE_DO_RESULT);
	assert_int_equal(c->result.devices, 2);
	assert_int_equal(c->result.seq, 0);
	assert_int_equal(rig_user(&r, "1").seq, 1);
	rig_stop(&r);
}

static struct core_event send_event(const char *to)
{
	struct core_event e = {.kind = CORE_SEND};

	e.send.session = 1;
	e.send.ref = 5;
	e.send.to = slice_of(to);
	e.send.content = SLICE_LITERAL("x");
	return e;
}

static void assert_refused(struct rig *r, struct core_event *e, unsigned code, const char *field)
{
	uint64_t before = core_digest(r->core);
	const struct core_command *c;

	rig_step(r, e);
	c = rig_one(r, CORE_DO_RESULT);
	assert_int_equal(c->result.state, CORE_REFUSED);
	assert_int_equal(c->result.ref, 5);
	assert_int_equal(c->result.code, code);
	assert_int_equal(rig_count(r, CORE_DO_DELIVER), 0);
	assert_int_equal(rig_count(r, CORE_DO_SYSTEM), 0);
	if (field == NULL)
		assert_null(c->result.field);
	else
		assert_string_equal(c->result.field, field);
	assert_true(core_digest(r->core) == before);
}

static void after_a_restart_nobody_is_unknown_until_edges_have_reopened(void **state)
{
	struct core_config restarted = rig_config;
	struct core_event e;
	struct rig r;

	(void)state;
	restarted.after_restart = true;
	rig_start_with(&r, &restarted);
	rig_open(&r, 0, 1, "1");
	e = send_event("2");
	assert_refused(&r, &e, EX_RECIPIENT_OFFLINE, NULL);
	rig_tick(&r, 4999);
	assert_refused(&r, &e, EX_RECIPIENT_OFFLINE, NULL);
	rig_tick(&r, 1);
	assert_refused(&r, &e, EX_RECIPIENT_UNKNOWN, NULL);
	rig_stop(&r);
}

static void a_message_that_cannot_be_delivered_is_answered_so_and_changes_nothing(void **state)
{
	static char large[CHAT_MAX_BYTES + 1];
	struct rig r;
	struct core_event e;

	(void)state;
	rig_start(&r);
	rig_open(&r, 0, 1, "1");
	e = send_event("nobody");
	assert_refused(&r, &e, EX_RECIPIENT_UNKNOWN, NULL);
	e = send_event("");
	assert_refused(&r, &e, EX_BAD_DATA, "toUserId");
	e = send_event("a b");
	assert_refused(&r, &e, EX_BAD_DATA, "toUserId");
	e = send_event("1");
	e.send.content = SLICE_LITERAL("\xc3(");
	assert_refused(&r, &e, EX_BAD_DATA, "message");
	e.send.content = SLICE_LITERAL("x");
	e.send.mid = SLICE_LITERAL("no good");
	assert_refused(&r, &e, EX_BAD_DATA, "mid");
	e.send.mid.len = 0;
	memset(large, 'x', sizeof(large));
	e.send.content = (struct slice){large, sizeof(large)};
	assert_refused(&r, &e, EX_TOO_LARGE, "message");
	e.send.content.len--;
	rig_step(&r, &e);
	assert_int_equal(rig_one(&r, CORE_DO_RESULT)->result.state, CORE_DELIVERED);
	rig_stop(&r);
}

static void without_a_durable_store_nobody_gets_a_message_who_is_not_there(void **state)
{
	struct core_config memory = rig_config;
	struct rig r;
	struct core_event e;

	(void)state;
	for (int i = 0; i < 2; i++) {
		memory.is_durable = false;
		memory.recipients = i == 0 ? CORE_RECIPIENTS_KNOWN : CORE_RECIPIENTS_ANY;
		rig_start_with(&r, &memory);
		rig_known(&r, "offline");
		rig_open(&r, 0, 1, "1");
		e = send_event("offline");
		assert_refused(&r, &e, EX_RECIPIENT_OFFLINE, NULL);
		assert_int_not_equal(rig_one(&r, CORE_DO_RESULT)->result.after_ms, 0);
		e = send_event("nobody");
		assert_refused(&r, &e, i == 0 ? EX_RECIPIENT_UNKNOWN : EX_RECIPIENT_OFFLINE, NULL);
		e = send_event("a b");
		assert_refused(&r, &e, EX_BAD_DATA, "toUserId");
		rig_open(&r, 1, 2, "offline");
		r.link = 0;
		e = send_event("offline");
		rig_step(&r, &e);
		rig_store(&r);
		assert_int_equal(rig_one(&r, CORE_DO_RESULT)->result.state, CORE_DELIVERED);
		rig_stop(&r);
	}
}

static void a_ticket_without_the_right_to_send_sends_nothing(void **state)
{
	static const unsigned char flags[] = {
		0, TICKET_READ_ONLY, TICKET_MAY_SEND | TICKET_READ_ONLY, TICKET_MAY_PUSH};
	struct rig r;

	(void)state;
	for (size_t i = 0; i < sizeof(flags); i++) {
		struct ticket t;
		struct core_event e = send_event("2");
		struct core_event typing = {.kind = CORE_TYPING};

		rig_start(&r);
		rig_open(&r, 1, 2, "2");
		r.link = 0;
		t = rig_ticket(&r, 1, "1");
		t.flags = flags[i];
		rig_present(&r, &t);
		assert_refused(&r, &e, EX_NOT_PERMITTED, NULL);
		typing.typing.session = 1;
		typing.typing.to = SLICE_LITERAL("2");
		rig_step(&r, &typing);
		assert_int_equal(r.out.n, 0);
		rig_stop(&r);
	}
}

static struct core_event push_event(enum core_event_kind kind, const char *user)
{
	struct core_event e = {.kind = kind};

	e.push.session = kind == CORE_PUSH ? 1 : 0;
	e.push.ref = 5;
	e.push.user = slice_of(user);
	e.push.event = SLICE_LITERAL("news");
	e.push.data = SLICE_LITERAL("{\"a\":1}");
	e.push.mid = SLICE_LITERAL("p1");
	return e;
}

static void a_push_to_one_user_takes_a_number_of_that_users_stream(void **state)
{
	struct rig r;
	struct core_event e = push_event(CORE_CTL_PUSH, "2");
	const struct core_command *c;

	(void)state;
	rig_start(&r);
	rig_open(&r, 0, 1, "1");
	rig_open(&r, 1, 2, "2");
	rig_step(&r, &e);
	c = rig_one(&r, CORE_DO_DELIVER);
	assert_int_equal(c->link, 1);
	assert_int_equal(c->deliver.sessions[0], 2);
	rig_assert_text(&c->deliver.text, c->deliver.text.text.len,
		"{\"event\":\"news\",\"data\":{\"a\":1},\"seq\":1,\"mid\":\"p1\","
		"\"ts\":1767226600000");
	c = rig_one(&r, CORE_DO_CTL_RESULT);
	assert_int_equal(c->result.devices, 1);
	assert_int_equal(c->result.seq, 1);
	assert_int_equal(rig_user(&r, "2").seq, 1);
	assert_int_equal(rig_user(&r, "1").seq, 0);
	rig_stop(&r);
}

static void a_push_to_all_is_published_once_with_a_system_number(void **state)
{
	struct rig r;
	struct core_event e = push_event(CORE_CTL_PUSH, "");
	const struct core_command *c;

	(void)state;
	rig_start(&r);
	rig_open(&r, 0, 1, "1");
	rig_open(&r, 1, 2, "2");
	rig_step(&r, &e);
	e.push.mid = SLICE_LITERAL("p2");
	rig_step(&r, &e);
	assert_int_equal(rig_count(&r, CORE_DO_DELIVER), 0);
	c = rig_one(&r, CORE_DO_SYSTEM);
	assert_int_equal(c->system.number, 2);
	rig_assert_text(
		&c->system.text, c->system.text.data_end, "{\"event\":\"news\",\"data\":{\"a\":1}");
	rig_assert_text(&c->system.text, c->system.text.plain_end,
		"{\"event\":\"news\",\"data\":{\"a\":1},\"seq\":2");
	rig_assert_text(&c->system.text, c->system.text.text.len,
		"{\"event\":\"news\",\"data\":{\"a\":1},\"seq\":2,\"st\":\"s\",\"mid\":\"p2\","
		"\"ts\":1767226600000");
	assert_int_equal(rig_one(&r, CORE_DO_CTL_RESULT)->result.devices, 2);
	assert_int_equal(rig_user(&r, "2").seq, 0);
	rig_open(&r, 0, 3, "3");
	assert_int_equal(rig_one(&r, CORE_DO_OPENED)->opened.s, 2);
	rig_stop(&r);
}

static void only_a_session_with_the_scope_pushes(void **state)
{
	struct rig r;
	struct ticket t;
	struct core_event e = push_event(CORE_PUSH, "");

	(void)state;
	rig_start(&r);
	rig_open(&r, 0, 1, "1");
	assert_refused(&r, &e, EX_NOT_PERMITTED, NULL);
	t = rig_ticket(&r, 9, "1");
	t.flags |= TICKET_MAY_PUSH;
	rig_present(&r, &t);
	e.push.session = 9;
	rig_step(&r, &e);
	rig_one(&r, CORE_DO_SYSTEM);
	assert_int_equal(rig_one(&r, CORE_DO_RESULT)->result.devices, 2);
	rig_stop(&r);
}

static void the_servers_own_event_names_cannot_be_pushed(void **state)
{
	static const char *const names[] = {"ready", "ack", "exception", "presence", "typing",
		"heartbeat", "identity", "goaway", "gone", "reset", "auth.expiring", "chat", "",
		"a b"};
	struct rig r;

	(void)state;
	rig_start(&r);
	rig_open(&r, 0, 1, "1");
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		struct core_event e = push_event(CORE_CTL_PUSH, i % 2 == 0 ? "" : "1");
		const struct core_command *c;

		e.push.event = slice_of(names[i]);
		rig_step(&r, &e);
		c = rig_one(&r, CORE_DO_CTL_RESULT);
		assert_int_equal(c->result.code, EX_BAD_DATA);
		assert_string_equal(c->result.field, "event");
	}
	rig_stop(&r);
}

static void typing_is_relayed_to_who_is_there_and_to_nobody_else(void **state)
{
	struct rig r;
	struct core_event e = {.kind = CORE_TYPING};
	const struct core_command *c;

	(void)state;
	rig_start(&r);
	rig_open(&r, 0, 1, "1");
	e.typing.session = 1;
	e.typing.to = SLICE_LITERAL("2");
	rig_step(&r, &e);
	assert_int_equal(r.out.n, 0);
	rig_open(&r, 1, 2, "2");
	r.link = 0;
	rig_step(&r, &e);
	c = rig_one(&r, CORE_DO_DELIVER);
	assert_int_equal(c->link, 1);
	assert_true(c->deliver.shed);
	rig_assert_text(&c->deliver.text, c->deliver.text.plain_end,
		"{\"event\":\"typing\",\"data\":{\"fromUser\":1}");
	assert_int_equal(c->deliver.text.plain_end, c->deliver.text.text.len);
	assert_int_equal(rig_user(&r, "2").seq, 0);
	rig_stop(&r);
}

static void drawn_mids_sort_by_time_and_differ(void **state)
{
	struct rig r;
	char last[27] = "";

	(void)state;
	rig_start(&r);
	rig_open(&r, 0, 1, "1");
	for (int i = 0; i < 1000; i++) {
		char mid[27];

		r.now_ms += 1 + i % 7;
		rig_send(&r, 0, 1, "1", "x");
		snprintf(mid, sizeof(mid), "%.*s",
			SLICE_ARGS(rig_one(&r, CORE_DO_RESULT)->result.mid));
		assert_true(strcmp(last, mid) < 0);
		memcpy(last, mid, sizeof(last));
	}
	assert_memory_equal(last, "01KDVEK", 7); /* 2026-01-01 */
	rig_stop(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_message_reaches_every_session_of_its_recipient_once_per_link),
		cmocka_unit_test(the_text_has_the_places_where_the_shorter_forms_end),
		cmocka_unit_test(every_text_of_one_character_comes_back_as_it_was),
		cmocka_unit_test(
			the_senders_other_sessions_get_a_carbon_which_a_plain_one_only_counts),
		cmocka_unit_test(a_message_to_oneself_has_one_number_and_reaches_all_own_sessions),
		cmocka_unit_test(after_a_restart_nobody_is_unknown_until_edges_have_reopened),
		cmocka_unit_test(
			a_message_that_cannot_be_delivered_is_answered_so_and_changes_nothing),
		cmocka_unit_test(without_a_durable_store_nobody_gets_a_message_who_is_not_there),
		cmocka_unit_test(a_ticket_without_the_right_to_send_sends_nothing),
		cmocka_unit_test(a_push_to_one_user_takes_a_number_of_that_users_stream),
		cmocka_unit_test(a_push_to_all_is_published_once_with_a_system_number),
		cmocka_unit_test(only_a_session_with_the_scope_pushes),
		cmocka_unit_test(the_servers_own_event_names_cannot_be_pushed),
		cmocka_unit_test(typing_is_relayed_to_who_is_there_and_to_nobody_else),
		cmocka_unit_test(drawn_mids_sort_by_time_and_differ),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
