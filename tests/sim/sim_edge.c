/*
 * Edges: sockets on one side, a link on the other.  What may be written to a client is decided by
 * edge/stream.c; here are the queues around it and what an edge does when its link or its router
 * goes away.
 */
#include <stdlib.h>

#include "proto/codes.h"
#include "tests/sim/sim.h"

/* Frames that wait for a client that does not read: from here on its messages stay in the inbox. */
#define FULL_FRAMES 8
#define LOW_FRAMES 2

struct up *edge_up(struct world *w, int edge, enum core_event_kind kind)
{
	struct edge *e = &w->edges[edge];
	struct up *u = calloc(1, sizeof(*u));

	if (u == NULL)
		abort();
	u->event.kind = kind;
	*e->up_last = u;
	e->up_last = &u->next;
	return u;
}

struct slice up_keep(struct up *u, struct slice s)
{
	char *at = u->bytes + u->used;

	if (s.len > sizeof(u->bytes) - u->used)
		abort();
	if (s.len > 0)
		memcpy(at, s.data, s.len);
	u->used += s.len;
	return (struct slice){at, s.len};
}

void up_keep_ticket(struct up *u, const struct ticket *t)
{
	u->ticket = *t;
	if (u->event.kind == CORE_RENEW)
		u->event.renew.ticket = &u->ticket;
	else
		u->event.open.ticket = &u->ticket;
}

static void forget_queues(struct edge *e)
{
	while (e->up_first != NULL) {
		struct up *u = e->up_first;

		e->up_first = u->next;
		free(u);
	}
	for (struct down **at = &e->down_first;;) {
		struct down *d = *at;

		if (d == NULL && at == &e->pub_first)
			break;
		if (d == NULL) {
			at = &e->pub_first;
			continue;
		}
		*at = d->next;
		free(d);
	}
	e->up_last = &e->up_first;
	e->down_last = &e->down_first;
	e->pub_last = &e->pub_first;
}

struct frame *edge_frame(struct conn *c, enum frame_kind kind)
{
	struct frame *f = calloc(1, sizeof(*f));

	if (f == NULL)
		abort();
	f->kind = kind;
	f->user = c->who;
	f->sent = -1;
	*c->last = f;
	c->last = &f->next;
	c->n_frames++;
	return f;
}

void edge_drop_frames(struct conn *c)
{
	while (c->first != NULL) {
		struct frame *f = c->first;

		c->first = f->next;
		free(f);
	}
	c->last = &c->first;
	c->n_frames = 0;
}

/* Its socket is gone, and what was not read of it. */
static void drop(struct world *w, int edge, struct conn *c)
{
	int client = c->client;

	TRACE(w, "edge %d: connection of client %d is gone", edge, client);
	edge_drop_frames(c);
	*c = (struct conn){0};
	if (client >= 0)
		client_left(w, client);
}

void edge_close(struct world *w, int edge, struct conn *c, unsigned code, bool tell_router)
{
	TRACE(w, "edge %d: closes client %d, %u", edge, c->client, code);
	if (tell_router && w->edges[edge].linked)
		edge_up(w, edge, CORE_CLOSE)->event.close.session = c->ticket.session;
	drop(w, edge, c);
}

/* Sends that the router has not answered are answered by the edge: try again. */
static void answer_flight(struct world *w, struct conn *c)
{
	for (unsigned i = 0; i < FLIGHT; i++) {
		struct frame *f;

		if (c->flight[i].ref == 0)
			continue;
		f = edge_frame(c, F_RESULT);
		f->sent = c->flight[i].sent;
		f->code = EX_UNAVAILABLE;
		c->flight[i].ref = 0;
	}
	(void)w;
}

void edge_unlink(struct world *w, int edge)
{
	struct edge *e = &w->edges[edge];

	if (!e->linked)
		return;
	TRACE(w, "edge %d: link down", edge);
	/* What the router wrote last may still arrive. */
	for (unsigned n = sim_below(w, 4); n > 0 && e->down_first != NULL && !w->failed; n--)
		edge_hear(w, edge);
	e->linked = false;
	forget_queues(e);
	for (unsigned i = 0; i < CONNS; i++) {
		struct conn *c = &e->conns[i];

		c->rebinds = false; /* the one that it has goes on */
		if (c->used && (!c->open || c->client == CALL))
			drop(w, edge, c);
		else if (c->used)
			answer_flight(w, c);
	}
	router_link_down(w, edge);
}

void edge_say_open(struct world *w, int edge, struct conn *c, bool reopen)
{
	struct up *u = edge_up(w, edge, CORE_OPEN);

	up_keep_ticket(u, &c->ticket);
	u->event.open.nonce = c->ticket.nonce;
	u->event.open.device = up_keep(u, slice_of(c->device));
	u->event.open.dialect = c->dialect;
	u->event.open.reopen = reopen;
	u->event.open.has_position = c->has_position;
	u->event.open.epoch = up_keep(u, (struct slice){c->epoch, EPOCH_BYTES});
	u->event.open.u = c->user.sent;
	u->event.open.s = c->system.sent;
	c->reopens = reopen;
	c->asked = false;
	c->asked_system = false;
	c->live = false;
}

