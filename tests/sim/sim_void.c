/*
 * What must hold of identities, after each step: what a revocation names is shut in its step and
 * opens nothing afterwards, also in the next life of the router when its mark was on disk; a
 * session that ended for good is not opened again; a session that was rebound is gone when the
 * other one is there; nobody has more sessions than he may; a session follows its newest ticket.
 */
#include <stdlib.h>

#include "proto/codes.h"
#include "tests/sim/sim.h"

static bool is_past(const struct world *w, int64_t at_ms)
{
	return w->now_ms - at_ms > MARK_KEPT_MS;
}

static bool names(const struct mark *m, const struct session *s)
{
	switch (m->kind) {
	case MARK_USER:
		return sim_user(m->uid) == s->user && s->issued_ms <= m->at_ms;
	case MARK_TOKEN:
		return m->id == s->token_hash;
	case MARK_ISSUER:
		return m->id == s->issuer_id && s->issued_ms <= m->at_ms;
	case MARK_SESSION:
		break;
	}
	return false;
}

/* The revocation that is in force against what this session follows, from 1; 0: none. */
static int void_by(const struct world *w, const struct session *s)
{
	for (int i = 0; i < w->n_rules; i++) {
		const struct rule *r = &w->rules[i];

		if (r->in_force_in == w->life && names(&r->mark, s) && !is_past(w, r->mark.at_ms))
			return i + 1;
	}
	return 0;
}

static void hold_in_force(struct world *w)
{
	for (int i = 0; i < w->n_rules; i++) {
		if (w->disk.rules[i].at_ms != 0)
			w->rules[i].in_force_in = w->life;
	}
	for (unsigned i = 0; i < w->n_sessions; i++) {
		struct session *s = &w->sessions[i];

		if (w->disk.ended[i].at_ms == 0)
			continue;
		s->final_in = w->life;
		s->final_ms = w->disk.ended[i].at_ms;
	}
}

static void load(struct world *w, const struct mark *mark)
{
	if (core_load_mark(w->core, mark) != 0)
		abort();
}

void marks_load(struct world *w)
{
	for (int i = 0; i < w->n_rules; i++) {
		struct mark mark = w->rules[i].mark;

		mark.at_ms = w->disk.rules[i].at_ms;
		if (mark.at_ms != 0)
			load(w, &mark);
	}
	for (unsigned i = 0; i < w->n_sessions; i++) {
		const struct kept_mark *k = &w->disk.ended[i];
		const struct session *s = &w->sessions[i];
		const struct mark mark = {
			MARK_SESSION, {0}, s->id, k->at_ms, k->code, s->edge_id, s->edge_epoch};

		if (k->at_ms != 0)
			load(w, &mark);
	}
	hold_in_force(w);
}

/* On a full disk it is not kept; of a revocation auth hears that, and says it again. */
void marks_commit(struct world *w, const struct op *o)
{
	if (!w->disk_full && o->rule < 0)
		w->disk.ended[o->value] = o->mark;
	else if (!w->disk_full)
		w->disk.rules[o->rule] = o->mark;
	else if (o->rule >= 0)
		w->rules[o->rule].told_in = 0;
}

static bool is_final(unsigned code)
{
	return code == CLOSE_KICKED || code == CLOSE_REVOKED || code == CLOSE_LOGGED_OUT ||
	       code == CLOSE_REPLACED;
}

static const struct core_command *find_mark(
	const struct core_commands *out, enum mark_kind kind, uint64_t id)
{
	for (size_t i = 0; i < out->n; i++) {
		const struct core_command *c = &out->list[i];

		if (c->kind == CORE_DO_MARK && c->mark.mark.kind == kind &&
			(kind == MARK_SESSION ? c->mark.mark.id == id : c->mark.tag == id))
			return c;
	}
	return NULL;
}

static bool has(const struct core_commands *out, enum core_command_kind kind)
{
	for (size_t i = 0; i < out->n; i++) {
		if (out->list[i].kind == kind)
			return true;
	}
	return false;
}

static void take_shut(
	struct world *w, const struct core_commands *out, const struct core_command *c)
{
	struct session *s = session_of(w, c->shut.session);

	if (!is_final(c->shut.code))
		return;
	if (find_mark(out, MARK_SESSION, c->shut.session) == NULL)
		sim_fail(w, "marks", "a session ended with %u, and nothing keeps that in mind",
			c->shut.code);
	s->final_in = w->life;
	s->final_ms = w->now_ms;
	w->totals->revoked += c->shut.code == CLOSE_REVOKED || c->shut.code == CLOSE_LOGGED_OUT;
	w->totals->replaced += c->shut.code == CLOSE_REPLACED;
	if (c->shut.code == CLOSE_REPLACED && w->nature.limit == CORE_LIMIT_REFUSE)
		sim_fail(w, "rules", "a session gave way where new ones are refused");
}

/* Its end may have passed already on its way here. */
static void set_end(const struct world *w, struct session *s, int64_t ends_ms)
{
	s->ends_ms = ends_ms;
	s->late_ms = (ends_ms > w->now_ms ? ends_ms : w->now_ms) + LATE_MS;
}

static void follow(const struct world *w, struct session *s, const struct ticket *t)
{
	s->issued_ms = t->issued_at_ms;
	s->token_hash = t->token_hash;
	s->issuer_id = t->issuer_id;
	set_end(w, s, t->session_end_ms);
}

