/*
 * Tails.  When they have grown to TAIL_ROWS, a round begins: whoever has a tail now is taken in the
 * order of the table, and each batch brings along a part of the round, so that no commit waits for
 * all of it.  When the round is over, everything that was there when it began is in the table, and
 * the mark moves to where messages stood then.  A user with a long tail fills whole chunks.
 */
#include <errno.h>
#include <sqlite3.h>
#include <stdlib.h>

#include "common/cleanup.h"
#include "router/store_record.h"
#include "router/store_sqlite_inner.h"

#define TAIL_ROWS 65536

static int people_add(struct sq_people *l, struct store_person *p)
{
	if (l->n == l->cap) {
		size_t cap = l->cap == 0 ? 64 : l->cap * 2;
		struct store_person **more = realloc(l->list, cap * sizeof(*more));

		if (more == NULL)
			return -ENOMEM;
		l->list = more;
		l->cap = cap;
	}
	l->list[l->n++] = p;
	return 0;
}

/* Any number that differs when one user has one more and another one less. */
uint64_t sq_head_digest(const struct store_person *p)
{
	uint64_t x = p->id * 0x9e3779b97f4a7c15u + p->state.head.seq;

	x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9u;
	x = (x ^ x >> 27) * 0x94d049bb133111ebu;
	return p->state.head.seq == 0 ? 0 : x ^ x >> 31;
}

int sq_tail_add(struct store_sqlite *s, struct store_person *p, const struct message_place *place,
	uint64_t message)
{
	int r;

	if (!p->is_tailed) {
		if (people_add(&s->tailed, p) < 0)
			return -ENOMEM;
		p->is_tailed = true;
	}
	s->now.heads -= sq_head_digest(p);
	r = store_person_push(p, place, message);
	s->now.heads += sq_head_digest(p);
	if (r < 0)
		return r;
	s->now.tail_rows++;
	return 0;
}

int sq_chunk_write(struct store_sqlite *s, const struct store_person *p, uint64_t first,
	const uint64_t *ids, size_t n)
{
	CLEANUP(sq_resetp) sqlite3_stmt *q = s->queries[SQ_CHUNK_ADD];
	char places[SQ_CHUNK * 8];

	for (size_t i = 0; i < n; i++)
		store_put_u64(places + 8 * i, ids[i]);
	sqlite3_bind_int64(q, 1, (sqlite3_int64)p->id);
	sqlite3_bind_int64(q, 2, (sqlite3_int64)first);
	sqlite3_bind_blob(q, 3, places, (int)(8 * n), SQLITE_STATIC);
	return sq_errno(sqlite3_step(q));
}

/* The first numbers of p's tail, at most a chunk. */
static int write_chunk(struct store_sqlite *s, struct store_person *p, size_t *out_n)
{
	uint64_t first = p->state.indexed.seq + 1, ids[SQ_CHUNK];
	size_t n = 0;
	int r;

	for (; n < SQ_CHUNK && first + n <= p->state.head.seq; n++)
		ids[n] = store_person_tail(p, first + n)->message;
	r = sq_chunk_write(s, p, first, ids, n);
	if (r < 0)
		return r;
	p->state.indexed.seq = first + n - 1;
	p->state.indexed.rows = store_person_tail(p, first + n - 1)->rows;
	p->state.indexed.bytes = store_person_tail(p, first + n - 1)->bytes;
	p->state.is_dirty = true;
	s->now.tail_rows -= n;
	*out_n = n;
	return 0;
}

static int write_person(struct store_sqlite *s, struct store_person *p, size_t *budget)
{
	int r = store_users_touch(&s->users, p);

	while (r == 0 && p->state.indexed.seq<p->state.head.seq && * budget> 0) {
		size_t n = 0;

		r = write_chunk(s, p, &n);
		*budget -= n < *budget ? n : *budget;
	}
	if (r == 0)
		store_users_untidy(&s->users, p); /* what was trimmed while it was here */
	return r;
}

static int by_id(const void *x, const void *y)
{
	const struct store_person *a = *(struct store_person *const *)x;
	const struct store_person *b = *(struct store_person *const *)y;

	return a->id < b->id ? -1 : a->id > b->id;
}

