/*
 * A ring of pointers to counted frames.  Most connections have nothing waiting most of the time,
 * and one or two frames for the length of a loop turn: those sit in the queue itself, and a ring is
 * allocated only beyond that and freed as soon as it is empty.  A frame is never left in the queue
 * half written, so anything in it may be dropped without breaking the stream.
 */
#include "edge/outq.h"

#include <assert.h>
#include <stdlib.h>

#include "common/bug.h"

#define RING_FIRST 8
#define OP_TEXT 0x81 /* final */
#define OP_CLOSE 0x88
#define OP_PING 0x89

static size_t header_bytes(size_t len)
{
	if (len < 126)
		return 2;
	return len <= UINT16_MAX ? 4 : 10;
}

/* RFC 6455, 5.2 */
static void header_write(unsigned char *p, unsigned char op, size_t len)
{
	p[0] = op;
	if (len < 126) {
		p[1] = (unsigned char)len;
	} else if (len <= UINT16_MAX) {
		p[1] = 126;
		p[2] = (unsigned char)(len >> 8);
		p[3] = (unsigned char)(len & 0xff);
	} else {
		p[1] = 127;
		for (int i = 0; i < 8; i++)
			p[2 + i] = (unsigned char)((uint64_t)len >> (56 - 8 * i));
	}
}

static struct wire *wire_new(unsigned char op, struct slice head, struct slice tail, bool shed)
{
	size_t len = head.len + tail.len;
	size_t header = header_bytes(len);
	struct wire *w;

	if (len > UINT32_MAX - header)
		return NULL;
	w = malloc(sizeof(*w) + header + len);
	if (w == NULL)
		return NULL;
	w->refs = 1;
	w->len = (uint32_t)(header + len);
	w->shed = shed;
	w->is_own = false;
	header_write(w->bytes, op, len);
	if (head.len > 0)
		memcpy(w->bytes + header, head.data, head.len);
	if (tail.len > 0)
		memcpy(w->bytes + header + head.len, tail.data, tail.len);
	return w;
}

struct wire *wire_new_text(struct slice head, struct slice tail, bool shed)
{
	return wire_new(OP_TEXT, head, tail, shed);
}

struct wire *wire_new_ping(struct slice payload)
{
	assert(payload.len > 0 && payload.len <= 125);
	return wire_new(OP_PING, payload, (struct slice){NULL, 0}, true);
}

struct wire *wire_new_close(uint16_t code, struct slice reason)
{
	const char bytes[2] = {
		(char)(unsigned char)(code >> 8), (char)(unsigned char)(code & 0xff)};

	assert(reason.len <= 123);
	return wire_new(OP_CLOSE, (struct slice){bytes, sizeof(bytes)}, reason, false);
}

void wire_unref(struct wire *w)
{
	if (w == NULL)
		return;
	assert(w->refs > 0);
	if (--w->refs == 0)
		free(w);
}

static struct wire **slot(struct outq *q, uint32_t i)
{
	if (q->many == NULL)
		return &q->few[(q->head + i) % OUTQ_FEW];
	return &q->many[(q->head + i) % q->cap];
}

static struct wire *peek(const struct outq *q, uint32_t i)
{
	if (q->many == NULL)
		return q->few[(q->head + i) % OUTQ_FEW];
	return q->many[(q->head + i) % q->cap];
}

static int grow(struct outq *q)
{
	uint32_t cap = q->many == NULL ? RING_FIRST : q->cap * 2;
	struct wire **many = malloc(cap * sizeof(struct wire *));

	if (many == NULL)
		return -1;
	for (uint32_t i = 0; i < q->count; i++)
		many[i] = peek(q, i);
	free(q->many);
	q->many = many;
	q->cap = cap;
	q->head = 0;
	return 0;
}

static void drop_ring_when_empty(struct outq *q)
{
	if (q->count > 0)
		return;
	q->head = 0;
	free(q->many);
	q->many = NULL;
	q->cap = 0;
}

static bool may_be_shed(const struct wire *w)
{
	return w->shed;
}

static bool is_message(const struct wire *w)
{
	return !w->is_own && !BUG(41);
}

static void drop(struct outq *q, bool (*is_to_go)(const struct wire *w))
{
	uint32_t kept = 0;

	for (uint32_t i = 0; i < q->count; i++) {
		struct wire *w = peek(q, i);

		if (is_to_go(w)) {
			q->bytes -= w->len;
			wire_unref(w);
		} else {
			*slot(q, kept++) = w;
		}
	}
	q->count = kept;
	drop_ring_when_empty(q);
}

void outq_shed(struct outq *q)
{
	drop(q, may_be_shed);
}

void outq_keep_own(struct outq *q)
{
	drop(q, is_message);
}

enum outq_result outq_put(struct outq *q, struct wire *w, size_t max_bytes)
{
	if (q->bytes + (size_t)w->len > max_bytes)
		outq_shed(q);
	if (q->count > 0 && q->bytes + (size_t)w->len > max_bytes)
		return w->shed ? OUTQ_SHED : OUTQ_FULL;
	if (q->count == (q->many == NULL ? OUTQ_FEW : q->cap) && grow(q) < 0)
		return OUTQ_FAILED;
	w->refs++;
	*slot(q, q->count++) = w;
	q->bytes += w->len;
	return OUTQ_QUEUED;
}

int outq_gather(const struct outq *q, struct iovec *iov, int max)
{
	int n = 0;

	for (; n < max && (uint32_t)n < q->count; n++) {
		struct wire *w = peek(q, (uint32_t)n);

		iov[n].iov_base = w->bytes;
		iov[n].iov_len = w->len;
	}
	return n;
}

struct wire *outq_advance(struct outq *q, size_t bytes, struct slice *out_rest)
{
	struct wire *partial = NULL;

	while (bytes > 0) {
		struct wire *w;

		assert(q->count > 0);
		w = peek(q, 0);
		q->head = (q->head + 1) % (q->many == NULL ? OUTQ_FEW : q->cap);
		q->count--;
		q->bytes -= w->len;
		if (bytes < w->len) {
			*out_rest = (struct slice){(const char *)w->bytes + bytes, w->len - bytes};
			partial = w;
			break;
		}
		bytes -= w->len;
		wire_unref(w);
	}
	drop_ring_when_empty(q);
	return partial;
}

void outq_clear(struct outq *q)
{
	for (uint32_t i = 0; i < q->count; i++)
		wire_unref(peek(q, i));
	q->count = 0;
	q->bytes = 0;
	drop_ring_when_empty(q);
}
