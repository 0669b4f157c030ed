/* A session has one user for its life: tickets that renew it, and connections that change theirs.
 */
#include "core_rig.h"

#define NOTE_BYTES 512

static void renew(struct rig *r, uint64_t session, const struct ticket *t)
{
	struct core_event e = {.kind = CORE_RENEW};

	e.renew.session = session;
	e.renew.ticket = t;
	rig_step(r, &e);
}

static struct core_session_info session_of(const struct rig *r, const char *uid)
{
	struct core_session_info info = {0};

	assert_true(core_user_session(r->core, slice_of(uid), 0, &info));
	return info;
}

static void the_newest_ticket_holds_also_when_it_ends_earlier(void **state)
{
	struct rig r;
	struct ticket t;

	(void)state;
	rig_start(&r);
	rig_open(&r, 0, 1, "jim");
	r.now_ms += 10;
	t = rig_ticket(&r, 1, "jim");
	t.session_end_ms = t.ceiling_ms = r.now_ms + 5000;
	t.flags = TICKET_READ_ONLY;
	renew(&r, 1, &t);
	assert_int_equal(r.out.n, 0);
	assert_int_equal(session_of(&r, "jim").ends_ms, r.now_ms + 5000);
	assert_int_equal(session_of(&r, "jim").flags, TICKET_READ_ONLY);
	rig_send(&r, 0, 1, "jim", "x");
	assert_int_equal(rig_one(&r, CORE_DO_RESULT)->result.code, EX_NOT_PERMITTED);
	rig_tick(&r, 5000);
	assert_int_equal(rig_one(&r, CORE_DO_SHUT)->shut.code, CLOSE_TOKEN_EXPIRED);
	rig_stop(&r);
}

static void a_ticket_that_is_not_newer_or_came_late_changes_nothing(void **state)
{
	struct rig r;
	struct ticket t;
	uint64_t before;

	(void)state;
	rig_start(&r);
	rig_open(&r, 0, 1, "jim");
	before = core_digest(r.core);
	t = rig_ticket(&r, 1, "jim"); /* of the same ms */
	t.session_end_ms += 5000;
	renew(&r, 1, &t);
	t.issued_at_ms--;
	renew(&r, 1, &t);
	t.issued_at_ms = r.now_ms + 1001; /* ahead */
	renew(&r, 1, &t);
	t.issued_at_ms = r.now_ms + 1;
	t.present_by_ms = r.now_ms - 1; /* late */
	renew(&r, 1, &t);
	assert_int_equal(r.out.n, 0);
	assert_true(core_digest(r.core) == before);
	t.present_by_ms = r.now_ms;
	renew(&r, 1, &t);
	assert_true(core_digest(r.core) != before);
	rig_stop(&r);
}

static struct core_event rebind_event(uint64_t replaces, const struct ticket *t)
{
	struct core_event e = rig_open_event(t);

	e.kind = CORE_REBIND;
	e.open.replaces = replaces;
	return e;
}

static void rebind(struct rig *r, uint64_t replaces, uint64_t session, const char *uid)
{
	struct ticket t = rig_ticket(r, session, uid);
	struct core_event e = rebind_event(replaces, &t);

	rig_step(r, &e);
}

static void a_rebind_ends_the_one_and_opens_the_other_in_one_step(void **state)
{
	struct rig r;
	const struct core_command *c;
	struct core_counts n;

	(void)state;
	rig_start(&r);
	rig_known(&r, "ann");
	rig_open(&r, 0, 1, "jim");
	rig_send(&r, 0, 1, "ann", "early");
	rebind(&r, 1, 2, "ann");
	c = rig_one(&r, CORE_DO_OPENED);
	assert_int_equal(c->opened.nonce, 1002);
	assert_int_equal(c->opened.session, 2);
	assert_int_equal(c->opened.start_u, 0); /* as one without a position */
	assert_int_equal(c->opened.u, 1);
	assert_int_equal(rig_count(&r, CORE_DO_SHUT), 0);
	assert_int_equal(rig_count(&r, CORE_DO_MARK), 0);
	assert_string_equal(rig_user(&r, "jim").state, "offline");
	assert_string_equal(rig_user(&r, "ann").state, "online");
	assert_int_equal(core_link_sessions(r.core, 0), 1);
	core_counts(r.core, &n);
	assert_int_equal(n.rebound, 1);
	/* what is late of the old one finds nobody, and is no violation */
	rig_send(&r, 0, 1, "ann", "late");
	assert_int_equal(rig_one(&r, CORE_DO_RESULT)->result.code, EX_TOKEN_EXPIRED);
	assert_int_equal(rig_count(&r, CORE_DO_VIOLATION), 0);
	rig_stop(&r);
}

