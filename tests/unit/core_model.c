/*
 * No structure here serves speed, and none is shared with the core: what both get right was said
 * twice, in two ways.
 */
#include <assert.h>
#include <stdarg.h>
#include <stdio.h>

#include "common/buf.h"
#include "core_model_inner.h"
#include "proto/names.h"

void model_line(struct model *m, const char *format, ...)
{
	va_list args;
	int n;

	assert(m->n_lines < MODEL_LINES);
	va_start(args, format);
	n = vsnprintf(m->lines[m->n_lines++], MODEL_LINE_BYTES, format, args);
	va_end(args);
	assert(n < MODEL_LINE_BYTES);
}

void model_init(struct model *m, const struct core_config *config)
{
	static const char *const uids[MODEL_USERS] = {"1", "2", "007", "bob", "ann@x",
		"123456789012345", "1234567890123456", "-", "stranger"};

	*m = (struct model){.config = *config};
	for (unsigned i = 0; i < MODEL_USERS; i++)
		snprintf(m->users[i].uid, sizeof(m->users[i].uid), "%s", uids[i]);
	for (unsigned i = 0; i < MODEL_STREAMS; i++)
		m->streams[i].floor = 1;
}

int model_user(const struct model *m, struct slice uid)
{
	for (int i = 0; i < MODEL_USERS; i++) {
		if (slice_is(uid, m->users[i].uid))
			return i;
	}
	return -1;
}

/* n_live: none. */
static size_t find_live(const struct model *m, uint64_t id)
{
	size_t i = 0;

	while (i < m->n_live && m->live[i].id != id)
		i++;
	return i;
}

const struct model_session *model_live(const struct model *m, uint64_t id)
{
	size_t i = find_live(m, id);

	return i < m->n_live ? &m->live[i] : NULL;
}

static const struct model_session *find_ended(const struct model *m, uint64_t id)
{
	for (size_t i = 0; i < m->n_ended; i++) {
		if (m->ended[i].id == id)
			return &m->ended[i];
	}
	return NULL;
}

enum model_state model_state(const struct model *m, unsigned user, unsigned *out_devices)
{
	unsigned here = 0;

	*out_devices = 0;
	for (size_t i = 0; i < m->n_live; i++) {
		if (m->live[i].user != user || m->live[i].is_call)
			continue;
		++*out_devices;
		here += !m->live[i].away;
	}
	if (*out_devices == 0)
		return MODEL_OFFLINE;
	return here > 0 ? MODEL_ONLINE : MODEL_AWAY;
}

const char *model_word(enum model_state state)
{
	static const char *const words[] = {"offline", "online", "away", "unknown"};

	return words[state];
}

bool model_is_silent(const struct model *m, int64_t now_ms)
{
	return m->config.after_restart && now_ms < m->config.started_ms + 5000;
}

static void keep_ended(struct model *m, const struct model_session *s, int64_t now_ms)
{
	int64_t until_ms = now_ms + (s->final_code == 0 ? 60000 : MARK_KEPT_MS);

	assert(m->n_ended < MODEL_ENDED);
	m->ended[m->n_ended] = *s;
	if (s->ends_ms < until_ms)
		m->ended[m->n_ended].ends_ms = until_ms;
	m->n_ended++;
}

void model_end(struct model *m, size_t i, int64_t now_ms)
{
	struct model_session gone = m->live[i];

	keep_ended(m, &gone, now_ms);
	for (; i + 1 < m->n_live; i++)
		m->live[i] = m->live[i + 1];
	m->n_live--;
	if (gone.is_call)
		return;
	model_settle(m, gone.user, gone.device);
}

struct model_session *model_owned(struct model *m, const struct core_event *e, uint64_t id)
{
	const struct model_link *l = &m->links[e->link];
	const struct model_session *gone = find_ended(m, id);
	size_t live = find_live(m, id);
	uint64_t ref = e->kind == CORE_SEND ? e->send.ref : e->push.ref;
	bool may_be_call = e->kind == CORE_CLOSE || e->kind == CORE_SEND || e->kind == CORE_PUSH;

