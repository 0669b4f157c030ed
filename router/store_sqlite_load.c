/*
 * What the router needs to know before it opens its doors.  Users, with their heads, are read when
 * the store is opened; visitors are shown them, and devices, contacts and what was sent lately.
 */
#include <errno.h>
#include <sqlite3.h>

#include "common/cleanup.h"
#include "router/store_record.h"
#include "router/store_sqlite_inner.h"

static void finalizep(sqlite3_stmt **q)
{
	sqlite3_finalize(*q);
}

static int prepare(struct store_sqlite *s, const char *sql, sqlite3_stmt **out)
{
	return sq_errno(sqlite3_prepare_v2(s->db, sql, -1, out, NULL));
}

/* The blob of a row whose MAC fits, without it; empty: damaged. */
static struct slice row_of(
	struct store_sqlite *s, sqlite3_stmt *q, int column, enum store_domain domain, uint64_t id)
{
	struct slice row = sq_blob(q, column);

	if (!store_mac_fits(s->mac, domain, id, row))
		return (struct slice){NULL, 0};
	row.len -= STORE_MAC_BYTES;
	return row;
}

static int user_read(struct store_sqlite *s, sqlite3_stmt *q, size_t *out_damaged)
{
	uint64_t id = (uint64_t)sqlite3_column_int64(q, 0);
	struct slice row = row_of(s, q, 1, STORE_DOMAIN_USER, id);
	struct store_person_state state;
	struct store_person *p = NULL;
	struct slice uid;

	if (row.len > 0 && store_person_decode(row, &uid, &state))
		p = store_users_add(&s->users, uid, id);
	if (p == NULL) {
		++*out_damaged;
		return 0;
	}
	p->state = state;
	p->tail_base = state.indexed.seq + 1;
	store_users_untidy(&s->users, p);
	return 0;
}

static uint64_t heads_digest(const struct store_sqlite *s)
{
	const struct store_person *p;
	uint64_t sum = 0;

	for (size_t i = 0; (p = map_next(s->users.by_id, &i)) != NULL;)
		sum += sq_head_digest(p);
	return sum;
}

/* Nobody acknowledged what is not there: numbers that were lost are given again. */
static void acks_bound(struct store_sqlite *s)
{
	const struct store_person *system = store_users_get(&s->users, (struct slice){NULL, 0});
	uint64_t last = system == NULL ? 0 : system->state.head.seq;
	struct store_person *p;

	for (size_t i = 0; (p = map_next(s->users.by_id, &i)) != NULL;) {
		struct store_person_state *state = &p->state;

		if (state->acked.seq > state->head.seq) {
			state->acked = state->head;
			state->is_dirty = true;
		}
		if (state->acked_system > last) {
			state->acked_system = last;
			state->is_dirty = true;
		}
	}
}

int sq_users_read(struct store_sqlite *s, size_t *damaged_users, bool *is_short)
{
	CLEANUP(finalizep) sqlite3_stmt *q = NULL;
	int64_t last = 0, last_user = 0;
	uint64_t heads;
	int code = SQLITE_DONE, r = prepare(s, "SELECT id, row FROM users ORDER BY id", &q);

	while (r == 0 && (code = sqlite3_step(q)) == SQLITE_ROW)
		r = user_read(s, q, damaged_users);
	if (r == 0)
		r = sq_errno(code);
	if (r == 0)
		r = sq_number(s, "SELECT coalesce(max(id), 0) FROM messages", &last);
	if (r == 0)
		r = sq_number(s, "SELECT coalesce(max(user), 0) FROM stream", &last_user);
	if (r < 0)
		return r;
	s->now.next_message = (uint64_t)last >= s->now.mark ? (uint64_t)last + 1 : s->now.mark;
	if ((uint64_t)last_user >= s->users.next_id) /* of one whose row is lost: not given again */
		s->users.next_id = (uint64_t)last_user + 1;
	r = sq_tail_read(s);
	heads = heads_digest(s);
	*is_short = heads != s->now.heads;
	s->now.heads = heads;
	if (*is_short || *damaged_users > 0)
		acks_bound(s);
	s->base.damaged += *damaged_users;
	return r;
}

static int users_show(struct store_sqlite *s, const struct store_visitor *v, void *arg)
{
	const struct store_person *p;
	int r = 0;

	for (size_t i = 0; r == 0 && (p = map_next(s->users.by_id, &i)) != NULL;) {
		struct store_user u = {.uid = store_person_uid(p),
			.head = p->state.head,
			.acked = p->state.acked,
			.acked_system = p->state.acked_system,
			.floor = p->state.floor};

		r = v->on_user(arg, &u);
	}
	return r;
}

static int device_show(
	struct store_sqlite *s, sqlite3_stmt *q, const struct store_visitor *v, void *arg)
{
	uint64_t id = (uint64_t)sqlite3_column_int64(q, 0);
	const struct store_person *p = store_users_by_id(&s->users, id);
	struct slice name = sq_blob(q, 1), row = sq_blob(q, 2);
	char whole[24 + DEVICE_MAX_BYTES + STORE_MAC_BYTES];
	struct store_device d;

