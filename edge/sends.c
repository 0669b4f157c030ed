/*
 * A map from the edge's own running numbers, which the router repeats in its answers.  Its size is
 * bounded by CONN_SENDS_IN_FLIGHT for each connection; a connection that closes leaves its entries
 * to their answers or to the end of the link.
 */
#include "edge/sends.h"

#include <assert.h>
#include <errno.h>

#include "common/map.h"
#include "proto/limits.h"

static_assert(FRAME_ID_MAX_BYTES <= UINT8_MAX, "id_len holds every id");

struct sends {
	struct map *by_ref;
	uint64_t last_ref;
	uint64_t old_ref; /* none before it is left */
};

int sends_new(struct sends **out)
{
	struct sends *s = calloc(1, sizeof(*s));

	if (s == NULL)
		return -ENOMEM;
	if (map_new(&s->by_ref) < 0) {
		free(s);
		return -ENOMEM;
	}
	s->old_ref = 1;
	*out = s;
	return 0;
}

void sends_take_all(struct sends *s, sends_each_fn *fn, void *arg)
{
	struct send_entry *e;

	for (size_t i = 0; (e = map_next(s->by_ref, &i)) != NULL;) {
		map_remove_u64(s->by_ref, e->ref);
		if (fn != NULL)
			fn(arg, e);
		free(e);
	}
}

void sends_take_old(struct sends *s, int64_t at_ms, sends_each_fn *fn, void *arg)
{
	for (; s->old_ref <= s->last_ref; s->old_ref++) {
		struct send_entry *e = map_get_u64(s->by_ref, s->old_ref);

		if (e == NULL)
			continue;
		if (e->at_ms > at_ms)
			return;
		map_remove_u64(s->by_ref, e->ref);
		fn(arg, e);
		free(e);
	}
}

void sends_free(struct sends *s)
{
	if (s == NULL)
		return;
	sends_take_all(s, NULL, NULL);
	map_free(s->by_ref);
	free(s);
}

int sends_add(struct sends *s, const struct send_entry *from, struct slice id, uint64_t *out_ref)
{
	struct send_entry *e;

	assert(id.len <= FRAME_ID_MAX_BYTES);
	e = malloc(sizeof(*e) + id.len);
	if (e == NULL)
		return -ENOMEM;
	e->ref = s->last_ref + 1;
	e->session = from->session;
	e->at_ms = from->at_ms;
	e->takes_number = from->takes_number;
	e->id_len = (uint8_t)id.len;
	if (id.len > 0)
		memcpy(e->id, id.data, id.len);
	if (map_put_u64(s->by_ref, e->ref, e) < 0) {
		free(e);
		return -ENOMEM;
	}
	*out_ref = ++s->last_ref;
	return 0;
}

struct send_entry *sends_take(struct sends *s, uint64_t ref)
{
	return map_remove_u64(s->by_ref, ref);
}

size_t sends_count(const struct sends *s)
{
	return map_count(s->by_ref);
}
