/* The rules of one live connection. */
#include "edge/conn.h"
#include "tests/unit/test.h"

static const struct conn_limits limits = {
	.interval_ms = 25000,
	.grace_ms = 20000,
	.msgs_per_s = 20,
	.msgs_burst = 40,
};

#define START 1000000

static struct conn fresh(void)
{
	struct conn c;
	const struct conn_times t = {
		.now_ms = START,
		.phase_ms = 0,
		.expires_in_ms = 3600000,
		.ends_in_ms = 900000,
	};

	conn_init(&c, &limits, CONN_NATIVE, &t);
	return c;
}

/* Runs the clock in steps until a close; answers pings when it is alive.  The time of the close. */
static int64_t run(struct conn *c, bool answers, int64_t until_ms, enum close_code *out)
{
	for (int64_t now = START; now < until_ms; now += 50) {
		struct conn_verdict v = conn_on_time(c, &limits, now);

		if (v.close != CLOSE_NONE) {
			*out = v.close;
			return now - START;
		}
		if (v.due & CONN_RENEW)
			conn_renew_later(c, 5000, now);
		assert_true(answers ? !(v.due & CONN_AWAY) : true);
		if (answers && (v.due & CONN_PING))
			conn_on_bytes(c, now);
	}
	*out = CLOSE_NONE;
	return -1;
}

static void the_identity_is_one_and_the_dialect_kept(void **state)
{
	struct conn c = fresh();

	(void)state;
	assert_int_equal(c.identity, 1);
	assert_int_equal(c.dialect, CONN_NATIVE);
}

static void a_client_that_answers_pings_is_never_away(void **state)
{
	struct conn c = fresh();
	enum close_code code;

	(void)state;
	assert_int_equal(run(&c, true, START + 800000, &code), -1);
}

static void a_silent_client_is_away_after_the_interval_and_lost_after_the_grace(void **state)
{
	struct conn c = fresh();
	int64_t away = -1;
	int pings = 0;

	(void)state;
	for (int64_t now = START;; now += 50) {
		struct conn_verdict v = conn_on_time(&c, &limits, now);

		pings += v.due & CONN_PING ? 1 : 0;
		if (v.due & CONN_AWAY) {
			assert_int_equal(away, -1);
			away = now - START;
		}
		if (v.close != CLOSE_NONE) {
			assert_int_equal(v.close, CLOSE_HEARTBEAT_LOST);
			assert_in_range(now - START, 45000, 45050);
			break;
		}
	}
	assert_in_range(away, 25000, 25050);
	assert_int_equal(pings, 3);
}

static void any_byte_brings_it_back_from_away(void **state)
{
	struct conn c = fresh();

	(void)state;
	assert_true(conn_on_time(&c, &limits, START + 25001).due & CONN_AWAY);
	assert_true(c.away);
	assert_true(conn_on_bytes(&c, START + 44000));
	assert_false(conn_on_bytes(&c, START + 44001));
	assert_int_equal(conn_on_time(&c, &limits, START + 46000).close, CLOSE_NONE);
	assert_true(conn_on_time(&c, &limits, START + 44001 + 25001).due & CONN_AWAY);
}

static void a_stall_brings_one_ping_not_all_that_were_missed(void **state)
{
	struct conn c = fresh();

	(void)state;
	conn_on_bytes(&c, START + 200000);
	assert_true(conn_on_time(&c, &limits, START + 200000).due & CONN_PING);
	assert_false(conn_on_time(&c, &limits, START + 200001).due & CONN_PING);
	assert_false(conn_on_time(&c, &limits, START + 219999).due & CONN_PING);
	assert_true(conn_on_time(&c, &limits, START + 220000).due & CONN_PING);
}

static void the_phase_spreads_first_pings_within_a_period(void **state)
{
	(void)state;
	for (int64_t phase = 0; phase < 200000; phase += 999) {
		struct conn c;
		struct conn_times t = {START, phase, 3600000, 900000};

		conn_init(&c, &limits, CONN_PLAIN, &t);
		assert_in_range(c.ping_at_ms, START + 1, START + 20000);
	}
}

