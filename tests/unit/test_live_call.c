/* One-shot sessions of the HTTP API. */
#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include "edge/live.h"
#include "edge/live_call.h"
#include "proto/codec.h"
#include "proto/codes.h"
#include "tests/unit/bus_rig.h"
#include "tests/unit/link_script.h"

static struct live *live;

/* What a call came to. */
struct end {
	unsigned count;
	struct live_call_result result;
	char mid[64];
};

static void on_called(void *arg, const struct live_call_result *result)
{
	struct end *end = arg;

	end->count++;
	end->result = *result;
	snprintf(end->mid, sizeof(end->mid), "%.*s", SLICE_ARGS(result->mid));
}

static void on_drain(void *arg)
{
	(void)arg;
}

/* Once for all tests: sockets of the bus live as long as the process. */
static int start(void **state)
{
	struct live_config config = {.interval_ms = 25000,
		.grace_ms = 20000,
		.msgs_per_s = 20,
		.msgs_burst = 40,
		.pending_bytes = CONN_PENDING_BYTES,
		.max_connections = 16,
		.on_drain = on_drain};
	struct auth_client *auth;

	if (rig_start(state) != 0 || link_script_start() < 0 ||
		auth_client_new(&auth, rig_loop(), rig_bus(), rig_path()) < 0)
		return -1;
	config.hello_path = router.hello_path;
	config.system_path = router.system_path;
	return live_new(&live, rig_loop(), rig_bus(), auth, &config);
}

static bool is_up(void *arg)
{
	(void)arg;
	return live_is_up(live);
}

static const struct live_call chat = {
	.nonce = 11,
	.ticket = {"ticket", 6},
	.to = {"7", 1},
	.content = {"hello", 5},
	.mid = {"m1", 2},
};

static struct live_call chat_of(uint64_t nonce)
{
	struct live_call call = chat;

	call.nonce = nonce;
	return call;
}

/* A call that the router has opened and was sent. */
static void begin(struct end *end, uint64_t nonce)
{
	const struct live_call call = chat_of(nonce);
	const unsigned opens = router.opens;
	const unsigned sends = router.sends;

	rig_wait(is_up, NULL);
	assert_int_equal(live_call(live, &call, on_called, end), 0);
	rig_wait_count(&router.opens, opens + 1);
	say_opened(nonce, nonce + 1000);
	rig_wait_count(&router.sends, sends + 1);
	assert_int_equal(router.session, nonce + 1000);
}

static void a_call_is_opened_used_once_and_closed(void **state)
{
	Pb__DownResult result = PB__DOWN_RESULT__INIT;
	struct end end = {0};
	const unsigned closes = router.closes;

	(void)state;
	rig_wait(is_up, NULL);
	assert_int_equal(live_call(live, &chat, on_called, &end), 0);
	assert_int_equal(live_call(live, &chat, on_called, &end), -EINVAL);
	rig_wait_count(&router.opens, 1);
	assert_int_equal(router.nonce, 11);
	assert_int_equal(router.dialect, PB__DIALECT__DIALECT_API);
	assert_string_equal(router.text, "ticket|api");
	say_opened(11, 99);
	rig_wait_count(&router.sends, 1);
	assert_int_equal(router.session, 99);
	assert_string_equal(router.text, "7|hello|m1");
	assert_int_equal(end.count, 0);
	assert_int_equal(live_count(live), 0);
	result.ref = router.ref;
	result.state = PB__SEND_STATE__SEND_DUPLICATE;
	result.first = PB__SEND_STATE__SEND_STORED;
	result.mid = codec_bytes(SLICE_LITERAL("m1"));
	result.devices = 2;
	result.seq = 5;
	say_result(&result);
	rig_wait_count(&end.count, 1);
	assert_int_equal(end.result.outcome, LIVE_CALL_SENT);
	assert_string_equal(end.result.state, "duplicate");
	assert_string_equal(end.result.first, "stored");
	assert_string_equal(end.mid, "m1");
	assert_int_equal(end.result.devices, 2);
	assert_int_equal(end.result.seq, 5);
	rig_wait_count(&router.closes, closes + 1);
	assert_int_equal(router.closed, 99);
	say_result(&result); /* nobody's any more */
	rig_run_ms(20);
	assert_int_equal(end.count, 1);
}

static void a_push_says_what_and_to_whom(void **state)
{
	const struct live_call push = {.nonce = 12,
		.ticket = {"t", 1},
		.is_push = true,
		.event = {"news", 4},
		.data = {"[1]", 3}};
	Pb__DownResult result = PB__DOWN_RESULT__INIT;
	struct end end = {0};
	const unsigned opens = router.opens;
	const unsigned closes = router.closes;

	(void)state;
	assert_int_equal(live_call(live, &push, on_called, &end), 0);
	rig_wait_count(&router.opens, opens + 1);
	say_opened(12, 100);
	rig_wait_count(&router.pushes, 1);
	assert_string_equal(router.text, "|news|[1]|");
	result.ref = router.ref;
	result.code = EX_NOT_PERMITTED;
	result.after_ms = 3;
	say_result(&result);
	rig_wait_count(&end.count, 1);
	assert_int_equal(end.result.outcome, LIVE_CALL_REFUSED);
	assert_int_equal(end.result.exception, EX_NOT_PERMITTED);
	assert_int_equal(end.result.after_ms, 3);
	rig_wait_count(&router.closes, closes + 1);
}