	if (l->up && live < m->n_live && m->live[live].link == e->link &&
		(may_be_call || !m->live[live].is_call))
		return &m->live[live];
	if (!l->up || gone == NULL || gone->edge_id != l->id || gone->edge_epoch != l->epoch)
		model_line(m, "violation %u", e->link);
	else if (e->kind == CORE_SEND && name_is_mid(e->send.mid))
		model_line(m, "result %u ref=%lu 0/0 devices=0 seq=0 mid=%.*s code=1402 -", e->link,
			ref, SLICE_ARGS(e->send.mid));
	else if (e->kind == CORE_SEND || e->kind == CORE_PUSH)
		model_line(
			m, "result %u ref=%lu 0/0 devices=0 seq=0 mid= code=1402 -", e->link, ref);
	return NULL;
}

static void edge_down(struct model *m, const struct core_event *e)
{
	/* The newest first: it decides what two connections of one device had last. */
	for (size_t i = m->n_live; i > 0; i--) {
		if (m->live[i - 1].link == e->link)
			model_end(m, i - 1, e->now_ms);
	}
	m->links[e->link].up = false;
}

unsigned model_sessions(const struct model *m, unsigned user)
{
	unsigned devices;

	model_state(m, user, &devices);
	return devices;
}

static unsigned open_code(struct model *m, const struct core_event *e, uint64_t old, bool *violates)
{
	bool reopen = e->open.reopen && e->kind == CORE_OPEN;
	bool is_call = e->open.dialect == CORE_API;
	unsigned voided = model_void_code(m, e->open.ticket, e->now_ms);
	const struct ticket *t = e->open.ticket;
	const struct model_link *l = &m->links[e->link];
	bool foreign = t->edge_id != l->id || t->edge_epoch != l->epoch;
	const struct model_session *gone = find_ended(m, t->session);
	bool used = model_live(m, t->session) != NULL || gone != NULL;

	*violates = !l->up || t->nonce != e->open.nonce || (!reopen && (foreign || used)) ||
		    (is_call && e->kind == CORE_REBIND);
	if (*violates)
		return 4003;
	if (!foreign && gone != NULL && gone->final_code != 0)
		return gone->final_code;
	if (!foreign && voided != 0)
		return voided;
	if (foreign || used || (is_call && reopen))
		return 4200;
	if (t->session_end_ms <= e->now_ms)
		return t->session_end_ms == t->ceiling_ms ? 4230 : 4200;
	if (t->issued_at_ms > e->now_ms + 1000)
		return 4200;
	if (t->present_by_ms < e->now_ms && !(reopen && e->now_ms <= m->config.started_ms + 30000))
		return 4200;
	return model_limit_code(
		m, e, (unsigned)model_user(m, (struct slice){t->uid, t->uid_len}), old);
}

