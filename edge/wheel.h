/*
 * wheel: one timer for each of very many connections, coarse and cheap.  Setting, moving and
 * cancelling are a few pointer writes; libwebsockets' own timers are a sorted list, a thousand
 * times dearer at 10,000 connections.  An entry fires at its time or up to one tick later.  A time
 * past the wheel's horizon fires early, at the horizon: the owner looks at what is due and sets it
 * again.  Pure.
 */
#ifndef POSTERN_EDGE_WHEEL_H
#define POSTERN_EDGE_WHEEL_H

#include <stdbool.h>
#include <stdint.h>

#define WHEEL_SLOTS 512

/* Embedded in its owner; all zero: not set. */
struct wheel_entry {
	struct wheel_entry *next;
	struct wheel_entry *prev;
};

struct wheel {
	int64_t tick_ms;
	int64_t tick; /* the last one that was taken from */
	struct wheel_entry slots[WHEEL_SLOTS];
};

void wheel_init(struct wheel *w, int64_t tick_ms, int64_t now_ms);
/* Sets it, or moves it. */
void wheel_set(struct wheel *w, struct wheel_entry *e, int64_t due_ms);
void wheel_unset(struct wheel_entry *e);
bool wheel_is_set(const struct wheel_entry *e);
/* Takes one entry that is due, or NULL: none left for now.  Entries may be set while at it. */
struct wheel_entry *wheel_pop(struct wheel *w, int64_t now_ms);

#endif
