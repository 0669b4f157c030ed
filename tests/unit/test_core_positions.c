/* What clients acknowledge, and what may go because of it. */
#include "core_rig.h"

/* User 1 has messages 1 to 9 on disk; there are system messages 1 to 5. */
static void start(struct rig *r)
{
	const struct core_stored_user system = {.head = {5, 5, 50}, .floor = 1};
	const struct core_stored_user user = {.uid = {"1", 1}, .head = {9, 9, 90}, .floor = 1};

	rig_start_with(r, &rig_config);
	assert_int_equal(core_load_user(r->core, &system), 0);
	assert_int_equal(core_load_user(r->core, &user), 0);
}

static void open_as(struct rig *r, uint64_t session, const char *device)
{
	struct ticket t;
	struct core_event e;

	r->link = 0;
	t = rig_ticket(r, session, "1");
	e = rig_open_event(&t);
	e.open.device = slice_of(device);
	e.open.has_position = true;
	e.open.epoch = SLICE_LITERAL("epoch001");
	e.open.u = 9;
	e.open.s = 5;
	rig_step(r, &e);
	rig_one(r, CORE_DO_OPENED);
}

static void ack(struct rig *r, uint64_t session, uint64_t u, uint64_t s)
{
	struct core_event e = {.kind = CORE_ACK, .ack = {session, u, s}};

	rig_event(r, 0, e);
}

/* The next tick says exactly this. */
static void assert_flushed(struct rig *r, const char *device, uint64_t u, uint64_t s)
{
	const struct core_command *c;

	rig_tick(r, 250);
	c = rig_one(r, CORE_DO_POSITION);
	assert_true(slice_is(c->position.uid, "1"));
	assert_true(slice_is(c->position.device, device));
	assert_int_equal(c->position.u, u);
	assert_int_equal(c->position.s, s);
	assert_int_equal(c->position.seen_ms, 1767225600000 + r->now_ms - 250);
	rig_tick(r, 250);
	assert_int_equal(rig_count(r, CORE_DO_POSITION), 0);
}

static void acked(struct rig *r, uint64_t seq)
{
	struct core_event e = {.kind = CORE_ACKED};

	e.acked.uid = SLICE_LITERAL("1");
	e.acked.place = (struct message_place){seq, seq, seq * 10};
	rig_step(r, &e);
}

static void a_position_is_told_to_the_store_with_the_next_tick(void **state)
{
	struct core_device_info d;
	struct rig r;

	(void)state;
	start(&r);
	open_as(&r, 1, "phone");
	ack(&r, 1, 3, 0);
	ack(&r, 1, 4, 2);
	ack(&r, 1, 2, 1); /* older: nothing */
	assert_int_equal(r.out.n, 0);
	assert_flushed(&r, "phone", 4, 2);
	assert_int_equal(rig_user(&r, "1").acked, 4);
	assert_int_equal(rig_user(&r, "1").n_devices, 1);
	assert_true(core_user_device(r.core, SLICE_LITERAL("1"), 0, &d));
	assert_true(slice_is(d.device, "phone"));
	assert_int_equal(d.u, 4);
	assert_int_equal(d.s, 2);
	assert_false(core_user_device(r.core, SLICE_LITERAL("1"), 1, &d));
	/* the quota comes back when the store has said what place that is */
	assert_int_equal(rig_user(&r, "1").rows, 9);
	acked(&r, 4);
	assert_int_equal(rig_user(&r, "1").rows, 5);
	assert_int_equal(rig_user(&r, "1").bytes, 50);
	acked(&r, 3);
	assert_int_equal(rig_user(&r, "1").rows, 5);
	rig_stop(&r);
}

static void the_last_position_of_a_session_is_told_after_its_end(void **state)
{
	struct rig r;

	(void)state;
	start(&r);
	open_as(&r, 1, "phone");
	ack(&r, 1, 7, 5);
	rig_close(&r, 0, 1);
	assert_flushed(&r, "phone", 7, 5);
	open_as(&r, 2, "~0123456789abcdef");
	ack(&r, 2, 8, 5);
	rig_edge_down(&r, 0);
	assert_flushed(&r, "", 8, 5);
	assert_int_equal(rig_user(&r, "1").acked, 8);
	assert_int_equal(rig_user(&r, "1").n_devices, 1);
	rig_stop(&r);
}

