/*
 * tail: the last TAIL_KEPT notes about what went on, for `routerctl tail`.  Never a message's
 * content. Pure; loop thread only.
 */
#ifndef POSTERN_ROUTER_TAIL_H
#define POSTERN_ROUTER_TAIL_H

#include <stdbool.h>
#include <stdint.h>

#include "common/slice.h"
#include "proto/limits.h"

#define TAIL_KIND_BYTES 16
#define TAIL_DETAIL_BYTES 240

struct tail_note {
	uint64_t number; /* from 1 */
	int64_t at_ms;	 /* wall clock */
	size_t kind_len;
	size_t user_len;
	size_t detail_len;
	char kind[TAIL_KIND_BYTES];
	char user[UID_MAX_BYTES];
	char detail[TAIL_DETAIL_BYTES]; /* cut to fit */
};

struct tail;

/* Owned *out.  0 or -ENOMEM. */
int tail_new(struct tail **out);
void tail_free(struct tail *t);

struct tail_entry {
	int64_t at_ms;
	struct slice kind;
	struct slice user; /* may be empty */
	struct slice detail;
};
void tail_add(struct tail *t, const struct tail_entry *entry);
uint64_t tail_last(const struct tail *t);
/* The first note after that number which is about the user (empty: about anybody), or NULL.
 * Borrowed until the next tail_add(). */
const struct tail_note *tail_next(const struct tail *t, uint64_t after, struct slice user);

#endif
