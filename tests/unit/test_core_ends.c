/* How sessions end, and what an edge may say about those that did or are not its own. */
#include "core_rig.h"

static void a_link_that_goes_down_takes_its_sessions_and_no_others(void **state)
{
	struct rig r;

	(void)state;
	rig_start(&r);
	rig_open(&r, 0, 1, "jim");
	rig_open(&r, 1, 2, "jim");
	rig_open(&r, 0, 3, "john");
	rig_edge_down(&r, 0);
	assert_int_equal(rig_user(&r, "jim").n_sessions, 1);
	assert_string_equal(rig_user(&r, "john").state, "offline");
	assert_int_equal(core_link_sessions(r.core, 0), 0);
	assert_int_equal(core_link_sessions(r.core, 1), 1);
	rig_open(&r, 0, 4, "john");
	assert_int_equal(rig_count(&r, CORE_DO_OPENED), 0);
	rig_stop(&r);
}

static void another_edge_on_the_same_slot_owns_nothing_of_the_one_before(void **state)
{
	struct rig r;
	struct core_event e = {.kind = CORE_EDGE_UP, .edge = {555, 1}};

	(void)state;
	rig_start(&r);
	rig_open(&r, 0, 1, "jim");
	rig_edge_down(&r, 0);
	rig_step(&r, &e);
	rig_send(&r, 0, 1, "jim", "x");
	rig_one(&r, CORE_DO_VIOLATION);
	assert_int_equal(rig_count(&r, CORE_DO_RESULT), 0);
	/* the same edge again had only not heard */
	rig_edge_up(&r, 0);
	rig_send(&r, 0, 1, "jim", "x");
	assert_int_equal(rig_count(&r, CORE_DO_VIOLATION), 0);
	assert_int_equal(rig_one(&r, CORE_DO_RESULT)->result.code, EX_TOKEN_EXPIRED);
	rig_stop(&r);
}

/* Everything that names a session. */
static void name_session(struct core_event *e, const struct ticket *t, uint64_t session)
{
	const enum core_event_kind kind = e->kind;

	*e = (struct core_event){.kind = kind};
	if (kind == CORE_CLOSE)
		e->close.session = session;
	else if (kind == CORE_SEND)
		e->send.session = session;
	else if (kind == CORE_PUSH)
		e->push.session = session;
	else if (kind == CORE_TYPING)
		e->typing.session = session;
	else if (kind == CORE_WATCH)
		e->watch.session = session;
	else if (kind == CORE_AWAY)
		e->away.session = session;
	else if (kind == CORE_ACK)
		e->ack.session = session;
	else if (kind == CORE_SYNC)
		e->sync.session = session;
	else
		e->renew.session = session;
	if (kind == CORE_RENEW)
		e->renew.ticket = t;
}

static void events_about_sessions_of_other_links_are_violations_and_change_nothing(void **state)
{
	static const enum core_event_kind kinds[] = {CORE_CLOSE, CORE_SEND, CORE_PUSH, CORE_TYPING,
		CORE_WATCH, CORE_AWAY, CORE_RENEW, CORE_ACK, CORE_SYNC};
	static const uint64_t sessions[] = {1, 12345}; /* of link 0; guessed */
	struct rig r;
	struct ticket t;

	(void)state;
	rig_start(&r);
	rig_open(&r, 0, 1, "jim");
	rig_open(&r, 1, 2, "john");
	t = rig_ticket(&r, 1, "jim");
	r.link = 1;
	for (size_t i = 0; i < 18; i++) {
		struct core_event e = {.kind = kinds[i / 2]};
		uint64_t before = core_digest(r.core);

		name_session(&e, &t, sessions[i % 2]);
		rig_step(&r, &e);
		assert_int_equal(rig_one(&r, CORE_DO_VIOLATION)->link, 1);
		assert_int_equal(r.out.n, 1);
		assert_true(core_digest(r.core) == before);
	}
	rig_stop(&r);
}

