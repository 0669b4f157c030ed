/*
 * Records are in one array and name each other by index: one ring through all of them and one list
 * for each device, both by age.  Open addressing with linear probing finds them; a removal closes
 * its gap, so there are no graves.  The array doubles until MIDS_MAX.
 */
#include "router/mids.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "router/pending.h"

/* One record is the ring's own. */
enum { FIRST_CAP = 1024, RECORDS = MIDS_MAX - 1, EXPIRED_PER_ADD = 2 };

struct mids_device {
	uint64_t name;
	uint32_t oldest;
	uint32_t newest;
	uint32_t n;
};

int mids_init(struct mids *m, uint64_t random)
{
	static const char label[] = {'u', 'd', 'm', 'b'};

	*m = (struct mids){0};
	for (size_t i = 0; i < sizeof(label); i++)
		m->k[i] = map_siphash(random, i, (struct slice){label + i, 1});
	return map_new(&m->devices);
}

void mids_fini(struct mids *m)
{
	struct mids_device *d;

	for (size_t i = 0; m->devices != NULL && (d = map_next(m->devices, &i)) != NULL;)
		free(d);
	map_free(m->devices);
	free(m->list);
	free(m->slots);
	*m = (struct mids){0};
}

static char *put(char *at, struct slice s)
{
	if (s.len > 0)
		memcpy(at, s.data, s.len);
	at[s.len] = '\0'; /* none of them holds one */
	return at + s.len + 1;
}

void mids_name(const struct mids *m, const struct message *message, struct mids_name *out)
{
	char text[UID_MAX_BYTES + DEVICE_MAX_BYTES + EVENT_MAX_BYTES + 8];
	char *at = put(put(text, message->from), message->device);
	uint64_t head;

	out->device = map_siphash(m->k[0], m->k[1], (struct slice){text, (size_t)(at - text)});
	out->key = map_siphash(m->k[2], out->device, message->mid);
	at = put(put(text, message->to), message->event);
	*at++ = (char)message->kind;
	head = map_siphash(m->k[3], m->k[0], (struct slice){text, (size_t)(at - text)});
	out->check = map_siphash(m->k[3], head, message->body);
}

static uint32_t home(const struct mids *m, uint32_t tag)
{
	return tag & (2 * m->cap - 1);
}

static uint32_t next_slot(const struct mids *m, uint32_t slot)
{
	return (slot + 1) & (2 * m->cap - 1);
}

static void put_slot(struct mids *m, uint32_t i)
{
	uint32_t tag = (uint32_t)m->list[i].key;
	uint32_t slot = home(m, tag);

	while (m->slots[slot].i != 0)
		slot = next_slot(m, slot);
	m->slots[slot] = (struct mids_slot){tag, i};
}

/* What stands behind a gap, and would not be found over it, moves into it. */
static void clear_slot(struct mids *m, uint32_t i)
{
	uint32_t mask = 2 * m->cap - 1;
	uint32_t gap = home(m, (uint32_t)m->list[i].key);

	while (m->slots[gap].i != i)
		gap = next_slot(m, gap);
	for (uint32_t at = next_slot(m, gap); m->slots[at].i != 0; at = next_slot(m, at)) {
		uint32_t from = home(m, m->slots[at].tag);

		if (((at - from) & mask) < ((at - gap) & mask))
			continue;
		m->slots[gap] = m->slots[at];
		gap = at;
	}
	m->slots[gap].i = 0;
}

static int grow(struct mids *m)
{
	uint32_t cap = m->cap == 0 ? FIRST_CAP : m->cap * 2;
	struct mids_slot *slots = calloc(2 * (size_t)cap, sizeof(*slots));
	struct mid *list = slots == NULL ? NULL : reallocarray(m->list, cap, sizeof(*list));

	if (list == NULL) {
		free(slots);
		return -ENOMEM;
	}
	if (m->cap == 0) {
		memset(list, 0, sizeof(*list));
		m->used = 1;
	}
	free(m->slots);
	m->list = list;
	m->slots = slots;
	m->cap = cap;
	for (uint32_t i = list[0].newer; i != 0; i = list[i].newer)
		put_slot(m, i);
	return 0;
}

