/*
 * The store that keeps nothing beyond the process: the same numbers, pages and trims in memory, for
 * tests and for a gateway that is only live.  A batch's messages wait in a list until commit(),
 * with their places in both streams reserved, so that neither rollback() nor commit() can fail.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "common/map.h"
#include "router/store_backend.h"
#include "router/store_record.h"

#define MEMORY_MAX_BYTES 268435456
#define SCAN_USERS 256
#define ROW_BYTES 96 /* what a message costs besides its record */

struct row {
	struct row *next; /* of the batch */
	struct message message;
	size_t len;
	unsigned places; /* streams that hold it */
	char bytes[];
};

struct person {
	struct message_place head;
	struct message_place acked;
	uint64_t acked_system;
	uint64_t floor;
	uint64_t next;	   /* the head's number, with what waits for commit() */
	struct row **rows; /* rows[first]: floor */
	size_t first;
	size_t n;
	size_t cap;
	size_t reserved;
	struct person *next_person;
	size_t uid_len;
	char uid[];
};

struct memory {
	struct store_backend base;
	struct map *people;
	struct person *list; /* all, newest first */
	struct person *scan;
	struct row *batch;
	struct row **batch_last;
	size_t max_bytes;
	int64_t opened_ms; /* CLOCK_BOOTTIME */
	size_t bytes;	   /* with the batch */
	size_t batch_bytes;
};

static void close_all(struct store_backend *b);

static void memory_freep(struct memory **m)
{
	if (*m != NULL)
		close_all(&(*m)->base);
}

static struct slice uid_of(const struct person *p)
{
	return (struct slice){p->uid, p->uid_len};
}

static void row_let_go(struct memory *m, struct row *row)
{
	if (--row->places > 0)
		return;
	m->bytes -= row->len + ROW_BYTES;
	free(row);
}

static struct person *person_get(struct memory *m, struct slice uid)
{
	struct person *p = map_get(m->people, uid);

	if (p != NULL)
		return p;
	p = calloc(1, sizeof(*p) + uid.len);
	if (p == NULL)
		return NULL;
	p->floor = 1;
	p->uid_len = uid.len;
	if (uid.len > 0)
		memcpy(p->uid, uid.data, uid.len);
	if (map_put(m->people, uid_of(p), p) < 0) {
		free(p);
		return NULL;
	}
	p->next_person = m->list;
	m->list = p;
	return p;
}

/* Room for one row more. */
static int reserve(struct person *p)
{
	size_t need = p->n + p->reserved + 1;
	struct row **rows;

	if (p->first > 0 && p->first + need > p->cap) {
		memmove(p->rows, p->rows + p->first, p->n * sizeof(*p->rows));
		p->first = 0;
	}
	if (need > p->cap) {
		size_t cap = p->cap == 0 ? 16 : p->cap * 2;

		rows = realloc(p->rows, cap * sizeof(*rows));
		if (rows == NULL)
			return -ENOMEM;
		p->rows = rows;
		p->cap = cap;
	}
	p->reserved++;
	return 0;
}

static int place_take(struct memory *m, struct slice uid, const struct message_place *at)
{
	struct person *p = person_get(m, uid);

	if (p == NULL)
		return -ENOMEM;
	if (at->seq != p->next + 1)
		return -EPROTO;
	if (reserve(p) < 0)
		return -ENOMEM;
	p->next++;
	return 0;
}

static struct row *row_new(const struct store_record *r)
{
	struct row *row = malloc(sizeof(*row) + r->len);

	if (row == NULL)
		return NULL;
	row->next = NULL;
	row->len = r->len;
	row->places = r->message.at_from.seq > 0 ? 2 : 1;
	memcpy(row->bytes, r->bytes, r->len);
	(void)store_record_decode((struct slice){row->bytes, row->len}, &row->message);
	return row;
}

static int append(struct store_backend *b, const struct store_record *r)
{
	struct memory *m = (struct memory *)b;
	size_t bytes = r->len + ROW_BYTES;
	struct row *row;
	int e;

	if (bytes > m->max_bytes - m->bytes)
		return -ENOSPC;
	row = row_new(r);
	if (row == NULL)
		return -ENOMEM;
	e = place_take(m, row->message.to, &row->message.at_to);
	if (e == 0 && row->message.at_from.seq > 0)
		e = place_take(m, row->message.from, &row->message.at_from);
	if (e < 0) {
		free(row);
		return e;
	}
	m->bytes += bytes;
	m->batch_bytes += bytes;
	*m->batch_last = row;
	m->batch_last = &row->next;
	return 0;
}

