/* Decoding and writing without memory: whichever allocation fails, the answer is an error, nothing
 * leaks, and the next message is read as if nothing had been. */
#include <jansson.h>

#include "edge/frame.h"
#include "link.pb-c.h"
#include "proto/codec.h"
#include "tests/sim/alloc.h"
#include "tests/unit/test.h"

enum { ENOUGH = 400 };

static const struct codec_bounds bounds = {.max_bytes = 1 << 16, .max_elements = 1000};

static size_t pack_batch(uint8_t *out, size_t size)
{
	Pb__UpSend send = PB__UP_SEND__INIT;
	Pb__UpWatch watch = PB__UP_WATCH__INIT;
	Pb__UpItem items[2] = {PB__UP_ITEM__INIT, PB__UP_ITEM__INIT};
	Pb__UpItem *list[] = {&items[0], &items[1]};
	static char content[20000];
	ProtobufCBinaryData users[] = {
		codec_bytes(SLICE_LITERAL("jim")), codec_bytes(SLICE_LITERAL("john"))};
	Pb__LinkUp up = PB__LINK_UP__INIT;

	memset(content, 'x', sizeof(content));
	send.to = codec_bytes(SLICE_LITERAL("john"));
	send.content = codec_bytes((struct slice){content, sizeof(content)});
	items[0].item_case = PB__UP_ITEM__ITEM_SEND;
	items[0].send = &send;
	watch.n_users = 2;
	watch.users = users;
	items[1].item_case = PB__UP_ITEM__ITEM_WATCH;
	items[1].watch = &watch;
	up.wire = WIRE_VERSION;
	up.n_items = 2;
	up.items = list;
	assert_true(pb__link_up__get_packed_size(&up) <= size);
	return pb__link_up__pack(&up, out);
}

static void a_batch_is_decoded_or_there_was_no_memory(void **state)
{
	static uint8_t bytes[32768];
	struct slice in = {(const char *)bytes, pack_batch(bytes, sizeof(bytes))};
	unsigned failures = 0;

	(void)state;
	for (unsigned n = 1;; n++) {
		struct arena *arena = NULL;
		ProtobufCMessage *out = NULL;
		enum codec_result result = CODEC_NO_MEMORY;
		unsigned failed;

		assert_true(n < ENOUGH);
		alloc_fail_at(n, false);
		if (arena_new(&arena, 1 << 20) == 0)
			result = codec_decode(&pb__link_up__descriptor, in, &bounds, arena, &out);
		failed = alloc_failed();
		alloc_fail_at(0, false);
		assert_int_equal(result, failed > 0 ? CODEC_NO_MEMORY : CODEC_OK);
		assert_true((out != NULL) == (failed == 0));
		if (failed > 0 && arena != NULL)
			assert_int_equal(
				codec_decode(&pb__link_up__descriptor, in, &bounds, arena, &out),
				CODEC_OK);
		arena_free(arena);
		failures += failed;
		if (failed == 0)
			break;
	}
	assert_true(failures >= 2);
}

static const char *const frames[] = {
	"{\"event\":\"chat\",\"mid\":\"01K\",\"data\":{\"toUserId\":7,\"message\":\"yo\"}}",
	"{\"event\":\"watch\",\"id\":\"a\",\"data\":{\"users\":[\"7\",9]}}",
	"{\"event\":\"push\",\"id\":1,\"data\":{\"event\":\"news\",\"data\":{\"a\":[1,2,{}]}}}",
	"{\"event\":\"heartbeat\",\"data\":{\"u\":122,\"s\":19}}",
	"{\"event\":\"sync\",\"id\":9,\"data\":{\"u\":118,\"s\":19}}",
	"{\"event\":\"typing\",\"data\":{\"toUserId\":7}}",
};

/* Memory that is short is the server's trouble, and never taken for another frame. */
static unsigned read_without(const char *text, unsigned n, bool for_ever)
{
	struct frame whole;
	struct frame f;
	struct frame_error want = frame_read(slice_of(text), &whole);
	struct frame_error got;
	unsigned failed;

	alloc_fail_at(n, for_ever);
	got = frame_read(slice_of(text), &f);
	failed = alloc_failed();
	alloc_fail_at(0, false);
	if (got.code == EX_NONE) {
		assert_int_equal(want.code, EX_NONE);
		assert_int_equal(f.event, whole.event);
		assert_true(slice_eq(f.message, whole.message));
		assert_true(slice_eq(f.to, whole.to));
		assert_true(slice_eq(f.mid, whole.mid));
		assert_true(slice_eq(f.id, whole.id));
		assert_int_equal(f.n_users, whole.n_users);
		assert_true(slice_eq(buf_slice(&f.data), buf_slice(&whole.data)));
	}
	frame_fini(&f);
	frame_fini(&whole);
	return failed;
}

static void a_frame_is_read_whole_or_refused(void **state)
{
	(void)state;
	json_set_alloc_funcs(alloc_malloc, free);
	for (size_t i = 0; i < 2 * sizeof(frames) / sizeof(frames[0]); i++) {
		unsigned n = 1;

		while (read_without(frames[i / 2], n, i % 2 == 1) > 0)
			assert_true(n++ < ENOUGH);
		assert_true(n > 3);
	}
	json_set_alloc_funcs(malloc, free);
}

static void a_frame_is_written_whole_or_the_buffer_has_failed(void **state)
{
	const struct frame_exception e = {.id = SLICE_LITERAL("7"),
		.code = EX_RATE_LIMITED,
		.field = SLICE_LITERAL("message")};

	(void)state;
	for (unsigned n = 1;; n++) {
		struct buf b;
		unsigned failed;

		assert_true(n < ENOUGH);
		buf_init(&b, 65536);
		alloc_fail_at(n, true);
		frame_write_exception(&b, &e);
		for (int i = 0; i < 200; i++)
			frame_write_heartbeat(&b, e.id, SLICE_LITERAL("42"), 1767225600000);
		failed = alloc_failed();
		alloc_fail_at(0, false);
		assert_true(b.failed == (failed > 0));
		buf_fini(&b);
		if (failed == 0)
			break;
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_batch_is_decoded_or_there_was_no_memory),
		cmocka_unit_test(a_frame_is_read_whole_or_refused),
		cmocka_unit_test(a_frame_is_written_whole_or_the_buffer_has_failed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
