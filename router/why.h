/*
 * why: what happened lately to the sessions of each user, and why, for `routerctl why`: opened,
 * closed, refused, kicked, revoked, replaced.  The last WHY_PER_USER of each of the WHY_USERS users
 * with the newest.  Never a message's content.  Pure; loop thread only.
 */
#ifndef POSTERN_ROUTER_WHY_H
#define POSTERN_ROUTER_WHY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/slice.h"
#include "proto/limits.h"

#define WHY_KIND_BYTES 16
#define WHY_DETAIL_BYTES 160

struct why;

struct why_reason {
	int64_t at_ms; /* wall clock */
	unsigned char kind_len;
	unsigned char detail_len;
	char kind[WHY_KIND_BYTES];
	char detail[WHY_DETAIL_BYTES]; /* cut to fit */
};

/* Owned *out.  0 or -ENOMEM. */
int why_new(struct why **out);
void why_free(struct why *w);

/* Whether a note of that kind is a reason; others are not kept. */
bool why_wants(struct slice kind);
/* Copied.  The same again (user, kind and detail) as the last one only moves its time.  Without
 * memory for a new user it is not kept. */
void why_add(
	struct why *w, int64_t at_ms, struct slice user, struct slice kind, struct slice detail);
/* The i-th of a user's reasons, the oldest first; NULL: there are no more.  Borrowed until the next
 * why_add(). */
const struct why_reason *why_at(const struct why *w, struct slice user, size_t i);

#endif