static int begin(struct store_backend *b)
{
	struct memory *m = (struct memory *)b;

	m->batch = NULL;
	m->batch_last = &m->batch;
	m->batch_bytes = 0;
	return 0;
}

static void place_keep(
	struct memory *m, struct slice uid, const struct message_place *at, struct row *row)
{
	struct person *p = map_get(m->people, uid);

	p->rows[p->first + p->n++] = row;
	p->reserved--;
	p->head = *at;
}

static int commit(struct store_backend *b)
{
	struct memory *m = (struct memory *)b;

	for (struct row *row = m->batch; row != NULL; row = row->next) {
		place_keep(m, row->message.to, &row->message.at_to, row);
		if (row->message.at_from.seq > 0)
			place_keep(m, row->message.from, &row->message.at_from, row);
	}
	return begin(b);
}

static void rollback(struct store_backend *b)
{
	struct memory *m = (struct memory *)b;
	struct row *row;

	while ((row = m->batch) != NULL) {
		m->batch = row->next;
		free(row);
	}
	m->bytes -= m->batch_bytes;
	for (struct person *p = m->list; p != NULL; p = p->next_person) {
		p->reserved = 0;
		p->next = p->head.seq;
	}
	(void)begin(b);
}

static int user(struct store_backend *b, struct slice uid, uint64_t acked_system)
{
	struct person *p = person_get((struct memory *)b, uid);

	if (p == NULL)
		return -ENOMEM;
	if (acked_system > p->acked_system)
		p->acked_system = acked_system;
	return 0;
}

/* With what is in the batch, whose messages may be named already. */
static struct message_place place_of(struct memory *m, const struct person *p, uint64_t seq)
{
	struct message_place place = p->acked;
	const struct row *row = NULL;

	if (seq >= p->floor && seq <= p->head.seq)
		row = p->rows[p->first + (size_t)(seq - p->floor)];
	for (struct row *r = m->batch; row == NULL && r != NULL; r = r->next)
		if ((r->message.at_to.seq == seq && slice_eq(r->message.to, uid_of(p))) ||
			(r->message.at_from.seq == seq && slice_eq(r->message.from, uid_of(p))))
			row = r;
	if (row != NULL && row->message.at_to.seq == seq && slice_eq(row->message.to, uid_of(p)))
		place = row->message.at_to;
	else if (row != NULL)
		place = row->message.at_from;
	place.seq = seq;
	return place;
}

static int position(
	struct store_backend *b, const struct store_device *d, struct message_place *out)
{
	struct memory *m = (struct memory *)b;
	struct person *p = person_get(m, d->uid);

	if (p == NULL)
		return -ENOMEM;
	*out = (struct message_place){0, 0, 0};
	if (d->u > 0)
		*out = place_of(m, p, d->u < p->next ? d->u : p->next);
	if (out->seq > p->acked.seq)
		p->acked = *out;
	if (d->s > p->acked_system)
		p->acked_system = d->s;
	return 0;
}

static int contact(struct store_backend *b, const struct store_contact *c)
{
	(void)b;
	(void)c;
	return 0;
}

/* Nobody could ever read it, as a contact. */
static int mark(struct store_backend *b, const struct mark *m)
{
	(void)b;
	(void)m;
	return 0;
}

static int trim(struct store_backend *b, struct slice uid, uint64_t seq, struct message_place *out)
{
	struct memory *m = (struct memory *)b;
	struct person *p = map_get(m->people, uid);

	*out = (struct message_place){0, 0, 0};
	if (p == NULL)
		return 0;
	if (seq > p->head.seq)
		seq = p->head.seq;
	if (seq > p->acked.seq && seq >= p->floor)
		*out = p->acked = place_of(m, p, seq);
	for (; p->floor <= seq; p->floor++) {
		row_let_go(m, p->rows[p->first++]);
		p->n--;
		b->trimmed++;
	}
	return 0;
}

static int tidy(struct store_backend *b, size_t max_rows)
{
	(void)b;
	(void)max_rows;
	return 0;
}

static bool has_untidy(const struct store_backend *b)
{
	(void)b;
	return false;
}

