/*
 * Who may say what to whom.  The sender is the session's user, whatever the event says.  What is
 * allowed goes on in core_accept.c; here are the answers to the rest, and what is never stored.
 */
#include <errno.h>

#include "common/buf.h"
#include "common/bug.h"
#include "proto/names.h"
#include "router/core_internal.h"

/* Before a message to somebody who is not there is worth trying again. */
#define OFFLINE_AFTER_MS 5000
/* The ids of operators' messages are of one device of nobody. */
#define OPERATOR_DEVICE "routerctl"

static bool may_send(const struct session *s)
{
	return (s->flags & TICKET_MAY_SEND) != 0 && (s->flags & TICKET_READ_ONLY) == 0;
}

static bool may_push(const struct session *s)
{
	return (s->flags & TICKET_MAY_PUSH) != 0 && (s->flags & TICKET_READ_ONLY) == 0;
}

/*
 * After a restart nobody is called unknown, which a client would take for final, before the edges
 * have had time to reopen who is connected.
 */
enum exception_code core_recipient(const struct core *c, struct slice uid, struct user **out)
{
	struct user *u = users_find(&c->users, uid);

	if ((u == NULL || !u->known) && c->config.recipients == CORE_RECIPIENTS_KNOWN)
		return c->now_ms < c->presence.silent_until_ms ? EX_RECIPIENT_OFFLINE
							       : EX_RECIPIENT_UNKNOWN;
	if (!c->config.is_durable && (u == NULL || u->n_sessions == 0))
		return EX_RECIPIENT_OFFLINE;
	*out = u;
	return EX_NONE;
}

/* Copied: a command outlives its event. */
static bool copy_mid(struct core *c, struct slice in, struct slice *out)
{
	char *mid = commands_alloc(&c->commands, in.len);

	if (mid == NULL)
		return false;
	memcpy(mid, in.data, in.len);
	*out = (struct slice){mid, in.len};
	return true;
}

static int refuse(struct core_command *result, struct refusal why)
{
	if (result == NULL)
		return -ENOMEM;
	result->result.code = why.code;
	result->result.field = why.field;
	result->result.after_ms =
		why.code == EX_RECIPIENT_OFFLINE ? OFFLINE_AFTER_MS : why.after_ms;
	return 0;
}

/* s: who asked; NULL: an operator. */
static bool note_refused(
	struct core *c, const struct core_event *e, const struct session *s, struct refusal why)
{
	bool is_send = e->kind == CORE_SEND;
	struct slice to = is_send ? e->send.to : e->push.user;
	struct note n;

	if (!note_begin(&n, &c->commands))
		return false;
	note_text(&n, "what", slice_of(is_send ? "send" : "push"));
	if (name_is_uid(to))
		note_text(&n, "to", to);
	note_number(&n, "code", why.code);
	return note_end(&n, "refused", s == NULL ? (struct slice){0} : user_uid(s->user));
}

static int refuse_send(
	struct core *c, const struct core_event *e, const struct session *s, struct refusal why)
{
	struct core_command *result = commands_add(&c->commands, CORE_DO_RESULT, e->link);

	if (refuse(result, why) < 0)
		return -ENOMEM;
	result->result.ref = e->send.ref;
	if (name_is_mid(e->send.mid) && !copy_mid(c, e->send.mid, &result->result.mid))
		return -ENOMEM;
	if (s != NULL && !note_refused(c, e, s, why))
		return -ENOMEM;
	c->counts.refused++;
	return 0;
}

static struct refusal check_send(const struct core_event *e, const struct session *s)
{
	if (!may_send(s))
		return (struct refusal){EX_NOT_PERMITTED, NULL, 0};
	if (!name_is_uid(e->send.to))
		return (struct refusal){EX_BAD_DATA, "toUserId", 0};
	if (e->send.mid.len > 0 && !name_is_mid(e->send.mid))
		return (struct refusal){EX_BAD_DATA, "mid", 0};
	if (e->send.content.len > CHAT_MAX_BYTES)
		return (struct refusal){EX_TOO_LARGE, "message", 0};
	if (!utf8_is_valid(e->send.content))
		return (struct refusal){EX_BAD_DATA, "message", 0};
	return (struct refusal){0};
}

static struct asker asker_of_link(const struct core *c, const struct core_event *e, uint64_t ref)
{
	return (struct asker){.link = e->link, .turn = c->sessions.links[e->link].turn, .ref = ref};
}

static int send(struct core *c, const struct core_event *e, struct session *s, struct refusal *why)
{
	struct draft d = {.e = e, .session = s, .asker = asker_of_link(c, e, e->send.ref)};

	*why = check_send(e, s);
	if (why->code != EX_NONE)
		return 0;
	d.message = (struct message){
		.kind = MESSAGE_CHAT,
		.to = e->send.to,
		.from = user_uid(BUG(9) ? c->sessions.heap[0]->user : s->user),
		.device = {s->device, s->device_len},
		.mid = e->send.mid,
		.body = e->send.content,
		.ts_ms = e->wall_ms,
	};
	return core_accept(c, &d, why);
}

