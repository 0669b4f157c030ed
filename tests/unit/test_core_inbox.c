/* From a send to its answer: what waits for the disk, what was on it, and what found no room. */
#include "core_rig.h"

/* Users 1 and 2 with one session each, on links of their own; the store waits. */
static void start(struct rig *r)
{
	rig_start_with(r, &rig_config);
	rig_open(r, 0, 1, "1");
	rig_open(r, 1, 2, "2");
}

static const struct core_command *answer(const struct rig *r)
{
	return rig_one(r, CORE_DO_RESULT);
}

static void nobody_hears_of_a_message_before_it_is_on_disk(void **state)
{
	struct rig r;
	const struct core_command *c;

	(void)state;
	start(&r);
	rig_event(&r, 0, rig_message(1, "2", "m1"));
	assert_int_equal(r.out.n, 1);
	c = rig_one(&r, CORE_DO_APPEND);
	assert_int_equal(c->append.number, 1);
	assert_int_equal(c->append.generation, 0);
	assert_true(slice_is(c->append.message->to, "2"));
	assert_true(slice_is(c->append.message->from, "1"));
	assert_true(slice_is(c->append.message->device, "d1"));
	assert_true(slice_is(c->append.message->mid, "m1"));
	assert_true(slice_is(c->append.message->body, "x"));
	assert_int_equal(c->append.message->at_to.seq, 1);
	assert_int_equal(c->append.message->at_to.rows, 1);
	assert_int_equal(c->append.message->at_to.bytes, 1);
	assert_int_equal(c->append.message->at_from.seq, 1);
	assert_int_equal(c->append.message->at_from.rows, 0);
	assert_int_equal(rig_user(&r, "2").seq, 0);
	rig_store(&r);
	assert_int_equal(rig_received(&r, 1, 2), 1);
	assert_int_equal(rig_one(&r, CORE_DO_DELIVER)->deliver.number, 1);
	assert_int_equal(answer(&r)->result.state, CORE_DELIVERED);
	assert_int_equal(answer(&r)->result.devices, 1);
	assert_int_equal(answer(&r)->result.seq, 1);
	assert_int_equal(rig_user(&r, "2").seq, 1);
	assert_int_equal(rig_user(&r, "2").rows, 1);
	assert_int_equal(rig_user(&r, "1").rows, 0);
	rig_stop(&r);
}

static void what_is_stored_together_is_told_in_the_order_of_its_numbers(void **state)
{
	struct core_event e = {.kind = CORE_STORED, .stored = {2}};
	struct rig r;

	(void)state;
	start(&r);
	for (int i = 0; i < 5; i++)
		rig_send(&r, 0, 1, "2", "x");
	rig_bare_step(&r, &e);
	assert_int_equal(rig_count(&r, CORE_DO_DELIVER), 2);
	assert_int_equal(rig_nth(&r, CORE_DO_DELIVER, 0)->deliver.number, 1);
	assert_int_equal(rig_nth(&r, CORE_DO_DELIVER, 1)->deliver.number, 2);
	/* its answer follows each, before the next */
	assert_int_equal(r.out.list[0].kind, CORE_DO_DELIVER);
	assert_int_equal(r.out.list[1].kind, CORE_DO_RESULT);
	rig_store(&r);
	assert_int_equal(rig_count(&r, CORE_DO_DELIVER), 3);
	assert_int_equal(rig_nth(&r, CORE_DO_DELIVER, 2)->deliver.number, 5);
	assert_int_equal(rig_nth(&r, CORE_DO_RESULT, 2)->result.seq, 5);
	rig_store(&r);
	assert_int_equal(r.out.n, 0);
	rig_stop(&r);
}

static void the_sessions_that_get_it_are_those_of_the_moment_it_is_stored(void **state)
{
	struct rig r;

	(void)state;
	start(&r);
	rig_event(&r, 0, rig_message(1, "2", ""));
	rig_close(&r, 1, 2);
	rig_open(&r, 0, 3, "2");
	rig_store(&r);
	assert_int_equal(rig_count(&r, CORE_DO_DELIVER), 1);
	assert_int_equal(rig_received(&r, 0, 3), 1);
	rig_stop(&r);
}

