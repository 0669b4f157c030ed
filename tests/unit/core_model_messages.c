/* The plain model of who may say what to whom: messages, pushes, typing. */
#include <assert.h>
#include <stdio.h>

#include "common/buf.h"
#include "core_model_inner.h"
#include "proto/names.h"

struct refusal {
	unsigned code; /* 0: it is fine */
	const char *field;
};

static unsigned recipient(const struct model *m, struct slice uid, int64_t now_ms, unsigned *out)
{
	int user = model_user(m, uid);

	assert(user >= 0 || !name_is_uid(uid));
	if (user < 0 || (!m->users[user].known && m->config.recipients == CORE_RECIPIENTS_KNOWN))
		return model_is_silent(m, now_ms) ? 1102 : 1101;
	if (!m->config.is_durable && model_sessions(m, (unsigned)user) == 0)
		return 1102;
	*out = (unsigned)user;
	return 0;
}

unsigned model_unacked(const struct model *m, unsigned user, bool is_all, uint64_t *out_bytes)
{
	unsigned rows = 0;

	*out_bytes = 0;
	for (size_t i = 0; i < m->n_messages; i++) {
		const struct model_message *msg = &m->messages[i];

		if (msg->to != user || msg->seq_to <= m->users[user].acked_place ||
			msg->fate == MODEL_FAILED || (msg->fate == MODEL_WAITS && !is_all))
			continue;
		rows++;
		*out_bytes += strlen(msg->body);
	}
	return rows;
}

/* The last use of a client's mid that still counts; n_messages: none. */
static size_t find_mid(const struct model *m, const struct model_message *like, int64_t now_ms)
{
	for (size_t i = m->n_messages; i > 0; i--) {
		const struct model_message *msg = &m->messages[i - 1];

		if (msg->is_named && msg->fate != MODEL_FAILED && msg->from == like->from &&
			strcmp(msg->device, like->device) == 0 && strcmp(msg->mid, like->mid) == 0)
			return msg->fate == MODEL_WAITS || now_ms - msg->at_ms < MIDS_MS
				       ? i - 1
				       : m->n_messages;
	}
	return m->n_messages;
}

static void repeat(struct model *m, size_t index, const struct model_asker *asker)
{
	const struct model_message *msg = &m->messages[index];
	char result[160];

	if (msg->fate == MODEL_WAITS) {
		m->waiters[m->n_waiters++] = (struct model_waiter){index, *asker};
		return;
	}
	snprintf(result, sizeof(result), "%d/%d devices=%u seq=%lu mid=%s code=0 -", CORE_DUPLICATE,
		msg->state, msg->devices, msg->is_push ? msg->seq_to : msg->seq_from, msg->mid);
	model_answer(m, asker, result);
}

/* An inbox has room, and the sender may make a new one. */
static unsigned bounds(struct model *m, const struct model_message *msg, int64_t wall_ms)
{
	struct model_user *by = msg->from < 0 ? NULL : &m->users[msg->from];
	int64_t day = wall_ms / MODEL_DAY_MS;
	uint64_t bytes;

	if (msg->to == MODEL_SYSTEM)
		return 0;
	if (model_unacked(m, msg->to, true, &bytes) >= m->config.inbox_rows ||
		bytes + strlen(msg->body) > m->config.inbox_bytes)
		return 1103;
	if (m->users[msg->to].known || by == NULL)
		return 0;
	if (by->new_inboxes_day != day)
		by->new_inboxes = 0;
	by->new_inboxes_day = day;
	return by->new_inboxes++ < NEW_INBOXES_PER_DAY ? 0 : 1301;
}

static void append(struct model *m, const struct model_message *like, const struct core_event *e)
{
	struct model_message *msg = &m->messages[m->n_messages];
	const char *to = like->to == MODEL_SYSTEM ? "" : m->users[like->to].uid;

	assert(m->n_messages < MODEL_MESSAGES);
	*msg = *like;
	msg->seq_to = ++m->streams[msg->to].head;
	if (!msg->is_push && (unsigned)msg->from != msg->to)
		msg->seq_from = ++m->streams[msg->from].head;
	msg->at_ms = e->now_ms;
	msg->ts_ms = e->wall_ms;
	m->n_messages++;
	if (msg->to != MODEL_SYSTEM) {
		m->users[msg->to].known = true;
		if (!m->users[msg->to].has_begun) {
			m->users[msg->to].has_begun = true;
			m->users[msg->to].acked_system = m->streams[MODEL_SYSTEM].stored;
			model_line(m, "user %s %lu", to, m->streams[MODEL_SYSTEM].stored);
		}
	}
	model_line(m, "append %zu/%lu %s %lu from %s %lu %s %s push=%d %s %s %ld %ld",
		m->n_messages, m->generation, to, msg->seq_to,
		msg->from < 0 ? "" : m->users[msg->from].uid, msg->seq_from, msg->device, msg->mid,
		msg->is_push, msg->event, msg->body, msg->ts_ms, msg->expires_ms);
}

/* What is left to be said of a message that is well-formed. */
static struct refusal accept(struct model *m, struct model_message *msg, const struct core_event *e,
	struct slice to, struct slice mid)
{
	size_t known = m->n_messages;
	struct refusal why = {0, "-"};

