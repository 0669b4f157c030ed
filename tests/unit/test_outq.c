/* The queue of one connection, and the frames in it. */
#include <stdio.h>
#include <stdlib.h>

#include "edge/outq.h"
#include "tests/unit/test.h"

#define PLENTY 1000000

static const struct slice nothing = {NULL, 0};

/* A frame of n bytes in all, 2..127. */
static struct wire *frame_of(size_t n, bool shed)
{
	static const char text[126];

	return wire_new_text((struct slice){text, n - 2}, nothing, shed);
}

static void put(struct outq *q, size_t n, bool shed, enum outq_result expected)
{
	struct wire *w = frame_of(n, shed);

	assert_int_equal(outq_put(q, w, 1000), expected);
	wire_unref(w);
}

static void a_text_frame_has_the_shortest_header_and_no_mask(void **state)
{
	static char big[70000];
	static const struct {
		size_t len;
		unsigned char head[10];
		size_t head_len;
	} rows[] = {
		{0, {0x81, 0}, 2},
		{1, {0x81, 1}, 2},
		{125, {0x81, 125}, 2},
		{126, {0x81, 126, 0, 126}, 4},
		{65535, {0x81, 126, 0xff, 0xff}, 4},
		{65536, {0x81, 127, 0, 0, 0, 0, 0, 1, 0, 0}, 10},
		{70000, {0x81, 127, 0, 0, 0, 0, 0, 1, 0x11, 0x70}, 10},
	};

	(void)state;
	memset(big, 'x', sizeof(big));
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct wire *w = wire_new_text((struct slice){big, rows[i].len}, nothing, false);

		assert_non_null(w);
		assert_int_equal(w->len, rows[i].head_len + rows[i].len);
		assert_memory_equal(w->bytes, rows[i].head, rows[i].head_len);
		for (size_t j = rows[i].head_len; j < w->len; j++)
			assert_int_equal(w->bytes[j], 'x');
		wire_unref(w);
	}
}

static void a_frame_is_its_head_and_its_tail(void **state)
{
	struct wire *w = wire_new_text(SLICE_LITERAL("{\"a\":1"), SLICE_LITERAL("}"), true);

	(void)state;
	assert_int_equal(w->len, 9);
	assert_memory_equal(w->bytes, "\x81\x07{\"a\":1}", 9);
	assert_true(w->shed);
	wire_unref(w);
	w = wire_new_ping(SLICE_LITERAL("-"));
	assert_int_equal(w->len, 3);
	assert_memory_equal(w->bytes, "\x89\x01-", 3);
	wire_unref(w);
	w = wire_new_close(4202, SLICE_LITERAL("drain"));
	assert_int_equal(w->len, 9);
	assert_memory_equal(w->bytes,
		"\x88\x07\x10\x6a"
		"drain",
		9);
	wire_unref(w);
}

static void many_queues_share_one_frame(void **state)
{
	struct wire *w = frame_of(50, false);
	struct outq q[100] = {0};
	struct iovec iov[2];
	struct slice rest;

	(void)state;
	for (int i = 0; i < 100; i++)
		assert_int_equal(outq_put(&q[i], w, PLENTY), OUTQ_QUEUED);
	assert_int_equal(w->refs, 101);
	for (int i = 0; i < 100; i++) {
		assert_int_equal(outq_gather(&q[i], iov, 2), 1);
		assert_ptr_equal(iov[0].iov_base, w->bytes);
		if (i % 2 == 0)
			assert_null(outq_advance(&q[i], 50, &rest));
		else
			outq_clear(&q[i]);
	}
	assert_int_equal(w->refs, 1);
	wire_unref(w);
}

static void frames_leave_in_the_order_they_came(void **state)
{
	struct outq q = {0};
	size_t in = 0;
	size_t out = 0;

	(void)state;
	/* Uneven steps, so that the ring grows while its head is anywhere. */
	for (size_t round = 0; round < 300; round++) {
		struct iovec iov[64];
		struct slice rest;
		size_t take = round % 5;
		int n;

		for (size_t i = 0; i < round % 7; i++, in++) {
			char text[32];
			struct wire *w;

			snprintf(text, sizeof(text), "%zu", in);
			w = wire_new_text(slice_of(text), nothing, false);
			assert_int_equal(outq_put(&q, w, PLENTY), OUTQ_QUEUED);
			wire_unref(w);
		}
		n = outq_gather(&q, iov, (int)take);
		for (int i = 0; i < n; i++, out++) {
			char text[32] = {0};

			memcpy(text, (char *)iov[i].iov_base + 2, iov[i].iov_len - 2);
			assert_int_equal(atol(text), out);
			assert_null(outq_advance(&q, iov[i].iov_len, &rest));
		}
	}
	assert_true(in - out == q.count && q.count > 0);
	outq_clear(&q);
	assert_int_equal(q.bytes, 0);
	assert_null(q.many);
}

static void every_split_of_a_write_is_accounted_for(void **state)
{
	(void)state;
	/* Three frames of 10, 20 and 30 bytes; the socket takes any number of them. */
	for (size_t taken = 0; taken <= 60; taken++) {
		struct outq q = {0};
		struct slice rest = nothing;
		struct wire *partial;
		size_t whole = taken >= 60 ? 3 : taken >= 30 ? 2 : taken >= 10 ? 1 : 0;
		size_t starts[] = {0, 10, 30, 60};
		size_t sizes[] = {10, 20, 30, 0};

		put(&q, 10, false, OUTQ_QUEUED);
		put(&q, 20, false, OUTQ_QUEUED);
		put(&q, 30, false, OUTQ_QUEUED);
		partial = outq_advance(&q, taken, &rest);
		if (taken == starts[whole]) {
			assert_null(partial);
			assert_int_equal(q.count, 3 - whole);
			assert_int_equal(q.bytes, 60 - taken);
		} else {
			assert_non_null(partial);
			assert_int_equal(q.count, 2 - whole);
			assert_int_equal(q.bytes, 60 - starts[whole + 1]);
			assert_int_equal(rest.len, sizes[whole] - (taken - starts[whole]));
			assert_ptr_equal(rest.data, partial->bytes + (taken - starts[whole]));
			wire_unref(partial);
		}
		outq_clear(&q);
	}
}

