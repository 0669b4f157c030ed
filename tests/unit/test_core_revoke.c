/* Revocations are in force with their step; what was ended for good stays so, in the next router
 * too. */
#include "core_rig.h"

static struct core_event revoke_event(enum mark_kind kind, const char *uid, uint64_t id)
{
	struct core_event e = {.kind = CORE_REVOKE};

	e.revoke.tag = 55;
	e.revoke.mark =
		(struct mark){.kind = kind, .uid = slice_of(uid), .id = id, .code = CLOSE_REVOKED};
	return e;
}

/* As of now. */
static void revoke_now(struct rig *r, enum mark_kind kind, const char *uid, uint64_t id)
{
	struct core_event e = revoke_event(kind, uid, id);

	e.revoke.mark.at_ms = r->now_ms;
	rig_step(r, &e);
}

static void open_by(struct rig *r, uint32_t link, uint64_t session, const char *uid,
	uint64_t token_hash, uint32_t issuer)
{
	struct ticket t;

	r->link = link;
	t = rig_ticket(r, session, uid);
	t.token_hash = token_hash;
	t.issuer_id = issuer;
	rig_present(r, &t);
}

static bool is_shut(const struct rig *r, uint64_t session, unsigned code)
{
	bool is_marked = false;

	for (size_t i = 0; i < r->out.n; i++) {
		const struct core_command *c = &r->out.list[i];

		if (c->kind != CORE_DO_MARK || c->mark.mark.kind != MARK_SESSION ||
			c->mark.mark.id != session)
			continue;
		assert_int_equal(c->mark.tag, 0);
		assert_int_equal(c->mark.mark.code, code);
		assert_int_equal(c->mark.mark.at_ms, r->now_ms);
		assert_int_equal(c->mark.mark.edge_epoch, 7);
		is_marked = true;
	}
	for (size_t i = 0; i < rig_count(r, CORE_DO_SHUT); i++) {
		if (rig_nth(r, CORE_DO_SHUT, i)->shut.session != session)
			continue;
		assert_int_equal(rig_nth(r, CORE_DO_SHUT, i)->shut.code, code);
		return is_marked;
	}
	assert_false(is_marked);
	return false;
}

/* Three users, two tokens, two issuers. */
static void start(struct rig *r)
{
	rig_start(r);
	open_by(r, 0, 1, "jim", 71, 1);
	open_by(r, 1, 2, "jim", 72, 2);
	open_by(r, 1, 3, "ann", 73, 1);
	open_by(r, 0, 4, "bob", 74, 2);
}

static void a_revoked_user_is_shut_on_every_link_in_that_step(void **state)
{
	const struct core_command *mark;
	struct core_counts n;
	struct rig r;

	(void)state;
	start(&r);
	revoke_now(&r, MARK_USER, "jim", 0);
	mark = rig_nth(&r, CORE_DO_MARK, 0);
	assert_int_equal(mark->mark.tag, 55);
	assert_int_equal(mark->mark.mark.kind, MARK_USER);
	assert_true(slice_is(mark->mark.mark.uid, "jim"));
	assert_int_equal(mark->mark.mark.at_ms, r.now_ms);
	assert_int_equal(rig_count(&r, CORE_DO_MARK), 3);
	assert_int_equal(rig_count(&r, CORE_DO_SHUT), 2);
	assert_true(is_shut(&r, 1, CLOSE_REVOKED));
	assert_true(is_shut(&r, 2, CLOSE_REVOKED));
	assert_int_equal(rig_nth(&r, CORE_DO_SHUT, 0)->link, 0);
	assert_int_equal(rig_nth(&r, CORE_DO_SHUT, 1)->link, 1);
	assert_string_equal(rig_user(&r, "jim").state, "offline");
	core_counts(r.core, &n);
	assert_int_equal(n.sessions, 2);
	assert_int_equal(n.revoked, 2);
	assert_int_equal(n.marks, 3);
	rig_stop(&r);
}

