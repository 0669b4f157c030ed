/*
 * Apps: they send with a message id and try again until they are answered, they keep their place in
 * the streams or do not, acknowledge now and then, and go and come back on any edge.
 */
#include <stdlib.h>

#include "proto/codes.h"
#include "router/store.h"
#include "tests/sim/sim.h"

/* A message id is remembered for so much of the wall clock across a restart. */
#define RETRY_SKEW_MS (STORE_RECENT_MS - 60000)

static struct conn *conn_of(struct world *w, const struct client *c)
{
	return c->edge < 0 ? NULL : &w->edges[c->edge].conns[c->conn];
}

void client_init(struct world *w)
{
	for (int i = 0; i < CLIENTS; i++) {
		struct client *c = &w->clients[i];

		*c = (struct client){.user = i % HONEST, .edge = -1};
		for (unsigned k = 0; k < FLIGHT; k++)
			c->waiting[k] = -1;
		snprintf(c->device, sizeof(c->device), "d%d", i);
		if (i >= SWAPPERS) {
			/* The next user's app knows nothing of the one before. */
			c->swaps = true;
			c->memory = WITHOUT_MEMORY;
			c->device[0] = '\0';
		}
		if (i < HONEST * 2 || c->swaps)
			continue;
		/* The others: plain, without memory, or a second window of the same device. */
		c->memory = sim_once_in(w, 2) ? WITHOUT_MEMORY : WITH_MEMORY;
		c->dialect =
			c->memory == WITHOUT_MEMORY && sim_once_in(w, 2) ? CORE_PLAIN : CORE_NATIVE;
		if (c->memory == WITHOUT_MEMORY && sim_once_in(w, 2))
			c->device[0] = '\0';
		/* Two windows of one device would throw each other out for ever. */
		if (c->memory == WITH_MEMORY && sim_once_in(w, 2) &&
			w->nature.limit != CORE_LIMIT_DEVICE) {
			snprintf(c->device, sizeof(c->device), "d%d", i % HONEST);
			c->shared_device = true;
			w->clients[i % HONEST].shared_device = true;
		}
	}
}

void client_left(struct world *w, int client)
{
	struct client *c = &w->clients[client];

	c->edge = -1;
	c->told_u = 0;
	c->told_s = 0;
	for (unsigned k = 0; k < FLIGHT; k++) {
		c->in_flight[k] = false;
		/* The id of a device that lives as long as its connection means nothing to the
		 * next. */
		if (c->device[0] == '\0' && c->waiting[k] >= 0) {
			w->sent[c->waiting[k]].outcome = GIVEN_UP;
			c->waiting[k] = -1;
		}
	}
}

void client_connect(struct world *w, int client)
{
	struct client *c = &w->clients[client];

	if (c->edge < 0)
		edge_accept(w, (int)sim_below(w, EVIL), client);
}

static void submit(struct world *w, struct client *c, unsigned slot)
{
	struct conn *k = conn_of(w, c);
	int sent = c->waiting[slot];
	struct sent *s = &w->sent[sent];
	struct up *u;
	char text[16];

	for (unsigned i = 0; i < FLIGHT; i++) {
		if (k->flight[i].ref != 0)
			continue;
		k->flight[i].ref = ++w->next_ref;
		k->flight[i].sent = sent;
		u = edge_up(w, c->edge, CORE_SEND);
		snprintf(text, sizeof(text), "m%d", sent);
		u->event.send.session = k->ticket.session;
		u->event.send.ref = w->next_ref;
		u->event.send.to = up_keep(u, slice_of(sim_uids[s->to]));
		u->event.send.content = up_keep(u, slice_of(text));
		u->event.send.mid = u->event.send.content;
		c->in_flight[slot] = true;
		s->tries++;
		TRACE(w, "client %d sends m%d to %s, ref %llu, try %u", (int)(c - w->clients), sent,
			sim_uids[s->to], (unsigned long long)w->next_ref, s->tries);
		return;
	}
}

