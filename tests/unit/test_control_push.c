/*
 * control_push: when an operator's push is answered, and with what.  The core is the real one; the
 * hub, the store and the operator's socket are played here.
 */
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "proto/codes.h"
#include "router/control_internal.h"
#include "tests/unit/test.h"

#define START 1000000
#define SESSION 5

static struct control control;
static struct hub hub;
static int64_t now_ms;
static uint64_t last_number; /* of the appends that wait for the disk */

static struct {
	unsigned n;
	uint32_t wire;
	unsigned code;
	Pb__CtlPushState state;
	uint32_t devices;
	uint64_t seq;
} answered;

int64_t clock_boot_ms(void)
{
	return now_ms;
}

int64_t clock_wall_ms(void)
{
	return 1767225600000 + now_ms;
}

void control_answer(struct asker asker, Pb__RouterCtlReply *reply)
{
	assert_int_equal(reply->result_case, PB__ROUTER_CTL_REPLY__RESULT_PUSHED);
	answered.n++;
	answered.wire = asker.wire;
	answered.code = 0;
	answered.state = reply->pushed->state;
	answered.devices = reply->pushed->devices;
	answered.seq = reply->pushed->seq;
}

void control_refuse(struct asker asker, unsigned code, const char *more)
{
	(void)more;
	answered.n++;
	answered.wire = asker.wire;
	answered.code = code;
}

unsigned hub_json(struct hub *h, struct slice in, size_t max_bytes, struct slice *out)
{
	(void)h;
	assert_true(in.len <= max_bytes);
	*out = in;
	return 0;
}

int hub_step(struct hub *h, struct core_event *event)
{
	struct core_commands commands;

	event->now_ms = now_ms;
	event->wall_ms = clock_wall_ms();
	event->random[0] = (uint64_t)now_ms++;
	assert_int_equal(core_step(h->core, event, &commands), 0);
	for (size_t i = 0; i < commands.n; i++) {
		if (commands.list[i].kind == CORE_DO_CTL_RESULT)
			control_pushed(&control, &commands.list[i]);
		else if (commands.list[i].kind == CORE_DO_APPEND)
			last_number = commands.list[i].append.number;
	}
	return 0;
}

static void known(const char *uid)
{
	struct core_event e = {.kind = CORE_USER_KNOWN};

	e.user.uid = slice_of(uid);
	hub_step(&hub, &e);
}

static int setup(void **state)
{
	const struct core_config config = {
		.sessions_per_user = 8,
		.is_durable = true,
		.inbox_rows = 100,
		.inbox_bytes = 1 << 20,
		.retention_ms = 86400000,
		.epoch = "epoch",
		.started_ms = START,
	};
	struct core_event up = {.kind = CORE_EDGE_UP, .edge = {100, 7}};

	(void)state;
	memset(&answered, 0, sizeof(answered));
	memset(&hub, 0, sizeof(hub));
	memset(&control, 0, sizeof(control));
	now_ms = START;
	last_number = 0;
	control.hub = &hub;
	if (core_new(&hub.core, &config) < 0)
		return -1;
	hub_step(&hub, &up);
	known("ann");
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	core_free(hub.core);
	return 0;
}

static void open_session(void)
{
	struct ticket t = {
		.flags = TICKET_MAY_SEND,
		.session = SESSION,
		.edge_id = 100,
		.edge_epoch = 7,
		.nonce = 9,
		.issued_at_ms = now_ms,
		.present_by_ms = now_ms + TICKET_PRESENT_MS,
		.session_end_ms = now_ms + SESSION_MAX_MS,
		.ceiling_ms = now_ms + SESSION_MAX_MS,
		.uid_len = 3,
		.uid = "ann",
	};
	struct core_event e = {.kind = CORE_OPEN};

	e.open.ticket = &t;
	e.open.nonce = 9;
	e.open.device = SLICE_LITERAL("d1");
	hub_step(&hub, &e);
}