static void the_states_say_who_has_it(void **state)
{
	struct rig r;
	struct ticket t;
	struct core_event e;

	(void)state;
	start(&r);
	rig_close(&r, 1, 2);
	rig_event(&r, 0, rig_message(1, "2", ""));
	rig_store(&r);
	assert_int_equal(answer(&r)->result.state, CORE_KEPT);
	assert_int_equal(answer(&r)->result.devices, 0);
	/* one that has something to read first is not handed what comes */
	rig_open(&r, 1, 3, "2");
	assert_int_equal(rig_one(&r, CORE_DO_OPENED)->opened.start_u, 0);
	rig_event(&r, 0, rig_message(1, "2", ""));
	rig_store(&r);
	assert_int_equal(answer(&r)->result.state, CORE_ACCEPTED);
	assert_int_equal(rig_count(&r, CORE_DO_DELIVER), 0);
	r.link = 1;
	t = rig_ticket(&r, 4, "2");
	e = rig_open_event(&t);
	e.open.has_position = true;
	e.open.epoch = core_epoch(r.core);
	e.open.u = rig_user(&r, "2").seq;
	rig_step(&r, &e);
	rig_event(&r, 0, rig_message(1, "2", ""));
	rig_store(&r);
	assert_int_equal(answer(&r)->result.state, CORE_DELIVERED);
	assert_int_equal(answer(&r)->result.devices, 1);
	assert_int_equal(rig_received(&r, 1, 4), 1);
	rig_stop(&r);
}

static void an_answer_does_not_go_to_an_edge_that_did_not_ask(void **state)
{
	struct core_event other = {.kind = CORE_EDGE_UP, .edge = {555, 1}};
	struct rig r;

	(void)state;
	start(&r);
	rig_event(&r, 0, rig_message(1, "2", ""));
	rig_event(&r, 0, rig_message(1, "2", ""));
	rig_edge_down(&r, 0);
	rig_bare_step(&r, &(struct core_event){.kind = CORE_STORED, .stored = {1}});
	assert_int_equal(rig_count(&r, CORE_DO_RESULT), 0);
	assert_int_equal(rig_received(&r, 1, 2), 1);
	r.link = 0;
	rig_step(&r, &other);
	rig_store(&r);
	assert_int_equal(rig_count(&r, CORE_DO_RESULT), 0);
	assert_int_equal(rig_received(&r, 1, 2), 1);
	rig_stop(&r);
}

static void one_whose_session_has_ended_is_answered_all_the_same(void **state)
{
	struct rig r;

	(void)state;
	start(&r);
	rig_event(&r, 0, rig_message(1, "2", ""));
	rig_close(&r, 0, 1);
	rig_store(&r);
	assert_int_equal(answer(&r)->result.state, CORE_DELIVERED);
	assert_int_equal(answer(&r)->link, 0);
	rig_stop(&r);
}

static void a_full_disk_takes_all_numbers_back_and_leaves_no_hole(void **state)
{
	struct rig r;
	const struct core_command *c;

	(void)state;
	start(&r);
	rig_event(&r, 0, rig_message(1, "2", "kept"));
	rig_store(&r);
	rig_event(&r, 0, rig_message(1, "2", "m1"));
	rig_event(&r, 0, rig_push("", "p1"));
	rig_event(&r, 0, rig_message(1, "2", "m1"));
	rig_fail(&r, 0);
	assert_int_equal(rig_count(&r, CORE_DO_RESULT), 2);
	assert_int_equal(rig_nth(&r, CORE_DO_RESULT, 1)->result.code, EX_UNAVAILABLE);
	assert_int_not_equal(rig_nth(&r, CORE_DO_RESULT, 1)->result.after_ms, 0);
	assert_int_equal(rig_nth(&r, CORE_DO_RESULT, 1)->result.state, CORE_REFUSED);
	assert_int_equal(rig_one(&r, CORE_DO_CTL_RESULT)->result.code, EX_UNAVAILABLE);
	assert_int_equal(rig_one(&r, CORE_DO_CTL_RESULT)->result.ref, 9);
	assert_int_equal(rig_count(&r, CORE_DO_DELIVER), 0);
	/* the same again is a new message, under the same number */
	rig_event(&r, 0, rig_message(1, "2", "m1"));
	c = rig_one(&r, CORE_DO_APPEND);
	assert_int_equal(c->append.generation, 1);
	assert_int_equal(c->append.number, 4);
	assert_int_equal(c->append.message->at_to.seq, 2);
	assert_int_equal(c->append.message->at_from.seq, 2);
	/* and a report of the old generation is nothing to it */
	rig_fail(&r, 0);
	assert_int_equal(r.out.n, 0);
	rig_store(&r);
	assert_int_equal(rig_one(&r, CORE_DO_DELIVER)->deliver.number, 2);
	rig_event(&r, 0, rig_message(1, "2", "kept"));
	assert_int_equal(answer(&r)->result.state, CORE_DUPLICATE);
	rig_stop(&r);
}

