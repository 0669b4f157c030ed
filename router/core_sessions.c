/*
 * Who is there: links come and go, sessions are renewed and end (how they begin: core_open.c; how
 * others end them: core_revoke.c).
 */
#include <errno.h>

#include "common/bug.h"
#include "proto/names.h"
#include "router/core_internal.h"

/* Looked at in one tick, to be forgotten. */
#define MIDS_PER_TICK 65536
#define CONTACTS_PER_TICK 4096

void core_note_session(struct core *c, const struct session *s, const struct ending *how)
{
	struct note n;

	/* The request of a session that goes as it came is noted for what it did. */
	if ((s->dialect == CORE_API && !how->is_final) || !note_begin(&n, &c->commands))
		return;
	note_hex(&n, "session", s->id);
	note_text(&n, "device", (struct slice){s->device, s->device_len});
	note_number(&n, "edge", s->edge.id);
	if (how->why != NULL)
		note_text(&n, "reason", slice_of(how->why));
	if (how->code != 0)
		note_number(&n, "code", how->code);
	note_end(&n, how->kind, user_uid(s->user));
}

void core_end_session(struct core *c, struct session *s, const struct ending *how)
{
	bool is_seen = s->dialect != CORE_API;
	struct user *u = s->user;

	core_note_session(c, s, how);
	presence_forget(&c->presence, s);
	sessions_end(&c->sessions, s, how->is_final ? how->code : 0, c->now_ms);
	if (!is_seen)
		return;
	if (u->n_sessions == 0)
		users_strike(&c->users, u);
	core_settle_position(c, u, (struct slice){s->device, s->device_len});
	presence_changed(&c->presence, u);
}

static void note_edge(struct core *c, const struct link_state *l, const char *kind)
{
	struct note n;

	if (!note_begin(&n, &c->commands))
		return;
	note_number(&n, "edge", l->edge.id);
	note_number(&n, "epoch", l->edge.epoch);
	note_number(&n, "sessions", l->n);
	note_end(&n, kind, (struct slice){0});
}

int core_on_edge_down(struct core *c, const struct core_event *e)
{
	static const struct ending how = {.kind = "closed", .why = "edge_down"};
	struct link_state *l = &c->sessions.links[e->link];

	if (!l->up)
		return 0;
	note_edge(c, l, "edge_down");
	while (l->first != NULL)
		core_end_session(c, l->first, &how);
	l->up = false;
	return 0;
}

int core_on_edge_up(struct core *c, const struct core_event *e)
{
	struct link_state *l = &c->sessions.links[e->link];
	int rc = core_on_edge_down(c, e);

	if (rc < 0)
		return rc;
	l->up = true;
	l->turn++;
	l->edge = (struct edge_name){e->edge.id, e->edge.epoch};
	note_edge(c, l, "edge_up");
	return 0;
}

int core_on_close(struct core *c, const struct core_event *e)
{
	struct ending how = {.kind = "closed", .why = "connection", .code = e->close.code};
	struct session *s = NULL;

	switch (core_owner(c, e, e->close.session, &s)) {
	case OWNER_NONE:
		return core_violation(c, e, "close_of_another_session");
	case OWNER_ENDED:
		return 0;
	case OWNER_LINK:
		break;
	}
	core_end_session(c, BUG(5) && s->dialect != CORE_API ? s->user->sessions : s, &how);
	return 0;
}

int core_on_watch(struct core *c, const struct core_event *e)
{
	struct presence_list list = {e->watch.users, e->watch.n_users};
	struct session *s = NULL;

	switch (core_connection(c, e, e->watch.session, &s)) {
	case OWNER_NONE:
		return core_violation(c, e, "watch_for_another_session");
	case OWNER_ENDED:
		return 0;
	case OWNER_LINK:
		break;
	}
	if (list.n > WATCH_MAX_USERS)
		return core_violation(c, e, "watch_too_long");
	for (size_t i = 0; i < list.n; i++) {
		if (!name_is_uid(list.uids[i]))
			return core_violation(c, e, "watch_of_bad_uid");
	}
	c->presence.contacts_since_ms = e->wall_ms - c->config.retention_ms - DAY_MS;
	return presence_watch(&c->presence, &c->commands, s, &list, e->now_ms) ? 0 : -ENOMEM;
}

