/* batch: what is added one by one comes out as the repeated field of a message. */
#include <errno.h>
#include <stdlib.h>

#include "link.pb-c.h"
#include "router/batch.h"
#include "tests/unit/test.h"

static const struct batch_limits small = {
	.field = 5, .max_bytes = 200, .max_items = 10, .max_elements = 15, .max_queued = 500};

static int add_away(struct batch *b, uint64_t session, size_t elements)
{
	Pb__UpItem item = PB__UP_ITEM__INIT;
	Pb__UpAway away = PB__UP_AWAY__INIT;

	away.session = session;
	item.item_case = PB__UP_ITEM__ITEM_AWAY;
	item.away = &away;
	return batch_add(b, &item.base, elements);
}

/* Decodes the first chunk as a LinkUp and gives the number of its items; session counts on. */
static size_t take_and_check(struct batch *b, uint64_t *session)
{
	size_t bytes = batch_first_bytes(b);
	char *data = malloc(bytes);
	Pb__LinkUp *up;
	size_t n;

	assert_non_null(data);
	n = batch_take(b, data);
	up = pb__link_up__unpack(NULL, bytes, (const uint8_t *)data);
	assert_non_null(up);
	assert_int_equal(up->n_items, n);
	for (size_t i = 0; i < n; i++) {
		assert_int_equal(up->items[i]->item_case, PB__UP_ITEM__ITEM_AWAY);
		assert_int_equal(up->items[i]->away->session, (*session)++);
	}
	pb__link_up__free_unpacked(up, NULL);
	free(data);
	return n;
}

static void items_come_out_in_order_and_in_chunks_of_at_most_max_items(void **state)
{
	struct batch b;
	uint64_t session = 0;

	(void)state;
	batch_init(&b, &small);
	for (uint64_t i = 0; i < 25; i++)
		assert_int_equal(add_away(&b, i, 1), 0);
	assert_int_equal(take_and_check(&b, &session), 10);
	assert_int_equal(take_and_check(&b, &session), 10);
	assert_int_equal(take_and_check(&b, &session), 5);
	assert_int_equal(batch_first_bytes(&b), 0);
	assert_int_equal(b.queued, 0);
	batch_fini(&b);
}

static void no_chunk_has_more_elements_than_max_elements(void **state)
{
	struct batch b;
	uint64_t session = 0;

	(void)state;
	batch_init(&b, &small);
	for (uint64_t i = 0; i < 7; i++)
		assert_int_equal(add_away(&b, i, 4), 0);
	assert_int_equal(take_and_check(&b, &session), 3);
	assert_int_equal(take_and_check(&b, &session), 3);
	assert_int_equal(take_and_check(&b, &session), 1);
	assert_int_equal(add_away(&b, 0, 16), -ENOBUFS);
	batch_fini(&b);
}

static int add_text(struct batch *b, size_t len)
{
	char text[1000] = {0};
	Pb__SystemMessage m = PB__SYSTEM_MESSAGE__INIT;

	m.text.data = (uint8_t *)text;
	m.text.len = len;
	return batch_add(b, &m.base, 1);
}

static void no_chunk_and_no_queue_grows_over_its_bytes(void **state)
{
	struct batch b;
	char out[200];
	size_t queued;

	(void)state;
	batch_init(&b, &small);
	assert_int_equal(add_text(&b, 201), -ENOBUFS);
	assert_int_equal(b.queued, 0);
	for (int i = 0; i < 4; i++)
		assert_int_equal(add_text(&b, 110), 0);
	queued = b.queued;
	assert_true(queued > 440 && queued <= 500);
	assert_int_equal(add_text(&b, 110), -ENOBUFS);
	assert_int_equal(b.queued, queued);
	for (int i = 0; i < 4; i++) {
		assert_true(batch_first_bytes(&b) <= 200);
		assert_int_equal(batch_take(&b, out), 1);
	}
	assert_int_equal(b.queued, 0);
	batch_fini(&b);
}

static void lengths_around_each_size_of_a_varint_are_written_right(void **state)
{
	static const struct batch_limits wide = {.field = 3,
		.max_bytes = 1 << 20,
		.max_items = 100,
		.max_elements = 100,
		.max_queued = 1 << 22};
	static const size_t lens[] = {
		0, 1, 123, 124, 125, 126, 127, 128, 16379, 16380, 16383, 16384};
	char *text = calloc(1, 20000);
	char *out = malloc(1 << 20);

	(void)state;
	for (size_t i = 0; i < sizeof(lens) / sizeof(lens[0]); i++) {
		Pb__SystemMessage m = PB__SYSTEM_MESSAGE__INIT;
		Pb__SystemBatch *read;
		struct batch b;
		size_t bytes;

		batch_init(&b, &wide);
		m.text.data = (uint8_t *)text;
		m.text.len = lens[i];
		for (int n = 0; n < 3; n++)
			assert_int_equal(batch_add(&b, &m.base, 1), 0);
		bytes = batch_first_bytes(&b);
		assert_int_equal(batch_take(&b, out), 3);
		read = pb__system_batch__unpack(NULL, bytes, (const uint8_t *)out);
		assert_non_null(read);
		assert_int_equal(read->n_messages, 3);
		for (int n = 0; n < 3; n++)
			assert_int_equal(read->messages[n]->text.len, lens[i]);
		pb__system_batch__free_unpacked(read, NULL);
		batch_fini(&b);
	}
	free(text);
	free(out);
}

static void what_was_cleared_is_gone_and_the_batch_goes_on(void **state)
{
	struct batch b;
	uint64_t session = 100;

	(void)state;
	batch_init(&b, &small);
	for (uint64_t i = 0; i < 25; i++)
		add_away(&b, i, 1);
	batch_clear(&b);
	assert_int_equal(batch_first_bytes(&b), 0);
	assert_int_equal(b.queued, 0);
	assert_int_equal(add_away(&b, 100, 1), 0);
	assert_int_equal(take_and_check(&b, &session), 1);
	batch_fini(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(items_come_out_in_order_and_in_chunks_of_at_most_max_items),
		cmocka_unit_test(no_chunk_has_more_elements_than_max_elements),
		cmocka_unit_test(no_chunk_and_no_queue_grows_over_its_bytes),
		cmocka_unit_test(lengths_around_each_size_of_a_varint_are_written_right),
		cmocka_unit_test(what_was_cleared_is_gone_and_the_batch_goes_on),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
