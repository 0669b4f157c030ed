/* Open addressing with linear probing, at most half full; a removal closes its gap. */
#include "router/contacts.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/map.h"
#include "proto/limits.h"

enum { FIRST_SLOTS = 64 };

void contacts_init(struct contacts *cs, uint64_t random)
{
	static const char label[] = {'c', 'o', 'n', 't'};

	*cs = (struct contacts){0};
	for (size_t i = 0; i < sizeof(label); i++)
		cs->k[i] = map_siphash(random, i, (struct slice){label + i, 1});
}

void contacts_fini(struct contacts *cs)
{
	free(cs->slots);
	*cs = (struct contacts){0};
}

bool contacts_in_order(struct slice a, struct slice b)
{
	int order = memcmp(a.data, b.data, a.len < b.len ? a.len : b.len);

	return order < 0 || (order == 0 && a.len < b.len);
}

static void name(const struct contacts *cs, struct slice a, struct slice b, uint64_t out[2])
{
	char text[2 * UID_MAX_BYTES + 1];
	struct slice first = contacts_in_order(a, b) ? a : b;
	struct slice second = first.data == a.data ? b : a;
	struct slice both = {text, first.len + 1 + second.len};

	memcpy(text, first.data, first.len);
	text[first.len] = '\0';
	memcpy(text + first.len + 1, second.data, second.len);
	out[0] = map_siphash(cs->k[0], cs->k[1], both);
	out[1] = map_siphash(cs->k[2], cs->k[3], both);
}

/* Its slot, or the empty one where it belongs. */
static struct contact *find(const struct contacts *cs, const uint64_t key[2])
{
	size_t mask = cs->n_slots - 1;
	size_t i = key[0] & mask;

	while (cs->slots[i].last_ms != 0 &&
		(cs->slots[i].key[0] != key[0] || cs->slots[i].key[1] != key[1]))
		i = (i + 1) & mask;
	return &cs->slots[i];
}

int64_t contacts_last(const struct contacts *cs, struct slice a, struct slice b)
{
	uint64_t key[2];

	if (cs->n == 0)
		return 0;
	name(cs, a, b, key);
	return find(cs, key)->last_ms;
}

static int grow(struct contacts *cs)
{
	struct contacts old = *cs;

	cs->n_slots = old.n_slots == 0 ? FIRST_SLOTS : old.n_slots * 2;
	cs->slots = calloc(cs->n_slots, sizeof(*cs->slots));
	if (cs->slots == NULL) {
		*cs = old;
		return -ENOMEM;
	}
	for (size_t i = 0; i < old.n_slots; i++) {
		if (old.slots[i].last_ms != 0)
			*find(cs, old.slots[i].key) = old.slots[i];
	}
	free(old.slots);
	return 0;
}

int contacts_put(struct contacts *cs, struct slice a, struct slice b, int64_t last_ms)
{
	uint64_t key[2];
	struct contact *at;

	if (cs->n >= cs->n_slots / 2 && grow(cs) < 0)
		return -ENOMEM;
	name(cs, a, b, key);
	at = find(cs, key);
	cs->n += at->last_ms == 0;
	*at = (struct contact){{key[0], key[1]}, last_ms};
	return 0;
}

static void remove_at(struct contacts *cs, size_t gap)
{
	size_t mask = cs->n_slots - 1;

	for (size_t at = (gap + 1) & mask; cs->slots[at].last_ms != 0; at = (at + 1) & mask) {
		size_t home = cs->slots[at].key[0] & mask;

		if (((at - home) & mask) < ((at - gap) & mask))
			continue;
		cs->slots[gap] = cs->slots[at];
		gap = at;
	}
	cs->slots[gap].last_ms = 0;
	cs->n--;
}

void contacts_sweep(struct contacts *cs, int64_t before_ms, size_t max)
{
	for (; cs->n > 0 && max > 0; max--) {
		struct contact *c = &cs->slots[cs->swept & (cs->n_slots - 1)];

		if (c->last_ms != 0 && c->last_ms < before_ms)
			remove_at(cs, cs->swept & (cs->n_slots - 1));
		else
			cs->swept++;
	}
}
