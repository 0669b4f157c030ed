/* routerctl's tables and its JSON. */
#include <string.h>

#include "common/json.h"
#include "proto/codec.h"
#include "router/ctl/print.h"
#include "tests/unit/test.h"

static ProtobufCBinaryData bytes(const char *text)
{
	return codec_bytes(slice_of(text));
}

static void has(const struct buf *out, const char *text)
{
	if (memmem(out->data, out->len, text, strlen(text)) == NULL)
		fail_msg("missing: %s\nin: %.*s", text, (int)out->len, out->data);
}

/* Each line is one JSON object, and there are n. */
static void is_objects(const struct buf *out, size_t n)
{
	const char *p = out->data;
	const char *end = out->data + out->len;

	for (size_t i = 0; i < n; i++) {
		CLEANUP(json_decrefp) json_t *value = NULL;
		const char *line_end = memchr(p, '\n', (size_t)(end - p));

		assert_non_null(line_end);
		assert_int_equal(
			json_read((struct slice){p, (size_t)(line_end - p)}, 8, &value), JSON_READ);
		assert_true(json_is_object(value));
		p = line_end + 1;
	}
	assert_ptr_equal(p, end);
}

static Pb__CtlUserLine user_line(const char *uid, Pb__CtlSessionLine **sessions, size_t n)
{
	Pb__CtlUserLine user = PB__CTL_USER_LINE__INIT;

	user.uid = bytes(uid);
	user.state = bytes("online");
	user.seq = 12;
	user.acked = 10;
	user.unacked = 2;
	user.sessions = sessions;
	user.n_sessions = n;
	return user;
}

static Pb__CtlSessionLine session_line(const char *device, uint32_t edge)
{
	Pb__CtlSessionLine session = PB__CTL_SESSION_LINE__INIT;

	session.session = 0xabcdef;
	session.device = bytes(device);
	session.edge_id = edge;
	session.opened_ms_ago = 125000;
	session.ends_in_ms = 600000;
	return session;
}

static void users_are_a_table_for_people(void **state)
{
	Pb__CtlSessionLine a = session_line("d1", 5);
	Pb__CtlSessionLine b = session_line("d2", 5);
	Pb__CtlSessionLine c = session_line("d3", 6);
	Pb__CtlSessionLine *sessions[] = {&a, &b, &c};
	Pb__CtlUserLine user = user_line("ann", sessions, 3);
	Pb__CtlUserLine *list[] = {&user};
	Pb__CtlUsers users = PB__CTL_USERS__INIT;
	struct buf out;

	(void)state;
	users.users = list;
	users.n_users = 1;
	buf_init(&out, 65536);
	print_users(&out, &users, false, true);
	has(&out, "USER                  STATE     DEVICES  EDGES\n");
	has(&out, "ann                   online    3        5 6\n");
	buf_clear(&out);
	print_user(&out, &user, false);
	has(&out, "ann  online  seq 12  acked 10  unacked 2\n");
	has(&out, "d1                    5         native   online  2m      10m      "
		  "0000000000abcdef\n");
	buf_fini(&out);
}

static void everything_is_one_object_a_line_as_json(void **state)
{
	Pb__CtlSessionLine session = session_line("d1", 5);
	Pb__CtlSessionLine *sessions[] = {&session};
	Pb__CtlUserLine user = user_line("ann\"\x1b\xff", sessions, 1);
	Pb__CtlUserLine *list[] = {&user, &user};
	Pb__CtlUsers users = PB__CTL_USERS__INIT;
	Pb__CtlEdgeLine edge = PB__CTL_EDGE_LINE__INIT;
	Pb__CtlEdgeLine *edge_list[] = {&edge};
	Pb__CtlEdgeList edges = PB__CTL_EDGE_LIST__INIT;
	Pb__CtlStat stat = PB__CTL_STAT__INIT;
	Pb__CtlStat *stat_list[] = {&stat, &stat};
	Pb__CtlStatList stats = PB__CTL_STAT_LIST__INIT;
	Pb__CtlEvent event = PB__CTL_EVENT__INIT;
	Pb__CtlEvent *event_list[] = {&event};
	Pb__CtlTailed tailed = PB__CTL_TAILED__INIT;
	Pb__CtlPushed pushed = PB__CTL_PUSHED__INIT;
	Pb__CtlKicked kicked = PB__CTL_KICKED__INIT;
	Pb__RouterCtlReply refused = PB__ROUTER_CTL_REPLY__INIT;
	struct buf out;

	(void)state;
	users.users = list;
	users.n_users = 2;
	edges.edges = edge_list;
	edges.n_edges = 1; /* without gauges: none came yet */
	stat.name = bytes("a");
	stats.stats = stat_list;
	stats.n_stats = 1;
	event.kind = bytes("sent");
	event.detail = bytes("to=\"2\"");
	tailed.events = event_list;
	tailed.n_events = 1;
	pushed.mid = bytes("m1");
	refused.code = 1102;
	refused.message = bytes("recipient offline");
	buf_init(&out, 65536);
	print_users(&out, &users, true, true);
	is_objects(&out, 2);
	buf_clear(&out);
	print_user(&out, &user, true);
	print_edges(&out, &edges, true);
	print_stats(&out, &stats, true);
	print_events(&out, &tailed, true);
	print_pushed(&out, &pushed, true);
	print_kicked(&out, &kicked, true);
	print_refusal(&out, &refused, true);
	is_objects(&out, 7);
	buf_fini(&out);
}

