/* What a session may do: by its ticket's scopes, operation by operation, and as that of an HTTP
 * request. */
#include "core_rig.h"

static struct core_event open_event(
	const struct rig *r, struct ticket *t, uint64_t session, const char *uid, unsigned flags)
{
	*t = rig_ticket(r, session, uid);
	t->flags = (unsigned char)flags;
	return rig_open_event(t);
}

static void open_with(struct rig *r, uint64_t session, const char *uid, unsigned flags)
{
	struct ticket t;
	struct core_event e;

	r->link = 0;
	e = open_event(r, &t, session, uid, flags);
	rig_step(r, &e);
}

static void call(struct rig *r, uint32_t link, uint64_t session, const char *uid, unsigned flags)
{
	struct ticket t;
	struct core_event e;

	r->link = link;
	e = open_event(r, &t, session, uid, flags);
	e.open.dialect = CORE_API;
	e.open.device = (struct slice){0};
	rig_step(r, &e);
}

static struct core_event push_event(uint64_t session, const char *to)
{
	struct core_event e = rig_push(to, "");

	e.kind = CORE_PUSH;
	e.push.session = session;
	return e;
}

/* What came of it: 0, or the code of the refusal. */
static unsigned result(const struct rig *r)
{
	return rig_one(r, CORE_DO_RESULT)->result.code;
}

#define READS 0u
#define SENDS (unsigned)TICKET_MAY_SEND
#define PUSHES (unsigned)TICKET_MAY_PUSH
#define READ_ONLY (unsigned)TICKET_READ_ONLY

static void scopes_say_who_may_send_and_push(void **state)
{
	static const struct {
		unsigned flags;
		unsigned send;
		unsigned push;
	} scopes[] = {
		{READS, EX_NOT_PERMITTED, EX_NOT_PERMITTED},
		{SENDS, 0, EX_NOT_PERMITTED},
		{PUSHES, EX_NOT_PERMITTED, 0},
		{SENDS | PUSHES, 0, 0},
		{READ_ONLY, EX_NOT_PERMITTED, EX_NOT_PERMITTED},
		{READ_ONLY | SENDS, EX_NOT_PERMITTED, EX_NOT_PERMITTED},
		{READ_ONLY | PUSHES, EX_NOT_PERMITTED, EX_NOT_PERMITTED},
		{READ_ONLY | SENDS | PUSHES, EX_NOT_PERMITTED, EX_NOT_PERMITTED},
	};
	struct rig r;

	(void)state;
	rig_start(&r);
	rig_open(&r, 1, 99, "ann");
	for (uint64_t i = 0; i < sizeof(scopes) / sizeof(scopes[0]); i++) {
		for (uint64_t session = 1 + i; session <= 101 + i; session += 100) {
			/* the same of a connection and of a request */
			if (session <= 100)
				open_with(&r, session, "jim", scopes[i].flags);
			else
				call(&r, 0, session, "jim", scopes[i].flags);
			rig_one(&r, CORE_DO_OPENED);
			rig_send(&r, 0, session, "ann", "x");
			assert_int_equal(result(&r), scopes[i].send);
			assert_int_equal(rig_received(&r, 1, 99), scopes[i].send == 0);
			rig_event(&r, 0, push_event(session, "ann"));
			assert_int_equal(result(&r), scopes[i].push);
			assert_int_equal(rig_received(&r, 1, 99), scopes[i].push == 0);
			rig_event(&r, 0, push_event(session, ""));
			assert_int_equal(result(&r), scopes[i].push);
			assert_int_equal(rig_count(&r, CORE_DO_SYSTEM), scopes[i].push == 0);
		}
	}
	rig_stop(&r);
}

static void who_may_not_send_does_not_seem_to_type(void **state)
{
	static const unsigned flags[] = {
		READS, PUSHES, READ_ONLY, READ_ONLY | SENDS, SENDS, SENDS | PUSHES};
	struct core_event e = {.kind = CORE_TYPING};
	struct rig r;

	(void)state;
	rig_start(&r);
	rig_open(&r, 1, 99, "ann");
	e.typing.to = SLICE_LITERAL("ann");
	for (uint64_t i = 0; i < 6; i++) {
		open_with(&r, i + 1, "jim", flags[i]);
		e.typing.session = i + 1;
		rig_event(&r, 0, e);
		assert_int_equal(rig_received(&r, 1, 99), i >= 4);
	}
	rig_stop(&r);
}

