/*
 * A repeated message field is, on the wire, a tag, a length and the element's bytes, again and
 * again, and may stand anywhere in its message.  So each element can be encoded the moment it is
 * made, while what it borrows is still there, and a message is a small header with a chunk of them
 * behind it.
 */
#include "router/batch.h"

#include <assert.h>
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define CHUNK_FIRST_BYTES 4096
#define HEADER_MAX 6 /* a tag and the varint of a length below 4 GiB */

struct batch_chunk {
	struct batch_chunk *next;
	size_t len;
	size_t cap;
	size_t items;
	size_t elements;
	uint8_t data[];
};

void batch_init(struct batch *b, const struct batch_limits *limits)
{
	assert(limits->field > 0 && limits->field < 16);
	*b = (struct batch){.limits = limits};
}

void batch_clear(struct batch *b)
{
	while (b->first != NULL) {
		struct batch_chunk *chunk = b->first;

		b->first = chunk->next;
		free(chunk);
	}
	b->last = NULL;
	b->queued = 0;
}

void batch_fini(struct batch *b)
{
	batch_clear(b);
	free(b->spare);
	b->spare = NULL;
}

static struct batch_chunk *chunk_append(struct batch *b, size_t bytes)
{
	struct batch_chunk *chunk = b->spare;
	size_t cap = bytes > CHUNK_FIRST_BYTES ? bytes : CHUNK_FIRST_BYTES;

	if (chunk != NULL && chunk->cap >= bytes) {
		b->spare = NULL;
	} else {
		chunk = malloc(sizeof(*chunk) + cap);
		if (chunk == NULL)
			return NULL;
		chunk->cap = cap;
	}
	chunk->next = NULL;
	chunk->len = 0;
	chunk->items = 0;
	chunk->elements = 0;
	if (b->last == NULL)
		b->first = chunk;
	else
		b->last->next = chunk;
	b->last = chunk;
	return chunk;
}

/* Makes room in the last chunk, which may move. */
static struct batch_chunk *chunk_grow(struct batch *b, size_t bytes)
{
	struct batch_chunk *chunk = b->last;
	struct batch_chunk **link = &b->first;
	struct batch_chunk *grown;
	size_t cap = chunk->cap;

	while (cap < chunk->len + bytes)
		cap *= 2;
	if (cap == chunk->cap)
		return chunk;
	while (*link != chunk)
		link = &(*link)->next;
	grown = realloc(chunk, sizeof(*chunk) + cap);
	if (grown == NULL)
		return NULL;
	grown->cap = cap;
	*link = grown;
	b->last = grown;
	return grown;
}

static struct batch_chunk *chunk_with_room(struct batch *b, size_t bytes, size_t elements)
{
	const struct batch_limits *limits = b->limits;
	const struct batch_chunk *chunk = b->last;

	if (chunk == NULL || chunk->len + bytes > limits->max_bytes ||
		chunk->items + 1 > limits->max_items ||
		chunk->elements + elements > limits->max_elements)
		return chunk_append(b, bytes);
	return chunk_grow(b, bytes);
}

static size_t put_header(uint8_t *p, unsigned field, size_t len)
{
	size_t n = 0;

	p[n++] = (uint8_t)(field << 3 | 2);
	for (; len >= 0x80; len >>= 7)
		p[n++] = (uint8_t)(len | 0x80);
	p[n++] = (uint8_t)len;
	return n;
}

int batch_add(struct batch *b, const ProtobufCMessage *item, size_t elements)
{
	size_t len = protobuf_c_message_get_packed_size(item);
	struct batch_chunk *chunk;
	size_t before;

	if (len > UINT32_MAX || len + HEADER_MAX > b->limits->max_bytes ||
		elements > b->limits->max_elements ||
		b->queued + len + HEADER_MAX > b->limits->max_queued)
		return -ENOBUFS;
	chunk = chunk_with_room(b, len + HEADER_MAX, elements);
	if (chunk == NULL)
		return -ENOMEM;
	before = chunk->len;
	chunk->len += put_header(chunk->data + chunk->len, b->limits->field, len);
	chunk->len += protobuf_c_message_pack(item, chunk->data + chunk->len);
	chunk->items++;
	chunk->elements += elements;
	b->queued += chunk->len - before;
	return 0;
}

size_t batch_first_bytes(const struct batch *b)
{
	return b->first == NULL ? 0 : b->first->len;
}

size_t batch_take(struct batch *b, char *out)
{
	struct batch_chunk *chunk = b->first;
	size_t items = chunk->items;

	memcpy(out, chunk->data, chunk->len);
	b->queued -= chunk->len;
	b->first = chunk->next;
	if (b->first == NULL)
		b->last = NULL;
	free(b->spare);
	b->spare = chunk;
	return items;
}
