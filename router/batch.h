/*
 * batch: elements of one repeated field, encoded one by one as they come up and kept in chunks that
 * each fit a message.  What one turn of the loop produces is one chunk; what waits for credit packs
 * itself into few.  Pure; loop thread only.
 */
#ifndef POSTERN_ROUTER_BATCH_H
#define POSTERN_ROUTER_BATCH_H

#include <protobuf-c/protobuf-c.h>
#include <stddef.h>

struct batch_limits {
	unsigned field;	  /* number of the repeated field, below 16 */
	size_t max_bytes; /* of one chunk */
	size_t max_items;
	size_t max_elements; /* as codec.h counts them */
	size_t max_queued;   /* bytes, all chunks together */
};

struct batch_chunk;

struct batch {
	const struct batch_limits *limits; /* borrowed for ever */
	struct batch_chunk *first;
	struct batch_chunk *last;
	struct batch_chunk *spare; /* one is kept for reuse */
	size_t queued;
};

void batch_init(struct batch *b, const struct batch_limits *limits);
void batch_fini(struct batch *b);
/* Forgets everything that waits. */
void batch_clear(struct batch *b);

/*
 * Encodes item at the end.  elements: the messages and repeated scalars within it, itself included.
 * 0; -ENOBUFS: max_queued is reached, or it fits no chunk; -ENOMEM.  On failure nothing changed.
 */
int batch_add(struct batch *b, const ProtobufCMessage *item, size_t elements);

/* Of the first chunk; 0: nothing waits. */
size_t batch_first_bytes(const struct batch *b);
/* Copies the first chunk's bytes to out and drops it; how many items they were. */
size_t batch_take(struct batch *b, char *out);

#endif