static void ephemeral_frames_are_dropped_first(void **state)
{
	struct outq q = {0};

	(void)state;
	for (int i = 0; i < 5; i++) {
		put(&q, 100, true, OUTQ_QUEUED);
		put(&q, 100, false, OUTQ_QUEUED);
	}
	assert_int_equal(q.bytes, 1000);
	put(&q, 100, false, OUTQ_QUEUED);
	assert_int_equal(q.count, 6);
	assert_int_equal(q.bytes, 600);
	for (uint32_t i = 0; i < q.count; i++) {
		struct iovec iov[6];

		assert_int_equal(outq_gather(&q, iov, 6), 6);
		assert_false(((struct wire *)(void *)((char *)iov[i].iov_base -
						      offsetof(struct wire, bytes)))
				     ->shed);
	}
	outq_clear(&q);
}

static void an_empty_queue_takes_any_frame(void **state)
{
	static const char text[5000];
	struct wire *large = wire_new_text((struct slice){text, sizeof(text)}, nothing, false);
	struct outq q = {0};

	(void)state;
	assert_int_equal(outq_put(&q, large, 1000), OUTQ_QUEUED);
	put(&q, 100, false, OUTQ_FULL);
	outq_clear(&q);
	put(&q, 100, true, OUTQ_QUEUED);
	assert_int_equal(outq_put(&q, large, 1000), OUTQ_QUEUED);
	assert_int_equal(q.count, 1);
	outq_clear(&q);
	wire_unref(large);
}

static void over_the_bound_lasting_frames_are_refused_and_ephemeral_ones_dropped(void **state)
{
	struct outq q = {0};

	(void)state;
	for (int i = 0; i < 10; i++)
		put(&q, 100, false, OUTQ_QUEUED);
	put(&q, 2, true, OUTQ_SHED);
	put(&q, 2, false, OUTQ_FULL);
	assert_int_equal(q.count, 10);
	assert_int_equal(q.bytes, 1000);
	outq_clear(&q);
	put(&q, 100, false, OUTQ_QUEUED);
	outq_clear(&q);
}

static void one_more_ephemeral_frame_may_push_out_older_ones(void **state)
{
	struct outq q = {0};

	(void)state;
	for (int i = 0; i < 10; i++)
		put(&q, 100, true, OUTQ_QUEUED);
	put(&q, 100, true, OUTQ_QUEUED);
	assert_int_equal(q.count, 1);
	assert_int_equal(q.bytes, 100);
	outq_clear(&q);
}

static void an_empty_queue_holds_no_memory(void **state)
{
	struct outq q = {0};
	struct slice rest;

	(void)state;
	for (int i = 0; i < 9; i++)
		put(&q, 50, false, OUTQ_QUEUED);
	assert_non_null(q.many);
	assert_null(outq_advance(&q, 9 * 50, &rest));
	assert_null(q.many);
	assert_true(outq_is_empty(&q));
}

static void what_the_edge_said_itself_stays_when_messages_go(void **state)
{
	struct outq q = {0};
	struct iovec iov[16];
	uint32_t own_bytes = 0;
	struct slice rest;
	struct wire *partial;

	(void)state;
	for (size_t n = 10; n < 22; n++) {
		struct wire *w = frame_of(n, n % 4 == 0);

		w->is_own = n % 3 == 0;
		own_bytes += w->is_own ? w->len : 0;
		assert_int_equal(outq_put(&q, w, 1000), OUTQ_QUEUED);
		wire_unref(w);
	}
	/* The first is on its way: its rest is nobody's to drop. */
	partial = outq_advance(&q, 4, &rest);
	assert_int_equal(rest.len, 6);
	outq_keep_own(&q);
	assert_int_equal(q.bytes, own_bytes);
	assert_int_equal(outq_gather(&q, iov, 16), 4);
	for (size_t i = 0; i < 4; i++)
		assert_int_equal(iov[i].iov_len, 12 + 3 * i);
	wire_unref(partial);
	outq_clear(&q);
	outq_keep_own(&q);
	assert_true(outq_is_empty(&q));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_text_frame_has_the_shortest_header_and_no_mask),
		cmocka_unit_test(a_frame_is_its_head_and_its_tail),
		cmocka_unit_test(many_queues_share_one_frame),
		cmocka_unit_test(frames_leave_in_the_order_they_came),
		cmocka_unit_test(every_split_of_a_write_is_accounted_for),
		cmocka_unit_test(ephemeral_frames_are_dropped_first),
		cmocka_unit_test(an_empty_queue_takes_any_frame),
		cmocka_unit_test(
			over_the_bound_lasting_frames_are_refused_and_ephemeral_ones_dropped),
		cmocka_unit_test(one_more_ephemeral_frame_may_push_out_older_ones),
		cmocka_unit_test(an_empty_queue_holds_no_memory),
		cmocka_unit_test(what_the_edge_said_itself_stays_when_messages_go),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
