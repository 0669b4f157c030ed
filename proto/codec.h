/*
 * codec: protobuf-c messages to and from the bytes that processes exchange, with bounds.
 *
 * Decoding checks before it allocates: total size, depth, number of elements, every field known and
 * of its declared wire type, no trailing bytes.  Then protobuf-c unpacks into the caller's arena.
 * A decoded message lives in the arena until the next codec_decode() or arena_reset() on it.
 * Pure; any thread, one arena per thread.
 */
#ifndef POSTERN_PROTO_CODEC_H
#define POSTERN_PROTO_CODEC_H

#include <protobuf-c/protobuf-c.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/slice.h"
#include "proto/limits.h"

struct arena;

/* Owned *out, growing up to max_bytes in blocks that are kept for reuse.  0 or -ENOMEM. */
int arena_new(struct arena **out, size_t max_bytes);
void arena_free(struct arena *a);
/* Forgets everything that was allocated; keeps one block. */
void arena_reset(struct arena *a);
/* Aligned for any type, uninitialised, freed by reset.  NULL: out of memory or over max_bytes. */
void *arena_alloc(struct arena *a, size_t bytes);
static inline void arena_freep(struct arena **a)
{
	arena_free(*a);
}

struct codec_bounds {
	size_t max_bytes;
	size_t max_elements; /* messages and repeated scalars, all levels together */
};

enum codec_result {
	CODEC_OK,
	CODEC_TOO_LARGE, /* bytes, elements or depth */
	CODEC_MALFORMED, /* not protobuf, a wrong wire type, a truncated or over-long field */
	CODEC_UNKNOWN,	 /* a field that the schema does not have */
	CODEC_NO_MEMORY,
};

/*
 * Resets the arena, then decodes in into it.  *out is borrowed from the arena; cast it to the type
 * of desc.  bytes fields point into the arena, not into in.
 */
enum codec_result codec_decode(const ProtobufCMessageDescriptor *desc, struct slice in,
	const struct codec_bounds *bounds, struct arena *arena, ProtobufCMessage **out);

/* Whether messages of this wire version are understood: ours, or the one before. */
static inline bool wire_is_known(uint32_t wire)
{
	return wire >= WIRE_VERSION_OLDEST && wire <= WIRE_VERSION;
}

/*
 * The same for a message that says the lowest version that has everything in it: a request to auth,
 * the router's trust socket, what is published.  A process of the version before may say even less
 * than that version.
 */
static inline bool wire_lowest_is_known(uint32_t wire)
{
	return wire >= 1 && wire <= WIRE_VERSION;
}

/* A bytes field of a decoded message as a slice, and a slice as a bytes field (borrowed both ways).
 */
static inline struct slice codec_slice(ProtobufCBinaryData b)
{
	return (struct slice){(const char *)b.data, b.len};
}
static inline ProtobufCBinaryData codec_bytes(struct slice s)
{
	return (ProtobufCBinaryData){.len = s.len, .data = (uint8_t *)(uintptr_t)s.data};
}

#endif