static void a_push_says_how_far_it_came(void **state)
{
	static const char *const words[] = {"\"delivered\"", "\"accepted\"", "\"stored\"",
		"\"acked\"", "\"timed_out\"", "\"duplicate\""};
	Pb__CtlPushed pushed = PB__CTL_PUSHED__INIT;
	struct buf out;

	(void)state;
	buf_init(&out, 4096);
	pushed.devices = 2;
	pushed.seq = 9;
	pushed.mid = bytes("m1");
	print_pushed(&out, &pushed, false);
	has(&out, "delivered to 2 devices, seq 9, id m1\n");
	for (int i = 0; i <= PB__CTL_PUSH_STATE__CTL_PUSH_DUPLICATE; i++) {
		pushed.state = (Pb__CtlPushState)i;
		buf_clear(&out);
		print_pushed(&out, &pushed, true);
		is_objects(&out, 1);
		has(&out, words[i]);
		buf_clear(&out);
		print_pushed(&out, &pushed, false);
		has(&out, ", seq 9, id m1\n");
	}
	pushed.state = (Pb__CtlPushState)77; /* another version's */
	print_pushed(&out, &pushed, false);
	buf_fini(&out);
}

static void inboxes_are_shown_for_people_and_as_json(void **state)
{
	Pb__CtlInboxState inbox = PB__CTL_INBOX_STATE__INIT;
	Pb__CtlDeviceLine device = PB__CTL_DEVICE_LINE__INIT;
	Pb__CtlDeviceLine *devices[] = {&device, &device};
	Pb__CtlTopLine line = PB__CTL_TOP_LINE__INIT;
	Pb__CtlTopLine *lines[] = {&line, &line};
	Pb__CtlTopList top = PB__CTL_TOP_LIST__INIT;
	Pb__CtlDraining draining = PB__CTL_DRAINING__INIT;
	struct buf out;

	(void)state;
	inbox.uid = line.uid = bytes("ann");
	inbox.head = 12;
	inbox.acked = 10;
	inbox.floor = 3;
	inbox.rows = line.rows = 2;
	inbox.bytes = line.bytes = 40;
	inbox.purged = true;
	inbox.devices = devices;
	inbox.n_devices = 2;
	device.device = bytes("d1");
	device.u = 10;
	device.seen_ms_ago = 61000;
	top.lines = lines;
	top.n_lines = 2;
	draining.sessions = 1;
	buf_init(&out, 65536);
	print_inbox(&out, &inbox, false);
	has(&out, "ann  last 12  acked 10  kept from 3  unacked 2 (40 bytes)  purged\n");
	has(&out, "d1                              10           0  1m\n");
	print_top(&out, &top, false);
	has(&out, "ann                            2          40         0\n");
	print_draining(&out, &draining, false);
	has(&out, "the edge sends 1 session elsewhere and ends\n");
	print_backup(&out, "/x/y.db", 4096, false);
	has(&out, "/x/y.db: 4096 bytes\n");
	buf_clear(&out);
	print_inbox(&out, &inbox, true);
	print_top(&out, &top, true);
	print_draining(&out, &draining, true);
	print_backup(&out, "/x/\"y", 4096, true);
	is_objects(&out, 5);
	buf_fini(&out);
}

