/*
 * Reading: number -> id -> message, one by one.  Every row is judged by its MAC and by where it was
 * found.  A page of the file that SQLite cannot make sense of, or the disk not give, makes the rows
 * that need it damaged and no others.
 */
#include <errno.h>
#include <sqlite3.h>

#include "common/cleanup.h"
#include "common/clock.h"
#include "router/store_record.h"
#include "router/store_sqlite_inner.h"

#define SCAN_ROWS 512
#define PLACE_STEPS 64 /* how far below a damaged row a good one is looked for */

bool sq_message_fits(struct store_sqlite *s, uint64_t id, struct slice blob, struct message *out)
{
	if (!store_mac_fits(s->mac, STORE_DOMAIN_MESSAGE, id, blob))
		return false;
	blob.len -= STORE_MAC_BYTES;
	return store_record_decode(blob, out);
}

bool sq_is_at(const struct message *m, const struct store_person *u, uint64_t seq)
{
	struct slice uid = store_person_uid(u);

	return seq > 0 && ((m->at_to.seq == seq && slice_eq(m->to, uid)) ||
				  (m->at_from.seq == seq && slice_eq(m->from, uid)));
}

/* What SQLite says of a page that it cannot read; anything else is no matter of one row. */
static bool is_damage(int code)
{
	return sq_errno(code) == -EBADMSG || sq_errno(code) == -EIO;
}

uint64_t sq_chunk_read(sqlite3_stmt *row, struct sq_chunk *out)
{
	struct slice places = sq_blob(row, 1);

	out->n = 0;
	if (places.len == 0 || places.len % 8 != 0 || places.len / 8 > SQ_CHUNK)
		return 0;
	out->first = (uint64_t)sqlite3_column_int64(row, 0);
	out->n = places.len / 8;
	for (size_t i = 0; i < out->n; i++)
		out->ids[i] = store_get_u64(places.data + 8 * i);
	return out->first;
}

static void chunk_find(
	struct store_sqlite *s, const struct store_person *u, uint64_t seq, struct sq_chunk *out)
{
	CLEANUP(sq_resetp) sqlite3_stmt *q = s->queries[SQ_CHUNK_AT];

	out->n = 0;
	sqlite3_bind_int64(q, 1, (sqlite3_int64)u->id);
	sqlite3_bind_int64(q, 2, (sqlite3_int64)seq);
	if (sqlite3_step(q) == SQLITE_ROW)
		(void)sq_chunk_read(q, out);
}

static bool chunk_has(const struct sq_chunk *c, uint64_t seq)
{
	return c->n > 0 && seq >= c->first && seq - c->first < c->n;
}

uint64_t sq_message_id(
	struct store_sqlite *s, const struct store_person *u, uint64_t seq, struct sq_chunk *cache)
{
	if (seq > u->state.indexed.seq)
		return store_person_tail(u, seq)->message;
	if (!chunk_has(cache, seq))
		chunk_find(s, u, seq, cache);
	return chunk_has(cache, seq) ? cache->ids[seq - cache->first] : 0;
}

static struct message_place place_of(
	const struct message *m, const struct store_person *u, uint64_t seq)
{
	return m->at_to.seq == seq && slice_eq(m->to, store_person_uid(u)) ? m->at_to : m->at_from;
}

/* false: there is no whole message at seq. */
static bool place_find(struct store_sqlite *s, const struct store_person *u, uint64_t seq,
	struct sq_chunk *cache, struct message_place *out)
{
	CLEANUP(sq_resetp) sqlite3_stmt *q = s->queries[SQ_MESSAGE_AT];
	uint64_t id = sq_message_id(s, u, seq, cache);
	struct message m;

	sqlite3_bind_int64(q, 1, (sqlite3_int64)id);
	if (id == 0 || sqlite3_step(q) != SQLITE_ROW ||
		!sq_message_fits(s, id, sq_blob(q, 1), &m) || !sq_is_at(&m, u, seq))
		return false;
	*out = place_of(&m, u, seq);
	return true;
}

struct message_place sq_place(struct store_sqlite *s, const struct store_person *u, uint64_t seq)
{
	const struct store_person_state *state = &u->state;
	struct message_place place = state->below_floor;
	struct sq_chunk cache = {.n = 0};

	if (seq >= state->head.seq)
		return state->head;
	if (seq > state->indexed.seq) {
		const struct store_tail *tail = store_person_tail(u, seq);

		return (struct message_place){seq, tail->rows, tail->bytes};
	}
	for (uint64_t at = seq; at >= state->floor && seq - at < PLACE_STEPS; at--)
		if (place_find(s, u, at, &cache, &place))
			break;
	if (state->acked.seq <= seq && state->acked.rows > place.rows)
		place = state->acked;
	place.seq = seq;
	return place;
}

