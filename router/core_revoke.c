/*
 * Sessions that others end, and what is never opened again: kicks and revocations.  All SHUTs and
 * MARKs are made first; then the sessions that they name end, which cannot fail.
 */
#include <errno.h>

#include "common/bug.h"
#include "proto/names.h"
#include "router/core_internal.h"

/* Before a client tries again that was shut for no fault of its own. */
#define RETRY_AFTER_MS 1000

static bool add_mark(struct core *c, const struct mark *mark, uint64_t tag)
{
	struct core_command *command = commands_add(&c->commands, CORE_DO_MARK, 0);

	if (command == NULL)
		return false;
	command->mark.mark = *mark;
	command->mark.tag = tag;
	return true;
}

static bool add_session_mark(struct core *c, const struct session *s, unsigned code)
{
	struct mark mark = {
		.kind = MARK_SESSION,
		.id = s->id,
		.at_ms = c->now_ms,
		.code = code,
		.edge_id = s->edge.id,
		.edge_epoch = s->edge.epoch,
	};

	return add_mark(c, &mark, 0);
}

bool core_add_shut(struct core *c, const struct session *s, const struct ending *how)
{
	struct core_command *command = commands_add(&c->commands, CORE_DO_SHUT, s->link);

	if (command == NULL)
		return false;
	command->shut.session = s->id;
	command->shut.code = how->code;
	command->shut.after_ms = how->code == CLOSE_RETRY ? RETRY_AFTER_MS : 0;
	return !how->is_final || BUG(33) || add_session_mark(c, s, how->code);
}