static void nothing_is_due_before_the_time_it_names(void **state)
{
	struct conn c = fresh();

	(void)state;
	for (int64_t now = START; now < START + 600000;) {
		int64_t next = conn_next_ms(&c, &limits);
		struct conn_verdict v;

		assert_true(next > now);
		v = conn_on_time(&c, &limits, next - 1);
		assert_int_equal(v.due, 0);
		assert_int_equal(v.close, CLOSE_NONE);
		v = conn_on_time(&c, &limits, next);
		assert_true(v.due != 0 || v.close != CLOSE_NONE);
		if (v.close != CLOSE_NONE)
			return;
		if (v.due & CONN_PING && now < START + 300000)
			conn_on_bytes(&c, next);
		if (v.due & CONN_RENEW)
			conn_renewed(&c, 900000, next);
		now = next;
	}
	fail();
}

static void a_ticket_is_renewed_at_half_its_life(void **state)
{
	struct conn c = fresh();

	(void)state;
	conn_on_bytes(&c, START + 449999);
	assert_false(conn_on_time(&c, &limits, START + 449999).due & CONN_RENEW);
	assert_true(conn_on_time(&c, &limits, START + 450000).due & CONN_RENEW);
	assert_false(conn_on_time(&c, &limits, START + 450001).due & CONN_RENEW);
	conn_renewed(&c, 900000, START + 450100);
	assert_int_equal(c.renew_at_ms, START + 450100 + 450000);
	assert_int_equal(c.session_end_ms, START + 450100 + 900000);
}

static void without_auth_the_session_ends_with_its_ticket(void **state)
{
	struct conn c = fresh();
	enum close_code code;

	(void)state;
	assert_int_equal(run(&c, true, START + 2000000, &code), 900000);
	assert_int_equal(code, CLOSE_RETRY);
}

static void a_refused_renewal_is_not_tried_again(void **state)
{
	struct conn c = fresh();

	(void)state;
	conn_on_bytes(&c, START + 450000);
	assert_true(conn_on_time(&c, &limits, START + 450000).due & CONN_RENEW);
	conn_renew_never(&c);
	conn_on_bytes(&c, START + 899000);
	assert_false(conn_on_time(&c, &limits, START + 899000).due & CONN_RENEW);
	assert_int_equal(conn_on_time(&c, &limits, START + 900000).close, CLOSE_RETRY);
}

static void at_its_ceiling_a_ticket_is_not_renewed_again(void **state)
{
	struct conn c = fresh();

	(void)state;
	conn_renewed(&c, 450000, START + 450000);
	assert_int_equal(c.renew_at_ms, INT64_MAX);
	assert_int_equal(c.session_end_ms, START + 900000);
}

static void the_connection_is_closed_25_seconds_after_its_token(void **state)
{
	static const int64_t left_ms[] = {60000, 1000, 0, -10000, -24000};

	(void)state;
	for (size_t i = 0; i < sizeof(left_ms) / sizeof(left_ms[0]); i++) {
		struct conn c;
		struct conn_times t = {START, 0, left_ms[i], left_ms[i] + 30000};
		enum close_code code;

		conn_init(&c, &limits, CONN_NATIVE, &t);
		assert_int_equal(conn_token_left_ms(&c, START), left_ms[i]);
		assert_int_equal(run(&c, true, START + 200000, &code), left_ms[i] + 25000);
		assert_int_equal(code, CLOSE_TOKEN_EXPIRED);
	}
}

static void a_burst_passes_and_then_the_rate(void **state)
{
	struct conn c = fresh();
	uint32_t after = 0;
	int passed = 0;

	(void)state;
	for (int i = 0; i < 40; i++)
		assert_int_equal(conn_on_message(&c, &limits, START, &after), CONN_MESSAGE_OK);
	assert_int_equal(conn_on_message(&c, &limits, START, &after), CONN_MESSAGE_OVER);
	assert_int_equal(after, 50);
	assert_int_equal(conn_on_message(&c, &limits, START + 49, &after), CONN_MESSAGE_OVER);
	assert_int_equal(after, 1);
	assert_int_equal(conn_on_message(&c, &limits, START + 50, &after), CONN_MESSAGE_OK);
	for (int64_t now = START + 51; now <= START + 10050; now += 10)
		passed += conn_on_message(&c, &limits, now, &after) == CONN_MESSAGE_OK;
	assert_in_range(passed, 199, 200);
}

