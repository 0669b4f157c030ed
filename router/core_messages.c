/*
 * Who gets what.  The sender is the session's user, whatever the event says; a text is written once
 * and goes to each link that has a session of its receiver, and to no other.  Numbers are taken
 * when all commands are made, so a step that fails leaves no hole.
 */
#include <errno.h>

#include "common/buf.h"
#include "proto/names.h"
#include "router/core_internal.h"

/* Before a message to somebody who is not there is worth trying again. */
#define OFFLINE_AFTER_MS 5000

struct refusal {
	enum exception_code code; /* EX_NONE: it is fine */
	const char *field;
};

static bool may_send(const struct session *s)
{
	return (s->flags & TICKET_MAY_SEND) != 0 && (s->flags & TICKET_READ_ONLY) == 0;
}

/*
 * Who it is for, with at least one session.  After a restart nobody is called unknown, which a
 * client would take for final, before the edges have had time to reopen who is connected.
 */
static enum exception_code find_recipient(const struct core *c, struct slice uid, struct user **out)
{
	struct user *u = users_find(&c->users, uid);

	if ((u == NULL || !u->known) && c->config.recipients == CORE_RECIPIENTS_KNOWN)
		return c->now_ms < c->presence.silent_until_ms ? EX_RECIPIENT_OFFLINE
							       : EX_RECIPIENT_UNKNOWN;
	if (u == NULL || u->n_sessions == 0)
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

/* The client's mid, or one that is drawn. */
static bool choose_mid(
	struct core *c, const struct core_event *e, struct slice in, struct slice *out)
{
	return in.len > 0 ? copy_mid(c, in, out)
			  : text_mid(&c->commands, e->wall_ms, e->random, out);
}

/* One text to the sessions of a user. */
struct fanout {
	const struct user *user;
	const struct session *except; /* or NULL */
	struct core_text text;
	bool shed;
	bool native_only;
};

static bool is_receiver(const struct fanout *f, const struct session *s)
{
	return s != f->except && (!f->native_only || s->dialect == CORE_NATIVE);
}

static bool has_receiver(const struct fanout *f)
{
	for (const struct session *s = f->user->sessions; s != NULL; s = s->user_next) {
		if (is_receiver(f, s))
			return true;
	}
	return false;
}

/* 0 and the number of receivers, or -ENOMEM. */
static int add_fanout(struct core *c, const struct fanout *f, uint32_t *out_n)
{
	uint64_t *ids = commands_alloc(&c->commands, f->user->n_sessions * sizeof(*ids));
	struct core_command *command = NULL;

	*out_n = 0;
	if (ids == NULL)
		return -ENOMEM;
	for (const struct session *s = f->user->sessions; s != NULL; s = s->user_next) {
		if (!is_receiver(f, s))
			continue;
		if (command == NULL || command->link != s->link) {
			command = commands_add(&c->commands, CORE_DO_DELIVER, s->link);
			if (command == NULL)
				return -ENOMEM;
			command->deliver.sessions = ids + *out_n;
			command->deliver.text = f->text;
			command->deliver.shed = f->shed;
			command->deliver.native_only = f->native_only;
		}
		ids[(*out_n)++] = s->id;
		command->deliver.n_sessions++;
	}
	return 0;
}

static int refuse(struct core_command *result, struct refusal why)
{
	if (result == NULL)
		return -ENOMEM;
	result->result.code = why.code;
	result->result.field = why.field;
	result->result.after_ms = why.code == EX_RECIPIENT_OFFLINE ? OFFLINE_AFTER_MS : 0;
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

static struct refusal check_send(const struct core *c, const struct core_event *e,
	const struct session *s, struct user **out)
{
	if (!may_send(s))
		return (struct refusal){EX_NOT_PERMITTED, NULL};
	if (!name_is_uid(e->send.to))
		return (struct refusal){EX_BAD_DATA, "toUserId"};
	if (e->send.mid.len > 0 && !name_is_mid(e->send.mid))
		return (struct refusal){EX_BAD_DATA, "mid"};
	if (e->send.content.len > CHAT_MAX_BYTES)
		return (struct refusal){EX_TOO_LARGE, "message"};
	if (!utf8_is_valid(e->send.content))
		return (struct refusal){EX_BAD_DATA, "message"};
	return (struct refusal){find_recipient(c, e->send.to, out), NULL};
}

static int add_sent(struct core *c, const struct core_event *e, const struct session *s,
	const struct core_command *like)
{
	struct core_command *result = commands_add(&c->commands, CORE_DO_RESULT, e->link);
	struct note n;

	if (result == NULL || !note_begin(&n, &c->commands))
		return -ENOMEM;
	result->result = like->result;
	note_text(&n, "to", e->send.to);
	note_text(&n, "mid", like->result.mid);
	note_number(&n, "devices", like->result.devices);
	note_number(&n, "bytes", e->send.content.len);
	return note_end(&n, "sent", user_uid(s->user)) ? 0 : -ENOMEM;
}

static int add_carbon(struct core *c, const struct session *s, struct text_chat *t, uint32_t *out_n)
{
	struct fanout f = {.user = s->user, .except = s, .native_only = true};

	*out_n = 0;
	t->seq = s->user->seq + 1;
	if (!has_receiver(&f))
		return 0;
	if (!text_carbon(&c->commands, t, &f.text))
		return -ENOMEM;
	return add_fanout(c, &f, out_n);
}

static int deliver_chat(
	struct core *c, const struct core_event *e, const struct session *s, struct user *to)
{
	struct text_chat t = {.from = user_uid(s->user),
		.to = user_uid(to),
		.content = e->send.content,
		.seq = to->seq + 1,
		.ts = e->wall_ms};
	struct fanout f = {.user = to};
	struct core_command sent = {.result = {.ref = e->send.ref, .delivered = true}};
	uint32_t carbons = 0;

	if (!choose_mid(c, e, e->send.mid, &t.mid) || !text_chat(&c->commands, &t, &f.text) ||
		add_fanout(c, &f, &sent.result.devices) < 0)
		return -ENOMEM;
	sent.result.mid = t.mid;
	if (to != s->user) {
		if (add_carbon(c, s, &t, &carbons) < 0)
			return -ENOMEM;
		sent.result.seq = t.seq;
	}
	if (add_sent(c, e, s, &sent) < 0)
		return -ENOMEM;
	to->seq++;
	if (to != s->user)
		s->user->seq++;
	c->counts.sent++;
	c->counts.deliveries += sent.result.devices + carbons;
	return 0;
}

int core_on_send(struct core *c, const struct core_event *e)
{
	struct session *s = NULL;
	struct user *to = NULL;
	struct refusal why;

	switch (core_owner(c, e, e->send.session, &s)) {
	case OWNER_NONE:
		return core_violation(c, e, "send_for_another_session");
	case OWNER_ENDED:
		return refuse_send(c, e, NULL, (struct refusal){EX_TOKEN_EXPIRED, NULL});
	case OWNER_LINK:
		break;
	}
	why = check_send(c, e, s, &to);
	return why.code == EX_NONE ? deliver_chat(c, e, s, to) : refuse_send(c, e, s, why);
}

static struct refusal check_push(const struct core *c, const struct core_event *e,
	const struct session *s, struct user **out)
{
	if (s != NULL && (s->flags & TICKET_MAY_PUSH) == 0)
		return (struct refusal){EX_NOT_PERMITTED, NULL};
	if (!name_is_event(e->push.event) || name_is_reserved_event(e->push.event))
		return (struct refusal){EX_BAD_DATA, "event"};
	if (e->push.mid.len > 0 && !name_is_mid(e->push.mid))
		return (struct refusal){EX_BAD_DATA, "mid"};
	if (e->push.data.len == 0)
		return (struct refusal){EX_BAD_DATA, "data"};
	if (e->push.data.len > PUSH_MAX_BYTES)
		return (struct refusal){EX_TOO_LARGE, "data"};
	if (e->push.user.len == 0)
		return (struct refusal){EX_NONE, NULL};
	if (!name_is_uid(e->push.user))
		return (struct refusal){EX_BAD_DATA, "user"};
	return (struct refusal){find_recipient(c, e->push.user, out), NULL};
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

static bool note_pushed(struct core *c, const struct core_event *e, const struct session *s,
	const struct core_command *result)
{
	struct note n;

	if (!note_begin(&n, &c->commands))
		return false;
	note_text(&n, "event", e->push.event);
	note_text(&n, "mid", result->result.mid);
	note_number(&n, "seq", result->result.seq);
	note_number(&n, "devices", result->result.devices);
	note_number(&n, "bytes", e->push.data.len);
	if (s == NULL)
		note_text(&n, "by", SLICE_LITERAL("operator"));
	else
		note_text(&n, "by", user_uid(s->user));
	return note_end(&n, "pushed", e->push.user);
}

/* Writes the text and adds its deliveries; result gets what they were. */
static int push_to_user(
	struct core *c, struct text_push *t, const struct user *to, struct core_command *result)
{
	struct fanout f = {.user = to};

	t->seq = to->seq + 1;
	result->result.seq = t->seq;
	if (!text_push(&c->commands, t, &f.text))
		return -ENOMEM;
	return add_fanout(c, &f, &result->result.devices);
}

static int push_to_all(struct core *c, struct text_push *t, struct core_command *result)
{
	struct core_text text;
	struct core_command *system;

	t->system = true;
	t->seq = c->system_head + 1;
	result->result.seq = t->seq;
	result->result.devices = (uint32_t)c->sessions.n;
	if (!text_push(&c->commands, t, &text))
		return -ENOMEM;
	system = commands_add(&c->commands, CORE_DO_SYSTEM, 0);
	if (system == NULL)
		return -ENOMEM;
	system->system.number = t->seq;
	system->system.text = text;
	return 0;
}

static int deliver_push(
	struct core *c, const struct core_event *e, const struct session *s, struct user *to)
{
	struct text_push t = {.event = e->push.event, .data = e->push.data, .ts = e->wall_ms};
	struct core_command made = {.result = {.delivered = true}};
	struct core_command *result;

	if (!choose_mid(c, e, e->push.mid, &t.mid))
		return -ENOMEM;
	made.result.mid = t.mid;
	if ((to == NULL ? push_to_all(c, &t, &made) : push_to_user(c, &t, to, &made)) < 0)
		return -ENOMEM;
	result = add_push_result(c, e);
	if (result == NULL)
		return -ENOMEM;
	made.result.ref = result->result.ref;
	result->result = made.result;
	if (!note_pushed(c, e, s, &made))
		return -ENOMEM;
	if (to == NULL)
		c->system_head++;
	else
		to->seq++;
	c->counts.pushes++;
	c->counts.deliveries += made.result.devices;
	return 0;
}

static int refuse_push(
	struct core *c, const struct core_event *e, const struct session *s, struct refusal why)
{
	if (refuse(add_push_result(c, e), why) < 0 || !note_refused(c, e, s, why))
		return -ENOMEM;
	return 0;
}

int core_on_push(struct core *c, const struct core_event *e)
{
	struct session *s = NULL;
	struct user *to = NULL;
	enum owner owner = OWNER_LINK; /* an operator owns no session */
	struct refusal why;

	if (e->kind == CORE_PUSH)
		owner = core_owner(c, e, e->push.session, &s);
	switch (owner) {
	case OWNER_NONE:
		return core_violation(c, e, "push_for_another_session");
	case OWNER_ENDED:
		return refuse(add_push_result(c, e), (struct refusal){EX_TOKEN_EXPIRED, NULL});
	case OWNER_LINK:
		break;
	}
	why = check_push(c, e, s, &to);
	return why.code == EX_NONE ? deliver_push(c, e, s, to) : refuse_push(c, e, s, why);
}

int core_on_typing(struct core *c, const struct core_event *e)
{
	struct fanout f = {.shed = true};
	struct session *s = NULL;
	struct user *to = NULL;
	uint32_t n;

	switch (core_owner(c, e, e->typing.session, &s)) {
	case OWNER_NONE:
		return core_violation(c, e, "typing_for_another_session");
	case OWNER_ENDED:
		return 0;
	case OWNER_LINK:
		break;
	}
	if (!may_send(s) || find_recipient(c, e->typing.to, &to) != EX_NONE)
		return 0;
	f.user = to;
	f.except = s;
	if (!has_receiver(&f))
		return 0;
	if (!text_typing(&c->commands, user_uid(s->user), &f.text))
		return -ENOMEM;
	return add_fanout(c, &f, &n);
}
