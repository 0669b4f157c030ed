/*
 * Auth, and whoever's identity changes: tokens are revoked, replaced by others of the same user,
 * and by those of another; HTTP requests open sessions for one message; and guests come who are too
 * many.
 */
#include "proto/codes.h"
#include "tests/sim/sim.h"

/* Of a session's tokens alone; the clock of a router that was started anew is the same. */
static uint64_t token_of(int user, uint64_t serial)
{
	return (uint64_t)(user + 1) << 32 | serial;
}

static uint32_t issuer_of(uint64_t token)
{
	return 1 + token % 2;
}

void identity_ticket(struct world *w, int user, struct ticket *t)
{
	if (w->nature.tokens_change && sim_once_in(w, 3))
		w->tokens[user]++;
	t->token_hash = token_of(user, w->tokens[user]);
	t->issuer_id = issuer_of(t->token_hash);
}

/* Auth */

/* A token that the session of an edge will have in a moment, or one that is held. */
static uint64_t token_to_revoke(struct world *w, int user)
{
	for (int i = 0; i < EVIL; i++) {
		const struct up *u = w->edges[i].up_first;

		for (; u != NULL; u = u->next) {
			if (u->event.kind == CORE_RENEW && sim_once_in(w, 2))
				return u->ticket.token_hash;
		}
	}
	return token_of(user, w->tokens[user]);
}

/* Those that it names are logged in anew: auth makes no ticket of a void token. */
static void leave_tokens(struct world *w, const struct mark *mark)
{
	for (int user = 0; user < STREAMS; user++) {
		uint64_t token = token_of(user, w->tokens[user]);

		if (mark->kind == MARK_USER	   ? sim_user(mark->uid) == user
			: mark->kind == MARK_TOKEN ? mark->id == token
						   : mark->id == issuer_of(token))
			w->tokens[user]++;
	}
}

static void make_void(struct world *w)
{
	unsigned what = sim_below(w, 10);
	int user = (int)sim_below(w, MALLORY + 1);
	struct mark *mark;

	if (w->n_rules == RULES)
		return;
	mark = &w->rules[w->n_rules].mark;
	*mark = (struct mark){
		.at_ms = w->now_ms, .code = sim_once_in(w, 3) ? CLOSE_LOGGED_OUT : CLOSE_REVOKED};
	if (what < 5) {
		mark->kind = MARK_USER;
		mark->uid = slice_of(sim_uids[user]);
	} else if (what < 9) {
		mark->kind = MARK_TOKEN;
		mark->id = token_to_revoke(w, user);
		/* Of a bare jti auth does not know whose it was. */
		if (sim_once_in(w, 2))
			mark->uid = slice_of(sim_uids[(mark->id >> 32) - 1]);
	} else {
		mark->kind = MARK_ISSUER;
		mark->id = 1 + sim_below(w, 2);
	}
	leave_tokens(w, mark);
	w->n_rules++;
	w->totals->revocations++;
	TRACE(w, "revocation %d: kind %d of %.*s, %llx", w->n_rules, (int)mark->kind,
		SLICE_ARGS(mark->uid), (unsigned long long)mark->id);
}

void identity_tell(struct world *w)
{
	for (int i = 0; i < w->n_rules && w->core != NULL && !w->failed; i++) {
		struct rule *r = &w->rules[i];
		struct core_event e = {.kind = CORE_REVOKE};

		if (r->told_in == w->life || (!w->quiet && !sim_once_in(w, 3)))
			continue;
		r->told_in = w->life;
		e.revoke.mark = r->mark;
		e.revoke.tag = (uint64_t)i + 1;
		TRACE(w, "revocation %d is told", i + 1);
		router_must(w, &e);
	}
}

/* A newer ticket */

static void say_renew(struct world *w, int edge, struct conn *c, const struct ticket *t)
{
	struct up *u = edge_up(w, edge, CORE_RENEW);

	up_keep_ticket(u, t);
	u->event.renew.session = c->ticket.session;
}

void identity_renew(struct world *w, int edge, struct conn *c)
{
	struct ticket *t = &c->ticket;

	/* Auth makes nothing of what is over. */
	if (t->session_end_ms <= w->now_ms)
		return;
	c->older = *t;
	/* Of another token of the same user, which may end sooner. */
	if (w->nature.tokens_change && sim_once_in(w, 2))
		identity_ticket(w, c->who, t);
	t->issued_at_ms = w->now_ms;
	t->present_by_ms = w->now_ms + TICKET_PRESENT_MS;
	t->session_end_ms =
		w->now_ms + (sim_once_in(w, 4) ? 500 + sim_below(w, 3000) : SESSION_MAX_MS);
	if (t->ceiling_ms < t->session_end_ms || sim_once_in(w, 4))
		t->ceiling_ms = t->session_end_ms;
	say_renew(w, edge, c, t);
	/* The one before comes late. */
	if (sim_once_in(w, 3))
		say_renew(w, edge, c, &c->older);
}

