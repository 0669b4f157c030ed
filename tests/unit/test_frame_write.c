/* What the edge itself says. */
#include <string.h>

#include "edge/frame.h"
#include "tests/unit/test.h"

static void assert_written(struct buf *b, const char *expected)
{
	json_t *parsed = NULL;

	assert_false(b->failed);
	if (!slice_is(buf_slice(b), expected))
		fail_msg("%.*s\ninstead of\n%s", SLICE_ARGS(buf_slice(b)), expected);
	assert_int_equal(json_read(buf_slice(b), 16, &parsed), JSON_READ);
	json_decref(parsed);
	buf_clear(b);
}

static void what_the_edge_writes_is_the_protocol(void **state)
{
	struct buf b;
	const struct frame_ready ready = {"c7f3", SLICE_LITERAL("42"), SLICE_LITERAL("d9"), 1,
		{SLICE_LITERAL("k3f9"), 120, 18, true, 3}, 25000, 20000, 900000, false, 20, 40,
		262144};
	const struct frame_identity identity = {
		SLICE_LITERAL("7"), 2, {SLICE_LITERAL("k3f9"), 5, 18, false, 2}, 900000, true};
	const struct frame_ack ack = {
		SLICE_LITERAL("7"), SLICE_LITERAL("01K"), "delivered", NULL, 2, 122};
	const struct frame_ack bare = {{NULL, 0}, SLICE_LITERAL("01K"), "stored", NULL, 0, 0};
	const struct frame_ack again = {
		SLICE_LITERAL("7"), SLICE_LITERAL("01K"), "duplicate", "accepted", 2, 122};
	const struct frame_reset reset = {"epoch_changed", SLICE_LITERAL("k3fb"), 7, 9};
	const struct frame_exception over = {SLICE_LITERAL("8"), EX_RATE_LIMITED, {NULL, 0}, 800};
	const struct frame_exception bad = {{NULL, 0}, EX_BAD_DATA, SLICE_LITERAL("toUserId"), 5};
	const struct frame_exception odd = {{NULL, 0}, 77, {NULL, 0}, 0};

	(void)state;
	buf_init(&b, 4096);
	frame_write_ready(&b, &ready);
	assert_written(&b,
		"{\"event\":\"ready\",\"data\":{\"conn\":\"c7f3\",\"user\":\"42\",\"device\":"
		"\"d9\","
		"\"identity\":1,\"resume\":{\"epoch\":\"k3f9\",\"u\":120,\"s\":18,\"recovered\":"
		"true,"
		"\"missed\":3},\"heartbeat\":{\"interval_ms\":25000,\"grace_ms\":20000},"
		"\"auth\":{\"expires_in_ms\":900000,\"swap\":\"reject\"},"
		"\"limits\":{\"frame\":65536,\"chat\":16384,\"msgs_per_s\":20,\"burst\":40,"
		"\"pending\":262144}}}");
	frame_write_identity(&b, &identity);
	assert_written(&b,
		"{\"event\":\"identity\",\"data\":{\"user\":\"7\",\"identity\":2,\"resume\":{"
		"\"epoch\":\"k3f9\",\"u\":5,\"s\":18,\"recovered\":false,\"missed\":2},"
		"\"auth\":{\"expires_in_ms\":900000,\"swap\":\"rebind\"}}}");
	frame_write_reauthed(&b, slice_of("10"), 2, -5);
	assert_written(
		&b, "{\"event\":\"ack\",\"id\":10,\"data\":{\"identity\":2,\"expires_in_ms\":-5}}");
	frame_write_expiring(&b, 60000);
	assert_written(&b, "{\"event\":\"auth.expiring\",\"data\":{\"expires_in_ms\":60000}}");
	frame_write_ack(&b, &ack);
	assert_written(&b,
		"{\"event\":\"ack\",\"id\":7,\"data\":{\"mid\":\"01K\",\"state\":\"delivered\","
		"\"devices\":2,\"seq\":122}}");
	frame_write_ack(&b, &bare);
	assert_written(&b, "{\"event\":\"ack\",\"data\":{\"mid\":\"01K\",\"state\":\"stored\","
			   "\"devices\":0}}");
	frame_write_ack(&b, &again);
	assert_written(&b,
		"{\"event\":\"ack\",\"id\":7,\"data\":{\"mid\":\"01K\",\"state\":\"duplicate\","
		"\"first\":\"accepted\",\"devices\":2,\"seq\":122}}");
	frame_write_done(&b, SLICE_LITERAL("\"x\""));
	assert_written(&b, "{\"event\":\"ack\",\"id\":\"x\",\"data\":{}}");
	frame_write_exception(&b, &over);
	assert_written(&b,
		"{\"event\":\"exception\",\"id\":8,\"data\":{\"status\":\"error\",\"code\":1301,"
		"\"message\":\"rate limited\",\"retry\":\"after\",\"after_ms\":800}}");
	frame_write_exception(&b, &bad);
	assert_written(&b, "{\"event\":\"exception\",\"data\":{\"status\":\"error\",\"code\":1004,"
			   "\"message\":\"bad data\",\"retry\":\"no\",\"field\":\"toUserId\"}}");
	frame_write_exception(&b, &odd);
	assert_written(&b, "{\"event\":\"exception\",\"data\":{\"status\":\"error\",\"code\":1000,"
			   "\"message\":\"internal\",\"retry\":\"after\",\"after_ms\":1000}}");
	frame_write_heartbeat(&b, (struct slice){NULL, 0}, SLICE_LITERAL("42"), 1767225600123);
	assert_written(
		&b, "{\"event\":\"heartbeat\",\"data\":{\"user\":42,\"time\":1767225600123}}");
	frame_write_heartbeat(&b, SLICE_LITERAL("3"), SLICE_LITERAL("007"), 5);
	assert_written(
		&b, "{\"event\":\"heartbeat\",\"id\":3,\"data\":{\"user\":\"007\",\"time\":5}}");
	frame_write_goaway(&b, 1840, 10000);
	assert_written(&b,
		"{\"event\":\"goaway\",\"data\":{\"reason\":\"drain\","
		"\"reconnect_after_ms\":1840,\"close_in_ms\":10000,\"resumable\":true}}");
	frame_write_reset(&b, &reset);
	assert_written(&b, "{\"event\":\"reset\",\"data\":{\"reason\":\"epoch_changed\","
			   "\"epoch\":\"k3fb\",\"u\":7,\"s\":9}}");
	buf_fini(&b);
}

