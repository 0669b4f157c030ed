/* codec and arena: what the encoder writes comes back; what it would never write is refused,
 * unread. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "auth.pb-c.h"
#include "link.pb-c.h"
#include "proto/codec.h"
#include "proto/limits.h"
#include "tests/unit/test.h"

enum { MUTATIONS = 100000, ARENA_BYTES = 1 << 20 };

static const struct codec_bounds wide = {.max_bytes = 1 << 16, .max_elements = 1000};

static struct arena *arena;

static int start(void **state)
{
	(void)state;
	return arena_new(&arena, ARENA_BYTES);
}

static int stop(void **state)
{
	(void)state;
	arena_free(arena);
	return 0;
}

static enum codec_result decode(
	const ProtobufCMessageDescriptor *desc, const void *data, size_t len)
{
	/* A copy of just the size, so that reading past it is seen. */
	char *copy = malloc(len == 0 ? 1 : len);
	ProtobufCMessage *out = NULL;
	enum codec_result result;

	assert_non_null(copy);
	if (len > 0)
		memcpy(copy, data, len);
	result = codec_decode(desc, (struct slice){copy, len}, &wide, arena, &out);
	assert_true((result == CODEC_OK) == (out != NULL));
	free(copy);
	return result;
}

#define DECODE_UP(literal) decode(&pb__link_up__descriptor, literal, sizeof(literal) - 1)

/* A batch with a bit of everything; 0 bytes of out are touched when it does not fit. */
static size_t pack_batch(uint8_t *out, size_t size)
{
	Pb__UpSend send = PB__UP_SEND__INIT;
	Pb__UpOpen open = PB__UP_OPEN__INIT;
	Pb__UpWatch watch = PB__UP_WATCH__INIT;
	Pb__UpAway away = PB__UP_AWAY__INIT;
	Pb__UpItem items[4] = {
		PB__UP_ITEM__INIT, PB__UP_ITEM__INIT, PB__UP_ITEM__INIT, PB__UP_ITEM__INIT};
	Pb__UpItem *list[] = {&items[0], &items[1], &items[2], &items[3]};
	ProtobufCBinaryData users[] = {
		codec_bytes(SLICE_LITERAL("jim")), codec_bytes(SLICE_LITERAL("john"))};
	Pb__LinkUp up = PB__LINK_UP__INIT;

	send.session = UINT64_MAX;
	send.ref = 300;
	send.to = codec_bytes(SLICE_LITERAL("john"));
	send.content = codec_bytes(SLICE_LITERAL("hello\n"));
	items[0].item_case = PB__UP_ITEM__ITEM_SEND;
	items[0].send = &send;
	open.nonce = 7;
	open.ticket = codec_bytes(SLICE_LITERAL("TKT1........"));
	open.dialect = PB__DIALECT__DIALECT_PLAIN;
	open.reopen = 1;
	items[1].item_case = PB__UP_ITEM__ITEM_OPEN;
	items[1].open = &open;
	watch.n_users = 2;
	watch.users = users;
	items[2].item_case = PB__UP_ITEM__ITEM_WATCH;
	items[2].watch = &watch;
	items[3].item_case = PB__UP_ITEM__ITEM_AWAY;
	items[3].away = &away;
	up.wire = WIRE_VERSION;
	up.number = 1;
	up.key = codec_bytes(SLICE_LITERAL("0123456789abcdef"));
	up.n_items = 4;
	up.items = list;
	assert_true(pb__link_up__get_packed_size(&up) <= size);
	return pb__link_up__pack(&up, out);
}

static size_t pack_delivery(uint8_t *out, size_t size)
{
	uint64_t sessions[] = {1, 2, UINT64_MAX};
	Pb__DownDeliver deliver = PB__DOWN_DELIVER__INIT;
	Pb__DownItem item = PB__DOWN_ITEM__INIT;
	Pb__DownItem *list[] = {&item};
	Pb__LinkDown down = PB__LINK_DOWN__INIT;

	deliver.n_sessions = 3;
	deliver.sessions = sessions;
	deliver.text = codec_bytes(SLICE_LITERAL("{\"event\":\"chat\""));
	item.item_case = PB__DOWN_ITEM__ITEM_DELIVER;
	item.deliver = &deliver;
	down.wire = 1;
	down.n_items = 1;
	down.items = list;
	assert_true(pb__link_down__get_packed_size(&down) <= size);
	return pb__link_down__pack(&down, out);
}

