/*
 * The real queue is a ring of pointers, and a world is bytes: so for each operation a queue is made
 * of them, and read back.  The frames are real ones, too; their text is what they are here.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "edge/outq.h"
#include "tests/model/world.h"

#define HEADER_BYTES 2
#define FRAME_BYTES (HEADER_BYTES + sizeof(struct out_frame))

static struct wire *make(struct out_frame f)
{
	struct wire *w = wire_new_text(
		(struct slice){(const char *)&f, sizeof(f)}, (struct slice){NULL, 0}, false);

	if (w == NULL)
		abort();
	w->shed = f.kind == FRAME_PING;
	w->is_own = f.kind != FRAME_PING && f.kind != FRAME_MESSAGE;
	return w;
}

static struct out_frame read_back(const void *bytes)
{
	struct out_frame f;

	memcpy(&f, (const char *)bytes + HEADER_BYTES, sizeof(f));
	return f;
}

static void load(const struct world *w, struct outq *q)
{
	for (size_t i = 0; i < w->n_out; i++) {
		struct wire *x = make(w->out[i]);

		if (outq_put(q, x, SIZE_MAX) != OUTQ_QUEUED)
			abort();
		wire_unref(x);
	}
}

static void save(struct world *w, struct outq *q)
{
	struct iovec iov[OUT_QUEUE];
	int n = outq_gather(q, iov, OUT_QUEUE);

	memset(w->out, 0, sizeof(w->out));
	for (int i = 0; i < n; i++) {
		assert(iov[i].iov_len == FRAME_BYTES);
		w->out[i] = read_back(iov[i].iov_base);
	}
	w->n_out = (uint8_t)n;
	outq_clear(q);
}

void queue_put(struct world *w, struct out_frame f)
{
	struct outq q = {0};
	struct wire *x = make(f);

	load(w, &q);
	world_must(outq_put(&q, x, OUT_QUEUE * FRAME_BYTES) != OUTQ_FULL,
		"bounds: the queue of frames is too short for this search");
	wire_unref(x);
	save(w, &q);
}

void queue_keep_own(struct world *w)
{
	struct outq q = {0};

	load(w, &q);
	outq_keep_own(&q);
	save(w, &q);
}

bool queue_advance(struct world *w, bool whole, struct out_frame *out)
{
	struct outq q = {0};
	struct slice rest;

	if (w->n_out == 0)
		return false;
	*out = w->out[0];
	load(w, &q);
	wire_unref(outq_advance(&q, whole ? FRAME_BYTES : 1, &rest));
	save(w, &q);
	return true;
}
