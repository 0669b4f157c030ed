/*
 * Everything here is a comparison of numbers, so that every rule of a live connection can be tested
 * without a socket or a clock.
 *
 * Pings go out a fifth before the heartbeat interval is over: a client that answers each of them is
 * never silent for a whole interval, so it does not flicker between away and online.
 */
#include "edge/conn.h"

#include <assert.h>

#include "common/bug.h"

#define CLOSE_AFTER_EXP_MS 25000 /* the connection outlives its token by this */
#define RENEW_AGAIN_MIN_MS 1000
#define FLOOD_FACTOR 10 /* times the burst refused within BAD_FRAMES_MS */
#define MESSAGE 1000u	/* in units of the bucket */
/* In tenths of a second. */
#define ASK_PERIOD (600 / REAUTHS_PER_MINUTE)
#define ASKS_AHEAD (600 - ASK_PERIOD)

static int64_t ping_period_ms(const struct conn_limits *l)
{
	int64_t period = l->interval_ms - l->interval_ms / 5;

	return period > 0 ? period : 1;
}

void conn_init(struct conn *c, const struct conn_limits *l, enum conn_dialect dialect,
	const struct conn_times *t)
{
	int64_t phase = t->phase_ms % ping_period_ms(l);

	*c = (struct conn){
		.last_byte_ms = t->now_ms,
		.ping_at_ms = t->now_ms + 1 + (phase < 0 ? -phase : phase),
		.session_end_ms = t->now_ms + t->ends_in_ms,
		.renew_at_ms = t->now_ms + t->ends_in_ms / 2,
		.token_end_ms = t->now_ms + t->expires_in_ms + CLOSE_AFTER_EXP_MS,
		.bucket_ms = t->now_ms,
		.bucket = l->msgs_burst * MESSAGE,
		.bad_ms = t->now_ms,
		.identity = 1,
		.dialect = (uint8_t)dialect,
	};
	identity_init(&c->state);
}

bool conn_on_bytes(struct conn *c, int64_t now_ms)
{
	bool was_away = c->away;

	c->last_byte_ms = now_ms;
	c->away = false;
	return was_away;
}

/* INT64_MAX: never.  The plain shape has no such frame. */
static int64_t expiring_ms(const struct conn *c)
{
	return c->told_expiring || c->dialect != CONN_NATIVE
		       ? INT64_MAX
		       : c->token_end_ms - CLOSE_AFTER_EXP_MS - AUTH_EXPIRING_MS;
}

struct conn_verdict conn_on_time(struct conn *c, const struct conn_limits *l, int64_t now_ms)
{
	struct conn_verdict v = {0, CLOSE_NONE};
	int64_t silent_ms = now_ms - c->last_byte_ms;

	if (now_ms >= c->token_end_ms)
		v.close = CLOSE_TOKEN_EXPIRED;
	else if (now_ms >= c->session_end_ms)
		v.close = CLOSE_RETRY;
	else if (silent_ms > l->interval_ms + l->grace_ms)
		v.close = CLOSE_HEARTBEAT_LOST;
	else if (c->drain_at_ms != 0 && now_ms >= c->drain_at_ms && c->in_flight == 0)
		v.close = CLOSE_DRAIN;
	if (v.close != CLOSE_NONE)
		return v;

	if (now_ms >= c->ping_at_ms) {
		v.due |= CONN_PING;
		/* Keeps its phase, and after a stall sends one ping, not all that were missed. */
		c->ping_at_ms += ping_period_ms(l);
		if (c->ping_at_ms <= now_ms)
			c->ping_at_ms = now_ms + ping_period_ms(l);
	}
	if (silent_ms > l->interval_ms && !c->away) {
		v.due |= CONN_AWAY;
		c->away = true;
	}
	if (now_ms >= c->renew_at_ms) {
		v.due |= CONN_RENEW;
		c->renew_at_ms = INT64_MAX;
	}
	if (now_ms >= expiring_ms(c)) {
		v.due |= CONN_EXPIRING;
		c->told_expiring = true;
	}
	if (c->position_at_ms != 0 && now_ms >= c->position_at_ms) {
		v.due |= CONN_POSITION;
		c->position_at_ms = 0;
	}
	if (c->slow_at_ms != 0 && now_ms >= c->slow_at_ms) {
		v.due |= CONN_SLOW;
		c->slow_at_ms = 0;
	}
	return v;
}

