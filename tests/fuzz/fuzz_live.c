/*
 * The live half of an edge between its clients, its auth and its router, all of which are played by
 * the input: connections are opened, adopted, read and leave; clients say frames, with tokens of
 * their own and of others; the router answers, delivers, shuts, asks to drain, goes and comes back
 * as the same or another; time passes.
 *
 * What goes up is within the router's bounds, in order, and about sessions that are the edge's.
 * What a client gets is whole frames; numbered ones follow each other without a hole; what is meant
 * for a user is never written to a connection that is another's by then.  And when all have gone
 * nothing of them is left in any table.
 *
 * After a message of the router that no router of ours would send, only the last of it is held.
 */
#include <assert.h>

#include "tests/fuzz/live_rig.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

const char *const users[USERS] = {"ann", "7"};
const char *const tokens[TOKENS] = {"a.a.a", "b.b.b", "c.c.c", "d.d.d"};

struct play play;
struct live *live;
struct bus_socket *hello, *link_socket, *system_socket;

static uv_loop_t loop;

static void on_drained(void *arg)
{
	(void)arg;
	play.has_drained = true;
}

static void on_drain(void *arg)
{
	(void)arg;
	if (!live->is_draining)
		live_drain(live, 5000, on_drained, NULL);
}

static void turn(void)
{
	uint32_t closed;

	uv_run(&loop, UV_RUN_NOWAIT);
	if (link_socket == NULL)
		return;
	world_sent_done(link_socket, true);
	closed = world_closed(link_socket);
	if (closed != 0 && closed == live->uplink->pipe)
		hang_up(&play);
	uv_run(&loop, UV_RUN_NOWAIT);
}

static void begin(void)
{
	const struct live_config config = {
		.hello_path = "router.sock",
		.system_path = "system.sock",
		.interval_ms = 25000,
		.grace_ms = 20000,
		.msgs_per_s = 20,
		.msgs_burst = 40,
		.pending_bytes = 2048,
		.max_connections = CLIENTS,
		.memory_limit = UINT64_C(1) << 50,
		.may_swap = true,
		.on_drain = on_drain,
	};

	world_reset();
	world_stop_time(true);
	assert(uv_loop_init(&loop) == 0);
	assert(live_new(&live, &loop, NULL, NULL, &config) == 0);
	sockets_on_frame(check_frame);
	hello = world_socket("router.sock");
	system_socket = world_socket("system.sock");
	uv_run(&loop, UV_RUN_NOWAIT);
	say_lease(&play, 1);
	world_keep(); /* with the link's */
}

static void assert_empty(void)
{
	uint64_t session;

	assert(live->n_conns == 0 && live->graves == NULL && live->n_behind == 0);
	assert(live->n_wants_reopen == 0 && sends_count(live->sends) == 0);
	assert(map_count(live->by_nonce) == 0 && map_count(live->by_session) == 0);
	assert(!syncs_peek(&live->syncs, &session) && play.called == 0);
	for (size_t i = 0; i < QUESTIONS; i++)
		assert(play.questions[i].id == 0);
}

/* Everybody goes, and what is left is as at first. */
static void end(void)
{
	struct uplink *u = live->uplink;

	sockets_reset();
	turn();
	for (size_t i = 0; i < CLIENTS; i++)
		live_open_cancel(live, play.clients[i].nonce);
	hang_up(&play);
	turn();
	assert_empty();
	assert(!live->is_draining || play.has_drained);
	while (world_asked(hello) > 0)
		world_answer(hello, BUS_TIMED_OUT, (struct slice){NULL, 0});
	batches_reset(&u->batches);
	uplink_system_reset(u);
	u->refusals = u->misheard = 0;
	u->credential_len = 0;
	u->lease = u->claimed = (struct lease){0};
	u->pause_ms = UPLINK_PAUSE_MIN_MS;
	u->state = UPLINK_PAUSING;
	u->pipe = 0;
	live->is_draining = false;
	live->last_serial = 0;
	live->random = 1;
}

/* Timers begin anew, at the first ms. */
static void begin_again(void)
{
	struct uplink *u = live->uplink;

	world_reset();
	world_stop_time(true);
	uv_update_time(&loop);
	wheel_init(&live->wheel, live_wheel_tick_ms(&live->config), live_now(live));
	uv_timer_again(&live->wheel_timer);
	uv_timer_again(&live->second_timer);
	uv_timer_start(&u->timer, u->timer.timer_cb, 0, 0);
	uv_run(&loop, UV_RUN_NOWAIT);
}

static void say_system_or_other(struct play *p)
{
	if (script_byte(&p->s) % 2 == 0)
		say_system(p);
	else
		say_other(p);
}

static void call_or_say_raw(struct play *p)
{
	if (script_byte(&p->s) % 2 == 0)
		request_calls(p);
	else
		say_raw(p);
}

static void time_passes(struct play *p)
{
	unsigned of = script_byte(&p->s);

	world_ms += (int64_t)of * script_byte(&p->s) * 2;
}

static void step(struct play *p)
{
	static void (*const steps[])(struct play * p) = {router_comes, hang_up, client_opens,
		client_adopts, client_cancels, client_says, client_says, client_says_raw,
		client_pongs, client_reads, client_leaves, auth_answers, say_opened, say_refused,
		say_deliver, say_result, say_about, say_system_or_other, call_or_say_raw,
		time_passes};

	steps[script_byte(&p->s) % (sizeof(steps) / sizeof(steps[0]))](p);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (live == NULL) {
		begin();
		play = (struct play){0};
		end();
	}
	play = (struct play){.s = {data, size}, .wire = 3};
	live->config.may_swap = script_byte(&play.s) % 4 != 0;
	begin_again();
	link_socket = world_socket("link.sock");
	world_on_sent(check_sent, NULL);
	while (!script_is_over(&play.s)) {
		step(&play);
		turn();
	}
	end();
	world_on_sent(NULL, NULL);
	world_stop_time(false);
	return 0;
}
