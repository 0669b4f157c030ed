/* The plain model of what follows when the disk has a message, or has no room for it. */
#include <stdio.h>

#include "core_model_inner.h"

void model_answer(struct model *m, const struct model_asker *a, const char *result)
{
	const struct model_link *l = &m->links[a->link];

	if (a->is_operator)
		model_line(m, "ctl ref=%lu %s", a->ref, result);
	else if (l->up && l->turn == a->turn)
		model_line(m, "result %u ref=%lu %s", a->link, a->ref, result);
}

/* To every live session of the user but one; how many. */
static unsigned spread(struct model *m, const struct model_message *msg, enum model_view view)
{
	bool is_carbon = view == MODEL_CARBON;
	unsigned user = is_carbon ? (unsigned)msg->from : msg->to;
	char text[MODEL_TEXT_BYTES];
	size_t plain = model_text(m, msg, view, text);
	unsigned n = 0;

	for (size_t i = 0; i < m->n_live; i++) {
		const struct model_session *s = &m->live[i];

		if (s->user != user || !s->is_live || s->is_call ||
			(is_carbon && s->id == msg->session))
			continue;
		model_line(m, "deliver %u session=%lu shed=0 native=%d %lu/0 plain=%zu %s", s->link,
			s->id, is_carbon, is_carbon ? msg->seq_from : msg->seq_to, plain, text);
		n++;
	}
	return n;
}

static void meet(struct model *m, unsigned a, unsigned b, int64_t wall_ms)
{
	bool in_order = strcmp(m->users[a].uid, m->users[b].uid) < 0;

	if (m->contacts[a][b] != 0 && wall_ms - m->contacts[a][b] < MODEL_DAY_MS)
		return;
	m->contacts[a][b] = wall_ms;
	m->contacts[b][a] = wall_ms;
	model_line(m, "contact %s %s %ld", m->users[in_order ? a : b].uid,
		m->users[in_order ? b : a].uid, wall_ms);
	model_reveal(m, a, b);
}

static void answer_all(struct model *m, size_t index)
{
	const struct model_message *msg = &m->messages[index];
	uint64_t seq = msg->is_push ? msg->seq_to : msg->seq_from;
	char result[160];

	snprintf(result, sizeof(result), "%d/0 devices=%u seq=%lu mid=%s code=0 -", msg->state,
		msg->devices, seq, msg->mid);
	model_answer(m, &msg->asker, result);
	snprintf(result, sizeof(result), "%d/%d devices=%u seq=%lu mid=%s code=0 -", CORE_DUPLICATE,
		msg->state, msg->devices, seq, msg->mid);
	for (size_t i = 0; i < m->n_waiters; i++) {
		if (m->waiters[i].message == index)
			model_answer(m, &m->waiters[i].asker, result);
	}
}

static void store(struct model *m, size_t index, int64_t wall_ms)
{
	struct model_message *msg = &m->messages[index];
	char text[MODEL_TEXT_BYTES];

	m->streams[msg->to].stored = msg->seq_to;
	if (msg->seq_from != 0)
		m->streams[msg->from].stored = msg->seq_from;
	msg->fate = MODEL_STORED;
	if (msg->to == MODEL_SYSTEM) {
		size_t plain = model_text(m, msg, MODEL_TO_ALL, text);

		msg->devices = 0;
		for (size_t i = 0; i < m->n_live; i++)
			msg->devices += !m->live[i].is_call;
		model_line(m, "system %lu plain=%zu %s", msg->seq_to, plain, text);
	} else {
		msg->devices = spread(m, msg, MODEL_RECEIVED);
	}
	if (msg->seq_from != 0)
		spread(m, msg, MODEL_CARBON);
	msg->state = msg->devices > 0						 ? CORE_DELIVERED
		     : msg->to != MODEL_SYSTEM && model_sessions(m, msg->to) > 0 ? CORE_ACCEPTED
										 : CORE_KEPT;
	answer_all(m, index);
	if (!msg->is_push && (unsigned)msg->from != msg->to)
		meet(m, (unsigned)msg->from, msg->to, wall_ms);
}

void model_stored(struct model *m, const struct core_event *e)
{
	for (size_t i = 0; i < m->n_messages && i < e->stored.number; i++) {
		if (m->messages[i].fate == MODEL_WAITS)
			store(m, i, e->wall_ms);
	}
}

static void fail(struct model *m, size_t index)
{
	struct model_message *msg = &m->messages[index];
	char result[160];

	msg->fate = MODEL_FAILED;
	snprintf(result, sizeof(result), "0/0 devices=0 seq=0 mid=%s code=1503 -", msg->mid);
	model_answer(m, &msg->asker, result);
	for (size_t i = 0; i < m->n_waiters; i++) {
		if (m->waiters[i].message == index)
			model_answer(m, &m->waiters[i].asker, result);
	}
}

void model_failed(struct model *m, const struct core_event *e)
{
	if (e->failed.generation != m->generation)
		return;
	m->generation++;
	for (size_t i = 0; i < m->n_messages; i++) {
		if (m->messages[i].fate == MODEL_WAITS)
			fail(m, i);
	}
	for (size_t i = 0; i < MODEL_STREAMS; i++)
		m->streams[i].head = m->streams[i].stored;
}