/* Another user */

bool identity_rebind(struct world *w, int edge, struct conn *c)
{
	int user = (int)sim_below(w, HONEST);
	struct up *u;

	if (!w->nature.rebinds || w->quiet || c->reopens || user == c->who ||
		w->n_sessions > SESSIONS / 2)
		return false;
	edge_ticket(w, edge, user, &c->next);
	c->rebinds = true;
	u = edge_up(w, edge, CORE_REBIND);
	up_keep_ticket(u, &c->next);
	u->event.open.nonce = c->next.nonce;
	u->event.open.device = up_keep(u, slice_of(c->device));
	u->event.open.dialect = c->dialect;
	u->event.open.replaces = c->ticket.session;
	TRACE(w, "edge %d: client %d wants to be %s", edge, c->client, sim_uids[user]);
	return true;
}

/* What was not written yet is the old one's, and nobody reads it. */
void identity_rebound(struct world *w, struct conn *c)
{
	edge_drop_frames(c);
	c->rebinds = false;
	c->ticket = c->next;
	c->who = sim_user((struct slice){c->ticket.uid, c->ticket.uid_len});
	c->has_position = false;
	c->asked = false;
	c->asked_system = false;
	w->totals->rebinds++;
}

/* HTTP requests */

static void begin(struct world *w, int edge, int client, enum core_dialect dialect)
{
	int user = (int)sim_below(w, HONEST);
	struct conn *c = edge_free_conn(w, edge);

	if (!w->edges[edge].linked || c == NULL || w->n_sessions > SESSIONS / 2)
		return;
	*c = (struct conn){.used = true, .client = client, .who = user, .dialect = dialect};
	c->last = &c->first;
	edge_ticket(w, edge, user, &c->ticket);
	/* Maybe somebody's device. */
	if (client == GUEST && sim_once_in(w, 2))
		snprintf(c->device, sizeof(c->device), "d%d", user + HONEST * (int)sim_below(w, 2));
	else
		snprintf(c->device, sizeof(c->device), "~%016llx",
			(unsigned long long)c->ticket.nonce);
	TRACE(w, "edge %d: %s of %s opens", edge, client == CALL ? "a request" : "a guest",
		sim_uids[user]);
	edge_say_open(w, edge, c, false);
}

void identity_call_opened(struct world *w, int edge, struct conn *c)
{
	struct sent *s = &w->sent[w->n_sent];
	struct up *u;
	char text[16];

	if (w->n_sent >= SENDS) {
		edge_close(w, edge, c, 0, true);
		return;
	}
	/* Nobody sends it again when the answer is lost. */
	*s = (struct sent){
		.from = c->who, .to = (int)sim_below(w, HONEST), .outcome = GIVEN_UP, .tries = 1};
	snprintf(text, sizeof(text), "m%d", w->n_sent);
	c->flight[0].ref = ++w->next_ref;
	c->flight[0].sent = w->n_sent++;
	u = edge_up(w, edge, CORE_SEND);
	u->event.send.session = c->ticket.session;
	u->event.send.ref = w->next_ref;
	u->event.send.to = up_keep(u, slice_of(sim_uids[s->to]));
	u->event.send.content = up_keep(u, slice_of(text));
	u->event.send.mid = u->event.send.content;
	w->totals->calls++;
	w->totals->messages++;
}

void identity_call_answered(struct world *w, int edge, struct conn *c, enum core_state state)
{
	if (state != CORE_REFUSED)
		w->sent[c->flight[0].sent].outcome = ACKED;
	w->totals->acked += state != CORE_REFUSED;
	edge_close(w, edge, c, 0, true);
}

static void guests_read(struct world *w)
{
	for (unsigned i = 0; i < EVIL * CONNS; i++) {
		struct conn *c = &w->edges[i / CONNS].conns[i % CONNS];

		if (c->used && c->client == GUEST)
			edge_drop_frames(c);
	}
}

void identity_act(struct world *w)
{
	const struct nature *n = &w->nature;
	int edge = (int)sim_below(w, EVIL);

	guests_read(w);
	if (n->revokes && sim_once_in(w, 12))
		make_void(w);
	if (n->guests && sim_once_in(w, 8))
		begin(w, edge, GUEST, CORE_NATIVE);
	if (n->calls && sim_once_in(w, 6)) {
		/* More at a time than one user may have. */
		for (unsigned k = sim_once_in(w, 6) ? CONNS : 1; k > 0; k--)
			begin(w, edge, CALL, CORE_API);
	}
}

void identity_end(struct world *w)
{
	for (int edge = 0; edge < EVIL; edge++) {
		for (unsigned i = 0; i < CONNS; i++) {
			struct conn *c = &w->edges[edge].conns[i];

			if (c->used && c->open && c->client == GUEST)
				edge_close(w, edge, c, 0, true);
		}
	}
}