static void a_batch_comes_back_as_it_was_packed(void **state)
{
	uint8_t bytes[512];
	struct slice in = {(const char *)bytes, pack_batch(bytes, sizeof(bytes))};
	ProtobufCMessage *out = NULL;
	const Pb__LinkUp *up;

	(void)state;
	assert_int_equal(codec_decode(&pb__link_up__descriptor, in, &wide, arena, &out), CODEC_OK);
	memset(bytes, 0, sizeof(bytes)); /* nothing points into it */
	up = (const Pb__LinkUp *)out;
	assert_int_equal(up->n_items, 4);
	assert_true(up->items[0]->send->session == UINT64_MAX);
	assert_true(slice_is(codec_slice(up->items[0]->send->content), "hello\n"));
	assert_int_equal(up->items[1]->open->dialect, PB__DIALECT__DIALECT_PLAIN);
	assert_int_equal(up->items[2]->watch->n_users, 2);
	assert_true(slice_is(codec_slice(up->items[2]->watch->users[1]), "john"));
	assert_int_equal(up->items[3]->away->away, 0);
	assert_true(slice_is(codec_slice(up->key), "0123456789abcdef"));
}

static void an_empty_message_is_a_message(void **state)
{
	(void)state;
	assert_int_equal(decode(&pb__link_up__descriptor, "", 0), CODEC_OK);
	assert_int_equal(DECODE_UP("\x2a\x00"), CODEC_OK); /* an item without a case */
}

static void every_truncation_is_refused_or_shorter(void **state)
{
	uint8_t bytes[512];
	size_t len = pack_batch(bytes, sizeof(bytes));
	unsigned good = 0;

	(void)state;
	for (size_t n = 0; n < len; n++) {
		enum codec_result result = decode(&pb__link_up__descriptor, bytes, n);

		assert_true(result == CODEC_OK || result == CODEC_MALFORMED);
		good += result == CODEC_OK;
	}
	/* Only between two fields of the batch itself: nothing, wire, key, number, three items. */
	assert_int_equal(good, 7);
}

static void fields_that_the_schema_does_not_have_are_refused(void **state)
{
	(void)state;
	assert_int_equal(DECODE_UP("\x08\x01\x30\x01"), CODEC_UNKNOWN);		/* field 6 */
	assert_int_equal(DECODE_UP("\x2a\x02\x78\x00"), CODEC_UNKNOWN);		/* of an item, 15 */
	assert_int_equal(DECODE_UP("\xf8\xff\xff\xff\x0f\x00"), CODEC_UNKNOWN); /* 2^29 - 1 */
}