static bool may_speak(struct world *w, const struct client *c)
{
	const struct conn *k = conn_of(w, c);

	/* Until an app has read whose connection it is now it says nothing. */
	return k != NULL && k->open && !k->rebinds && k->who == c->user && w->edges[c->edge].linked;
}

static void send_new(struct world *w, struct client *c)
{
	for (unsigned i = 0; i < FLIGHT; i++) {
		struct sent *s;

		if (c->waiting[i] >= 0 || w->n_sent >= SENDS)
			continue;
		s = &w->sent[w->n_sent];
		*s = (struct sent){.from = c->user, .to = (int)sim_below(w, HONEST)};
		c->waiting[i] = w->n_sent++;
		c->in_flight[i] = false;
		w->totals->messages++;
		submit(w, c, i);
		if (sim_once_in(w, 10))
			submit(w, c, i); /* twice at once, as an impatient app does */
		return;
	}
}

void client_router_started(struct world *w)
{
	for (int i = 0; i < w->n_sent; i++) {
		struct sent *s = &w->sent[i];

		s->is_too_late = s->is_too_late ||
				 (s->is_dated && w->wall_skew > s->wall_skew + RETRY_SKEW_MS);
	}
}

void client_retry(struct world *w, int client)
{
	struct client *c = &w->clients[client];

	if (!may_speak(w, c))
		return;
	for (unsigned i = 0; i < FLIGHT; i++) {
		if (c->waiting[i] < 0 || c->in_flight[i])
			continue;
		if (w->sent[c->waiting[i]].is_too_late) {
			w->sent[c->waiting[i]].outcome = GIVEN_UP;
			c->waiting[i] = -1;
		} else {
			submit(w, c, i);
		}
	}
}

static void take_result(struct world *w, struct client *c, const struct frame *f)
{
	struct sent *s = &w->sent[f->sent];
	bool again = f->code == EX_UNAVAILABLE || f->code == EX_RECIPIENT_OFFLINE ||
		     f->code == EX_INBOX_FULL || f->code == EX_TOKEN_EXPIRED;

	if (f->is_position) {
		if (f->seq != c->u + 1 && c->dialect == CORE_NATIVE)
			sim_fail(w, "C3", "the answer to m%d has number %llu after %llu", f->sent,
				(unsigned long long)f->seq, (unsigned long long)c->u);
		c->u = f->seq;
	}
	for (unsigned i = 0; i < FLIGHT; i++) {
		if (c->waiting[i] != f->sent)
			continue;
		c->in_flight[i] = false;
		if (f->code == 0 || !again || (w->quiet && f->code == EX_INBOX_FULL))
			c->waiting[i] = -1;
	}
	w->totals->refused += f->code != 0;
	if (f->code != 0) {
		if (!again && s->outcome == WAITS)
			s->outcome = REFUSED;
		if (!again)
			sim_fail(w, "rules", "m%d was refused with %u", f->sent, f->code);
		return;
	}
	if (s->outcome != ACKED)
		w->totals->acked++;
	if (f->state == CORE_DUPLICATE)
		w->totals->duplicates++;
	s->outcome = ACKED;
	if (s->seq != 0 && f->seq != s->seq && !s->excused)
		sim_fail(w, "C6", "m%d was answered with number %llu, then %llu", f->sent,
			(unsigned long long)s->seq, (unsigned long long)f->seq);
	s->seq = f->seq;
}

static void take_ready(struct world *w, struct client *c, const struct frame *f)
{
	check_ready(w, c, f);
	c->u = f->u;
	c->s = f->s;
	memcpy(c->epoch, f->epoch, EPOCH_BYTES);
	c->has_position = true;
	if (f->reset != CORE_RESET_NONE)
		w->totals->resets++;
}

static void take_reset(struct world *w, struct client *c, const struct frame *f)
{
	check_reset(w, c, f);
	w->totals->resets++;
	if (f->u > c->u)
		c->u = f->u;
	if (f->s > c->s)
		c->s = f->s;
}

