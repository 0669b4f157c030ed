/*
 * Writing: one transaction per batch, one row per message.  Its places go to the tails of their
 * users (store_sqlite_tail.c).  Rows of users are written once per batch, at its end, and only of
 * those whose own row changed: a head is no part of it.
 *
 * The WAL is copied back between batches when it has grown to WAL_PAGES.  Copying seldom costs
 * least (the same pages are written by many batches); the bound keeps one copy short.
 */
#include <errno.h>
#include <sqlite3.h>

#include "common/cleanup.h"
#include "router/store_record.h"
#include "router/store_sqlite_inner.h"

#define WAL_PAGES 4096 /* 16 MiB */

int sq_begin(struct store_backend *b)
{
	struct store_sqlite *s = (struct store_sqlite *)b;
	CLEANUP(sq_resetp) sqlite3_stmt *q = s->queries[SQ_BEGIN];

	return sq_errno(sqlite3_step(q));
}

/* The person, made if need be, and in the undo. */
static struct store_person *person_get(struct store_sqlite *s, struct slice uid)
{
	struct store_person *p = store_users_get(&s->users, uid);

	if (p == NULL)
		p = store_users_add(&s->users, uid, 0);
	if (p == NULL || store_users_touch(&s->users, p) < 0)
		return NULL;
	if (!p->state.is_written)
		p->state.is_dirty = true;
	return p;
}

static int message_add(struct store_sqlite *s, uint64_t id, const struct store_record *r)
{
	CLEANUP(sq_resetp) sqlite3_stmt *q = s->queries[SQ_MESSAGE_ADD];

	if (!store_mac_make(s->mac, STORE_DOMAIN_MESSAGE, id, (struct slice){r->bytes, r->len},
		    r->bytes + r->len))
		return -ENOMEM;
	sqlite3_bind_int64(q, 1, (sqlite3_int64)id);
	sqlite3_bind_blob(q, 2, r->bytes, (int)(r->len + STORE_MAC_BYTES), SQLITE_STATIC);
	return sq_errno(sqlite3_step(q));
}

/* A number that does not follow the head is a bug of ours: nothing of it may reach the disk. */
static int place_add(struct store_sqlite *s, struct slice uid, const struct message_place *place,
	uint64_t message)
{
	struct store_person *p = person_get(s, uid);

	if (p == NULL)
		return -ENOMEM;
	if (place->seq != p->state.head.seq + 1)
		return -EPROTO;
	return sq_tail_add(s, p, place, message);
}

int sq_append(struct store_backend *b, const struct store_record *r)
{
	struct store_sqlite *s = (struct store_sqlite *)b;
	uint64_t id = s->now.next_message;
	int e = message_add(s, id, r);

	if (e == 0)
		e = place_add(s, r->message.to, &r->message.at_to, id);
	if (e == 0 && r->message.at_from.seq > 0)
		e = place_add(s, r->message.from, &r->message.at_from, id);
	if (e == 0)
		s->now.next_message++;
	return e;
}

int sq_user(struct store_backend *b, struct slice uid, uint64_t acked_system)
{
	struct store_person *p = person_get((struct store_sqlite *)b, uid);

	if (p == NULL)
		return -ENOMEM;
	if (acked_system > p->state.acked_system) {
		p->state.acked_system = acked_system;
		p->state.is_dirty = true;
	}
	return 0;
}

/* The row of a device: u, s, seen, and a MAC that binds them to user and name. */
#define DEVICE_BYTES 24

static int device_put(struct store_sqlite *s, const struct store_person *p,
	const struct store_device *d, enum sq_query query)
{
	CLEANUP(sq_resetp) sqlite3_stmt *q = s->queries[query];
	char row[DEVICE_BYTES + DEVICE_MAX_BYTES + STORE_MAC_BYTES];
	char mac[STORE_MAC_BYTES];

	if (d->device.len > DEVICE_MAX_BYTES)
		return -EINVAL;
	store_put_u64(row, d->u);
	store_put_u64(row + 8, d->s);
	store_put_u64(row + 16, (uint64_t)d->seen_ms);
	memcpy(row + DEVICE_BYTES, d->device.data, d->device.len);
	if (!store_mac_make(s->mac, STORE_DOMAIN_DEVICE, p->id,
		    (struct slice){row, DEVICE_BYTES + d->device.len}, mac))
		return -ENOMEM;
	memcpy(row + DEVICE_BYTES, mac, sizeof(mac));
	sqlite3_bind_int64(q, 1, (sqlite3_int64)p->id);
	sqlite3_bind_text(q, 2, d->device.data, (int)d->device.len, SQLITE_STATIC);
	sqlite3_bind_int64(q, 3, d->seen_ms);
	sqlite3_bind_blob(q, 4, row, DEVICE_BYTES + STORE_MAC_BYTES, SQLITE_STATIC);
	return sq_errno(sqlite3_step(q));
}

static int devices_prune(struct store_sqlite *s, const struct store_person *p)
{
	CLEANUP(sq_resetp) sqlite3_stmt *q = s->queries[SQ_DEVICE_PRUNE];

	sqlite3_bind_int64(q, 1, (sqlite3_int64)p->id);
	sqlite3_bind_int(q, 2, DEVICES_PER_USER);
	return sq_errno(sqlite3_step(q));
}

