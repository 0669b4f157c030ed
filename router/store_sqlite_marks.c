/*
 * Marks.  Ids rise with time, so the oldest are first and pruning stops at the first that is to be
 * kept.
 *
 * A mark that is lost could make something void valid again, and what a damaged row said is not
 * known.  So when the store is opened and one of them does not fit its MAC, or marks may have gone
 * with an older file, all are replaced by one row of our own that voids every ticket issued until
 * now: everybody opens his session anew, with a token that auth judges.  That row lives as long as
 * any mark, over further starts too.  It is looked for by a walk over the whole table: with a
 * turned id a look-up by id could pass rows by.
 */
#include <errno.h>
#include <inttypes.h>
#include <sqlite3.h>

#include "common/cleanup.h"
#include "common/clock.h"
#include "common/log.h"
#include "router/store_record.h"
#include "router/store_sqlite_inner.h"

/* Kind (0: the row that voids everything), code, edge id, edge epoch, id, at, boot; then the uid.
 */
#define AT_CODE 1
#define AT_EDGE_ID 9
#define AT_EDGE_EPOCH 17
#define AT_ID 25
#define AT_TIME 33
#define AT_BOOT 41
#define FIXED_BYTES 49
#define ROW_MAX_BYTES (FIXED_BYTES + UID_MAX_BYTES + STORE_MAC_BYTES)

#define KIND_VOID 0

struct row {
	struct mark mark; /* uid is in the blob */
	unsigned char kind;
	uint64_t boot;
};

static void finalizep(sqlite3_stmt **q)
{
	sqlite3_finalize(*q);
}

static int64_t now_ms(const struct store_sqlite *s)
{
	return clock_boot_ms() + s->boot_ahead_ms;
}

static bool is_over(const struct store_sqlite *s, const struct row *row)
{
	return row->boot != s->boot || row->mark.at_ms < now_ms(s) - MARK_KEPT_MS;
}

/* What names the mark: one of a kind and uid, or of a kind and id. */
static struct slice subject_of(
	unsigned char kind, const struct mark *mark, char out[1 + UID_MAX_BYTES])
{
	out[0] = (char)kind;
	if (kind == MARK_USER) {
		memcpy(out + 1, mark->uid.data, mark->uid.len);
		return (struct slice){out, 1 + mark->uid.len};
	}
	store_put_u64(out + 1, mark->id);
	return (struct slice){out, 9};
}

static int next_id(struct store_sqlite *s)
{
	int64_t last = 0;
	int r = 0;

	if (s->next_mark == 0)
		r = sq_number(s, "SELECT coalesce(max(id), 0) FROM marks", &last);
	if (r == 0 && s->next_mark == 0)
		s->next_mark = last < 0 ? 1 : (uint64_t)last + 1;
	return r;
}

/* The one before; what a damaged index hides of it is replaced all the same. */
static int subject_drop(struct store_sqlite *s, struct slice subject)
{
	CLEANUP(sq_resetp) sqlite3_stmt *q = s->queries[SQ_MARK_OUT];
	int r;

	sqlite3_bind_blob(q, 1, subject.data, (int)subject.len, SQLITE_STATIC);
	r = sq_errno(sqlite3_step(q));
	if (r == 0)
		s->now.marks -= (uint64_t)sqlite3_changes(s->db);
	return r;
}