static void two_connections_of_one_device_have_what_both_have(void **state)
{
	struct rig r;

	(void)state;
	start(&r);
	open_as(&r, 1, "phone");
	open_as(&r, 2, "phone");
	open_as(&r, 3, "desk");
	ack(&r, 1, 7, 5);
	rig_tick(&r, 250);
	assert_int_equal(rig_user(&r, "1").acked, 0);
	ack(&r, 2, 5, 2);
	assert_int_equal(rig_user(&r, "1").acked, 5);
	rig_tick(&r, 250);
	assert_int_equal(rig_one(&r, CORE_DO_POSITION)->position.u, 5);
	assert_int_equal(rig_one(&r, CORE_DO_POSITION)->position.s, 2);
	/* the user has what any of his devices has */
	ack(&r, 3, 6, 0);
	assert_int_equal(rig_user(&r, "1").acked, 6);
	/* and one that is gone does not count any more */
	rig_close(&r, 0, 2);
	assert_int_equal(rig_user(&r, "1").acked, 7);
	rig_tick(&r, 250);
	assert_int_equal(rig_count(&r, CORE_DO_POSITION), 2);
	rig_stop(&r);
}

static void a_device_goes_on_from_what_the_store_kept_of_it(void **state)
{
	const struct core_stored_device d = {
		.uid = {"1", 1}, .device = {"phone", 5}, .u = 6, .s = 3, .seen_ms = 17};
	struct rig r;

	(void)state;
	start(&r);
	assert_int_equal(core_load_device(r.core, &d), 0);
	open_as(&r, 1, "phone");
	open_as(&r, 2, "phone");
	ack(&r, 1, 8, 0);
	assert_int_equal(rig_user(&r, "1").acked, 6);
	rig_stop(&r);
}

static void an_ack_beyond_the_head_is_a_violation(void **state)
{
	struct core_event push = rig_push("1", "p");
	struct rig r;
	uint64_t before;

	(void)state;
	start(&r);
	open_as(&r, 1, "phone");
	rig_event(&r, 0, push); /* number 10 is given out, and not on disk */
	before = core_digest(r.core);
	ack(&r, 1, 10, 0);
	rig_one(&r, CORE_DO_VIOLATION);
	ack(&r, 1, 9, 6);
	rig_one(&r, CORE_DO_VIOLATION);
	ack(&r, 55, 1, 1);
	rig_one(&r, CORE_DO_VIOLATION);
	assert_true(core_digest(r.core) == before);
	rig_close(&r, 0, 1);
	ack(&r, 1, 10, 0); /* had not heard of the end */
	assert_int_equal(r.out.n, 0);
	rig_stop(&r);
}

static void a_tick_tells_a_bounded_number_and_the_rest_later(void **state)
{
	enum { USERS = 5000 };
	struct rig r;
	size_t told = 0;

	(void)state;
	rig_start_with(&r, &rig_config);
	for (uint64_t i = 1; i <= USERS; i++) {
		char uid[8];
		struct core_stored_user u = {.head = {1, 1, 1}, .floor = 1};

		snprintf(uid, sizeof(uid), "u%d", (int)i);
		u.uid = slice_of(uid);
		assert_int_equal(core_load_user(r.core, &u), 0);
		rig_open(&r, 0, i, uid);
		ack(&r, i, 1, 0);
	}
	for (int i = 0; i < 3; i++) {
		rig_tick(&r, 250);
		assert_in_range(rig_count(&r, CORE_DO_POSITION), 1, 2048);
		told += rig_count(&r, CORE_DO_POSITION);
	}
	assert_int_equal(told, USERS);
	rig_stop(&r);
}

static const struct core_command *offer(
	struct rig *r, const char *uid, uint64_t seq, int64_t age_ms)
{
	struct core_event e = {.kind = CORE_OLD};

	e.old.uid = slice_of(uid);
	e.old.seq = seq;
	e.old.ts_ms = 1767225600000 + r->now_ms - age_ms;
	rig_step(r, &e);
	return rig_count(r, CORE_DO_TRIM) == 0 ? NULL : rig_one(r, CORE_DO_TRIM);
}

#define DAY INT64_C(86400000)

static void old_messages_go_when_every_kept_device_has_them(void **state)
{
	struct rig r;

	(void)state;
	start(&r);
	open_as(&r, 1, "phone");
	open_as(&r, 2, "desk");
	assert_null(offer(&r, "1", 9, DAY));
	ack(&r, 1, 8, 0);
	assert_int_equal(offer(&r, "1", 6, DAY)->trim.seq, 6);
	ack(&r, 2, 7, 0);
	rig_close(&r, 0, 1);
	assert_int_equal(offer(&r, "1", 9, DAY)->trim.seq, 7);
	assert_int_equal(rig_user(&r, "1").floor, 8);
	assert_int_equal(rig_count(&r, CORE_DO_POSITION), 0);
	assert_null(offer(&r, "1", 9, DAY)); /* nothing new to say */
	assert_null(offer(&r, "nobody", 9, DAY));
	rig_stop(&r);
}

