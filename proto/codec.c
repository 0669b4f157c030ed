/*
 * protobuf-c trusts its input further than we do: it allocates what a length asks for before it has
 * looked at the rest, keeps unknown fields, and merges what is given twice.  So the bytes are
 * walked first, against the schema, without allocating: every bound and every rule is checked
 * there, and protobuf-c then unpacks bytes that are known to be good, into the caller's arena.
 *
 * Stricter than protobuf: a field that is not repeated, and a oneof, may be given once only;
 * integers must be in their type's range; a bool is 0 or 1.  Our own encoder never writes anything
 * else.
 */
#include "proto/codec.h"

#include <assert.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "common/buf.h"
#include "proto/limits.h"

enum { TAG_TYPE_BITS = 3, TAG_TYPE_MASK = 7, VARINT_MAX_BYTES = 10 };

struct scan {
	const uint8_t *at;
	const uint8_t *end;
	size_t elements; /* left, of all levels */
};

static enum codec_result scan_message(
	struct scan *s, const ProtobufCMessageDescriptor *desc, unsigned depth);

static size_t left(const struct scan *s)
{
	return (size_t)(s->end - s->at);
}

/* At most 64 bits, in the shortest form: protobuf-c takes fewer bytes than 10 for tags and lengths.
 */
static bool read_varint(struct scan *s, uint64_t *out)
{
	uint64_t value = 0;

	for (unsigned i = 0; i < VARINT_MAX_BYTES && s->at < s->end; i++) {
		uint8_t byte = *s->at++;

		if ((i == VARINT_MAX_BYTES - 1 && byte > 1) || (i > 0 && byte == 0))
			return false;
		value |= (uint64_t)(byte & 0x7f) << (7 * i);
		if (byte < 0x80) {
			*out = value;
			return true;
		}
	}
	return false;
}

static bool skip(struct scan *s, size_t bytes)
{
	if (bytes > left(s))
		return false;
	s->at += bytes;
	return true;
}

static ProtobufCWireType wire_type(ProtobufCType type)
{
	switch (type) {
	case PROTOBUF_C_TYPE_SFIXED32:
	case PROTOBUF_C_TYPE_FIXED32:
	case PROTOBUF_C_TYPE_FLOAT:
		return PROTOBUF_C_WIRE_TYPE_32BIT;
	case PROTOBUF_C_TYPE_SFIXED64:
	case PROTOBUF_C_TYPE_FIXED64:
	case PROTOBUF_C_TYPE_DOUBLE:
		return PROTOBUF_C_WIRE_TYPE_64BIT;
	case PROTOBUF_C_TYPE_STRING:
	case PROTOBUF_C_TYPE_BYTES:
	case PROTOBUF_C_TYPE_MESSAGE:
		return PROTOBUF_C_WIRE_TYPE_LENGTH_PREFIXED;
	case PROTOBUF_C_TYPE_INT32:
	case PROTOBUF_C_TYPE_SINT32:
	case PROTOBUF_C_TYPE_UINT32:
	case PROTOBUF_C_TYPE_INT64:
	case PROTOBUF_C_TYPE_SINT64:
	case PROTOBUF_C_TYPE_UINT64:
	case PROTOBUF_C_TYPE_BOOL:
	case PROTOBUF_C_TYPE_ENUM:
		break;
	}
	return PROTOBUF_C_WIRE_TYPE_VARINT;
}

/* protobuf-c would cut what does not fit. */
static bool in_range(ProtobufCType type, uint64_t v)
{
	if (type == PROTOBUF_C_TYPE_BOOL)
		return v <= 1;
	if (type == PROTOBUF_C_TYPE_UINT32 || type == PROTOBUF_C_TYPE_SINT32)
		return v <= UINT32_MAX;
	if (type == PROTOBUF_C_TYPE_INT32 || type == PROTOBUF_C_TYPE_ENUM)
		return v <= INT32_MAX || v >= (uint64_t)INT32_MIN;
	return true;
}

static bool skip_scalar(struct scan *s, ProtobufCType type)
{
	uint64_t v;

	switch (wire_type(type)) {
	case PROTOBUF_C_WIRE_TYPE_VARINT:
		return read_varint(s, &v) && in_range(type, v);
	case PROTOBUF_C_WIRE_TYPE_64BIT:
		return skip(s, 8);
	case PROTOBUF_C_WIRE_TYPE_32BIT:
		return skip(s, 4);
	case PROTOBUF_C_WIRE_TYPE_LENGTH_PREFIXED:
		break;
	}
	return false;
}

static bool count(struct scan *s)
{
	if (s->elements == 0)
		return false;
	s->elements--;
	return true;
}

/* Reads a length and narrows *inner to the bytes that it announces; s goes on behind them. */
static bool open_field(struct scan *s, struct scan *inner)
{
	uint64_t len;

	if (!read_varint(s, &len) || len > left(s))
		return false;
	inner->at = s->at;
	inner->end = s->at + len;
	s->at += len;
	return true;
}

static enum codec_result scan_packed(struct scan *s, ProtobufCType type)
{
	struct scan inner = {.elements = 0};

	if (!open_field(s, &inner))
		return CODEC_MALFORMED;
	while (inner.at < inner.end) {
		if (!count(s))
			return CODEC_TOO_LARGE;
		if (!skip_scalar(&inner, type))
			return CODEC_MALFORMED;
	}
	return CODEC_OK;
}

