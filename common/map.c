/*
 * Open addressing with linear probing in a power of two of slots.  A removed element leaves a
 * grave, so that a walk over the map may remove what it stands on without another element moving
 * under it; graves at the end of a run are swept at once and the rest when the table is rebuilt,
 * which only put does.
 *
 * SipHash-2-4 (Aumasson and Bernstein) with a key of the kernel's per map: peers choose many of the
 * keys.
 */
#include "common/map.h"

#include <errno.h>
#include <stdlib.h>

#include "common/random.h"

enum { FIRST_SLOTS = 16 };

/* Empty: value and bytes NULL.  Grave: value NULL, bytes == grave. */
struct slot {
	uint64_t hash;
	uint64_t number; /* the key, or the length of bytes */
	char *bytes;	 /* owned; NULL: a 64-bit key */
	void *value;
};

struct map {
	uint64_t k0;
	uint64_t k1;
	struct slot *slots;
	size_t n_slots; /* a power of two, or 0 */
	size_t count;
	size_t used; /* with graves */
};

struct key {
	uint64_t hash;
	uint64_t number;
	const char *bytes;
};

static char grave[1];

static uint64_t rotl(uint64_t x, unsigned n)
{
	return (x << n) | (x >> (64 - n));
}

static void sip_rounds(uint64_t v[4], unsigned n)
{
	for (; n > 0; n--) {
		v[0] += v[1];
		v[2] += v[3];
		v[1] = rotl(v[1], 13) ^ v[0];
		v[3] = rotl(v[3], 16) ^ v[2];
		v[0] = rotl(v[0], 32);
		v[2] += v[1];
		v[0] += v[3];
		v[1] = rotl(v[1], 17) ^ v[2];
		v[3] = rotl(v[3], 21) ^ v[0];
		v[2] = rotl(v[2], 32);
	}
}

static void sip_word(uint64_t v[4], uint64_t word)
{
	v[3] ^= word;
	sip_rounds(v, 2);
	v[0] ^= word;
}

static uint64_t little_endian(const unsigned char *p, size_t n)
{
	uint64_t word = 0;

	for (size_t i = 0; i < n; i++)
		word |= (uint64_t)p[i] << (8 * i);
	return word;
}

uint64_t map_siphash(uint64_t k0, uint64_t k1, struct slice in)
{
	const unsigned char *p = (const unsigned char *)in.data;
	size_t rest = in.len % 8;
	uint64_t v[4] = {
		k0 ^ UINT64_C(0x736f6d6570736575),
		k1 ^ UINT64_C(0x646f72616e646f6d),
		k0 ^ UINT64_C(0x6c7967656e657261),
		k1 ^ UINT64_C(0x7465646279746573),
	};

	for (size_t i = 0; i + 8 <= in.len; i += 8)
		sip_word(v, little_endian(p + i, 8));
	sip_word(v,
		(uint64_t)in.len << 56 | (rest == 0 ? 0 : little_endian(p + in.len - rest, rest)));
	v[2] ^= 0xff;
	sip_rounds(v, 4);
	return v[0] ^ v[1] ^ v[2] ^ v[3];
}

static struct key key_u64(const struct map *m, uint64_t number)
{
	struct slice s = {(const char *)&number, sizeof(number)};

	return (struct key){map_siphash(m->k0, m->k1, s), number, NULL};
}

static struct key key_bytes(const struct map *m, struct slice s)
{
	return (struct key){map_siphash(m->k0, m->k1, s), s.len, s.len == 0 ? "" : s.data};
}

int map_new(struct map **out)
{
	struct map *m = calloc(1, sizeof(*m));

	if (m == NULL)
		return -ENOMEM;
	random_fill(&m->k0, sizeof(m->k0));
	random_fill(&m->k1, sizeof(m->k1));
	*out = m;
	return 0;
}

void map_free(struct map *m)
{
	if (m == NULL)
		return;
	for (size_t i = 0; i < m->n_slots; i++) {
		if (m->slots[i].value != NULL)
			free(m->slots[i].bytes);
	}
	free(m->slots);
	free(m);
}

size_t map_count(const struct map *m)
{
	return m->count;
}

static bool slot_is_empty(const struct slot *s)
{
	return s->value == NULL && s->bytes == NULL;
}

