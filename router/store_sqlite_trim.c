/*
 * Trimming.  The floor moves at once, with the user's row; what is below it is taken away in small
 * steps.  A message goes with the last of its two places.  What a step cannot read is left: a
 * damaged tree costs disk, it must not stop the store.
 */
#include <errno.h>
#include <sqlite3.h>

#include "common/cleanup.h"
#include "router/store_sqlite_inner.h"

int sq_trim(struct store_backend *b, struct slice uid, uint64_t seq, struct message_place *out)
{
	struct store_sqlite *s = (struct store_sqlite *)b;
	struct store_person *p = store_users_get(&s->users, uid);
	struct store_person_state *state;

	*out = (struct message_place){0, 0, 0};
	if (p == NULL)
		return 0;
	state = &p->state;
	if (seq > state->head.seq)
		seq = state->head.seq;
	if (seq < state->floor)
		return 0;
	if (store_users_touch(&s->users, p) < 0)
		return -ENOMEM;
	state->below_floor = sq_place(s, p, seq);
	state->floor = seq + 1;
	state->is_dirty = true;
	if (state->acked.seq < seq)
		*out = state->acked = state->below_floor;
	store_users_untidy(&s->users, p);
	if (state->floor > state->indexed.seq + 1)
		s->is_round_wanted = true;
	return 0;
}

bool sq_has_untidy(const struct store_backend *b)
{
	const struct store_sqlite *s = (const struct store_sqlite *)b;

	return s->users.untidy != NULL || sq_tail_is_due(s) || sq_marks_are_due(s);
}

static int step_drop(struct store_sqlite *s, enum sq_query query, uint64_t first, uint64_t second)
{
	CLEANUP(sq_resetp) sqlite3_stmt *q = s->queries[query];

	sqlite3_bind_int64(q, 1, (sqlite3_int64)first);
	if (query == SQ_CHUNK_DROP)
		sqlite3_bind_int64(q, 2, (sqlite3_int64)second);
	return sq_errno(sqlite3_step(q));
}

/* Whether the other place of m is still there, seen from p. */
static bool has_other_place(
	struct store_sqlite *s, const struct message *m, const struct store_person *p)
{
	bool is_to = slice_eq(m->to, store_person_uid(p));
	struct slice uid = is_to ? m->from : m->to;
	uint64_t seq = is_to ? m->at_from.seq : m->at_to.seq;
	const struct store_person *other = seq == 0 ? NULL : store_users_get(&s->users, uid);

	return other != NULL && seq >= other->state.low;
}

/* -ENODATA: nothing is left below the floor. */
static int chunk_first(struct store_sqlite *s, const struct store_person *p, struct sq_chunk *out)
{
	CLEANUP(sq_resetp) sqlite3_stmt *q = s->queries[SQ_CHUNK_FIRST];
	int code;

	sqlite3_bind_int64(q, 1, (sqlite3_int64)p->id);
	sqlite3_bind_int64(q, 2, (sqlite3_int64)p->state.floor);
	code = sqlite3_step(q);
	if (code == SQLITE_DONE)
		return -ENODATA;
	if (code != SQLITE_ROW)
		return sq_errno(code);
	return sq_chunk_read(q, out) == 0 ? -EBADMSG : 0;
}

/* Whether the message goes with this place: it is whole, it is here, and nowhere else. */
static int is_last_place(struct store_sqlite *s, const struct store_person *p, uint64_t seq,
	uint64_t message, bool *out)
{
	CLEANUP(sq_resetp) sqlite3_stmt *q = s->queries[SQ_MESSAGE_AT];
	struct message m;
	int code;

	sqlite3_bind_int64(q, 1, (sqlite3_int64)message);
	code = sqlite3_step(q);
	*out = false;
	if (code == SQLITE_DONE)
		return 0;
	if (code != SQLITE_ROW)
		return sq_errno(code);
	*out = sq_message_fits(s, message,
		       (struct slice){
			       sqlite3_column_blob(q, 1), (size_t)sqlite3_column_bytes(q, 1)},
		       &m) &&
	       sq_is_at(&m, p, seq) && !has_other_place(s, &m, p);
	return 0;
}

static int drop_place(
	struct store_sqlite *s, const struct store_person *p, uint64_t seq, uint64_t message)
{
	bool is_last = false;
	int r = is_last_place(s, p, seq, message, &is_last);

	if (r == -EBADMSG) /* the message cannot be read; its place can go */
		r = 0;
	return r == 0 && is_last ? step_drop(s, SQ_MESSAGE_DROP, message, 0) : r;
}

/* The chunk without its first numbers, if any is left. */
static int chunk_shorten(
	struct store_sqlite *s, const struct store_person *p, const struct sq_chunk *c, size_t gone)
{
	int r = step_drop(s, SQ_CHUNK_DROP, p->id, c->first);

	if (r < 0 || gone == c->n)
		return r;
	return sq_chunk_write(s, p, c->first + gone, c->ids + gone, c->n - gone);
}

/* The first chunk, as far as it is below the floor; *rows were taken away. */
static int drop_first(struct store_sqlite *s, struct store_person *p, size_t *rows)
{
	struct sq_chunk c;
	size_t gone = 0;
	int r = chunk_first(s, p, &c);

	while (r == 0 && gone < c.n && c.first + gone < p->state.floor) {
		r = drop_place(s, p, c.first + gone, c.ids[gone]);
		gone++;
	}
	if (r == 0)
		r = chunk_shorten(s, p, &c, gone);
	if (r < 0)
		return r;
	p->state.low = c.first + gone;
	p->state.is_dirty = true;
	s->base.trimmed += gone;
	*rows += gone;
	return 0;
}

/* p is done, or cannot be read any further, or what is left is in its tail. */
static void finish(struct store_sqlite *s, struct store_person *p)
{
	uint64_t end = p->state.indexed.seq + 1;

	p->state.low = p->state.floor < end ? p->state.floor : end;
	p->state.is_dirty = true;
	p->is_untidy = false;
	s->users.untidy = p->next_untidy;
	s->users.n_untidy--;
}

int sq_tidy(struct store_backend *b, size_t max_rows)
{
	struct store_sqlite *s = (struct store_sqlite *)b;
	struct store_person *p;
	size_t rows = 0;
	int r = sq_tail_write(s, max_rows);

	if (r == 0)
		r = sq_marks_prune(s, max_rows);
	while (r == 0 && rows < max_rows && (p = s->users.untidy) != NULL) {
		r = store_users_touch(&s->users, p);
		if (r == 0)
			r = drop_first(s, p, &rows);
		if (r == -ENODATA || r == -EBADMSG) {
			finish(s, p);
			rows++;
			r = 0;
		}
	}
	return r;
}
