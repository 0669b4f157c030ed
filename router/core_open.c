/*
 * A ticket becomes a session.  What the router believes of it it has from the ticket alone, whose
 * MAC the caller has verified; here its fields are held against the link that it came by, the
 * clock, what was revoked, and the sessions that there are or were.  And the client's position,
 * which is a wish and no authority, against what there is to read.
 *
 * A REBIND is an open that takes the place of a session of its link, which ends when the new one is
 * there and not before.  Where a user has too many sessions, older ones may give way in the same
 * manner (enum core_limit), but never to one that is opened again.
 */
#include <errno.h>

#include "common/bug.h"
#include "proto/names.h"
#include "router/core_internal.h"

#define API_DEVICE "api"

static bool is_reopen(const struct core_event *e)
{
	return e->kind == CORE_OPEN && e->open.reopen;
}

static bool is_call(const struct core_event *e)
{
	return e->open.dialect == CORE_API;
}

static bool is_of_another_edge(const struct core *c, const struct core_event *e)
{
	const struct ticket *t = e->open.ticket;
	const struct link_state *l = &c->sessions.links[e->link];

	return t->edge_id != l->edge.id || t->edge_epoch != l->edge.epoch;
}

static bool is_good_device(struct slice device)
{
	if (device.len > DEVICE_MAX_BYTES)
		return false;
	if (device.len > 1 && device.data[0] == '~')
		device = (struct slice){device.data + 1, device.len - 1};
	return name_is_device(device);
}

/* What an honest edge never presents, or NULL. */
static const char *open_violation(const struct core *c, const struct core_event *e)
{
	const struct ticket *t = e->open.ticket;

	if (!c->sessions.links[e->link].up)
		return "open_without_link";
	if (t->nonce != e->open.nonce)
		return "ticket_of_another_nonce";
	if (!is_call(e) && !is_good_device(e->open.device))
		return "bad_device";
	if (is_call(e) && e->kind == CORE_REBIND)
		return "rebind_to_a_request";
	if (!name_is_uid(ticket_uid(t)))
		return "bad_uid";
	/* An edge that opens its sessions again may have become another one, or have lost its link.
	 */
	if (is_reopen(e))
		return NULL;
	if (is_of_another_edge(c, e))
		return "ticket_of_another_edge";
	if (sessions_find(&c->sessions, t->session) != NULL)
		return "ticket_used_before";
	return NULL;
}

static bool is_of_device(const struct session *s, struct slice device)
{
	return device_is_named(device) &&
	       slice_eq((struct slice){s->device, s->device_len}, device);
}

/* Whether a session of the user gives way to the new one because of its device. */
static bool gives_way(const struct core *c, const struct core_event *e, const struct session *s)
{
	return c->config.limit == CORE_LIMIT_DEVICE && !is_reopen(e) && !is_call(e) &&
	       is_of_device(s, e->open.device);
}

/* The user's sessions that stay when the new one comes; old: the one that is rebound, or NULL. */
static size_t count_staying(const struct core *c, const struct core_event *e, const struct user *u,
	const struct session *old)
{
	size_t n = 0;

	for (const struct session *s = u->sessions; s != NULL; s = s->user_next)
		n += s != old && !gives_way(c, e, s);
	return n;
}

/* Whether the oldest of them must give way. */
static bool is_over_limit(const struct core *c, const struct core_event *e, const struct user *u,
	const struct session *old)
{
	return !is_call(e) && count_staying(c, e, u, old) >= c->config.sessions_per_user + BUG(37);
}

static enum close_code limit_refusal(
	const struct core *c, const struct core_event *e, const struct session *old)
{
	const struct user *u = users_find(&c->users, ticket_uid(e->open.ticket));

	if (u == NULL)
		return CLOSE_NONE;
	if (is_call(e))
		return u->n_calls >= API_SESSIONS_PER_USER ? CLOSE_RATE_LIMITED : CLOSE_NONE;
	if (c->config.limit == CORE_LIMIT_OLDEST && !is_reopen(e))
		return CLOSE_NONE;
	return is_over_limit(c, e, u, old) ? CLOSE_SESSION_LIMIT : CLOSE_NONE;
}

/* The close code for a ticket that opens nothing, whoever has it. */
static enum close_code ticket_refusal(const struct core *c, const struct core_event *e)
{
	const struct ticket *t = e->open.ticket;
	const struct session *known = sessions_find(&c->sessions, t->session);
	bool may_be_late = is_reopen(e) && e->now_ms - c->config.started_ms <= REOPEN_WINDOW_MS;
	enum close_code code = BUG(30) ? CLOSE_NONE : core_void_code(c, t);

	if (is_of_another_edge(c, e))
		return CLOSE_RETRY;
	if (known != NULL && known->user == NULL && known->final_code != 0)
		return (enum close_code)known->final_code;
	if (code != CLOSE_NONE)
		return code;
	if ((known != NULL && !BUG(14)) || (is_call(e) && is_reopen(e)))
		return CLOSE_RETRY;
	if (t->session_end_ms <= e->now_ms)
		return t->session_end_ms == t->ceiling_ms ? CLOSE_TOKEN_EXPIRED : CLOSE_RETRY;
	if (t->issued_at_ms > e->now_ms + ISSUED_AHEAD_MS)
		return CLOSE_RETRY;
	return t->present_by_ms < e->now_ms && !may_be_late ? CLOSE_RETRY : CLOSE_NONE;
}

