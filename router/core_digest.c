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
	return finished(&d);
}

static uint64_t digest_session(const struct session *s)
{
	struct digest d = {1};
	uint64_t watches = 0;

	add_u64(&d, s->id);
	add_u64(&d, s->edge.id);
	add_u64(&d, s->edge.epoch);
	add_u64(&d, (uint64_t)s->ends_ms);
	if (s->user == NULL)
		return finished(&d);
	add_text(&d, user_uid(s->user));
	add_u64(&d, s->link);
	add_u64(&d, s->flags);
	add_u64(&d, s->away);
	add_u64(&d, s->dialect);
	add_u64(&d, (uint64_t)s->opened_ms);
	add_u64(&d, (uint64_t)s->ceiling_ms);
	add_text(&d, (struct slice){s->device, s->device_len});
	for (uint32_t i = 0; i < s->n_watches; i++)
		watches += digest_watch(&s->watches[i]);
	add_u64(&d, watches);
	return finished(&d);
}

static uint64_t digest_user(const struct user *u)
{
	struct digest d = {2};

	add_text(&d, user_uid(u));
	add_u64(&d, u->seq);
	add_u64(&d, u->known);
	add_u64(&d, u->n_sessions);
	add_u64(&d, u->n_away);
	add_u64(&d, u->is_dirty);
	return finished(&d);
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
		add_u64(&d, c->sessions.links[i].edge.id);
		add_u64(&d, c->sessions.links[i].edge.epoch);
		add_u64(&d, c->sessions.links[i].n);
	}
	add_u64(&d, sessions);
	add_u64(&d, users);
	add_u64(&d, c->system_head);
	return finished(&d);
}
