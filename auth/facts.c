/*
 * facts: numbers are the table's primary key, given as the highest one and 1.  That is never a
 * number of before, since the row with the highest number is never removed without a higher one in
 * its place.
 */
#include "auth/facts.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "proto/limits.h"

enum query {
	Q_ADD_USER,
	Q_OLD,
	Q_ADD,
	Q_AFTER,
	Q_LAST,
	Q_PRUNE,
	Q_BOOT,
	Q_BOOT_OVER,
	Q_BOOT_SET,
	Q_N
};

static const char *const queries[Q_N] = {
	[Q_ADD_USER] =
		"INSERT OR IGNORE INTO facts"
		" SELECT max(coalesce(max(number), 0), ?2) + 1, 1, ?1, 0, 0, 0, 0, 0 FROM facts",
	/* The conditions of both indices as they are written there, or neither would be used. */
	[Q_OLD] = "SELECT uid, wall_ms, boot_ms, until_ms FROM facts"
		  " WHERE kind = ?1 AND kind IN (1, 2) AND uid = ?2 UNION ALL"
		  " SELECT uid, wall_ms, boot_ms, until_ms FROM facts"
		  " WHERE kind = ?1 AND kind IN (3, 4) AND subject = ?3",
	[Q_ADD] = "INSERT OR REPLACE INTO facts"
		  " SELECT max(coalesce(max(number), 0), ?8) + 1, ?1, ?2, ?3, ?4, ?5, ?6, ?7 FROM "
		  "facts",
	[Q_AFTER] = "SELECT number, kind, uid, subject, wall_ms, boot_ms, until_ms, code FROM facts"
		    " WHERE number > ?1 AND (kind = 1 OR boot_ms > ?3"
		    " OR number = (SELECT max(number) FROM facts)) ORDER BY number LIMIT ?2",
	[Q_LAST] = "SELECT coalesce(max(number), 0) FROM facts",
	[Q_PRUNE] = "DELETE FROM facts WHERE kind = 3 AND until_ms > 0 AND until_ms <= ?1"
		    " AND number < (SELECT max(number) FROM facts)",
	[Q_BOOT] = "SELECT boot_id FROM boot",
	[Q_BOOT_OVER] = "UPDATE facts SET boot_ms = 0 WHERE boot_ms <> 0",
	[Q_BOOT_SET] = "INSERT OR REPLACE INTO boot VALUES(1, ?1)",
};

struct facts {
	struct db *db;
	uint64_t last;	/* committed */
	uint64_t added; /* in the transaction */
	int64_t skipped;
	struct db_query *queries[Q_N];
};

void facts_free(struct facts *f)
{
	free(f);
}

static int last_read(struct facts *f, uint64_t *out)
{
	CLEANUP(db_resetp) struct db_query *q = f->queries[Q_LAST];
	int r = db_step(q);

	if (r > 0)
		*out = (uint64_t)db_int(q, 0);
	return r == 0 ? -EIO : r < 0 ? r : 0;
}

/* 1: it is, 0: of another or of none, or -errno. */
static int is_of_boot(struct facts *f, struct slice boot_id)
{
	CLEANUP(db_resetp) struct db_query *q = f->queries[Q_BOOT];
	int r = db_step(q);

	return r <= 0 ? r : slice_eq(db_text(q, 0), boot_id);
}

static int boot_set(struct facts *f, struct slice boot_id)
{
	CLEANUP(db_resetp) struct db_query *over = f->queries[Q_BOOT_OVER];
	CLEANUP(db_resetp) struct db_query *set = f->queries[Q_BOOT_SET];
	int r = db_step(over);

	if (r == 0)
		r = db_bind_text(set, 1, boot_id);
	return r < 0 ? r : db_step(set);
}

/* CLOCK_BOOTTIME begins anew with the boot, and no ticket from before is good. */
static int boot_begin(struct facts *f, struct slice boot_id)
{
	int r = is_of_boot(f, boot_id);

	if (r != 0)
		return r < 0 ? r : 0;
	r = db_begin(f->db);
	if (r < 0)
		return r;
	r = boot_set(f, boot_id);
	if (r == 0)
		r = db_commit(f->db);
	if (r < 0)
		db_rollback(f->db);
	return r;
}

int facts_new(struct facts **out, struct db *db, struct slice boot_id)
{
	CLEANUP(facts_freep) struct facts *f = calloc(1, sizeof(*f));
	int r;

	if (f == NULL)
		return -ENOMEM;
	f->db = db;
	r = db_prepare(db, queries, Q_N, f->queries);
	if (r == 0)
		r = boot_begin(f, boot_id);
	if (r == 0)
		r = last_read(f, &f->last);
	if (r < 0)
		return r;
	*out = f;
	f = NULL;
	return 0;
}

uint64_t facts_last(const struct facts *f)
{
	return f->last;
}

