/*
 * One connection's rules, without its sockets: conn, identity, stream and outq, driven by a script
 * of events and compared with what is known about them.  Nothing is due before the time that it
 * names; a bucket never gives more than its burst and its rate; sends and questions have their
 * bounds; a frame is taken only if it is the next; a queue gives back what was put, in order, and
 * drops only what may be dropped; and another user takes over only from the router's word, with
 * nothing in flight.
 */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>

#include "edge/conn.h"
#include "edge/outq.h"
#include "tests/fuzz/script.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define BEGIN_MS 1000000
#define QUEUE_MAX_BYTES 600
#define QUEUE_MODEL 512

static const struct conn_limits limits = {25000, 20000, 20, 40};

/* A frame as the queue should have it. */
struct put {
	uint8_t name;
	size_t len;
	bool shed;
	bool is_own;
};

struct play {
	struct script s;
	struct conn c;
	int64_t now_ms;
	struct outq q;
	struct put model[QUEUE_MODEL];
	size_t n;
	uint64_t passed; /* messages since begin */
	int64_t begin_ms;
	uint64_t asked; /* questions since begin */
	bool is_closed;
};

/* Time */

static void pass_time(struct play *p)
{
	int64_t until = p->now_ms + (int64_t)script_number(&p->s, 2) * 8;
	int64_t next = conn_next_ms(&p->c, &limits);
	struct conn copy = p->c;
	struct conn_verdict v;

	/* Until then it has nothing to say. */
	if (next > p->now_ms && next - 1 <= until) {
		v = conn_on_time(&copy, &limits, next - 1);
		assert(v.due == 0 && v.close == CLOSE_NONE);
	}
	p->now_ms = until;
	v = conn_on_time(&p->c, &limits, until);
	p->is_closed |= v.close != CLOSE_NONE;
	if (v.close == CLOSE_NONE) {
		/* At most one of each, and then later. */
		assert(v.due < 64);
		if (v.due & CONN_EXPIRING)
			assert(p->c.dialect == CONN_NATIVE && p->c.told_expiring);
		copy = p->c;
		assert(conn_on_time(&copy, &limits, until).due == 0);
		assert(conn_next_ms(&p->c, &limits) > until || p->c.in_flight > 0);
	}
}

/* Frames of the client */

static void client_says(struct play *p)
{
	uint32_t after_ms = 0;
	enum conn_message m = conn_on_message(&p->c, &limits, p->now_ms, &after_ms);

	conn_on_bytes(&p->c, p->now_ms);
	assert(!p->c.away && p->c.last_byte_ms == p->now_ms);
	if (m == CONN_MESSAGE_OK)
		p->passed++;
	if (m == CONN_MESSAGE_OVER)
		assert(after_ms > 0 && after_ms <= 1000 / limits.msgs_per_s);
	assert(p->passed <= limits.msgs_burst +
				    (uint64_t)(p->now_ms - p->begin_ms) * limits.msgs_per_s / 1000 +
				    1);
}

/* A frame is carried out when the table says so, and else is not. */
static void client_sends(struct play *p)
{
	const struct identity_facts facts = {0};
	const unsigned before = p->c.in_flight;
	bool began;

	if (identity_step(&p->c.state, ID_EV_FRAME, 0, &facts) != ID_EXECUTE)
		return;
	began = conn_send_begin(&p->c);
	assert(began == (before < CONN_SENDS_IN_FLIGHT) && p->c.in_flight == before + began);
}

/* Who it is */

static enum identity_event event_from(struct play *p)
{
	return (enum identity_event)(script_byte(&p->s) % (ID_EV_TIMEOUT + 1));
}

static void switch_user(struct play *p)
{
	const struct conn_times times = {p->now_ms, 0, 3600000, 900000};
	uint16_t before = p->c.identity;
	size_t kept = 0;

	conn_switch(&p->c, &times);
	outq_keep_own(&p->q);
	for (size_t i = 0; i < p->n; i++) {
		if (p->model[i].is_own)
			p->model[kept++] = p->model[i];
	}
	p->n = kept;
	assert(p->c.identity != before && p->c.identity >= 2);
	assert(p->c.user.sent == 0 && p->c.system.sent == 0 && !conn_knows_identity(&p->c));
	/* The user before acknowledges nothing of the next one's. */
	assert(!conn_takes_pong(&p->c, before) && !conn_tells_position(&p->c));
}

