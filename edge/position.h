/*
 * position: where a client is in its streams, as text: in the query of an upgrade, and in the
 * payload of a ping, which comes back in the pong and says whose streams were meant.  Pure.
 */
#ifndef POSTERN_EDGE_POSITION_H
#define POSTERN_EDGE_POSITION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/slice.h"
#include "proto/limits.h"

struct position {
	char epoch[EPOCH_BYTES];
	uint64_t u; /* the last number of the user's own stream; 0: none */
	uint64_t s; /* of the system stream */
};

/* 0|[1-9][0-9]{0,18} */
bool position_number(struct slice text, uint64_t *out);
/* EPOCH_BYTES of the router's alphabet. */
bool position_is_epoch(struct slice text);

/* EPOCH.U.S, and .IDENTITY unless that is the first; its length. */
#define POSITION_TEXT_BYTES 72
size_t position_write(char out[POSITION_TEXT_BYTES], const struct position *p, uint16_t identity);
/* false: not a position (another pong). */
bool position_read(struct slice text, struct position *out, uint16_t *out_identity);

#endif