void edge_link(struct world *w, int edge)
{
	struct edge *e = &w->edges[edge];
	struct core_event up = {.kind = CORE_EDGE_UP, .link = (uint32_t)edge};

	TRACE(w, "edge %d: link up, epoch %u", edge, e->epoch);
	forget_queues(e);
	up.edge.id = e->id;
	up.edge.epoch = e->epoch;
	router_must(w, &up);
	e->linked = true;
	for (unsigned i = 0; i < CONNS; i++) {
		if (e->conns[i].used)
			edge_say_open(w, edge, &e->conns[i], true);
	}
}

/* Its process is gone; the next one is another edge. */
void edge_die(struct world *w, int edge)
{
	struct edge *e = &w->edges[edge];

	edge_unlink(w, edge);
	for (unsigned i = 0; i < CONNS; i++) {
		if (e->conns[i].used)
			drop(w, edge, &e->conns[i]);
	}
	forget_queues(e);
	e->id = 100 + (uint32_t)edge;
	e->epoch++;
}

void edge_ticket(struct world *w, int edge, int user, struct ticket *out)
{
	const struct edge *e = &w->edges[edge];
	unsigned index = w->n_sessions++;
	struct slice uid = slice_of(sim_uids[user]);
	bool is_short = !w->quiet && sim_once_in(w, 6);

	if (index >= SESSIONS)
		abort();
	*out = (struct ticket){
		.flags = TICKET_MAY_SEND,
		.session = (sim_draw(w) << 12) | index,
		.edge_id = e->id,
		.edge_epoch = e->epoch,
		.nonce = sim_draw(w),
		.issued_at_ms = w->now_ms,
		.present_by_ms = w->now_ms + TICKET_PRESENT_MS,
		.session_end_ms =
			w->now_ms + (is_short ? 300 + sim_below(w, 4000) : SESSION_MAX_MS),
		.uid_len = uid.len,
	};
	out->ceiling_ms = out->session_end_ms + (sim_once_in(w, 2) ? 0 : SESSION_MAX_MS);
	memcpy(out->uid, uid.data, uid.len);
	identity_ticket(w, user, out);
	w->sessions[index] = (struct session){.id = out->session,
		.edge_id = out->edge_id,
		.edge_epoch = out->edge_epoch,
		.user = user,
		.link = edge,
		.ends_ms = out->session_end_ms,
		.late_ms = out->session_end_ms + LATE_MS};
}

struct conn *edge_free_conn(struct world *w, int edge)
{
	struct edge *e = &w->edges[edge];

	for (unsigned i = 0; i < CONNS; i++) {
		if (!e->conns[i].used)
			return &e->conns[i];
	}
	return NULL;
}

bool edge_accept(struct world *w, int edge, int client)
{
	struct client *cl = &w->clients[client];
	struct conn *c = edge_free_conn(w, edge);

	if (!w->edges[edge].linked || c == NULL)
		return false;
	*c = (struct conn){.used = true, .client = client, .who = cl->user, .dialect = cl->dialect};
	c->last = &c->first;
	c->watches = cl->dialect == CORE_NATIVE && sim_once_in(w, 3);
	edge_ticket(w, edge, cl->user, &c->ticket);
	if (cl->device[0] != '\0')
		memcpy(c->device, cl->device, sizeof(c->device));
	else
		snprintf(c->device, sizeof(c->device), "~%016llx",
			(unsigned long long)c->ticket.nonce);
	c->has_position = cl->has_position && cl->memory == WITH_MEMORY;
	if (c->has_position) {
		memcpy(c->epoch, cl->epoch, EPOCH_BYTES);
		stream_start(&c->user, cl->u);
		stream_start(&c->system, cl->s);
	}
	TRACE(w, "edge %d: client %d of %s opens as %s, position %d u %llu s %llu", edge, client,
		sim_uids[cl->user], c->device, c->has_position, (unsigned long long)cl->u,
		(unsigned long long)cl->s);
	edge_say_open(w, edge, c, false);
	cl->edge = edge;
	cl->conn = (int)(c - w->edges[edge].conns);
	return true;
}

/* Asks for pages where a connection is behind and its client reads. */
static void pump(struct world *w, int edge, struct conn *c)
{
	struct up *u;

	if (!c->used || !c->open || c->reopens || c->n_frames > LOW_FRAMES || c->client == CALL)
		return;
	if (c->user.is_behind && !c->asked) {
		u = edge_up(w, edge, CORE_SYNC);
		u->event.sync.session = c->ticket.session;
		u->event.sync.after = c->user.sent;
		stream_asked(&c->user);
		c->asked = true;
		c->live = false;
	}
	if (c->system.is_behind && !c->asked_system) {
		u = edge_up(w, edge, CORE_SYNC);
		u->event.sync.session = c->ticket.session;
		u->event.sync.stream = CORE_STREAM_SYSTEM;
		u->event.sync.after = c->system.sent;
		stream_asked(&c->system);
		c->asked_system = true;
	}
}

void edge_pump(struct world *w, int edge)
{
	struct edge *e = &w->edges[edge];

	for (unsigned i = 0; e->linked && i < CONNS; i++)
		pump(w, edge, &e->conns[i]);
}

bool edge_has_room(const struct conn *c)
{
	return c->n_frames < FULL_FRAMES;
}