static void an_edge_that_had_not_heard_of_an_end_is_not_blamed(void **state)
{
	static const enum core_event_kind kinds[] = {
		CORE_CLOSE, CORE_TYPING, CORE_WATCH, CORE_AWAY, CORE_RENEW, CORE_ACK, CORE_SYNC};
	struct rig r;
	struct ticket t;
	struct core_event kick = {.kind = CORE_CTL_KICK, .user = {SLICE_LITERAL("jim")}};

	(void)state;
	rig_start(&r);
	rig_open(&r, 0, 1, "jim");
	t = rig_ticket(&r, 1, "jim");
	rig_step(&r, &kick);
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		struct core_event e = {.kind = kinds[i]};

		name_session(&e, &t, 1);
		rig_step(&r, &e);
		assert_int_equal(r.out.n, 0);
	}
	rig_send(&r, 0, 1, "jim", "x");
	assert_int_equal(rig_one(&r, CORE_DO_RESULT)->result.code, EX_TOKEN_EXPIRED);
	assert_int_equal(rig_one(&r, CORE_DO_RESULT)->result.ref, 77);
	rig_stop(&r);
}

static void an_ended_session_is_remembered_until_its_ticket_has_ended(void **state)
{
	struct rig r;

	(void)state;
	rig_start(&r);
	rig_open(&r, 0, 1, "jim");
	rig_close(&r, 0, 1);
	rig_tick(&r, SESSION_MAX_MS - 1);
	rig_send(&r, 0, 1, "jim", "x");
	assert_int_equal(rig_one(&r, CORE_DO_RESULT)->result.code, EX_TOKEN_EXPIRED);
	rig_tick(&r, 1);
	rig_send(&r, 0, 1, "jim", "x");
	rig_one(&r, CORE_DO_VIOLATION);
	rig_stop(&r);
}

static void ended_sessions_are_bounded_and_the_oldest_is_forgotten(void **state)
{
	const uint64_t kept = 65536;
	struct rig r;

	(void)state;
	rig_start(&r);
	for (uint64_t s = 1; s <= kept + 1; s++) {
		rig_open(&r, 0, s, "jim");
		rig_one(&r, CORE_DO_OPENED);
		rig_close(&r, 0, s);
	}
	rig_send(&r, 0, 2, "jim", "x");
	assert_int_equal(rig_one(&r, CORE_DO_RESULT)->result.code, EX_TOKEN_EXPIRED);
	rig_send(&r, 0, 1, "jim", "x");
	rig_one(&r, CORE_DO_VIOLATION);
	rig_stop(&r);
}

static void a_kick_shuts_every_session_of_the_user_and_no_ticket_of_them_works_again(void **state)
{
	struct rig r;
	struct ticket t;
	struct core_event kick = {.kind = CORE_CTL_KICK, .user = {SLICE_LITERAL("jim")}};

	(void)state;
	rig_start(&r);
	rig_open(&r, 0, 1, "jim");
	rig_open(&r, 1, 2, "jim");
	rig_open(&r, 1, 3, "john");
	t = rig_ticket(&r, 1, "jim");
	rig_step(&r, &kick);
	assert_int_equal(rig_count(&r, CORE_DO_SHUT), 2);
	assert_int_equal(rig_nth(&r, CORE_DO_SHUT, 0)->shut.code, CLOSE_KICKED);
	assert_int_equal(rig_one(&r, CORE_DO_CTL_RESULT)->result.devices, 2);
	assert_int_equal(rig_one(&r, CORE_DO_CTL_RESULT)->result.state, CORE_DELIVERED);
	assert_string_equal(rig_user(&r, "jim").state, "offline");
	assert_string_equal(rig_user(&r, "john").state, "online");
	r.link = 0;
	rig_present(&r, &t);
	assert_int_equal(rig_count(&r, CORE_DO_OPENED), 0);
	rig_step(&r, &kick);
	assert_int_equal(rig_one(&r, CORE_DO_CTL_RESULT)->result.devices, 0);
	kick.user.uid = SLICE_LITERAL("nobody");
	rig_step(&r, &kick);
	assert_int_equal(rig_one(&r, CORE_DO_CTL_RESULT)->result.code, EX_RECIPIENT_UNKNOWN);
	rig_stop(&r);
}