/* What this transaction appended is part of the round, but the mark is of what is kept already. */
static void round_begin(struct store_sqlite *s)
{
	struct sq_people spare = s->round;

	s->round = s->tailed;
	s->tailed = spare;
	s->tailed.n = 0;
	for (size_t i = 0; i < s->round.n; i++)
		s->round.list[i]->is_tailed = false;
	if (s->round.n > 0)
		qsort(s->round.list, s->round.n, sizeof(s->round.list[0]), by_id);
	s->now.round_at = s->kept.round_at = 0;
	s->round_mark = s->kept.next_message;
	s->is_round = true;
	s->is_round_wanted = false;
}

bool sq_tail_is_due(const struct store_sqlite *s)
{
	return s->is_round || s->is_round_wanted || s->now.tail_rows >= TAIL_ROWS;
}

int sq_tail_write(struct store_sqlite *s, size_t max_rows)
{
	/* twice what came, so that the round ends */
	size_t budget = max_rows + 2 * (size_t)(s->now.tail_rows - s->kept.tail_rows);

	if (!sq_tail_is_due(s))
		return 0;
	if (!s->is_round)
		round_begin(s);
	while (s->now.round_at < s->round.n && budget > 0) {
		struct store_person *p = s->round.list[s->now.round_at];
		int r = write_person(s, p, &budget);

		if (r < 0)
			return r;
		if (p->state.indexed.seq == p->state.head.seq)
			s->now.round_at++;
	}
	if (s->now.round_at == s->round.n)
		s->now.mark = s->round_mark;
	return 0;
}

/* After a commit: a round whose mark is kept is over. */
void sq_tail_kept(struct store_sqlite *s)
{
	if (s->is_round && s->kept.mark == s->round_mark && s->kept.round_at == s->round.n)
		s->is_round = false;
}

/* p's next number, of a message that is damaged.  Whether he received it is not known: counted low,
 * so that no later place is lower. */
static int damaged_add(struct store_sqlite *s, struct store_person *p, uint64_t message)
{
	struct message_place next = p->state.head;

	next.seq++;
	return sq_tail_add(s, p, &next, message);
}

/* What a message behind the mark says of one stream.  One that is damaged is believed where it
 * stood, if that is where the next one stands: whoever reads its number is told. */
static int place_read(struct store_sqlite *s, struct slice uid, const struct message_place *place,
	uint64_t message, bool is_whole)
{
	struct store_person *p = place->seq == 0 ? NULL : store_users_get(&s->users, uid);

	if (p == NULL || place->seq <= p->state.head.seq)
		return 0;
	if (!is_whole)
		return place->seq == p->state.head.seq + 1 ? damaged_add(s, p, message) : 0;
	if (place->seq - p->state.head.seq > s->now.next_message - s->now.mark)
		return 0;
	/* between them were messages of whom nobody can say whose they were */
	while (p->state.head.seq + 1 < place->seq)
		if (damaged_add(s, p, 0) < 0)
			return -ENOMEM;
	return sq_tail_add(s, p, place, message);
}

static int message_read(struct store_sqlite *s, uint64_t id, struct slice blob)
{
	struct message m;
	bool is_whole = sq_message_fits(s, id, blob, &m);
	int r;

	if (!is_whole) {
		if (blob.len < STORE_MAC_BYTES)
			return 0;
		blob.len -= STORE_MAC_BYTES;
		if (!store_record_decode(blob, &m))
			return 0;
	}
	r = place_read(s, m.to, &m.at_to, id, is_whole);
	return r == 0 ? place_read(s, m.from, &m.at_from, id, is_whole) : r;
}

int sq_tail_read(struct store_sqlite *s)
{
	CLEANUP(sq_resetp) sqlite3_stmt *q = s->queries[SQ_MESSAGE_FROM];
	uint64_t heads = s->now.heads;
	int code = SQLITE_DONE, r = 0;

	sqlite3_bind_int64(q, 1, (sqlite3_int64)s->now.mark - 1);
	sqlite3_bind_int64(q, 2, -1);
	while (r == 0 && (code = sqlite3_step(q)) == SQLITE_ROW)
		r = message_read(s, (uint64_t)sqlite3_column_int64(q, 0), sq_blob(q, 1));
	s->now.heads = heads;
	/* what cannot be read is missed by the digest of heads */
	return r < 0 || sq_errno(code) == -EBADMSG ? r : sq_errno(code);
}
