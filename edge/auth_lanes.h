/*
 * auth_lanes: questions for auth that wait to be asked.  Each lane has its own room and its own
 * requests at auth, so that what is slow (a password hash, the router's word) or what an older auth
 * does not know (auth_wire.h) holds up nothing else.
 */
#ifndef POSTERN_EDGE_AUTH_LANES_H
#define POSTERN_EDGE_AUTH_LANES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "edge/auth_client.h"
#include "edge/auth_wire.h"
#include "edge/wheel.h"

struct batch;
struct auth_lane;

struct auth_question {
	struct wheel_entry deadline;
	struct auth_lane *lane;
	struct auth_question *next; /* while it waits */
	struct auth_question *prev;
	struct batch *batch; /* NULL: it waits */
	size_t index;	     /* in the batch */
	uint64_t id;
	struct auth_ask what;
	int64_t due_ms;
	bool is_second; /* its connection broke once */
	auth_reply_fn *fn;
	void *arg;
	size_t len;
	char bytes[]; /* what `what` points to */
};

/* Copies all that ask points to.  NULL: out of memory. */
struct auth_question *auth_question_new(const struct auth_ask *ask);
/* Tokens and passwords do not stay behind in freed memory. */
void auth_question_free(struct auth_question *q);

enum auth_lane_name {
	AUTH_LANE_TOKENS,
	AUTH_LANE_NEWER, /* wire 3, answered at once */
	AUTH_LANE_LOGINS,
	AUTH_LANE_LOGOUTS,
	AUTH_LANES
};

struct auth_lane_rules {
	size_t waiting;	 /* questions, at most */
	size_t requests; /* at auth, at a time */
	size_t asks;	 /* in one of them */
};

/* In the order of arrival, but for what is asked again. */
struct auth_lane {
	const struct auth_lane_rules *rules;
	struct auth_question *first;
	struct auth_question *last;
	size_t n;
	size_t out; /* requests that auth has */
};

void auth_lanes_init(struct auth_lane lanes[AUTH_LANES]);
enum auth_lane_name auth_lane_of(enum auth_ask_kind kind);
/* before NULL: at the end. */
void auth_lane_insert(
	struct auth_lane *lane, struct auth_question *q, struct auth_question *before);
void auth_lane_remove(struct auth_lane *lane, struct auth_question *q);

#endif
