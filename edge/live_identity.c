/*
 * A new token on a live connection: what the steps of identity.c's table do.  Every frame passes
 * here before it is carried out.
 *
 * A question is an allocation of its own, for the few seconds that it is open: it holds the frame
 * that brought the token, and later another user's ticket.  Nothing of the connection itself
 * changes before the step that ends it: so a question that fails leaves all as it was, and so
 * another user takes over in one step.
 */
#include <stdlib.h>

#include "common/bug.h"
#include "common/log.h"
#include "edge/live_question.h"
#include "proto/codec.h"

#define BACK_MIN_MS 500
#define BACK_MAX_MS 3000

static const struct slice no_field = {NULL, 0};

/* What happened, with what belongs to it. */
struct news {
	enum identity_event event;
	uint16_t question;
	const struct auth_reply *reply; /* answers of auth */
	const Pb__DownOpened *opened;	/* ID_EV_OPENED */
	unsigned close_code;		/* ID_EV_REFUSED */
	const struct frame *frame;	/* ID_EV_TOKEN, ID_EV_FRAME, and what the frame is */
	struct frame_error frame_error;
	struct slice frame_text;
};

static void tell(struct live_conn *c, const struct news *n);

/* Of the open question. */
static void refuse(struct live_conn *c, unsigned code, const struct news *n)
{
	struct live_question *q = live_question_take(c);
	/* Auth knows when it will be less busy. */
	const uint32_t after_ms =
		n->event == ID_EV_BUSY && n->reply != NULL ? (uint32_t)n->reply->retry_after_ms : 0;

	live_say_exception(c, live_question_id(q), code, no_field, after_ms);
	live_question_free(q);
}

/* A router that has no room for a session now may have it in a while. */
static unsigned exception_of(unsigned close_code)
{
	const struct code_info *info = code_info(close_code);

	return info != NULL && strcmp(info->retry, "after") == 0 ? EX_UNAVAILABLE
								 : EX_NOT_PERMITTED;
}

static enum identity_event event_of(struct live_question *q, const struct auth_reply *reply)
{
	switch (reply->outcome) {
	case AUTH_GRANTED:
		break;
	case AUTH_DENIED:
		return ID_EV_DENIED;
	case AUTH_BUSY:
		return ID_EV_BUSY;
	case AUTH_AWAY:
		return ID_EV_AWAY;
	}
	if (slice_eq(reply->uid, live_uid(q->c)))
		return reply->ticket.len == live_ticket(q->c).len ? ID_EV_SAME : ID_EV_AWAY;
	return live_question_keep_user(q, reply) < 0 ? ID_EV_BUSY : ID_EV_OTHER;
}

static void on_auth_reply(void *arg, const struct auth_reply *reply)
{
	struct live_question *q = arg;

	q->ask = 0;
	tell(q->c,
		&(struct news){.event = event_of(q, reply), .question = q->number, .reply = reply});
}

static void ask(struct live_conn *c, const struct news *n)
{
	struct live *l = c->live;
	struct live_question *q = live_question_open(c, n->frame, n->frame_text);
	struct news end = {.event = ID_EV_BUSY, .question = c->rules.state.question};
	struct auth_verify verify = {.token = n->frame->token, .ticket = live_ticket(c)};

	conn_asked(&c->rules, live_now(l));
	live_cancel_renewal(c);
	if (q == NULL) {
		live_close_short(c);
		return;
	}
	verify.nonce = q->nonce;
	if (verify.token.len == 0 || verify.token.len > TOKEN_MAX_BYTES)
		end.event = ID_EV_DENIED;
	else if (!live_is_tight(l))
		q->ask = auth_client_verify(l->auth, &verify, REAUTH_TIMEOUT_MS, on_auth_reply, q);
	if (q->ask == 0)
		tell(c, &end);
}

void live_say_renewed(struct live_conn *c)
{
	Pb__UpRenew renew = PB__UP_RENEW__INIT;
	Pb__UpItem item = PB__UP_ITEM__INIT;

	c->has_news = false;
	renew.session = c->session;
	renew.ticket = codec_bytes(live_ticket(c));
	item.item_case = PB__UP_ITEM__ITEM_RENEW;
	item.renew = &renew;
	uplink_add(c->live->uplink, &item, UPLINK_MUST);
}

bool live_take_ticket(struct live_conn *c, const struct auth_reply *reply)
{
	struct slice old = live_ticket(c);

	/* The layout is fixed, so the same user's ticket has the same length. */
	if (reply->ticket.len != old.len || !slice_eq(reply->uid, live_uid(c)))
		return false;
	if (live_changed_user(c) != NULL)
		memcpy(c->change->user->text + c->change->user->uid_len, reply->ticket.data,
			old.len);
	else
		memcpy(c->text + c->uid_len + c->device_len, reply->ticket.data, old.len);
	/* One that is being reopened may have been asked for with the old one. */
	c->has_news = !c->is_open;
	if (c->is_open)
		live_say_renewed(c);
	return true;
}