static void who_may_only_read_reads_and_is_there(void **state)
{
	static const struct slice users[] = {{"ann", 3}};
	struct core_event watch = {.kind = CORE_WATCH, .watch = {1, users, 1}};
	struct core_event away = {.kind = CORE_AWAY, .away = {1, true}};
	struct core_event ack = {.kind = CORE_ACK, .ack = {1, 1, 0}};
	struct core_event sync = {.kind = CORE_SYNC, .sync = {1, CORE_STREAM_USER, 0}};
	struct rig r;

	(void)state;
	rig_start(&r);
	rig_open(&r, 1, 99, "ann");
	open_with(&r, 1, "jim", READ_ONLY);
	rig_send(&r, 1, 99, "jim", "x");
	assert_int_equal(rig_received(&r, 0, 1), 1);
	rig_event(&r, 0, watch);
	assert_int_equal(rig_received(&r, 0, 1), 1);
	rig_event(&r, 0, away);
	assert_string_equal(rig_user(&r, "jim").state, "away");
	rig_event(&r, 0, sync);
	rig_one(&r, CORE_DO_READ);
	rig_event(&r, 0, ack);
	assert_int_equal(rig_user(&r, "jim").acked, 1);
	assert_int_equal(rig_count(&r, CORE_DO_VIOLATION), 0);
	rig_stop(&r);
}

static void a_request_is_seen_by_nobody_and_hears_nothing(void **state)
{
	static const struct slice users[] = {{"jim", 3}};
	struct core_event watch = {.kind = CORE_WATCH, .watch = {99, users, 1}};
	struct core_session_info info;
	struct core_user_info next;
	struct core_counts n;
	struct rig r;

	(void)state;
	rig_start(&r);
	rig_open(&r, 1, 99, "ann");
	rig_event(&r, 1, watch);
	r.now_ms += 5000;
	call(&r, 0, 1, "jim", SENDS);
	rig_one(&r, CORE_DO_OPENED);
	rig_one(&r, CORE_DO_USER); /* he is known from now on */
	rig_tick(&r, 0);
	assert_int_equal(rig_received(&r, 1, 99), 0);
	assert_string_equal(rig_user(&r, "jim").state, "offline");
	assert_int_equal(rig_user(&r, "jim").n_sessions, 0);
	assert_false(core_user_session(r.core, SLICE_LITERAL("jim"), 0, &info));
	assert_true(core_next_online(r.core, (struct slice){0}, &next));
	assert_false(core_next_online(r.core, SLICE_LITERAL("ann"), &next));
	assert_int_equal(core_link_sessions(r.core, 0), 0);
	core_counts(r.core, &n);
	assert_int_equal(n.sessions, 1);
	assert_int_equal(n.users_online, 1);
	assert_int_equal(n.syncing, 0);
	rig_send(&r, 1, 99, "jim", "x");
	assert_int_equal(rig_one(&r, CORE_DO_RESULT)->result.state, CORE_KEPT);
	assert_int_equal(rig_count(&r, CORE_DO_DELIVER), 0);
	rig_step(&r, &(struct core_event){.kind = CORE_CTL_PUSH,
			     .push = {.event = SLICE_LITERAL("news"), .data = SLICE_LITERAL("1")}});
	assert_int_equal(rig_one(&r, CORE_DO_CTL_RESULT)->result.devices, 1);
	rig_close(&r, 0, 1);
	rig_tick(&r, 0);
	assert_int_equal(rig_received(&r, 1, 99), 0);
	assert_int_equal(rig_user(&r, "jim").n_devices, 0);
	rig_stop(&r);
}