uint32_t mids_find(const struct mids *m, const struct mids_name *name, int64_t now_ms)
{
	uint32_t tag = (uint32_t)name->key;

	if (m->n == 0)
		return 0;
	for (uint32_t s = home(m, tag); m->slots[s].i != 0; s = next_slot(m, s)) {
		const struct mid *e = &m->list[m->slots[s].i];

		if (m->slots[s].tag == tag && e->key == name->key)
			return e->pending == NULL && now_ms - e->at_ms >= MIDS_MS ? 0
										  : m->slots[s].i;
	}
	return 0;
}

/* Unused ones are dropped with their last id. */
static struct mids_device *make_device(struct mids *m, uint64_t name)
{
	struct mids_device *d = map_get_u64(m->devices, name);

	if (d != NULL)
		return d;
	d = calloc(1, sizeof(*d));
	if (d == NULL)
		return NULL;
	d->name = name;
	if (map_put_u64(m->devices, name, d) < 0) {
		free(d);
		return NULL;
	}
	return d;
}

static void link_newest(struct mids *m, uint32_t i)
{
	struct mid *e = &m->list[i];
	struct mids_device *d = e->owner;

	e->newer = 0;
	e->older = m->list[0].older;
	m->list[e->older].newer = i;
	m->list[0].older = i;
	e->newer_here = 0;
	e->older_here = d->newest;
	if (d->newest == 0)
		d->oldest = i;
	else
		m->list[d->newest].newer_here = i;
	d->newest = i;
	d->n++;
}

static void unlink_one(struct mids *m, uint32_t i)
{
	struct mid *e = &m->list[i];
	struct mids_device *d = e->owner;

	m->list[e->older].newer = e->newer;
	m->list[e->newer].older = e->older;
	if (e->older_here == 0)
		d->oldest = e->newer_here;
	else
		m->list[e->older_here].newer_here = e->newer_here;
	if (e->newer_here == 0)
		d->newest = e->older_here;
	else
		m->list[e->newer_here].older_here = e->older_here;
	d->n--;
}

static void forget(struct mids *m, uint32_t i)
{
	struct mid *e = &m->list[i];

	if (e->pending != NULL)
		e->pending->mid = 0;
	clear_slot(m, i);
	unlink_one(m, i);
	e->newer = m->free_first;
	m->free_first = i;
	m->n--;
}

static void drop_device(struct mids *m, struct mids_device *d)
{
	if (d->n > 0)
		return;
	map_remove_u64(m->devices, d->name);
	free(d);
}

void mids_remove(struct mids *m, uint32_t i)
{
	struct mids_device *d = m->list[i].owner;

	forget(m, i);
	drop_device(m, d);
}

void mids_expire(struct mids *m, int64_t now_ms, size_t max)
{
	for (; m->n > 0 && max > 0; max--) {
		uint32_t oldest = m->list[0].newer;

		if (now_ms - m->list[oldest].at_ms < MIDS_MS)
			return;
		mids_remove(m, oldest);
	}
}

static uint32_t take_index(struct mids *m)
{
	uint32_t i = m->free_first;

	if (i == 0)
		return m->used++;
	m->free_first = m->list[i].newer;
	return i;
}

/* Makes room below the bounds; d is kept. */
static void make_room(
	struct mids *m, const struct mids_name *name, struct mids_device *d, int64_t now_ms)
{
	uint32_t old;

	d->n++; /* not to be dropped here */
	mids_expire(m, now_ms, EXPIRED_PER_ADD);
	old = mids_find(m, name, INT64_MIN / 2);
	if (old != 0)
		mids_remove(m, old);
	if (d->n > MIDS_PER_DEVICE)
		mids_remove(m, d->oldest);
	if (m->n >= RECORDS)
		mids_remove(m, m->list[0].newer);
	d->n--;
}

uint32_t mids_add(struct mids *m, const struct mids_name *name, int64_t now_ms)
{
	struct mids_device *d;
	uint32_t i;

	if (m->free_first == 0 && m->used == m->cap && m->n < RECORDS && grow(m) < 0)
		return 0;
	d = make_device(m, name->device);
	if (d == NULL)
		return 0;
	make_room(m, name, d, now_ms);
	i = take_index(m);
	m->list[i] = (struct mid){
		.key = name->key,
		.check = name->check,
		.at_ms = now_ms,
		.owner = d,
	};
	m->n++;
	put_slot(m, i);
	link_newest(m, i);
	return i;
}