static void the_bucket_never_holds_more_than_the_burst(void **state)
{
	struct conn c = fresh();
	uint32_t after = 0;

	(void)state;
	for (int i = 0; i < 40; i++)
		assert_int_equal(
			conn_on_message(&c, &limits, START + 1000000000, &after), CONN_MESSAGE_OK);
	assert_int_equal(
		conn_on_message(&c, &limits, START + 1000000000, &after), CONN_MESSAGE_OVER);
}

static void a_flood_is_told_from_an_excess(void **state)
{
	struct conn c = fresh();
	uint32_t after = 0;
	int over = 0;

	(void)state;
	for (int i = 0; i < 40; i++)
		conn_on_message(&c, &limits, START, &after);
	while (conn_on_message(&c, &limits, START, &after) == CONN_MESSAGE_OVER)
		over++;
	assert_int_equal(over, 400);

	/* Twice the rate for an hour is an excess only. */
	c = fresh();
	for (int64_t now = START; now < START + 3600000; now += 25)
		assert_int_not_equal(conn_on_message(&c, &limits, now, &after), CONN_MESSAGE_FLOOD);
}

static void three_bad_frames_in_ten_seconds_are_too_many(void **state)
{
	struct conn c = fresh();

	(void)state;
	assert_false(conn_on_bad_frame(&c, START));
	assert_false(conn_on_bad_frame(&c, START + 1));
	assert_true(conn_on_bad_frame(&c, START + 9999));

	c = fresh();
	for (int i = 0; i < 100; i++) {
		assert_false(conn_on_bad_frame(&c, START + i * 10000));
		assert_false(conn_on_bad_frame(&c, START + i * 10000 + 9999));
	}
}

static void so_many_sends_may_be_in_flight_and_no_more(void **state)
{
	struct conn c = fresh();

	(void)state;
	for (int i = 0; i < CONN_SENDS_IN_FLIGHT; i++)
		assert_true(conn_send_begin(&c));
	assert_false(conn_send_begin(&c));
	conn_send_end(&c);
	assert_true(conn_send_begin(&c));
	assert_false(conn_send_begin(&c));
}

static void a_position_is_asked_for_once_a_second_at_most(void **state)
{
	struct conn c = fresh();

	(void)state;
	assert_true(conn_on_written(&c, true, START + 10));
	for (int64_t now = START + 11; now < START + 10 + POSITION_PING_MS; now++) {
		assert_false(conn_on_written(&c, true, now));
		assert_false(conn_on_time(&c, &limits, now).due & CONN_POSITION);
	}
	assert_int_equal(conn_next_ms(&c, &limits), START + 10 + POSITION_PING_MS);
	assert_true(conn_on_time(&c, &limits, START + 10 + POSITION_PING_MS).due & CONN_POSITION);
	conn_asked_position(&c);
	assert_false(c.has_untold);
	assert_false(conn_on_time(&c, &limits, START + 5000).due & CONN_POSITION);
	assert_true(conn_on_written(&c, true, START + 5001));
}

static void what_is_for_all_waits_for_the_ordinary_ping(void **state)
{
	struct conn c = fresh();
	const int64_t before = conn_next_ms(&c, &limits);

	(void)state;
	assert_false(conn_on_written(&c, false, START));
	assert_true(c.has_untold);
	assert_int_equal(conn_next_ms(&c, &limits), before);
}

static void who_tells_his_position_is_not_asked(void **state)
{
	struct conn c = fresh();

	(void)state;
	assert_true(conn_on_written(&c, true, START));
	conn_tells_position(&c);
	assert_false(conn_on_time(&c, &limits, START + 2000).due & CONN_POSITION);
	assert_false(conn_on_written(&c, true, START + 2000));
	assert_false(c.has_untold);
}

static void who_reads_nothing_is_looked_at_in_time(void **state)
{
	struct conn c = fresh();

	(void)state;
	conn_slow_begin(&c, START);
	for (int64_t now = START; now < START + SLOW_CONSUMER_MS; now += 500) {
		conn_on_bytes(&c, now);
		assert_false(conn_on_time(&c, &limits, now).due & CONN_SLOW);
		assert_true(conn_next_ms(&c, &limits) <= START + SLOW_CONSUMER_MS);
	}
	assert_true(conn_on_time(&c, &limits, START + SLOW_CONSUMER_MS).due & CONN_SLOW);
	conn_slow_begin(&c, START + SLOW_CONSUMER_MS);
	conn_slow_end(&c);
	conn_on_bytes(&c, START + 3 * SLOW_CONSUMER_MS);
	assert_false(conn_on_time(&c, &limits, START + 3 * SLOW_CONSUMER_MS).due & CONN_SLOW);
}