static void a_session_that_is_not_opened_is_an_end(void **state)
{
	const struct live_call call = chat_of(13);
	struct end end = {0};
	const unsigned opens = router.opens;
	const unsigned closes = router.closes;

	(void)state;
	assert_int_equal(live_call(live, &call, on_called, &end), 0);
	rig_wait_count(&router.opens, opens + 1);
	say_refused(13, CLOSE_RATE_LIMITED);
	rig_wait_count(&end.count, 1);
	assert_int_equal(end.result.outcome, LIVE_CALL_SHUT);
	assert_int_equal(end.result.close_code, CLOSE_RATE_LIMITED);
	rig_run_ms(20);
	assert_int_equal(router.closes, closes);
}

static void a_session_that_is_shut_is_not_closed_once_more(void **state)
{
	struct end end = {0};
	const unsigned closes = router.closes;

	(void)state;
	begin(&end, 14);
	say_shut(1014, CLOSE_REVOKED);
	rig_wait_count(&end.count, 1);
	assert_int_equal(end.result.outcome, LIVE_CALL_SHUT);
	assert_int_equal(end.result.close_code, CLOSE_REVOKED);
	rig_run_ms(20);
	assert_int_equal(router.closes, closes);
}

static void a_call_that_nobody_waits_for_is_closed(void **state)
{
	const struct live_call call = chat_of(15);
	struct end end = {0};
	const unsigned opens = router.opens;
	const unsigned closes = router.closes;

	(void)state;
	assert_int_equal(live_call(live, &call, on_called, &end), 0);
	rig_wait_count(&router.opens, opens + 1);
	live_call_cancel(live, 15);
	live_call_cancel(live, 15);
	say_opened(15, 1015);
	rig_wait_count(&router.closes, closes + 1);
	assert_int_equal(router.closed, 1015);
	begin(&end, 16);
	live_call_cancel(live, 16);
	rig_wait_count(&router.closes, closes + 2);
	assert_int_equal(router.closed, 1016);
	assert_int_equal(end.count, 0);
}

static void there_are_so_many_at_a_time(void **state)
{
	struct live_call call = chat_of(0);
	struct end end = {0};
	const unsigned opens = router.opens;

	(void)state;
	for (uint64_t i = 0; i < LIVE_CALLS_MAX; i++) {
		call.nonce = 5000 + i;
		assert_int_equal(live_call(live, &call, on_called, &end), 0);
	}
	call.nonce = 4000;
	assert_int_equal(live_call(live, &call, on_called, &end), -EBUSY);
	rig_wait_count(&router.opens, opens + LIVE_CALLS_MAX);
	say_refused(5000, CLOSE_OVERLOAD);
	rig_wait_count(&end.count, 1);
	assert_int_equal(live_call(live, &call, on_called, &end), 0);
	live_call_cancel(live, 4000);
	for (uint64_t i = 1; i < LIVE_CALLS_MAX; i++)
		live_call_cancel(live, 5000 + i);
	rig_run_ms(20);
	assert_int_equal(end.count, 1);
}

/* Whatever they wait for. */
static void a_broken_link_ends_all_calls(void **state)
{
	const struct live_call call = chat_of(17);
	struct end opening = {0};
	struct end sent = {0};
	const unsigned opens = router.opens + 1;
	const unsigned firsts = router.firsts;

	(void)state;
	begin(&sent, 18);
	assert_int_equal(live_call(live, &call, on_called, &opening), 0);
	rig_wait_count(&router.opens, opens + 1);
	link_script_break();
	rig_wait_count(&sent.count, 1);
	rig_wait_count(&opening.count, 1);
	assert_int_equal(sent.result.outcome, LIVE_CALL_AWAY);
	assert_int_equal(opening.result.outcome, LIVE_CALL_AWAY);
	assert_int_equal(live_call(live, &call, on_called, &opening), -EAGAIN);
	rig_wait_count(&router.firsts, firsts + 1);
}

static void an_older_router_knows_no_calls(void **state)
{
	struct end end = {0};

	(void)state;
	link_script_come_back(WIRE_VERSION_OLDEST);
	assert_int_equal(live_call(live, &chat, on_called, &end), -EAGAIN);
	link_script_come_back(WIRE_VERSION);
	begin(&end, 19);
	live_call_cancel(live, 19);
}

static void on_drained(void *arg)
{
	unsigned *count = arg;

	(*count)++;
}

static void nobody_calls_while_the_edge_drains(void **state)
{
	struct end end = {0};
	unsigned drained = 0;

	(void)state;
	begin(&end, 20);
	live_drain(live, 1000, on_drained, &drained);
	assert_int_equal(live_call(live, &chat, on_called, &end), -EAGAIN);
	say_refused(20, 0); /* of no opening */
	say_shut(1020, CLOSE_DRAIN);
	rig_wait_count(&end.count, 1);
	rig_wait_count(&drained, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_call_is_opened_used_once_and_closed),
		cmocka_unit_test(a_push_says_what_and_to_whom),
		cmocka_unit_test(a_session_that_is_not_opened_is_an_end),
		cmocka_unit_test(a_session_that_is_shut_is_not_closed_once_more),
		cmocka_unit_test(a_call_that_nobody_waits_for_is_closed),
		cmocka_unit_test(there_are_so_many_at_a_time),
		cmocka_unit_test(a_broken_link_ends_all_calls),
		cmocka_unit_test(an_older_router_knows_no_calls),
		cmocka_unit_test(nobody_calls_while_the_edge_drains),
	};
	int failed = cmocka_run_group_tests(tests, start, rig_stop);

	/* Never closed sockets: no exit handler of NNG's may run. */
	_exit(failed == 0 ? 0 : 1);
}