/* Where it begins. */
static void begin(struct model *m, const struct core_event *e, struct model_session *s)
{
	struct model_user *u = &m->users[s->user];
	const struct model_stream *streams[2] = {&m->streams[s->user], &m->streams[MODEL_SYSTEM]};
	const uint64_t said[2] = {e->open.u, e->open.s};
	const uint64_t acked[2] = {u->acked, u->acked_system};
	const struct model_position *p =
		s->device[0] == '~' ? NULL : model_position(u, s->device, false);
	enum core_reset why = CORE_RESET_NONE;
	bool recovered = e->open.has_position && !s->is_call;

	for (size_t i = 0; i < 2 && recovered; i++) {
		if (said[i] + 1 < streams[i]->floor)
			why = CORE_RESET_TOO_OLD;
	}
	if (recovered && (said[0] > streams[0]->stored || said[1] > streams[1]->stored))
		why = CORE_RESET_AHEAD;
	if (recovered && !slice_eq(e->open.epoch, (struct slice){m->config.epoch, EPOCH_BYTES}))
		why = CORE_RESET_EPOCH_CHANGED;
	recovered = recovered && why == CORE_RESET_NONE;
	for (size_t i = 0; i < 2; i++) {
		s->asked[i] = streams[i]->stored;
		if (recovered)
			s->asked[i] = said[i];
		else if (!e->open.has_position && !s->is_call && (i == 0 || u->has_begun))
			s->asked[i] =
				acked[i] + 1 < streams[i]->floor ? streams[i]->floor - 1 : acked[i];
		s->acked[i] = p == NULL ? 0 : p->at[i];
	}
	s->is_live = s->asked[0] == streams[0]->stored;
	model_line(m, "opened %u nonce=%lu session=%lu u=%lu s=%lu from %lu/%lu %d/%d", e->link,
		e->open.nonce, s->id, streams[0]->stored, streams[1]->stored, s->asked[0],
		s->asked[1], recovered, why);
}

static void begin_user(struct model *m, unsigned user)
{
	struct model_user *u = &m->users[user];

	u->known = true;
	if (u->has_begun)
		return;
	u->has_begun = true;
	u->acked_system = m->streams[MODEL_SYSTEM].stored;
	model_line(m, "user %s %lu", u->uid, u->acked_system);
}

/* old: the session whose place it takes, or 0. */
static void open(struct model *m, const struct core_event *e, uint64_t old)
{
	const struct ticket *t = e->open.ticket;
	int user = model_user(m, (struct slice){t->uid, t->uid_len});
	struct model_session s = {.id = t->session,
		.user = (unsigned)user,
		.link = e->link,
		.edge_id = t->edge_id,
		.edge_epoch = t->edge_epoch,
		.flags = t->flags,
		.plain = e->open.dialect == CORE_PLAIN,
		.ends_ms = t->session_end_ms,
		.ceiling_ms = t->ceiling_ms,
		.issued_ms = t->issued_at_ms,
		.token_hash = t->token_hash,
		.issuer_id = t->issuer_id,
		.is_call = e->open.dialect == CORE_API};
	bool violates;
	unsigned code;

	assert(user >= 0 && m->n_live < MODEL_LIVE);
	snprintf(s.device, sizeof(s.device), "%.*s",
		SLICE_ARGS(s.is_call ? SLICE_LITERAL("api") : e->open.device));
	if (s.is_call && s.ends_ms > e->now_ms + 10000)
		s.ends_ms = e->now_ms + 10000;
	code = open_code(m, e, old, &violates);
	if (violates)
		model_line(m, "violation %u", e->link);
	if (code != 0) {
		model_line(m, "refused %u nonce=%lu code=%u", e->link, e->open.nonce, code);
		if (e->open.reopen && e->kind == CORE_OPEN && t->edge_id == m->links[e->link].id &&
			t->edge_epoch == m->links[e->link].epoch && !violates &&
			model_live(m, s.id) == NULL && find_ended(m, s.id) == NULL)
			keep_ended(m, &s, e->now_ms);
		return;
	}
	begin(m, e, &s);
	m->live[m->n_live++] = s;
	begin_user(m, s.user);
	model_replace(m, e, &s, old);
	if (old != 0)
		model_end(m, find_live(m, old), e->now_ms);
}

static void rebind(struct model *m, const struct core_event *e)
{
	bool is_owned = model_owned(m, e, e->open.replaces) != NULL;

	if (is_owned)
		open(m, e, e->open.replaces);
	else
		model_line(m, "refused %u nonce=%lu code=%d", e->link, e->open.nonce,
			m->n_lines > 0 ? 4003 : 4200);
}