static void take_stream(struct world *w, struct client *c, const struct frame *f)
{
	bool is_system = f->kind == F_SYSTEM;
	uint64_t *at = is_system ? &c->s : &c->u;

	if (f->seq != *at + 1 && (c->dialect == CORE_NATIVE || f->seq <= *at))
		sim_fail(w, "C3", "%llu came after %llu", (unsigned long long)f->seq,
			(unsigned long long)*at);
	*at = f->seq;
	check_frame(w, c, f, is_system ? SYSTEM : c->user);
	w->totals->delivered++;
	w->totals->gone += f->is_gone;
}

static void take(struct world *w, struct client *c, const struct frame *f)
{
	int stream;

	TRACE(w, "client %d reads frame %d: seq %llu m%d code %u", (int)(c - w->clients), f->kind,
		(unsigned long long)f->seq, f->sent, f->code);
	if (f->kind == F_READY && f->user != c->user && c->swaps)
		client_becomes(w, c, f->user);
	stream = c->user;
	if (f->user != c->user)
		sim_fail(w, "C4", "what was written to %s was read by %s", sim_uids[f->user],
			sim_uids[c->user]);
	else if (f->kind == F_READY)
		take_ready(w, c, f);
	else if (f->kind == F_RESULT)
		take_result(w, c, f);
	else if (f->kind == F_RESET)
		take_reset(w, c, f);
	else
		take_stream(w, c, f);
	/* What was read in an epoch that is over says nothing of this one. */
	if (memcmp(c->epoch, w->disk.epoch, EPOCH_BYTES) != 0)
		return;
	if (c->u > w->read_u[stream])
		w->read_u[stream] = c->u;
	if (c->s > w->read_s[stream])
		w->read_s[stream] = c->s;
}

void client_read(struct world *w, int client, unsigned max)
{
	struct client *c = &w->clients[client];
	struct conn *k = conn_of(w, c);

	for (; k != NULL && max > 0 && k->first != NULL && !w->failed; max--) {
		struct frame *f = k->first;

		k->first = f->next;
		if (k->first == NULL)
			k->last = &k->first;
		k->n_frames--;
		take(w, c, f);
		free(f);
	}
}

void client_ack(struct world *w, int client)
{
	struct client *c = &w->clients[client];
	struct conn *k = conn_of(w, c);
	struct up *u;

	if (!may_speak(w, c) || (c->u == c->told_u && c->s == c->told_s) || c->u == 0)
		return;
	/* Those without memory are heard by their pongs, which come when all was read; carbons that
	 * a plain client does not see are among it. */
	if (c->memory == WITHOUT_MEMORY && k->n_frames > 0)
		return;
	if (c->memory == WITHOUT_MEMORY) {
		c->u = k->user.sent;
		if (c->u > w->read_u[c->user])
			w->read_u[c->user] = c->u;
	}
	/* What was not written to this connection is not its to acknowledge, nor what it has from
	 * an epoch that is over. */
	if (k->reopens || c->u > k->user.sent || c->s > k->system.sent ||
		memcmp(c->epoch, k->epoch, EPOCH_BYTES) != 0)
		return;
	u = edge_up(w, c->edge, CORE_ACK);
	u->event.ack.session = k->ticket.session;
	u->event.ack.u = c->u;
	u->event.ack.s = c->s;
	c->told_u = c->u;
	c->told_s = c->s;
}

static void whisper(struct world *w, struct client *c)
{
	struct conn *k = conn_of(w, c);
	struct up *u;

	if (sim_once_in(w, 2)) {
		u = edge_up(w, c->edge, CORE_TYPING);
		u->event.typing.session = k->ticket.session;
		u->event.typing.to = up_keep(u, slice_of(sim_uids[sim_below(w, HONEST)]));
	} else {
		u = edge_up(w, c->edge, CORE_AWAY);
		u->event.away.session = k->ticket.session;
		u->event.away.away = sim_once_in(w, 2);
	}
}