static int device_keep(
	struct store_sqlite *s, const struct store_person *p, const struct store_device *d)
{
	int r = device_put(s, p, d, SQ_DEVICE_SET);

	if (r < 0 || sqlite3_changes(s->db) > 0)
		return r;
	r = device_put(s, p, d, SQ_DEVICE_ADD);
	return r < 0 ? r : devices_prune(s, p);
}

int sq_position(struct store_backend *b, const struct store_device *d, struct message_place *out)
{
	struct store_sqlite *s = (struct store_sqlite *)b;
	struct store_person *p = person_get(s, d->uid);
	int r = 0;

	if (p == NULL)
		return -ENOMEM;
	*out = d->u == 0 ? (struct message_place){0, 0, 0} : sq_place(s, p, d->u);
	if (out->seq > p->state.acked.seq) {
		p->state.acked = *out;
		p->state.is_dirty = true;
	}
	if (d->s > p->state.acked_system) {
		p->state.acked_system = d->s;
		p->state.is_dirty = true;
	}
	if (d->device.len > 0)
		r = device_keep(s, p, d);
	return r;
}

int sq_contact(struct store_backend *b, const struct store_contact *c)
{
	struct store_sqlite *s = (struct store_sqlite *)b;
	CLEANUP(sq_resetp) sqlite3_stmt *q = s->queries[SQ_CONTACT_PUT];
	const struct store_person *x = person_get(s, c->a), *y = person_get(s, c->b);
	char row[16 + STORE_MAC_BYTES];

	if (x == NULL || y == NULL)
		return -ENOMEM;
	store_put_u64(row, (uint64_t)c->last_ms);
	store_put_u64(row + 8, y->id);
	if (!store_mac_make(s->mac, STORE_DOMAIN_CONTACT, x->id, (struct slice){row, 16}, row + 16))
		return -ENOMEM;
	sqlite3_bind_int64(q, 1, (sqlite3_int64)x->id);
	sqlite3_bind_int64(q, 2, (sqlite3_int64)y->id);
	sqlite3_bind_blob(q, 3, row, sizeof(row), SQLITE_STATIC);
	return sq_errno(sqlite3_step(q));
}

int sq_user_write(struct store_sqlite *s, const struct store_person *p)
{
	CLEANUP(sq_resetp) sqlite3_stmt *q = s->queries[SQ_USER_PUT];
	char row[STORE_PERSON_MAX_BYTES + STORE_MAC_BYTES];
	size_t len = store_person_encode(p, row);

	if (!store_mac_make(s->mac, STORE_DOMAIN_USER, p->id, (struct slice){row, len}, row + len))
		return -ENOMEM;
	sqlite3_bind_int64(q, 1, (sqlite3_int64)p->id);
	sqlite3_bind_blob(q, 2, row, (int)(len + STORE_MAC_BYTES), SQLITE_STATIC);
	return sq_errno(sqlite3_step(q));
}

static int users_write(struct store_sqlite *s)
{
	for (size_t i = 0; i < s->users.n_undo; i++) {
		struct store_person *p = s->users.undo[i].person;
		int r;

		if (!p->state.is_dirty)
			continue;
		r = sq_user_write(s, p);
		if (r < 0)
			return r;
		p->state.is_dirty = false;
		p->state.is_written = true;
	}
	return 0;
}

static int end(struct store_sqlite *s)
{
	CLEANUP(sq_resetp) sqlite3_stmt *q = s->queries[SQ_COMMIT];

	return sq_errno(sqlite3_step(q));
}

/* A full disk leaves the WAL as it is: batches may still fit into what is free of it. */
static int checkpoint(struct store_sqlite *s)
{
	int r;

	if (s->wal_pages < WAL_PAGES)
		return 0;
	r = sq_errno(sqlite3_wal_checkpoint_v2(s->db, NULL, SQLITE_CHECKPOINT_PASSIVE, NULL, NULL));
	if (r == 0)
		s->wal_pages = 0;
	return r == -ENOSPC || r == -ENOMEM ? 0 : r;
}

int sq_commit(struct store_backend *b)
{
	struct store_sqlite *s = (struct store_sqlite *)b;
	int r = users_write(s);

	s->now.counter++;
	if (r == 0)
		r = sq_meta_write(s);
	if (r == 0)
		r = end(s);
	if (r < 0)
		return r;
	store_users_keep(&s->users);
	s->kept = s->now;
	s->base.marks = s->now.marks;
	sq_tail_kept(s);
	r = store_head_seal(&s->head, s->now.counter);
	if (r < 0 && r != -ENOSPC) /* a head that is behind is none the worse */
		return -EIO;
	r = checkpoint(s);
	return r < 0 ? -EIO : 0;
}

void sq_rollback(struct store_backend *b)
{
	struct store_sqlite *s = (struct store_sqlite *)b;
	CLEANUP(sq_resetp) sqlite3_stmt *q = s->queries[SQ_ROLLBACK];

	if (sqlite3_get_autocommit(s->db) == 0)
		(void)sqlite3_step(q);
	store_users_undo(&s->users);
	s->now = s->kept;
}