static void tick(struct model *m, const struct core_event *e)
{
	for (;;) {
		size_t next = m->n_live;

		/* Equal ends: any order, for what is seen. */
		for (size_t i = 0; i < m->n_live; i++) {
			if (m->live[i].ends_ms <= e->now_ms &&
				(next == m->n_live || m->live[i].ends_ms < m->live[next].ends_ms))
				next = i;
		}
		if (next == m->n_live)
			break;
		model_line(m, "shut %u session=%lu code=%d", m->live[next].link, m->live[next].id,
			m->live[next].ends_ms == m->live[next].ceiling_ms ? 4230 : 4200);
		model_end(m, next, e->now_ms);
	}
	for (size_t i = 0; !model_is_silent(m, e->now_ms) && i < m->n_live; i++) {
		for (size_t k = 0; k < m->live[i].n_watches; k++) {
			struct model_watch *w = &m->live[i].watches[k];
			unsigned devices;
			enum model_state state = model_state(m, w->user, &devices);

			if (!w->is_hidden && (state != w->state || devices != w->devices) &&
				e->now_ms - w->told_ms >= 1000)
				model_tell(m, &m->live[i], w, e->now_ms);
		}
	}
}

static void end_owned(struct model *m, const struct core_event *e)
{
	struct model_session *s = model_owned(m, e, e->close.session);

	if (s != NULL)
		model_end(m, (size_t)(s - m->live), e->now_ms);
}

static void set_away(struct model *m, const struct core_event *e)
{
	struct model_session *s = model_owned(m, e, e->away.session);

	if (s != NULL)
		s->away = e->away.away;
}

void model_step(struct model *m, const struct core_event *e, struct slice mid)
{
	m->n_lines = 0;
	switch (e->kind) {
	case CORE_EDGE_UP:
		edge_down(m, e);
		m->links[e->link].up = true;
		m->links[e->link].turn++;
		m->links[e->link].id = e->edge.id;
		m->links[e->link].epoch = e->edge.epoch;
		break;
	case CORE_EDGE_DOWN:
		edge_down(m, e);
		break;
	case CORE_OPEN:
		open(m, e, 0);
		break;
	case CORE_CLOSE:
		end_owned(m, e);
		break;
	case CORE_SEND:
		model_send(m, e, mid);
		break;
	case CORE_PUSH:
	case CORE_CTL_PUSH:
		model_push(m, e, mid);
		break;
	case CORE_TYPING:
		model_typing(m, e);
		break;
	case CORE_WATCH:
		model_watch(m, e);
		break;
	case CORE_AWAY:
		set_away(m, e);
		break;
	case CORE_RENEW:
		model_renew(m, e);
		break;
	case CORE_USER_KNOWN:
		m->users[model_user(m, e->user.uid)].known = true;
		break;
	case CORE_CTL_KICK:
		model_kick(m, e);
		break;
	case CORE_ACK:
		model_ack(m, e);
		break;
	case CORE_SYNC:
		model_sync(m, e);
		break;
	case CORE_STORED:
		model_stored(m, e);
		break;
	case CORE_FAILED:
		model_failed(m, e);
		break;
	case CORE_ROWS:
		model_rows(m, e);
		break;
	case CORE_ACKED:
		model_acked(m, e);
		break;
	case CORE_OLD:
		model_old(m, e);
		break;
	case CORE_CTL_PURGE:
		model_purge(m, e);
		break;
	case CORE_REBIND:
		rebind(m, e);
		break;
	case CORE_REVOKE:
		model_revoke(m, e);
		break;
	case CORE_TICK:
		tick(m, e);
		model_flush(m);
		break;
	}
}

bool model_is_refused(const struct model *m, const struct core_event *e)
{
	for (size_t i = 0; i < m->n_lines; i++) {
		/* The id of a reopen is kept. */
		if (e->kind == CORE_REBIND && strncmp(m->lines[i], "refused", 7) == 0)
			return true;
		if (strncmp(m->lines[i], "violation", 9) == 0 ||
			strstr(m->lines[i], " 0/0 devices=0") != NULL)
			return true;
	}
	return false;
}
