/*
 * Most events are sensible, so that there is life; about one in ten has something wrong with it.
 */
#include "core_chance.h"

#include <stdio.h>

/* SplitMix64 */
static uint64_t draw(struct chance *ch)
{
	uint64_t z = ch->random += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return z ^ (z >> 31);
}

static unsigned below(struct chance *ch, unsigned n)
{
	return (unsigned)(draw(ch) % n);
}

bool chance_once_in(struct chance *ch, unsigned n)
{
	return below(ch, n) == 0;
}

static unsigned draw_below(void *arg, unsigned n)
{
	return below(arg, n);
}

static struct slice some_uid(struct chance *ch)
{
	return slice_of(ch->model->users[below(ch, MODEL_USERS)].uid);
}

static struct slice some_recipient(struct chance *ch)
{
	static const char *const others[] = {"", "a b", "1\n"};

	return chance_once_in(ch, 16) ? slice_of(others[below(ch, 3)]) : some_uid(ch);
}

/* Mostly one that lives on the event's link, then one of another, one that ended, one that never
 * was. */
static uint64_t some_session(struct chance *ch, struct core_event *e)
{
	const struct model *m = ch->model;
	unsigned kind = below(ch, 20);

	if (kind < 17 && m->n_live > 0) {
		const struct model_session *s = &m->live[below(ch, (unsigned)m->n_live)];

		if (kind > 0)
			e->link = s->link;
		return s->id;
	}
	if (kind < 19 && m->n_ended > 0) {
		const struct model_session *s = &m->ended[below(ch, (unsigned)m->n_ended)];

		e->link = chance_once_in(ch, 3) ? e->link : s->link;
		if (s->ends_ms > ch->now_ms)
			return s->id;
	}
	return draw(ch) | 1;
}

static void spoil_ticket(struct chance *ch, struct ticket *t, struct core_event *e)
{
	switch (below(ch, 8)) {
	case 0:
		t->edge_id++;
		break;
	case 1:
		t->edge_epoch++;
		break;
	case 2:
		e->open.nonce++;
		break;
	case 3:
		t->present_by_ms = ch->now_ms - 1;
		break;
	case 4:
		t->issued_at_ms = ch->now_ms + 1000 + below(ch, 2);
		break;
	case 5:
		t->session_end_ms = ch->now_ms - below(ch, 2);
		break;
	case 6:
		t->session_end_ms = t->ceiling_ms = ch->now_ms;
		break;
	default:
		t->session = some_session(ch, e);
		break;
	}
}

static void make_ticket(struct chance *ch, const struct core_event *e, struct slice uid)
{
	static const unsigned char flags[] = {TICKET_MAY_SEND, TICKET_MAY_SEND, TICKET_MAY_SEND,
		TICKET_MAY_SEND | TICKET_MAY_PUSH, TICKET_READ_ONLY,
		TICKET_READ_ONLY | TICKET_MAY_PUSH};
	const struct model_link *link = &ch->model->links[e->link];
	struct ticket *t = &ch->ticket;

	*t = (struct ticket){
		.flags = flags[below(ch, 6)],
		.session = ch->next_session,
		.edge_id = link->id,
		.edge_epoch = link->epoch,
		.nonce = draw(ch),
		.issued_at_ms = ch->now_ms,
		.token_hash = 1 + below(ch, 50),
		.issuer_id = below(ch, 3),
		.present_by_ms = ch->now_ms + 10000,
		.session_end_ms = ch->now_ms + 1000 + below(ch, 900000),
		.uid_len = uid.len,
	};
	t->ceiling_ms = t->session_end_ms + (chance_once_in(ch, 3) ? 0 : 50000);
	memcpy(t->uid, uid.data, uid.len);
}

/* Mostly one that can be: up to the stored head, often it, seldom beyond. */
static uint64_t some_number(struct chance *ch, const struct model_stream *s)
{
	if (chance_once_in(ch, 30))
		return s->stored + 1 + below(ch, 2);
	if (chance_once_in(ch, 2))
		return s->stored;
	return chance_once_in(ch, 4) ? below(ch, (unsigned)s->stored + 1)
				     : s->stored - below(ch, (unsigned)(s->stored % 16) + 1);
}

static void make_position(struct chance *ch, struct core_event *e, struct slice uid)
{
	int user = model_user(ch->model, uid);

	e->open.has_position = !chance_once_in(ch, 3);
	e->open.epoch = chance_once_in(ch, 20)
				? SLICE_LITERAL("another1")
				: (struct slice){ch->model->config.epoch, EPOCH_BYTES};
	e->open.u = some_number(ch, &ch->model->streams[user]);
	e->open.s = some_number(ch, &ch->model->streams[MODEL_SYSTEM]);
}

