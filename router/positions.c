/* A list for each user, which is short, and one through all that are dirty. */
#include "router/positions.h"

#include <stdlib.h>
#include <string.h>

/* The store keeps when a device was last seen, to the day. */
#define SEEN_AGAIN_MS 86400000

bool device_is_named(struct slice device)
{
	return device.len > 0 && device.data[0] != '~';
}

struct position *positions_find(const struct user *u, struct slice device)
{
	struct position *p = u->positions;

	if (!device_is_named(device))
		return u->unnamed;
	while (p != NULL && !slice_eq(position_device(p), device))
		p = p->next;
	return p;
}

static void mark(struct positions *ps, struct position *p)
{
	if (p->is_dirty)
		return;
	p->is_dirty = true;
	p->dirty_next = NULL;
	p->dirty_prev = ps->dirty_last;
	if (ps->dirty_last == NULL)
		ps->dirty_first = p;
	else
		ps->dirty_last->dirty_next = p;
	ps->dirty_last = p;
}

static void unmark(struct positions *ps, struct position *p)
{
	if (!p->is_dirty)
		return;
	p->is_dirty = false;
	if (p->dirty_prev == NULL)
		ps->dirty_first = p->dirty_next;
	else
		p->dirty_prev->dirty_next = p->dirty_next;
	if (p->dirty_next == NULL)
		ps->dirty_last = p->dirty_prev;
	else
		p->dirty_next->dirty_prev = p->dirty_prev;
}

static struct position **oldest_clean(struct user *u)
{
	struct position **found = NULL;

	for (struct position **at = &u->positions; *at != NULL; at = &(*at)->next) {
		if (!(*at)->is_dirty && (found == NULL || (*at)->seen_ms < (*found)->seen_ms))
			found = at;
	}
	return found;
}

static struct position *make_unnamed(struct user *u)
{
	if (u->unnamed != NULL)
		return u->unnamed;
	u->unnamed = calloc(1, sizeof(*u->unnamed));
	if (u->unnamed != NULL)
		u->unnamed->user = u;
	return u->unnamed;
}

struct position *positions_make(struct positions *ps, struct user *u, struct slice device)
{
	struct position *p = positions_find(u, device);
	struct position **old = NULL;

	if (p != NULL)
		return p;
	if (u->n_positions >= DEVICES_PER_USER)
		old = oldest_clean(u);
	if (!device_is_named(device) || (u->n_positions >= DEVICES_PER_USER && old == NULL))
		return make_unnamed(u);
	p = calloc(1, sizeof(*p));
	if (p == NULL)
		return NULL;
	if (old != NULL) {
		struct position *gone = *old;

		*old = gone->next;
		unmark(ps, gone);
		free(gone);
		u->n_positions--;
	}
	p->user = u;
	p->device_len = (uint8_t)device.len;
	memcpy(p->device, device.data, device.len);
	p->next = u->positions;
	u->positions = p;
	u->n_positions++;
	return p;
}

void positions_raise(struct positions *ps, struct position *p, uint64_t u, uint64_t s)
{
	if (u <= p->u && s <= p->s)
		return;
	p->u = u > p->u ? u : p->u;
	p->s = s > p->s ? s : p->s;
	mark(ps, p);
}

void positions_seen(struct positions *ps, struct position *p, int64_t wall_ms)
{
	p->seen_ms = wall_ms;
	if (wall_ms - p->told_ms >= SEEN_AGAIN_MS)
		mark(ps, p);
}

void positions_told(struct positions *ps, struct position *p)
{
	p->told_ms = p->seen_ms;
	unmark(ps, p);
}

bool positions_lowest(const struct user *u, uint64_t *out)
{
	*out = UINT64_MAX;
	for (const struct position *p = u->positions; p != NULL; p = p->next) {
		if (p->u + 1 >= u->numbers.floor && p->u < *out)
			*out = p->u;
	}
	return *out != UINT64_MAX;
}

void positions_free(struct positions *ps, struct user *u)
{
	if (u->unnamed != NULL)
		unmark(ps, u->unnamed);
	free(u->unnamed);
	u->unnamed = NULL;
	while (u->positions != NULL) {
		struct position *p = u->positions;

		u->positions = p->next;
		unmark(ps, p);
		free(p);
	}
	u->n_positions = 0;
}
