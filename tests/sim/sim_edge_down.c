/* What the router says to an edge. */
#include <stdlib.h>

#include "tests/sim/sim.h"

static struct conn *find(struct world *w, int edge, uint64_t session)
{
	for (unsigned i = 0; i < CONNS; i++) {
		struct conn *c = &w->edges[edge].conns[i];

		if (c->used && c->ticket.session == session)
			return c;
	}
	return NULL;
}

static struct conn *find_rebinding(struct world *w, int edge, uint64_t nonce)
{
	for (unsigned i = 0; i < CONNS; i++) {
		struct conn *c = &w->edges[edge].conns[i];

		if (c->used && c->rebinds && c->next.nonce == nonce)
			return c;
	}
	return NULL;
}

static void watch(struct world *w, int edge, struct conn *c)
{
	struct up *u;

	if (!c->watches)
		return;
	u = edge_up(w, edge, CORE_WATCH);
	memset(c->told, 0, sizeof(c->told));
	for (unsigned i = 0; i < HONEST; i++)
		u->users[i] = slice_of(sim_uids[i]);
	u->event.watch.session = c->ticket.session;
	u->event.watch.users = u->users;
	u->event.watch.n_users = HONEST;
}

static void on_opened(struct world *w, int edge, const struct down *d)
{
	const struct core_command *k = &d->command;
	struct conn *c = find(w, edge, k->opened.session);
	struct frame *f;
	bool again;

	if (c == NULL)
		c = find_rebinding(w, edge, k->opened.nonce);
	if (c == NULL)
		return;
	if (c->ticket.session != k->opened.session)
		identity_rebound(w, c);
	again = c->open && c->reopens;
	c->open = true;
	c->reopens = false;
	if (c->client == CALL) {
		identity_call_opened(w, edge, c);
		return;
	}
	f = edge_frame(c, F_READY);
	f->reset = k->opened.reset;
	f->u = k->opened.start_u;
	f->s = k->opened.start_s;
	f->recovered = k->opened.recovered;
	f->seq = again;
	memcpy(f->epoch, d->epoch, EPOCH_BYTES);
	if (!c->has_position || k->opened.reset != CORE_RESET_NONE) {
		stream_start(&c->user, f->u);
		stream_start(&c->system, f->s);
	}
	/* PUB is another pipe: it may have brought something since the reopen was sent. */
	if (again && f->reset == CORE_RESET_NONE && f->s < c->system.sent)
		f->s = c->system.sent;
	memcpy(c->epoch, d->epoch, EPOCH_BYTES);
	c->has_position = true;
	c->user.is_behind = k->opened.start_u < k->opened.u;
	c->system.is_behind = c->system.sent < k->opened.s;
	c->live = !c->user.is_behind;
	watch(w, edge, c);
}

static void on_result(struct world *w, int edge, const struct core_command *k)
{
	for (unsigned i = 0; i < CONNS * FLIGHT; i++) {
		struct conn *c = &w->edges[edge].conns[i / FLIGHT];
		struct frame *f;

		if (!c->used || c->flight[i % FLIGHT].ref != k->result.ref)
			continue;
		c->flight[i % FLIGHT].ref = 0;
		if (c->client == CALL) {
			identity_call_answered(w, edge, c, k->result.state);
			return;
		}
		f = edge_frame(c, F_RESULT);
		f->sent = c->flight[i % FLIGHT].sent;
		f->state = k->result.state;
		f->first = k->result.first;
		f->code = k->result.code;
		f->seq = k->result.seq;
		/* The answer is the sender's own copy, so it counts when it is the next. */
		f->is_position = f->seq != 0 && f->seq == c->user.sent + 1 &&
				 stream_take(&c->user, f->seq, true) == STREAM_NEXT;
		return;
	}
}

static void take_presence(struct world *w, struct conn *c, struct slice text)
{
	char line[200];
	char uid[32];
	unsigned devices;

	snprintf(line, sizeof(line), "%.*s", SLICE_ARGS(text));
	if (sscanf(line,
		    "{\"event\":\"presence\",\"data\":{\"user\":\"%31[^\"]\"%*[^:]:\"%*[a-z]\""
		    ",\"devices\":%u",
		    uid, &devices) != 2)
		return;
	for (unsigned i = 0; i < HONEST; i++) {
		if (strcmp(uid, sim_uids[i]) == 0)
			c->told[i] = devices + 1;
	}
	TRACE(w, "client %d hears that %s has %u devices", c->client, uid, devices);
}

/* A frame of a stream: written when it is the next and there is room. */
static void put_numbered(struct world *w, struct conn *c, const struct core_text *text,
	uint64_t number, bool is_system, bool native_only)
{
	struct stream *s = is_system ? &c->system : &c->user;
	bool has_room = edge_has_room(c) || w->quiet;
	bool gap = number > s->sent + 1;
	struct frame *f;
	uint64_t seq = 0;

	if (!is_system && c->client >= 0 && c->live && gap && !s->is_behind)
		sim_fail(w, "C3", "%llu was sent to a live session that has %llu",
			(unsigned long long)number, (unsigned long long)s->sent);
	if (stream_take(s, number, has_room) != STREAM_NEXT)
		return;
	if (native_only && c->dialect == CORE_PLAIN)
		return;
	f = edge_frame(c, is_system ? F_SYSTEM : F_STREAM);
	f->sent = check_text(text->text, &seq, &f->is_gone, &f->is_carbon);
	f->seq = number;
	if (seq != number)
		sim_fail(w, "C3", "the text of %llu says %llu", (unsigned long long)number,
			(unsigned long long)seq);
}

