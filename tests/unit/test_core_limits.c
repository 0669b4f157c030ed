/* What a new session does where its user has as many as he may. */
#include "core_rig.h"

static void start(struct rig *r, enum core_limit limit)
{
	struct core_config config = rig_config;

	config.limit = limit;
	config.sessions_per_user = 3;
	rig_start_with(r, &config);
	r->stores_at_once = true;
}

static void open_on(
	struct rig *r, uint32_t link, uint64_t session, const char *uid, const char *device)
{
	struct core_event e;
	struct ticket t;

	r->link = link;
	t = rig_ticket(r, session, uid);
	e = rig_open_event(&t);
	e.open.device = slice_of(device);
	rig_step(r, &e);
}

static void reopen_on(struct rig *r, uint64_t session, const char *device)
{
	struct core_event e;
	struct ticket t;

	r->link = 0;
	t = rig_ticket(r, session, "jim");
	e = rig_open_event(&t);
	e.open.reopen = true;
	e.open.device = slice_of(device);
	rig_step(r, &e);
}

/* The only one that this step replaced. */
static uint64_t replaced(const struct rig *r)
{
	const struct core_command *shut = rig_one(r, CORE_DO_SHUT);
	const struct core_command *mark = rig_one(r, CORE_DO_MARK);

	rig_one(r, CORE_DO_OPENED);
	assert_string_equal(rig_nth(r, CORE_DO_NOTE, 1)->note.kind, "replaced");
	assert_int_equal(shut->shut.code, CLOSE_REPLACED);
	assert_int_equal(mark->mark.mark.kind, MARK_SESSION);
	assert_int_equal(mark->mark.mark.id, shut->shut.session);
	assert_int_equal(mark->mark.mark.code, CLOSE_REPLACED);
	assert_int_equal(mark->mark.tag, 0);
	return shut->shut.session;
}

static unsigned refused(const struct rig *r)
{
	assert_int_equal(rig_count(r, CORE_DO_SHUT), 0);
	assert_int_equal(rig_count(r, CORE_DO_OPENED), 0);
	return rig_one(r, CORE_DO_OPEN_REFUSED)->open_refused.code;
}

static void the_one_that_was_opened_first_gives_way_wherever_it_is(void **state)
{
	struct core_counts n;
	struct rig r;

	(void)state;
	start(&r, CORE_LIMIT_OLDEST);
	open_on(&r, 1, 1, "jim", "a");
	open_on(&r, 0, 2, "jim", "b"); /* all in the same ms */
	open_on(&r, 1, 3, "jim", "c");
	open_on(&r, 0, 4, "jim", "d");
	assert_int_equal(replaced(&r), 1);
	assert_int_equal(rig_one(&r, CORE_DO_SHUT)->link, 1);
	assert_int_equal(rig_user(&r, "jim").n_sessions, 3);
	open_on(&r, 0, 5, "jim", "d");
	assert_int_equal(replaced(&r), 2);
	open_on(&r, 0, 6, "ann", "d");
	assert_int_equal(rig_count(&r, CORE_DO_SHUT), 0);
	rig_close(&r, 1, 3);
	open_on(&r, 0, 7, "jim", "e");
	assert_int_equal(rig_count(&r, CORE_DO_SHUT), 0);
	/* its edge had not heard */
	rig_send(&r, 1, 1, "ann", "x");
	assert_int_equal(rig_one(&r, CORE_DO_RESULT)->result.code, EX_TOKEN_EXPIRED);
	core_counts(r.core, &n);
	assert_int_equal(n.replaced, 2);
	rig_stop(&r);
}

static void of_one_named_device_the_newest_alone_stays(void **state)
{
	struct rig r;

	(void)state;
	start(&r, CORE_LIMIT_DEVICE);
	open_on(&r, 0, 1, "jim", "phone");
	open_on(&r, 1, 2, "jim", "phone");
	assert_int_equal(replaced(&r), 1);
	open_on(&r, 1, 3, "ann", "phone"); /* another's */
	assert_int_equal(rig_count(&r, CORE_DO_SHUT), 0);
	open_on(&r, 1, 4, "jim", "~0123456789abcdef");
	open_on(&r, 1, 5, "jim", "~0123456789abcdef"); /* the server's name means no device */
	assert_int_equal(rig_count(&r, CORE_DO_SHUT), 0);
	open_on(&r, 1, 6, "jim", "desk");
	assert_int_equal(refused(&r), CLOSE_SESSION_LIMIT);
	open_on(&r, 0, 7, "jim", "phone"); /* at the limit, and one goes */
	assert_int_equal(replaced(&r), 2);
	assert_int_equal(rig_user(&r, "jim").n_sessions, 3);
	rig_stop(&r);
}