	if (p == NULL || name.len > DEVICE_MAX_BYTES || row.len != 24 + STORE_MAC_BYTES) {
		s->base.damaged++;
		return 0;
	}
	memcpy(whole, row.data, 24);
	memcpy(whole + 24, name.data, name.len);
	memcpy(whole + 24 + name.len, row.data + 24, STORE_MAC_BYTES);
	if (!store_mac_fits(s->mac, STORE_DOMAIN_DEVICE, id,
		    (struct slice){whole, 24 + name.len + STORE_MAC_BYTES})) {
		s->base.damaged++;
		return 0;
	}
	d = (struct store_device){.uid = store_person_uid(p),
		.device = name,
		.u = store_get_u64(whole),
		.s = store_get_u64(whole + 8),
		.seen_ms = (int64_t)store_get_u64(whole + 16)};
	return v->on_device(arg, &d);
}

static int devices_show(struct store_sqlite *s, const struct store_visitor *v, void *arg)
{
	CLEANUP(finalizep) sqlite3_stmt *q = NULL;
	int code = SQLITE_DONE,
	    r = prepare(s, "SELECT user, device, row FROM devices ORDER BY seen", &q);

	while (r == 0 && (code = sqlite3_step(q)) == SQLITE_ROW)
		r = device_show(s, q, v, arg);
	return r == 0 ? sq_errno(code) : r;
}

static int contact_show(
	struct store_sqlite *s, sqlite3_stmt *q, const struct store_visitor *v, void *arg)
{
	uint64_t a = (uint64_t)sqlite3_column_int64(q, 0), b = (uint64_t)sqlite3_column_int64(q, 1);
	const struct store_person *x = store_users_by_id(&s->users, a);
	const struct store_person *y = store_users_by_id(&s->users, b);
	struct slice row = row_of(s, q, 2, STORE_DOMAIN_CONTACT, a);
	struct store_contact c;

	if (x == NULL || y == NULL || row.len != 16 || store_get_u64(row.data + 8) != b) {
		s->base.damaged++;
		return 0;
	}
	c = (struct store_contact){.a = store_person_uid(x),
		.b = store_person_uid(y),
		.last_ms = (int64_t)store_get_u64(row.data)};
	return v->on_contact(arg, &c);
}

static int contacts_show(struct store_sqlite *s, const struct store_visitor *v, void *arg)
{
	CLEANUP(finalizep) sqlite3_stmt *q = NULL;
	int code = SQLITE_DONE, r = prepare(s, "SELECT a, b, row FROM contacts", &q);

	while (r == 0 && (code = sqlite3_step(q)) == SQLITE_ROW)
		r = contact_show(s, q, v, arg);
	return r == 0 ? sq_errno(code) : r;
}

/* Whether the first message after id is of since or later; nothing there: it would be. */
static int is_recent(struct store_sqlite *s, uint64_t id, int64_t since, bool *out)
{
	CLEANUP(sq_resetp) sqlite3_stmt *q = s->queries[SQ_MESSAGE_FROM];
	struct message m;
	int code;

	sqlite3_bind_int64(q, 1, (sqlite3_int64)id);
	sqlite3_bind_int(q, 2, 64);
	*out = true;
	while ((code = sqlite3_step(q)) == SQLITE_ROW)
		if (sq_message_fits(s, (uint64_t)sqlite3_column_int64(q, 0), sq_blob(q, 1), &m)) {
			*out = m.ts_ms >= since;
			return 0;
		}
	return sq_errno(code) == -EBADMSG ? 0 : sq_errno(code);
}

/*
 * Where the recent ones begin, by halving.  A wall clock that jumped makes more than one such
 * place; halving finds one of them, never one after the last, so nothing recent is left out.
 */
static int recent_begin(struct store_sqlite *s, int64_t since, uint64_t *out_after)
{
	uint64_t high = s->now.next_message - 1;
	uint64_t low = high > MIDS_MAX ? high - MIDS_MAX : 0;

	while (low < high) {
		uint64_t middle = low + (high - low) / 2;
		bool recent;
		int r = is_recent(s, middle, since, &recent);

		if (r < 0)
			return r;
		if (recent)
			high = middle;
		else
			low = middle + 1;
	}
	*out_after = low;
	return 0;
}

static int recent_show(
	struct store_sqlite *s, const struct store_visitor *v, int64_t since, void *arg)
{
	CLEANUP(sq_resetp) sqlite3_stmt *q = s->queries[SQ_MESSAGE_FROM];
	uint64_t after = 0;
	int code = SQLITE_DONE, r = recent_begin(s, since, &after);

	if (r < 0)
		return r;
	sqlite3_bind_int64(q, 1, (sqlite3_int64)after);
	sqlite3_bind_int(q, 2, MIDS_MAX);
	while (r == 0 && (code = sqlite3_step(q)) == SQLITE_ROW) {
		struct message m;

		if (!sq_message_fits(s, (uint64_t)sqlite3_column_int64(q, 0), sq_blob(q, 1), &m))
			s->base.damaged++;
		else if (m.ts_ms >= since)
			r = v->on_recent(arg, &m);
	}
	return r < 0 || sq_errno(code) == -EBADMSG ? r : sq_errno(code);
}

int sq_load(struct store_backend *b, const struct store_visitor *v, int64_t wall_ms, void *arg)
{
	struct store_sqlite *s = (struct store_sqlite *)b;
	int r = users_show(s, v, arg);

	if (r == 0 && v->on_device != NULL)
		r = devices_show(s, v, arg);
	if (r == 0 && v->on_contact != NULL)
		r = contacts_show(s, v, arg);
	if (r == 0 && v->on_mark != NULL)
		r = sq_marks_show(s, v, arg);
	if (r == 0 && v->on_recent != NULL)
		r = recent_show(s, v, wall_ms - STORE_RECENT_MS, arg);
	return r;
}