static void on_deliver(struct world *w, int edge, const struct core_command *k)
{
	for (size_t i = 0; i < k->deliver.n_sessions; i++) {
		struct conn *c = find(w, edge, k->deliver.sessions[i]);

		if (c == NULL || !c->open)
			continue;
		if (k->deliver.number != 0)
			put_numbered(w, c, &k->deliver.text, k->deliver.number, k->deliver.system,
				k->deliver.native_only);
		else
			take_presence(w, c, k->deliver.text.text);
	}
}

static void on_page(struct world *w, int edge, const struct core_command *k)
{
	struct conn *c = find(w, edge, k->page.session);
	bool is_system = k->page.stream == CORE_STREAM_SYSTEM;
	struct stream *s;
	enum stream_page result;

	if (c == NULL)
		return;
	s = is_system ? &c->system : &c->user;
	TRACE(w, "client %d hears the end of a page of stream %d at %llu, more %d, and has %llu",
		c->client, k->page.stream, (unsigned long long)k->page.last, k->page.more,
		(unsigned long long)s->sent);
	result = stream_page(s, k->page.last, k->page.more, edge_has_room(c));
	if (is_system)
		c->asked_system = false;
	else
		c->asked = false;
	if (!is_system && !k->page.more)
		c->live = true;
	if (result == STREAM_STUCK && c->client >= 0)
		sim_fail(w, "C1", "a page of %s brought nothing",
			is_system ? "the system" : "a user");
}

static void on_reset(struct world *w, int edge, const struct core_command *k)
{
	struct conn *c = find(w, edge, k->reset.session);
	struct frame *f;

	if (c == NULL)
		return;
	stream_jump(&c->user, k->reset.u);
	stream_jump(&c->system, k->reset.s);
	f = edge_frame(c, F_RESET);
	f->reset = k->reset.reason;
	f->u = k->reset.u;
	f->s = k->reset.s;
	memcpy(f->epoch, c->epoch, EPOCH_BYTES);
}

static void on_head(struct world *w, int edge, uint64_t head)
{
	for (unsigned i = 0; i < CONNS; i++) {
		struct conn *c = &w->edges[edge].conns[i];

		if (c->used && c->open && head > c->system.sent)
			c->system.is_behind = true;
	}
}

static void on_end(struct world *w, int edge, struct conn *c, unsigned code)
{
	if (c != NULL)
		edge_close(w, edge, c, code, false);
}

/* The session that was to be left goes on. */
static void on_rebind_refused(struct world *w, struct conn *c)
{
	TRACE(w, "client %d stays %s", c->client, sim_uids[c->who]);
	c->rebinds = false;
	w->totals->rebinds_refused++;
}

static struct conn *by_nonce(struct world *w, int edge, uint64_t nonce)
{
	for (unsigned i = 0; i < CONNS; i++) {
		struct conn *c = &w->edges[edge].conns[i];

		if (c->used && c->ticket.nonce == nonce)
			return c;
	}
	return NULL;
}

static void on_refused(struct world *w, int edge, const struct core_command *k)
{
	struct conn *c = find_rebinding(w, edge, k->open_refused.nonce);

	if (c != NULL)
		on_rebind_refused(w, c);
	else
		on_end(w, edge, by_nonce(w, edge, k->open_refused.nonce), k->open_refused.code);
}

static void hear(struct world *w, int edge, const struct down *d)
{
	const struct core_command *k = &d->command;

	if (d->is_head)
		on_head(w, edge, d->system_head);
	else if (k->kind == CORE_DO_OPENED)
		on_opened(w, edge, d);
	else if (k->kind == CORE_DO_OPEN_REFUSED)
		on_refused(w, edge, k);
	else if (k->kind == CORE_DO_RESULT)
		on_result(w, edge, k);
	else if (k->kind == CORE_DO_DELIVER)
		on_deliver(w, edge, k);
	else if (k->kind == CORE_DO_PAGE)
		on_page(w, edge, k);
	else if (k->kind == CORE_DO_RESET)
		on_reset(w, edge, k);
	else if (k->kind == CORE_DO_SHUT)
		on_end(w, edge, find(w, edge, k->shut.session), k->shut.code);
}

void edge_hear(struct world *w, int edge)
{
	struct edge *e = &w->edges[edge];
	struct down *d = e->down_first;

	e->down_first = d->next;
	if (e->down_first == NULL)
		e->down_last = &e->down_first;
	hear(w, edge, d);
	free(d);
}

void edge_hear_pub(struct world *w, int edge)
{
	struct edge *e = &w->edges[edge];
	struct down *d = e->pub_first;

	e->pub_first = d->next;
	if (e->pub_first == NULL)
		e->pub_last = &e->pub_first;
	for (unsigned i = 0; i < CONNS; i++) {
		struct conn *c = &e->conns[i];

		if (c->used && c->open && c->client >= 0)
			put_numbered(w, c, &d->command.system.text, d->command.system.number, true,
				false);
	}
	free(d);
}
