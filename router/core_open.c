/*
 * A ticket becomes a session.  What the router believes of it it has from the ticket alone, whose
 * MAC the caller has verified; here its fields are held against the link that it came by, the
 * clock, and the sessions that there are or were.  And the client's position, which is a wish and
 * no authority, against what there is to read.
 */
#include <errno.h>

#include "common/bug.h"
#include "proto/names.h"
#include "router/core_internal.h"

/* A ticket may come from a clock reading that is a little ahead of ours. */
#define ISSUED_AHEAD_MS 1000

static struct slice ticket_uid(const struct ticket *t)
{
	return (struct slice){t->uid, t->uid_len};
}

/* What an honest edge never presents, or NULL. */
static const char *open_violation(const struct core *c, const struct core_event *e)
{
	const struct ticket *t = e->open.ticket;
	const struct link_state *l = &c->sessions.links[e->link];
	struct slice device = e->open.device;

	if (!l->up)
		return "open_without_link";
	if (t->nonce != e->open.nonce)
		return "ticket_of_another_nonce";
	if (device.len > 1 && device.data[0] == '~')
		device = (struct slice){device.data + 1, device.len - 1};
	if (e->open.device.len > DEVICE_MAX_BYTES || !name_is_device(device))
		return "bad_device";
	if (!name_is_uid(ticket_uid(t)))
		return "bad_uid";
	/* An edge that opens its sessions again may have become another one, or have lost its link.
	 */
	if (e->open.reopen)
		return NULL;
	if (t->edge_id != l->edge.id || t->edge_epoch != l->edge.epoch)
		return "ticket_of_another_edge";
	if (sessions_find(&c->sessions, t->session) != NULL)
		return "ticket_used_before";
	return NULL;
}

/* The close code for a client whose session cannot be opened, or CLOSE_NONE. */
static enum close_code open_refusal(const struct core *c, const struct core_event *e)
{
	const struct ticket *t = e->open.ticket;
	const struct link_state *l = &c->sessions.links[e->link];
	const struct user *u = users_find(&c->users, ticket_uid(t));
	bool may_be_late = e->open.reopen && e->now_ms - c->config.started_ms <= REOPEN_WINDOW_MS;

	if (t->edge_id != l->edge.id || t->edge_epoch != l->edge.epoch ||
		(sessions_find(&c->sessions, t->session) != NULL && !BUG(14)))
		return CLOSE_RETRY;
	if (t->session_end_ms <= e->now_ms)
		return t->session_end_ms == t->ceiling_ms ? CLOSE_TOKEN_EXPIRED : CLOSE_RETRY;
	if (t->issued_at_ms > e->now_ms + ISSUED_AHEAD_MS)
		return CLOSE_RETRY;
	if (t->present_by_ms < e->now_ms && !may_be_late)
		return CLOSE_RETRY;
	if (u != NULL && u->n_sessions >= c->config.sessions_per_user)
		return CLOSE_SESSION_LIMIT;
	return CLOSE_NONE;
}

static int add_refusal(struct core *c, const struct core_event *e, enum close_code code)
{
	struct core_command *command = commands_add(&c->commands, CORE_DO_OPEN_REFUSED, e->link);
	struct note n;

	if (command == NULL || !note_begin(&n, &c->commands))
		return -ENOMEM;
	command->open_refused.nonce = e->open.nonce;
	command->open_refused.code = code;
	note_text(&n, "what", SLICE_LITERAL("open"));
	note_number(&n, "edge", c->sessions.links[e->link].edge.id);
	note_number(&n, "code", code);
	if (!note_end(&n, "refused", ticket_uid(e->open.ticket)))
		return -ENOMEM;
	c->counts.opens_refused++;
	return 0;
}

static void fill_session(struct session *s, const struct core_event *e)
{
	const struct ticket *t = e->open.ticket;

	s->id = t->session;
	s->edge = (struct edge_name){t->edge_id, t->edge_epoch};
	s->link = e->link;
	s->flags = t->flags;
	s->dialect = e->open.dialect;
	s->opened_ms = e->now_ms;
	s->ends_ms = t->session_end_ms;
	s->ceiling_ms = t->ceiling_ms;
	s->device_len = (uint32_t)e->open.device.len;
	memcpy(s->device, e->open.device.data, e->open.device.len);
}

/*
 * Between a router's start and the answer to its reopen, an edge goes on sending for the session.
 * So the id of one that will not come back is kept like that of one that ended.
 */
static int refuse_open(struct core *c, const struct core_event *e, enum close_code code)
{
	const struct ticket *t = e->open.ticket;
	const struct link_state *l = &c->sessions.links[e->link];
	struct session gone = {0};
	int rc = add_refusal(c, e, code);

	if (rc < 0)
		return rc;
	if (!e->open.reopen || t->edge_id != l->edge.id || t->edge_epoch != l->edge.epoch ||
		sessions_find(&c->sessions, t->session) != NULL)
		return 0;
	fill_session(&gone, e);
	return sessions_add_ended(&c->sessions, &gone, e->now_ms) ? 0 : -ENOMEM;
}