int core_on_send(struct core *c, const struct core_event *e)
{
	struct session *s = NULL;
	struct refusal why;
	int rc;

	switch (core_owner(c, e, e->send.session, &s)) {
	case OWNER_NONE:
		return core_violation(c, e, "send_for_another_session");
	case OWNER_ENDED:
		return refuse_send(c, e, NULL, (struct refusal){EX_TOKEN_EXPIRED, NULL, 0});
	case OWNER_LINK:
		break;
	}
	rc = send(c, e, s, &why);
	return rc < 0 || why.code == EX_NONE ? rc : refuse_send(c, e, s, why);
}

static struct refusal check_push(const struct core_event *e, const struct session *s)
{
	if (s != NULL && !may_push(s))
		return (struct refusal){EX_NOT_PERMITTED, NULL, 0};
	if (!name_is_event(e->push.event) || name_is_reserved_event(e->push.event))
		return (struct refusal){EX_BAD_DATA, "event", 0};
	if (e->push.mid.len > 0 && !name_is_mid(e->push.mid))
		return (struct refusal){EX_BAD_DATA, "mid", 0};
	if (e->push.data.len == 0)
		return (struct refusal){EX_BAD_DATA, "data", 0};
	if (e->push.data.len > PUSH_MAX_BYTES)
		return (struct refusal){EX_TOO_LARGE, "data", 0};
	if (e->push.user.len > 0 && !name_is_uid(e->push.user))
		return (struct refusal){EX_BAD_DATA, "user", 0};
	return (struct refusal){0};
}

static struct core_command *add_push_result(struct core *c, const struct core_event *e)
{
	struct core_command *result = e->kind == CORE_PUSH
					      ? commands_add(&c->commands, CORE_DO_RESULT, e->link)
					      : commands_add(&c->commands, CORE_DO_CTL_RESULT, 0);

	if (result != NULL)
		result->result.ref = e->push.ref;
	return result;
}

static int refuse_push(
	struct core *c, const struct core_event *e, const struct session *s, struct refusal why)
{
	if (refuse(add_push_result(c, e), why) < 0 || !note_refused(c, e, s, why))
		return -ENOMEM;
	return 0;
}

/* Past the retention it would not be there anyhow. */
static int64_t expiry(const struct core *c, const struct core_event *e)
{
	if (e->kind != CORE_CTL_PUSH || e->push.ttl_ms <= 0 ||
		e->push.ttl_ms >= c->config.retention_ms)
		return 0;
	return e->wall_ms + e->push.ttl_ms;
}

static int push(struct core *c, const struct core_event *e, struct session *s, struct refusal *why)
{
	struct draft d = {.e = e, .session = s};

	*why = check_push(e, s);
	if (why->code != EX_NONE)
		return 0;
	if (s != NULL)
		d.asker = asker_of_link(c, e, e->push.ref);
	else
		d.asker = (struct asker){.is_operator = true, .ref = e->push.ref};
	d.message = (struct message){
		.kind = MESSAGE_PUSH,
		.to = e->push.user,
		.device = SLICE_LITERAL(OPERATOR_DEVICE),
		.mid = e->push.mid,
		.event = e->push.event,
		.body = e->push.data,
		.ts_ms = e->wall_ms,
		.expires_ms = expiry(c, e),
	};
	if (s != NULL) {
		d.message.from = user_uid(s->user);
		d.message.device = (struct slice){s->device, s->device_len};
	}
	return core_accept(c, &d, why);
}

int core_on_push(struct core *c, const struct core_event *e)
{
	struct session *s = NULL;
	enum owner owner = OWNER_LINK; /* an operator owns no session */
	struct refusal why;
	int rc;

	if (e->kind == CORE_PUSH)
		owner = core_owner(c, e, e->push.session, &s);
	switch (owner) {
	case OWNER_NONE:
		return core_violation(c, e, "push_for_another_session");
	case OWNER_ENDED:
		return refuse(add_push_result(c, e), (struct refusal){EX_TOKEN_EXPIRED, NULL, 0});
	case OWNER_LINK:
		break;
	}
	rc = push(c, e, s, &why);
	return rc < 0 || why.code == EX_NONE ? rc : refuse_push(c, e, s, why);
}

int core_on_typing(struct core *c, const struct core_event *e)
{
	struct fanout f = {.shed = true};
	struct session *s = NULL;
	struct user *to = NULL;
	uint32_t n;

	switch (core_connection(c, e, e->typing.session, &s)) {
	case OWNER_NONE:
		return core_violation(c, e, "typing_for_another_session");
	case OWNER_ENDED:
		return 0;
	case OWNER_LINK:
		break;
	}
	if (!may_send(s) || core_recipient(c, e->typing.to, &to) != EX_NONE || to == NULL)
		return 0;
	f.user = to;
	f.except = s->id;
	if (!core_has_receiver(&f))
		return 0;
	if (!text_typing(&c->commands, user_uid(s->user), &f.text))
		return -ENOMEM;
	return core_fan_out(c, &f, &n);
}