static void without_a_kept_device_what_anybody_acknowledged_goes(void **state)
{
	struct rig r;

	(void)state;
	start(&r);
	open_as(&r, 1, "~0123456789abcdef");
	ack(&r, 1, 5, 0);
	assert_int_equal(offer(&r, "1", 9, DAY)->trim.seq, 5);
	rig_stop(&r);
}

static void nothing_goes_from_under_a_session_that_reads(void **state)
{
	struct core_event sync = {.kind = CORE_SYNC, .sync = {1, CORE_STREAM_USER, 4}};
	struct rig r;

	(void)state;
	start(&r);
	open_as(&r, 1, "phone");
	rig_event(&r, 0, sync);
	assert_int_equal(offer(&r, "1", 9, 31 * DAY)->trim.seq, 4);
	rig_stop(&r);
}

static void nothing_goes_before_those_who_were_reading_can_be_back(void **state)
{
	struct core_config config = rig_config;
	const struct core_stored_user user = {
		.uid = {"1", 1}, .head = {9, 9, 90}, .acked = {9, 9, 90}, .floor = 1};
	struct rig r;

	(void)state;
	config.after_restart = true;
	rig_start_with(&r, &config);
	assert_int_equal(core_load_user(r.core, &user), 0);
	r.now_ms += REOPEN_WINDOW_MS;
	assert_null(offer(&r, "1", 9, 2 * DAY));
	r.now_ms++;
	assert_non_null(offer(&r, "1", 9, 2 * DAY));
	rig_stop(&r);
}

static void past_the_retention_it_goes_acknowledged_or_not_and_does_not_count_any_more(void **state)
{
	struct rig r;

	(void)state;
	start(&r);
	open_as(&r, 1, "phone");
	ack(&r, 1, 2, 0);
	rig_tick(&r, 250);
	assert_int_equal(offer(&r, "1", 6, 30 * DAY)->trim.seq, 6);
	/* its place is asked for before it is gone */
	assert_int_equal(r.out.list[0].kind, CORE_DO_POSITION);
	assert_int_equal(r.out.list[0].position.u, 6);
	assert_int_equal(r.out.list[0].position.device.len, 0);
	acked(&r, 6);
	assert_int_equal(rig_user(&r, "1").rows, 3);
	assert_int_equal(rig_user(&r, "1").floor, 7);
	/* the device has lost what it would read next, and holds nothing up any more */
	assert_null(offer(&r, "1", 6, DAY));
	rig_stop(&r);
}

static void after_a_restart_nothing_goes_until_readers_can_be_back(void **state)
{
	const struct core_stored_user user = {
		.uid = {"1", 1}, .head = {9, 9, 90}, .acked = {5, 5, 50}, .floor = 1};
	struct core_config restarted = rig_config;
	struct rig r;

	(void)state;
	restarted.after_restart = true;
	rig_start_with(&r, &restarted);
	assert_int_equal(core_load_user(r.core, &user), 0);
	r.now_ms += REOPEN_WINDOW_MS;
	assert_null(offer(&r, "1", 9, DAY));
	r.now_ms++;
	assert_int_equal(offer(&r, "1", 9, DAY)->trim.seq, 5);
	rig_stop(&r);
}

static void the_system_stream_goes_by_retention_alone(void **state)
{
	struct rig r;
	const struct core_command *c;

	(void)state;
	start(&r);
	open_as(&r, 1, "phone");
	ack(&r, 1, 0, 5);
	assert_null(offer(&r, "", 5, 29 * DAY));
	c = offer(&r, "", 3, 30 * DAY);
	assert_int_equal(c->trim.seq, 3);
	assert_int_equal(c->trim.uid.len, 0);
	assert_int_equal(rig_count(&r, CORE_DO_POSITION), 0);
	rig_stop(&r);
}

static struct core_event purge_event(const char *uid)
{
	struct core_event e = {.kind = CORE_CTL_PURGE};

	e.user.uid = slice_of(uid);
	return e;
}