/* Where a session begins. */
struct start {
	uint64_t u;
	uint64_t s;
	bool recovered;
	enum core_reset reset;
};

static bool is_too_old(const struct numbers *n, uint64_t position)
{
	return position + 1 < n->floor;
}

/* Whether the client's position can be honoured: both numbers, or neither. */
static enum core_reset check_position(
	const struct core *c, const struct core_event *e, const struct user *u)
{
	if (!slice_eq(e->open.epoch, core_epoch(c)) && !BUG(22))
		return CORE_RESET_EPOCH_CHANGED;
	if (e->open.u > u->numbers.stored.seq || e->open.s > c->system.stored.seq)
		return CORE_RESET_AHEAD;
	if (is_too_old(&u->numbers, e->open.u) || is_too_old(&c->system, e->open.s))
		return CORE_RESET_TOO_OLD;
	return CORE_RESET_NONE;
}

static uint64_t not_below_floor(const struct numbers *n, uint64_t position)
{
	return is_too_old(n, position) ? n->floor - 1 : position;
}

static void find_start(
	const struct core *c, const struct core_event *e, const struct user *u, struct start *out)
{
	*out = (struct start){u->numbers.stored.seq, c->system.stored.seq, false, CORE_RESET_NONE};
	if (e->open.live_only)
		return;
	if (!e->open.has_position) {
		out->u = not_below_floor(&u->numbers, u->acked_seq);
		if (u->has_begun)
			out->s = not_below_floor(&c->system, u->acked_system);
		return;
	}
	out->reset = check_position(c, e, u);
	if (out->reset != CORE_RESET_NONE)
		return;
	out->u = e->open.u;
	out->s = e->open.s;
	out->recovered = true;
}

static void begin(struct session *s, const struct start *at)
{
	struct slice device = {s->device, s->device_len};
	const struct position *p = device_is_named(device) ? positions_find(s->user, device) : NULL;

	s->is_live = at->u == s->user->numbers.stored.seq;
	s->asked_after[CORE_STREAM_USER] = at->u;
	s->asked_after[CORE_STREAM_SYSTEM] = at->s;
	s->acked_u = p == NULL ? 0 : p->u;
	s->acked_s = p == NULL ? 0 : p->s;
}

/* The store hears of a user when he begins. */
static int add_user(struct core *c, const struct user *u)
{
	struct core_command *command;

	if (u->has_begun)
		return 0;
	command = commands_add(&c->commands, CORE_DO_USER, 0);
	if (command == NULL)
		return -ENOMEM;
	command->user.uid = user_uid(u);
	command->user.acked_system = c->system.stored.seq;
	return 0;
}

static int add_opened(
	struct core *c, const struct core_event *e, const struct session *s, const struct start *at)
{
	struct core_command *command;

	if (add_user(c, s->user) < 0)
		return -ENOMEM;
	command = commands_add(&c->commands, CORE_DO_OPENED, e->link);
	if (command == NULL)
		return -ENOMEM;
	command->opened.nonce = e->open.nonce;
	command->opened.session = s->id;
	command->opened.u = s->user->numbers.stored.seq;
	command->opened.s = c->system.stored.seq;
	command->opened.start_u = at->u;
	command->opened.start_s = at->s;
	command->opened.recovered = at->recovered;
	command->opened.reset = at->reset;
	core_note_session(c, s, "opened", NULL);
	return 0;
}

static void begin_user(struct core *c, struct user *u)
{
	users_know(&c->users, u);
	if (u->n_sessions == 1)
		users_enrol(&c->users, u);
	if (!u->has_begun)
		u->acked_system = c->system.stored.seq;
	u->has_begun = true;
}

static int open_session(struct core *c, const struct core_event *e)
{
	struct session s = {.user = users_make(&c->users, ticket_uid(e->open.ticket))};
	struct start at;

	if (s.user == NULL)
		return -ENOMEM;
	fill_session(&s, e);
	find_start(c, e, s.user, &at);
	begin(&s, &at);
	if (add_opened(c, e, &s, &at) < 0 || sessions_add(&c->sessions, &s) == NULL) {
		users_drop_idle(&c->users, s.user);
		return -ENOMEM;
	}
	begin_user(c, s.user);
	presence_changed(&c->presence, s.user);
	c->counts.opened++;
	c->counts.resets += at.reset != CORE_RESET_NONE;
	return 0;
}

int core_on_open(struct core *c, const struct core_event *e)
{
	const char *what = open_violation(c, e);
	enum close_code code;
	int rc;

	if (what != NULL) {
		rc = add_refusal(c, e, CLOSE_FORBIDDEN);
		return rc < 0 ? rc : core_violation(c, e, what);
	}
	code = open_refusal(c, e);
	return code == CLOSE_NONE ? open_session(c, e) : refuse_open(c, e, code);
}
