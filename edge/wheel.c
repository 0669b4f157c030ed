/*
 * A ring of doubly linked lists, one list a tick.  The entry's slot is its due tick modulo the
 * ring, so no entry may be set further ahead than the ring is long: such a time is cut to the
 * horizon.  wheel_pop() empties the slots between the last tick and now, one entry a call, so that
 * the caller may set and unset whatever it likes in between.
 */
#include "edge/wheel.h"

#include <stddef.h>

void wheel_init(struct wheel *w, int64_t tick_ms, int64_t now_ms)
{
	w->tick_ms = tick_ms > 0 ? tick_ms : 1;
	w->tick = now_ms / w->tick_ms;
	for (size_t i = 0; i < WHEEL_SLOTS; i++) {
		w->slots[i].next = &w->slots[i];
		w->slots[i].prev = &w->slots[i];
	}
}

void wheel_unset(struct wheel_entry *e)
{
	if (e->next == NULL)
		return;
	e->next->prev = e->prev;
	e->prev->next = e->next;
	e->next = NULL;
	e->prev = NULL;
}

bool wheel_is_set(const struct wheel_entry *e)
{
	return e->next != NULL;
}

void wheel_set(struct wheel *w, struct wheel_entry *e, int64_t due_ms)
{
	int64_t tick = (due_ms + w->tick_ms - 1) / w->tick_ms;
	struct wheel_entry *slot;

	/* The slot of the current tick may be half emptied already: the next one is the earliest.
	 */
	if (tick <= w->tick)
		tick = w->tick + 1;
	if (tick >= w->tick + WHEEL_SLOTS)
		tick = w->tick + WHEEL_SLOTS - 1;
	wheel_unset(e);
	slot = &w->slots[tick % WHEEL_SLOTS];
	e->next = slot;
	e->prev = slot->prev;
	slot->prev->next = e;
	slot->prev = e;
}

struct wheel_entry *wheel_pop(struct wheel *w, int64_t now_ms)
{
	int64_t now = now_ms / w->tick_ms;

	/* After a long stall every slot is due: once around is enough. */
	if (now - w->tick > WHEEL_SLOTS)
		w->tick = now - WHEEL_SLOTS;
	for (;;) {
		struct wheel_entry *slot = &w->slots[w->tick % WHEEL_SLOTS];

		if (slot->next != slot) {
			struct wheel_entry *e = slot->next;

			wheel_unset(e);
			return e;
		}
		if (w->tick >= now)
			return NULL;
		w->tick++;
	}
}