static int put(struct store_sqlite *s, unsigned char kind, const struct mark *mark)
{
	CLEANUP(sq_resetp) sqlite3_stmt *q = s->queries[SQ_MARK_PUT];
	char row[ROW_MAX_BYTES], name[1 + UID_MAX_BYTES];
	size_t len = FIXED_BYTES + mark->uid.len;
	struct slice subject;
	int r = next_id(s);

	if (r < 0)
		return r;
	if (mark->uid.len > UID_MAX_BYTES)
		return -EINVAL;
	subject = subject_of(kind, mark, name);
	row[0] = (char)kind;
	store_put_u64(row + AT_CODE, mark->code);
	store_put_u64(row + AT_EDGE_ID, mark->edge_id);
	store_put_u64(row + AT_EDGE_EPOCH, mark->edge_epoch);
	store_put_u64(row + AT_ID, mark->id);
	store_put_u64(row + AT_TIME, (uint64_t)mark->at_ms);
	store_put_u64(row + AT_BOOT, s->boot);
	if (mark->uid.len > 0)
		memcpy(row + FIXED_BYTES, mark->uid.data, mark->uid.len);
	if (!store_mac_make(
		    s->mac, STORE_DOMAIN_MARK, s->next_mark, (struct slice){row, len}, row + len))
		return -ENOMEM;
	sqlite3_bind_int64(q, 1, (sqlite3_int64)s->next_mark++);
	sqlite3_bind_blob(q, 2, subject.data, (int)subject.len, SQLITE_STATIC);
	sqlite3_bind_blob(q, 3, row, (int)(len + STORE_MAC_BYTES), SQLITE_STATIC);
	r = subject_drop(s, subject);
	if (r == 0)
		r = sq_errno(sqlite3_step(q));
	if (r == 0)
		s->now.marks++;
	return r;
}

int sq_mark(struct store_backend *b, const struct mark *mark)
{
	return put((struct store_sqlite *)b, (unsigned char)mark->kind, mark);
}

int sq_marks_void(struct store_sqlite *s)
{
	const struct mark all = {.at_ms = now_ms(s)};

	return put(s, KIND_VOID, &all);
}

/* false: damaged.  Slices are the row's. */
static bool row_read(struct store_sqlite *s, sqlite3_stmt *q, struct row *out)
{
	uint64_t id = (uint64_t)sqlite3_column_int64(q, 0);
	struct slice in = sq_blob(q, 1);
	size_t uid_bytes;

	if (in.len < FIXED_BYTES + STORE_MAC_BYTES || in.len > ROW_MAX_BYTES ||
		!store_mac_fits(s->mac, STORE_DOMAIN_MARK, id, in))
		return false;
	uid_bytes = in.len - FIXED_BYTES - STORE_MAC_BYTES;
	out->kind = (unsigned char)in.data[0];
	out->boot = store_get_u64(in.data + AT_BOOT);
	out->mark = (struct mark){.kind = (enum mark_kind)out->kind,
		.uid = {in.data + FIXED_BYTES, uid_bytes},
		.id = store_get_u64(in.data + AT_ID),
		.at_ms = (int64_t)store_get_u64(in.data + AT_TIME),
		.code = (unsigned)store_get_u64(in.data + AT_CODE),
		.edge_id = (uint32_t)store_get_u64(in.data + AT_EDGE_ID),
		.edge_epoch = (uint32_t)store_get_u64(in.data + AT_EDGE_EPOCH)};
	return out->kind <= MARK_SESSION;
}

/* What a walk over all rows found. */
struct found {
	uint64_t rows;
	uint64_t damaged;
	int64_t void_until; /* 0: no such row */
};

/* v NULL: only looks. */
static int each(struct store_sqlite *s, const struct store_visitor *v, void *arg, struct found *out)
{
	CLEANUP(finalizep) sqlite3_stmt *q = NULL;
	int code, r;

	code = sqlite3_prepare_v2(s->db, "SELECT id, row FROM marks ORDER BY id", -1, &q, NULL);
	r = sq_errno(code);
	while (r == 0 && (code = sqlite3_step(q)) == SQLITE_ROW) {
		struct row row;

		out->rows++;
		if (!row_read(s, q, &row))
			out->damaged++;
		else if (is_over(s, &row))
			continue;
		else if (row.kind != KIND_VOID)
			r = v == NULL ? 0 : v->on_mark(arg, &row.mark);
		else if (row.mark.at_ms > out->void_until)
			out->void_until = row.mark.at_ms;
	}
	return r == 0 ? sq_errno(code) : r;
}