static void a_token_and_an_issuer_name_the_sessions_that_they_made(void **state)
{
	struct rig r;

	(void)state;
	start(&r);
	revoke_now(&r, MARK_TOKEN, "jim", 72);
	assert_int_equal(rig_count(&r, CORE_DO_SHUT), 1);
	assert_true(is_shut(&r, 2, CLOSE_REVOKED));
	assert_true(slice_is(rig_nth(&r, CORE_DO_MARK, 0)->mark.mark.uid, "jim"));
	revoke_now(&r, MARK_TOKEN, "", 74); /* whoever has it */
	assert_int_equal(rig_count(&r, CORE_DO_SHUT), 1);
	assert_true(is_shut(&r, 4, CLOSE_REVOKED));
	open_by(&r, 1, 5, "bob", 75, 2);
	revoke_now(&r, MARK_ISSUER, "", 1);
	assert_int_equal(rig_count(&r, CORE_DO_SHUT), 2);
	assert_true(is_shut(&r, 1, CLOSE_REVOKED));
	assert_true(is_shut(&r, 3, CLOSE_REVOKED));
	revoke_now(&r, MARK_TOKEN, "", 999);
	assert_int_equal(rig_count(&r, CORE_DO_SHUT), 0);
	rig_one(&r, CORE_DO_MARK);
	assert_string_equal(rig_user(&r, "bob").state, "online");
	rig_stop(&r);
}

static unsigned refused_code(const struct rig *r)
{
	assert_int_equal(rig_count(r, CORE_DO_OPENED), 0);
	assert_int_equal(rig_count(r, CORE_DO_VIOLATION), 0);
	return rig_one(r, CORE_DO_OPEN_REFUSED)->open_refused.code;
}

static void a_ticket_from_before_opens_nothing_and_one_from_after_does(void **state)
{
	struct core_event logout = revoke_event(MARK_TOKEN, "ann", 5);
	struct ticket t;
	struct rig r;

	(void)state;
	rig_start(&r);
	t = rig_ticket(&r, 1, "nobody_yet");
	r.now_ms += 10;
	revoke_now(&r, MARK_USER, "nobody_yet", 0); /* a user whom the router does not know */
	assert_string_equal(rig_user(&r, "nobody_yet").state, "not known");
	rig_present(&r, &t);
	assert_int_equal(refused_code(&r), CLOSE_REVOKED);
	rig_open(&r, 0, 2, "nobody_yet"); /* issued in the same ms */
	assert_int_equal(refused_code(&r), CLOSE_REVOKED);
	r.now_ms++;
	rig_open(&r, 0, 3, "nobody_yet");
	rig_one(&r, CORE_DO_OPENED);
	logout.revoke.mark.at_ms = r.now_ms;
	logout.revoke.mark.code = CLOSE_LOGGED_OUT;
	rig_step(&r, &logout);
	r.now_ms += 1000;
	open_by(&r, 0, 4, "ann", 5, 0); /* of that token no ticket is good */
	assert_int_equal(refused_code(&r), CLOSE_LOGGED_OUT);
	open_by(&r, 0, 5, "ann", 6, 0);
	rig_one(&r, CORE_DO_OPENED);
	r.now_ms += MARK_KEPT_MS;
	open_by(&r, 0, 6, "ann", 5, 0); /* auth would not have issued it */
	rig_one(&r, CORE_DO_OPENED);
	rig_stop(&r);
}

static void a_session_that_was_renewed_after_the_revocation_goes_on(void **state)
{
	struct core_event e = {.kind = CORE_RENEW};
	struct core_event late = revoke_event(MARK_USER, "jim", 0);
	struct ticket t;
	struct rig r;

	(void)state;
	start(&r);
	late.revoke.mark.at_ms = r.now_ms;
	r.now_ms += 1000;
	t = rig_ticket(&r, 1, "jim");
	e.renew.session = 1;
	e.renew.ticket = &t;
	rig_step(&r, &e);
	rig_step(&r, &late);
	assert_int_equal(rig_count(&r, CORE_DO_SHUT), 1);
	assert_true(is_shut(&r, 2, CLOSE_REVOKED));
	rig_stop(&r);
}

static void a_renewal_with_a_void_ticket_shuts_the_session(void **state)
{
	struct core_event e = {.kind = CORE_RENEW};
	struct ticket t;
	struct rig r;

	(void)state;
	start(&r);
	revoke_now(&r, MARK_TOKEN, "", 99);
	r.link = 0;
	t = rig_ticket(&r, 4, "bob");
	t.token_hash = 99;
	e.renew.session = 4;
	e.renew.ticket = &t;
	rig_step(&r, &e); /* older than what it has: of the same ms */
	assert_int_equal(r.out.n, 0);
	r.now_ms++;
	t.issued_at_ms++;
	rig_step(&r, &e);
	assert_true(is_shut(&r, 4, CLOSE_REVOKED));
	assert_string_equal(rig_user(&r, "bob").state, "offline");
	rig_stop(&r);
}

