/*
 * A watch is one pair, in its watcher's array and in its subject's list.  Marked users wait in a
 * queue with the time of their next frame, so that a tick looks at those alone who have one to
 * come.
 *
 * After a restart everybody is unknown for a while, and watchers are told nothing: a user whose
 * edge has not reopened him yet is not offline.  Whoever is watched then stays marked, and the
 * first tick after the silence tells what was found.
 */
#include "router/presence.h"

#include <stdlib.h>

#include "router/text.h"

struct presence_view presence_of(const struct user *u)
{
	if (u->n_sessions == 0)
		return (struct presence_view){PRESENCE_OFFLINE, 0};
	return (struct presence_view){
		u->n_away == u->n_sessions ? PRESENCE_AWAY : PRESENCE_ONLINE, u->n_sessions};
}

const char *presence_word(enum presence_state state)
{
	switch (state) {
	case PRESENCE_ONLINE:
		return "online";
	case PRESENCE_AWAY:
		return "away";
	case PRESENCE_UNKNOWN:
		return "unknown";
	case PRESENCE_OFFLINE:
		break;
	}
	return "offline";
}

static void mark(struct presence *p, struct user *u)
{
	u->due_ms = 0;
	if (u->is_dirty)
		return;
	u->is_dirty = true;
	u->dirty_next = NULL;
	u->dirty_prev = p->dirty_last;
	if (p->dirty_last == NULL)
		p->dirty_first = u;
	else
		p->dirty_last->dirty_next = u;
	p->dirty_last = u;
}

static void unmark(struct presence *p, struct user *u)
{
	if (!u->is_dirty)
		return;
	u->is_dirty = false;
	if (u->dirty_prev == NULL)
		p->dirty_first = u->dirty_next;
	else
		u->dirty_prev->dirty_next = u->dirty_next;
	if (u->dirty_next == NULL)
		p->dirty_last = u->dirty_prev;
	else
		u->dirty_next->dirty_prev = u->dirty_prev;
}

void presence_changed(struct presence *p, struct user *u)
{
	if (u->watchers != NULL)
		mark(p, u);
}

static void link_watch(struct watch *w)
{
	w->prev = NULL;
	w->next = w->subject->watchers;
	if (w->next != NULL)
		w->next->prev = w;
	w->subject->watchers = w;
}

static void unlink_watch(struct watch *w)
{
	if (w->prev == NULL)
		w->subject->watchers = w->next;
	else
		w->prev->next = w->next;
	if (w->next != NULL)
		w->next->prev = w->prev;
}

static void drop(struct presence *p, struct watch *watches, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		struct user *u = watches[i].subject;

		unlink_watch(&watches[i]);
		if (u->watchers != NULL)
			continue;
		unmark(p, u);
		users_drop_idle(p->users, u);
	}
	free(watches);
}

void presence_forget(struct presence *p, struct session *s)
{
	drop(p, s->watches, s->n_watches);
	s->watches = NULL;
	s->n_watches = 0;
}

static bool is_there(const struct watch *watches, size_t n, const struct user *u)
{
	for (size_t i = 0; i < n; i++) {
		if (watches[i].subject == u)
			return true;
	}
	return false;
}

/* One frame about u for ids of one or more links; the caller adds the receivers. */
static bool write_frame(struct commands *c, const struct user *u, const struct presence_view *view,
	struct core_text *out)
{
	struct text_presence t = {
		.user = user_uid(u), .state = presence_word(view->state), .devices = view->devices};

	return text_presence(c, &t, out);
}

static bool add_frame(struct commands *c, uint32_t link, const uint64_t *ids, size_t n,
	const struct core_text *text)
{
	struct core_command *command = commands_add(c, CORE_DO_DELIVER, link);

	if (command == NULL)
		return false;
	command->deliver.sessions = ids;
	command->deliver.n_sessions = n;
	command->deliver.text = *text;
	command->deliver.shed = true;
	return true;
}

/* Tells the watcher how it is now; while nobody can know yet, nothing. */
static bool tell(struct presence *p, struct commands *c, struct watch *w, int64_t now_ms)
{
	struct presence_view view = presence_of(w->subject);
	uint64_t *id;
	struct core_text text;

	if (w->is_hidden)
		view = (struct presence_view){PRESENCE_OFFLINE, 0};
	else if (now_ms < p->silent_until_ms)
		view = (struct presence_view){PRESENCE_UNKNOWN, 0};
	w->told_ms = now_ms;
	w->told_state = view.state;
	w->told_devices = view.devices;
	if (view.state == PRESENCE_UNKNOWN)
		return true;
	id = commands_alloc(c, sizeof(*id));
	if (id == NULL || !write_frame(c, w->subject, &view, &text))
		return false;
	*id = w->watcher->id;
	return add_frame(c, w->watcher->link, id, 1, &text);
}

static bool is_hidden(const struct presence *p, const struct user *watcher, const struct user *u)
{
	int64_t last_ms;

	switch (p->watching) {
	case CORE_WATCH_ANY:
		return false;
	case CORE_WATCH_CONTACTS:
		if (u == watcher)
			return false;
		last_ms = contacts_last(p->contacts, user_uid(watcher), user_uid(u));
		return last_ms == 0 || last_ms <= p->contacts_since_ms;
	case CORE_WATCH_OFF:
		break;
	}
	return true;
}

