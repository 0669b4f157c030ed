/* The plain model of who may be there: revocations, limits, renewals, kicks. */
#include <assert.h>
#include <stdio.h>

#include "core_model_inner.h"

void model_end_for_good(struct model *m, size_t i, unsigned code, int64_t now_ms)
{
	struct model_session *s = &m->live[i];

	model_line(m, "shut %u session=%lu code=%u", s->link, s->id, code);
	model_line(m, "mark %d tag=0 - id=%lu at=%ld code=%u edge=%u/%u", MARK_SESSION, s->id,
		now_ms, code, s->edge_id, s->edge_epoch);
	s->final_code = code;
	model_end(m, i, now_ms);
}

static bool is_past(int64_t at_ms, int64_t now_ms)
{
	return at_ms == 0 || at_ms < now_ms - 960000;
}

static bool is_same(const struct model_void *a, const struct model_void *b)
{
	if (a->kind != b->kind)
		return false;
	return a->kind == MARK_USER ? strcmp(a->uid, b->uid) == 0 : a->id == b->id;
}

/* What was told last of the same, at the latest time that was told. */
static struct model_void latest(const struct model *m, const struct model_void *of)
{
	struct model_void v = {.code = 0};

	for (size_t i = 0; i < m->n_voids; i++) {
		if (!is_same(&m->voids[i], of))
			continue;
		v.code = m->voids[i].code;
		if (m->voids[i].at_ms > v.at_ms)
			v.at_ms = m->voids[i].at_ms;
	}
	return v;
}

unsigned model_void_code(const struct model *m, const struct ticket *t, int64_t now_ms)
{
	struct model_void of[3] = {{.kind = MARK_TOKEN, .id = t->token_hash}, {.kind = MARK_USER},
		{.kind = MARK_ISSUER, .id = t->issuer_id}};

	memcpy(of[1].uid, t->uid, t->uid_len);
	for (size_t i = 0; i < 3; i++) {
		struct model_void v = latest(m, &of[i]);

		if (!is_past(v.at_ms, now_ms) &&
			(of[i].kind == MARK_TOKEN || t->issued_at_ms <= v.at_ms))
			return v.code;
	}
	return 0;
}

static bool is_void(
	const struct model *m, const struct model_session *s, const struct model_void *v)
{
	bool is_his = strcmp(m->users[s->user].uid, v->uid) == 0;

	switch (v->kind) {
	case MARK_USER:
		return is_his && s->issued_ms <= v->at_ms;
	case MARK_TOKEN:
		return (is_his || v->uid[0] == '\0') && s->token_hash == v->id;
	case MARK_ISSUER:
		return s->issuer_id == v->id && s->issued_ms <= v->at_ms;
	case MARK_SESSION:
		break;
	}
	return false;
}

/* Sessions of HTTP requests, or the others, that are void.  Those of everybody the newest first:
 * it decides what two connections of one device had last. */
static void end_void(
	struct model *m, const struct model_void *v, uint32_t link, bool calls, int64_t now_ms)
{
	bool is_newest_first = v->uid[0] == '\0' || v->kind == MARK_ISSUER;

	for (size_t k = 0, n = m->n_live; k < n; k++) {
		for (size_t i = 0; i < m->n_live; i++) {
			size_t at = is_newest_first ? m->n_live - 1 - i : i;

			if (m->live[at].link != link || m->live[at].is_call != calls ||
				!is_void(m, &m->live[at], v))
				continue;
			model_end_for_good(m, at, v->code, now_ms);
			break;
		}
	}
}

void model_revoke(struct model *m, const struct core_event *e)
{
	const struct mark *mark = &e->revoke.mark;
	struct model_void v = {
		.kind = mark->kind, .id = mark->id, .at_ms = mark->at_ms, .code = mark->code};

	if (is_past(mark->at_ms, e->now_ms))
		return;
	assert(m->n_voids < MODEL_VOIDS);
	snprintf(v.uid, sizeof(v.uid), "%.*s", SLICE_ARGS(mark->uid));
	m->voids[m->n_voids++] = v;
	v.at_ms = latest(m, &v).at_ms;
	model_line(m, "mark %d tag=%lu %s id=%lu at=%ld code=%u edge=0/0", v.kind, e->revoke.tag,
		v.uid[0] == '\0' ? "-" : v.uid, v.id, v.at_ms, v.code);
	for (uint32_t link = 0; link < MODEL_LINKS; link++) {
		end_void(m, &v, link, false, e->now_ms);
		end_void(m, &v, link, true, e->now_ms);
	}
}

