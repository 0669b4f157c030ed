/*
 * The whole logical state as one number: what the router believes, not what it has counted.  Tables
 * have no order that means anything, so their elements' hashes are added up.
 */
#include "router/core_internal.h"

struct digest {
	uint64_t value;
};

/* FNV-1a over words, with a final mixing (SplitMix64) where an element is finished. */
static void add_u64(struct digest *d, uint64_t word)
{
	d->value = (d->value ^ word) * UINT64_C(0x100000001b3);
	d->value ^= d->value >> 29;
}

static void add_text(struct digest *d, struct slice s)
{
	add_u64(d, map_siphash(0, 0, s));
}

static uint64_t finished(const struct digest *d)
{
	uint64_t z = d->value + UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return z ^ (z >> 31);
}

static uint64_t digest_watch(const struct watch *w)
{
	struct digest d = {3};

	add_text(&d, user_uid(w->subject));
	add_u64(&d, (uint64_t)w->told_ms);
	add_u64(&d, w->told_devices);
	add_u64(&d, w->told_state);
	add_u64(&d, w->is_hidden);
	return finished(&d);
}

static void add_place(struct digest *d, const struct message_place *p)
{
	add_u64(d, p->seq);
	add_u64(d, p->rows);
	add_u64(d, p->bytes);
}

static void add_numbers(struct digest *d, const struct numbers *n)
{
	add_place(d, &n->head);
	add_place(d, &n->stored);
	add_u64(d, n->floor);
}

static uint64_t digest_position(const struct position *p)
{
	struct digest d = {4};

	add_text(&d, position_device(p));
	add_u64(&d, p->u);
	add_u64(&d, p->s);
	add_u64(&d, (uint64_t)p->seen_ms);
	add_u64(&d, (uint64_t)p->told_ms);
	add_u64(&d, p->is_dirty);
	return finished(&d);
}

static uint64_t digest_mid(const struct mid *m)
{
	struct digest d = {5};

	add_u64(&d, m->key);
	add_u64(&d, m->check);
	add_u64(&d, m->seq);
	add_u64(&d, (uint64_t)m->at_ms);
	add_u64(&d, m->devices);
	add_u64(&d, m->state);
	add_u64(&d, m->pending == NULL ? 0 : m->pending->number);
	return finished(&d);
}

static uint64_t digest_contact(const struct contact *at)
{
	struct digest d = {6};

	add_u64(&d, at->key[0]);
	add_u64(&d, at->key[1]);
	add_u64(&d, (uint64_t)at->last_ms);
	return finished(&d);
}

static void add_asker(struct digest *d, const struct asker *a)
{
	add_u64(d, a->is_operator);
	add_u64(d, a->link);
	add_u64(d, a->turn);
	add_u64(d, a->ref);
}

static void add_pending(struct digest *d, const struct pending *p)
{
	const struct message *m = &p->message;

	add_u64(d, p->number);
	add_u64(d, p->is_failed);
	add_u64(d, p->session);
	add_u64(d, p->mid != 0);
	add_u64(d, m->kind);
	add_text(d, m->to);
	add_text(d, m->from);
	add_text(d, m->device);
	add_text(d, m->mid);
	add_text(d, m->event);
	add_text(d, m->body);
	add_place(d, &m->at_to);
	add_place(d, &m->at_from);
	add_u64(d, (uint64_t)m->ts_ms);
	add_u64(d, (uint64_t)m->expires_ms);
	add_asker(d, &p->asker);
	for (const struct waiter *w = p->waiters; w != NULL; w = w->next)
		add_asker(d, &w->asker);
}

static void add_inboxes(struct digest *d, const struct core *c)
{
	uint64_t contacts = 0;
	uint64_t mids = 0;

	add_numbers(d, &c->system);
	add_u64(d, c->last_number);
	add_u64(d, c->stored_number);
	add_u64(d, c->generation);
	for (const struct pending *p = c->pending.first; p != NULL; p = p->next)
		add_pending(d, p);
	for (uint32_t i = c->mids.n == 0 ? 0 : c->mids.list[0].newer; i != 0;
		i = c->mids.list[i].newer)
		mids += digest_mid(&c->mids.list[i]);
	for (size_t i = 0; i < c->contacts.n_slots; i++) {
		if (c->contacts.slots[i].last_ms != 0)
			contacts += digest_contact(&c->contacts.slots[i]);
	}
	add_u64(d, mids);
	add_u64(d, contacts);
}