static void a_purge_forgets_what_is_stored_and_numbers_go_on(void **state)
{
	struct core_event purge = purge_event("1");
	struct core_event push = rig_push("1", "p");
	struct core_counts n;
	struct rig r;

	(void)state;
	start(&r);
	rig_step(&r, &purge);
	assert_int_equal(rig_one(&r, CORE_DO_CTL_RESULT)->result.code, 0);
	assert_int_equal(rig_one(&r, CORE_DO_CTL_RESULT)->result.state, CORE_DELIVERED);
	assert_int_equal(rig_one(&r, CORE_DO_POSITION)->position.u, 9);
	assert_int_equal(rig_one(&r, CORE_DO_TRIM)->trim.seq, 9);
	assert_int_equal(rig_user(&r, "1").rows, 0);
	assert_int_equal(rig_user(&r, "1").bytes, 0);
	assert_int_equal(rig_user(&r, "1").floor, 10);
	assert_int_equal(rig_user(&r, "1").acked, 9);
	core_counts(r.core, &n);
	assert_int_equal(n.unacked_rows, 0);
	rig_step(&r, &push);
	assert_int_equal(rig_one(&r, CORE_DO_APPEND)->append.message->at_to.seq, 10);
	rig_store(&r);
	assert_int_equal(rig_user(&r, "1").rows, 1);
	rig_open(&r, 0, 1, "1");
	assert_int_equal(rig_one(&r, CORE_DO_OPENED)->opened.start_u, 9);
	purge = purge_event("nobody");
	rig_step(&r, &purge);
	assert_int_equal(rig_one(&r, CORE_DO_CTL_RESULT)->result.code, EX_RECIPIENT_UNKNOWN);
	rig_stop(&r);
}

static void a_purge_leaves_what_waits_for_the_disk(void **state)
{
	struct core_event purge = purge_event("1");
	struct core_event push = rig_push("1", "p");
	struct rig r;

	(void)state;
	start(&r);
	rig_step(&r, &push);
	rig_step(&r, &purge);
	assert_int_equal(rig_one(&r, CORE_DO_TRIM)->trim.seq, 9);
	rig_store(&r);
	assert_int_equal(rig_user(&r, "1").seq, 10);
	assert_int_equal(rig_user(&r, "1").rows, 1);
	rig_stop(&r);
}

static void the_top_are_those_with_most_unacknowledged(void **state)
{
	struct core_user_info top[3];
	struct rig r;

	(void)state;
	rig_start_with(&r, &rig_config);
	for (uint64_t i = 0; i < 20; i++) {
		char uid[8];
		struct core_stored_user u = {.floor = 1};

		snprintf(uid, sizeof(uid), "u%d", (int)i);
		u.uid = slice_of(uid);
		u.head = (struct message_place){i, i * 7 % 20, 1};
		assert_int_equal(core_load_user(r.core, &u), 0);
	}
	assert_int_equal(core_top(r.core, top, 3), 3);
	assert_int_equal(top[0].rows, 19);
	assert_int_equal(top[1].rows, 18);
	assert_int_equal(top[2].rows, 17);
	assert_true(slice_is(top[0].uid, "u17"));
	assert_int_equal(core_top(r.core, top, 0), 0);
	rig_stop(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_position_is_told_to_the_store_with_the_next_tick),
		cmocka_unit_test(the_last_position_of_a_session_is_told_after_its_end),
		cmocka_unit_test(two_connections_of_one_device_have_what_both_have),
		cmocka_unit_test(a_device_goes_on_from_what_the_store_kept_of_it),
		cmocka_unit_test(an_ack_beyond_the_head_is_a_violation),
		cmocka_unit_test(a_tick_tells_a_bounded_number_and_the_rest_later),
		cmocka_unit_test(old_messages_go_when_every_kept_device_has_them),
		cmocka_unit_test(without_a_kept_device_what_anybody_acknowledged_goes),
		cmocka_unit_test(nothing_goes_from_under_a_session_that_reads),
		cmocka_unit_test(nothing_goes_before_those_who_were_reading_can_be_back),
		cmocka_unit_test(
			past_the_retention_it_goes_acknowledged_or_not_and_does_not_count_any_more),
		cmocka_unit_test(after_a_restart_nothing_goes_until_readers_can_be_back),
		cmocka_unit_test(the_system_stream_goes_by_retention_alone),
		cmocka_unit_test(a_purge_forgets_what_is_stored_and_numbers_go_on),
		cmocka_unit_test(a_purge_leaves_what_waits_for_the_disk),
		cmocka_unit_test(the_top_are_those_with_most_unacknowledged),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
