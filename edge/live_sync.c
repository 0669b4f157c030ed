/*
 * Numbered frames.  A frame is written only when it is the next of its stream and the connection
 * has room for it; all else is in the inbox, the connection is behind, and asks the router for a
 * page when it has read what it has.  So one operation serves the first replay after an opening,
 * its next page, a client that says `sync`, a gap after a restart of the router, and a slow reader.
 *
 * Acknowledgements go the other way: by heartbeat or sync, or by the pong to a ping that carries
 * the position of what was written before it.
 */
#include <stdlib.h>

#include "common/bug.h"
#include "common/log.h"
#include "edge/live_inner.h"
#include "proto/codec.h"

static bool is_established(const struct live_conn *c)
{
	return c->stage == LIVE_ADOPTED && c->link.is_established && c->is_open && !c->is_leaving;
}

void live_note_behind(struct live_conn *c)
{
	bool is_behind = c->is_open && (c->rules.user.is_behind || c->rules.system.is_behind);

	if (is_behind == c->is_behind)
		return;
	c->is_behind = is_behind;
	if (is_behind)
		c->live->n_behind++;
	else
		c->live->n_behind--;
}

void live_forget_sync(struct live_conn *c)
{
	if (c->sync == LIVE_SYNC_USER || c->sync == LIVE_SYNC_SYSTEM)
		syncs_done(&c->live->syncs);
	c->sync = LIVE_SYNC_NONE;
	c->link.wants_room = false;
	conn_slow_end(&c->rules);
}

static void put_system(struct live_conn *c, const struct system_message *m)
{
	live_put(c, c->rules.dialect == CONN_NATIVE ? m->native : m->plain);
	if (conn_on_written(&c->rules, false, live_now(c->live)))
		live_set_timer(c);
}

/* From what the edge keeps.  Still behind: it keeps too little, or there is no room. */
static void catch_up_system(struct live_conn *c)
{
	const struct live *l = c->live;
	const uint64_t head = uplink_system_head(l->uplink);
	struct stream *s = &c->rules.system;

	while (c->is_open && s->sent < head) {
		const struct system_message *m = uplink_system_get(l->uplink, s->sent + 1);

		s->is_behind = true;
		if (m == NULL || stream_take(s, m->number, ws_has_room(&c->link)) != STREAM_NEXT)
			return;
		put_system(c, m);
	}
	s->is_behind = s->sent < head;
}

static void wait_for_room(struct live_conn *c)
{
	if (c->link.wants_room)
		return;
	c->link.wants_room = true;
	c->link.has_moved = false;
	conn_slow_begin(&c->rules, live_now(c->live));
	live_set_timer(c);
}

void live_want_sync(struct live_conn *c)
{
	struct live *l = c->live;

	if (!is_established(c)) {
		live_note_behind(c);
		return;
	}
	catch_up_system(c);
	live_note_behind(c);
	/* The catching up may have ended it. */
	if (c->is_leaving || !c->is_behind || c->sync != LIVE_SYNC_NONE)
		return;
	if (!ws_is_short(&c->link)) {
		wait_for_room(c);
		return;
	}
	if (syncs_want(&l->syncs, c->session) < 0) {
		live_close(c, CLOSE_OVERLOAD, live_jitter(l, 1000, 5000));
		return;
	}
	c->sync = LIVE_SYNC_QUEUED;
	live_sync_some(l);
}

static int ask_page(struct live_conn *c)
{
	bool system = !c->rules.user.is_behind;
	struct stream *s = system ? &c->rules.system : &c->rules.user;
	Pb__UpSync sync = PB__UP_SYNC__INIT;
	Pb__UpItem item = PB__UP_ITEM__INIT;
	int ret;

	sync.session = c->session;
	sync.system = system;
	sync.after = s->sent;
	item.item_case = PB__UP_ITEM__ITEM_SYNC;
	item.sync = &sync;
	ret = uplink_add(c->live->uplink, &item, UPLINK_MAY_WAIT);
	if (ret < 0)
		return ret;
	stream_asked(s);
	c->sync = system ? LIVE_SYNC_SYSTEM : LIVE_SYNC_USER;
	return 0;
}

void live_sync_some(struct live *l)
{
	uint64_t session;

	while (syncs_peek(&l->syncs, &session)) {
		struct live_conn *c = map_get_u64(l->by_session, session);
		bool is_wanted = c != NULL && c->sync == LIVE_SYNC_QUEUED;

		/* Too much waits on the link: again with the next page or second. */
		if (is_wanted && c->is_behind && ask_page(c) < 0)
			return;
		syncs_shift(&l->syncs, is_wanted && c->is_behind);
		if (is_wanted && !c->is_behind)
			c->sync = LIVE_SYNC_NONE;
	}
}

void live_on_room(struct ws_link *link)
{
	struct live_conn *c = (struct live_conn *)link;

	conn_slow_end(&c->rules);
	live_want_sync(c);
}

void live_on_slow(struct live_conn *c)
{
	struct live *l = c->live;

	if (!c->link.wants_room)
		return;
	if (!c->link.has_moved) {
		live_close_slow(c);
		return;
	}
	c->link.has_moved = false;
	conn_slow_begin(&c->rules, live_now(l));
}

enum stream_take live_take(struct live_conn *c, bool system, uint64_t number)
{
	struct stream *s = system ? &c->rules.system : &c->rules.user;
	enum stream_take taken = stream_take(s, number, ws_has_room(&c->link));