/* Fills watches, which has place for all of list; how many there are, or -1: out of memory. */
static int collect(struct presence *p, struct commands *c, struct watch *watches,
	const struct presence_list *list, const struct watch *of)
{
	int n = 0;

	for (size_t i = 0; i < list->n; i++) {
		struct user *u = users_make(p->users, list->uids[i]);

		if (u == NULL)
			return -1 - n;
		if (is_there(watches, (size_t)n, u))
			continue;
		watches[n] = *of;
		watches[n].subject = u;
		watches[n].is_hidden = is_hidden(p, of->watcher->user, u);
		link_watch(&watches[n++]);
		if (!tell(p, c, &watches[n - 1], of->told_ms))
			return -1 - n;
	}
	return n;
}

bool presence_watch(struct presence *p, struct commands *c, struct session *s,
	const struct presence_list *list, int64_t now_ms)
{
	struct watch of = {.watcher = s, .told_ms = now_ms};
	struct watch *watches = NULL;
	int n;

	if (list->n > 0) {
		watches = calloc(list->n, sizeof(*watches));
		if (watches == NULL)
			return false;
	}
	n = collect(p, c, watches, list, &of);
	if (n < 0) {
		drop(p, watches, (size_t)(-1 - n));
		return false;
	}
	for (int i = 0; i < n; i++) {
		if (watches[i].told_state == PRESENCE_UNKNOWN)
			mark(p, watches[i].subject);
	}
	presence_forget(p, s);
	s->watches = watches;
	s->n_watches = (uint32_t)n;
	return true;
}

static void reveal(struct presence *p, struct user *watcher, struct user *subject)
{
	for (struct session *s = watcher->sessions; s != NULL; s = s->user_next) {
		for (uint32_t i = 0; i < s->n_watches; i++) {
			struct watch *w = &s->watches[i];

			if (w->subject != subject || !w->is_hidden)
				continue;
			w->is_hidden = false;
			mark(p, subject);
		}
	}
}

void presence_reveal(struct presence *p, struct user *a, struct user *b)
{
	if (p->watching != CORE_WATCH_CONTACTS)
		return;
	reveal(p, a, b);
	reveal(p, b, a);
}

static bool is_told(const struct watch *w, const struct presence_view *view)
{
	return w->is_hidden || (w->told_state == view->state && w->told_devices == view->devices);
}

static bool is_due(const struct watch *w, const struct presence_view *view, int64_t now_ms)
{
	return !is_told(w, view) && now_ms - w->told_ms >= PRESENCE_PAUSE_MS;
}

/* The watchers who are due, in a list per link. */
struct round {
	size_t n[MAX_EDGES];
	size_t total;
	size_t links;
	int64_t next_ms; /* when another one will be due */
};

static void count_due(
	const struct user *u, const struct presence_view *view, int64_t now_ms, struct round *r)
{
	for (const struct watch *w = u->watchers; w != NULL; w = w->next) {
		if (is_told(w, view))
			continue;
		if (is_due(w, view, now_ms)) {
			r->links += r->n[w->watcher->link]++ == 0;
			r->total++;
		} else if (w->told_ms + PRESENCE_PAUSE_MS < r->next_ms) {
			r->next_ms = w->told_ms + PRESENCE_PAUSE_MS;
		}
	}
}

/* One text for all of them.  Nothing after the first line may fail: then everybody was told. */
static bool tell_round(struct user *u, struct commands *c, const struct round *r, int64_t now_ms)
{
	struct presence_view view = presence_of(u);
	uint64_t *ids = commands_alloc(c, r->total * sizeof(*ids));
	uint64_t *at[MAX_EDGES];
	struct core_text text;

	if (ids == NULL || !write_frame(c, u, &view, &text) || !commands_reserve(c, r->links))
		return false;
	for (uint32_t link = 0; link < MAX_EDGES; link++) {
		at[link] = ids;
		if (r->n[link] > 0 && !add_frame(c, link, ids, r->n[link], &text))
			return false;
		ids += r->n[link];
	}
	for (struct watch *w = u->watchers; w != NULL; w = w->next) {
		if (!is_due(w, &view, now_ms))
			continue;
		*at[w->watcher->link]++ = w->watcher->id;
		w->told_ms = now_ms;
		w->told_state = view.state;
		w->told_devices = view.devices;
	}
	return true;
}

static void tick_user(struct presence *p, struct user *u, struct commands *c, int64_t now_ms)
{
	struct presence_view view = presence_of(u);
	struct round r = {.next_ms = INT64_MAX};

	count_due(u, &view, now_ms, &r);
	if (r.total > 0 && !tell_round(u, c, &r, now_ms))
		return;
	u->due_ms = r.next_ms;
	if (r.next_ms == INT64_MAX)
		unmark(p, u);
}

void presence_tick(struct presence *p, struct commands *c, int64_t now_ms)
{
	struct user *next;

	if (now_ms < p->silent_until_ms)
		return;
	for (struct user *u = p->dirty_first; u != NULL; u = next) {
		next = u->dirty_next;
		if (u->due_ms <= now_ms)
			tick_user(p, u, c, now_ms);
	}
}