static void what_the_old_user_had_not_acknowledged_stays_in_his_inbox(void **state)
{
	struct rig r;

	(void)state;
	rig_start(&r);
	rig_open(&r, 1, 9, "bob");
	rig_open(&r, 0, 1, "jim");
	rig_send(&r, 1, 9, "jim", "one");
	assert_int_equal(rig_received(&r, 0, 1), 1);
	rebind(&r, 1, 2, "ann"); /* on link 1, where session 1 is not */
	rig_one(&r, CORE_DO_VIOLATION);
	r.link = 0;
	rebind(&r, 1, 2, "ann");
	assert_int_equal(rig_user(&r, "jim").rows, 1);
	rig_send(&r, 1, 9, "jim", "two");
	assert_int_equal(rig_count(&r, CORE_DO_DELIVER), 0);
	assert_int_equal(rig_one(&r, CORE_DO_RESULT)->result.state, CORE_KEPT);
	rig_open(&r, 0, 3, "jim");
	assert_int_equal(rig_one(&r, CORE_DO_OPENED)->opened.start_u, 0);
	assert_int_equal(rig_one(&r, CORE_DO_OPENED)->opened.u, 2);
	rig_stop(&r);
}

static void sends_in_flight_are_answered_at_the_link_after_a_rebind(void **state)
{
	struct rig r;

	(void)state;
	rig_start(&r);
	r.stores_at_once = false;
	rig_open(&r, 0, 5, "jim");
	rig_open(&r, 0, 1, "jim");
	rig_event(&r, 0, rig_message(1, "jim", "m1"));
	rebind(&r, 1, 2, "ann");
	rig_store(&r);
	assert_int_equal(rig_one(&r, CORE_DO_RESULT)->result.ref, 5);
	assert_int_equal(rig_one(&r, CORE_DO_RESULT)->result.state, CORE_DELIVERED);
	assert_int_equal(rig_received(&r, 0, 5), 1);
	assert_int_equal(rig_received(&r, 0, 2), 0);
	rig_stop(&r);
}

static void a_page_that_the_old_one_asked_for_is_not_told_to_the_new_one(void **state)
{
	struct message_row row = {.seq = 1,
		.message = {
			.to = {"jim", 3}, .from = {"jim", 3}, .body = {"x", 1}, .mid = {"m", 1}}};
	struct core_event sync = {.kind = CORE_SYNC, .sync = {1, CORE_STREAM_USER, 0}};
	struct core_event rows = {.kind = CORE_ROWS};
	struct core_counts n;
	struct rig r;

	(void)state;
	rig_start(&r);
	rig_open(&r, 0, 1, "jim");
	rig_send(&r, 0, 1, "jim", "x");
	rig_event(&r, 0, sync);
	rig_one(&r, CORE_DO_READ);
	core_counts(r.core, &n);
	assert_int_equal(n.syncing, 1);
	rebind(&r, 1, 2, "jim");
	rows.rows.session = 1;
	rows.rows.floor = 1;
	rows.rows.rows = &row;
	rows.rows.n = 1;
	rig_step(&r, &rows);
	assert_int_equal(r.out.n, 0);
	/* and it counts against nobody */
	for (uint64_t i = 0; i < SYNCS_IN_FLIGHT; i++) {
		rig_open(&r, 0, 100 + i, "jim");
		sync.sync.session = 100 + i;
		rig_close(&r, 0, i == 0 ? 2 : 100 + i - 1);
		rig_event(&r, 0, sync);
		rig_one(&r, CORE_DO_READ);
	}
	rig_stop(&r);
}

static void the_watchers_of_both_users_are_told_and_the_old_ones_watches_are_gone(void **state)
{
	struct slice users[2] = {SLICE_LITERAL("jim"), SLICE_LITERAL("ann")};
	struct core_event watch = {.kind = CORE_WATCH};
	struct rig r;

	(void)state;
	rig_start(&r);
	rig_open(&r, 1, 9, "bob");
	rig_open(&r, 0, 1, "jim");
	watch.watch.users = users;
	watch.watch.n_users = 2;
	watch.watch.session = 9;
	rig_event(&r, 1, watch);
	users[0] = SLICE_LITERAL("bob");
	watch.watch.session = 1;
	rig_event(&r, 0, watch);
	r.now_ms += 5000;
	rebind(&r, 1, 2, "ann");
	rig_tick(&r, 0);
	assert_int_equal(rig_received(&r, 1, 9), 2);
	rig_close(&r, 1, 9);
	rig_tick(&r, 5000);
	assert_int_equal(rig_count(&r, CORE_DO_DELIVER), 0);
	rig_stop(&r);
}