static bool gives_way(
	const struct model *m, const struct core_event *e, const struct model_session *s)
{
	bool reopen = e->open.reopen && e->kind == CORE_OPEN;

	return m->config.limit == CORE_LIMIT_DEVICE && !reopen && e->open.device.data[0] != '~' &&
	       slice_is(e->open.device, s->device);
}

/* Of the user, but for the one that is rebound, those that give way, and requests. */
static unsigned staying(
	const struct model *m, const struct core_event *e, unsigned user, uint64_t old)
{
	unsigned n = 0;

	for (size_t i = 0; i < m->n_live; i++) {
		const struct model_session *s = &m->live[i];

		n += s->user == user && !s->is_call && s->id != old && !gives_way(m, e, s);
	}
	return n;
}

unsigned model_limit_code(
	const struct model *m, const struct core_event *e, unsigned user, uint64_t old)
{
	unsigned calls = 0;

	for (size_t i = 0; i < m->n_live; i++)
		calls += m->live[i].user == user && m->live[i].is_call;
	if (e->open.dialect == CORE_API)
		return calls >= API_SESSIONS_PER_USER ? 4129 : 0;
	if (staying(m, e, user, old) < m->config.sessions_per_user)
		return 0;
	if (m->config.limit == CORE_LIMIT_OLDEST && !(e->open.reopen && e->kind == CORE_OPEN))
		return 0;
	return 4004;
}

void model_replace(
	struct model *m, const struct core_event *e, const struct model_session *s, uint64_t old)
{
	/* s itself is there already. */
	bool is_over =
		staying(m, e, s->user, old) + gives_way(m, e, s) > m->config.sessions_per_user;

	for (size_t i = 0; i < m->n_live && !s->is_call;) {
		const struct model_session *at = &m->live[i];
		bool goes = at->user == s->user && !at->is_call && at->id != old &&
			    at->id != s->id && (is_over || gives_way(m, e, at));

		if (!goes) {
			i++;
			continue;
		}
		is_over = false;
		model_end_for_good(m, i, 4409, e->now_ms);
	}
}

void model_renew(struct model *m, const struct core_event *e)
{
	const struct ticket *t = e->renew.ticket;
	struct model_session *s = model_owned(m, e, e->renew.session);
	unsigned code;

	if (s == NULL)
		return;
	if (t->session != s->id || t->edge_id != s->edge_id || t->edge_epoch != s->edge_epoch ||
		model_user(m, (struct slice){t->uid, t->uid_len}) != (int)s->user) {
		model_line(m, "violation %u", e->link);
		return;
	}
	code = model_void_code(m, t, e->now_ms);
	if (t->issued_at_ms <= s->issued_ms)
		return;
	if (code != 0) {
		model_end_for_good(m, (size_t)(s - m->live), code, e->now_ms);
		return;
	}
	if (t->issued_at_ms > e->now_ms + 1000 || t->present_by_ms < e->now_ms)
		return;
	s->issued_ms = t->issued_at_ms;
	s->token_hash = t->token_hash;
	s->issuer_id = t->issuer_id;
	s->ends_ms = t->session_end_ms;
	s->ceiling_ms = t->ceiling_ms;
	s->flags = t->flags;
}

void model_kick(struct model *m, const struct core_event *e)
{
	int user = model_user(m, e->user.uid);

	if (user < 0 || !m->users[user].known) {
		model_line(m, "ctl ref=0 0/0 devices=0 seq=0 mid= code=1101 -");
		return;
	}
	model_line(m, "ctl ref=0 1/0 devices=%u seq=0 mid= code=0 -",
		model_sessions(m, (unsigned)user));
	for (uint32_t link = 0; link < MODEL_LINKS; link++) {
		for (size_t i = 0; i < m->n_live;) {
			if (m->live[i].user == (unsigned)user && m->live[i].link == link)
				model_end_for_good(m, i, 4009, e->now_ms);
			else
				i++;
		}
	}
}
