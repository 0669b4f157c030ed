/* What a user, a day and the disk may hold. */
#include "core_rig.h"

static void an_inbox_has_a_bound_in_rows_which_counts_what_waits(void **state)
{
	struct core_config small = rig_config;
	struct core_event acked = {.kind = CORE_ACKED};
	struct core_event to_all = rig_push("", "p");
	struct rig r;

	(void)state;
	small.inbox_rows = 3;
	rig_start_with(&r, &small);
	rig_open(&r, 0, 1, "1");
	rig_known(&r, "2");
	for (int i = 0; i < 3; i++)
		rig_event(&r, 0, rig_message(1, "2", ""));
	assert_int_equal(rig_refused(&r, 0, rig_message(1, "2", "")), EX_INBOX_FULL);
	assert_int_not_equal(rig_one(&r, CORE_DO_RESULT)->result.after_ms, 0);
	rig_store(&r);
	assert_int_equal(rig_refused(&r, 0, rig_message(1, "2", "")), EX_INBOX_FULL);
	rig_event(&r, 0, rig_push("2", ""));
	assert_int_equal(rig_one(&r, CORE_DO_CTL_RESULT)->result.code, EX_INBOX_FULL);
	/* what he sends himself does not count, nor what goes to all */
	rig_event(&r, 0, rig_message(1, "1", ""));
	rig_one(&r, CORE_DO_APPEND);
	rig_event(&r, 0, to_all);
	rig_one(&r, CORE_DO_APPEND);
	acked.acked.uid = SLICE_LITERAL("2");
	acked.acked.place = (struct message_place){2, 2, 2};
	rig_step(&r, &acked);
	assert_int_equal(rig_user(&r, "2").rows, 1);
	rig_event(&r, 0, rig_message(1, "2", ""));
	rig_event(&r, 0, rig_message(1, "2", ""));
	rig_one(&r, CORE_DO_APPEND);
	assert_int_equal(rig_refused(&r, 0, rig_message(1, "2", "")), EX_INBOX_FULL);
	rig_stop(&r);
}

static void an_inbox_has_a_bound_in_bytes(void **state)
{
	struct core_config small = rig_config;
	struct core_event e = rig_message(1, "2", "");
	struct rig r;

	(void)state;
	small.inbox_bytes = 10;
	rig_start_with(&r, &small);
	rig_open(&r, 0, 1, "1");
	rig_known(&r, "2");
	e.send.content = SLICE_LITERAL("123456");
	rig_event(&r, 0, e);
	rig_one(&r, CORE_DO_APPEND);
	e.send.content = SLICE_LITERAL("12345");
	assert_int_equal(rig_refused(&r, 0, e), EX_INBOX_FULL);
	e.send.content = SLICE_LITERAL("1234");
	rig_event(&r, 0, e);
	rig_one(&r, CORE_DO_APPEND);
	rig_stop(&r);
}

static void what_waits_for_the_disk_has_a_bound(void **state)
{
	struct rig r;

	(void)state;
	rig_start_with(&r, &rig_config);
	rig_open(&r, 0, 1, "1");
	rig_open(&r, 1, 2, "2");
	rig_edge_up(&r, 2);
	rig_open(&r, 2, 3, "3");
	for (int i = 0; i < STORE_PENDING_ROWS; i++) {
		uint32_t link = i < EDGE_PENDING_ROWS ? 0 : 1;

		rig_event(&r, link, rig_message(1 + link, "2", i == 0 ? "m0" : ""));
		rig_one(&r, CORE_DO_APPEND);
	}
	assert_int_equal(rig_refused(&r, 2, rig_message(3, "2", "")), EX_UNAVAILABLE);
	assert_int_equal(rig_refused(&r, 0, rig_message(1, "2", "")), EX_UNAVAILABLE);
	assert_int_equal(rig_refused(&r, 0, rig_message(1, "2", "m0")), EX_UNAVAILABLE);
	assert_int_not_equal(rig_one(&r, CORE_DO_RESULT)->result.after_ms, 0);
	rig_store(&r);
	rig_event(&r, 0, rig_message(1, "2", ""));
	rig_one(&r, CORE_DO_APPEND);
	rig_stop(&r);
}

static void one_edge_cannot_fill_the_queue(void **state)
{
	struct core_event e = rig_message(1, "2", "");
	struct rig r;

	(void)state;
	rig_start_with(&r, &rig_config);
	rig_open(&r, 0, 1, "1");
	rig_open(&r, 1, 2, "2");
	for (int i = 0; i < EDGE_PENDING_ROWS; i++) {
		rig_event(&r, 0, rig_message(1, "2", i == 0 ? "m0" : ""));
		rig_one(&r, CORE_DO_APPEND);
	}
	assert_int_equal(rig_refused(&r, 0, e), EX_UNAVAILABLE);
	assert_int_equal(rig_refused(&r, 0, rig_message(1, "2", "m0")), EX_UNAVAILABLE);
	rig_event(&r, 1, rig_message(2, "1", ""));
	rig_one(&r, CORE_DO_APPEND);
	rig_event(&r, 0, rig_push("1", ""));
	rig_one(&r, CORE_DO_APPEND);
	rig_store(&r);
	rig_event(&r, 0, e);
	rig_one(&r, CORE_DO_APPEND);
	rig_stop(&r);
}

static void a_message_for_somebody_new_makes_an_inbox_but_not_many_a_day(void **state)
{
	struct core_config any = rig_config;
	const struct core_command *c;
	struct core_event e;
	struct rig r;
	char uid[16];

	(void)state;
	any.recipients = CORE_RECIPIENTS_ANY;
	rig_start_with(&r, &any);
	rig_open(&r, 0, 1, "1");
	for (int i = 0; i < NEW_INBOXES_PER_DAY; i++) {
		snprintf(uid, sizeof(uid), "new%d", i);
		rig_event(&r, 0, rig_message(1, uid, ""));
		c = rig_one(&r, CORE_DO_USER);
		assert_true(slice_is(c->user.uid, uid));
		assert_int_equal(r.out.list[0].kind, CORE_DO_USER);
		rig_one(&r, CORE_DO_APPEND);
	}
	assert_int_equal(rig_refused(&r, 0, rig_message(1, "more", "")), EX_RATE_LIMITED);
	assert_string_equal(rig_user(&r, "more").state, "not known");
	/* to those who are there already, and for operators, there is no such bound */
	rig_event(&r, 0, rig_message(1, "new3", ""));
	assert_int_equal(rig_count(&r, CORE_DO_USER), 0);
	rig_one(&r, CORE_DO_APPEND);
	e = rig_push("more", "");
	rig_event(&r, 0, e);
	rig_one(&r, CORE_DO_APPEND);
	r.now_ms += 86400000;
	rig_open(&r, 0, 2, "1");
	rig_event(&r, 0, rig_message(2, "another", ""));
	rig_one(&r, CORE_DO_APPEND);
	rig_stop(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_inbox_has_a_bound_in_rows_which_counts_what_waits),
		cmocka_unit_test(an_inbox_has_a_bound_in_bytes),
		cmocka_unit_test(what_waits_for_the_disk_has_a_bound),
		cmocka_unit_test(one_edge_cannot_fill_the_queue),
		cmocka_unit_test(a_message_for_somebody_new_makes_an_inbox_but_not_many_a_day),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