static void a_revocation_from_too_long_ago_or_of_nothing_changes_nothing(void **state)
{
	struct rig r;
	uint64_t before;
	struct core_event e = revoke_event(MARK_USER, "jim", 0);

	(void)state;
	start(&r);
	before = core_digest(r.core);
	rig_step(&r, &e); /* at_ms 0 */
	assert_int_equal(r.out.n, 0);
	r.now_ms += MARK_KEPT_MS;
	e.revoke.mark.at_ms = r.now_ms - MARK_KEPT_MS - 1;
	rig_step(&r, &e);
	assert_int_equal(r.out.n, 0);
	e = revoke_event(MARK_USER, "no uid", 0);
	e.revoke.mark.at_ms = r.now_ms;
	rig_step(&r, &e);
	assert_int_equal(r.out.n, 0);
	e = revoke_event(MARK_SESSION, "", 1);
	e.revoke.mark.at_ms = r.now_ms;
	rig_step(&r, &e);
	assert_int_equal(r.out.n, 0);
	assert_true(core_digest(r.core) == before);
	rig_stop(&r);
}

static void one_that_is_told_again_is_marked_again_and_never_goes_back(void **state)
{
	struct core_event e = revoke_event(MARK_USER, "jim", 0);
	struct rig r;

	(void)state;
	start(&r);
	r.now_ms += 1000;
	revoke_now(&r, MARK_USER, "jim", 0);
	e.revoke.tag = 56;
	e.revoke.mark.at_ms = r.now_ms - 500;
	rig_step(&r, &e);
	assert_int_equal(rig_one(&r, CORE_DO_MARK)->mark.tag, 56);
	assert_int_equal(rig_one(&r, CORE_DO_MARK)->mark.mark.at_ms, r.now_ms);
	rig_open(&r, 0, 9, "jim");
	assert_int_equal(refused_code(&r), CLOSE_REVOKED);
	rig_stop(&r);
}

/* Another router, with the marks that the one before made. */
static struct rig next_router(struct rig *r, uint32_t link)
{
	struct mark marks[16];
	char uids[16][16];
	size_t n = 0;
	struct rig next = {.now_ms = r->now_ms + 3000, .stores_at_once = true};
	struct core_config config = rig_config;

	for (size_t i = 0; i < rig_count(r, CORE_DO_MARK); i++) {
		marks[n] = rig_nth(r, CORE_DO_MARK, i)->mark.mark;
		snprintf(uids[n], sizeof(uids[n]), "%.*s", SLICE_ARGS(marks[n].uid));
		marks[n].uid = slice_of(uids[n]);
		n++;
	}
	assert_in_range(n, 1, 16);
	rig_stop(r);
	config.started_ms = next.now_ms;
	config.after_restart = true;
	assert_int_equal(core_new(&next.core, &config), 0);
	while (n > 0)
		assert_int_equal(core_load_mark(next.core, &marks[--n]), 0);
	rig_edge_up(&next, 0);
	rig_edge_up(&next, 1);
	next.link = link;
	return next;
}

static void reopen(struct rig *r, const struct ticket *t)
{
	struct core_event e = rig_open_event(t);

	e.open.reopen = true;
	rig_step(r, &e);
}

static void a_kicked_session_is_not_opened_again_also_not_by_the_next_router(void **state)
{
	struct core_event kick = {.kind = CORE_CTL_KICK, .user = {SLICE_LITERAL("jim")}};
	struct ticket jims;
	struct ticket anns;
	struct rig r;

	(void)state;
	rig_start(&r);
	jims = rig_ticket(&r, 1, "jim");
	rig_present(&r, &jims);
	anns = rig_ticket(&r, 2, "ann");
	rig_present(&r, &anns);
	rig_step(&r, &kick);
	assert_true(is_shut(&r, 1, CLOSE_KICKED));
	r = next_router(&r, 0);
	/* its edge had not heard */
	rig_send(&r, 0, 1, "ann", "x");
	assert_int_equal(rig_one(&r, CORE_DO_RESULT)->result.code, EX_TOKEN_EXPIRED);
	reopen(&r, &jims);
	assert_int_equal(refused_code(&r), CLOSE_KICKED);
	reopen(&r, &anns);
	rig_one(&r, CORE_DO_OPENED);
	/* another edge has no business with it */
	rig_send(&r, 1, 1, "ann", "x");
	rig_one(&r, CORE_DO_VIOLATION);
	/* a new ticket of his is good */
	rig_open(&r, 0, 3, "jim");
	rig_one(&r, CORE_DO_OPENED);
	rig_stop(&r);
}