static void say_reauthed(struct live_conn *c, const struct live_question *q)
{
	struct live *l = c->live;

	if (!q->is_reauth || q->id_len == 0)
		return;
	buf_clear(&l->scratch);
	frame_write_reauthed(&l->scratch, live_question_id(q), c->rules.identity,
		conn_token_left_ms(&c->rules, live_now(l)));
	live_put_scratch(c);
}

static void execute_held(struct live_conn *c, const struct live_question *q)
{
	struct frame f;
	struct frame_error e;

	if (q->frame == NULL || c->is_leaving)
		return;
	e = frame_read((struct slice){q->frame, q->frame_len}, &f);
	live_execute(c, &f, e);
	frame_fini(&f);
}

static void hold_new_token(struct live_conn *c, const struct auth_reply *reply)
{
	struct live_question *q = live_question_take(c);
	const struct conn_times times = {
		.now_ms = live_now(c->live),
		.expires_in_ms = reply->expires_in_ms,
		.ends_in_ms = reply->ends_in_ms,
	};

	live_take_ticket(c, reply);
	conn_reauthed(&c->rules, &times);
	c->may_push = reply->may_push;
	c->token = q->token;
	live_set_timer(c);
	say_reauthed(c, q);
	execute_held(c, q);
	live_question_free(q);
}

static void wait_settled(struct live_conn *c)
{
	live_question(c)->due_ms = live_now(c->live) + REAUTH_TIMEOUT_MS;
	live_set_timer(c);
}

static void rebind(struct live_conn *c)
{
	wait_settled(c);
	if (live_question_say_rebind(live_question(c)) < 0)
		tell(c, &(struct news){.event = ID_EV_LOST});
}

/* From the old session to the new one in the tables.  -ENOMEM: the old one is gone all the same. */
static int move_session(struct live_conn *c, const struct live_question *q, uint64_t session)
{
	struct live *l = c->live;

	live_forget_sync(c);
	if (!BUG(49))
		map_remove_u64(l->by_session, c->session);
	c->session = session;
	c->nonce = q->nonce;
	return map_put_u64(l->by_session, session, c);
}

static void take_user(struct live_conn *c, struct live_question *q)
{
	free(c->change->user);
	c->change->user = q->user;
	q->user = NULL;
	c->token = q->token;
	c->may_push = q->may_push;
	live_forget_watch(c);
}

static void say_identity(struct live_conn *c, const Pb__DownOpened *o)
{
	struct live *l = c->live;
	const struct frame_identity identity = {
		.user = live_uid(c),
		.identity = c->rules.identity,
		.resume = live_resume(c, o),
		.expires_in_ms = conn_token_left_ms(&c->rules, live_now(l)),
		.may_swap = l->config.may_swap,
	};

	buf_clear(&l->scratch);
	frame_write_identity(&l->scratch, &identity);
	live_put_scratch(c);
}

/* The frame that brought another user's token came as the old user's. */
static void answer_swap(struct live_conn *c, const struct live_question *q)
{
	if (q->is_reauth)
		say_reauthed(c, q);
	else
		live_say_exception(c, live_question_id(q), EX_IDENTITY_CHANGED, no_field, 0);
}

/*
 * One step.  What was not written for the old user is in his inbox and goes no further here; of a
 * frame that the socket has taken in part the rest is with libwebsockets and comes first.
 */
static void switch_user(struct live_conn *c, const Pb__DownOpened *o)
{
	struct live_change *change = c->change;
	struct live_question *q = change->question;
	struct live *l = c->live;
	const struct conn_times times = {
		.now_ms = live_now(l),
		.expires_in_ms = q->expires_ms - live_now(l),
		.ends_in_ms = q->ends_ms - live_now(l),
	};
	int moved;

	take_user(c, q); /* first: live_question_take() frees what holds no user */
	q = live_question_take(c);
	moved = move_session(c, q, o->session);
	ws_drop_messages(&c->link);
	conn_switch(&c->rules, &times);
	live_begin_streams(c, o);
	uplink_system_start(l->uplink, o->s);
	say_identity(c, o);
	answer_swap(c, q);
	live_question_free(q);
	if (moved < 0) {
		live_close_short(c);
		return;
	}
	live_ask_position(c);
	if (c->rules.away)
		live_say_away(c, true);
	if (c->is_leaving)
		return;
	live_set_timer(c);
	live_want_sync(c);
	live_sync_some(l);
}

