/*
 * system: the last messages to all, by number.  They come from PUB, which may lose some, and from
 * the link as repairs; connections get them in order, each once.  Pure.
 */
#ifndef POSTERN_EDGE_SYSTEM_H
#define POSTERN_EDGE_SYSTEM_H

#include <stdbool.h>
#include <stdint.h>

#include "edge/outq.h"
#include "proto/limits.h"

struct system_message {
	uint64_t number; /* 0: an empty place */
	struct wire *native;
	struct wire *plain;
};

struct system_log {
	bool has_start;
	uint64_t head;	/* all up to here were given out */
	uint64_t heard; /* the highest number that is known to exist */
	struct system_message kept[SYSTEM_KEPT];
};

void system_init(struct system_log *l);
/* Forgets everything: the numbers are another router's. */
void system_reset(struct system_log *l);
/* The first session begins after number s; until then nothing is kept.  Later calls change nothing.
 */
void system_start(struct system_log *l, uint64_t s);
/* Number n exists. */
void system_heard(struct system_log *l, uint64_t n);
/* Whether a message of this number is of use; then system_put() takes both references. */
bool system_wants(const struct system_log *l, uint64_t number);
/* repaired: it came from the link, in order: numbers missing before it are gone for good. */
void system_put(struct system_log *l, const struct system_message *m, bool repaired);
/* The next message in order, or NULL.  Borrowed until the next system_put() or system_reset(). */
const struct system_message *system_next(struct system_log *l);
/* Number n, if it is still kept. */
const struct system_message *system_get(const struct system_log *l, uint64_t n);
bool system_has_gap(const struct system_log *l);

#endif