static void a_revocation_is_in_force_in_the_next_router(void **state)
{
	struct ticket jims;
	struct ticket fresh;
	struct rig r;

	(void)state;
	rig_start(&r);
	jims = rig_ticket(&r, 1, "jim");
	rig_present(&r, &jims);
	fresh = rig_ticket(&r, 2, "jim");
	revoke_now(&r, MARK_USER, "jim", 0);
	r = next_router(&r, 0);
	reopen(&r, &jims);
	assert_int_equal(refused_code(&r), CLOSE_REVOKED);
	reopen(&r, &fresh); /* which no router had seen */
	assert_int_equal(refused_code(&r), CLOSE_REVOKED);
	rig_open(&r, 0, 3, "jim");
	rig_one(&r, CORE_DO_OPENED);
	rig_stop(&r);
}

static void marks_that_are_too_old_are_not_loaded(void **state)
{
	const struct mark marks[] = {
		{.kind = MARK_SESSION, .id = 1, .at_ms = 1000000 - MARK_KEPT_MS - 1},
		{.kind = MARK_USER, .uid = {"jim", 3}, .at_ms = 1000000 - MARK_KEPT_MS - 1},
		{.kind = MARK_USER, .uid = {"jim", 3}},
		{.kind = MARK_SESSION, .id = 2, .at_ms = 1000000 - MARK_KEPT_MS},
	};
	struct core_counts n;
	struct rig r;

	(void)state;
	rig_start(&r);
	for (size_t i = 0; i < sizeof(marks) / sizeof(marks[0]); i++)
		assert_int_equal(core_load_mark(r.core, &marks[i]), 0);
	assert_int_equal(core_load_mark(r.core, &marks[3]), 0);
	core_counts(r.core, &n);
	assert_int_equal(n.marks, 1);
	rig_tick(&r, 0);
	core_counts(r.core, &n);
	assert_int_equal(n.marks, 0);
	rig_stop(&r);
}

static void what_ended_for_good_is_kept_although_many_others_ended(void **state)
{
	struct core_event kick = {.kind = CORE_CTL_KICK, .user = {SLICE_LITERAL("jim")}};
	struct ticket t;
	struct rig r;

	(void)state;
	rig_start(&r);
	t = rig_ticket(&r, 1, "jim");
	rig_present(&r, &t);
	rig_step(&r, &kick);
	for (uint64_t s = 2; s <= 65536 + 10; s++) {
		rig_open(&r, 0, s, "ann");
		rig_close(&r, 0, s);
	}
	reopen(&r, &t);
	assert_int_equal(refused_code(&r), CLOSE_KICKED);
	rig_send(&r, 0, 2, "ann", "x"); /* forgotten */
	rig_one(&r, CORE_DO_VIOLATION);
	rig_stop(&r);
}

static void an_issuer_with_very_many_sessions_is_revoked_in_one_step(void **state)
{
	const uint64_t many = 100000;
	struct core_counts n;
	struct rig r;

	(void)state;
	rig_start(&r);
	for (uint64_t s = 1; s <= many; s++) {
		char uid[16];

		snprintf(uid, sizeof(uid), "u%d", (int)s);
		open_by(&r, s % 2, s, uid, s, s % 10 == 0 ? 2 : 1);
	}
	revoke_now(&r, MARK_ISSUER, "", 1);
	assert_int_equal(rig_count(&r, CORE_DO_SHUT), many / 10 * 9);
	core_counts(r.core, &n);
	assert_int_equal(n.sessions, many / 10);
	assert_int_equal(n.users_online, many / 10);
	assert_int_equal(n.marks, many / 10 * 9 + 1);
	rig_stop(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_revoked_user_is_shut_on_every_link_in_that_step),
		cmocka_unit_test(a_token_and_an_issuer_name_the_sessions_that_they_made),
		cmocka_unit_test(a_ticket_from_before_opens_nothing_and_one_from_after_does),
		cmocka_unit_test(a_session_that_was_renewed_after_the_revocation_goes_on),
		cmocka_unit_test(a_renewal_with_a_void_ticket_shuts_the_session),
		cmocka_unit_test(a_revocation_from_too_long_ago_or_of_nothing_changes_nothing),
		cmocka_unit_test(one_that_is_told_again_is_marked_again_and_never_goes_back),
		cmocka_unit_test(a_kicked_session_is_not_opened_again_also_not_by_the_next_router),
		cmocka_unit_test(a_revocation_is_in_force_in_the_next_router),
		cmocka_unit_test(marks_that_are_too_old_are_not_loaded),
		cmocka_unit_test(what_ended_for_good_is_kept_although_many_others_ended),
		cmocka_unit_test(an_issuer_with_very_many_sessions_is_revoked_in_one_step),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
