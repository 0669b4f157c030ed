/*
 * Reading.  Every row is judged by its MAC and by where it was found.  A page of the file that
 * SQLite cannot make sense of, or the disk not give, makes the rows on it damaged and no others:
 * when a range fails in the middle, the numbers are asked for one by one.
 */
#include <errno.h>
#include <sqlite3.h>

#include "common/cleanup.h"
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

static struct slice blob_of(sqlite3_stmt *q, int column)
{
	const char *data = sqlite3_column_blob(q, column);

	return (struct slice){data, data == NULL ? 0 : (size_t)sqlite3_column_bytes(q, column)};
}

/* What SQLite says of a page that it cannot read; anything else is no matter of one row. */
static bool is_damage(int code)
{
	return sq_errno(code) == -EBADMSG || sq_errno(code) == -EIO;
}

bool sq_message_at(struct store_sqlite *s, const struct store_person *u, uint64_t seq,
	sqlite3_stmt **out_row, struct message *out)
{
	sqlite3_stmt *q = s->queries[SQ_STREAM_AT];

	*out_row = q;
	sqlite3_bind_int64(q, 1, (sqlite3_int64)u->id);
	sqlite3_bind_int64(q, 2, (sqlite3_int64)seq);
	return sqlite3_step(q) == SQLITE_ROW &&
	       sq_message_fits(s, (uint64_t)sqlite3_column_int64(q, 0), blob_of(q, 1), out) &&
	       sq_is_at(out, u, seq);
}

struct message_place sq_place(struct store_sqlite *s, const struct store_person *u, uint64_t seq)
{
	const struct store_person_state *state = &u->state;
	struct message_place place = state->below_floor;

	if (seq >= state->head.seq)
		return state->head;
	for (uint64_t at = seq; at >= state->floor && seq - at < PLACE_STEPS; at--) {
		CLEANUP(sq_resetp) sqlite3_stmt *q = NULL;
		struct message m;

		if (!sq_message_at(s, u, at, &q, &m))
			continue;
		place = m.at_to.seq == at && slice_eq(m.to, store_person_uid(u)) ? m.at_to
										 : m.at_from;
		break;
	}
	if (state->acked.seq <= seq && state->acked.rows > place.rows)
		place = state->acked;
	place.seq = seq;
	return place;
}

/* A page being made: the next number, and where it ends. */
struct reading {
	struct store_sqlite *s;
	const struct store_person *user;
	const struct store_read *read;
	struct store_rows *rows;
	uint64_t next;
	uint64_t last;
};

static bool is_over(const struct reading *g)
{
	return g->next > g->last || store_rows_is_full(g->rows, g->read);
}

/* blob empty: damaged. */
static int row_add(struct reading *g, uint64_t id, struct slice blob)
{
	struct message m;

	if (blob.len > 0 && sq_message_fits(g->s, id, blob, &m) && sq_is_at(&m, g->user, g->next))
		blob.len -= STORE_MAC_BYTES;
	else
		blob.len = 0;
	if (blob.len == 0)
		g->s->base.damaged++;
	return store_rows_add(g->rows, g->next++, blob);
}

static int row_lost(struct reading *g)
{
	return row_add(g, 0, (struct slice){NULL, 0});
}

/* One number by itself. */
static int read_one(struct reading *g)
{
	CLEANUP(sq_resetp) sqlite3_stmt *q = g->s->queries[SQ_STREAM_AT];
	int code;

	sqlite3_bind_int64(q, 1, (sqlite3_int64)g->user->id);
	sqlite3_bind_int64(q, 2, (sqlite3_int64)g->next);
	code = sqlite3_step(q);
	if (code == SQLITE_ROW)
		return row_add(g, (uint64_t)sqlite3_column_int64(q, 0), blob_of(q, 1));
	return code == SQLITE_DONE || is_damage(code) ? row_lost(g) : sq_errno(code);
}

/* Rows as long as all is well: *code is what ended it. */
static int read_range(struct reading *g, int *code)
{
	CLEANUP(sq_resetp) sqlite3_stmt *q = g->s->queries[SQ_STREAM_RANGE];
	int r = 0;

	sqlite3_bind_int64(q, 1, (sqlite3_int64)g->user->id);
	sqlite3_bind_int64(q, 2, (sqlite3_int64)g->next);
	sqlite3_bind_int64(q, 3, (sqlite3_int64)g->last);
	*code = SQLITE_DONE;
	while (r == 0 && !is_over(g) && (*code = sqlite3_step(q)) == SQLITE_ROW) {
		uint64_t seq = (uint64_t)sqlite3_column_int64(q, 0);

		if (seq < g->next) /* out of order: the tree is damaged, this row is no answer */
			continue;
		while (r == 0 && g->next < seq && !is_over(g))
			r = read_one(g);
		if (r == 0 && !is_over(g))
			r = row_add(g, (uint64_t)sqlite3_column_int64(q, 1), blob_of(q, 2));
	}
	return r;
}

int sq_read(struct store_backend *b, const struct store_read *read, struct store_rows *rows)
{
	struct store_sqlite *s = (struct store_sqlite *)b;
	const struct store_person *u = store_users_get(&s->users, read->uid);
	struct reading g = {s, u, read, rows, read->after + 1, 0};
	int code = SQLITE_DONE, r;

	if (u == NULL)
		return 0;
	rows->floor = u->state.floor;
	g.last = u->state.head.seq;
	if (g.next < u->state.floor || read->after >= g.last)
		return 0;
	if (g.last - read->after > read->max_rows)
		g.last = read->after + read->max_rows;
	if (is_over(&g))
		return 0;
	r = read_range(&g, &code);
	if (r == 0 && code != SQLITE_ROW && code != SQLITE_DONE && !is_damage(code))
		r = sq_errno(code);
	while (r == 0 && !is_over(&g))
		r = read_one(&g);
	return r;
}

/* One step of a scan: the streams it met, each once. */
struct scan {
	struct store_sqlite *s;
	int64_t old_ms;
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

/* The pass is over at the first message that is not old: they are in order of time. */
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
		if (!sq_message_fits(s, id, blob_of(q, 1), &m))
			continue;
		if (m.ts_ms >= c->old_ms)
			return 0;
		meet(c, m.to, m.at_to.seq, m.ts_ms);
		meet(c, m.from, m.at_from.seq, m.ts_ms);
	}
	if (is_damage(code)) { /* past what cannot be read */
		s->scan_after += SCAN_ROWS;
		*more = s->scan_after < s->next_message;
		return 0;
	}
	*more = n == SCAN_ROWS;
	return code == SQLITE_NOMEM ? 0 : sq_errno(code);
}

int sq_scan(struct store_backend *b, int64_t old_ms, store_found_fn *found, void *arg, bool *more)
{
	struct scan c = {.s = (struct store_sqlite *)b, .old_ms = old_ms};
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
