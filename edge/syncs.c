/*
 * A ring that grows; its size is bounded by the connections, each of which is in it once.  Sessions
 * that ended while they waited are found out by whoever takes them out.
 */
#include "edge/syncs.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#include "proto/limits.h"

#define RING_FIRST 64

static int grow(struct syncs *s)
{
	size_t cap = s->cap == 0 ? RING_FIRST : s->cap * 2;
	uint64_t *ring = malloc(cap * sizeof(*ring));

	if (ring == NULL)
		return -ENOMEM;
	for (size_t i = 0; i < s->n; i++)
		ring[i] = s->ring[(s->first + i) % s->cap];
	free(s->ring);
	s->ring = ring;
	s->cap = cap;
	s->first = 0;
	return 0;
}

int syncs_want(struct syncs *s, uint64_t session)
{
	if (s->n == s->cap && grow(s) < 0)
		return -ENOMEM;
	s->ring[(s->first + s->n++) % s->cap] = session;
	return 0;
}

bool syncs_peek(const struct syncs *s, uint64_t *out)
{
	if (s->n == 0 || s->in_flight >= SYNCS_IN_FLIGHT)
		return false;
	*out = s->ring[s->first];
	return true;
}

void syncs_shift(struct syncs *s, bool is_asked)
{
	assert(s->n > 0);
	s->first = (s->first + 1) % s->cap;
	s->n--;
	s->in_flight += is_asked;
}

void syncs_done(struct syncs *s)
{
	assert(s->in_flight > 0);
	s->in_flight--;
}

void syncs_reset(struct syncs *s)
{
	free(s->ring);
	*s = (struct syncs){0};
}