static void make_open(struct chance *ch, struct core_event *e)
{
	static const char *const devices[] = {
		"phone", "phone", "desk", "~0123456789abcdef", "~fedcba9876543210"};

	ch->next_session += 2; /* odd ones are guessed */
	make_ticket(ch, e, some_uid(ch));
	e->open.ticket = &ch->ticket;
	e->open.nonce = ch->ticket.nonce;
	e->open.device = slice_of(devices[below(ch, 5)]);
	make_position(ch, e, (struct slice){ch->ticket.uid, ch->ticket.uid_len});
	e->open.dialect = chance_once_in(ch, 3) ? CORE_PLAIN : CORE_NATIVE;
	if (chance_once_in(ch, 6))
		e->open.dialect = CORE_API;
	e->open.reopen = chance_once_in(ch, 6);
	if (chance_once_in(ch, 5))
		spoil_ticket(ch, &ch->ticket, e);
}

/* Mostly of a session of the link; the ticket is of the link's edge then. */
static void make_rebind(struct chance *ch, struct core_event *e)
{
	e->open.replaces = some_session(ch, e);
	make_open(ch, e);
	if (!chance_once_in(ch, 30) && e->open.dialect == CORE_API)
		e->open.dialect = CORE_NATIVE;
}

static void make_revocation(struct chance *ch, struct core_event *e)
{
	static const enum mark_kind kinds[] = {MARK_USER, MARK_TOKEN, MARK_ISSUER};
	struct mark *mark = &e->revoke.mark;

	e->link = 0;
	e->revoke.tag = draw(ch) % 1000;
	mark->kind = kinds[below(ch, 3)];
	mark->code = chance_once_in(ch, 2) ? CLOSE_REVOKED : CLOSE_LOGGED_OUT;
	mark->at_ms = ch->now_ms - (chance_once_in(ch, 2) ? 0 : below(ch, 3000));
	if (chance_once_in(ch, 10))
		mark->at_ms = chance_once_in(ch, 2) ? 0 : ch->now_ms - 960000 - below(ch, 2);
	if (mark->kind == MARK_USER || (mark->kind == MARK_TOKEN && chance_once_in(ch, 2)))
		mark->uid = chance_once_in(ch, 10) ? SLICE_LITERAL("nobody") : some_uid(ch);
	if (mark->kind != MARK_USER)
		mark->id = mark->kind == MARK_TOKEN ? 1 + below(ch, 50) : below(ch, 3);
}

static void make_renewal(struct chance *ch, struct core_event *e)
{
	const struct model_session *s;

	e->renew.session = some_session(ch, e);
	s = model_live(ch->model, e->renew.session);
	make_ticket(ch, e, s == NULL ? some_uid(ch) : slice_of(ch->model->users[s->user].uid));
	ch->ticket.session = e->renew.session;
	if (chance_once_in(ch, 4))
		ch->ticket.issued_at_ms -= below(ch, 3000);
	if (chance_once_in(ch, 8))
		ch->ticket.session++;
	if (chance_once_in(ch, 8))
		ch->ticket.present_by_ms = ch->now_ms - 1;
	e->renew.ticket = &ch->ticket;
}

static struct slice some_mid(struct chance *ch)
{
	if (chance_once_in(ch, 20))
		return SLICE_LITERAL("not a mid");
	if (chance_once_in(ch, 2))
		return (struct slice){0};
	snprintf(ch->mid, sizeof(ch->mid), "m:%u", below(ch, 60));
	return slice_of(ch->mid);
}

static void make_send(struct chance *ch, struct core_event *e)
{
	static const char *const contents[] = {"secret", "secret \xe2\x82\xac", "", "\xff"};
	unsigned content = below(ch, 16);

	e->send.session = some_session(ch, e);
	e->send.ref = draw(ch) % 100000;
	e->send.to = some_recipient(ch);
	e->send.content = slice_of(contents[content < 3 ? content + 1 : 0]);
	e->send.mid = some_mid(ch);
}

static void make_push(struct chance *ch, struct core_event *e)
{
	if (e->kind == CORE_PUSH)
		e->push.session = some_session(ch, e);
	else
		e->link = 0;
	e->push.ref = draw(ch) % 100000;
	if (chance_once_in(ch, 2))
		e->push.user = some_uid(ch);
	e->push.event = slice_of(chance_once_in(ch, 10) ? "chat" : "news");
	e->push.data = slice_of(chance_once_in(ch, 2) ? "[1,2]" : "\"secret\"");
	e->push.mid = some_mid(ch);
	if (e->push.mid.len > 0 && e->push.mid.data != ch->mid)
		e->push.mid = (struct slice){0};
	if (e->kind == CORE_CTL_PUSH && chance_once_in(ch, 3))
		e->push.ttl_ms = 500 + below(ch, 5000);
}

static void make_edge(struct chance *ch, struct core_event *e)
{
	const struct model_link *link = &ch->model->links[e->link];

	e->kind = chance_once_in(ch, 2) ? CORE_EDGE_UP : CORE_EDGE_DOWN;
	/* The same edge again, its next start, or another one. */
	e->edge.id = chance_once_in(ch, 3) ? 100 + below(ch, 9) : link->id;
	e->edge.epoch = chance_once_in(ch, 3) ? link->epoch + 1 : link->epoch;
	for (unsigned i = 0; i < MODEL_LINKS; i++) {
		if (i != e->link && ch->model->links[i].id == e->edge.id)
			e->edge.id = 200 + e->link; /* no two links have one edge */
	}
}