static int read_page(
	struct store_backend *b, const struct store_read *read, struct store_rows *rows)
{
	struct memory *m = (struct memory *)b;
	const struct person *p = map_get(m->people, read->uid);
	int r = 0;

	if (p == NULL)
		return 0;
	rows->floor = p->floor;
	if (read->after + 1 < p->floor || read->after >= p->head.seq)
		return 0;
	for (uint64_t seq = read->after + 1;
		r == 0 && seq <= p->head.seq && !store_rows_is_full(rows, read); seq++) {
		const struct row *row = p->rows[p->first + (size_t)(seq - p->floor)];

		r = store_rows_add(rows, seq, (struct slice){row->bytes, row->len});
	}
	return r;
}

/* How many of p's first rows are old: they are in order of time. */
static size_t old_rows(const struct person *p, int64_t old_ms)
{
	size_t low = 0, high = p->n;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (p->rows[p->first + middle]->message.ts_ms < old_ms)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static int scan(
	struct store_backend *b, int64_t old_ms, store_found_fn *found, void *arg, bool *more)
{
	struct memory *m = (struct memory *)b;
	struct person *p = m->scan == NULL ? m->list : m->scan;

	for (size_t i = 0; i < SCAN_USERS && p != NULL; i++, p = p->next_person) {
		size_t n = old_rows(p, old_ms);

		if (n > 0)
			found(arg, uid_of(p), p->floor + n - 1,
				p->rows[p->first + n - 1]->message.ts_ms);
	}
	m->scan = p;
	*more = p != NULL;
	return 0;
}

static int backup(struct store_backend *b, bool *more)
{
	(void)b;
	*more = false;
	return -EOPNOTSUPP;
}

static const char *backup_path(const struct store_backend *b)
{
	(void)b;
	return NULL;
}

/* It was opened empty, and what the process before knew to be void is lost with it. */
static int load(struct store_backend *b, const struct store_visitor *v, int64_t wall_ms, void *arg)
{
	const struct memory *m = (const struct memory *)b;

	(void)wall_ms;
	return v->on_void == NULL ? 0 : v->on_void(arg, m->opened_ms);
}

static void close_all(struct store_backend *b)
{
	struct memory *m = (struct memory *)b;
	struct person *p;

	rollback(b);
	while ((p = m->list) != NULL) {
		m->list = p->next_person;
		for (size_t i = 0; i < p->n; i++)
			row_let_go(m, p->rows[p->first + i]);
		free(p->rows);
		free(p);
	}
	map_free(m->people);
	free(m);
}

static const struct store_ops ops = {
	.is_durable = false,
	.close = close_all,
	.load = load,
	.begin = begin,
	.append = append,
	.user = user,
	.position = position,
	.contact = contact,
	.mark = mark,
	.trim = trim,
	.tidy = tidy,
	.commit = commit,
	.rollback = rollback,
	.has_untidy = has_untidy,
	.read = read_page,
	.scan = scan,
	.backup = backup,
	.backup_path = backup_path,
};

/* Digits alone, up to 2^40; empty: the default. */
static bool bytes_parse(struct slice text, size_t *out)
{
	size_t value = 0;

	for (size_t i = 0; i < text.len; i++) {
		if (text.data[i] < '0' || text.data[i] > '9' || i > 12)
			return false;
		value = value * 10 + (size_t)(text.data[i] - '0');
	}
	*out = text.data == NULL ? MEMORY_MAX_BYTES : value;
	return *out > 0;
}

enum store_opened store_memory_open(struct store_backend **out, struct slice max_bytes,
	int64_t boot_ms, char why[STORE_WHY_BYTES])
{
	CLEANUP(memory_freep) struct memory *m = calloc(1, sizeof(*m));
	size_t bytes;

	if (!bytes_parse(max_bytes, &bytes)) {
		(void)snprintf(why, STORE_WHY_BYTES, "memory:BYTES wants a number");
		free(m);
		m = NULL;
		return STORE_OPEN_REFUSED;
	}
	(void)snprintf(why, STORE_WHY_BYTES, "no memory");
	if (m == NULL)
		return STORE_OPEN_FAILED;
	m->base.ops = &ops;
	m->max_bytes = bytes;
	m->opened_ms = boot_ms;
	m->batch_last = &m->batch;
	store_epoch_make(m->base.epoch);
	if (map_new(&m->people) < 0)
		return STORE_OPEN_FAILED;
	*out = &m->base;
	m = NULL;
	return STORE_OPENED;
}
