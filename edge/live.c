/*
 * The table of everybody who was let in, and the turn of the loop.  Callbacks of sockets, of the
 * router and of timers only queue: frames to connections and items to the router.  When the turn's
 * events are done (uv_check after the sockets, uv_prepare after the timers) each connection's
 * frames leave in one write and the items in one message.
 *
 * A connection ends twice: its session when there is a reason to close, so that presence is true at
 * once; its socket when libwebsockets says so, a few seconds later at most.  Memory is freed at the
 * end of the turn, when nothing on the stack can still hold it.
 */
#include "edge/live.h"

#include <errno.h>
#include <stdlib.h>

#include "common/log.h"
#include "common/random.h"
#include "edge/live_inner.h"

#define SCRATCH_BYTES 8192
#define CLOSE_DEADLINE_MS 5000 /* from the decision to close until the reset */
/*
 * Writing to many sockets takes 16 ms for 2,000 of them.  Another message to all of them that comes
 * shortly before costs next to nothing when it goes with the same write, and as much as the first
 * when it does not: a sixteenth of that time is well spent on waiting.
 */
#define GATHER_FROM 512
#define GATHER_PER_MS 2000

uint32_t live_jitter(struct live *l, uint32_t min_ms, uint32_t max_ms)
{
	l->random ^= l->random << 13;
	l->random ^= l->random >> 7;
	l->random ^= l->random << 17;
	return min_ms + (uint32_t)(l->random % (max_ms - min_ms + 1));
}

void live_close_slow(struct live_conn *c)
{
	struct live *l = c->live;

	l->slow_closed++;
	ws_drop_queue(&c->link);
	live_close(c, CLOSE_SLOW_CONSUMER, live_jitter(l, 1000, 5000));
}

void live_close_short(struct live_conn *c)
{
	live_close(c, CLOSE_OVERLOAD, live_jitter(c->live, 1000, 5000));
}

void live_put(struct live_conn *c, struct wire *w)
{
	switch (ws_put(c->live->ws, &c->link, w)) {
	case OUTQ_QUEUED:
	case OUTQ_SHED:
		return;
	case OUTQ_FULL:
	case OUTQ_FAILED:
		break;
	}
	live_close_slow(c);
}

void live_put_scratch(struct live_conn *c)
{
	struct live *l = c->live;
	struct wire *w = l->scratch.failed ? NULL
					   : wire_new_text(buf_slice(&l->scratch),
						     (struct slice){NULL, 0}, false);

	if (w == NULL) {
		live_close_short(c);
		return;
	}
	w->is_own = true;
	live_put(c, w);
	wire_unref(w);
}

void live_say_close(struct live *l, uint64_t session, unsigned code)
{
	Pb__UpClose close = PB__UP_CLOSE__INIT;
	Pb__UpItem item = PB__UP_ITEM__INIT;

	close.session = session;
	if (uplink_wire(l->uplink) >= 3)
		close.code = code;
	item.item_case = PB__UP_ITEM__ITEM_CLOSE;
	item.close = &close;
	uplink_add(l->uplink, &item, UPLINK_MUST);
}

void live_end_session(struct live_conn *c, bool tell_router, unsigned code)
{
	struct live *l = c->live;

	c->is_leaving = true;
	live_cancel_renewal(c);
	live_end_question(c, !tell_router);
	if (c->wants_reopen)
		l->n_wants_reopen--;
	c->wants_reopen = false;
	if (map_get_u64(l->by_nonce, c->nonce) == c)
		map_remove_u64(l->by_nonce, c->nonce);
	live_forget_sync(c);
	if (!c->is_open)
		return;
	c->is_open = false;
	live_note_behind(c);
	map_remove_u64(l->by_session, c->session);
	if (tell_router)
		live_say_close(l, c->session, code);
}

void live_bury(struct live_conn *c)
{
	struct live *l = c->live;

	live_end_session(c, true, 0);
	wheel_unset(&c->timer);
	ws_drop_queue(&c->link);
	l->n_conns--;
	l->conns[c->index] = l->conns[l->n_conns];
	l->conns[c->index]->index = c->index;
	c->next_grave = l->graves;
	l->graves = c;
}

void live_close(struct live_conn *c, unsigned code, uint32_t after_ms)
{
	struct live *l = c->live;

	if (c->is_leaving)
		return;
	live_end_session(c, true, code);
	if (c->stage != LIVE_ADOPTED) {
		live_bury(c);
		return;
	}
	ws_close(&c->link, code, after_ms);
	wheel_set(&l->wheel, &c->timer, live_now(l) + CLOSE_DEADLINE_MS);
}

static void on_open(struct ws_link *link)
{
	/* What waited in the queue follows the 101 with the turn's end, and then what is asked for.
	 */
	live_on_bytes(link);
	live_want_sync((struct live_conn *)link);
}

static void on_leaving(struct ws_link *link, unsigned code)
{
	struct live_conn *c = (struct live_conn *)link;
	struct live *l = c->live;

	live_end_session(c, true, code);
	wheel_set(&l->wheel, &c->timer, live_now(l) + CLOSE_DEADLINE_MS);
}

static void on_closed(struct ws_link *link)
{
	live_bury((struct live_conn *)link);
}