static enum codec_result scan_nested(
	struct scan *s, const ProtobufCFieldDescriptor *field, unsigned depth)
{
	struct scan inner = {.elements = 0};
	enum codec_result result;

	if (!open_field(s, &inner))
		return CODEC_MALFORMED;
	inner.elements = s->elements;
	result = scan_message(&inner, field->descriptor, depth + 1);
	s->elements = inner.elements;
	return result;
}

static enum codec_result scan_text(struct scan *s, bool is_string)
{
	struct scan inner = {.elements = 0};
	struct slice text;

	if (!open_field(s, &inner))
		return CODEC_MALFORMED;
	text = (struct slice){(const char *)inner.at, left(&inner)};
	if (is_string && (!utf8_is_valid(text) || memchr(text.data, 0, text.len) != NULL))
		return CODEC_MALFORMED;
	return CODEC_OK;
}

static enum codec_result scan_value(
	struct scan *s, const ProtobufCFieldDescriptor *field, uint64_t wire, unsigned depth)
{
	bool repeated = field->label == PROTOBUF_C_LABEL_REPEATED;
	bool is_scalar = wire_type(field->type) != PROTOBUF_C_WIRE_TYPE_LENGTH_PREFIXED;

	if (is_scalar && repeated && wire == PROTOBUF_C_WIRE_TYPE_LENGTH_PREFIXED)
		return scan_packed(s, field->type);
	if (wire != (uint64_t)wire_type(field->type))
		return CODEC_MALFORMED;
	if (field->type == PROTOBUF_C_TYPE_MESSAGE)
		return scan_nested(s, field, depth);
	if (repeated && !count(s))
		return CODEC_TOO_LARGE;
	if (!is_scalar)
		return scan_text(s, field->type == PROTOBUF_C_TYPE_STRING);
	return skip_scalar(s, field->type) ? CODEC_OK : CODEC_MALFORMED;
}

/* Whether field, or another of its oneof, was there already; notes that it is. */
static bool is_again(const ProtobufCMessageDescriptor *desc, const ProtobufCFieldDescriptor *field,
	uint64_t *seen)
{
	uint64_t mine = UINT64_C(1) << (field - desc->fields);
	uint64_t before = *seen;

	if (field->label == PROTOBUF_C_LABEL_REPEATED)
		return false;
	*seen |= mine;
	if (before == 0)
		return false;
	if ((before & mine) != 0)
		return true;
	if ((field->flags & PROTOBUF_C_FIELD_FLAG_ONEOF) == 0)
		return false;
	for (unsigned i = 0; i < desc->n_fields; i++) {
		const ProtobufCFieldDescriptor *other = &desc->fields[i];

		if ((before >> i & 1) != 0 && (other->flags & PROTOBUF_C_FIELD_FLAG_ONEOF) != 0 &&
			other->quantifier_offset == field->quantifier_offset)
			return true;
	}
	return false;
}

static enum codec_result scan_message(
	struct scan *s, const ProtobufCMessageDescriptor *desc, unsigned depth)
{
	uint64_t seen = 0;

	assert(desc->n_fields <= 64);
	if (depth > CODEC_MAX_DEPTH || !count(s))
		return CODEC_TOO_LARGE;
	while (s->at < s->end) {
		const ProtobufCFieldDescriptor *field;
		enum codec_result result;
		uint64_t tag;

		if (!read_varint(s, &tag) || tag > UINT32_MAX || tag >> TAG_TYPE_BITS == 0)
			return CODEC_MALFORMED;
		field = protobuf_c_message_descriptor_get_field(
			desc, (unsigned)(tag >> TAG_TYPE_BITS));
		if (field == NULL)
			return CODEC_UNKNOWN;
		if (is_again(desc, field, &seen))
			return CODEC_MALFORMED;
		result = scan_value(s, field, tag & TAG_TYPE_MASK, depth);
		if (result != CODEC_OK)
			return result;
	}
	return CODEC_OK;
}

static void *alloc_in_arena(void *arena, size_t bytes)
{
	return arena_alloc(arena, bytes);
}

static void free_in_arena(void *arena, void *p)
{
	(void)arena;
	(void)p;
}

enum codec_result codec_decode(const ProtobufCMessageDescriptor *desc, struct slice in,
	const struct codec_bounds *bounds, struct arena *arena, ProtobufCMessage **out)
{
	ProtobufCAllocator allocator = {alloc_in_arena, free_in_arena, arena};
	static const uint8_t nothing[1];
	const uint8_t *data = in.len == 0 ? nothing : (const uint8_t *)in.data;
	struct scan s = {data, data + in.len, bounds->max_elements};
	enum codec_result result;

	arena_reset(arena);
	if (in.len > bounds->max_bytes)
		return CODEC_TOO_LARGE;
	result = scan_message(&s, desc, 1);
	if (result != CODEC_OK)
		return result;
	/* What was scanned is well formed, so the arena is the only thing that can be in the way.
	 */
	*out = protobuf_c_message_unpack(desc, &allocator, in.len, data);
	return *out == NULL ? CODEC_NO_MEMORY : CODEC_OK;
}