static void a_hostile_router_cannot_drive_the_terminal(void **state)
{
	const char *evil = "\x1b[2J\x1b]0;owned\x07\r\n";
	Pb__CtlSessionLine session = session_line(evil, 5);
	Pb__CtlSessionLine *sessions[] = {&session};
	Pb__CtlUserLine user = user_line(evil, sessions, 1);
	Pb__CtlUserLine *list[] = {&user};
	Pb__CtlUsers users = PB__CTL_USERS__INIT;
	Pb__CtlStat stat = PB__CTL_STAT__INIT;
	Pb__CtlStat *stat_list[] = {&stat};
	Pb__CtlStatList stats = PB__CTL_STAT_LIST__INIT;
	Pb__CtlEvent event = PB__CTL_EVENT__INIT;
	Pb__CtlEvent *event_list[] = {&event};
	Pb__CtlTailed tailed = PB__CTL_TAILED__INIT;
	Pb__CtlPushed pushed = PB__CTL_PUSHED__INIT;
	Pb__RouterCtlReply refused = PB__ROUTER_CTL_REPLY__INIT;
	Pb__CtlInboxState inbox = PB__CTL_INBOX_STATE__INIT;
	Pb__CtlDeviceLine device = PB__CTL_DEVICE_LINE__INIT;
	Pb__CtlDeviceLine *devices[] = {&device};
	Pb__CtlTopLine line = PB__CTL_TOP_LINE__INIT;
	Pb__CtlTopLine *lines[] = {&line};
	Pb__CtlTopList top = PB__CTL_TOP_LIST__INIT;
	Pb__CtlReason reason = PB__CTL_REASON__INIT;
	Pb__CtlReason *reason_list[] = {&reason};
	Pb__CtlReasons reasons = PB__CTL_REASONS__INIT;
	struct buf out;

	(void)state;
	reason.kind = reason.detail = bytes(evil);
	reasons.reasons = reason_list;
	reasons.n_reasons = 1;
	inbox.uid = line.uid = device.device = bytes(evil);
	inbox.devices = devices;
	inbox.n_devices = 1;
	top.lines = lines;
	top.n_lines = 1;
	user.state = bytes(evil);
	users.users = list;
	users.n_users = 1;
	stat.name = bytes(evil);
	stats.stats = stat_list;
	stats.n_stats = 1;
	event.at_ms = UINT64_MAX;
	event.kind = bytes(evil);
	event.user = bytes(evil);
	event.detail = bytes(evil);
	tailed.events = event_list;
	tailed.n_events = 1;
	pushed.mid = bytes(evil);
	refused.message = bytes(evil);
	buf_init(&out, 65536);
	for (int json = 0; json < 2; json++) {
		print_users(&out, &users, json, false);
		print_user(&out, &user, json);
		print_stats(&out, &stats, json);
		print_events(&out, &tailed, json);
		print_pushed(&out, &pushed, json);
		print_top(&out, &top, json);
		print_inbox(&out, &inbox, json);
		print_reasons(&out, &reasons, json);
		print_backup(&out, evil, 1, json);
		print_refusal(&out, &refused, json);
	}
	assert_false(out.failed);
	assert_true(out.len > 500);
	for (size_t i = 0; i < out.len; i++)
		assert_true((unsigned char)out.data[i] >= 0x20 || out.data[i] == '\n');
	buf_fini(&out);
}

static void times_are_utc_with_milliseconds(void **state)
{
	Pb__CtlEvent event = PB__CTL_EVENT__INIT;
	Pb__CtlEvent *list[] = {&event};
	Pb__CtlTailed tailed = PB__CTL_TAILED__INIT;
	struct buf out;

	(void)state;
	event.at_ms = 1767225600123;
	event.kind = bytes("sent");
	event.user = bytes("1");
	event.detail = bytes("to=2");
	tailed.events = list;
	tailed.n_events = 1;
	buf_init(&out, 4096);
	print_events(&out, &tailed, false);
	has(&out, "2026-01-01T00:00:00.123Z  sent        1                 to=2\n");
	buf_fini(&out);
}

static void reasons_are_lines_with_their_time(void **state)
{
	Pb__CtlReason reason = PB__CTL_REASON__INIT;
	Pb__CtlReason *list[] = {&reason, &reason};
	Pb__CtlReasons reasons = PB__CTL_REASONS__INIT;
	struct buf out;

	(void)state;
	buf_init(&out, 4096);
	print_reasons(&out, &reasons, false);
	has(&out, "nothing is known");
	buf_clear(&out);
	reason.at_ms = 1767225600123;
	reason.kind = bytes("kicked");
	reason.detail = bytes("device=phone code=4009");
	reasons.reasons = list;
	reasons.n_reasons = 2;
	print_reasons(&out, &reasons, false);
	has(&out, "2026-01-01T00:00:00.123Z  kicked      device=phone code=4009\n");
	buf_clear(&out);
	print_reasons(&out, &reasons, true);
	is_objects(&out, 2);
	has(&out, "{\"at_ms\":1767225600123,\"kind\":\"kicked\",\"detail\":\"device=phone "
		  "code=4009\"}");
	buf_fini(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(users_are_a_table_for_people),
		cmocka_unit_test(everything_is_one_object_a_line_as_json),
		cmocka_unit_test(a_push_says_how_far_it_came),
		cmocka_unit_test(inboxes_are_shown_for_people_and_as_json),
		cmocka_unit_test(a_hostile_router_cannot_drive_the_terminal),
		cmocka_unit_test(times_are_utc_with_milliseconds),
		cmocka_unit_test(reasons_are_lines_with_their_time),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