int core_on_away(struct core *c, const struct core_event *e)
{
	struct session *s = NULL;

	switch (core_connection(c, e, e->away.session, &s)) {
	case OWNER_NONE:
		return core_violation(c, e, "away_for_another_session");
	case OWNER_ENDED:
		return 0;
	case OWNER_LINK:
		break;
	}
	sessions_set_away(s, e->away.away);
	presence_changed(&c->presence, s->user);
	return 0;
}

/* Whoever follows a void ticket has no other: its edge believes the new token to hold. */
static int end_void(struct core *c, struct session *s, enum close_code code)
{
	struct ending how = {.kind = "revoked", .why = "renewal", .code = code, .is_final = true};

	if (!core_add_shut(c, s, &how))
		return -ENOMEM;
	core_end_session(c, s, &how);
	c->counts.revoked++;
	return 0;
}

static void take_ticket(struct core *c, struct session *s, const struct ticket *t)
{
	s->flags = t->flags;
	s->issued_ms = t->issued_at_ms;
	s->token_hash = t->token_hash;
	s->issuer_id = t->issuer_id;
	s->ceiling_ms = t->ceiling_ms;
	sessions_set_end(&c->sessions, s, t->session_end_ms);
}

int core_on_renew(struct core *c, const struct core_event *e)
{
	const struct ticket *t = e->renew.ticket;
	struct session *s = NULL;
	enum close_code code;

	switch (core_connection(c, e, e->renew.session, &s)) {
	case OWNER_NONE:
		return core_violation(c, e, "renewal_for_another_session");
	case OWNER_ENDED:
		return 0;
	case OWNER_LINK:
		break;
	}
	if (t->session != s->id || t->edge_id != s->edge.id || t->edge_epoch != s->edge.epoch ||
		!slice_eq(ticket_uid(t), user_uid(s->user)))
		return core_violation(c, e, "renewal_of_another_session");
	/* The newest holds, also when it ends earlier.  One that came late, or twice, has no
	 * effect: the session ends when it would have. */
	if (t->issued_at_ms <= s->issued_ms && !BUG(44))
		return 0;
	code = BUG(29) ? CLOSE_NONE : core_void_code(c, t);
	if (code != CLOSE_NONE)
		return end_void(c, s, code);
	if (t->issued_at_ms <= e->now_ms + ISSUED_AHEAD_MS && t->present_by_ms >= e->now_ms)
		take_ticket(c, s, t);
	return 0;
}

int core_on_user_known(struct core *c, const struct core_event *e)
{
	struct user *u;

	if (!name_is_uid(e->user.uid))
		return 0;
	u = users_make(&c->users, e->user.uid);
	if (u == NULL)
		return -ENOMEM;
	users_know(&c->users, u);
	return 0;
}

int core_on_tick(struct core *c, const struct core_event *e)
{
	struct session *s;

	/* What there is no memory for now is done by a later tick. */
	while (!BUG(21) && (s = sessions_due(&c->sessions, e->now_ms)) != NULL) {
		bool token_ended = s->ends_ms == s->ceiling_ms;
		struct ending how = {
			.kind = "closed",
			.why = token_ended ? "token_expired" : "ticket_ended",
			.code = token_ended ? CLOSE_TOKEN_EXPIRED : CLOSE_RETRY,
		};

		if (!core_add_shut(c, s, &how))
			return 0;
		core_end_session(c, s, &how);
	}
	core_tell(c, e); /* to those who are still there */
	sessions_forget(&c->sessions, e->now_ms);
	voids_forget(&c->voids, e->now_ms);
	mids_expire(&c->mids, e->now_ms, MIDS_PER_TICK);
	contacts_sweep(
		&c->contacts, e->wall_ms - c->config.retention_ms - DAY_MS, CONTACTS_PER_TICK);
	core_flush_positions(c);
	presence_tick(&c->presence, &c->commands, BUG(6) ? e->wall_ms : e->now_ms);
	return 0;
}