static bool slot_holds(const struct slot *s, const struct key *key)
{
	if (s->value == NULL || s->hash != key->hash || s->number != key->number)
		return false;
	if (s->bytes == NULL || key->bytes == NULL)
		return s->bytes == key->bytes;
	return memcmp(s->bytes, key->bytes, key->number) == 0;
}

static struct slot *find(const struct map *m, const struct key *key)
{
	size_t mask = m->n_slots - 1;

	if (m->count == 0)
		return NULL;
	for (size_t i = key->hash & mask; !slot_is_empty(&m->slots[i]); i = (i + 1) & mask) {
		if (slot_holds(&m->slots[i], key))
			return &m->slots[i];
	}
	return NULL;
}

/* The first slot without an element on key's way. */
static struct slot *find_free(struct slot *slots, size_t n_slots, uint64_t hash)
{
	size_t i = hash & (n_slots - 1);

	while (slots[i].value != NULL)
		i = (i + 1) & (n_slots - 1);
	return &slots[i];
}

/* Room for one more: at most 3/4 of the slots are used, of a rebuilt table at most half. */
static int make_room(struct map *m)
{
	size_t n_slots = FIRST_SLOTS;
	struct slot *slots;

	if (m->used + 1 <= m->n_slots / 4 * 3)
		return 0;
	while (n_slots < (m->count + 1) * 2)
		n_slots *= 2;
	slots = calloc(n_slots, sizeof(*slots));
	if (slots == NULL)
		return -ENOMEM;
	for (size_t i = 0; i < m->n_slots; i++) {
		if (m->slots[i].value != NULL)
			*find_free(slots, n_slots, m->slots[i].hash) = m->slots[i];
	}
	free(m->slots);
	m->slots = slots;
	m->n_slots = n_slots;
	m->used = m->count;
	return 0;
}

static int put(struct map *m, const struct key *key, void *value)
{
	struct slot *s = find(m, key);
	char *bytes = NULL;

	if (s != NULL) {
		s->value = value;
		return 0;
	}
	if (make_room(m) < 0)
		return -ENOMEM;
	if (key->bytes != NULL) {
		bytes = malloc(key->number + 1);
		if (bytes == NULL)
			return -ENOMEM;
		memcpy(bytes, key->bytes, key->number);
	}
	s = find_free(m->slots, m->n_slots, key->hash);
	if (slot_is_empty(s))
		m->used++;
	*s = (struct slot){key->hash, key->number, bytes, value};
	m->count++;
	return 0;
}

static void *take(struct map *m, const struct key *key)
{
	struct slot *s = find(m, key);
	size_t mask = m->n_slots - 1;
	void *value;

	if (s == NULL)
		return NULL;
	value = s->value;
	free(s->bytes);
	*s = (struct slot){.bytes = grave};
	m->count--;
	/* No search goes past an empty slot, so graves right before one serve nothing. */
	for (size_t i = (size_t)(s - m->slots);
		slot_is_empty(&m->slots[(i + 1) & mask]) && m->slots[i].bytes == grave;
		i = (i - 1) & mask) {
		m->slots[i].bytes = NULL;
		m->used--;
	}
	return value;
}

void *map_get_u64(const struct map *m, uint64_t number)
{
	struct key key = key_u64(m, number);
	struct slot *s = find(m, &key);

	return s == NULL ? NULL : s->value;
}

int map_put_u64(struct map *m, uint64_t number, void *value)
{
	struct key key = key_u64(m, number);

	return put(m, &key, value);
}

void *map_remove_u64(struct map *m, uint64_t number)
{
	struct key key = key_u64(m, number);

	return take(m, &key);
}

void *map_get(const struct map *m, struct slice bytes)
{
	struct key key = key_bytes(m, bytes);
	struct slot *s = find(m, &key);

	return s == NULL ? NULL : s->value;
}

int map_put(struct map *m, struct slice bytes, void *value)
{
	struct key key = key_bytes(m, bytes);

	return put(m, &key, value);
}

void *map_remove(struct map *m, struct slice bytes)
{
	struct key key = key_bytes(m, bytes);

	return take(m, &key);
}

void *map_next(const struct map *m, size_t *i)
{
	while (*i < m->n_slots) {
		void *value = m->slots[(*i)++].value;

		if (value != NULL)
			return value;
	}
	return NULL;
}
