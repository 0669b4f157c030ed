/*
 * onetime: tickets that stand in a token's place once (`?ticket=`).  Only the SHA-256 of a ticket
 * is kept, with what its token said and the Origin that it was asked for from.  Pure: time and
 * randomness are arguments.  Loop thread only.
 */
#ifndef POSTERN_AUTH_ONETIME_H
#define POSTERN_AUTH_ONETIME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "auth/token.h"
#include "common/cleanup.h"
#include "common/slice.h"
#include "proto/limits.h"

struct onetime;

/* 0 and an owned *out, or -errno. */
int onetime_new(struct onetime **out);
void onetime_free(struct onetime *o);
DEFINE_FREEP(struct onetime, onetime_free)

/*
 * The ticket's text, terminated, into out; it is good for ONE_TIME_MS.  facts are copied, but for
 * their key; origin: as text, empty: none.  A user's seventeenth takes the place of his oldest.  0;
 * -EAGAIN: ONE_TIME_MAX are unused; -ENOMEM.
 */
int onetime_make(struct onetime *o, const unsigned char random[ONE_TIME_BYTES],
	const struct token_facts *facts, struct slice origin, int64_t now_ms,
	char out[ONE_TIME_TEXT_BYTES + 1]);

/*
 * true: *out is what the token said (key is NULL).  It is gone then, and also when the Origin was
 * another one: who shows it there has stolen it.  Whether the token expired or was revoked
 * meanwhile is the caller's to ask.
 */
bool onetime_take(struct onetime *o, struct slice text, struct slice origin, int64_t now_ms,
	struct token_facts *out);

/* Unused and not expired when the last function was called. */
size_t onetime_count(const struct onetime *o);
/* Until the oldest expires; 0: there is none. */
int64_t onetime_wait_ms(const struct onetime *o, int64_t now_ms);

#endif