void facts_skip(struct facts *f, uint64_t number)
{
	if (number < INT64_MAX && (int64_t)number > f->skipped)
		f->skipped = (int64_t)number;
}

static int user_add(struct facts *f, struct slice uid)
{
	CLEANUP(db_resetp) struct db_query *q = f->queries[Q_ADD_USER];
	int r = db_bind_text(q, 1, uid);

	if (r == 0)
		r = db_bind_int(q, 2, f->skipped);
	return r < 0 ? r : db_step(q);
}

static int64_t later(int64_t a, int64_t b)
{
	return a > b ? a : b;
}

/* Both memories together: 0 is for ever. */
static int64_t longer(int64_t a, int64_t b)
{
	return a == 0 || b == 0 ? 0 : later(a, b);
}

/* uid is where a uid may be kept that only the old row knows. */
static int old_merge(struct facts *f, struct fact *fact, char uid[UID_MAX_BYTES])
{
	CLEANUP(db_resetp) struct db_query *q = f->queries[Q_OLD];
	struct slice known;
	int r = db_bind_int(q, 1, fact->kind);

	if (r == 0)
		r = db_bind_text(q, 2, fact->uid);
	if (r == 0)
		r = db_bind_int(q, 3, (int64_t)fact->subject);
	if (r == 0)
		r = db_step(q);
	if (r <= 0)
		return r;
	known = db_text(q, 0);
	if (fact->uid.len == 0 && known.len > 0 && known.len <= UID_MAX_BYTES) {
		memcpy(uid, known.data, known.len);
		fact->uid = (struct slice){uid, known.len};
	}
	fact->wall_ms = later(fact->wall_ms, db_int(q, 1));
	fact->boot_ms = later(fact->boot_ms, db_int(q, 2));
	fact->until_ms = longer(fact->until_ms, db_int(q, 3));
	return 0;
}

static int revocation_add(struct facts *f, const struct fact *fact)
{
	CLEANUP(db_resetp) struct db_query *q = f->queries[Q_ADD];
	int r = db_bind_int(q, 1, fact->kind);

	if (r == 0)
		r = db_bind_text(q, 2, fact->uid);
	if (r == 0)
		r = db_bind_int(q, 3, (int64_t)fact->subject);
	if (r == 0)
		r = db_bind_int(q, 4, fact->wall_ms);
	if (r == 0)
		r = db_bind_int(q, 5, fact->boot_ms);
	if (r == 0)
		r = db_bind_int(q, 6, fact->until_ms);
	if (r == 0)
		r = db_bind_int(q, 7, fact->code);
	if (r == 0)
		r = db_bind_int(q, 8, f->skipped);
	return r < 0 ? r : db_step(q);
}

int facts_add(struct facts *f, const struct fact *fact)
{
	struct fact merged = *fact;
	char uid[UID_MAX_BYTES];
	int r;

	if (fact->kind == FACT_USER) {
		r = user_add(f, fact->uid);
	} else {
		r = old_merge(f, &merged, uid);
		if (r == 0)
			r = revocation_add(f, &merged);
	}
	return r < 0 ? r : last_read(f, &f->added);
}

void facts_committed(struct facts *f)
{
	if (f->added > f->last)
		f->last = f->added;
	f->added = 0;
}

void facts_undone(struct facts *f)
{
	f->added = 0;
}

static struct fact row_read(struct db_query *q)
{
	return (struct fact){
		.number = (uint64_t)db_int(q, 0),
		.kind = (enum fact_kind)db_int(q, 1),
		.uid = db_text(q, 2),
		.subject = (uint64_t)db_int(q, 3),
		.wall_ms = db_int(q, 4),
		.boot_ms = db_int(q, 5),
		.until_ms = db_int(q, 6),
		.code = (unsigned)db_int(q, 7),
	};
}

int facts_after(struct facts *f, uint64_t after, unsigned max, int64_t since_boot_ms,
	facts_fn *each, void *arg)
{
	CLEANUP(db_resetp) struct db_query *q = f->queries[Q_AFTER];
	int r = db_bind_int(q, 1, after > INT64_MAX ? INT64_MAX : (int64_t)after);

	if (r == 0)
		r = db_bind_int(q, 2, max);
	if (r == 0)
		r = db_bind_int(q, 3, since_boot_ms);
	if (r < 0)
		return r;
	while ((r = db_step(q)) > 0) {
		struct fact fact = row_read(q);

		r = each(arg, &fact);
		if (r != 0)
			return r;
	}
	return r;
}

int facts_prune(struct facts *f, int64_t wall_ms)
{
	CLEANUP(db_resetp) struct db_query *q = f->queries[Q_PRUNE];
	int r = db_bind_int(q, 1, wall_ms);

	return r < 0 ? r : db_step(q);
}
