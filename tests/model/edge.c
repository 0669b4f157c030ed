/*
 * The edge's side: what live_identity.c, live_sync.c and live_open.c do around the real rules.
 */
#include <string.h>

#include "common/bug.h"
#include "edge/conn.h"
#include "tests/model/world.h"

static const struct conn_limits limits = {
	.interval_ms = 25000, .grace_ms = 20000, .msgs_per_s = 20, .msgs_burst = 40};
static const struct conn_times times = {.expires_in_ms = 3600000, .ends_in_ms = 900000};

/* The rules of the connection, made of the world's bytes, and back. */
static struct conn load(const struct world *w)
{
	struct conn c;

	conn_init(&c, &limits, CONN_NATIVE, &times);
	c.state = (struct identity){.question = w->question, .state = w->state};
	c.identity = w->identity;
	c.in_flight = w->in_flight;
	c.tells_position = w->tells_position;
	c.has_untold = w->has_untold;
	c.is_unseen = w->is_unseen;
	c.position_at_ms = w->position_is_due;
	c.user = (struct stream){w->sent, w->told, w->is_behind, w->has_moved};
	return c;
}

static void save(struct world *w, const struct conn *c)
{
	w->state = c->state.state;
	w->question = (uint8_t)c->state.question;
	w->identity = (uint8_t)c->identity;
	w->in_flight = (uint8_t)c->in_flight;
	w->tells_position = c->tells_position;
	w->has_untold = c->has_untold;
	w->is_unseen = c->is_unseen;
	w->position_is_due = c->position_at_ms != 0;
	w->sent = (uint8_t)c->user.sent;
	w->told = (uint8_t)c->user.told;
	w->is_behind = c->user.is_behind;
	w->has_moved = c->user.has_moved;
}

static enum identity_action step(struct world *w, enum identity_event ev, uint16_t question);
static void tell(
	struct world *w, enum identity_event ev, uint16_t question, const struct saying *s);

static void put(struct world *w, enum frame_kind kind, uint8_t number)
{
	if (!w->has_ended)
		queue_put(w, (struct out_frame){(uint8_t)kind, w->identity, w->user, number});
}

static void answer(struct world *w)
{
	put(w, FRAME_ANSWER, 0);
}

/* ws_has_room() and ws_is_short(), in frames. */
static bool has_room(const struct world *w)
{
	return w->n_out <= 3;
}

static bool is_short(const struct world *w)
{
	return w->n_out <= 1;
}

static bool names_me(const struct world *w, uint8_t session)
{
	return session != 0 && (w->mapped[0] == session || w->mapped[1] == session);
}

static void end_question(struct world *w)
{
	w->asked_token = w->asked_user = w->asked_session = w->asked_identity = 0;
	w->asked_holds_frame = false;
	memset(&w->asked_frame, 0, sizeof(w->asked_frame));
}

static void end(struct world *w, bool tell_router, enum identity_event ev)
{
	if (w->has_ended)
		return;
	step(w, ev, 0);
	w->has_ended = true;
	end_question(w);
	if (w->is_open && tell_router)
		put_up(w, (struct item){.kind = UP_CLOSE, .session = w->session});
	w->is_open = w->is_reopening = w->is_syncing = false;
	memset(w->mapped, 0, sizeof(w->mapped));
	memset(w->out, 0, sizeof(w->out));
	w->n_out = 0;
	w->refs = 0;
}

static void want_sync(struct world *w)
{
	struct conn c = load(w);

	if (w->has_ended || !w->is_open || !w->is_behind || w->is_syncing || !is_short(w))
		return;
	stream_asked(&c.user);
	save(w, &c);
	w->is_syncing = true;
	put_up(w, (struct item){.kind = UP_SYNC, .session = w->session, .number = w->sent});
}

void edge_has_room(struct world *w)
{
	want_sync(w);
}

static void begin_streams(struct world *w, const struct item *opened)
{
	struct conn c = load(w);

	stream_start(&c.user, opened->number);
	c.user.is_behind = opened->number < opened->other;
	save(w, &c);
}

static void execute(struct world *w, struct saying s, uint8_t identity)
{
	struct conn c = load(w);

	world_must(
		w->state == ID_STEADY, "between: a frame is carried out while a question is open");
	world_must(identity == w->identity,
		"under: a frame is carried out under another identity than it came under");
	if (!w->is_open || !conn_send_begin(&c)) {
		answer(w);
		return;
	}
	save(w, &c);
	w->refs = (uint8_t)(w->refs | 1 << s.number);
	put_up(w, (struct item){.kind = UP_SEND,
			  .session = w->session,
			  .user = w->user,
			  .number = s.number});
}

static void take_position(struct world *w, uint8_t number)
{
	struct conn c = load(w);

	if (conn_knows_identity(&c) && stream_reaches(&c.user, number)) {
		conn_tells_position(&c);
		save(w, &c);
		if (number > w->sent)
			number = w->sent;
		if (number > 0 && w->is_open)
			put_up(w, (struct item){
					  .kind = UP_ACK, .session = w->session, .number = number});
	}
	answer(w);
}