static void the_same_user_may_be_rebound_also_at_his_limit(void **state)
{
	struct rig r;

	(void)state;
	rig_start(&r);
	for (uint64_t s = 1; s <= 8; s++)
		rig_open(&r, 0, s, "jim");
	rebind(&r, 3, 20, "jim");
	assert_int_equal(rig_one(&r, CORE_DO_OPENED)->opened.session, 20);
	assert_int_equal(rig_user(&r, "jim").n_sessions, 8);
	rig_open(&r, 0, 1000, "ann");
	rebind(&r, 1000, 21, "jim");
	assert_int_equal(rig_one(&r, CORE_DO_OPEN_REFUSED)->open_refused.code, CLOSE_SESSION_LIMIT);
	rig_stop(&r);
}

/* One thing wrong with a rebind each. */
struct bad {
	const char *name;
	void (*spoil)(struct rig *r, struct ticket *t, struct core_event *e);
	unsigned code;
	bool is_violation;
};

static void of_another_link(struct rig *r, struct ticket *t, struct core_event *e)
{
	(void)r;
	(void)t;
	e->open.replaces = 2;
}

static void of_nobody(struct rig *r, struct ticket *t, struct core_event *e)
{
	(void)r;
	(void)t;
	e->open.replaces = 12345;
}

static void of_one_that_ended(struct rig *r, struct ticket *t, struct core_event *e)
{
	(void)t;
	(void)e;
	rig_close(r, 0, 1);
}

static void other_nonce(struct rig *r, struct ticket *t, struct core_event *e)
{
	(void)r;
	(void)t;
	e->open.nonce++;
}

static void other_edge(struct rig *r, struct ticket *t, struct core_event *e)
{
	(void)r;
	(void)e;
	t->edge_id++;
}

static void with_its_own_ticket(struct rig *r, struct ticket *t, struct core_event *e)
{
	(void)r;
	(void)e;
	t->session = 1;
}

static void late(struct rig *r, struct ticket *t, struct core_event *e)
{
	(void)r;
	(void)e;
	t->present_by_ms = t->issued_at_ms - 1;
}

static void late_as_a_reopen(struct rig *r, struct ticket *t, struct core_event *e)
{
	late(r, t, e);
	e->open.reopen = true;
}

static void ended(struct rig *r, struct ticket *t, struct core_event *e)
{
	(void)e;
	t->session_end_ms = t->ceiling_ms = r->now_ms;
}

static void to_a_request(struct rig *r, struct ticket *t, struct core_event *e)
{
	(void)r;
	(void)t;
	e->open.dialect = CORE_API;
}

static void revoked(struct rig *r, struct ticket *t, struct core_event *e)
{
	struct core_event revoke = {.kind = CORE_REVOKE};

	(void)t;
	(void)e;
	revoke.revoke.mark = (struct mark){.kind = MARK_USER,
		.uid = SLICE_LITERAL("ann"),
		.at_ms = r->now_ms,
		.code = CLOSE_REVOKED};
	rig_step(r, &revoke);
}

static const struct bad bad[] = {
	{"of another link", of_another_link, CLOSE_FORBIDDEN, true},
	{"of nobody", of_nobody, CLOSE_FORBIDDEN, true},
	{"of one that ended", of_one_that_ended, CLOSE_RETRY, false},
	{"other nonce", other_nonce, CLOSE_FORBIDDEN, true},
	{"other edge", other_edge, CLOSE_FORBIDDEN, true},
	{"with its own ticket", with_its_own_ticket, CLOSE_FORBIDDEN, true},
	{"late", late, CLOSE_RETRY, false},
	{"late, as a reopen", late_as_a_reopen, CLOSE_RETRY, false},
	{"ended", ended, CLOSE_TOKEN_EXPIRED, false},
	{"to a request", to_a_request, CLOSE_FORBIDDEN, true},
	{"revoked", revoked, CLOSE_REVOKED, false},
};

static void a_rebind_that_is_refused_leaves_everything_as_it_was(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct rig r;
		struct ticket t;
		struct core_event e;
		uint64_t before;

		print_message("%s\n", bad[i].name);
		rig_start(&r);
		rig_open(&r, 0, 1, "jim");
		rig_open(&r, 1, 2, "john");
		r.link = 0;
		t = rig_ticket(&r, 3, "ann");
		e = rebind_event(1, &t);
		bad[i].spoil(&r, &t, &e);
		before = core_digest(r.core);
		rig_step(&r, &e);
		assert_int_equal(rig_one(&r, CORE_DO_OPEN_REFUSED)->open_refused.code, bad[i].code);
		assert_int_equal(
			rig_one(&r, CORE_DO_OPEN_REFUSED)->open_refused.nonce, e.open.nonce);
		assert_int_equal(rig_count(&r, CORE_DO_VIOLATION), bad[i].is_violation);
		assert_int_equal(rig_count(&r, CORE_DO_OPENED), 0);
		assert_true(core_digest(r.core) == before);
		rig_stop(&r);
	}
}

