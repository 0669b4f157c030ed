/*
 * A ring with one place for each of the last SYSTEM_KEPT numbers, and of those that came too early.
 * head moves only over numbers that are there, so connections see no hole; a hole is filled from
 * the link, or, when the router has forgotten it too, jumped over.
 */
#include "edge/system.h"

void system_init(struct system_log *l)
{
	*l = (struct system_log){0};
}

static void empty(struct system_message *m)
{
	wire_unref(m->native);
	wire_unref(m->plain);
	*m = (struct system_message){0};
}

void system_reset(struct system_log *l)
{
	for (size_t i = 0; i < SYSTEM_KEPT; i++)
		empty(&l->kept[i]);
	system_init(l);
}

void system_start(struct system_log *l, uint64_t s)
{
	if (l->has_start)
		return;
	l->has_start = true;
	l->head = s;
	system_heard(l, s);
}

void system_heard(struct system_log *l, uint64_t n)
{
	if (n > l->heard)
		l->heard = n;
}

bool system_wants(const struct system_log *l, uint64_t number)
{
	return l->has_start && number > l->head && system_get(l, number) == NULL;
}

void system_put(struct system_log *l, const struct system_message *m, bool repaired)
{
	struct system_message *place = &l->kept[m->number % SYSTEM_KEPT];

	system_heard(l, m->number);
	if (repaired && system_get(l, l->head + 1) == NULL)
		l->head = m->number - 1;
	if (m->number > l->head + SYSTEM_KEPT) {
		/* Too far ahead to be kept: it will come again as a repair. */
		wire_unref(m->native);
		wire_unref(m->plain);
		return;
	}
	empty(place);
	*place = *m;
}

const struct system_message *system_next(struct system_log *l)
{
	const struct system_message *m = system_get(l, l->head + 1);

	if (m != NULL)
		l->head++;
	return m;
}

const struct system_message *system_get(const struct system_log *l, uint64_t n)
{
	const struct system_message *m = &l->kept[n % SYSTEM_KEPT];

	return n != 0 && m->number == n ? m : NULL;
}

bool system_has_gap(const struct system_log *l)
{
	return l->has_start && l->heard > l->head;
}