static void what_a_request_sends_is_shown_to_the_other_devices(void **state)
{
	struct rig r;

	(void)state;
	rig_start(&r);
	rig_open(&r, 1, 99, "ann");
	rig_open(&r, 1, 2, "jim");
	call(&r, 0, 1, "jim", SENDS);
	rig_send(&r, 0, 1, "ann", "x");
	assert_int_equal(rig_one(&r, CORE_DO_RESULT)->result.state, CORE_DELIVERED);
	assert_int_equal(rig_one(&r, CORE_DO_RESULT)->result.devices, 1);
	assert_int_equal(rig_received(&r, 1, 99), 1);
	assert_int_equal(rig_received(&r, 1, 2), 1);
	assert_int_equal(rig_received(&r, 0, 1), 0);
	rig_stop(&r);
}

static void a_request_that_is_repeated_sends_nothing_again(void **state)
{
	struct rig r;

	(void)state;
	rig_start(&r);
	rig_known(&r, "ann");
	call(&r, 0, 1, "jim", SENDS);
	rig_event(&r, 0, rig_message(1, "ann", "key"));
	assert_int_equal(result(&r), 0);
	rig_close(&r, 0, 1);
	call(&r, 1, 2, "jim", SENDS);
	rig_event(&r, 1, rig_message(2, "ann", "key"));
	assert_int_equal(rig_one(&r, CORE_DO_RESULT)->result.state, CORE_DUPLICATE);
	rig_event(&r, 1, rig_message(2, "jim", "key"));
	assert_int_equal(result(&r), EX_MID_REUSED);
	/* of a connection the same id is another one */
	rig_open(&r, 0, 3, "jim");
	rig_event(&r, 0, rig_message(3, "ann", "key"));
	assert_int_equal(rig_one(&r, CORE_DO_RESULT)->result.state, CORE_KEPT);
	rig_stop(&r);
}

static void a_request_does_nothing_but_send_and_push(void **state)
{
	static const struct slice users[] = {{"jim", 3}};
	struct core_event events[] = {
		{.kind = CORE_WATCH, .watch = {1, users, 1}},
		{.kind = CORE_AWAY, .away = {1, true}},
		{.kind = CORE_ACK, .ack = {1, 0, 0}},
		{.kind = CORE_SYNC, .sync = {1, CORE_STREAM_USER, 0}},
		{.kind = CORE_TYPING, .typing = {1, {"jim", 3}}},
		{.kind = CORE_RENEW, .renew = {.session = 1}},
		{.kind = CORE_REBIND, .open = {.replaces = 1}},
	};
	struct ticket renewal;
	struct ticket other;
	uint64_t before;
	struct rig r;

	(void)state;
	rig_start(&r);
	rig_open(&r, 0, 2, "jim");
	call(&r, 0, 1, "jim", SENDS);
	r.now_ms++;
	renewal = rig_ticket(&r, 1, "jim");
	other = rig_ticket(&r, 3, "ann");
	events[5].renew.ticket = &renewal;
	events[6].open = rig_open_event(&other).open;
	events[6].open.replaces = 1;
	before = core_digest(r.core);
	for (size_t i = 0; i < sizeof(events) / sizeof(events[0]); i++) {
		rig_event(&r, 0, events[i]);
		rig_one(&r, CORE_DO_VIOLATION);
		assert_true(core_digest(r.core) == before);
	}
	rig_stop(&r);
}

static void requests_have_a_limit_of_their_own_and_an_end(void **state)
{
	struct rig r;

	(void)state;
	rig_start(&r);
	for (uint64_t s = 1; s <= 8; s++)
		rig_open(&r, 0, 100 + s, "jim"); /* his limit */
	for (uint64_t s = 1; s <= API_SESSIONS_PER_USER; s++) {
		call(&r, s % 2, s, "jim", SENDS);
		rig_one(&r, CORE_DO_OPENED);
	}
	call(&r, 0, 50, "jim", SENDS);
	assert_int_equal(rig_one(&r, CORE_DO_OPEN_REFUSED)->open_refused.code, CLOSE_RATE_LIMITED);
	call(&r, 0, 51, "ann", SENDS);
	rig_one(&r, CORE_DO_OPENED);
	rig_close(&r, 1, 1);
	r.now_ms++;
	call(&r, 0, 52, "jim", SENDS);
	rig_one(&r, CORE_DO_OPENED);
	rig_tick(&r, API_SESSION_MS - 1);
	assert_int_equal(rig_count(&r, CORE_DO_SHUT), API_SESSIONS_PER_USER);
	assert_int_equal(rig_nth(&r, CORE_DO_SHUT, 0)->shut.code, CLOSE_RETRY);
	rig_tick(&r, 1);
	assert_int_equal(rig_one(&r, CORE_DO_SHUT)->shut.session, 52);
	assert_int_equal(rig_count(&r, CORE_DO_MARK), 0);
	assert_int_equal(rig_user(&r, "jim").n_sessions, 8);
	rig_stop(&r);
}

