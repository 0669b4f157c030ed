/*
 * The marks of facts reach the disk in the order of their facts, so what waits is a short list in
 * ascending order, and what is looked for in it is nearly always the first.
 */
#include "router/told.h"

#include <string.h>

#include "common/bug.h"

enum told_next told_next(const struct told *t, uint64_t number, uint64_t after)
{
	if (number <= t->taken)
		return TOLD_SKIP;
	if (after > t->taken)
		return TOLD_STOP;
	return t->n_waiting < TOLD_WAITING_MAX ? TOLD_TAKE : TOLD_STOP;
}

void told_take(struct told *t, uint64_t number)
{
	t->taken = number;
}

void told_lost(struct told *t, uint64_t number)
{
	while (t->n_waiting > 0 && t->waiting[t->n_waiting - 1] >= number)
		t->n_waiting--;
	if (t->taken >= number)
		t->taken = number - 1;
}

void told_marking(struct told *t, uint64_t number)
{
	if (t->n_waiting < TOLD_WAITING_MAX)
		t->waiting[t->n_waiting++] = number;
}

void told_marked(struct told *t, uint64_t number, bool is_durable)
{
	size_t i = 0;

	while (i < t->n_waiting && t->waiting[i] != number)
		i++;
	if (i == t->n_waiting)
		return; /* of one that is taken anew */
	if (!is_durable) {
		told_lost(t, number);
		return;
	}
	t->n_waiting--;
	memmove(&t->waiting[i], &t->waiting[i + 1], (t->n_waiting - i) * sizeof(t->waiting[0]));
}

bool told_is_settled(const struct told *t, uint64_t number)
{
	return t->n_waiting == 0 || t->waiting[0] > number || BUG(39);
}

uint64_t told_last(const struct told *t)
{
	return t->n_waiting == 0 ? t->taken : t->waiting[0] - 1;
}
