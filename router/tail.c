/*
 * A ring of fixed size: a note costs a copy and no allocation, and the oldest is forgotten.
 */
#include "router/tail.h"

#include <errno.h>
#include <stdlib.h>

struct tail {
	uint64_t last;
	struct tail_note ring[TAIL_KEPT];
};

int tail_new(struct tail **out)
{
	struct tail *t = calloc(1, sizeof(*t));

	if (t == NULL)
		return -ENOMEM;
	*out = t;
	return 0;
}

void tail_free(struct tail *t)
{
	free(t);
}

static size_t keep(char *to, size_t size, struct slice from)
{
	size_t len = from.len < size ? from.len : size;

	if (len > 0)
		memcpy(to, from.data, len);
	return len;
}

void tail_add(struct tail *t, const struct tail_entry *entry)
{
	struct tail_note *note = &t->ring[++t->last % TAIL_KEPT];

	note->number = t->last;
	note->at_ms = entry->at_ms;
	note->kind_len = keep(note->kind, sizeof(note->kind), entry->kind);
	note->user_len = keep(note->user, sizeof(note->user), entry->user);
	note->detail_len = keep(note->detail, sizeof(note->detail), entry->detail);
}

uint64_t tail_last(const struct tail *t)
{
	return t->last;
}

const struct tail_note *tail_next(const struct tail *t, uint64_t after, struct slice user)
{
	uint64_t first = t->last < TAIL_KEPT ? 1 : t->last - TAIL_KEPT + 1;

	for (uint64_t n = after + 1 > first ? after + 1 : first; n <= t->last; n++) {
		const struct tail_note *note = &t->ring[n % TAIL_KEPT];

		if (user.len == 0 || slice_eq((struct slice){note->user, note->user_len}, user))
			return note;
	}
	return NULL;
}