static int64_t min_ms(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

/* 0: never. */
static int64_t min_set_ms(int64_t a, int64_t b)
{
	return b == 0 ? a : min_ms(a, b);
}

int64_t conn_next_ms(const struct conn *c, const struct conn_limits *l)
{
	int64_t silent_at = c->last_byte_ms + l->interval_ms + (c->away ? l->grace_ms : 0) + 1;
	int64_t end = min_ms(c->token_end_ms, c->session_end_ms);

	end = min_set_ms(end, c->position_at_ms);
	end = min_set_ms(end, c->slow_at_ms);
	end = min_set_ms(end, c->drain_at_ms);
	end = min_ms(end, expiring_ms(c));
	return min_ms(min_ms(c->ping_at_ms, silent_at), min_ms(c->renew_at_ms, end));
}

int64_t conn_token_left_ms(const struct conn *c, int64_t now_ms)
{
	return c->token_end_ms - CLOSE_AFTER_EXP_MS - now_ms;
}

void conn_renewed(struct conn *c, int64_t ends_in_ms, int64_t now_ms)
{
	int64_t end = now_ms + ends_in_ms;

	/* At its ceiling a ticket gains nothing any more: asking again would only be noise. */
	if (end < c->session_end_ms + RENEW_AGAIN_MIN_MS)
		c->renew_at_ms = INT64_MAX;
	else
		c->renew_at_ms = now_ms + ends_in_ms / 2;
	if (end > c->session_end_ms)
		c->session_end_ms = end;
}

void conn_renew_later(struct conn *c, int64_t after_ms, int64_t now_ms)
{
	c->renew_at_ms = now_ms + (after_ms < RENEW_AGAIN_MIN_MS ? RENEW_AGAIN_MIN_MS : after_ms);
}

void conn_renew_never(struct conn *c)
{
	c->renew_at_ms = INT64_MAX;
}

static uint32_t tenths(int64_t now_ms)
{
	return (uint32_t)(now_ms / 100);
}

bool conn_may_ask(const struct conn *c, int64_t now_ms, uint32_t *out_after_ms)
{
	const uint32_t latest = tenths(now_ms) + ASKS_AHEAD;

	if (c->asks_until <= latest)
		return true;
	*out_after_ms = (c->asks_until - latest) * 100;
	return false;
}

void conn_asked(struct conn *c, int64_t now_ms)
{
	const uint32_t now = tenths(now_ms);

	c->asks_until = (c->asks_until > now ? c->asks_until : now) + ASK_PERIOD;
}

void conn_reauthed(struct conn *c, const struct conn_times *t)
{
	c->session_end_ms = t->now_ms + t->ends_in_ms;
	c->renew_at_ms = t->now_ms + t->ends_in_ms / 2;
	c->token_end_ms = t->now_ms + t->expires_in_ms + CLOSE_AFTER_EXP_MS;
	c->told_expiring = false;
}

void conn_switch(struct conn *c, const struct conn_times *t)
{
	assert(c->in_flight == 0);
	conn_reauthed(c, t);
	c->identity = c->identity == UINT16_MAX ? 2 : c->identity + 1;
	stream_start(&c->user, 0);
	stream_start(&c->system, 0);
	/* Whoever says positions himself goes on doing so: a pong says less than he knows. */
	c->is_unseen = true;
	c->has_untold = true;
	c->position_at_ms = 0;
	c->slow_at_ms = 0;
}

bool conn_takes_pong(struct conn *c, uint16_t identity)
{
	if (identity != c->identity && !BUG(43))
		return false;
	c->is_unseen = false;
	return !c->tells_position;
}

static void window_move(struct conn *c, int64_t now_ms)
{
	if (now_ms - c->bad_ms < BAD_FRAMES_MS)
		return;
	c->bad_ms = now_ms;
	c->bad = 0;
	c->refused = 0;
}

enum conn_message conn_on_message(
	struct conn *c, const struct conn_limits *l, int64_t now_ms, uint32_t *out_after_ms)
{
	uint64_t full = (uint64_t)l->msgs_burst * MESSAGE;
	uint64_t gained = (uint64_t)(now_ms - c->bucket_ms) * l->msgs_per_s;
	uint64_t level = c->bucket + gained;

	c->bucket_ms = now_ms;
	c->bucket = (uint32_t)(level > full ? full : level);
	if (c->bucket >= MESSAGE) {
		c->bucket -= MESSAGE;
		return CONN_MESSAGE_OK;
	}
	window_move(c, now_ms);
	if (++c->refused > FLOOD_FACTOR * l->msgs_burst)
		return CONN_MESSAGE_FLOOD;
	*out_after_ms = (MESSAGE - c->bucket + l->msgs_per_s - 1) / l->msgs_per_s;
	return CONN_MESSAGE_OVER;
}

bool conn_on_bad_frame(struct conn *c, int64_t now_ms)
{
	window_move(c, now_ms);
	return ++c->bad >= BAD_FRAMES;
}

bool conn_send_begin(struct conn *c)
{
	if (c->in_flight >= CONN_SENDS_IN_FLIGHT)
		return false;
	c->in_flight++;
	return true;
}

void conn_send_end(struct conn *c)
{
	assert(c->in_flight > 0);
	c->in_flight--;
}

bool conn_on_written(struct conn *c, bool is_user, int64_t now_ms)
{
	if (c->tells_position)
		return false;
	c->has_untold = true;
	if (!is_user || c->position_at_ms != 0)
		return false;
	c->position_at_ms = now_ms + POSITION_PING_MS;
	return true;
}

void conn_asked_position(struct conn *c)
{
	c->has_untold = false;
	c->position_at_ms = 0;
}

bool conn_knows_identity(const struct conn *c)
{
	return !c->is_unseen || BUG(50);
}

bool conn_tells_position(struct conn *c)
{
	if (!conn_knows_identity(c))
		return false;
	c->tells_position = true;
	conn_asked_position(c);
	return true;
}

void conn_slow_begin(struct conn *c, int64_t now_ms)
{
	c->slow_at_ms = now_ms + SLOW_CONSUMER_MS;
}

void conn_slow_end(struct conn *c)
{
	c->slow_at_ms = 0;
}

void conn_drain(struct conn *c, int64_t at_ms)
{
	c->drain_at_ms = at_ms;
}
