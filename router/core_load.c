/* What the store kept, before the first step. */
#include <errno.h>

#include "common/bug.h"
#include "router/core_internal.h"

static void load_numbers(struct numbers *n, const struct core_stored_user *from)
{
	n->head = from->head;
	n->stored = from->head;
	n->floor = from->floor == 0 ? 1 : from->floor;
}

int core_load_user(struct core *c, const struct core_stored_user *from)
{
	struct user *u;

	if (from->uid.len == 0) {
		load_numbers(&c->system, from);
		return 0;
	}
	u = users_make(&c->users, from->uid);
	if (u == NULL)
		return -ENOMEM;
	users_know(&c->users, u);
	c->unacked_rows -= core_unacked(u);
	load_numbers(&u->numbers, from);
	u->acked = from->acked;
	c->unacked_rows += core_unacked(u);
	u->acked_seq = from->acked.seq;
	u->acked_system = from->acked_system;
	u->has_begun = true;
	return 0;
}

int core_load_device(struct core *c, const struct core_stored_device *d)
{
	struct user *u = users_find(&c->users, d->uid);
	struct position *p;

	if (u == NULL || !device_is_named(d->device) || d->device.len > DEVICE_MAX_BYTES)
		return 0;
	p = positions_make(&c->positions, u, d->device);
	if (p == NULL)
		return -ENOMEM;
	p->u = d->u;
	p->s = d->s;
	p->seen_ms = d->seen_ms;
	p->told_ms = d->seen_ms;
	return 0;
}

int core_load_contact(struct core *c, struct slice a, struct slice b, int64_t last_ms)
{
	if (last_ms == 0 || a.len > UID_MAX_BYTES || b.len > UID_MAX_BYTES)
		return 0;
	return contacts_put(&c->contacts, a, b, last_ms);
}

/* It counts from the start on, since clocks of before mean nothing now. */
int core_load_recent(struct core *c, const struct message *m)
{
	struct mids_name name;
	struct mid *mid;
	uint32_t i;

	if (BUG(4))
		return 0;
	mids_name(&c->mids, m, &name);
	i = mids_add(&c->mids, &name, c->config.started_ms);
	if (i == 0)
		return -ENOMEM;
	mid = mids_at(&c->mids, i);
	mid->state = CORE_ACCEPTED;
	mid->seq = m->kind == MESSAGE_CHAT ? m->at_from.seq : m->at_to.seq;
	return 0;
}