static void a_drained_connection_goes_in_its_slot_when_its_sends_are_answered(void **state)
{
	struct conn c = fresh();

	(void)state;
	conn_drain(&c, START + 500);
	assert_int_equal(conn_on_time(&c, &limits, START + 499).close, CLOSE_NONE);
	assert_true(conn_send_begin(&c));
	assert_int_equal(conn_on_time(&c, &limits, START + 700).close, CLOSE_NONE);
	conn_send_end(&c);
	assert_int_equal(conn_on_time(&c, &limits, START + 701).close, CLOSE_DRAIN);
	c = fresh();
	conn_drain(&c, START + 500);
	assert_true(conn_next_ms(&c, &limits) <= START + 500);
}

static void an_expiring_token_is_said_once_a_minute_before(void **state)
{
	struct conn c = fresh();
	const int64_t at = START + 3600000 - AUTH_EXPIRING_MS;
	const struct conn_times soon = {
		.now_ms = at + 10, .expires_in_ms = 1000, .ends_in_ms = 1000};

	(void)state;
	for (int64_t now = START; now < at; now += 500) {
		conn_on_bytes(&c, now);
		conn_renewed(&c, 900000, now);
		assert_false(conn_on_time(&c, &limits, now).due & CONN_EXPIRING);
		assert_true(conn_next_ms(&c, &limits) <= at);
	}
	conn_on_bytes(&c, at);
	assert_true(conn_on_time(&c, &limits, at).due & CONN_EXPIRING);
	assert_false(conn_on_time(&c, &limits, at + 1).due & CONN_EXPIRING);
	/* The next token has its own, at once when it is short. */
	conn_reauthed(&c, &soon);
	assert_true(conn_on_time(&c, &limits, at + 10).due & CONN_EXPIRING);
	assert_false(conn_on_time(&c, &limits, at + 11).due & CONN_EXPIRING);
}

static void the_plain_shape_hears_nothing_of_it(void **state)
{
	const struct conn_times t = {.now_ms = START, .expires_in_ms = 1000, .ends_in_ms = 900000};
	struct conn c;

	(void)state;
	conn_init(&c, &limits, CONN_PLAIN, &t);
	assert_false(conn_on_time(&c, &limits, START + 500).due & CONN_EXPIRING);
}

static void another_token_has_ends_of_its_own_also_earlier_ones(void **state)
{
	struct conn c = fresh();
	const struct conn_times shorter = {
		.now_ms = START + 1000, .expires_in_ms = 5000, .ends_in_ms = 35000};
	const struct conn_times longer = {
		.now_ms = START + 1000, .expires_in_ms = 7200000, .ends_in_ms = 900000};

	(void)state;
	conn_reauthed(&c, &shorter);
	assert_int_equal(conn_token_left_ms(&c, START + 1000), 5000);
	conn_on_bytes(&c, START + 31000);
	assert_int_equal(conn_on_time(&c, &limits, START + 30999).close, CLOSE_NONE);
	assert_int_equal(conn_on_time(&c, &limits, START + 31000).close, CLOSE_TOKEN_EXPIRED);
	conn_reauthed(&c, &longer);
	assert_int_equal(conn_on_time(&c, &limits, START + 31000).close, CLOSE_NONE);
	assert_int_equal(conn_token_left_ms(&c, START + 1000), 7200000);
}

static void six_questions_a_minute_may_be_asked(void **state)
{
	struct conn c = fresh();
	uint32_t after_ms = 0;
	unsigned asked = 0;

	(void)state;
	for (int i = 0; i < REAUTHS_PER_MINUTE; i++) {
		assert_true(conn_may_ask(&c, START, &after_ms));
		conn_asked(&c, START);
	}
	assert_false(conn_may_ask(&c, START, &after_ms));
	assert_true(after_ms > 0 && after_ms <= 60000 / REAUTHS_PER_MINUTE);
	assert_false(conn_may_ask(&c, START + after_ms - 200, &after_ms));
	assert_true(conn_may_ask(&c, START + 60000 / REAUTHS_PER_MINUTE, &after_ms));
	for (int64_t now = START; now < START + 600000; now += 100) {
		if (!conn_may_ask(&c, now, &after_ms))
			continue;
		conn_asked(&c, now);
		asked++;
	}
	assert_in_range(asked, 10 * REAUTHS_PER_MINUTE - 1, 10 * REAUTHS_PER_MINUTE);
}