static void identity_happens(struct play *p)
{
	enum identity_event ev = event_from(p);
	unsigned how = script_byte(&p->s);
	uint32_t after_ms;
	const struct identity_facts facts = {
		.may_swap = how & 1,
		.may_ask = conn_may_ask(&p->c, p->now_ms, &after_ms),
		.has_session = (how & 2) != 0,
		.has_sends = p->c.in_flight > 0,
	};
	const enum identity_state before = (enum identity_state)p->c.state.state;
	const bool was_asking = identity_is_asking(&p->c.state);
	uint16_t question = (uint16_t)(p->c.state.question + (how & 4 ? 1 : 0));
	enum identity_action action;

	/* That all sends are answered is said when they are. */
	if (ev == ID_EV_SETTLED && p->c.in_flight > 0)
		return;
	action = identity_step(&p->c.state, ev, question, &facts);
	if (was_asking)
		assert(action != ID_EXECUTE && action != ID_ASK);
	if (before == ID_ENDED)
		assert(p->c.state.state == ID_ENDED);
	if (action == ID_ASK) {
		conn_asked(&p->c, p->now_ms);
		p->asked++;
		assert(p->asked <=
			REAUTHS_PER_MINUTE + 1 +
				(uint64_t)(p->now_ms - p->begin_ms) * REAUTHS_PER_MINUTE / 60000);
	}
	if (action == ID_REBIND)
		assert(p->c.in_flight == 0 && (how & 1 || before == ID_SETTLING));
	if (action == ID_SWITCH) {
		assert(before == ID_MOVING && ev == ID_EV_OPENED && !(how & 4));
		switch_user(p);
	}
	p->is_closed |= p->c.state.state == ID_ENDED;
}

/* Streams */

static void frame_comes(struct play *p)
{
	unsigned how = script_byte(&p->s);
	struct stream *s = how & 1 ? &p->c.system : &p->c.user;
	const struct stream before = *s;
	bool has_room = (how & 2) != 0;
	uint64_t number = how & 4 ? before.sent + 1 : script_byte(&p->s);
	enum stream_take taken = stream_take(s, number, has_room);

	assert((taken == STREAM_NEXT) == (number == before.sent + 1 && has_room));
	assert((taken == STREAM_OLD) == (number <= before.sent));
	assert(s->sent == (taken == STREAM_NEXT ? number : before.sent));
	assert(taken != STREAM_BEHIND || s->is_behind);
	if (taken == STREAM_NEXT && conn_on_written(&p->c, !(how & 1), p->now_ms))
		assert(p->c.position_at_ms == p->now_ms + POSITION_PING_MS);
}

static void page_ends(struct play *p)
{
	unsigned how = script_byte(&p->s);
	struct stream *s = how & 1 ? &p->c.system : &p->c.user;
	uint64_t last = script_byte(&p->s);
	bool had_moved;

	if (how & 8) {
		stream_asked(s);
		return;
	}
	had_moved = s->has_moved;
	switch (stream_page(s, last, (how & 2) != 0, (how & 4) != 0)) {
	case STREAM_CAUGHT_UP:
		assert(!s->is_behind && s->sent >= last && !(how & 2));
		break;
	case STREAM_AGAIN:
		assert(s->is_behind && (had_moved || !(how & 4)));
		break;
	case STREAM_STUCK:
		assert(s->is_behind && !had_moved && (how & 4));
		break;
	}
}

static void client_moves(struct play *p)
{
	unsigned how = script_byte(&p->s);
	struct stream *s = how & 1 ? &p->c.system : &p->c.user;
	uint64_t to = script_byte(&p->s), before = s->sent;

	if (how & 2) {
		stream_jump(s, to);
		assert(s->sent == (to > before ? to : before));
	} else if (how & 4) {
		stream_rewind(s, to);
		assert(s->sent == (to < before ? to : before) && (to >= before || s->is_behind));
	} else {
		stream_tell(s, to);
		assert(stream_reaches(s, to) && s->sent == before);
	}
}

/* The queue */

static void model_shed(struct play *p)
{
	size_t kept = 0;

	for (size_t i = 0; i < p->n; i++) {
		if (!p->model[i].shed)
			p->model[kept++] = p->model[i];
	}
	p->n = kept;
}

static size_t model_bytes(const struct play *p)
{
	size_t bytes = 0;

	for (size_t i = 0; i < p->n; i++)
		bytes += p->model[i].len;
	return bytes;
}