static void renew(struct world *w, struct client *c)
{
	identity_renew(w, c->edge, conn_of(w, c));
}

static bool is_sending(const struct client *c)
{
	for (unsigned i = 0; i < FLIGHT; i++) {
		if (c->in_flight[i])
			return true;
	}
	return false;
}

static void give_up(struct world *w, struct client *c)
{
	for (unsigned i = 0; i < FLIGHT; i++) {
		if (c->waiting[i] >= 0 && w->sent[c->waiting[i]].outcome == WAITS)
			w->sent[c->waiting[i]].outcome = GIVEN_UP;
		c->waiting[i] = -1;
		c->in_flight[i] = false;
	}
}

void client_becomes(struct world *w, struct client *c, int user)
{
	TRACE(w, "client %d is %s now", (int)(c - w->clients), sim_uids[user]);
	give_up(w, c);
	c->user = user;
	c->has_position = false;
	memset(c->epoch, 0, sizeof(c->epoch));
	c->u = c->s = c->told_u = c->told_s = c->lost_u = 0;
}

/* What it wanted to say as who it was is not said by who it becomes. */
static void swap(struct world *w, struct client *c)
{
	if (c->swaps && !is_sending(c) && identity_rebind(w, c->edge, conn_of(w, c)))
		give_up(w, c);
}

void client_act(struct world *w, int client)
{
	struct client *c = &w->clients[client];
	unsigned what = sim_below(w, 100);
	bool is_slow = w->nature.clients_are_slow && client % 3 == 0;

	if (c->edge < 0) {
		if (what < 25)
			client_connect(w, client);
		return;
	}
	client_read(w, client, is_slow ? what % 20 == 0 : sim_below(w, 5));
	if (c->edge < 0 || !may_speak(w, c))
		return;
	if (what < 25)
		send_new(w, c);
	else if (what < 40)
		client_retry(w, client);
	else if (what < 55)
		client_ack(w, client);
	else if (what < 60)
		whisper(w, c);
	else if (what < 64)
		renew(w, c);
	else if (what < 74)
		swap(w, c);
	else if (what < 77)
		edge_close(w, c->edge, conn_of(w, c), 0, true);
}

bool client_is_done(const struct world *w, int client)
{
	const struct client *c = &w->clients[client];
	const struct conn *k;

	if (c->edge < 0)
		return false;
	k = &w->edges[c->edge].conns[c->conn];
	if (!k->open || k->rebinds || k->n_frames > 0 || k->asked || k->asked_system ||
		k->user.is_behind || k->system.is_behind)
		return false;
	for (unsigned i = 0; i < FLIGHT; i++) {
		if (c->waiting[i] >= 0)
			return false;
	}
	return true;
}

/* An operator tells somebody or all; one at a time, and never again when the answer is lost. */
void operator_push(struct world *w)
{
	struct core_event e = {.kind = CORE_CTL_PUSH};
	struct sent *s;
	char mid[16];
	char data[20];

	if (w->core == NULL || w->n_sent >= SENDS)
		return;
	s = &w->sent[w->n_sent];
	*s = (struct sent){
		.from = OPERATOR, .to = sim_once_in(w, 2) ? SYSTEM : (int)sim_below(w, HONEST)};
	snprintf(mid, sizeof(mid), "m%d", w->n_sent);
	snprintf(data, sizeof(data), "\"m%d\"", w->n_sent++);
	e.push.ref = (uint64_t)w->n_sent;
	e.push.user = slice_of(sim_uids[s->to]);
	e.push.event = SLICE_LITERAL("news");
	e.push.data = slice_of(data);
	e.push.mid = slice_of(mid);
	e.push.ttl_ms = sim_once_in(w, 6) ? 1 + sim_below(w, 2000) : 0;
	w->totals->messages++;
	router_must(w, &e);
}