	switch (taken) {
	case STREAM_OLD:
		break;
	case STREAM_NEXT:
		if (conn_on_written(&c->rules, !system, live_now(c->live)) &&
			c->stage == LIVE_ADOPTED)
			live_set_timer(c);
		break;
	case STREAM_BEHIND:
		live_want_sync(c);
		break;
	}
	return taken;
}

void live_on_page(struct live *l, const Pb__DownPage *p)
{
	struct live_conn *c = map_get_u64(l->by_session, p->session);
	struct stream *s;

	if (c == NULL || c->sync != (p->system ? LIVE_SYNC_SYSTEM : LIVE_SYNC_USER))
		return;
	syncs_done(&l->syncs);
	c->sync = LIVE_SYNC_NONE;
	s = p->system ? &c->rules.system : &c->rules.user;
	switch (stream_page(s, p->last, p->more, ws_has_room(&c->link))) {
	case STREAM_CAUGHT_UP:
		/* More may have come on system.sock meanwhile. */
		if (p->system)
			s->is_behind = s->sent < uplink_system_head(l->uplink);
		break;
	case STREAM_AGAIN:
		break;
	case STREAM_STUCK:
		LOG_LIMITED(LOG_ERROR, "page_without_progress", "system=%d", p->system);
		live_close(c, CLOSE_OUT_OF_SYNC, live_jitter(l, 500, 3000));
		break;
	}
	live_want_sync(c);
	live_sync_some(l);
}

const char *live_reset_reason(Pb__ResetReason reason)
{
	return reason == PB__RESET_REASON__RESET_TOO_OLD ? "too_old"
	       : reason == PB__RESET_REASON__RESET_AHEAD ? "ahead"
							 : "epoch_changed";
}

void live_put_reset(struct live_conn *c, const char *reason)
{
	struct live *l = c->live;
	const struct frame_reset reset = {
		.reason = reason,
		.epoch = {c->epoch, EPOCH_BYTES},
		.u = c->rules.user.sent,
		.s = c->rules.system.sent,
	};

	if (c->rules.dialect != CONN_NATIVE)
		return;
	buf_clear(&l->scratch);
	frame_write_reset(&l->scratch, &reset);
	live_put_scratch(c);
}

void live_on_reset(struct live *l, const Pb__DownReset *r)
{
	struct live_conn *c = map_get_u64(l->by_session, r->session);

	if (c == NULL)
		return;
	stream_jump(&c->rules.user, r->u);
	stream_jump(&c->rules.system, r->s);
	live_put_reset(c, live_reset_reason(r->reason));
}

/* What the client has, and what it therefore does not need any more. */
static int say_ack(struct live_conn *c, uint64_t u, uint64_t s)
{
	Pb__UpAck ack = PB__UP_ACK__INIT;
	Pb__UpItem item = PB__UP_ITEM__INIT;

	if (!c->is_open || (u == 0 && s == 0))
		return 0;
	ack.session = c->session;
	ack.u = u;
	ack.s = s;
	item.item_case = PB__UP_ITEM__ITEM_ACK;
	item.ack = &ack;
	return uplink_add(c->live->uplink, &item, UPLINK_MAY_WAIT);
}

bool live_take_position(struct live_conn *c, const struct frame *f)
{
	const struct conn *r = &c->rules;
	const char *field;
	uint64_t u = f->u;

	/* Numbers of the user before: nothing follows from them. */
	if (!conn_knows_identity(r) || (!f->has_u && !f->has_s))
		return true;
	field = f->has_u && !stream_reaches(&r->user, f->u) && !BUG(28) ? "u"
		: f->has_s && f->s > r->system.sent			? "s"
									: NULL;
	if (field != NULL) {
		live_say_exception(c, f->id, EX_BAD_DATA, slice_of(field), 0);
		return false;
	}
	conn_tells_position(&c->rules);
	if (u > r->user.sent && !BUG(28))
		u = r->user.sent; /* the replay is on its way to there */
	say_ack(c, u, f->s);	  /* one that is lost comes again with the next */
	return true;
}

/* Everything after the client's position once more.  The epoch was compared. */
void live_rewind(struct live_conn *c, const struct frame *f)
{
	if (!conn_knows_identity(&c->rules))
		return;
	if (f->has_u)
		stream_rewind(&c->rules.user, f->u);
	if (f->has_s)
		stream_rewind(&c->rules.system, f->s);
	live_want_sync(c);
}

void live_ask_position(struct live_conn *c)
{
	CLEANUP(wire_unrefp) struct wire *w = NULL;
	char text[POSITION_TEXT_BYTES];
	struct position p = {.u = c->rules.user.sent, .s = c->rules.system.sent};

	/* A ping that is dropped for want of room would ask nothing. */
	if (!ws_has_room(&c->link))
		return;
	memcpy(p.epoch, c->epoch, EPOCH_BYTES);
	w = wire_new_ping((struct slice){text, position_write(text, &p, c->rules.identity)});
	if (w == NULL)
		return;
	live_put(c, w);
	conn_asked_position(&c->rules);
}

void live_on_pong(struct ws_link *link, struct slice payload)
{
	struct live_conn *c = (struct live_conn *)link;
	struct position p;
	uint16_t identity;

	/* The ordinary ping's payload is no position. */
	if (!position_read(payload, &p, &identity) || !conn_takes_pong(&c->rules, identity) ||
		memcmp(p.epoch, c->epoch, EPOCH_BYTES) != 0 || p.u > c->rules.user.sent ||
		p.s > c->rules.system.sent)
		return;
	if (say_ack(c, p.u, p.s) < 0)
		c->rules.has_untold = true;
}
