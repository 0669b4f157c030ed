/*
 * core_disk: the store of the random lives, with the semantics of router/store.h: what it is given
 * waits, is carried out in batches some time later, and is told later still; now and then it is
 * full.  It holds the core to numbers without holes.
 */
#ifndef POSTERN_TESTS_UNIT_CORE_DISK_H
#define POSTERN_TESTS_UNIT_CORE_DISK_H

#include "core_model.h"

#define DISK_OPS 4096
#define DISK_ROWS 5 /* of a page, at most */

struct disk_message {
	struct message message; /* points into bytes */
	uint64_t generation;
	bool is_damaged;
	char bytes[256];
};

struct disk_op {
	enum core_command_kind kind;
	uint64_t number; /* APPEND */
	uint64_t session;
	enum core_stream stream;
	unsigned of; /* a stream */
	uint64_t at; /* after, u or seq */
};

struct disk_stream {
	struct message_place head;
	uint64_t floor;
	uint64_t numbers[MODEL_MESSAGES + 1]; /* of APPENDs, by seq */
};

struct disk {
	struct disk_message messages[MODEL_MESSAGES + 1]; /* by number */
	struct disk_stream streams[MODEL_STREAMS];
	struct disk_op ops[DISK_OPS];
	size_t first;
	size_t end;
	uint64_t untold;		    /* STORED up to this one is to be told */
	uint64_t dropped;		    /* appends below this generation are */
	struct message_row rows[DISK_ROWS]; /* of the last event */
};

void disk_init(struct disk *d);
/* m: to know users by. */
void disk_take(struct disk *d, const struct model *m, const struct core_command *c);
/* What it has to say next; draws decide.  false: nothing. */
typedef unsigned disk_draw_fn(void *arg, unsigned n); /* below n */
bool disk_event(
	struct disk *d, const struct model *m, struct core_event *e, disk_draw_fn *draw, void *arg);
/* The message under that number, or NULL. */
const struct disk_message *disk_row(const struct disk *d, unsigned stream, uint64_t seq);

#endif