static void stored(void)
{
	struct core_event e = {.kind = CORE_STORED};

	e.stored.number = last_number;
	hub_step(&hub, &e);
}

/* The client has everything up to there. */
static void acknowledge(uint64_t u)
{
	struct core_event e = {.kind = CORE_ACK};

	e.ack.session = SESSION;
	e.ack.u = u;
	hub_step(&hub, &e);
}

static void turn(void)
{
	control_push_turn(&control, now_ms, false);
}

struct order {
	const char *user;
	const char *mid;
	Pb__CtlWait wait;
	uint32_t timeout_ms;
};

static void push(const struct order *o)
{
	static struct bus_request *const req = (struct bus_request *)&control;
	Pb__RouterCtlRequest request = PB__ROUTER_CTL_REQUEST__INIT;
	Pb__CtlPush p = PB__CTL_PUSH__INIT;

	p.user = codec_bytes(slice_of(o->user));
	p.mid = codec_bytes(slice_of(o->mid));
	p.event = codec_bytes(SLICE_LITERAL("news"));
	p.data = codec_bytes(SLICE_LITERAL("1"));
	p.wait = o->wait;
	p.timeout_ms = o->timeout_ms;
	request.command_case = PB__ROUTER_CTL_REQUEST__COMMAND_PUSH;
	request.push = &p;
	control_on_push(&control, &request, (struct asker){.req = req, .wire = WIRE_VERSION});
	turn();
}

static void answered_with(Pb__CtlPushState state)
{
	assert_int_equal(answered.n, 1);
	assert_int_equal(answered.code, 0);
	assert_int_equal(answered.state, state);
	answered.n = 0;
}

static void refused_with(unsigned code)
{
	assert_int_equal(answered.n, 1);
	assert_int_equal(answered.code, code);
	answered.n = 0;
}

static void nothing_is_answered_before_it_is_on_disk(void **state)
{
	static const Pb__CtlWait waits[] = {PB__CTL_WAIT__CTL_WAIT_ACCEPTED,
		PB__CTL_WAIT__CTL_WAIT_DELIVERED, PB__CTL_WAIT__CTL_WAIT_ACKED};

	(void)state;
	open_session();
	for (size_t i = 0; i < 3; i++) {
		push(&(struct order){.user = "ann", .wait = waits[i]});
		turn();
		assert_int_equal(answered.n, 0);
		stored();
		acknowledge(i + 1);
		turn();
		assert_int_equal(answered.n, 1);
		assert_int_equal(answered.seq, i + 1);
		answered.n = 0;
	}
}

static void a_connected_user_is_delivered_to(void **state)
{
	(void)state;
	open_session();
	push(&(struct order){.user = "ann"});
	stored();
	turn();
	answered_with(PB__CTL_PUSH_STATE__CTL_PUSH_DELIVERED);
	assert_int_equal(answered.devices, 1);
}

static void a_user_without_a_session_is_stored_for_at_once(void **state)
{
	(void)state;
	push(&(struct order){.user = "ann", .timeout_ms = 60000});
	stored();
	turn();
	answered_with(PB__CTL_PUSH_STATE__CTL_PUSH_STORED);
	push(&(struct order){.user = "ann", .wait = PB__CTL_WAIT__CTL_WAIT_ACCEPTED});
	stored();
	turn();
	answered_with(PB__CTL_PUSH_STATE__CTL_PUSH_STORED);
}

static void an_acknowledgement_is_waited_for(void **state)
{
	(void)state;
	open_session();
	push(&(struct order){.user = "ann", .wait = PB__CTL_WAIT__CTL_WAIT_ACKED});
	stored();
	turn();
	assert_int_equal(answered.n, 0);
	acknowledge(1);
	turn();
	answered_with(PB__CTL_PUSH_STATE__CTL_PUSH_ACKED);
}

