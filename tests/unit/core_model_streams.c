/* The plain model of pages, positions and trimming. */
#include <assert.h>
#include <stdio.h>

#include "core_model_inner.h"

struct model_position *model_position(struct model_user *u, const char *device, bool make)
{
	struct model_position *free = NULL;

	if (device[0] == '~')
		device = "";
	for (size_t i = 0; i < MODEL_POSITIONS; i++) {
		if (u->positions[i].used && strcmp(u->positions[i].device, device) == 0)
			return &u->positions[i];
		if (!u->positions[i].used && free == NULL)
			free = &u->positions[i];
	}
	if (!make)
		return NULL;
	assert(free != NULL);
	*free = (struct model_position){.used = true};
	snprintf(free->device, sizeof(free->device), "%s", device);
	return free;
}

static void raise(struct model_user *u, struct model_position *p, const uint64_t at[2])
{
	for (size_t i = 0; i < 2; i++) {
		if (at[i] <= p->at[i])
			continue;
		p->at[i] = at[i];
		p->is_dirty = true;
	}
	if (p->at[0] > u->acked)
		u->acked = p->at[0];
	if (p->at[1] > u->acked_system)
		u->acked_system = p->at[1];
}

void model_settle(struct model *m, unsigned user, const char *device)
{
	struct model_position *p = model_position(&m->users[user], device, false);
	uint64_t least[2] = {UINT64_MAX, UINT64_MAX};

	if (p == NULL || device[0] == '~')
		return;
	for (size_t i = 0; i < m->n_live; i++) {
		const struct model_session *s = &m->live[i];

		for (size_t k = 0; k < 2; k++) {
			if (s->user == user && !s->is_call && strcmp(s->device, device) == 0 &&
				s->acked[k] < least[k])
				least[k] = s->acked[k];
		}
	}
	if (least[0] != UINT64_MAX)
		raise(&m->users[user], p, least);
}

void model_ack(struct model *m, const struct core_event *e)
{
	struct model_session *s = model_owned(m, e, e->ack.session);
	struct model_position *p;

	if (s == NULL)
		return;
	if (e->ack.u > m->streams[s->user].stored || e->ack.s > m->streams[MODEL_SYSTEM].stored) {
		model_line(m, "violation %u", e->link);
		return;
	}
	if (e->ack.u > s->acked[0])
		s->acked[0] = e->ack.u;
	if (e->ack.s > s->acked[1])
		s->acked[1] = e->ack.s;
	p = model_position(&m->users[s->user], s->device, true);
	if (s->device[0] == '~')
		raise(&m->users[s->user], p, s->acked);
	else
		model_settle(m, s->user, s->device);
	p->seen_ms = e->wall_ms;
	if (e->wall_ms - p->told_ms >= MODEL_DAY_MS)
		p->is_dirty = true;
}

void model_flush(struct model *m)
{
	for (unsigned i = 0; i < MODEL_USERS; i++) {
		for (size_t k = 0; k < MODEL_POSITIONS; k++) {
			struct model_position *p = &m->users[i].positions[k];

			if (!p->is_dirty)
				continue;
			model_line(m, "position %s/%s u=%lu s=%lu seen=%ld", m->users[i].uid,
				p->device, p->at[0], p->at[1], p->seen_ms);
			p->told_ms = p->seen_ms;
			p->is_dirty = false;
		}
	}
}

void model_acked(struct model *m, const struct core_event *e)
{
	struct model_user *u = &m->users[model_user(m, e->acked.uid)];

	if (e->acked.place.seq > u->acked_place)
		u->acked_place = e->acked.place.seq;
	if (e->acked.place.seq > u->acked)
		u->acked = e->acked.place.seq;
}

static unsigned stream_of(const struct model_session *s, enum core_stream stream)
{
	return stream == CORE_STREAM_SYSTEM ? MODEL_SYSTEM : s->user;
}

static void page(struct model *m, struct model_session *s, enum core_stream stream, uint64_t last)
{
	bool more = last != m->streams[stream_of(s, stream)].stored;

	model_line(
		m, "page %u session=%lu %d last=%lu more=%d", s->link, s->id, stream, last, more);
	if (!more && stream == CORE_STREAM_USER)
		s->is_live = true;
}

static void reset(struct model *m, struct model_session *s, enum core_stream stream)
{
	uint64_t head = m->streams[stream_of(s, stream)].stored;

	model_line(m, "reset %u session=%lu %d u=%lu s=%lu", s->link, s->id, CORE_RESET_TOO_OLD,
		stream == CORE_STREAM_USER ? head : 0, stream == CORE_STREAM_USER ? 0 : head);
	page(m, s, stream, head);
}

void model_sync(struct model *m, const struct core_event *e)
{
	struct model_session *s = model_owned(m, e, e->sync.session);
	enum core_stream stream = e->sync.stream;
	const struct model_stream *at;

	if (s == NULL)
		return;
	at = &m->streams[stream_of(s, stream)];
	if (e->sync.after > at->stored) {
		model_line(m, "violation %u", e->link);
		return;
	}
	if (s->is_reading[stream])
		return;
	if (e->sync.after + 1 < at->floor) {
		reset(m, s, stream);
	} else if (e->sync.after == at->stored) {
		page(m, s, stream, e->sync.after);
	} else {
		model_line(m, "read session=%lu %d %s after=%lu", s->id, stream,
			stream == CORE_STREAM_SYSTEM ? "" : m->users[s->user].uid, e->sync.after);
		s->is_reading[stream] = true;
		s->asked[stream] = e->sync.after;
		if (stream == CORE_STREAM_USER)
			s->is_live = false;
	}
}

