/*
 * Breadth-first over everything that can happen in a small world, each world once: 128 bits of hash
 * stand for one, so that millions fit.  What is found first is found in the fewest steps, and they
 * are printed.
 *
 *	model                     every search; 0: nothing was found
 *	model --expect WORD       0: the thing of that name was found (the build has a bug on
 *purpose) model --long              with larger bounds
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "tests/model/world.h"

struct seen {
	uint64_t hash[2];
	uint32_t parent;
	uint32_t step;
};

struct search {
	struct seen *seen;
	uint32_t n;
	uint32_t cap;
	uint32_t *table; /* of places in seen, + 1 */
	uint32_t mask;
};

struct level {
	struct world *worlds;
	uint32_t *places; /* in seen */
	uint32_t n;
	uint32_t cap;
};

static void *grow(void *p, size_t n, size_t size)
{
	void *q = realloc(p, n * size);

	if (q == NULL) {
		fprintf(stderr, "model: no memory\n");
		exit(70);
	}
	return q;
}

static uint64_t mix(uint64_t h)
{
	h ^= h >> 33;
	h *= 0xff51afd7ed558ccdu;
	h ^= h >> 33;
	h *= 0xc4ceb9fe1a85ec53u;
	return h ^ h >> 33;
}

static void hash_of(const struct world *w, uint64_t out[2])
{
	const unsigned char *p = (const unsigned char *)w;

	out[0] = 0x9e3779b97f4a7c15u;
	out[1] = 0xd1b54a32d192ed03u;
	for (size_t i = 0; i < sizeof(*w); i += 8) {
		uint64_t word = 0;

		memcpy(&word, p + i, sizeof(*w) - i < 8 ? sizeof(*w) - i : 8);
		out[0] = mix(out[0] ^ word);
		out[1] = mix(out[1] + word * 0x2545f4914f6cdd1du);
	}
}

static void rehash(struct search *s)
{
	s->cap = s->cap == 0 ? 1 << 16 : s->cap * 2;
	s->seen = grow(s->seen, s->cap, sizeof(*s->seen));
	free(s->table);
	s->mask = 2 * s->cap - 1;
	s->table = calloc(2 * (size_t)s->cap, sizeof(*s->table));
	if (s->table == NULL)
		exit(70);
	for (uint32_t i = 0; i < s->n; i++) {
		uint32_t at = (uint32_t)s->seen[i].hash[0] & s->mask;

		while (s->table[at] != 0)
			at = (at + 1) & s->mask;
		s->table[at] = i + 1;
	}
}

/* false: it was there. */
static bool note(struct search *s, const struct world *w, uint32_t parent, uint32_t step)
{
	uint64_t hash[2];
	uint32_t at;

	if (s->n == s->cap)
		rehash(s);
	hash_of(w, hash);
	for (at = (uint32_t)hash[0] & s->mask; s->table[at] != 0; at = (at + 1) & s->mask)
		if (memcmp(s->seen[s->table[at] - 1].hash, hash, sizeof(hash)) == 0)
			return false;
	s->seen[s->n] = (struct seen){{hash[0], hash[1]}, parent, step};
	s->table[at] = ++s->n;
	return true;
}

static void level_add(struct level *l, const struct world *w, uint32_t place)
{
	if (l->n == l->cap) {
		l->cap = l->cap == 0 ? 1024 : l->cap * 2;
		l->worlds = grow(l->worlds, l->cap, sizeof(*l->worlds));
		l->places = grow(l->places, l->cap, sizeof(*l->places));
	}
	l->worlds[l->n] = *w;
	l->places[l->n++] = place;
}

static void print_way(const struct search *s, uint32_t place)
{
	if (place == 0)
		return;
	print_way(s, s->seen[place].parent);
	printf("  %s\n", world_step_name(s->seen[place].step));
}

/* Everything after one world.  false: something is broken. */
static bool expand(struct search *s, const struct level *from, uint32_t i, struct level *to)
{
	for (unsigned step = 0; step < WORLD_STEPS; step++) {
		struct world w = from->worlds[i];

		if (!world_step(&w, step))
			continue;
		if (world_broken == NULL)
			world_look(&w);
		if (world_broken != NULL) {
			print_way(s, from->places[i]);
			printf("  %s\n%s\n", world_step_name(step), world_broken);
			return false;
		}
		if (note(s, &w, from->places[i], step))
			level_add(to, &w, s->n - 1);
	}
	return true;
}