static void without_it_the_time_out_says_whether_he_was_there(void **state)
{
	const struct order o = {
		.user = "ann", .wait = PB__CTL_WAIT__CTL_WAIT_ACKED, .timeout_ms = 1000};

	(void)state;
	push(&o);
	stored();
	turn();
	assert_int_equal(answered.n, 0);
	now_ms += 1000;
	turn();
	answered_with(PB__CTL_PUSH_STATE__CTL_PUSH_STORED);
	open_session();
	acknowledge(1);
	push(&o);
	stored();
	turn();
	assert_int_equal(answered.n, 0);
	now_ms += 1000;
	turn();
	answered_with(PB__CTL_PUSH_STATE__CTL_PUSH_TIMED_OUT);
}

static void the_end_of_the_process_answers_who_still_waits(void **state)
{
	(void)state;
	open_session();
	push(&(struct order){.user = "ann", .wait = PB__CTL_WAIT__CTL_WAIT_ACKED});
	stored();
	control_push_turn(&control, now_ms, true);
	answered_with(PB__CTL_PUSH_STATE__CTL_PUSH_TIMED_OUT);
	push(&(struct order){.user = "ann"});
	control_push_turn(&control, now_ms, true);
	refused_with(EX_UNAVAILABLE);
}

static void a_known_id_is_not_sent_again(void **state)
{
	(void)state;
	open_session();
	push(&(struct order){.user = "ann", .mid = "m1"});
	stored();
	turn();
	answered_with(PB__CTL_PUSH_STATE__CTL_PUSH_DELIVERED);
	push(&(struct order){.user = "ann", .mid = "m1"});
	turn();
	answered_with(PB__CTL_PUSH_STATE__CTL_PUSH_DUPLICATE);
	assert_int_equal(answered.seq, 1);
}

static void one_to_all_is_delivered_whoever_is_there(void **state)
{
	(void)state;
	push(&(struct order){.user = ""});
	stored();
	turn();
	answered_with(PB__CTL_PUSH_STATE__CTL_PUSH_DELIVERED);
	push(&(struct order){.user = "", .wait = PB__CTL_WAIT__CTL_WAIT_ACKED});
	refused_with(EX_BAD_DATA);
}

static void what_the_core_refuses_is_refused(void **state)
{
	(void)state;
	now_ms += 60000; /* when unknown users are called so */
	push(&(struct order){.user = "nobody"});
	refused_with(EX_RECIPIENT_UNKNOWN);
	push(&(struct order){.user = "ann", .wait = (Pb__CtlWait)9});
	refused_with(EX_BAD_DATA);
	hub.draining = true;
	push(&(struct order){.user = "ann"});
	refused_with(EX_UNAVAILABLE);
	hub.draining = false;
	hub.memory.limit = 1000;
	hub.memory.used = 800;
	push(&(struct order){.user = "ann"});
	refused_with(EX_UNAVAILABLE);
}

static void more_than_the_places_are_refused(void **state)
{
	(void)state;
	for (unsigned i = 0; i < PUSH_WAITERS; i++)
		push(&(struct order){.user = "ann"});
	assert_int_equal(answered.n, 0);
	push(&(struct order){.user = "ann"});
	refused_with(EX_RATE_LIMITED);
	stored();
	turn();
	assert_int_equal(answered.n, PUSH_WAITERS);
}

#define PUSH_TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		PUSH_TEST(nothing_is_answered_before_it_is_on_disk),
		PUSH_TEST(a_connected_user_is_delivered_to),
		PUSH_TEST(a_user_without_a_session_is_stored_for_at_once),
		PUSH_TEST(an_acknowledgement_is_waited_for),
		PUSH_TEST(without_it_the_time_out_says_whether_he_was_there),
		PUSH_TEST(the_end_of_the_process_answers_who_still_waits),
		PUSH_TEST(a_known_id_is_not_sent_again),
		PUSH_TEST(one_to_all_is_delivered_whoever_is_there),
		PUSH_TEST(what_the_core_refuses_is_refused),
		PUSH_TEST(more_than_the_places_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
