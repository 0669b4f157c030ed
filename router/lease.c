/*
 * The table of slots, searched in full each time: there are 64 and HELLOs come once a second.
 */
#include "router/lease.h"

#include <openssl/crypto.h>

#define HELLO_EVERY_MS 1000
#define EDGE_ID_MAX 9999999 /* short enough to read aloud, wide enough never to be met twice */

void leases_init(struct leases *ls)
{
	*ls = (struct leases){0};
}

bool leases_admit(struct leases *ls, int64_t now_ms, uint32_t *out_after_ms)
{
	const int64_t burst_ms = (int64_t)MAX_EDGES * HELLO_EVERY_MS;

	if (ls->bucket_ms < now_ms)
		ls->bucket_ms = now_ms;
	if (ls->bucket_ms + HELLO_EVERY_MS > now_ms + burst_ms) {
		*out_after_ms = (uint32_t)(ls->bucket_ms + HELLO_EVERY_MS - now_ms - burst_ms);
		return false;
	}
	ls->bucket_ms += HELLO_EVERY_MS;
	return true;
}

static bool is_same(struct lease_identity a, struct lease_identity b)
{
	return a.id == b.id && a.epoch == b.epoch;
}

static bool is_quarantined(const struct leases *ls, struct lease_identity edge)
{
	size_t n = ls->n_quarantined < LEASE_QUARANTINED ? ls->n_quarantined : LEASE_QUARANTINED;

	for (size_t i = 0; i < n; i++) {
		if (is_same(ls->quarantined[i], edge))
			return true;
	}
	return false;
}

static bool id_is_taken(const struct leases *ls, uint32_t id)
{
	for (size_t i = 0; i < MAX_EDGES; i++) {
		if (ls->slots[i].state != SLOT_FREE && ls->slots[i].edge.id == id)
			return true;
	}
	return false;
}

struct lease_identity leases_draw(const struct leases *ls, uint64_t random)
{
	struct lease_identity edge = {
		.id = (uint32_t)(random % EDGE_ID_MAX) + 1,
		.epoch = (uint32_t)(random >> 32) | 1,
	};

	/* At most MAX_EDGES are taken, so this ends. */
	while (id_is_taken(ls, edge.id) || is_quarantined(ls, edge))
		edge.id = edge.id % EDGE_ID_MAX + 1;
	return edge;
}

static struct lease_slot *slot_of(struct leases *ls, struct lease_identity edge)
{
	for (size_t i = 0; i < MAX_EDGES; i++) {
		if (ls->slots[i].state != SLOT_FREE && is_same(ls->slots[i].edge, edge))
			return &ls->slots[i];
	}
	return NULL;
}

/* Whoever learns the path of a slot may sit on it; so others go first, and the one that was used
 * last goes last. */
static bool is_better(const struct lease_slot *a, const struct lease_slot *b)
{
	if (a->tainted_ms != b->tainted_ms)
		return a->tainted_ms < b->tainted_ms;
	return a->used_ms < b->used_ms;
}

static struct lease_slot *best_free_slot(struct leases *ls)
{
	struct lease_slot *best = NULL;

	for (size_t i = 0; i < MAX_EDGES; i++) {
		struct lease_slot *slot = &ls->slots[i];

		if (slot->state == SLOT_FREE && (best == NULL || is_better(slot, best)))
			best = slot;
	}
	return best;
}

enum lease_result leases_ask(struct leases *ls, const struct lease_ask *ask, uint32_t *out_slot)
{
	struct lease_slot *slot = slot_of(ls, ask->edge);

	if (is_quarantined(ls, ask->edge))
		return LEASE_REFUSED;
	if (slot != NULL && slot->state != SLOT_LEASED) {
		*out_slot = (uint32_t)(slot - ls->slots);
		return LEASE_HELD;
	}
	/* Asked again before it claimed: the answer was lost.  The old key is void. */
	if (slot == NULL)
		slot = best_free_slot(ls);
	if (slot == NULL)
		return LEASE_BUSY;
	slot->state = SLOT_LEASED;
	slot->edge = ask->edge;
	slot->wire = ask->wire;
	memcpy(slot->key, ask->key, sizeof(slot->key));
	slot->claim_by_ms = ask->now_ms + LINK_CLAIM_MS;
	slot->used_ms = ask->now_ms;
	*out_slot = (uint32_t)(slot - ls->slots);
	return LEASE_GIVEN;
}

bool leases_claim(struct leases *ls, uint32_t slot, struct slice key, int64_t now_ms)
{
	struct lease_slot *s = &ls->slots[slot];

	if (s->state != SLOT_LEASED || now_ms > s->claim_by_ms || key.len != sizeof(s->key) ||
		CRYPTO_memcmp(key.data, s->key, sizeof(s->key)) != 0)
		return false;
	OPENSSL_cleanse(s->key, sizeof(s->key)); /* good once */
	s->state = SLOT_LIVE;
	return true;
}

void leases_closing(struct leases *ls, uint32_t slot)
{
	if (ls->slots[slot].state == SLOT_LIVE)
		ls->slots[slot].state = SLOT_CLOSING;
}

void leases_taint(struct leases *ls, uint32_t slot, int64_t now_ms)
{
	ls->slots[slot].tainted_ms = now_ms;
}

void leases_end(struct leases *ls, uint32_t slot)
{
	if (ls->slots[slot].state != SLOT_LEASED)
		ls->slots[slot].state = SLOT_FREE;
}

void leases_tick(struct leases *ls, int64_t now_ms)
{
	for (size_t i = 0; i < MAX_EDGES; i++) {
		struct lease_slot *slot = &ls->slots[i];

		if (slot->state == SLOT_LEASED && now_ms > slot->claim_by_ms)
			slot->state = SLOT_FREE;
	}
}

void leases_quarantine(struct leases *ls, struct lease_identity edge)
{
	struct lease_slot *slot = slot_of(ls, edge);

	if (slot != NULL)
		slot->state = slot->state == SLOT_LEASED ? SLOT_FREE : SLOT_CLOSING;
	ls->quarantined[ls->n_quarantined++ % LEASE_QUARANTINED] = edge;
}