	snprintf(msg->mid, sizeof(msg->mid), "%.*s", SLICE_ARGS(mid));
	if (msg->is_named)
		known = find_mid(m, msg, e->now_ms);
	if (known < m->n_messages) {
		const struct model_message *first = &m->messages[known];
		int user = to.len == 0 ? MODEL_SYSTEM : model_user(m, to);

		if (first->is_push != msg->is_push || first->to != (unsigned)user ||
			strcmp(first->event, msg->event) != 0 ||
			strcmp(first->body, msg->body) != 0)
			return (struct refusal){1410, "mid"};
		repeat(m, known, &msg->asker);
		return why;
	}
	msg->to = MODEL_SYSTEM;
	if (to.len > 0)
		why.code = recipient(m, to, e->now_ms, &msg->to);
	if (why.code == 0)
		why.code = bounds(m, msg, e->wall_ms);
	if (why.code == 0)
		append(m, msg, e);
	return why;
}

static struct model_asker asker_of(const struct model *m, const struct core_event *e, uint64_t ref)
{
	return (struct model_asker){.link = e->link, .turn = m->links[e->link].turn, .ref = ref};
}

void model_send(struct model *m, const struct core_event *e, struct slice mid)
{
	struct model_session *s = model_owned(m, e, e->send.session);
	bool mid_is_good = e->send.mid.len == 0 || name_is_mid(e->send.mid);
	struct refusal why = {0, "-"};
	struct model_message msg = {.is_named = e->send.mid.len > 0};

	if (s == NULL)
		return;
	if (s->flags != TICKET_MAY_SEND && s->flags != (TICKET_MAY_SEND | TICKET_MAY_PUSH)) {
		why.code = 1404;
	} else if (!name_is_uid(e->send.to) || !mid_is_good || !utf8_is_valid(e->send.content)) {
		why.code = 1004;
		why.field = !name_is_uid(e->send.to) ? "toUserId"
			    : !mid_is_good	     ? "mid"
						     : "message";
	} else {
		msg.from = (int)s->user;
		msg.session = s->id;
		msg.asker = asker_of(m, e, e->send.ref);
		snprintf(msg.device, sizeof(msg.device), "%s", s->device);
		snprintf(msg.body, sizeof(msg.body), "%.*s", SLICE_ARGS(e->send.content));
		why = accept(m, &msg, e, e->send.to, mid);
	}
	if (why.code != 0)
		model_line(m, "result %u ref=%lu 0/0 devices=0 seq=0 mid=%.*s code=%u %s", e->link,
			e->send.ref, mid_is_good ? (int)e->send.mid.len : 0, e->send.mid.data,
			why.code, why.field);
}

void model_push(struct model *m, const struct core_event *e, struct slice mid)
{
	bool is_operator = e->kind == CORE_CTL_PUSH;
	struct model_session *s = is_operator ? NULL : model_owned(m, e, e->push.session);
	struct refusal why = {0, "-"};
	struct model_message msg = {.is_push = true,
		.is_named = e->push.mid.len > 0,
		.from = -1,
		.device = "routerctl"};
	char result[80];

	if (!is_operator && s == NULL)
		return;
	msg.asker = is_operator ? (struct model_asker){.is_operator = true, .ref = e->push.ref}
				: asker_of(m, e, e->push.ref);
	if (s != NULL) {
		msg.from = (int)s->user;
		msg.session = s->id;
		snprintf(msg.device, sizeof(msg.device), "%s", s->device);
	}
	snprintf(msg.event, sizeof(msg.event), "%.*s", SLICE_ARGS(e->push.event));
	snprintf(msg.body, sizeof(msg.body), "%.*s", SLICE_ARGS(e->push.data));
	if (is_operator && e->push.ttl_ms > 0)
		msg.expires_ms = e->wall_ms + e->push.ttl_ms;
	if (s != NULL && ((s->flags & TICKET_MAY_PUSH) == 0 || (s->flags & TICKET_READ_ONLY) != 0))
		why.code = 1404;
	else if (slice_is(e->push.event, "chat"))
		why = (struct refusal){1004, "event"};
	else
		why = accept(m, &msg, e, e->push.user, mid);
	if (why.code == 0)
		return;
	snprintf(
		result, sizeof(result), "0/0 devices=0 seq=0 mid= code=%u %s", why.code, why.field);
	model_answer(m, &msg.asker, result);
}

void model_typing(struct model *m, const struct core_event *e)
{
	struct model_session *s = model_owned(m, e, e->typing.session);
	unsigned to = 0;
	char text[100];
	char uid[32];
	int n;

	if (s == NULL || (s->flags & TICKET_MAY_SEND) == 0 || (s->flags & TICKET_READ_ONLY) != 0 ||
		recipient(m, e->typing.to, e->now_ms, &to) != 0)
		return;
	n = snprintf(text, sizeof(text), "{\"event\":\"typing\",\"data\":{\"fromUser\":%s}",
		model_json_uid(m->users[s->user].uid, uid));
	for (size_t i = 0; i < m->n_live; i++) {
		const struct model_session *at = &m->live[i];

		if (at->user == to && at != s && !at->is_call)
			model_line(m, "deliver %u session=%lu shed=1 native=0 0/0 plain=%d %s",
				at->link, at->id, n, text);
	}
}