static void without_a_policy_the_new_one_is_refused(void **state)
{
	struct rig r;

	(void)state;
	start(&r, CORE_LIMIT_REFUSE);
	for (uint64_t s = 1; s <= 3; s++)
		open_on(&r, 0, s, "jim", "phone");
	open_on(&r, 0, 4, "jim", "phone");
	assert_int_equal(refused(&r), CLOSE_SESSION_LIMIT);
	rig_stop(&r);
}

static void a_reopen_replaces_nobody(void **state)
{
	struct rig r;

	(void)state;
	start(&r, CORE_LIMIT_OLDEST);
	for (uint64_t s = 1; s <= 3; s++)
		open_on(&r, 0, s, "jim", "phone");
	reopen_on(&r, 4, "phone");
	assert_int_equal(refused(&r), CLOSE_SESSION_LIMIT);
	rig_stop(&r);
	start(&r, CORE_LIMIT_DEVICE);
	reopen_on(&r, 1, "phone");
	reopen_on(&r, 2, "phone");
	rig_one(&r, CORE_DO_OPENED);
	assert_int_equal(rig_count(&r, CORE_DO_SHUT), 0);
	/* both give way to a new one */
	open_on(&r, 0, 3, "jim", "phone");
	assert_int_equal(rig_count(&r, CORE_DO_SHUT), 2);
	assert_int_equal(rig_user(&r, "jim").n_sessions, 1);
	rig_stop(&r);
}

static void one_that_is_refused_for_another_reason_replaces_nobody(void **state)
{
	struct core_event e;
	struct ticket t;
	struct rig r;

	(void)state;
	start(&r, CORE_LIMIT_OLDEST);
	for (uint64_t s = 1; s <= 3; s++)
		open_on(&r, 0, s, "jim", "phone");
	t = rig_ticket(&r, 4, "jim");
	t.session_end_ms = r.now_ms;
	e = rig_open_event(&t);
	rig_step(&r, &e);
	assert_int_equal(refused(&r), CLOSE_RETRY);
	rig_stop(&r);
}

static void a_rebind_replaces_when_it_is_one_too_many_without_the_old_one(void **state)
{
	struct core_event e;
	struct ticket t;
	struct rig r;

	(void)state;
	start(&r, CORE_LIMIT_OLDEST);
	for (uint64_t s = 1; s <= 3; s++)
		open_on(&r, 0, s, "jim", "phone");
	t = rig_ticket(&r, 10, "jim");
	e = rig_open_event(&t);
	e.kind = CORE_REBIND;
	e.open.replaces = 1;
	rig_step(&r, &e);
	rig_one(&r, CORE_DO_OPENED);
	assert_int_equal(rig_count(&r, CORE_DO_SHUT), 0);
	open_on(&r, 0, 20, "ann", "phone");
	t = rig_ticket(&r, 21, "jim");
	e.open.nonce = t.nonce;
	e.open.replaces = 20;
	rig_step(&r, &e);
	assert_int_equal(replaced(&r), 2);
	assert_string_equal(rig_user(&r, "ann").state, "offline");
	assert_int_equal(rig_user(&r, "jim").n_sessions, 3);
	rig_stop(&r);
}

static void a_replaced_device_keeps_what_it_had_read(void **state)
{
	struct core_event ack = {.kind = CORE_ACK, .ack = {1, 2, 0}};
	struct core_device_info d;
	struct rig r;

	(void)state;
	start(&r, CORE_LIMIT_DEVICE);
	open_on(&r, 0, 1, "jim", "phone");
	rig_send(&r, 0, 1, "jim", "x");
	rig_send(&r, 0, 1, "jim", "x");
	rig_event(&r, 0, ack);
	open_on(&r, 1, 2, "jim", "phone");
	assert_int_equal(replaced(&r), 1);
	assert_true(core_user_device(r.core, SLICE_LITERAL("jim"), 0, &d));
	assert_int_equal(d.u, 2);
	open_on(&r, 1, 3, "jim", "phone");
	assert_int_equal(rig_one(&r, CORE_DO_OPENED)->opened.start_u, 2);
	rig_stop(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_one_that_was_opened_first_gives_way_wherever_it_is),
		cmocka_unit_test(of_one_named_device_the_newest_alone_stays),
		cmocka_unit_test(without_a_policy_the_new_one_is_refused),
		cmocka_unit_test(a_reopen_replaces_nobody),
		cmocka_unit_test(one_that_is_refused_for_another_reason_replaces_nobody),
		cmocka_unit_test(a_rebind_replaces_when_it_is_one_too_many_without_the_old_one),
		cmocka_unit_test(a_replaced_device_keeps_what_it_had_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
