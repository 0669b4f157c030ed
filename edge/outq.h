/*
 * outq: what waits to be written to one connection.  Frames are complete WebSocket frames (header
 * and payload; a server does not mask), so the bytes of one frame are shared by all its receivers.
 * An empty queue holds no memory.  Pure: outq_gather() says what to write, outq_advance() takes
 * what was.
 */
#ifndef POSTERN_EDGE_OUTQ_H
#define POSTERN_EDGE_OUTQ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#include "common/slice.h"

/* One frame.  Counted by hand: whoever makes it owns one reference. */
struct wire {
	uint32_t refs;
	uint32_t len;
	bool shed;   /* may be dropped for a connection that does not read */
	bool is_own; /* said by the edge: an answer, not a message */
	unsigned char bytes[];
};

/* A final text frame whose payload is head and then tail.  NULL: no memory, or over 4 GiB. */
struct wire *wire_new_text(struct slice head, struct slice tail, bool shed);
/* A ping with a payload of 1 to 125 bytes (libwebsockets does not report an empty pong); shed. */
struct wire *wire_new_ping(struct slice payload);
/* A close frame; reason has at most 123 bytes. */
struct wire *wire_new_close(uint16_t code, struct slice reason);
void wire_unref(struct wire *w);
static inline void wire_unrefp(struct wire **w)
{
	wire_unref(*w);
}

#define OUTQ_FEW 2

/* Embedded; all zero: empty. */
struct outq {
	struct wire **many; /* a ring of cap entries; NULL: few is in use */
	struct wire *few[OUTQ_FEW];
	uint32_t head;
	uint32_t count;
	uint32_t cap; /* of many */
	uint32_t bytes;
};

enum outq_result {
	OUTQ_QUEUED,
	OUTQ_SHED,   /* this frame may be dropped, and was */
	OUTQ_FULL,   /* over max_bytes even without what may be dropped; nothing was added.  An
			empty queue takes any frame. */
	OUTQ_FAILED, /* no memory */
};

/* Takes a reference of its own. */
enum outq_result outq_put(struct outq *q, struct wire *w, size_t max_bytes);
/* Fills at most max vectors with the oldest frames; how many. */
int outq_gather(const struct outq *q, struct iovec *iov, int max);
/*
 * The first bytes of the queue were written.  A frame that was written in part leaves the queue
 * too: it is returned with its reference, *out_rest is what is left of it.  NULL: no such frame.
 */
struct wire *outq_advance(struct outq *q, size_t bytes, struct slice *out_rest);
/* Drops what may be dropped. */
void outq_shed(struct outq *q);
/* Keeps what is_own, and nothing else: no message to a user leaves after he has. */
void outq_keep_own(struct outq *q);
void outq_clear(struct outq *q);
static inline bool outq_is_empty(const struct outq *q)
{
	return q->count == 0;
}

#endif