static void make_watch(struct chance *ch, struct core_event *e)
{
	e->watch.session = some_session(ch, e);
	e->watch.n_users = below(ch, MODEL_WATCHES + 1);
	e->watch.users = ch->users;
	for (size_t i = 0; i < e->watch.n_users; i++)
		ch->users[i] = some_uid(ch);
}

static void make_ack_or_sync(struct chance *ch, struct core_event *e)
{
	const struct model_stream *streams = ch->model->streams;
	const struct model_session *s;
	uint64_t id = some_session(ch, e);
	uint64_t u;

	s = model_live(ch->model, id);
	u = some_number(ch, &streams[s == NULL ? MODEL_SYSTEM : s->user]);
	if (e->kind == CORE_ACK) {
		e->ack.session = id;
		e->ack.u = chance_once_in(ch, 6) ? 0 : u;
		e->ack.s = chance_once_in(ch, 6) ? 0 : some_number(ch, &streams[MODEL_SYSTEM]);
		return;
	}
	e->sync.session = id;
	e->sync.stream = chance_once_in(ch, 4) ? CORE_STREAM_SYSTEM : CORE_STREAM_USER;
	e->sync.after =
		e->sync.stream == CORE_STREAM_USER ? u : some_number(ch, &streams[MODEL_SYSTEM]);
}

static enum core_event_kind some_kind(struct chance *ch)
{
	static const enum core_event_kind often[] = {CORE_OPEN, CORE_OPEN, CORE_OPEN, CORE_CLOSE,
		CORE_SEND, CORE_SEND, CORE_SEND, CORE_SEND, CORE_SEND, CORE_SEND, CORE_PUSH,
		CORE_CTL_PUSH, CORE_TYPING, CORE_WATCH, CORE_AWAY, CORE_RENEW, CORE_TICK, CORE_TICK,
		CORE_TICK, CORE_ACK, CORE_ACK, CORE_SYNC, CORE_SYNC, CORE_REBIND};
	static const enum core_event_kind seldom[] = {CORE_EDGE_UP, CORE_CTL_KICK, CORE_USER_KNOWN,
		CORE_EDGE_DOWN, CORE_CTL_PURGE, CORE_REVOKE};

	return chance_once_in(ch, 20) ? seldom[below(ch, 6)]
				      : often[below(ch, sizeof(often) / sizeof(often[0]))];
}

static void set_times(struct chance *ch, struct core_event *e)
{
	ch->now_ms += chance_once_in(ch, 50) ? below(ch, 20000) : below(ch, 300);
	if (chance_once_in(ch, 400))
		ch->wall_skew += 86400000;
	e->now_ms = ch->now_ms;
	e->wall_ms = 1767225600000 + ch->now_ms + ch->wall_skew;
	e->random[0] = draw(ch);
	e->random[1] = draw(ch);
}

void chance_event(struct chance *ch, struct core_event *e)
{
	*e = (struct core_event){.kind = CORE_TICK};
	set_times(ch, e);
	if (chance_once_in(ch, 4)) {
		disk_event(ch->disk, ch->model, e, draw_below, ch);
		return;
	}
	e->kind = some_kind(ch);
	e->link = below(ch, MODEL_LINKS);
	if (e->kind == CORE_OPEN)
		make_open(ch, e);
	else if (e->kind == CORE_REBIND)
		make_rebind(ch, e);
	else if (e->kind == CORE_REVOKE)
		make_revocation(ch, e);
	else if (e->kind == CORE_CLOSE)
		e->close.session = some_session(ch, e);
	else if (e->kind == CORE_SEND)
		make_send(ch, e);
	else if (e->kind == CORE_PUSH || e->kind == CORE_CTL_PUSH)
		make_push(ch, e);
	else if (e->kind == CORE_WATCH)
		make_watch(ch, e);
	else if (e->kind == CORE_RENEW)
		make_renewal(ch, e);
	else if (e->kind == CORE_EDGE_UP || e->kind == CORE_EDGE_DOWN)
		make_edge(ch, e);
	if (e->kind == CORE_TYPING) {
		e->typing.session = some_session(ch, e);
		e->typing.to = some_recipient(ch);
	} else if (e->kind == CORE_AWAY) {
		e->away.session = some_session(ch, e);
		e->away.away = chance_once_in(ch, 2);
	} else if (e->kind == CORE_ACK || e->kind == CORE_SYNC) {
		make_ack_or_sync(ch, e);
	} else if (e->kind == CORE_CTL_KICK || e->kind == CORE_USER_KNOWN ||
		   e->kind == CORE_CTL_PURGE) {
		e->link = 0;
		e->user.uid = some_uid(ch);
	}
}
