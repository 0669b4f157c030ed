/* The plain model of who gets what: messages, pushes, typing. */
#include <stdio.h>

#include "common/buf.h"
#include "core_model_inner.h"
#include "proto/names.h"

/* A delivery to every session of the user but one; how many. */
struct spread {
	unsigned user;
	const struct model_session *except;
	bool native_only;
	bool shed;
	const char *text;
	size_t plain_end;
};

static unsigned spread(struct model *m, const struct spread *s)
{
	unsigned n = 0;

	for (size_t i = 0; i < m->n_live; i++) {
		const struct model_session *to = &m->live[i];

		if (to->user != s->user || to == s->except || (s->native_only && to->plain))
			continue;
		model_line(m, "deliver %u session=%lu shed=%d native=%d plain=%zu %s", to->link,
			to->id, s->shed, s->native_only, s->plain_end, s->text);
		n++;
	}
	return n;
}

static const char *json_uid(const char *uid, char out[32])
{
	bool number = strlen(uid) <= 15 && (uid[0] != '0' || uid[1] == '\0');

	for (const char *p = uid; *p != '\0'; p++)
		number = number && *p >= '0' && *p <= '9';
	snprintf(out, 32, number ? "%s" : "\"%s\"", uid);
	return out;
}

/* text is data with a number and the rest; where the plain form ends. */
static size_t numbered(char text[300], const char *data, uint64_t seq, const char *rest)
{
	size_t n = (size_t)snprintf(text, 300, "%s,\"seq\":%lu", data, seq);

	snprintf(text + n, 300 - n, "%s", rest);
	return n;
}

static void deliver_chat(struct model *m, const struct core_event *e, struct model_session *from,
	unsigned to, struct slice mid)
{
	char f[32];
	char t[32];
	char data[160];
	char rest[120];
	char text[300];
	struct spread s = {.user = to, .text = text};
	bool to_self = to == from->user;
	unsigned devices;

	json_uid(m->users[from->user].uid, f);
	json_uid(m->users[to].uid, t);
	snprintf(data, sizeof(data),
		"{\"event\":\"chat\",\"data\":{\"fromUser\":%s,\"content\":\"%.*s\"}", f,
		SLICE_ARGS(e->send.content));
	snprintf(rest, sizeof(rest), ",\"mid\":\"%.*s\",\"ts\":%ld", SLICE_ARGS(mid), e->wall_ms);
	s.plain_end = numbered(text, data, ++m->users[to].seq, rest);
	devices = spread(m, &s);
	if (!to_self) {
		snprintf(data, sizeof(data),
			"{\"event\":\"chat\",\"data\":{\"toUser\":%s,\"content\":\"%.*s\","
			"\"fromUser\":%s}",
			t, SLICE_ARGS(e->send.content), f);
		snprintf(rest, sizeof(rest), ",\"mid\":\"%.*s\",\"ts\":%ld,\"carbon\":true",
			SLICE_ARGS(mid), e->wall_ms);
		s = (struct spread){from->user, from, true, false, text,
			numbered(text, data, ++m->users[from->user].seq, rest)};
		spread(m, &s);
	}
	model_line(m, "result %u ref=%lu 1 devices=%u seq=%lu mid=%.*s code=0 -", e->link,
		e->send.ref, devices, to_self ? 0 : m->users[from->user].seq, SLICE_ARGS(mid));
}

/* 0 and *out, or an exception code. */
static unsigned recipient(const struct model *m, struct slice uid, int64_t now_ms, unsigned *out)
{
	int user = model_user(m, uid);

	if ((user < 0 || !m->users[user].known) && m->config.recipients == CORE_RECIPIENTS_KNOWN)
		return model_is_silent(m, now_ms) ? 1102 : 1101;
	if (user < 0 || model_sessions(m, (unsigned)user) == 0)
		return 1102;
	*out = (unsigned)user;
	return 0;
}

