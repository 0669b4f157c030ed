/*
 * What the clock says.  One coarse wheel holds one entry for each connection, at the earliest time
 * at which its rules have something to say; arriving bytes move nothing, the entry finds out when
 * it fires.
 */
#include <stdlib.h>

#include "edge/live_inner.h"
#include "proto/codec.h"

#define TICK_MIN_MS 10
#define TICK_MAX_MS 250
#define KILL_AGAIN_MS 1000
#define RENEW_TIMEOUT_MS 5000
#define RENEW_AGAIN_MS 5000

int64_t live_wheel_tick_ms(const struct live_config *config)
{
	int64_t tick = config->interval_ms / 50;

	return tick < TICK_MIN_MS ? TICK_MIN_MS : tick > TICK_MAX_MS ? TICK_MAX_MS : tick;
}

void live_set_timer(struct live_conn *c)
{
	const int64_t next_ms = conn_next_ms(&c->rules, &c->live->limits);
	const int64_t question_ms = live_question_due_ms(c);

	wheel_set(&c->live->wheel, &c->timer, question_ms < next_ms ? question_ms : next_ms);
}

void live_say_away(struct live_conn *c, bool away)
{
	Pb__UpAway up = PB__UP_AWAY__INIT;
	Pb__UpItem item = PB__UP_ITEM__INIT;

	if (!c->is_open)
		return;
	up.session = c->session;
	up.away = away;
	item.item_case = PB__UP_ITEM__ITEM_AWAY;
	item.away = &up;
	uplink_add(c->live->uplink, &item, UPLINK_MUST);
}

void live_on_bytes(struct ws_link *link)
{
	struct live_conn *c = (struct live_conn *)link;

	if (conn_on_bytes(&c->rules, live_now(c->live)))
		live_say_away(c, false);
}

static void on_renewed(void *arg, const struct auth_reply *reply)
{
	struct live_conn *c = arg;
	struct live *l = c->live;
	int64_t jitter_ms = live_jitter(l, 0, RENEW_AGAIN_MS);

	c->renew_ask = 0;
	switch (reply->outcome) {
	case AUTH_GRANTED:
		if (live_take_ticket(c, reply))
			conn_renewed(&c->rules, reply->ends_in_ms, live_now(l));
		else
			conn_renew_never(&c->rules);
		break;
	case AUTH_DENIED:
		conn_renew_never(&c->rules);
		break;
	case AUTH_BUSY:
		conn_renew_later(&c->rules, reply->retry_after_ms + jitter_ms, live_now(l));
		break;
	case AUTH_AWAY:
		conn_renew_later(&c->rules, RENEW_AGAIN_MS + jitter_ms, live_now(l));
		break;
	}
	live_set_timer(c);
}

static void renew(struct live_conn *c)
{
	struct live *l = c->live;

	if (c->renew_ask != 0)
		return;
	/* The token that is being looked at will bring a ticket, or not. */
	if (identity_is_asking(&c->rules.state)) {
		conn_renew_later(&c->rules, RENEW_AGAIN_MS, live_now(l));
		return;
	}
	c->renew_ask = auth_client_renew(l->auth, live_ticket(c), RENEW_TIMEOUT_MS, on_renewed, c);
	if (c->renew_ask == 0)
		conn_renew_later(&c->rules, live_jitter(l, 0, RENEW_AGAIN_MS), live_now(l));
}

void live_cancel_renewal(struct live_conn *c)
{
	struct live *l = c->live;

	if (c->renew_ask == 0)
		return;
	auth_client_cancel(l->auth, c->renew_ask);
	c->renew_ask = 0;
	conn_renew_later(&c->rules, RENEW_AGAIN_MS, live_now(l));
}

static void say_expiring(struct live_conn *c)
{
	struct live *l = c->live;

	buf_clear(&l->scratch);
	frame_write_expiring(&l->scratch, conn_token_left_ms(&c->rules, live_now(l)));
	live_put_scratch(c);
}

static uint32_t after_ms(struct live *l, enum close_code code)
{
	if (code == CLOSE_TOKEN_EXPIRED)
		return 0;
	return code == CLOSE_DRAIN ? live_jitter(l, 50, 500) : live_jitter(l, 500, 3000);
}

static void on_due(struct live_conn *c)
{
	struct live *l = c->live;
	struct conn_verdict v;

	if (c->is_leaving) {
		/* The polite close took too long. */
		ws_kill(&c->link);
		wheel_set(&l->wheel, &c->timer, live_now(l) + KILL_AGAIN_MS);
		return;
	}
	v = conn_on_time(&c->rules, &l->limits, live_now(l));
	if (v.close != CLOSE_NONE) {
		live_close(c, v.close, after_ms(l, v.close));
		return;
	}
	if ((v.due & CONN_POSITION) ||
		((v.due & CONN_PING) && (c->rules.has_untold || c->rules.is_unseen)))
		live_ask_position(c);
	else if (v.due & CONN_PING)
		live_put(c, l->ping);
	if (v.due & CONN_SLOW)
		live_on_slow(c);
	if (v.due & CONN_AWAY)
		live_say_away(c, true);
	if (v.due & CONN_RENEW)
		renew(c);
	if (v.due & CONN_EXPIRING)
		say_expiring(c);
	live_on_question_due(c);
	if (!c->is_leaving)
		live_set_timer(c);
}

void live_on_wheel_timer(uv_timer_t *timer)
{
	struct live *l = timer->data;
	struct wheel_entry *e;

	sends_take_old(l->sends, live_now(l) - SEND_ANSWER_MS, live_on_send_lost, l);
	while ((e = wheel_pop(&l->wheel, live_now(l))) != NULL)
		on_due((struct live_conn *)((char *)e - offsetof(struct live_conn, timer)));
}

void live_on_second_timer(uv_timer_t *timer)
{
	struct live *l = timer->data;
	const struct ws_counts *counts = ws_counts(l->ws);
	Pb__UpGauges gauges = PB__UP_GAUGES__INIT;
	Pb__UpItem item = PB__UP_ITEM__INIT;

	gauges.connections = l->n_conns;
	gauges.upgrades = l->upgrades;
	gauges.refused = l->refused;
	gauges.frames_in = counts->frames_in;
	gauges.frames_out = counts->frames_out;
	gauges.bytes_in = counts->bytes_in;
	gauges.bytes_out = counts->bytes_out;
	gauges.exceptions = l->exceptions;
	gauges.slow_closed = l->slow_closed;
	gauges.queued_bytes = counts->queued_bytes;
	memory_read(&l->memory);
	gauges.behind = l->n_behind;
	gauges.memory_bytes = l->memory.used;
	gauges.auth_waiting = auth_client_take_most(l->auth);
	gauges.router_waiting = l->most_opening;
	l->most_opening = map_count(l->by_nonce);
	item.item_case = PB__UP_ITEM__ITEM_GAUGES;
	item.gauges = &gauges;
	uplink_add(l->uplink, &item, UPLINK_MAY_WAIT);
	live_sync_some(l);
	ws_tick(l->ws);
}
