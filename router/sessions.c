/*
 * One record is in four places: the map by id, the heap by end, its link's list and its user's. The
 * user's list is kept in the order of links, so that a message for a user falls into one run per
 * link; it has at most sessions_per_user entries and is walked.  Ending takes a record out of three
 * of them and puts it into the queue of ended ones: no step of that needs memory.
 */
#include "router/sessions.h"

#include <errno.h>
#include <stdlib.h>

enum { FIRST_HEAP = 64 };

int sessions_init(struct sessions *ss)
{
	*ss = (struct sessions){0};
	return map_new(&ss->by_id);
}

void sessions_fini(struct sessions *ss)
{
	struct session *s;

	if (ss->by_id == NULL)
		return;
	for (size_t i = 0; (s = map_next(ss->by_id, &i)) != NULL;)
		free(s);
	map_free(ss->by_id);
	free(ss->heap);
}

struct session *sessions_find(const struct sessions *ss, uint64_t id)
{
	return map_get_u64(ss->by_id, id);
}

static void place(struct sessions *ss, struct session *s, size_t at)
{
	ss->heap[at] = s;
	s->heap_at = at;
}

/* Moves s up or down to where its end belongs. */
static void sift(struct sessions *ss, struct session *s)
{
	size_t at = s->heap_at;

	while (at > 0 && ss->heap[(at - 1) / 2]->ends_ms > s->ends_ms) {
		place(ss, ss->heap[(at - 1) / 2], at);
		at = (at - 1) / 2;
	}
	for (;;) {
		size_t child = 2 * at + 1;

		if (child + 1 < ss->n && ss->heap[child + 1]->ends_ms < ss->heap[child]->ends_ms)
			child++;
		if (child >= ss->n || ss->heap[child]->ends_ms >= s->ends_ms)
			break;
		place(ss, ss->heap[child], at);
		at = child;
	}
	place(ss, s, at);
}

static bool heap_reserve(struct sessions *ss)
{
	size_t cap = ss->heap_cap == 0 ? FIRST_HEAP : ss->heap_cap * 2;
	struct session **heap;

	if (ss->n < ss->heap_cap)
		return true;
	heap = reallocarray(ss->heap, cap, sizeof(struct session *));
	if (heap == NULL)
		return false;
	ss->heap = heap;
	ss->heap_cap = cap;
	return true;
}

static void heap_remove(struct sessions *ss, struct session *s)
{
	struct session *last = ss->heap[--ss->n];

	if (last == s)
		return;
	last->heap_at = s->heap_at;
	sift(ss, last);
}

static void join_user(struct session *s)
{
	struct session **at = &s->user->sessions;

	while (*at != NULL && (*at)->link <= s->link)
		at = &(*at)->user_next;
	s->user_next = *at;
	*at = s;
	s->user->n_sessions++;
	s->user->n_away += s->away;
}

static void leave_user(struct session *s)
{
	struct session **at = &s->user->sessions;

	while (*at != s)
		at = &(*at)->user_next;
	*at = s->user_next;
	s->user->n_sessions--;
	s->user->n_away -= s->away;
}

static void join_link(struct link_state *l, struct session *s)
{
	s->link_prev = NULL;
	s->link_next = l->first;
	if (l->first != NULL)
		l->first->link_prev = s;
	l->first = s;
	l->n++;
}

static void leave_link(struct link_state *l, struct session *s)
{
	if (s->link_prev != NULL)
		s->link_prev->link_next = s->link_next;
	else
		l->first = s->link_next;
	if (s->link_next != NULL)
		s->link_next->link_prev = s->link_prev;
	l->n--;
	l->n_reading -= s->is_reading[CORE_STREAM_USER];
	l->n_reading -= s->is_reading[CORE_STREAM_SYSTEM];
}

static struct session *add_record(struct sessions *ss, const struct session *like)
{
	struct session *s = malloc(sizeof(*s));

	if (s == NULL)
		return NULL;
	*s = *like;
	if (map_put_u64(ss->by_id, s->id, s) < 0) {
		free(s);
		return NULL;
	}
	return s;
}

struct session *sessions_add(struct sessions *ss, const struct session *like)
{
	struct session *s;

	if (!heap_reserve(ss))
		return NULL;
	s = add_record(ss, like);
	if (s == NULL)
		return NULL;
	s->heap_at = ss->n;
	ss->heap[ss->n++] = s;
	sift(ss, s);
	join_link(&ss->links[s->link], s);
	join_user(s);
	ss->n_behind += !s->is_live;
	return s;
}

static void forget_oldest(struct sessions *ss)
{
	struct session *s = ss->ended_first;

	ss->ended_first = s->link_next;
	if (ss->ended_first == NULL)
		ss->ended_last = NULL;
	ss->n_ended--;
	map_remove_u64(ss->by_id, s->id);
	free(s);
}

static void queue_ended(struct sessions *ss, struct session *s, int64_t now_ms)
{
	s->user = NULL;
	s->link_next = NULL;
	if (s->ends_ms < now_ms + ENDED_KEPT_MS)
		s->ends_ms = now_ms + ENDED_KEPT_MS;
	if (ss->ended_last == NULL)
		ss->ended_first = s;
	else
		ss->ended_last->link_next = s;
	ss->ended_last = s;
	if (++ss->n_ended > ENDED_KEPT)
		forget_oldest(ss);
}

void sessions_end(struct sessions *ss, struct session *s, int64_t now_ms)
{
	heap_remove(ss, s);
	leave_link(&ss->links[s->link], s);
	leave_user(s);
	ss->n_behind -= !s->is_live;
	queue_ended(ss, s, now_ms);
}

bool sessions_add_ended(struct sessions *ss, const struct session *like, int64_t now_ms)
{
	struct session *s = add_record(ss, like);

	if (s == NULL)
		return false;
	queue_ended(ss, s, now_ms);
	return true;
}

void sessions_set_end(struct sessions *ss, struct session *s, int64_t ends_ms)
{
	s->ends_ms = ends_ms;
	sift(ss, s);
}

void sessions_set_away(struct session *s, bool away)
{
	s->user->n_away += away;
	s->user->n_away -= s->away;
	s->away = away;
}

void sessions_set_live(struct sessions *ss, struct session *s, bool is_live)
{
	ss->n_behind -= !s->is_live;
	ss->n_behind += !is_live;
	s->is_live = is_live;
}

void sessions_set_reading(
	struct sessions *ss, struct session *s, enum core_stream stream, bool is_reading)
{
	struct link_state *l = &ss->links[s->link];

	l->n_reading -= s->is_reading[stream];
	l->n_reading += is_reading;
	s->is_reading[stream] = is_reading;
}

struct session *sessions_due(const struct sessions *ss, int64_t now_ms)
{
	return ss->n > 0 && ss->heap[0]->ends_ms <= now_ms ? ss->heap[0] : NULL;
}

void sessions_forget(struct sessions *ss, int64_t now_ms)
{
	/* In the order of their ends, not of their times: one may be kept longer for the one before
	 * it. */
	while (ss->ended_first != NULL && ss->ended_first->ends_ms <= now_ms)
		forget_oldest(ss);
}