static void a_mid_that_is_known_makes_no_second_message(void **state)
{
	struct rig r;

	(void)state;
	start(&r);
	rig_event(&r, 0, rig_message(1, "2", "m1"));
	rig_store(&r);
	rig_event(&r, 0, rig_message(1, "2", "m2"));
	rig_store(&r);
	rig_close(&r, 1, 2);
	/* from another connection of the device, on another edge */
	rig_open(&r, 1, 3, "1");
	rig_event(&r, 1, rig_message(3, "2", "m2"));
	assert_int_equal(rig_count(&r, CORE_DO_APPEND), 0);
	assert_int_equal(answer(&r)->link, 1);
	assert_int_equal(answer(&r)->result.state, CORE_DUPLICATE);
	assert_int_equal(answer(&r)->result.first, CORE_DELIVERED);
	assert_int_equal(answer(&r)->result.devices, 1);
	assert_int_equal(answer(&r)->result.seq, 2);
	assert_true(slice_is(answer(&r)->result.mid, "m2"));
	r.now_ms += MIDS_MS;
	rig_event(&r, 1, rig_message(3, "2", "m2"));
	rig_one(&r, CORE_DO_APPEND);
	rig_stop(&r);
}

static void a_mid_with_another_body_or_recipient_is_refused(void **state)
{
	struct rig r;
	struct core_event e;

	(void)state;
	start(&r);
	rig_event(&r, 0, rig_message(1, "2", "m1"));
	e = rig_message(1, "2", "m1");
	e.send.content = SLICE_LITERAL("y");
	assert_int_equal(rig_refused(&r, 0, e), EX_MID_REUSED);
	rig_store(&r);
	assert_int_equal(rig_refused(&r, 0, e), EX_MID_REUSED);
	assert_int_equal(rig_refused(&r, 0, rig_message(1, "1", "m1")), EX_MID_REUSED);
	rig_stop(&r);
}

static void mids_of_users_devices_and_operators_are_their_own(void **state)
{
	struct rig r;
	struct ticket t;
	struct core_event e;

	(void)state;
	start(&r);
	t = rig_ticket(&r, 3, "1");
	e = rig_open_event(&t);
	e.open.device = SLICE_LITERAL("d2");
	rig_step(&r, &e);
	rig_event(&r, 0, rig_message(1, "2", "m1"));
	rig_event(&r, 1, rig_message(3, "2", "m1"));
	rig_one(&r, CORE_DO_APPEND);
	rig_event(&r, 1, rig_message(2, "2", "m1"));
	rig_one(&r, CORE_DO_APPEND);
	rig_event(&r, 0, rig_push("2", "m1"));
	rig_one(&r, CORE_DO_APPEND);
	rig_store(&r);
	rig_event(&r, 0, rig_push("2", "m1"));
	assert_int_equal(rig_one(&r, CORE_DO_CTL_RESULT)->result.state, CORE_DUPLICATE);
	assert_int_equal(rig_one(&r, CORE_DO_CTL_RESULT)->result.ref, 9);
	rig_stop(&r);
}

static void one_that_asks_again_too_soon_waits_for_the_same_commit(void **state)
{
	struct core_event again = rig_message(1, "2", "m1");
	struct core_counts n;
	struct rig r;

	(void)state;
	start(&r);
	rig_event(&r, 0, rig_message(1, "2", "m1"));
	again.send.ref = 6;
	rig_event(&r, 0, again);
	assert_int_equal(r.out.n, 0);
	core_counts(r.core, &n);
	assert_int_equal(n.pending_rows, 2);
	rig_store(&r);
	assert_int_equal(rig_count(&r, CORE_DO_RESULT), 2);
	assert_int_equal(rig_count(&r, CORE_DO_DELIVER), 1);
	assert_int_equal(rig_nth(&r, CORE_DO_RESULT, 0)->result.ref, 5);
	assert_int_equal(rig_nth(&r, CORE_DO_RESULT, 0)->result.state, CORE_DELIVERED);
	assert_int_equal(rig_nth(&r, CORE_DO_RESULT, 1)->result.ref, 6);
	assert_int_equal(rig_nth(&r, CORE_DO_RESULT, 1)->result.state, CORE_DUPLICATE);
	assert_int_equal(rig_nth(&r, CORE_DO_RESULT, 1)->result.first, CORE_DELIVERED);
	assert_int_equal(rig_nth(&r, CORE_DO_RESULT, 1)->result.seq, 1);
	core_counts(r.core, &n);
	assert_int_equal(n.pending_rows, 0);
	assert_int_equal(n.pending_bytes, 0);
	assert_int_equal(n.duplicates, 1);
	rig_stop(&r);
}