static void what_the_encoder_never_writes_is_malformed(void **state)
{
	const struct {
		const char *what;
		struct slice in;
	} table[] = {
		{"field 0", SLICE_LITERAL("\x00\x01")},
		{"a tag over 32 bits", SLICE_LITERAL("\x88\x80\x80\x80\x10\x01")},
		{"a tag that is too long", SLICE_LITERAL("\x88\x00\x01")},
		{"a group", SLICE_LITERAL("\x0b\x0c")},
		{"the end of a group", SLICE_LITERAL("\x0c")},
		{"wire type 6", SLICE_LITERAL("\x0e")},
		{"a number as bytes", SLICE_LITERAL("\x0a\x01\x01")},
		{"bytes as a number", SLICE_LITERAL("\x10\x01")},
		{"a number without its value", SLICE_LITERAL("\x08")},
		{"a number cut off", SLICE_LITERAL("\x08\x80")},
		{"a number that is too long", SLICE_LITERAL("\x08\x81\x00")},
		{"a number over 64 bits",
			SLICE_LITERAL("\x18\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02")},
		{"a number of 11 bytes",
			SLICE_LITERAL("\x18\xff\xff\xff\xff\xff\xff\xff\xff\xff\x81\x00")},
		{"a uint32 over 32 bits", SLICE_LITERAL("\x08\x80\x80\x80\x80\x10")},
		{"a length beyond the end", SLICE_LITERAL("\x12\x02x")},
		{"a length of 2^64 - 1",
			SLICE_LITERAL("\x12\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01x")},
		{"a bool of 2", SLICE_LITERAL("\x2a\x04\x3a\x02\x10\x02")},
		{"an enum over 32 bits",
			SLICE_LITERAL("\x2a\x09\x0a\x07\x20\x80\x80\x80\x80\x80\x01")},
		{"half a fixed64", SLICE_LITERAL("\x2a\x05\x12\x03\x09\x01\x02")},
		{"a field given twice", SLICE_LITERAL("\x08\x01\x08\x01")},
		{"a oneof given twice", SLICE_LITERAL("\x2a\x04\x12\x00\x12\x00")},
		{"two of a oneof", SLICE_LITERAL("\x2a\x04\x12\x00\x1a\x00")},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
		if (decode(&pb__link_up__descriptor, table[i].in.data, table[i].in.len) !=
			CODEC_MALFORMED)
			fail_msg("%s is taken", table[i].what);
}

static void the_bound_on_bytes_is_exact(void **state)
{
	uint8_t bytes[512];
	struct slice in = {(const char *)bytes, pack_batch(bytes, sizeof(bytes))};
	struct codec_bounds bounds = {.max_bytes = in.len, .max_elements = 100};
	ProtobufCMessage *out;

	(void)state;
	assert_int_equal(
		codec_decode(&pb__link_up__descriptor, in, &bounds, arena, &out), CODEC_OK);
	bounds.max_bytes--;
	assert_int_equal(
		codec_decode(&pb__link_up__descriptor, in, &bounds, arena, &out), CODEC_TOO_LARGE);
}

static void the_bound_on_elements_is_exact(void **state)
{
	uint8_t bytes[512];
	struct slice in = {(const char *)bytes, pack_batch(bytes, sizeof(bytes))};
	/* the batch, 4 items, 4 of their cases, 2 users */
	struct codec_bounds bounds = {.max_bytes = 512, .max_elements = 11};
	ProtobufCMessage *out;

	(void)state;
	assert_int_equal(
		codec_decode(&pb__link_up__descriptor, in, &bounds, arena, &out), CODEC_OK);
	bounds.max_elements--;
	assert_int_equal(
		codec_decode(&pb__link_up__descriptor, in, &bounds, arena, &out), CODEC_TOO_LARGE);

	in.len = pack_delivery(bytes, sizeof(bytes));
	bounds.max_elements = 6; /* the batch, the item, the delivery, 3 packed sessions */
	assert_int_equal(
		codec_decode(&pb__link_down__descriptor, in, &bounds, arena, &out), CODEC_OK);
	bounds.max_elements--;
	assert_int_equal(codec_decode(&pb__link_down__descriptor, in, &bounds, arena, &out),
		CODEC_TOO_LARGE);
}

/* A schema that nests in itself: message M { M m = 1; } */
static const ProtobufCMessageDescriptor nested;
struct nest {
	ProtobufCMessage base;
	struct nest *m;
};
static const ProtobufCFieldDescriptor nested_fields[] = {{
	.name = "m",
	.id = 1,
	.label = PROTOBUF_C_LABEL_NONE,
	.type = PROTOBUF_C_TYPE_MESSAGE,
	.offset = offsetof(struct nest, m),
	.descriptor = &nested,
}};
static const unsigned nested_names[] = {0};
static const ProtobufCIntRange nested_ranges[] = {{1, 0}, {0, 1}};
static const ProtobufCMessageDescriptor nested = {
	.magic = PROTOBUF_C__MESSAGE_DESCRIPTOR_MAGIC,
	.name = "M",
	.short_name = "M",
	.c_name = "M",
	.package_name = "",
	.sizeof_message = sizeof(struct nest),
	.n_fields = 1,
	.fields = nested_fields,
	.fields_sorted_by_name = nested_names,
	.n_field_ranges = 1,
	.field_ranges = nested_ranges,
};

static void the_bound_on_depth_is_exact(void **state)
{
	uint8_t bytes[2 * (CODEC_MAX_DEPTH + 1)];

	(void)state;
	for (unsigned depth = 1; depth <= CODEC_MAX_DEPTH + 1; depth++) {
		unsigned inner = depth - 1; /* messages within the first */

		for (unsigned i = 0; i < inner; i++) {
			bytes[2 * i] = 0x0a;
			bytes[2 * i + 1] = (uint8_t)(2 * (inner - i - 1));
		}
		assert_int_equal(decode(&nested, bytes, 2 * inner),
			depth <= CODEC_MAX_DEPTH ? CODEC_OK : CODEC_TOO_LARGE);
	}
}

static void an_arena_that_is_too_small_is_no_memory_and_can_be_used_again(void **state)
{
	uint8_t bytes[512];
	struct slice in = {(const char *)bytes, pack_batch(bytes, sizeof(bytes))};
	struct arena *small;
	ProtobufCMessage *out;
	unsigned failed = 0;

	(void)state;
	for (size_t max = 0; max < 4096; max += 8) {
		assert_int_equal(arena_new(&small, max), 0);
		for (unsigned again = 0; again < 2; again++) {
			enum codec_result result =
				codec_decode(&pb__link_up__descriptor, in, &wide, small, &out);

			assert_true(result == CODEC_OK || result == CODEC_NO_MEMORY);
			failed += result == CODEC_NO_MEMORY;
			assert_int_equal(codec_decode(&pb__link_up__descriptor,
						 (struct slice){"\x0b", 1}, &wide, small, &out),
				CODEC_MALFORMED);
		}
		arena_free(small);
	}
	assert_true(failed > 0 && failed < 1000);
}

static void the_arena_keeps_to_its_bound_and_aligns(void **state)
{
	struct arena *a;

	(void)state;
	assert_int_equal(arena_new(&a, 100000), 0);
	for (unsigned round = 0; round < 3; round++) {
		size_t total = 0;
		char *p;

		for (size_t n = 1; (p = arena_alloc(a, n)) != NULL; n = n * 7 % 301 + 1) {
			assert_int_equal((uintptr_t)p % 16, 0);
			memset(p, 0xff, n);
			total += n;
			assert_true(total <= 100000);
		}
		assert_true(total > 50000);
		arena_reset(a);
	}
	assert_null(arena_alloc(a, 100001));
	assert_null(arena_alloc(a, SIZE_MAX));
	assert_non_null(arena_alloc(a, 0));
	arena_free(a);
	arena_free(NULL);
}

/* xorshift64: the same run each time */
static uint64_t draw(uint64_t *seed)
{
	*seed ^= *seed << 13;
	*seed ^= *seed >> 7;
	*seed ^= *seed << 17;
	return *seed;
}

static size_t mutate(uint8_t *bytes, size_t len, size_t size, uint64_t *seed)
{
	for (uint64_t n = draw(seed) % 4 + 1; n > 0; n--) {
		size_t at = (size_t)(draw(seed) % len);

		switch (draw(seed) % 5) {
		case 0:
			bytes[at] ^= (uint8_t)(1u << draw(seed) % 8);
			break;
		case 1:
			bytes[at] = (uint8_t)draw(seed);
			break;
		case 2:
			bytes[at] = 0xff;
			break;
		case 3: /* leave one out */
			if (len > 1)
				memmove(bytes + at, bytes + at + 1, --len - at);
			break;
		default: /* say one twice */
			if (len < size)
				memmove(bytes + at + 1, bytes + at, len++ - at);
			break;
		}
	}
	return len;
}

/* What is taken must be what the encoder would write of it, in some order of fields. */
static bool packs_to(const ProtobufCMessage *m, size_t len)
{
	size_t n = protobuf_c_message_get_packed_size(m);
	uint8_t *again = malloc(n + 1);
	bool ok;

	assert_non_null(again);
	ok = n <= len && protobuf_c_message_pack(m, again) == n;
	free(again);
	return ok;
}

static void mutations_are_refused_or_well_formed(void **state)
{
	static const ProtobufCMessageDescriptor *const descs[] = {&pb__link_up__descriptor,
		&pb__link_down__descriptor, &pb__auth_request__descriptor};
	uint64_t seed = 1;
	unsigned taken = 0;

	(void)state;
	for (unsigned i = 0; i < MUTATIONS; i++) {
		uint8_t bytes[512];
		size_t len = i % 2 == 0 ? pack_batch(bytes, sizeof(bytes))
					: pack_delivery(bytes, sizeof(bytes));
		const ProtobufCMessageDescriptor *desc = i % 16 == 15 ? descs[2] : descs[i % 2];
		ProtobufCMessage *out = NULL;
		uint8_t *copy;

		len = mutate(bytes, len, sizeof(bytes), &seed);
		copy = malloc(len);
		assert_non_null(copy);
		memcpy(copy, bytes, len);
		if (codec_decode(desc, (struct slice){(char *)copy, len}, &wide, arena, &out) ==
			CODEC_OK) {
			taken++;
			assert_true(packs_to(out, len));
		}
		free(copy);
	}
	assert_true(taken > MUTATIONS / 100 && taken < MUTATIONS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_batch_comes_back_as_it_was_packed),
		cmocka_unit_test(an_empty_message_is_a_message),
		cmocka_unit_test(every_truncation_is_refused_or_shorter),
		cmocka_unit_test(fields_that_the_schema_does_not_have_are_refused),
		cmocka_unit_test(what_the_encoder_never_writes_is_malformed),
		cmocka_unit_test(the_bound_on_bytes_is_exact),
		cmocka_unit_test(the_bound_on_elements_is_exact),
		cmocka_unit_test(the_bound_on_depth_is_exact),
		cmocka_unit_test(an_arena_that_is_too_small_is_no_memory_and_can_be_used_again),
		cmocka_unit_test(the_arena_keeps_to_its_bound_and_aligns),
		cmocka_unit_test(mutations_are_refused_or_well_formed),
	};

	return cmocka_run_group_tests(tests, start, stop);
}