static void a_violation_says_whose_session_it_named(void **state)
{
	struct core_event e = {.kind = CORE_AWAY, .away = {1, true}};
	struct rig r;

	(void)state;
	rig_start(&r);
	rig_open(&r, 0, 1, "jim");
	rig_event(&r, 1, e);
	assert_true(slice_is(rig_one(&r, CORE_DO_VIOLATION)->violation.user, "jim"));
	e.away.session = 12345;
	rig_event(&r, 1, e);
	assert_int_equal(rig_one(&r, CORE_DO_VIOLATION)->violation.user.len, 0);
	rig_stop(&r);
}

static bool is_noted(const struct rig *r, const char *kind, const char *user, const char *part)
{
	for (size_t i = 0; i < rig_count(r, CORE_DO_NOTE); i++) {
		const struct core_command *c = rig_nth(r, CORE_DO_NOTE, i);
		char detail[NOTE_BYTES];

		snprintf(detail, sizeof(detail), "%.*s ", SLICE_ARGS(c->note.detail));
		if (strcmp(c->note.kind, kind) == 0 && slice_is(c->note.user, user) &&
			strstr(detail, part) != NULL)
			return true;
	}
	return false;
}

static void what_happens_to_a_user_is_noted_under_his_name(void **state)
{
	struct core_event close = {.kind = CORE_CLOSE, .close = {4, CLOSE_HEARTBEAT_LOST}};
	struct core_event kick = {.kind = CORE_CTL_KICK, .user = {SLICE_LITERAL("bob")}};
	struct core_event e = {.kind = CORE_REVOKE};
	struct rig r;

	(void)state;
	rig_start(&r);
	rig_open(&r, 0, 1, "jim");
	assert_true(is_noted(&r, "opened", "jim", "device=d1 "));
	rebind(&r, 1, 2, "ann");
	assert_true(is_noted(&r, "closed", "jim", "reason=rebound "));
	assert_true(is_noted(&r, "opened", "ann", "=0000000000000002 "));
	e.revoke.mark = (struct mark){.kind = MARK_USER,
		.uid = SLICE_LITERAL("ann"),
		.at_ms = r.now_ms,
		.code = CLOSE_REVOKED};
	rig_step(&r, &e);
	assert_true(is_noted(&r, "revoked", "ann", "reason=user code=4404 "));
	assert_true(is_noted(&r, "revocation", "ann", "what=user code=4404 sessions=1 "));
	rig_open(&r, 0, 3, "ann");
	assert_true(is_noted(&r, "refused", "ann", "what=open edge=100 code=4404 "));
	rig_open(&r, 0, 4, "bob");
	rebind(&r, 4, 5, "ann");
	assert_true(is_noted(&r, "refused", "ann", "what=rebind edge=100 code=4404 "));
	rig_event(&r, 0, close);
	assert_true(is_noted(&r, "closed", "bob", "reason=connection code=4201 "));
	rig_open(&r, 0, 6, "bob");
	rig_step(&r, &kick);
	assert_true(is_noted(&r, "kicked", "bob", "code=4009 "));
	rig_open(&r, 0, 7, "bob");
	rig_close(&r, 0, 7);
	assert_true(is_noted(&r, "closed", "bob", "reason=connection "));
	assert_false(is_noted(&r, "closed", "bob", "code="));
	rig_stop(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_newest_ticket_holds_also_when_it_ends_earlier),
		cmocka_unit_test(a_ticket_that_is_not_newer_or_came_late_changes_nothing),
		cmocka_unit_test(a_rebind_ends_the_one_and_opens_the_other_in_one_step),
		cmocka_unit_test(what_the_old_user_had_not_acknowledged_stays_in_his_inbox),
		cmocka_unit_test(sends_in_flight_are_answered_at_the_link_after_a_rebind),
		cmocka_unit_test(a_page_that_the_old_one_asked_for_is_not_told_to_the_new_one),
		cmocka_unit_test(
			the_watchers_of_both_users_are_told_and_the_old_ones_watches_are_gone),
		cmocka_unit_test(the_same_user_may_be_rebound_also_at_his_limit),
		cmocka_unit_test(a_rebind_that_is_refused_leaves_everything_as_it_was),
		cmocka_unit_test(a_violation_says_whose_session_it_named),
		cmocka_unit_test(what_happens_to_a_user_is_noted_under_his_name),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