static void after_a_restart_a_mid_is_still_known(void **state)
{
	const struct core_stored_user users[] = {
		{.uid = {"1", 1}, .head = {4, 1, 1}, .floor = 1},
		{.uid = {"2", 1}, .head = {9, 9, 9}, .floor = 1},
	};
	const struct message m = {
		.to = {"2", 1},
		.from = {"1", 1},
		.device = {"d1", 2},
		.mid = {"m1", 2},
		.body = {"x", 1},
		.at_to = {9, 9, 9},
		.at_from = {4, 1, 1},
	};
	struct rig r;

	(void)state;
	rig_start_with(&r, &rig_config);
	assert_int_equal(core_load_user(r.core, &users[0]), 0);
	assert_int_equal(core_load_user(r.core, &users[1]), 0);
	assert_int_equal(core_load_recent(r.core, &m), 0);
	rig_open(&r, 0, 1, "1");
	rig_event(&r, 0, rig_message(1, "2", "m1"));
	assert_int_equal(answer(&r)->result.state, CORE_DUPLICATE);
	assert_int_equal(answer(&r)->result.first, CORE_ACCEPTED);
	assert_int_equal(answer(&r)->result.seq, 4);
	rig_event(&r, 0, rig_message(1, "2", "m2"));
	assert_int_equal(rig_one(&r, CORE_DO_APPEND)->append.message->at_to.seq, 10);
	rig_stop(&r);
}

static void a_message_to_oneself_stands_once(void **state)
{
	struct rig r;

	(void)state;
	start(&r);
	rig_event(&r, 0, rig_message(1, "1", ""));
	assert_int_equal(rig_one(&r, CORE_DO_APPEND)->append.message->at_from.seq, 0);
	assert_int_equal(rig_one(&r, CORE_DO_APPEND)->append.message->at_to.rows, 1);
	rig_store(&r);
	assert_int_equal(rig_count(&r, CORE_DO_DELIVER), 1);
	assert_int_equal(answer(&r)->result.seq, 0);
	rig_stop(&r);
}

static void a_push_has_an_end_when_it_is_given_one(void **state)
{
	struct core_event e = rig_push("2", "");
	struct rig r;

	(void)state;
	start(&r);
	rig_event(&r, 0, e);
	assert_int_equal(rig_one(&r, CORE_DO_APPEND)->append.message->expires_ms, 0);
	e.push.ttl_ms = 5000;
	rig_event(&r, 0, e);
	assert_int_equal(rig_one(&r, CORE_DO_APPEND)->append.message->expires_ms,
		rig_one(&r, CORE_DO_APPEND)->append.message->ts_ms + 5000);
	e.push.ttl_ms = INT64_MAX;
	rig_event(&r, 0, e);
	assert_int_equal(rig_one(&r, CORE_DO_APPEND)->append.message->expires_ms, 0);
	rig_stop(&r);
}

static void a_push_to_all_is_published_when_it_is_on_disk(void **state)
{
	struct rig r;

	(void)state;
	start(&r);
	rig_event(&r, 0, rig_push("", "p1"));
	assert_int_equal(rig_count(&r, CORE_DO_SYSTEM), 0);
	assert_int_equal(rig_one(&r, CORE_DO_APPEND)->append.message->to.len, 0);
	rig_store(&r);
	assert_int_equal(rig_one(&r, CORE_DO_SYSTEM)->system.number, 1);
	assert_int_equal(rig_one(&r, CORE_DO_CTL_RESULT)->result.state, CORE_DELIVERED);
	assert_int_equal(rig_one(&r, CORE_DO_CTL_RESULT)->result.devices, 2);
	rig_stop(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nobody_hears_of_a_message_before_it_is_on_disk),
		cmocka_unit_test(what_is_stored_together_is_told_in_the_order_of_its_numbers),
		cmocka_unit_test(the_sessions_that_get_it_are_those_of_the_moment_it_is_stored),
		cmocka_unit_test(the_states_say_who_has_it),
		cmocka_unit_test(an_answer_does_not_go_to_an_edge_that_did_not_ask),
		cmocka_unit_test(one_whose_session_has_ended_is_answered_all_the_same),
		cmocka_unit_test(a_full_disk_takes_all_numbers_back_and_leaves_no_hole),
		cmocka_unit_test(a_mid_that_is_known_makes_no_second_message),
		cmocka_unit_test(a_mid_with_another_body_or_recipient_is_refused),
		cmocka_unit_test(mids_of_users_devices_and_operators_are_their_own),
		cmocka_unit_test(one_that_asks_again_too_soon_waits_for_the_same_commit),
		cmocka_unit_test(after_a_restart_a_mid_is_still_known),
		cmocka_unit_test(a_message_to_oneself_stands_once),
		cmocka_unit_test(a_push_has_an_end_when_it_is_given_one),
		cmocka_unit_test(a_push_to_all_is_published_when_it_is_on_disk),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
