/* The plain model of who watches whom. */
#include <assert.h>
#include <stdio.h>

#include "core_model_inner.h"

/* Tells a watcher how it is. */
void model_tell(
	struct model *m, const struct model_session *s, struct model_watch *w, int64_t now_ms)
{
	char text[120];
	int n;

	w->state = model_state(m, w->user, &w->devices);
	if (w->is_hidden) {
		w->state = MODEL_OFFLINE;
		w->devices = 0;
	} else if (model_is_silent(m, now_ms)) {
		w->state = MODEL_UNKNOWN;
		w->devices = 0;
	}
	w->told_ms = now_ms;
	if (w->state == MODEL_UNKNOWN)
		return;
	n = snprintf(text, sizeof(text),
		"{\"event\":\"presence\",\"data\":{\"user\":\"%s\",\"state\":\"%s\",\"devices\":%"
		"u}",
		m->users[w->user].uid, model_word(w->state), w->devices);
	model_line(m, "deliver %u session=%lu shed=1 native=0 0/0 plain=%d %s", s->link, s->id, n,
		text);
}

static bool is_hidden(const struct model *m, unsigned watcher, unsigned user, int64_t wall_ms)
{
	int64_t last = m->contacts[watcher][user];

	if (m->config.watching == CORE_WATCH_CONTACTS)
		return watcher != user &&
		       (last == 0 || last <= wall_ms - m->config.retention_ms - MODEL_DAY_MS);
	return m->config.watching == CORE_WATCH_OFF;
}

void model_reveal(struct model *m, unsigned a, unsigned b)
{
	for (size_t i = 0; i < m->n_live && m->config.watching == CORE_WATCH_CONTACTS; i++) {
		struct model_session *s = &m->live[i];

		for (size_t k = 0; k < s->n_watches; k++) {
			if ((s->user == a && s->watches[k].user == b) ||
				(s->user == b && s->watches[k].user == a))
				s->watches[k].is_hidden = false;
		}
	}
}

void model_watch(struct model *m, const struct core_event *e)
{
	struct model_session *s = model_owned(m, e, e->watch.session);

	if (s == NULL)
		return;
	assert(e->watch.n_users <= MODEL_WATCHES);
	s->n_watches = 0;
	for (size_t i = 0; i < e->watch.n_users; i++) {
		unsigned user = (unsigned)model_user(m, e->watch.users[i]);
		bool again = false;

		for (size_t k = 0; k < s->n_watches; k++)
			again = again || s->watches[k].user == user;
		if (again)
			continue;
		s->watches[s->n_watches].user = user;
		s->watches[s->n_watches].is_hidden = is_hidden(m, s->user, user, e->wall_ms);
		model_tell(m, s, &s->watches[s->n_watches++], e->now_ms);
	}
}