static void end_with(struct live_conn *c, unsigned code)
{
	live_close(c, code, live_jitter(c->live, BACK_MIN_MS, BACK_MAX_MS));
}

static void say_over(struct live_conn *c, const struct news *n)
{
	uint32_t after_ms = 0;

	conn_may_ask(&c->rules, live_now(c->live), &after_ms);
	live_say_exception(c, n->frame->id, EX_RATE_LIMITED, no_field, after_ms);
}

static void act(struct live_conn *c, enum identity_action action, const struct news *n)
{
	switch (action) {
	case ID_CLOSE:
		end_with(c, CLOSE_RETRY);
		return;
	case ID_NOTHING:
		return;
	case ID_ASK:
		ask(c, n);
		return;
	case ID_EXECUTE:
		live_execute(c, n->frame, n->frame_error);
		return;
	case ID_SAY_OVER:
		say_over(c, n);
		return;
	case ID_SAY_BETWEEN:
		live_say_exception(c, n->frame->id, EX_IDENTITY_CHANGED, no_field, 0);
		return;
	case ID_RENEW:
		hold_new_token(c, n->reply);
		return;
	case ID_WAIT:
		wait_settled(c);
		return;
	case ID_REBIND:
		rebind(c);
		return;
	case ID_SWITCH:
		switch_user(c, n->opened);
		return;
	case ID_SAY_INVALID:
		refuse(c, EX_TOKEN_INVALID, n);
		return;
	case ID_SAY_AWAY:
		refuse(c, EX_UNAVAILABLE, n);
		return;
	case ID_SAY_REFUSED:
		refuse(c, exception_of(n->close_code), n);
		return;
	case ID_MISMATCH:
		refuse(c, EX_IDENTITY_MISMATCH, n);
		live_close(c, CLOSE_IDENTITY_MISMATCH, 0);
		return;
	}
}

static void tell(struct live_conn *c, const struct news *n)
{
	const struct live *l = c->live;
	uint32_t after_ms;
	const struct identity_facts facts = {
		.may_swap = l->config.may_swap,
		.may_ask = conn_may_ask(&c->rules, live_now(l), &after_ms),
		.has_session = c->is_open && uplink_wire(l->uplink) >= 3,
		.has_sends = c->rules.in_flight > 0,
	};

	act(c, identity_step(&c->rules.state, n->event, n->question, &facts), n);
}

/* A reauth is looked at also when its token is the one in force: its user may have lost rights. */
static bool is_question(const struct live_conn *c, const struct frame *f, struct frame_error e)
{
	if (f->event == FRAME_REAUTH)
		return e.code == EX_NONE;
	return f->token.data != NULL && !fingerprint_is(&c->token, f->token);
}

void live_take_frame(
	struct live_conn *c, const struct frame *f, struct frame_error e, struct slice text)
{
	tell(c, &(struct news){
			.event = is_question(c, f, e) ? ID_EV_TOKEN : ID_EV_FRAME,
			.frame = f,
			.frame_error = e,
			.frame_text = text,
		});
}

void live_note_settled(struct live_conn *c)
{
	if (live_question(c) != NULL && c->rules.in_flight == 0)
		tell(c, &(struct news){.event = ID_EV_SETTLED});
}

void live_note_lost(struct live_conn *c)
{
	if (live_question(c) != NULL)
		tell(c, &(struct news){.event = ID_EV_LOST});
}

void live_on_question_due(struct live_conn *c)
{
	const struct live_question *q = live_question(c);

	if (q != NULL && live_now(c->live) >= q->due_ms)
		tell(c, &(struct news){.event = ID_EV_TIMEOUT, .question = q->number});
}

static struct live_question *at_router(const struct live_conn *c, uint64_t nonce)
{
	struct live_question *q = live_question(c);

	return q != NULL && q->is_at_router && q->nonce == nonce ? q : NULL;
}

bool live_take_rebound(struct live_conn *c, const Pb__DownOpened *o)
{
	const struct live_question *q = at_router(c, o->nonce);

	if (q == NULL)
		return false;
	if (o->epoch.len != EPOCH_BYTES) {
		LOG_LIMITED(LOG_ERROR, "rebound_wrong", "epoch_bytes=%zu", o->epoch.len);
		live_say_close(c->live, o->session, CLOSE_RETRY);
		end_with(c, CLOSE_RETRY);
		return true;
	}
	tell(c, &(struct news){.event = ID_EV_OPENED, .question = q->number, .opened = o});
	return true;
}

bool live_take_rebind_refused(struct live_conn *c, const Pb__DownOpenRefused *r)
{
	const struct live_question *q = at_router(c, r->nonce);

	if (q == NULL)
		return false;
	tell(c, &(struct news){
			.event = ID_EV_REFUSED, .question = q->number, .close_code = r->code});
	return true;
}
