/*
 * One record is in four places: the map by id, the heap by end, its link's list and its user's. The
 * user's list is kept in the order of links, so that a message for a user falls into one run per
 * link; it has at most sessions_per_user entries and is walked, as that of HTTP requests is. Ending
 * takes a record out of three of them and puts it into the queue of ended ones: no step of that
 * needs memory.
 */
#include "router/sessions.h"

#include <errno.h>
#include <stdlib.h>

#include "common/bug.h"

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

	if (s->dialect == CORE_API && !BUG(36)) {
		s->user_next = s->user->calls;
		s->user->calls = s;
		s->user->n_calls++;
		return;
	}
	while (*at != NULL && (*at)->link <= s->link)
		at = &(*at)->user_next;
	s->user_next = *at;
	*at = s;
	s->user->n_sessions++;
	s->user->n_away += s->away;
}

static void leave_user(struct session *s)
{
	bool is_call = s->dialect == CORE_API && !BUG(36);
	struct session **at = is_call ? &s->user->calls : &s->user->sessions;

	while (*at != s)
		at = &(*at)->user_next;
	*at = s->user_next;
	s->user->n_calls -= is_call;
	s->user->n_sessions -= !is_call;
	s->user->n_away -= s->away;
}

static void join_link(struct link_state *l, struct session *s)
{
	s->link_prev = NULL;
	s->link_next = l->first;
	if (l->first != NULL)
		l->first->link_prev = s;
	l->first = s;
	l->n += s->dialect != CORE_API;
}

static void leave_link(struct link_state *l, struct session *s)
{
	if (s->link_prev != NULL)
		s->link_prev->link_next = s->link_next;
	else
		l->first = s->link_next;
	if (s->link_next != NULL)
		s->link_next->link_prev = s->link_prev;
	l->n -= s->dialect != CORE_API;
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
	s->order = ++ss->last_order;
	s->heap_at = ss->n;
	ss->heap[ss->n++] = s;
	sift(ss, s);
	join_link(&ss->links[s->link], s);
	join_user(s);
	ss->n_calls += s->dialect == CORE_API;
	ss->n_behind += !s->is_live;
	return s;
}

static void forget_first(struct sessions *ss, struct ended *of)
{
	struct session *s = of->first;

	of->first = s->link_next;
	if (of->first == NULL)
		of->last = NULL;
	of->n--;
	map_remove_u64(ss->by_id, s->id);
	free(s);
}

static void queue_ended(struct sessions *ss, struct session *s, int64_t now_ms)
{
	bool is_final = s->final_code != 0;
	struct ended *to = is_final ? &ss->ended_for_good : &ss->ended;
	int64_t until_ms = now_ms + (is_final ? MARK_KEPT_MS : ENDED_KEPT_MS);

	s->user = NULL;
	s->link_next = NULL;
	if (s->ends_ms < until_ms)
		s->ends_ms = until_ms;
	if (to->last == NULL)
		to->first = s;
	else
		to->last->link_next = s;
	to->last = s;
	if (++to->n > (is_final ? MARKS_MAX : ENDED_KEPT))
		forget_first(ss, to);
}

void sessions_end(struct sessions *ss, struct session *s, unsigned final_code, int64_t now_ms)
{
	heap_remove(ss, s);
	leave_link(&ss->links[s->link], s);
	leave_user(s);
	ss->n_calls -= s->dialect == CORE_API;
	ss->n_behind -= !s->is_live;
	s->final_code = final_code;
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
	while (ss->ended.first != NULL && ss->ended.first->ends_ms <= now_ms)
		forget_first(ss, &ss->ended);
	while (ss->ended_for_good.first != NULL && ss->ended_for_good.first->ends_ms <= now_ms)
		forget_first(ss, &ss->ended_for_good);
}