static int add_refusal(struct core *c, const struct core_event *e, enum close_code code)
{
	struct core_command *command = commands_add(&c->commands, CORE_DO_OPEN_REFUSED, e->link);
	struct note n;

	if (command == NULL || !note_begin(&n, &c->commands))
		return -ENOMEM;
	command->open_refused.nonce = e->open.nonce;
	command->open_refused.code = code;
	note_text(&n, "what",
		e->kind == CORE_REBIND ? SLICE_LITERAL("rebind") : SLICE_LITERAL("open"));
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
	struct slice device = is_call(e) ? SLICE_LITERAL(API_DEVICE) : e->open.device;

	s->id = t->session;
	s->edge = (struct edge_name){t->edge_id, t->edge_epoch};
	s->link = e->link;
	s->flags = t->flags;
	s->dialect = e->open.dialect;
	s->opened_ms = e->now_ms;
	s->ends_ms = t->session_end_ms;
	s->ceiling_ms = t->ceiling_ms;
	s->issued_ms = t->issued_at_ms;
	s->token_hash = t->token_hash;
	s->issuer_id = t->issuer_id;
	s->device_len = (uint32_t)device.len;
	memcpy(s->device, device.data, device.len);
	if (is_call(e) && s->ends_ms > e->now_ms + API_SESSION_MS)
		s->ends_ms = e->now_ms + API_SESSION_MS;
}

/*
 * Between a router's start and the answer to its reopen, an edge goes on sending for the session.
 * So the id of one that will not come back is kept like that of one that ended.
 */
static int refuse_open(struct core *c, const struct core_event *e, enum close_code code)
{
	struct session gone = {0};
	int rc = add_refusal(c, e, code);

	if (rc < 0)
		return rc;
	if (!is_reopen(e) || is_of_another_edge(c, e) ||
		sessions_find(&c->sessions, e->open.ticket->session) != NULL)
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
	if (is_call(e))
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
	core_note_session(c, s, &(struct ending){.kind = "opened"});
	return 0;
}

static void begin_user(struct core *c, struct user *u, bool is_seen)
{
	users_know(&c->users, u);
	if (!u->has_begun)
		u->acked_system = c->system.stored.seq;
	u->has_begun = true;
	if (!is_seen)
		return;
	if (u->n_sessions == 1)
		users_enrol(&c->users, u);
	presence_changed(&c->presence, u);
}

static const struct session *find_oldest(const struct user *u)
{
	const struct session *oldest = NULL;

	for (const struct session *s = u->sessions; s != NULL; s = s->user_next) {
		if (oldest == NULL || s->order < oldest->order)
			oldest = s;
	}
	return oldest;
}

static const struct ending replaced = {
	.kind = "replaced", .code = CLOSE_REPLACED, .is_final = true};

/* Shuts what gives way. */
static int add_replaced(
	struct core *c, const struct core_event *e, const struct user *u, const struct session *old)
{
	const struct session *oldest =
		!is_reopen(e) && is_over_limit(c, e, u, old) ? find_oldest(u) : NULL;

	for (const struct session *s = u->sessions; s != NULL; s = s->user_next) {
		if (s != old && (s == oldest || gives_way(c, e, s)) &&
			!core_add_shut(c, s, &replaced))
			return -ENOMEM;
	}
	return 0;
}

/* What the new one takes the place of. */
static void end_older(struct core *c, struct session *old)
{
	static const struct ending rebound = {.kind = "closed", .why = "rebound"};

	c->counts.replaced += core_end_shut(c, &replaced);
	if (old == NULL || BUG(31))
		return;
	core_end_session(c, old, &rebound);
	c->counts.rebound++;
}

static int open_session(struct core *c, const struct core_event *e, struct session *old)
{
	struct session s = {.user = users_make(&c->users, ticket_uid(e->open.ticket))};
	struct start at;

	if (s.user == NULL)
		return -ENOMEM;
	if (BUG(32) && old != NULL)
		s.user = old->user;
	fill_session(&s, e);
	find_start(c, e, s.user, &at);
	begin(&s, &at);
	if (add_replaced(c, e, s.user, old) < 0 || add_opened(c, e, &s, &at) < 0 ||
		sessions_add(&c->sessions, &s) == NULL) {
		users_drop_idle(&c->users, s.user);
		return -ENOMEM;
	}
	begin_user(c, s.user, !is_call(e));
	end_older(c, old);
	c->counts.opened += !is_call(e);
	c->counts.resets += at.reset != CORE_RESET_NONE;
	return 0;
}

static int blame(struct core *c, const struct core_event *e, const char *what)
{
	int rc = add_refusal(c, e, CLOSE_FORBIDDEN);

	return rc < 0 ? rc : core_violation(c, e, what);
}

static int take(struct core *c, const struct core_event *e, struct session *old)
{
	const char *what = open_violation(c, e);
	enum close_code code;

	if (c->named == NULL)
		c->named = users_find(&c->users, ticket_uid(e->open.ticket));
	if (what != NULL)
		return blame(c, e, what);
	code = ticket_refusal(c, e);
	if (code == CLOSE_NONE)
		code = limit_refusal(c, e, old);
	return code == CLOSE_NONE ? open_session(c, e, old) : refuse_open(c, e, code);
}

int core_on_open(struct core *c, const struct core_event *e)
{
	return take(c, e, NULL);
}

int core_on_rebind(struct core *c, const struct core_event *e)
{
	struct session *old = NULL;

	switch (core_connection(c, e, e->open.replaces, &old)) {
	case OWNER_NONE:
		return blame(c, e, "rebind_of_another_session");
	case OWNER_ENDED:
		/* The edge will hear why it did. */
		return refuse_open(c, e, CLOSE_RETRY);
	case OWNER_LINK:
		break;
	}
	return take(c, e, old);
}