static void free_conn(struct live_conn *c)
{
	live_forget_watch(c);
	live_free_change(c);
	free(c);
}

static void on_gather_timer(uv_timer_t *timer)
{
	struct live *l = timer->data;

	l->has_gathered = true;
}

/* false: not yet. */
static bool flush_sockets(struct live *l)
{
	if (ws_dirty(l->ws) < GATHER_FROM || l->has_gathered) {
		l->has_gathered = false;
		uv_timer_stop(&l->gather_timer);
		ws_flush(l->ws);
		return true;
	}
	if (!uv_is_active((uv_handle_t *)&l->gather_timer))
		uv_timer_start(
			&l->gather_timer, on_gather_timer, 1 + ws_dirty(l->ws) / GATHER_PER_MS, 0);
	return false;
}

static void end_turn(struct live *l)
{
	uplink_flush(l->uplink);
	/* What is buried may be in the list of those to be written to. */
	if (!flush_sockets(l))
		return;
	while (l->graves != NULL) {
		struct live_conn *c = l->graves;

		l->graves = c->next_grave;
		free_conn(c);
	}
	live_look_drained(l);
}

static void on_prepare(uv_prepare_t *prepare)
{
	end_turn(prepare->data);
}

static void on_check(uv_check_t *check)
{
	end_turn(check->data);
}

static void on_lease(void *arg, struct slice credential)
{
	struct live *l = arg;

	auth_client_set_credential(l->auth, credential);
}

static const struct ws_events ws_events = {
	.on_open = on_open,
	.on_bytes = live_on_bytes,
	.on_text = live_on_text,
	.on_pong = live_on_pong,
	.on_room = live_on_room,
	.on_leaving = on_leaving,
	.on_closed = on_closed,
};

static const struct uplink_events uplink_events = {
	.on_lease = on_lease,
	.on_up = live_on_link_up,
	.on_down = live_on_link_down,
	.on_item = live_on_item,
	.on_system = live_on_system,
};

static void start_handles(struct live *l)
{
	uint64_t tick = (uint64_t)live_wheel_tick_ms(&l->config);

	uv_prepare_init(l->loop, &l->prepare);
	uv_check_init(l->loop, &l->check);
	uv_timer_init(l->loop, &l->wheel_timer);
	uv_timer_init(l->loop, &l->second_timer);
	uv_timer_init(l->loop, &l->reopen_timer);
	uv_timer_init(l->loop, &l->gather_timer);
	l->prepare.data = l->check.data = l->wheel_timer.data = l;
	l->second_timer.data = l->reopen_timer.data = l->gather_timer.data = l;
	uv_prepare_start(&l->prepare, on_prepare);
	uv_check_start(&l->check, on_check);
	uv_timer_start(&l->wheel_timer, live_on_wheel_timer, tick, tick);
	uv_timer_start(&l->second_timer, live_on_second_timer, 1000, 1000);
}

static int make_tables(struct live *l)
{
	if (map_new(&l->by_nonce) < 0 || map_new(&l->by_session) < 0 || sends_new(&l->sends) < 0 ||
		live_calls_new(&l->calls, l) < 0)
		return -ENOMEM;
	l->conns = calloc(l->config.max_connections, sizeof(struct live_conn *));
	l->ping = wire_new_ping(SLICE_LITERAL("-"));
	if (l->conns == NULL || l->ping == NULL)
		return -ENOMEM;
	l->random = random_u64();
	memory_open(&l->memory, l->config.memory_limit);
	return 0;
}

/* Only of what was never started: handles and sockets live as long as the process. */
static void free_tables(struct live *l)
{
	map_free(l->by_nonce);
	map_free(l->by_session);
	sends_free(l->sends);
	free(l->conns);
	wire_unref(l->ping);
	free(l);
}

int live_new(struct live **out, uv_loop_t *loop, struct bus *bus, struct auth_client *auth,
	const struct live_config *config)
{
	struct live *l = calloc(1, sizeof(*l));
	struct uplink_config up = {config->hello_path, config->system_path, &uplink_events, l};
	int ret;

	if (l == NULL)
		return -ENOMEM;
	l->loop = loop;
	l->config = *config;
	l->auth = auth;
	l->limits = (struct conn_limits){config->interval_ms, config->grace_ms,
		(uint32_t)config->msgs_per_s, (uint32_t)config->msgs_burst};
	buf_init(&l->scratch, SCRATCH_BYTES);
	wheel_init(&l->wheel, live_wheel_tick_ms(config), live_now(l));
	ret = make_tables(l);
	if (ret == 0)
		ret = ws_new(&l->ws, loop, &ws_events, config->pending_bytes);
	if (ret < 0) {
		free_tables(l);
		return ret;
	}
	ret = uplink_new(&l->uplink, loop, bus, &up);
	if (ret < 0)
		return ret; /* the process ends */
	start_handles(l);
	*out = l;
	return 0;
}

bool live_is_up(const struct live *l)
{
	return !l->is_draining && uplink_is_up(l->uplink);
}

size_t live_count(const struct live *l)
{
	return l->n_conns;
}

bool live_is_tight(const struct live *l)
{
	return memory_is_tight(&l->memory);
}

void live_count_upgrade(struct live *l, bool refused)
{
	if (refused)
		l->refused++;
	else
		l->upgrades++;
}