/* The states, or 0: something was found. */
static uint32_t search(const struct budget *budget, bool may_swap, unsigned *out_depth)
{
	struct search s = {0};
	struct level levels[2] = {0};
	struct world w;
	bool is_well = true;
	uint32_t n;
	unsigned depth = 0;

	world_init(&w, budget, may_swap);
	note(&s, &w, 0, 0);
	level_add(&levels[0], &w, 0);
	for (; is_well && levels[depth % 2].n > 0; depth++) {
		struct level *from = &levels[depth % 2];
		struct level *to = &levels[(depth + 1) % 2];

		to->n = 0;
		for (uint32_t i = 0; is_well && i < from->n; i++)
			is_well = expand(&s, from, i, to);
	}
	n = s.n;
	free(s.seen);
	free(s.table);
	for (size_t i = 0; i < 2; i++) {
		free(levels[i].worlds);
		free(levels[i].places);
	}
	*out_depth = depth;
	return is_well ? n : 0;
}

static const struct plan {
	const char *name;
	bool is_long;
	bool may_swap;
	struct budget budget;
} plans[] = {
	{"frames and questions", false, true,
		{.sends = 2,
			.reauths = 2,
			.messages = 1,
			.late_questions = 1,
			.partial_writes = 1}},
	{"frames that carry tokens", false, true,
		{.sends = 1,
			.sends_with_token = 2,
			.messages = 1,
			.late_questions = 1,
			.busy = 1,
			.timeouts = 1}},
	{"no swap allowed", false, false,
		{.sends = 1,
			.sends_with_token = 1,
			.reauths = 1,
			.messages = 1,
			.late_questions = 1,
			.busy = 1,
			.restarts = 1}},
	{"pongs and positions", false, true,
		{.reauths = 1, .messages = 3, .pings = 2, .positions = 1, .partial_writes = 1}},
	{"there and back", false, true,
		{.reauths = 2,
			.messages = 2,
			.pings = 1,
			.late_deliveries = 1,
			.partial_writes = 1}},
	{"a router that starts anew", false, true,
		{.sends = 1,
			.reauths = 2,
			.messages = 1,
			.restarts = 1,
			.refusals = 1,
			.timeouts = 1}},
	{"sessions that are shut", false, true,
		{.sends = 1,
			.reauths = 2,
			.messages = 1,
			.shuts = 1,
			.leaves = 1,
			.timeouts = 1,
			.partial_writes = 1}},
	{"everything, once", true, true,
		{.sends = 1,
			.sends_with_token = 1,
			.reauths = 1,
			.positions = 1,
			.leaves = 1,
			.messages = 1,
			.pings = 1,
			.partial_writes = 1,
			.late_questions = 1,
			.timeouts = 1,
			.refusals = 1,
			.restarts = 1,
			.late_deliveries = 1}},
	{"a router that starts twice", true, true,
		{.sends = 1,
			.reauths = 2,
			.messages = 1,
			.pings = 1,
			.restarts = 2,
			.refusals = 1,
			.timeouts = 1}},
	{"there and back, with sends", true, true,
		{.sends = 1,
			.reauths = 2,
			.messages = 2,
			.pings = 1,
			.late_deliveries = 1,
			.shuts = 1,
			.partial_writes = 1}},
	{"three questions", true, true,
		{.sends = 2,
			.reauths = 3,
			.messages = 2,
			.pings = 1,
			.late_questions = 1,
			.partial_writes = 1}},
};

static int run(const struct plan *p, uint64_t *total)
{
	struct timespec from;
	struct timespec to;
	unsigned depth;
	uint32_t n;

	clock_gettime(CLOCK_MONOTONIC, &from);
	n = search(&p->budget, p->may_swap, &depth);
	clock_gettime(CLOCK_MONOTONIC, &to);
	if (n == 0) {
		printf("%s: broken after %u steps\n", p->name, depth);
		return -1;
	}
	printf("%s: %" PRIu32 " states, depth %u, %.1f s\n", p->name, n, depth,
		(double)(to.tv_sec - from.tv_sec) + (double)(to.tv_nsec - from.tv_nsec) / 1e9);
	fflush(stdout);
	*total += n;
	return 0;
}

int main(int argc, char **argv)
{
	const char *expected = argc == 3 && strcmp(argv[1], "--expect") == 0 ? argv[2] : NULL;
	const bool is_long = argc == 2 && strcmp(argv[1], "--long") == 0;
	uint64_t total = 0;

	for (size_t i = 0; i < sizeof(plans) / sizeof(plans[0]); i++)
		if ((!plans[i].is_long || is_long) && run(&plans[i], &total) < 0)
			break;
	if (expected != NULL) {
		bool is_found = world_broken != NULL &&
				strncmp(world_broken, expected, strlen(expected)) == 0;

		printf("%s: %s\n", expected, is_found ? "found" : "MISSED");
		return is_found ? EXIT_SUCCESS : EXIT_FAILURE;
	}
	printf("%" PRIu64 " states in all\n", total);
	return world_broken == NULL ? EXIT_SUCCESS : EXIT_FAILURE;
}
