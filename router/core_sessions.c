/*
 * Who is there: links come and go, sessions end (how they begin: core_open.c).
 */
#include <errno.h>

#include "common/bug.h"
#include "proto/names.h"
#include "router/core_internal.h"

/* A ticket may come from a clock reading that is a little ahead of ours. */
#define ISSUED_AHEAD_MS 1000
/* Before a client tries again that was shut for no fault of its own. */
#define RETRY_AFTER_MS 1000
/* Looked at in one tick, to be forgotten. */
#define MIDS_PER_TICK 65536
#define CONTACTS_PER_TICK 4096

static struct slice ticket_uid(const struct ticket *t)
{
	return (struct slice){t->uid, t->uid_len};
}

void core_note_session(struct core *c, const struct session *s, const char *kind, const char *why)
{
	struct note n;

	if (!note_begin(&n, &c->commands))
		return;
	note_hex(&n, "session", s->id);
	note_text(&n, "device", (struct slice){s->device, s->device_len});
	note_number(&n, "edge", s->edge.id);
	if (why != NULL)
		note_text(&n, "reason", slice_of(why));
	note_end(&n, kind, user_uid(s->user));
}

static void end_session(struct core *c, struct session *s, const char *kind, const char *why)
{
	struct user *u = s->user;

	core_note_session(c, s, kind, why);
	presence_forget(&c->presence, s);
	sessions_end(&c->sessions, s, c->now_ms);
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
	struct link_state *l = &c->sessions.links[e->link];

	if (!l->up)
		return 0;
	note_edge(c, l, "edge_down");
	while (l->first != NULL)
		end_session(c, l->first, "closed", "edge_down");
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
	struct session *s = NULL;

	switch (core_owner(c, e, e->close.session, &s)) {
	case OWNER_NONE:
		return core_violation(c, e, "close_of_another_session");
	case OWNER_ENDED:
		return 0;
	case OWNER_LINK:
		break;
	}
	end_session(c, BUG(5) ? s->user->sessions : s, "closed", "client");
	return 0;
}

int core_on_watch(struct core *c, const struct core_event *e)
{
	struct presence_list list = {e->watch.users, e->watch.n_users};
	struct session *s = NULL;

	switch (core_owner(c, e, e->watch.session, &s)) {
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

	switch (core_owner(c, e, e->away.session, &s)) {
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

int core_on_renew(struct core *c, const struct core_event *e)
{
	const struct ticket *t = e->renew.ticket;
	struct session *s = NULL;

	switch (core_owner(c, e, e->renew.session, &s)) {
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
	/* One that came late or twice has no effect: the session ends when it would have. */
	if (t->issued_at_ms > e->now_ms + ISSUED_AHEAD_MS || t->present_by_ms < e->now_ms ||
		t->session_end_ms <= s->ends_ms)
		return 0;
	s->flags = t->flags;
	s->ceiling_ms = t->ceiling_ms;
	sessions_set_end(&c->sessions, s, t->session_end_ms);
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

static bool add_shut(struct core *c, const struct session *s, enum close_code code)
{
	struct core_command *command = commands_add(&c->commands, CORE_DO_SHUT, s->link);

	if (command == NULL)
		return false;
	command->shut.session = s->id;
	command->shut.code = code;
	command->shut.after_ms = code == CLOSE_RETRY ? RETRY_AFTER_MS : 0;
	return true;
}

static int add_kicked(struct core *c, const struct user *u)
{
	struct core_command *command = commands_add(&c->commands, CORE_DO_CTL_RESULT, 0);

	if (command == NULL)
		return -ENOMEM;
	if (u == NULL || !u->known) {
		command->result.code = EX_RECIPIENT_UNKNOWN;
		return 0;
	}
	command->result.state = CORE_DELIVERED;
	command->result.devices = u->n_sessions;
	return 0;
}

int core_on_kick(struct core *c, const struct core_event *e)
{
	struct user *u = users_find(&c->users, e->user.uid);
	int rc = add_kicked(c, u);

	if (rc < 0 || u == NULL)
		return rc;
	for (const struct session *s = u->sessions; s != NULL; s = s->user_next) {
		if (!add_shut(c, s, CLOSE_KICKED))
			return -ENOMEM;
	}
	while (u->sessions != NULL)
		end_session(c, u->sessions, "kicked", NULL);
	return 0;
}

int core_on_tick(struct core *c, const struct core_event *e)
{
	struct session *s;

	/* What there is no memory for now is done by a later tick. */
	while (!BUG(21) && (s = sessions_due(&c->sessions, e->now_ms)) != NULL) {
		bool token_ended = s->ends_ms == s->ceiling_ms;

		if (!add_shut(c, s, token_ended ? CLOSE_TOKEN_EXPIRED : CLOSE_RETRY))
			return 0;
		end_session(c, s, "closed", token_ended ? "token_expired" : "ticket_ended");
	}
	core_tell(c, e); /* to those who are still there */
	sessions_forget(&c->sessions, e->now_ms);
	mids_expire(&c->mids, e->now_ms, MIDS_PER_TICK);
	contacts_sweep(
		&c->contacts, e->wall_ms - c->config.retention_ms - DAY_MS, CONTACTS_PER_TICK);
	core_flush_positions(c);
	presence_tick(&c->presence, &c->commands, BUG(6) ? e->wall_ms : e->now_ms);
	return 0;
}