uint64_t core_end_shut(struct core *c, const struct ending *how)
{
	uint64_t ended = 0;

	/* Notes are added meanwhile. */
	for (size_t i = 0, n = c->commands.n; i < n; i++) {
		const struct core_command *command = &c->commands.list[i];

		if (command->kind != CORE_DO_SHUT)
			continue;
		core_end_session(c, sessions_find(&c->sessions, command->shut.session), how);
		ended++;
	}
	return ended;
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

/* Those of a user that the mark names; mark NULL: all. */
static int shut_sessions(
	struct core *c, struct session *first, const struct mark *mark, const struct ending *how)
{
	for (const struct session *s = first; s != NULL; s = s->user_next) {
		struct voids_ticket t = core_ticket_of(s);

		if ((mark == NULL || voids_names(mark, &t)) && !core_add_shut(c, s, how))
			return -ENOMEM;
	}
	return 0;
}

static int shut_user(
	struct core *c, const struct user *u, const struct mark *mark, const struct ending *how)
{
	if (u == NULL)
		return 0;
	if (shut_sessions(c, u->sessions, mark, how) < 0 ||
		shut_sessions(c, u->calls, mark, how) < 0)
		return -ENOMEM;
	return 0;
}

int core_on_kick(struct core *c, const struct core_event *e)
{
	static const struct ending how = {.kind = "kicked", .code = CLOSE_KICKED, .is_final = true};
	struct user *u = users_find(&c->users, e->user.uid);

	if (add_kicked(c, u) < 0 || shut_user(c, u, NULL, &how) < 0)
		return -ENOMEM;
	core_end_shut(c, &how);
	return 0;
}

struct voids_ticket core_ticket_of(const struct session *s)
{
	return (struct voids_ticket){user_uid(s->user), s->issued_ms, s->token_hash, s->issuer_id};
}

enum close_code core_void_code(const struct core *c, const struct ticket *t)
{
	struct voids_ticket asked = {ticket_uid(t), t->issued_at_ms, t->token_hash, t->issuer_id};

	return (enum close_code)voids_code(&c->voids, &asked, c->now_ms);
}

/* As it is to be kept, or false: it names nothing. */
static bool read_mark(struct core *c, const struct mark *from, struct mark *out)
{
	*out = *from;
	if (!name_is_uid(out->uid))
		out->uid = (struct slice){0};
	if (out->code == 0)
		out->code = CLOSE_REVOKED;
	if (voids_is_past(from->at_ms, c->now_ms) || out->kind < MARK_USER ||
		out->kind > MARK_ISSUER || (out->kind == MARK_USER && out->uid.len == 0))
		return false;
	voids_raise(&c->voids, out);
	return true;
}

/* The same with a uid that outlives the event; tag: whose. */
static int add_own_mark(struct core *c, const struct mark *mark, uint64_t tag)
{
	struct mark own = *mark;
	char *uid = commands_alloc(&c->commands, mark->uid.len);

	if (uid == NULL)
		return -ENOMEM;
	if (mark->uid.len > 0)
		memcpy(uid, mark->uid.data, mark->uid.len);
	own.uid.data = uid;
	return add_mark(c, &own, tag) ? 0 : -ENOMEM;
}

static int shut_link(struct core *c, const struct link_state *l, const struct mark *mark,
	const struct ending *how)
{
	for (const struct session *s = l->first; s != NULL; s = s->link_next) {
		struct voids_ticket t = core_ticket_of(s);

		if (voids_names(mark, &t) && !core_add_shut(c, s, how))
			return -ENOMEM;
	}
	return 0;
}

/* Of a token whose user is known, and of a user, his sessions alone are looked at. */
static int shut_named(struct core *c, const struct mark *mark, const struct ending *how)
{
	if (mark->uid.len > 0 && mark->kind != MARK_ISSUER)
		return shut_user(c, users_find(&c->users, mark->uid), mark, how);
	for (size_t i = 0; i < MAX_EDGES; i++) {
		if (shut_link(c, &c->sessions.links[i], mark, how) < 0)
			return -ENOMEM;
	}
	return 0;
}

static const char *mark_word(enum mark_kind kind)
{
	switch (kind) {
	case MARK_USER:
		return "user";
	case MARK_TOKEN:
		return "token";
	case MARK_ISSUER:
		return "issuer";
	case MARK_SESSION:
		break;
	}
	return "session";
}

/* Also of a user who is not there: it is why his next open is refused. */
static void note_revocation(struct core *c, const struct mark *mark, uint64_t sessions)
{
	struct note n;

	if (!note_begin(&n, &c->commands))
		return;
	note_text(&n, "what", slice_of(mark_word(mark->kind)));
	note_number(&n, "code", mark->code);
	note_number(&n, "sessions", sessions);
	note_end(&n, "revocation", mark->uid);
}

int core_on_revoke(struct core *c, const struct core_event *e)
{
	struct ending how = {.kind = "revoked", .is_final = true};
	struct mark mark;
	uint64_t ended;

	if (!read_mark(c, &e->revoke.mark, &mark))
		return 0;
	how.code = mark.code;
	how.why = mark_word(mark.kind);
	if ((!BUG(35) && add_own_mark(c, &mark, e->revoke.tag) < 0) ||
		shut_named(c, &mark, &how) < 0 || voids_put(&c->voids, &mark) < 0)
		return -ENOMEM;
	ended = core_end_shut(c, &how);
	c->counts.revoked += ended;
	note_revocation(c, &mark, ended);
	return 0;
}

static int load_ended(struct core *c, const struct mark *mark)
{
	struct session gone = {
		.id = mark->id,
		.edge = {mark->edge_id, mark->edge_epoch},
		.final_code = mark->code == 0 ? CLOSE_KICKED : mark->code,
	};

	if (sessions_find(&c->sessions, mark->id) != NULL)
		return 0;
	return sessions_add_ended(&c->sessions, &gone, mark->at_ms) ? 0 : -ENOMEM;
}

int core_load_mark(struct core *c, const struct mark *from)
{
	struct mark mark;

	if (from->kind == MARK_SESSION && BUG(34))
		return 0;
	if (from->kind == MARK_SESSION)
		return voids_is_past(from->at_ms, c->now_ms) ? 0 : load_ended(c, from);
	return read_mark(c, from, &mark) && !BUG(45) ? voids_put(&c->voids, &mark) : 0;
}