static void take_pong(struct world *w, struct saying s)
{
	struct conn c = load(w);
	bool counts = conn_takes_pong(&c, s.identity) && s.number <= c.user.sent;

	save(w, &c);
	if (counts && s.number > 0 && w->is_open)
		put_up(w, (struct item){.kind = UP_ACK, .session = w->session, .number = s.number});
}

static void ask(struct world *w, const struct saying *s)
{
	w->asked_token = s->token;
	w->asked_holds_frame = s->what != SAID_REAUTH;
	if (w->asked_holds_frame)
		w->asked_frame = *s;
	w->asked_identity = w->identity;
	for (size_t i = 0; i < QUESTIONS; i++) {
		if (w->auth[i].is_open)
			continue;
		w->auth[i] = (struct question_to_auth){true, w->question, s->token};
		return;
	}
	world_must(false, "bounds: auth has too few places for this search");
}

static void renew(struct world *w)
{
	const struct saying frame = w->asked_frame;
	const bool holds = w->asked_holds_frame;
	const uint8_t identity = w->asked_identity;

	world_must(w->asked_token != TOKEN_BAD && token_user(w->asked_token) == w->user,
		"failed: a token that is not the user's replaces his");
	w->token = w->asked_token;
	end_question(w);
	if (holds)
		execute(w, frame, identity);
	else
		answer(w);
}

static void rebind(struct world *w)
{
	w->asked_session = w->next_session++;
	put_up(w, (struct item){.kind = UP_REBIND,
			  .session = w->session,
			  .user = w->asked_user,
			  .other = w->asked_session});
}

static void switch_user(struct world *w, const struct item *opened)
{
	struct conn c;

	world_must(w->asked_token != TOKEN_BAD && token_user(w->asked_token) == w->asked_user,
		"failed: the connection becomes a user's whose token was not the one asked about");
	w->mapped[1] = BUG(49) ? w->mapped[0] : 0;
	w->mapped[0] = w->session = opened->session;
	w->is_syncing = false;
	w->user = w->asked_user;
	w->token = w->asked_token;
	queue_keep_own(w);
	c = load(w);
	conn_switch(&c, &times);
	save(w, &c);
	begin_streams(w, opened);
	put(w, FRAME_IDENTITY, 0);
	answer(w);
	end_question(w);
	edge_ping(w);
	want_sync(w);
}

static void refuse(struct world *w)
{
	end_question(w);
	answer(w);
}

static void act(struct world *w, enum identity_action action, const struct saying *s,
	const struct item *opened)
{
	switch (action) {
	case ID_NOTHING:
	case ID_WAIT:
		return;
	case ID_CLOSE:
	case ID_MISMATCH:
		end(w, true, ID_EV_LEFT);
		return;
	case ID_ASK:
		ask(w, s);
		return;
	case ID_EXECUTE:
		if (s->what == SAID_POSITION)
			take_position(w, s->number);
		else
			execute(w, *s, w->identity);
		return;
	case ID_SAY_OVER:
	case ID_SAY_BETWEEN:
		answer(w);
		return;
	case ID_RENEW:
		renew(w);
		return;
	case ID_REBIND:
		rebind(w);
		return;
	case ID_SWITCH:
		switch_user(w, opened);
		return;
	case ID_SAY_INVALID:
	case ID_SAY_AWAY:
	case ID_SAY_REFUSED:
		refuse(w);
		return;
	}
}

static enum identity_action step(struct world *w, enum identity_event ev, uint16_t question)
{
	const struct identity_facts facts = {
		.may_swap = w->may_swap,
		.may_ask = true,
		.has_session = w->is_open,
		.has_sends = w->in_flight > 0,
	};
	struct conn c = load(w);
	enum identity_action action = identity_step(&c.state, ev, question, &facts);

	save(w, &c);
	return action;
}

static void tell(struct world *w, enum identity_event ev, uint16_t question, const struct saying *s)
{
	act(w, step(w, ev, question), s, NULL);
}

void edge_take_saying(struct world *w, struct saying s)
{
	bool is_token =
		s.what == SAID_REAUTH || (s.what == SAID_SEND_WITH_TOKEN && s.token != w->token);

	if (w->has_ended)
		return;
	if (s.what == SAID_PONG)
		take_pong(w, s);
	else
		tell(w, is_token ? ID_EV_TOKEN : ID_EV_FRAME, 0, &s);
}

void edge_take_answer(struct world *w, const struct question_to_auth *q, bool is_busy)
{
	enum identity_event ev = is_busy			   ? ID_EV_BUSY
				 : q->token == TOKEN_BAD	   ? ID_EV_DENIED
				 : token_user(q->token) == w->user ? ID_EV_SAME
								   : ID_EV_OTHER;

	if (w->has_ended)
		return;
	if (ev == ID_EV_OTHER && w->state == ID_ASKING && (q->number == w->question || BUG(48)))
		w->asked_user = token_user(q->token);
	tell(w, ev, q->number, NULL);
}