/* What is at seq goes to rows. */
static int read_one(struct store_sqlite *s, const struct store_person *u, uint64_t seq,
	struct sq_chunk *cache, struct store_rows *rows)
{
	CLEANUP(sq_resetp) sqlite3_stmt *q = s->queries[SQ_MESSAGE_AT];
	uint64_t id = sq_message_id(s, u, seq, cache);
	struct slice blob = {NULL, 0};
	struct message m;
	int code = SQLITE_DONE;

	if (id > 0) {
		sqlite3_bind_int64(q, 1, (sqlite3_int64)id);
		code = sqlite3_step(q);
	}
	if (code != SQLITE_ROW && code != SQLITE_DONE && !is_damage(code))
		return sq_errno(code);
	if (code == SQLITE_ROW)
		blob = sq_blob(q, 1);
	if (blob.len > 0 && sq_message_fits(s, id, blob, &m) && sq_is_at(&m, u, seq)) {
		blob.len -= STORE_MAC_BYTES;
	} else {
		blob.len = 0;
		s->base.damaged++;
	}
	return store_rows_add(rows, seq, blob);
}

int sq_read(struct store_backend *b, const struct store_read *read, struct store_rows *rows)
{
	struct store_sqlite *s = (struct store_sqlite *)b;
	const struct store_person *u = store_users_get(&s->users, read->uid);
	struct sq_chunk cache = {.n = 0};
	int r = 0;

	if (u == NULL)
		return 0;
	rows->floor = u->state.floor;
	if (read->after >= u->state.head.seq || read->after + 1 < u->state.floor)
		return 0;
	for (uint64_t seq = read->after + 1;
		r == 0 && seq <= u->state.head.seq && !store_rows_is_full(rows, read); seq++)
		r = read_one(s, u, seq, &cache, rows);
	return r;
}

/* One step of a scan: the streams it met, each once. */
struct scan {
	struct store_sqlite *s;
	int64_t old_ms;
	int64_t now_ms;
	struct store_person *met[2 * SCAN_ROWS];
	size_t n_met;
};

static void meet(struct scan *c, struct slice uid, uint64_t seq, int64_t ts_ms)
{
	struct store_person *p = seq == 0 ? NULL : store_users_get(&c->s->users, uid);

	if (p == NULL || seq < p->state.floor)
		return;
	if (p->old_seq == 0)
		c->met[c->n_met++] = p;
	if (seq > p->old_seq) {
		p->old_seq = seq;
		p->old_ms = ts_ms;
	}
}

/* The pass is over at the first message that is not old: they are in order of time, but for those
 * whose time the clock has not reached, because it was wrong once. */
static int scan_rows(struct scan *c, bool *more)
{
	struct store_sqlite *s = c->s;
	CLEANUP(sq_resetp) sqlite3_stmt *q = s->queries[SQ_MESSAGE_FROM];
	int code, n = 0;

	sqlite3_bind_int64(q, 1, (sqlite3_int64)s->scan_after);
	sqlite3_bind_int(q, 2, SCAN_ROWS);
	while ((code = sqlite3_step(q)) == SQLITE_ROW) {
		uint64_t id = (uint64_t)sqlite3_column_int64(q, 0);
		struct message m;

		n++;
		if (id > s->scan_after)
			s->scan_after = id;
		if (!sq_message_fits(s, id, sq_blob(q, 1), &m))
			continue;
		if (m.ts_ms > c->now_ms)
			continue;
		if (m.ts_ms >= c->old_ms)
			return 0;
		meet(c, m.to, m.at_to.seq, m.ts_ms);
		meet(c, m.from, m.at_from.seq, m.ts_ms);
	}
	if (is_damage(code)) { /* past what cannot be read */
		s->scan_after += SCAN_ROWS;
		*more = s->scan_after < s->now.next_message;
		return 0;
	}
	*more = n == SCAN_ROWS;
	return code == SQLITE_NOMEM ? 0 : sq_errno(code);
}

int sq_scan(struct store_backend *b, int64_t old_ms, store_found_fn *found, void *arg, bool *more)
{
	struct scan c = {
		.s = (struct store_sqlite *)b, .old_ms = old_ms, .now_ms = clock_wall_ms()};
	int r;

	*more = false;
	r = scan_rows(&c, more);
	for (size_t i = 0; i < c.n_met; i++) {
		struct store_person *p = c.met[i];

		found(arg, store_person_uid(p), p->old_seq, p->old_ms);
		p->old_seq = 0;
	}
	if (!*more)
		c.s->scan_after = 0;
	return r;
}