static void the_next_identity_begins_like_a_client_that_has_just_come(void **state)
{
	struct conn c = fresh();
	const struct conn_times t = {
		.now_ms = START + 1000, .expires_in_ms = 50000, .ends_in_ms = 60000};

	(void)state;
	stream_start(&c.user, 70);
	stream_tell(&c.user, 80);
	conn_switch(&c, &t);
	assert_int_equal(c.identity, 2);
	assert_int_equal(c.user.sent, 0);
	assert_false(stream_reaches(&c.user, 1));
	assert_int_equal(conn_token_left_ms(&c, START + 1000), 50000);
	/* Until it has shown that it knows, what it says is about the one before. */
	assert_false(conn_tells_position(&c));
	assert_false(conn_takes_pong(&c, 1));
	assert_false(conn_tells_position(&c));
	assert_true(conn_takes_pong(&c, 2));
	assert_true(conn_tells_position(&c));
	assert_false(conn_takes_pong(&c, 2));
	c.identity = UINT16_MAX;
	conn_switch(&c, &t);
	assert_int_equal(c.identity, 2);
}

static void who_tells_his_position_goes_on_with_it_as_another(void **state)
{
	struct conn c = fresh();
	const struct conn_times t = {
		.now_ms = START + 1000, .expires_in_ms = 50000, .ends_in_ms = 60000};

	(void)state;
	assert_true(conn_tells_position(&c));
	conn_switch(&c, &t);
	/* The pong shows that it knows who it is, and not that it has taken what was written. */
	assert_false(conn_knows_identity(&c));
	assert_false(conn_takes_pong(&c, 2));
	assert_true(conn_knows_identity(&c));
	assert_true(conn_tells_position(&c));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_identity_is_one_and_the_dialect_kept),
		cmocka_unit_test(a_client_that_answers_pings_is_never_away),
		cmocka_unit_test(
			a_silent_client_is_away_after_the_interval_and_lost_after_the_grace),
		cmocka_unit_test(any_byte_brings_it_back_from_away),
		cmocka_unit_test(a_stall_brings_one_ping_not_all_that_were_missed),
		cmocka_unit_test(the_phase_spreads_first_pings_within_a_period),
		cmocka_unit_test(nothing_is_due_before_the_time_it_names),
		cmocka_unit_test(a_ticket_is_renewed_at_half_its_life),
		cmocka_unit_test(without_auth_the_session_ends_with_its_ticket),
		cmocka_unit_test(a_refused_renewal_is_not_tried_again),
		cmocka_unit_test(at_its_ceiling_a_ticket_is_not_renewed_again),
		cmocka_unit_test(the_connection_is_closed_25_seconds_after_its_token),
		cmocka_unit_test(a_burst_passes_and_then_the_rate),
		cmocka_unit_test(the_bucket_never_holds_more_than_the_burst),
		cmocka_unit_test(a_flood_is_told_from_an_excess),
		cmocka_unit_test(three_bad_frames_in_ten_seconds_are_too_many),
		cmocka_unit_test(so_many_sends_may_be_in_flight_and_no_more),
		cmocka_unit_test(a_position_is_asked_for_once_a_second_at_most),
		cmocka_unit_test(what_is_for_all_waits_for_the_ordinary_ping),
		cmocka_unit_test(who_tells_his_position_is_not_asked),
		cmocka_unit_test(who_reads_nothing_is_looked_at_in_time),
		cmocka_unit_test(a_drained_connection_goes_in_its_slot_when_its_sends_are_answered),
		cmocka_unit_test(an_expiring_token_is_said_once_a_minute_before),
		cmocka_unit_test(the_plain_shape_hears_nothing_of_it),
		cmocka_unit_test(another_token_has_ends_of_its_own_also_earlier_ones),
		cmocka_unit_test(six_questions_a_minute_may_be_asked),
		cmocka_unit_test(the_next_identity_begins_like_a_client_that_has_just_come),
		cmocka_unit_test(who_tells_his_position_goes_on_with_it_as_another),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