static uint64_t digest_session(const struct session *s)
{
	struct digest d = {1};
	uint64_t watches = 0;

	add_u64(&d, s->id);
	add_u64(&d, s->edge.id);
	add_u64(&d, s->edge.epoch);
	add_u64(&d, (uint64_t)s->ends_ms);
	add_u64(&d, s->final_code);
	if (s->user == NULL)
		return finished(&d);
	add_text(&d, user_uid(s->user));
	add_u64(&d, s->link);
	add_u64(&d, s->flags);
	add_u64(&d, s->away);
	add_u64(&d, s->dialect);
	add_u64(&d, s->is_live);
	for (size_t i = 0; i < 2; i++) {
		add_u64(&d, s->is_reading[i]);
		add_u64(&d, s->asked_after[i]);
	}
	add_u64(&d, s->acked_u);
	add_u64(&d, s->acked_s);
	add_u64(&d, (uint64_t)s->opened_ms);
	add_u64(&d, (uint64_t)s->ceiling_ms);
	add_u64(&d, (uint64_t)s->issued_ms);
	add_u64(&d, s->token_hash);
	add_u64(&d, s->issuer_id);
	add_u64(&d, s->order);
	add_text(&d, (struct slice){s->device, s->device_len});
	for (uint32_t i = 0; i < s->n_watches; i++)
		watches += digest_watch(&s->watches[i]);
	add_u64(&d, watches);
	return finished(&d);
}

static uint64_t digest_user(const struct user *u)
{
	struct digest d = {2};
	uint64_t positions = 0;

	add_text(&d, user_uid(u));
	add_numbers(&d, &u->numbers);
	add_place(&d, &u->acked);
	add_u64(&d, u->acked_seq);
	add_u64(&d, u->acked_system);
	add_u64(&d, u->has_begun);
	add_u64(&d, u->n_inboxes);
	add_u64(&d, (uint64_t)u->inboxes_day);
	for (const struct position *p = u->positions; p != NULL; p = p->next)
		positions += digest_position(p);
	add_u64(&d, positions);
	if (u->unnamed != NULL)
		add_u64(&d, digest_position(u->unnamed));
	add_u64(&d, u->known);
	add_u64(&d, u->n_sessions);
	add_u64(&d, u->n_calls);
	add_u64(&d, u->n_away);
	add_u64(&d, u->is_dirty);
	return finished(&d);
}

static uint64_t digest_void(const struct mark *m)
{
	struct digest d = {7};

	add_u64(&d, m->kind);
	add_text(&d, m->uid);
	add_u64(&d, m->id);
	add_u64(&d, (uint64_t)m->at_ms);
	add_u64(&d, m->code);
	return finished(&d);
}

static void add_voids(struct digest *d, const struct core *c)
{
	uint64_t voids = 0;

	for (const struct voids_entry *v = c->voids.oldest; v != NULL; v = v->newer)
		voids += digest_void(&v->mark);
	add_u64(d, voids);
}

uint64_t core_digest(const struct core *c)
{
	struct digest d = {0};
	uint64_t sessions = 0;
	uint64_t users = 0;
	const struct session *s;
	const struct user *u;

	for (size_t i = 0; (s = map_next(c->sessions.by_id, &i)) != NULL;)
		sessions += digest_session(s);
	for (size_t i = 0; (u = map_next(c->users.by_uid, &i)) != NULL;)
		users += digest_user(u);
	for (size_t i = 0; i < MAX_EDGES; i++) {
		add_u64(&d, c->sessions.links[i].up);
		add_u64(&d, c->sessions.links[i].turn);
		add_u64(&d, c->sessions.links[i].edge.id);
		add_u64(&d, c->sessions.links[i].edge.epoch);
		add_u64(&d, c->sessions.links[i].n);
	}
	add_u64(&d, sessions);
	add_u64(&d, users);
	add_inboxes(&d, c);
	add_voids(&d, c);
	return finished(&d);
}
