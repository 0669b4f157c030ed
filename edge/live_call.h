/*
 * live_call: what one HTTP request sends or pushes: a session of its own (DIALECT_API) that is
 * opened, used once and closed.  It has no connection and is not counted as one.  Loop thread only.
 */
#ifndef POSTERN_EDGE_LIVE_CALL_H
#define POSTERN_EDGE_LIVE_CALL_H

#include <stdbool.h>
#include <stdint.h>

#include "common/slice.h"

struct live;

/* At a time, of one edge. */
#define LIVE_CALLS_MAX 512

struct live_call {
	uint64_t nonce; /* the one in the ticket; names this call */
	struct slice ticket;
	bool is_push;
	struct slice to;      /* uid; a push: empty is all */
	struct slice content; /* chat: the text */
	struct slice event;   /* push */
	struct slice data;    /* push: JSON text */
	struct slice mid;     /* empty: the router draws one */
};

enum live_call_outcome {
	LIVE_CALL_SENT,	   /* state, mid, devices, seq, first */
	LIVE_CALL_REFUSED, /* exception, field, after_ms */
	LIVE_CALL_SHUT,	   /* the session was not opened, or was shut: close_code */
	LIVE_CALL_AWAY,	   /* no link, or no answer within SEND_ANSWER_MS */
};
/* Borrowed for the call. */
struct live_call_result {
	enum live_call_outcome outcome;
	const char *state;
	const char *first; /* of a duplicate; else NULL */
	struct slice mid;
	uint32_t devices;
	uint64_t seq;
	unsigned exception;
	struct slice field; /* empty: none */
	uint32_t after_ms;
	unsigned close_code;
};
typedef void live_called_fn(void *arg, const struct live_call_result *result);

/* All of call is copied.  done is called exactly once, later, from the loop, unless
 * live_call_cancel() came first.  0, or -EAGAIN: no link, or one that knows no calls; -EBUSY:
 * LIVE_CALLS_MAX; -EINVAL; -ENOMEM. */
int live_call(struct live *l, const struct live_call *call, live_called_fn *done, void *arg);
/* Nobody waits any more; the session is closed. */
void live_call_cancel(struct live *l, uint64_t nonce);

#endif