static void a_session_ends_at_its_end_with_the_code_that_fits(void **state)
{
	struct rig r;
	struct ticket t;

	(void)state;
	rig_start(&r);
	t = rig_ticket(&r, 1, "jim");
	rig_present(&r, &t);
	t = rig_ticket(&r, 2, "john");
	t.session_end_ms = t.ceiling_ms = r.now_ms + 5000;
	rig_present(&r, &t);
	rig_tick(&r, 4999);
	assert_int_equal(rig_count(&r, CORE_DO_SHUT), 0);
	rig_tick(&r, 1);
	assert_int_equal(rig_one(&r, CORE_DO_SHUT)->shut.session, 2);
	assert_int_equal(rig_one(&r, CORE_DO_SHUT)->shut.code, CLOSE_TOKEN_EXPIRED);
	rig_tick(&r, SESSION_MAX_MS - 5000);
	assert_int_equal(rig_one(&r, CORE_DO_SHUT)->shut.session, 1);
	assert_int_equal(rig_one(&r, CORE_DO_SHUT)->shut.code, CLOSE_RETRY);
	assert_string_equal(rig_user(&r, "jim").state, "offline");
	rig_stop(&r);
}

static void a_renewal_moves_the_end_of_its_own_session_only(void **state)
{
	struct rig r;
	struct ticket t;
	struct core_event e = {.kind = CORE_RENEW};

	(void)state;
	rig_start(&r);
	rig_open(&r, 0, 1, "jim");
	rig_open(&r, 0, 2, "jim");
	r.now_ms += SESSION_MAX_MS - 1000;
	t = rig_ticket(&r, 1, "jim");
	e.renew.session = 1;
	e.renew.ticket = &t;
	rig_step(&r, &e);
	assert_int_equal(r.out.n, 0);
	e.renew.session = 2;
	rig_step(&r, &e);
	rig_one(&r, CORE_DO_VIOLATION);
	t = rig_ticket(&r, 2, "john");
	rig_step(&r, &e);
	rig_one(&r, CORE_DO_VIOLATION);
	rig_tick(&r, 1000);
	assert_int_equal(rig_one(&r, CORE_DO_SHUT)->shut.session, 2);
	rig_tick(&r, SESSION_MAX_MS - 1000);
	assert_int_equal(rig_one(&r, CORE_DO_SHUT)->shut.session, 1);
	rig_stop(&r);
}

static void sessions_end_in_the_order_of_their_ends_whatever_the_order_of_their_opening(
	void **state)
{
	struct rig r;
	int64_t last = 0;

	(void)state;
	rig_start(&r);
	for (uint64_t s = 1; s <= 500; s++) {
		char uid[16];
		struct ticket t;

		snprintf(uid, sizeof(uid), "u%d", (int)(s % 100));
		t = rig_ticket(&r, s, uid);
		t.session_end_ms = r.now_ms + 1 + (int64_t)(s * 7919 % 1009);
		rig_present(&r, &t);
		rig_one(&r, CORE_DO_OPENED);
		if (s % 5 == 0)
			rig_close(&r, 0, s - 2);
	}
	for (int64_t ms = 1; ms <= 1009; ms++) {
		rig_tick(&r, 1);
		for (size_t i = 0; i < rig_count(&r, CORE_DO_SHUT); i++) {
			uint64_t s = rig_nth(&r, CORE_DO_SHUT, i)->shut.session;

			assert_int_equal(1 + (int64_t)(s * 7919 % 1009), ms);
			last = ms;
		}
	}
	assert_int_not_equal(last, 0);
	assert_int_equal(core_link_sessions(r.core, 0), 0);
	rig_stop(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_link_that_goes_down_takes_its_sessions_and_no_others),
		cmocka_unit_test(another_edge_on_the_same_slot_owns_nothing_of_the_one_before),
		cmocka_unit_test(
			events_about_sessions_of_other_links_are_violations_and_change_nothing),
		cmocka_unit_test(an_edge_that_had_not_heard_of_an_end_is_not_blamed),
		cmocka_unit_test(an_ended_session_is_remembered_until_its_ticket_has_ended),
		cmocka_unit_test(ended_sessions_are_bounded_and_the_oldest_is_forgotten),
		cmocka_unit_test(
			a_kick_shuts_every_session_of_the_user_and_no_ticket_of_them_works_again),
		cmocka_unit_test(a_session_ends_at_its_end_with_the_code_that_fits),
		cmocka_unit_test(a_renewal_moves_the_end_of_its_own_session_only),
		cmocka_unit_test(
			sessions_end_in_the_order_of_their_ends_whatever_the_order_of_their_opening),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
