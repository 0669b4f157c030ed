/*
 * An edge that was taken.  It has sessions of one user of its own, and says whatever it likes:
 * about sessions of other edges, with tickets that it saw before, with numbers that nobody sent.
 */
#include <stdlib.h>

#include "tests/sim/sim.h"

static void open_own(struct world *w)
{
	struct edge *e = &w->edges[EVIL];
	struct conn *c = &e->conns[sim_below(w, CONNS)];
	struct up *u;

	if (c->used)
		return;
	*c = (struct conn){.used = true, .client = EVIL_ONE, .who = MALLORY};
	c->last = &c->first;
	edge_ticket(w, EVIL, MALLORY, &c->ticket);
	snprintf(c->device, sizeof(c->device), "evil");
	if (w->n_stolen < 4)
		w->stolen_tickets[w->n_stolen++] = c->ticket;
	u = edge_up(w, EVIL, CORE_OPEN);
	up_keep_ticket(u, &c->ticket);
	u->event.open.nonce = c->ticket.nonce;
	u->event.open.device = up_keep(u, slice_of(c->device));
	u->event.open.has_position = sim_once_in(w, 2);
	u->event.open.epoch = up_keep(u, (struct slice){w->disk.epoch, EPOCH_BYTES});
	u->event.open.u = sim_below(w, 40);
	u->event.open.s = sim_below(w, 40);
}

/* A session of somebody else, mostly one that lives. */
static uint64_t foreign(struct world *w)
{
	struct edge *e = &w->edges[sim_below(w, EVIL)];
	struct conn *c = &e->conns[sim_below(w, CONNS)];

	return c->used ? c->ticket.session : sim_draw(w);
}

static uint64_t own_or_foreign(struct world *w)
{
	struct conn *c = &w->edges[EVIL].conns[sim_below(w, CONNS)];

	return c->used && sim_once_in(w, 2) ? c->ticket.session : foreign(w);
}

static uint64_t wild(struct world *w)
{
	static const uint64_t numbers[] = {0, 1, UINT64_MAX, UINT64_MAX - 1, UINT64_C(1) << 63};

	return sim_once_in(w, 2) ? sim_below(w, 60) : numbers[sim_below(w, 5)];
}

static void replay_ticket(struct world *w)
{
	struct up *u;
	const struct ticket *t;

	if (w->n_stolen == 0)
		return;
	t = &w->stolen_tickets[sim_below(w, w->n_stolen)];
	u = edge_up(w, EVIL, CORE_OPEN);
	up_keep_ticket(u, t);
	u->event.open.nonce = t->nonce;
	u->event.open.device = SLICE_LITERAL("evil");
	u->event.open.reopen = sim_once_in(w, 2);
}

static void say_something(struct world *w, unsigned what)
{
	struct up *u;

	if (what == 0) {
		u = edge_up(w, EVIL, CORE_CLOSE);
		u->event.close.session = foreign(w);
	} else if (what == 1) {
		u = edge_up(w, EVIL, CORE_SEND);
		u->event.send.session = foreign(w);
		u->event.send.ref = 1;
		u->event.send.to = slice_of(sim_uids[sim_below(w, HONEST)]);
		u->event.send.content = SLICE_LITERAL("not mine");
		u->event.send.mid = SLICE_LITERAL("evil");
	} else if (what == 2) {
		u = edge_up(w, EVIL, CORE_ACK);
		u->event.ack.session = own_or_foreign(w);
		u->event.ack.u = wild(w);
		u->event.ack.s = wild(w);
	} else if (what == 3) {
		u = edge_up(w, EVIL, CORE_SYNC);
		u->event.sync.session = own_or_foreign(w);
		u->event.sync.stream = sim_once_in(w, 2) ? CORE_STREAM_USER : CORE_STREAM_SYSTEM;
		u->event.sync.after = wild(w);
	} else if (what == 4) {
		u = edge_up(w, EVIL, CORE_AWAY);
		u->event.away.session = foreign(w);
		u->event.away.away = true;
	} else if (what == 5) {
		u = edge_up(w, EVIL, CORE_REBIND);
		edge_ticket(w, EVIL, MALLORY, &u->ticket);
		u->event.open.ticket = &u->ticket;
		u->event.open.nonce = u->ticket.nonce;
		u->event.open.device = SLICE_LITERAL("evil");
		u->event.open.replaces = foreign(w);
	} else {
		u = edge_up(w, EVIL, CORE_RENEW);
		u->event.renew.session = foreign(w);
		edge_ticket(w, EVIL, MALLORY, &u->ticket);
		u->event.renew.ticket = &u->ticket;
	}
}

void evil_act(struct world *w)
{
	struct edge *e = &w->edges[EVIL];
	unsigned what = sim_below(w, 40);

	for (unsigned i = 0; i < CONNS; i++) {
		struct conn *c = &e->conns[i];

		while (c->used && c->first != NULL) {
			struct frame *f = c->first;

			c->first = f->next;
			free(f);
		}
		c->last = &c->first;
		c->n_frames = 0;
	}
	if (!w->nature.is_evil || !e->linked || what > 13 || w->n_sessions > SESSIONS / 2)
		return;
	w->totals->evil_events++;
	if (what < 7)
		say_something(w, what);
	else if (what < 10)
		open_own(w);
	else if (what < 12)
		replay_ticket(w);
	else if (e->conns[0].used)
		edge_close(w, EVIL, &e->conns[0], 0, true);
}