static int replace_all(struct store_sqlite *s)
{
	int r = sq_exec(s, "BEGIN IMMEDIATE; DELETE FROM marks;");

	s->next_mark = 0;
	s->now.marks = 0;
	s->now.counter++;
	if (r == 0)
		r = sq_marks_void(s);
	if (r == 0)
		r = sq_meta_write(s);
	if (r == 0)
		r = sq_exec(s, "COMMIT");
	return r == 0 ? store_head_seal(&s->head, s->now.counter) : r;
}

int sq_marks_open(struct store_sqlite *s)
{
	struct found found = {0};
	int r = each(s, NULL, NULL, &found);

	s->now.marks = s->kept.marks = found.rows;
	if ((r < 0 && r != -EBADMSG) || (r == 0 && found.damaged == 0))
		return r;
	s->base.damaged += found.damaged;
	log_warn("marks_damaged", "rows=%" PRIu64 " note=\"every ticket until now is void\"",
		found.damaged);
	r = replace_all(s);
	if (r == 0) {
		s->kept = s->now;
	} else {
		s->are_marks_lost = true;
		s->now = s->kept;
		if (sqlite3_get_autocommit(s->db) == 0)
			(void)sq_exec(s, "ROLLBACK");
	}
	/* They are still there, and damaged, for the next start to find. */
	return r == -ENOSPC || r == -ENOMEM ? 0 : r;
}

int sq_marks_show(struct store_sqlite *s, const struct store_visitor *v, void *arg)
{
	struct found found = {.void_until = s->are_marks_lost ? now_ms(s) : 0};
	int r = each(s, v, arg, &found);

	if (r == -EBADMSG && s->are_marks_lost)
		r = 0;
	if (r == 0 && found.void_until > 0 && v->on_void != NULL)
		r = v->on_void(arg, found.void_until);
	return r;
}

bool sq_marks_are_due(const struct store_sqlite *s)
{
	return s->now.marks > 0 && now_ms(s) >= s->marks_due_ms;
}

static int drop(struct store_sqlite *s, int64_t id)
{
	CLEANUP(sq_resetp) sqlite3_stmt *q = s->queries[SQ_MARK_DROP];
	int r;

	sqlite3_bind_int64(q, 1, id);
	r = sq_errno(sqlite3_step(q));
	if (r == 0)
		s->now.marks -= (uint64_t)sqlite3_changes(s->db);
	return r;
}

enum first { FIRST_NONE, FIRST_KEPT, FIRST_DAMAGED, FIRST_OVER };

/* The first mark from *id on, whose id it becomes. */
static int first_from(struct store_sqlite *s, int64_t *id, enum first *out)
{
	CLEANUP(sq_resetp) sqlite3_stmt *q = s->queries[SQ_MARK_FROM];
	struct row row;
	int code;

	sqlite3_bind_int64(q, 1, *id);
	code = sqlite3_step(q);
	*out = FIRST_NONE;
	if (code != SQLITE_ROW)
		return sq_errno(code);
	*id = sqlite3_column_int64(q, 0);
	if (!row_read(s, q, &row)) {
		*out = FIRST_DAMAGED;
	} else if (is_over(s, &row)) {
		*out = FIRST_OVER;
	} else {
		*out = FIRST_KEPT;
		s->marks_due_ms = row.mark.at_ms + MARK_KEPT_MS + 1;
	}
	return 0;
}

/* A damaged one stays: the next start must see it. */
int sq_marks_prune(struct store_sqlite *s, size_t max_rows)
{
	enum first found = FIRST_OVER;
	int64_t id = INT64_MIN;
	int r = 0;

	if (!sq_marks_are_due(s))
		return 0;
	for (size_t i = 0; r == 0 && i < max_rows; i++) {
		r = first_from(s, &id, &found);
		if (r == 0 && found == FIRST_OVER)
			r = drop(s, id);
		if (found == FIRST_NONE || found == FIRST_KEPT || id == INT64_MAX)
			break;
		if (found == FIRST_DAMAGED)
			id++;
	}
	if (r < 0 || found == FIRST_NONE || found == FIRST_DAMAGED)
		s->marks_due_ms = now_ms(s) + MARK_KEPT_MS;
	return r == -EBADMSG ? 0 : r;
}