static void check_limits(struct world *w, const struct session *opened)
{
	size_t sessions = 0;
	size_t calls = 0;

	for (unsigned i = 0; i < w->n_sessions; i++) {
		const struct session *s = &w->sessions[i];

		if (!session_is_alive(w, s) || s->user != opened->user)
			continue;
		sessions += s->dialect != CORE_API;
		calls += s->dialect == CORE_API;
	}
	if (sessions > w->nature.sessions_per_user || calls > API_SESSIONS_PER_USER)
		sim_fail(w, "rules", "%s has %zu sessions and %zu requests", sim_uids[opened->user],
			sessions, calls);
}

static void take_opened(struct world *w, const struct core_event *e)
{
	const struct ticket *t = e->open.ticket;
	struct session *s = session_of(w, t->session);
	int rule;

	follow(w, s, t);
	s->dialect = e->open.dialect;
	if (s->dialect == CORE_API && s->ends_ms > w->now_ms + API_SESSION_MS)
		set_end(w, s, w->now_ms + API_SESSION_MS);
	if (e->kind == CORE_REBIND) {
		struct session *old = session_of(w, e->open.replaces);

		if (!session_is_alive(w, old) || (uint32_t)old->link != e->link)
			sim_fail(w, "C4", "a session was rebound that is not there");
		old->ended = true;
	}
	rule = void_by(w, s);
	if (rule != 0)
		sim_fail(w, "void", "revocation %d names what %s opens", rule, sim_uids[s->user]);
	else if (s->final_in == w->life && !is_past(w, s->final_ms))
		sim_fail(w, "void", "a session of %s was opened again that ended for good",
			sim_uids[s->user]);
	check_limits(w, s);
}

/* That it is as the core has it. */
static void check_end_of(struct world *w, const struct session *s)
{
	struct core_session_info info;

	for (size_t i = 0; core_user_session(w->core, slice_of(sim_uids[s->user]), i, &info); i++) {
		if (info.session == s->id && info.ends_ms != s->ends_ms)
			sim_fail(w, "C8", "a session of %s ends at %lld, its newest ticket at %lld",
				sim_uids[s->user], (long long)info.ends_ms, (long long)s->ends_ms);
	}
}

static void take_renewal(struct world *w, const struct core_event *e)
{
	const struct ticket *t = e->renew.ticket;
	struct session *s = session_of(w, e->renew.session);
	struct session next = *s;
	int rule;

	if (!session_is_alive(w, s) || (uint32_t)s->link != e->link) {
		return;
	} else if (t->issued_at_ms <= s->issued_ms) {
		check_end_of(w, s);
		return;
	}
	follow(w, &next, t);
	rule = void_by(w, &next);
	if (rule != 0)
		sim_fail(w, "void", "revocation %d names what a session of %s was renewed with",
			rule, sim_uids[s->user]);
	if (t->issued_at_ms > w->now_ms || t->present_by_ms < w->now_ms)
		return;
	*s = next;
	check_end_of(w, s);
}

static void take_revocation(
	struct world *w, const struct core_event *e, const struct core_commands *out)
{
	struct rule *r = &w->rules[e->revoke.tag - 1];

	if (is_past(w, r->mark.at_ms))
		return;
	if (find_mark(out, r->mark.kind, e->revoke.tag) == NULL)
		sim_fail(w, "marks", "revocation %llu leaves no mark",
			(unsigned long long)e->revoke.tag);
	r->in_force_in = w->life;
	for (unsigned i = 0; i < w->n_sessions; i++) {
		const struct session *s = &w->sessions[i];

		if (session_is_alive(w, s) && names(&r->mark, s))
			sim_fail(w, "void", "revocation %llu names a session of %s, which goes on",
				(unsigned long long)e->revoke.tag, sim_uids[s->user]);
	}
}

static void take_kick(struct world *w, const struct core_event *e)
{
	for (unsigned i = 0; i < w->n_sessions; i++) {
		const struct session *s = &w->sessions[i];

		if (session_is_alive(w, s) && s->user == sim_user(e->user.uid))
			sim_fail(w, "rules", "%s was kicked, and a session goes on",
				sim_uids[s->user]);
	}
}

static void end_link(struct world *w, uint32_t link)
{
	for (unsigned i = 0; i < w->n_sessions; i++) {
		if ((uint32_t)w->sessions[i].link == link)
			w->sessions[i].ended = true;
	}
}

static void take_refusal(struct world *w, const struct core_command *c)
{
	w->totals->kept_out += is_final(c->open_refused.code);
}

void check_step(struct world *w, const struct core_event *e, const struct core_commands *out)
{
	bool is_violation = has(out, CORE_DO_VIOLATION);

	for (size_t i = 0; i < out->n; i++) {
		if (out->list[i].kind == CORE_DO_SHUT)
			take_shut(w, out, &out->list[i]);
		else if (out->list[i].kind == CORE_DO_OPEN_REFUSED)
			take_refusal(w, &out->list[i]);
	}
	if (is_violation)
		return;
	if ((e->kind == CORE_OPEN || e->kind == CORE_REBIND) && has(out, CORE_DO_OPENED))
		take_opened(w, e);
	else if (e->kind == CORE_RENEW)
		take_renewal(w, e);
	else if (e->kind == CORE_REVOKE)
		take_revocation(w, e, out);
	else if (e->kind == CORE_CTL_KICK)
		take_kick(w, e);
	else if (e->kind == CORE_CLOSE)
		session_of(w, e->close.session)->ended = true;
	else if (e->kind == CORE_EDGE_DOWN || e->kind == CORE_EDGE_UP)
		end_link(w, e->link);
}
