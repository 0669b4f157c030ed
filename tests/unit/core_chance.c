/*
 * Most events are sensible, so that there is life; about one in ten has something wrong with it.
 */
#include "core_chance.h"

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

static struct slice some_uid(struct chance *ch)
{
	return slice_of(ch->model->users[below(ch, MODEL_USERS)].uid);
}

static struct slice some_recipient(struct chance *ch)
{
	static const char *const others[] = {"", "stranger", "a b", "1\n"};

	return chance_once_in(ch, 12) ? slice_of(others[below(ch, 4)]) : some_uid(ch);
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
		TICKET_MAY_SEND | TICKET_MAY_PUSH, TICKET_READ_ONLY};
	const struct model_link *link = &ch->model->links[e->link];
	struct ticket *t = &ch->ticket;

	*t = (struct ticket){
		.flags = flags[below(ch, 5)],
		.session = ch->next_session,
		.edge_id = link->id,
		.edge_epoch = link->epoch,
		.nonce = draw(ch),
		.issued_at_ms = ch->now_ms,
		.present_by_ms = ch->now_ms + 10000,
		.session_end_ms = ch->now_ms + 1000 + below(ch, 900000),
		.uid_len = uid.len,
	};
	t->ceiling_ms = t->session_end_ms + (chance_once_in(ch, 3) ? 0 : 50000);
	memcpy(t->uid, uid.data, uid.len);
}

static void make_open(struct chance *ch, struct core_event *e)
{
	ch->next_session += 2; /* odd ones are guessed */
	make_ticket(ch, e, some_uid(ch));
	e->open.ticket = &ch->ticket;
	e->open.nonce = ch->ticket.nonce;
	e->open.device = SLICE_LITERAL("phone");
	e->open.dialect = chance_once_in(ch, 3) ? CORE_PLAIN : CORE_NATIVE;
	e->open.reopen = chance_once_in(ch, 6);
	if (chance_once_in(ch, 5))
		spoil_ticket(ch, &ch->ticket, e);
}

static void make_renewal(struct chance *ch, struct core_event *e)
{
	const struct model_session *s;

	e->renew.session = some_session(ch, e);
	s = model_live(ch->model, e->renew.session);
	make_ticket(ch, e, s == NULL ? some_uid(ch) : slice_of(ch->model->users[s->user].uid));
	ch->ticket.session = e->renew.session;
	if (chance_once_in(ch, 8))
		ch->ticket.session++;
	if (chance_once_in(ch, 8))
		ch->ticket.present_by_ms = ch->now_ms - 1;
	e->renew.ticket = &ch->ticket;
}

static void make_send(struct chance *ch, struct core_event *e)
{
	static const char *const mids[] = {"", "", "m1", "m:2", "not a mid"};
	static const char *const contents[] = {"secret", "secret \xe2\x82\xac", "", "\xff"};
	unsigned content = below(ch, 16);

	e->send.session = some_session(ch, e);
	e->send.ref = draw(ch) % 100000;
	e->send.to = some_recipient(ch);
	e->send.content = slice_of(contents[content < 3 ? content + 1 : 0]);
	e->send.mid = slice_of(mids[below(ch, 5)]);
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
	if (chance_once_in(ch, 2))
		e->push.mid = SLICE_LITERAL("p1");
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

static enum core_event_kind some_kind(struct chance *ch)
{
	static const enum core_event_kind often[] = {CORE_OPEN, CORE_OPEN, CORE_OPEN, CORE_CLOSE,
		CORE_SEND, CORE_SEND, CORE_SEND, CORE_SEND, CORE_SEND, CORE_SEND, CORE_PUSH,
		CORE_CTL_PUSH, CORE_TYPING, CORE_WATCH, CORE_AWAY, CORE_RENEW, CORE_TICK, CORE_TICK,
		CORE_TICK};
	static const enum core_event_kind seldom[] = {
		CORE_EDGE_UP, CORE_CTL_KICK, CORE_USER_KNOWN, CORE_EDGE_DOWN};

	return chance_once_in(ch, 20) ? seldom[below(ch, 4)]
				      : often[below(ch, sizeof(often) / sizeof(often[0]))];
}

void chance_event(struct chance *ch, struct core_event *e)
{
	*e = (struct core_event){.kind = some_kind(ch), .link = below(ch, MODEL_LINKS)};
	ch->now_ms += chance_once_in(ch, 50) ? below(ch, 20000) : below(ch, 300);
	e->now_ms = ch->now_ms;
	e->wall_ms = 1767225600000 + ch->now_ms;
	e->random[0] = draw(ch);
	e->random[1] = draw(ch);
	if (e->kind == CORE_OPEN)
		make_open(ch, e);
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
	} else if (e->kind == CORE_CTL_KICK || e->kind == CORE_USER_KNOWN) {
		e->link = 0;
		e->user.uid = some_uid(ch);
	}
}