static void queue_put(struct play *p)
{
	unsigned how = script_byte(&p->s);
	char text[300];
	struct put put = {.name = script_byte(&p->s), .shed = how & 1, .is_own = (how & 2) != 0};
	struct wire *w;

	if (p->n == QUEUE_MODEL)
		return;
	memset(text, put.name, sizeof(text));
	w = wire_new_text((struct slice){text, how}, (struct slice){text, how & 31}, put.shed);
	assert(w != NULL);
	w->is_own = put.is_own;
	put.len = w->len;
	if (model_bytes(p) + put.len > QUEUE_MAX_BYTES)
		model_shed(p);
	switch (outq_put(&p->q, w, QUEUE_MAX_BYTES)) {
	case OUTQ_QUEUED:
		assert(p->n == 0 || model_bytes(p) + put.len <= QUEUE_MAX_BYTES);
		p->model[p->n++] = put;
		break;
	case OUTQ_SHED:
		assert(put.shed && p->n > 0);
		break;
	case OUTQ_FULL:
		assert(!put.shed && p->n > 0 && model_bytes(p) + put.len > QUEUE_MAX_BYTES);
		break;
	case OUTQ_FAILED:
		assert(false);
	}
	wire_unref(w);
}

/* Some bytes of it are written, in the order in which they were put. */
static void queue_write(struct play *p)
{
	size_t bytes = script_number(&p->s, 2) % (p->q.bytes + 1);
	struct iovec iov[8];
	int n = outq_gather(&p->q, iov, 8);
	struct slice rest = {NULL, 0};
	struct wire *part;
	size_t gone = 0, left = bytes;

	for (int i = 0; i < n; i++) {
		const unsigned char *b = iov[i].iov_base;

		assert((size_t)i < p->n && iov[i].iov_len == p->model[i].len);
		assert(iov[i].iov_len <= 4 || b[iov[i].iov_len - 1] == p->model[i].name);
	}
	part = outq_advance(&p->q, bytes, &rest);
	while (left > 0 && left >= p->model[gone].len)
		left -= p->model[gone++].len;
	assert((part != NULL) == (left > 0));
	if (part != NULL)
		assert(rest.len == p->model[gone++].len - left);
	wire_unref(part);
	p->n -= gone;
	memmove(p->model, p->model + gone, p->n * sizeof(p->model[0]));
}

static void check_queue(const struct play *p)
{
	assert(p->q.count == p->n && p->q.bytes == model_bytes(p));
	assert(outq_is_empty(&p->q) == (p->n == 0) && (p->n > 0 || p->q.many == NULL));
}

/* Tickets and tokens */

static void renewed(struct play *p)
{
	unsigned how = script_byte(&p->s);
	const struct conn_times times = {p->now_ms, 0, how * 1000, 900000};
	int64_t before = p->c.session_end_ms;

	if (how & 1) {
		conn_renewed(&p->c, how * 4000, p->now_ms);
		assert(p->c.session_end_ms >= before);
	} else if (how & 2) {
		conn_reauthed(&p->c, &times);
		assert(conn_token_left_ms(&p->c, p->now_ms) == times.expires_in_ms);
	} else if (how & 4) {
		conn_renew_later(&p->c, how, p->now_ms);
		assert(p->c.renew_at_ms > p->now_ms);
	} else {
		conn_renew_never(&p->c);
	}
}

static void pong(struct play *p)
{
	unsigned how = script_byte(&p->s);
	uint16_t identity = (uint16_t)(p->c.identity + how % 2);

	assert(conn_takes_pong(&p->c, identity) == (how % 2 == 0 && !p->c.tells_position));
}

static void send_ends(struct play *p)
{
	if (p->c.in_flight > 0)
		conn_send_end(&p->c);
}

static void position_is_told(struct play *p)
{
	if (conn_tells_position(&p->c))
		assert(!p->c.has_untold && p->c.position_at_ms == 0);
}

static void trouble(struct play *p)
{
	if (script_byte(&p->s) % 2)
		conn_slow_begin(&p->c, p->now_ms);
	else if (script_byte(&p->s) % 2)
		conn_drain(&p->c, p->now_ms + script_byte(&p->s));
	else
		p->is_closed |= conn_on_bad_frame(&p->c, p->now_ms);
}

static void step(struct play *p)
{
	static void (*const steps[])(struct play * p) = {pass_time, client_says, client_sends,
		send_ends, identity_happens, identity_happens, frame_comes, frame_comes, page_ends,
		client_moves, queue_put, queue_write, renewed, pong, position_is_told, trouble};

	steps[script_byte(&p->s) % (sizeof(steps) / sizeof(steps[0]))](p);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct play p;
	struct conn_times times = {BEGIN_MS, 0, 3600000, 900000};
	unsigned how;

	p = (struct play){.s = {data, size}, .now_ms = BEGIN_MS, .begin_ms = BEGIN_MS};
	how = script_byte(&p.s);
	times.phase_ms = how * 1000;
	conn_init(&p.c, &limits, how & 1 ? CONN_PLAIN : CONN_NATIVE, &times);
	while (!script_is_over(&p.s) && !p.is_closed) {
		step(&p);
		check_queue(&p);
	}
	outq_clear(&p.q);
	return 0;
}