static void requests_end_with_their_link_a_kick_and_a_revocation(void **state)
{
	struct core_event kick = {.kind = CORE_CTL_KICK, .user = {SLICE_LITERAL("jim")}};
	struct core_event e = {.kind = CORE_REVOKE};
	struct ticket t;
	struct rig r;

	(void)state;
	rig_start(&r);
	call(&r, 0, 1, "jim", SENDS);
	rig_edge_down(&r, 0);
	rig_edge_up(&r, 0);
	rig_send(&r, 0, 1, "jim", "x");
	assert_int_equal(result(&r), EX_TOKEN_EXPIRED);
	call(&r, 0, 2, "jim", SENDS);
	rig_step(&r, &kick);
	assert_int_equal(rig_one(&r, CORE_DO_SHUT)->shut.session, 2);
	assert_int_equal(rig_one(&r, CORE_DO_MARK)->mark.mark.id, 2);
	assert_int_equal(rig_one(&r, CORE_DO_CTL_RESULT)->result.devices, 0);
	call(&r, 0, 3, "jim", SENDS);
	e.revoke.mark =
		(struct mark){.kind = MARK_ISSUER, .at_ms = r.now_ms, .code = CLOSE_REVOKED};
	rig_step(&r, &e);
	assert_int_equal(rig_one(&r, CORE_DO_SHUT)->shut.session, 3);
	call(&r, 0, 4, "jim", SENDS);
	assert_int_equal(rig_one(&r, CORE_DO_OPEN_REFUSED)->open_refused.code, CLOSE_REVOKED);
	/* and none is opened again */
	r.now_ms++;
	t = rig_ticket(&r, 5, "jim");
	e = rig_open_event(&t);
	e.open.dialect = CORE_API;
	e.open.reopen = true;
	rig_step(&r, &e);
	assert_int_equal(rig_one(&r, CORE_DO_OPEN_REFUSED)->open_refused.code, CLOSE_RETRY);
	rig_stop(&r);
}

static void a_request_keeps_nothing_from_being_trimmed(void **state)
{
	struct core_event ack = {.kind = CORE_ACK, .ack = {1, 2, 0}};
	struct core_event old = {.kind = CORE_OLD};
	struct rig r;

	(void)state;
	rig_start(&r);
	rig_open(&r, 0, 1, "jim");
	call(&r, 0, 2, "jim", SENDS);
	rig_send(&r, 0, 1, "jim", "x");
	rig_send(&r, 0, 1, "jim", "x");
	rig_event(&r, 0, ack);
	old.old.uid = SLICE_LITERAL("jim");
	old.old.seq = 2;
	old.old.ts_ms = 1767225600000;
	rig_step(&r, &old);
	assert_int_equal(rig_one(&r, CORE_DO_TRIM)->trim.seq, 2);
	rig_stop(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(scopes_say_who_may_send_and_push),
		cmocka_unit_test(who_may_not_send_does_not_seem_to_type),
		cmocka_unit_test(who_may_only_read_reads_and_is_there),
		cmocka_unit_test(a_request_is_seen_by_nobody_and_hears_nothing),
		cmocka_unit_test(what_a_request_sends_is_shown_to_the_other_devices),
		cmocka_unit_test(a_request_that_is_repeated_sends_nothing_again),
		cmocka_unit_test(a_request_does_nothing_but_send_and_push),
		cmocka_unit_test(requests_have_a_limit_of_their_own_and_an_end),
		cmocka_unit_test(requests_end_with_their_link_a_kick_and_a_revocation),
		cmocka_unit_test(a_request_keeps_nothing_from_being_trimmed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
