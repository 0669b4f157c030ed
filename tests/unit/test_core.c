/* Who is there: tickets become sessions, and users are found by them. */
#include "core_rig.h"

static void a_good_ticket_opens_a_session_with_the_numbers_it_starts_from(void **state)
{
	struct rig r;
	const struct core_command *c;

	(void)state;
	rig_start(&r);
	rig_open(&r, 0, 1, "jim");
	c = rig_one(&r, CORE_DO_OPENED);
	assert_int_equal(c->link, 0);
	assert_int_equal(c->opened.nonce, 1001);
	assert_int_equal(c->opened.session, 1);
	assert_int_equal(c->opened.u, 0);
	assert_int_equal(c->opened.s, 0);
	rig_send(&r, 0, 1, "jim", "to myself");
	rig_open(&r, 1, 2, "jim");
	assert_int_equal(rig_one(&r, CORE_DO_OPENED)->opened.u, 1);
	assert_string_equal(rig_user(&r, "jim").state, "online");
	assert_int_equal(rig_user(&r, "jim").n_sessions, 2);
	rig_stop(&r);
}

/* One thing wrong with a ticket each. */
struct bad {
	const char *name;
	void (*spoil)(struct ticket *t, struct core_event *e);
	unsigned code;
	bool is_violation;
};

static void other_edge(struct ticket *t, struct core_event *e)
{
	(void)e;
	t->edge_id++;
}

static void older_epoch(struct ticket *t, struct core_event *e)
{
	(void)e;
	t->edge_epoch--;
}

static void other_nonce(struct ticket *t, struct core_event *e)
{
	(void)t;
	e->open.nonce++;
}

static void late(struct ticket *t, struct core_event *e)
{
	(void)e;
	t->present_by_ms = t->issued_at_ms - 1;
}

static void from_the_future(struct ticket *t, struct core_event *e)
{
	(void)e;
	t->issued_at_ms += 1001;
}

static void ended(struct ticket *t, struct core_event *e)
{
	(void)e;
	t->session_end_ms = t->issued_at_ms;
}

static void token_expired(struct ticket *t, struct core_event *e)
{
	(void)e;
	t->session_end_ms = t->ceiling_ms = t->issued_at_ms;
}

static void without_uid(struct ticket *t, struct core_event *e)
{
	(void)e;
	t->uid_len = 0;
}

static void uid_with_nul(struct ticket *t, struct core_event *e)
{
	(void)e;
	t->uid[1] = '\0';
}

static void long_device(struct ticket *t, struct core_event *e)
{
	(void)t;
	e->open.device = SLICE_LITERAL("0123456789012345678901234567890123456");
}

static void without_device(struct ticket *t, struct core_event *e)
{
	(void)t;
	e->open.device.len = 0;
}

static void late_reopen(struct ticket *t, struct core_event *e)
{
	late(t, e);
	e->open.reopen = true;
}

static void reopen_of_another_edge(struct ticket *t, struct core_event *e)
{
	other_edge(t, e);
	e->open.reopen = true;
}

static const struct bad bad[] = {
	{"other edge", other_edge, CLOSE_FORBIDDEN, true},
	{"older epoch", older_epoch, CLOSE_FORBIDDEN, true},
	{"other nonce", other_nonce, CLOSE_FORBIDDEN, true},
	{"late", late, CLOSE_RETRY, false},
	{"from the future", from_the_future, CLOSE_RETRY, false},
	{"ended", ended, CLOSE_RETRY, false},
	{"token expired", token_expired, CLOSE_TOKEN_EXPIRED, false},
	{"without uid", without_uid, CLOSE_FORBIDDEN, true},
	{"uid with NUL", uid_with_nul, CLOSE_FORBIDDEN, true},
	{"long device", long_device, CLOSE_FORBIDDEN, true},
	{"without device", without_device, CLOSE_FORBIDDEN, true},
	{"reopen after the window", late_reopen, CLOSE_RETRY, false},
	{"reopen of another edge", reopen_of_another_edge, CLOSE_RETRY, false},
};

static void a_ticket_with_one_thing_wrong_opens_nothing(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct rig r;
		struct ticket t;
		struct core_event e;
		uint64_t before;

		rig_start(&r);
		r.now_ms += REOPEN_WINDOW_MS + 1;
		rig_open(&r, 0, 1, "jim");
		t = rig_ticket(&r, 2, "john");
		e = rig_open_event(&t);
		bad[i].spoil(&t, &e);
		before = core_digest(r.core);
		rig_step(&r, &e);
		print_message("%s\n", bad[i].name);
		assert_int_equal(rig_one(&r, CORE_DO_OPEN_REFUSED)->open_refused.code, bad[i].code);
		assert_int_equal(rig_count(&r, CORE_DO_VIOLATION), bad[i].is_violation);
		assert_int_equal(rig_count(&r, CORE_DO_OPENED), 0);
		assert_string_equal(rig_user(&r, "john").state, "not known");
		/* Only the id of a reopen that failed is remembered. */
		if (!e.open.reopen)
			assert_true(core_digest(r.core) == before);
		rig_stop(&r);
	}
}

static void a_ticket_is_good_once(void **state)
{
	struct rig r;
	struct ticket t;

	(void)state;
	rig_start(&r);
	t = rig_ticket(&r, 1, "jim");
	rig_present(&r, &t);
	rig_one(&r, CORE_DO_OPENED);
	rig_present(&r, &t);
	rig_one(&r, CORE_DO_VIOLATION);
	assert_int_equal(core_link_sessions(r.core, 0), 1);
	rig_close(&r, 0, 1);
	rig_present(&r, &t);
	rig_one(&r, CORE_DO_VIOLATION);
	assert_int_equal(core_link_sessions(r.core, 0), 0);
	rig_stop(&r);
}