void model_send(struct model *m, const struct core_event *e, struct slice mid)
{
	struct model_session *s = model_owned(m, e, e->send.session);
	bool mid_is_good = e->send.mid.len == 0 || name_is_mid(e->send.mid);
	const char *field = "-";
	unsigned to = 0;
	unsigned code;

	if (s == NULL)
		return;
	if (s->flags != TICKET_MAY_SEND && s->flags != (TICKET_MAY_SEND | TICKET_MAY_PUSH)) {
		code = 1404;
	} else if (!name_is_uid(e->send.to) || !mid_is_good || !utf8_is_valid(e->send.content)) {
		code = 1004;
		field = !name_is_uid(e->send.to) ? "toUserId" : !mid_is_good ? "mid" : "message";
	} else {
		code = recipient(m, e->send.to, e->now_ms, &to);
	}
	if (code == 0)
		deliver_chat(m, e, s, to, mid);
	else
		model_line(m, "result %u ref=%lu 0 devices=0 seq=0 mid=%.*s code=%u %s", e->link,
			e->send.ref, mid_is_good ? (int)e->send.mid.len : 0, e->send.mid.data, code,
			field);
}

static void push_result(struct model *m, const struct core_event *e, const char *result)
{
	if (e->kind == CORE_PUSH)
		model_line(m, "result %u ref=%lu %s", e->link, e->push.ref, result);
	else
		model_line(m, "ctl ref=%lu %s", e->push.ref, result);
}

void model_push(struct model *m, const struct core_event *e, struct slice mid)
{
	struct model_session *s = e->kind == CORE_PUSH ? model_owned(m, e, e->push.session) : NULL;
	bool to_all = e->push.user.len == 0;
	char data[160];
	char rest[120];
	char text[300];
	char result[160];
	size_t plain_end;
	unsigned to = 0;
	unsigned code = 0;
	unsigned devices = (unsigned)m->n_live;

	if (e->kind == CORE_PUSH && s == NULL)
		return;
	if (s != NULL && (s->flags & TICKET_MAY_PUSH) == 0)
		code = 1404;
	else if (slice_is(e->push.event, "chat"))
		code = 1004;
	else if (!to_all)
		code = recipient(m, e->push.user, e->now_ms, &to);
	if (code != 0) {
		snprintf(result, sizeof(result), "0 devices=0 seq=0 mid= code=%u %s", code,
			code == 1004 ? "event" : "-");
		push_result(m, e, result);
		return;
	}
	snprintf(data, sizeof(data), "{\"event\":\"%.*s\",\"data\":%.*s", SLICE_ARGS(e->push.event),
		SLICE_ARGS(e->push.data));
	snprintf(rest, sizeof(rest), "%s,\"mid\":\"%.*s\",\"ts\":%ld",
		to_all ? ",\"st\":\"s\"" : "", SLICE_ARGS(mid), e->wall_ms);
	plain_end = numbered(text, data, to_all ? ++m->system_head : ++m->users[to].seq, rest);
	if (to_all) {
		model_line(m, "system %lu plain=%zu %s", m->system_head, plain_end, text);
	} else {
		struct spread spread_it = {.user = to, .text = text, .plain_end = plain_end};

		devices = spread(m, &spread_it);
	}
	snprintf(result, sizeof(result), "1 devices=%u seq=%lu mid=%.*s code=0 -", devices,
		to_all ? m->system_head : m->users[to].seq, SLICE_ARGS(mid));
	push_result(m, e, result);
}

void model_typing(struct model *m, const struct core_event *e)
{
	struct model_session *s = model_owned(m, e, e->typing.session);
	struct spread f = {.except = s, .shed = true};
	char text[100];
	char uid[32];

	if (s == NULL || (s->flags & TICKET_MAY_SEND) == 0 || (s->flags & TICKET_READ_ONLY) != 0 ||
		recipient(m, e->typing.to, e->now_ms, &f.user) != 0)
		return;
	f.plain_end = (size_t)snprintf(text, sizeof(text),
		"{\"event\":\"typing\",\"data\":{\"fromUser\":%s}",
		json_uid(m->users[s->user].uid, uid));
	f.text = text;
	spread(m, &f);
}