static const struct model_message *at_number(
	const struct model *m, unsigned stream, uint64_t seq, bool *out_carbon)
{
	for (size_t i = 0; i < m->n_messages; i++) {
		const struct model_message *msg = &m->messages[i];

		*out_carbon = !msg->is_push && msg->from == (int)stream && msg->seq_from == seq;
		if (msg->fate == MODEL_STORED &&
			((msg->to == stream && msg->seq_to == seq) || *out_carbon))
			return msg;
	}
	assert(false);
	return NULL;
}

static void deliver_row(struct model *m, const struct model_session *s, const struct core_event *e,
	const struct message_row *row)
{
	bool system = e->rows.stream == CORE_STREAM_SYSTEM;
	bool carbon;
	const struct model_message *msg =
		at_number(m, stream_of(s, e->rows.stream), row->seq, &carbon);
	bool expired = msg->expires_ms != 0 && msg->expires_ms <= e->wall_ms;
	char text[MODEL_TEXT_BYTES];
	size_t plain;

	if (row->is_damaged || expired) {
		plain = (size_t)snprintf(text, sizeof(text),
			"{\"event\":\"gone\",\"data\":{\"reason\":\"%s\"},\"seq\":%lu",
			row->is_damaged ? "damaged" : "expired", row->seq);
		snprintf(text + plain, sizeof(text) - plain, "%s", system ? ",\"st\":\"s\"" : "");
	} else {
		plain = model_text(m, msg,
			system	 ? MODEL_TO_ALL
			: carbon ? MODEL_CARBON
				 : MODEL_RECEIVED,
			text);
	}
	model_line(m, "deliver %u session=%lu shed=0 native=%d %lu/%d plain=%zu %s", s->link, s->id,
		row->is_damaged || expired || carbon, row->seq, system, plain, text);
}

void model_rows(struct model *m, const struct core_event *e)
{
	struct model_session *s = NULL;
	enum core_stream stream = e->rows.stream;
	uint64_t last = e->rows.after;

	for (size_t i = 0; i < m->n_live; i++) {
		if (m->live[i].id == e->rows.session)
			s = &m->live[i];
	}
	if (s == NULL || !s->is_reading[stream])
		return;
	s->is_reading[stream] = false;
	if (e->rows.floor > e->rows.after + 1) {
		reset(m, s, stream);
		return;
	}
	for (size_t i = 0; i < e->rows.n && last < m->streams[stream_of(s, stream)].stored; i++) {
		deliver_row(m, s, e, &e->rows.rows[i]);
		last = e->rows.rows[i].seq;
	}
	page(m, s, stream, last);
}

static void trim(struct model *m, unsigned stream, uint64_t seq, int64_t wall_ms)
{
	struct model_user *u = stream == MODEL_SYSTEM ? NULL : &m->users[stream];

	if (u != NULL && seq > u->acked) {
		model_line(m, "position %s/ u=%lu s=%lu seen=%ld", u->uid, seq, u->acked_system,
			wall_ms);
		u->acked = seq;
	}
	model_line(m, "trim %s %lu", u == NULL ? "" : u->uid, seq);
	m->streams[stream].floor = seq + 1;
}

/* What every kept device has that could still go on. */
static uint64_t read_by_all(const struct model *m, unsigned user)
{
	const struct model_user *u = &m->users[user];
	uint64_t least = UINT64_MAX;

	for (size_t i = 0; i < MODEL_POSITIONS; i++) {
		const struct model_position *p = &u->positions[i];

		if (p->used && p->device[0] != '\0' && p->at[0] + 1 >= m->streams[user].floor &&
			p->at[0] < least)
			least = p->at[0];
	}
	return least == UINT64_MAX ? u->acked : least;
}

void model_old(struct model *m, const struct core_event *e)
{
	bool is_system = e->old.uid.len == 0;
	unsigned stream = is_system ? MODEL_SYSTEM : (unsigned)model_user(m, e->old.uid);
	bool is_past = e->wall_ms - e->old.ts_ms >= m->config.retention_ms;
	uint64_t seq = e->old.seq;

	if (m->config.after_restart && e->now_ms <= m->config.started_ms + 30000)
		return;
	if (is_system && !is_past)
		return;
	if (!is_past && read_by_all(m, stream) < seq)
		seq = read_by_all(m, stream);
	for (size_t i = 0; i < m->n_live && !is_system; i++) {
		const struct model_session *s = &m->live[i];

		if (s->user == stream && !s->is_live && s->asked[0] < seq)
			seq = s->asked[0];
	}
	if (seq >= m->streams[stream].floor)
		trim(m, stream, seq, e->wall_ms);
}

void model_purge(struct model *m, const struct core_event *e)
{
	int user = model_user(m, e->user.uid);
	uint64_t head;

	if (user < 0 || !m->users[user].known) {
		model_line(m, "ctl ref=0 0/0 devices=0 seq=0 mid= code=1101 -");
		return;
	}
	head = m->streams[user].stored;
	model_line(m, "ctl ref=0 1/0 devices=0 seq=%lu mid= code=0 -", head);
	if (head >= m->streams[user].floor)
		trim(m, (unsigned)user, head, e->wall_ms);
	m->users[user].acked = head;
	m->users[user].acked_place = head;
}