static void a_session_is_reopened_once_and_only_soon_after_a_start(void **state)
{
	struct rig r;
	struct ticket t;
	struct core_event e;

	(void)state;
	rig_start(&r);
	t = rig_ticket(&r, 1, "jim");
	t.present_by_ms = r.now_ms - 60000;
	e = rig_open_event(&t);
	e.open.reopen = true;
	r.now_ms += REOPEN_WINDOW_MS;
	rig_step(&r, &e);
	rig_one(&r, CORE_DO_OPENED);
	rig_close(&r, 0, 1);
	rig_step(&r, &e);
	assert_int_equal(rig_one(&r, CORE_DO_OPEN_REFUSED)->open_refused.code, CLOSE_RETRY);
	assert_int_equal(rig_count(&r, CORE_DO_VIOLATION), 0);
	t.session = 2;
	r.now_ms++;
	rig_step(&r, &e);
	assert_int_equal(rig_one(&r, CORE_DO_OPEN_REFUSED)->open_refused.code, CLOSE_RETRY);
	rig_stop(&r);
}

static void sends_for_a_session_whose_reopen_was_refused_are_no_violation(void **state)
{
	struct rig r;
	struct ticket t;
	struct core_event e;

	(void)state;
	rig_start(&r);
	t = rig_ticket(&r, 1, "jim");
	t.session_end_ms = r.now_ms;
	e = rig_open_event(&t);
	e.open.reopen = true;
	rig_step(&r, &e);
	rig_one(&r, CORE_DO_OPEN_REFUSED);
	rig_send(&r, 0, 1, "jim", "x");
	assert_int_equal(rig_one(&r, CORE_DO_RESULT)->result.code, EX_TOKEN_EXPIRED);
	rig_close(&r, 0, 1);
	assert_int_equal(rig_count(&r, CORE_DO_VIOLATION), 0);
	rig_stop(&r);
}

static void sessions_of_one_user_are_limited(void **state)
{
	struct rig r;

	(void)state;
	rig_start(&r);
	for (uint64_t s = 1; s <= 8; s++) {
		rig_open(&r, s % 2, s, "jim");
		rig_one(&r, CORE_DO_OPENED);
	}
	rig_open(&r, 0, 9, "jim");
	assert_int_equal(rig_one(&r, CORE_DO_OPEN_REFUSED)->open_refused.code, CLOSE_SESSION_LIMIT);
	assert_int_equal(rig_count(&r, CORE_DO_VIOLATION), 0);
	rig_close(&r, 1, 1);
	rig_open(&r, 0, 10, "jim");
	rig_one(&r, CORE_DO_OPENED);
	rig_stop(&r);
}

static void the_late_close_of_an_older_connection_leaves_the_newer_one(void **state)
{
	struct rig r;
	struct core_session_info info;

	(void)state;
	rig_start(&r);
	rig_open(&r, 0, 1, "jim");
	rig_open(&r, 1, 2, "jim"); /* the same device */
	rig_close(&r, 0, 1);
	assert_int_equal(rig_user(&r, "jim").n_sessions, 1);
	assert_true(core_user_session(r.core, SLICE_LITERAL("jim"), 0, &info));
	assert_int_equal(info.session, 2);
	assert_int_equal(info.edge_id, 101);
	rig_close(&r, 0, 1);
	assert_int_equal(rig_count(&r, CORE_DO_VIOLATION), 0);
	assert_string_equal(rig_user(&r, "jim").state, "online");
	rig_stop(&r);
}

static void users_online_are_walked_in_the_order_of_their_uids(void **state)
{
	struct rig r;
	struct core_user_info info;
	struct slice after = {NULL, 0};
	char want[8];
	char got[8] = "";

	(void)state;
	rig_start(&r);
	for (uint64_t s = 0; s < 300; s++) {
		char uid[8];

		snprintf(uid, sizeof(uid), "u%03d", (int)(s * 7 % 300));
		rig_open(&r, 0, s + 1, uid);
		if (s % 3 == 0)
			rig_close(&r, 0, s + 1);
	}
	for (uint64_t i = 0; i < 300; i++) {
		uint64_t s = i * 43 % 300; /* 43 * 7 = 301 */

		if (s % 3 == 0)
			continue;
		assert_true(core_next_online(r.core, after, &info));
		snprintf(want, sizeof(want), "u%03d", (int)i);
		snprintf(got, sizeof(got), "%.*s", SLICE_ARGS(info.uid));
		assert_string_equal(got, want);
		after = slice_of(got);
	}
	assert_false(core_next_online(r.core, after, &info));
	rig_stop(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_good_ticket_opens_a_session_with_the_numbers_it_starts_from),
		cmocka_unit_test(a_ticket_with_one_thing_wrong_opens_nothing),
		cmocka_unit_test(a_ticket_is_good_once),
		cmocka_unit_test(a_session_is_reopened_once_and_only_soon_after_a_start),
		cmocka_unit_test(sends_for_a_session_whose_reopen_was_refused_are_no_violation),
		cmocka_unit_test(sessions_of_one_user_are_limited),
		cmocka_unit_test(the_late_close_of_an_older_connection_leaves_the_newer_one),
		cmocka_unit_test(users_online_are_walked_in_the_order_of_their_uids),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