static void a_close_reason_is_a_name_a_time_and_whether_to_resume(void **state)
{
	char reason[FRAME_REASON_BYTES];

	(void)state;
	assert_int_equal(
		frame_close_reason(reason, CLOSE_DRAIN, 1840), strlen("drain;after=1840;resume=1"));
	assert_string_equal(reason, "drain;after=1840;resume=1");
	frame_close_reason(reason, CLOSE_SLOW_CONSUMER, 0);
	assert_memory_equal(reason, "slow_consumer;resume=1", 23);
	frame_close_reason(reason, CLOSE_REVOKED, 5);
	assert_string_equal(reason, "revoked;after=5");
	assert_int_not_equal(frame_close_reason(reason, CLOSE_TOKEN_EXPIRED, UINT32_MAX), 0);
	assert_int_equal(frame_close_reason(reason, CLOSE_BAD_PROTOCOL, 0), strlen("bad_protocol"));
	assert_string_equal(reason, "bad_protocol");
	assert_int_equal(frame_close_reason(reason, 1009, 0), 0);
	assert_int_equal(
		frame_close_reason(reason, 1003, 0), 0); /* an exception has that number too */
}

static void the_longest_frames_fit(void **state)
{
	static char uid[UID_MAX_BYTES];
	char device[DEVICE_MAX_BYTES];
	struct buf b;
	struct frame_ready ready = {"ffffffff.ffffffffffffffff", {uid, UID_MAX_BYTES},
		{device, DEVICE_MAX_BYTES}, UINT16_MAX,
		{SLICE_LITERAL("12345678"), UINT64_MAX, UINT64_MAX, false, UINT64_MAX}, INT64_MAX,
		INT64_MAX, INT64_MIN, false, UINT32_MAX, UINT32_MAX, UINT64_MAX};

	(void)state;
	memset(uid, 'u', sizeof(uid));
	memset(device, 'd', sizeof(device));
	buf_init(&b, 8192);
	frame_write_ready(&b, &ready);
	assert_false(b.failed);
	buf_fini(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_the_edge_writes_is_the_protocol),
		cmocka_unit_test(a_close_reason_is_a_name_a_time_and_whether_to_resume),
		cmocka_unit_test(the_longest_frames_fit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