void edge_question_late(struct world *w)
{
	tell(w, ID_EV_TIMEOUT, w->question, NULL);
}

static void take_opened(struct world *w, const struct item *i)
{
	if (!w->has_ended && w->state == ID_MOVING && i->session == w->asked_session) {
		act(w, step(w, ID_EV_OPENED, w->question), NULL, i);
	} else if (!w->has_ended && w->is_reopening && i->session == w->session) {
		w->is_reopening = false;
		w->is_open = true;
		w->mapped[0] = i->session;
		begin_streams(w, i);
		want_sync(w);
	} else {
		put_up(w, (struct item){.kind = UP_CLOSE, .session = i->session});
	}
}

static void take_refused(struct world *w, const struct item *i)
{
	if (w->has_ended)
		return;
	if (w->state == ID_MOVING && i->session == w->asked_session)
		tell(w, ID_EV_REFUSED, w->question, NULL);
	else if (w->is_reopening && i->session == w->session)
		end(w, false, ID_EV_LEFT);
}

static void send_ends(struct world *w, uint8_t ref, enum frame_kind kind)
{
	struct conn c = load(w);

	conn_send_end(&c);
	save(w, &c);
	w->refs = (uint8_t)(w->refs & ~(1 << ref));
	put(w, kind, ref);
	if (w->in_flight == 0 && identity_is_asking(&c.state))
		tell(w, ID_EV_SETTLED, 0, NULL);
}

static void take_deliver(struct world *w, const struct item *i)
{
	struct conn c = load(w);
	enum stream_take taken = stream_take(&c.user, i->number, has_room(w));

	if (taken == STREAM_NEXT)
		conn_on_written(&c, true, 1);
	save(w, &c);
	if (taken == STREAM_NEXT)
		queue_put(w, (struct out_frame){FRAME_MESSAGE, w->identity, i->user, i->number});
	else if (taken == STREAM_BEHIND)
		want_sync(w);
}

static void take_page(struct world *w, const struct item *i)
{
	struct conn c = load(w);

	if (!w->is_syncing || i->session != w->session)
		return;
	w->is_syncing = false;
	world_must(stream_page(&c.user, i->number, false, has_room(w)) != STREAM_STUCK,
		"stuck: a page brings nothing");
	save(w, &c);
	want_sync(w);
}

void edge_take_item(struct world *w, struct item i)
{
	if (i.kind == DOWN_OPENED)
		take_opened(w, &i);
	else if (i.kind == DOWN_REFUSED)
		take_refused(w, &i);
	else if (!names_me(w, i.session))
		return;
	else if (i.kind == DOWN_RESULT && (w->refs & 1 << i.number) != 0)
		send_ends(w, i.number, FRAME_SENT);
	else if (i.kind == DOWN_DELIVER)
		take_deliver(w, &i);
	else if (i.kind == DOWN_PAGE)
		take_page(w, &i);
	else if (i.kind == DOWN_SHUT)
		end(w, false, ID_EV_SHUT);
}

void edge_send_late(struct world *w)
{
	for (uint8_t ref = 0; ref < REFS; ref++) {
		if ((w->refs & 1 << ref) == 0)
			continue;
		send_ends(w, ref, FRAME_ANSWER);
		return;
	}
}

void edge_lose_link(struct world *w)
{
	w->is_linked = false;
	if (w->has_ended)
		return;
	while (w->refs != 0)
		edge_send_late(w);
	tell(w, ID_EV_LOST, 0, NULL);
	w->is_open = w->is_syncing = w->is_reopening = false;
	memset(w->mapped, 0, sizeof(w->mapped));
}

void edge_get_link(struct world *w)
{
	w->is_linked = true;
	if (w->has_ended)
		return;
	w->is_reopening = true;
	put_up(w, (struct item){.kind = UP_OPEN,
			  .session = w->session,
			  .user = w->user,
			  .number = w->sent});
}

void edge_ping(struct world *w)
{
	struct conn c = load(w);

	if (w->has_ended || !has_room(w))
		return;
	put(w, FRAME_PING, w->sent);
	conn_asked_position(&c);
	save(w, &c);
}

void edge_client_gone(struct world *w)
{
	end(w, true, ID_EV_LEFT);
}

bool edge_write(struct world *w, bool whole, struct out_frame *out)
{
	if (w->has_ended || w->has_partial || !queue_advance(w, whole, out))
		return false;
	world_must(out->identity >= w->written_identity,
		"after: a frame of an identity is written after the next one began");
	world_must(out->kind != FRAME_MESSAGE || out->user == w->user,
		"whose: a message leaves for a user who is not there any more");
	if (out->kind == FRAME_IDENTITY)
		w->written_identity = out->identity;
	return true;
}
