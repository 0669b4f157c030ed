/*
 * message: one message as the core numbers it, the store keeps it, and text.c writes it.  A message
 * stands in the stream of its recipient and, when a user sent it to somebody else, under another
 * number in the sender's own, where his other devices read it (a carbon).  One to everybody stands
 * in the system stream, whose name is the empty uid.
 */
#ifndef POSTERN_ROUTER_MESSAGE_H
#define POSTERN_ROUTER_MESSAGE_H

#include <stdbool.h>
#include <stdint.h>

#include "common/slice.h"

enum message_kind { MESSAGE_CHAT, MESSAGE_PUSH };

/* A place in a stream.  rows and bytes count what the user received up to here, itself included:
 * what was sent counts in the recipient's stream alone. */
struct message_place {
	uint64_t seq; /* from 1, without holes; 0: the message is not in this stream */
	uint64_t rows;
	uint64_t bytes; /* of bodies */
};

/* All slices are borrowed. */
struct message {
	enum message_kind kind;
	struct slice to;     /* uid; empty: the system stream */
	struct slice from;   /* uid; empty: an operator */
	struct slice device; /* of the sender: mid is unique in (from, device) */
	struct slice mid;    /* never empty */
	struct slice event;  /* MESSAGE_PUSH */
	struct slice body;   /* chat: UTF-8 text; push: JSON */
	struct message_place at_to;
	struct message_place at_from;
	int64_t ts_ms;	    /* the router's wall clock, ms since 1970 */
	int64_t expires_ms; /* the same; 0: when the retention is over */
};

/* What a read of a stream gives for each number. */
struct message_row {
	uint64_t seq;
	bool is_damaged; /* its MAC is wrong: nothing else of it means anything */
	struct message message;
};

#endif
