/* Batches for the link: packing, numbers, credit. */
#include <errno.h>
#include <stdlib.h>

#include "common/cleanup.h"
#include "edge/batches.h"
#include "proto/codec.h"
#include "tests/unit/test.h"

#define PLENTY ((size_t)64 << 20)

static const struct batches_head bare = {2, {NULL, 0}, 0, false};
static const struct batches_head due = {2, {NULL, 0}, 0, true};

static int add_close(struct batches *b, uint64_t session)
{
	Pb__UpClose close = PB__UP_CLOSE__INIT;
	Pb__UpItem item = PB__UP_ITEM__INIT;

	close.session = session;
	item.item_case = PB__UP_ITEM__ITEM_CLOSE;
	item.close = &close;
	return batches_add(b, &item, PLENTY);
}

static int add_send(struct batches *b, size_t bytes, size_t max_waiting)
{
	static uint8_t content[2 * LINK_BATCH_MAX_BYTES];
	Pb__UpSend send = PB__UP_SEND__INIT;
	Pb__UpItem item = PB__UP_ITEM__INIT;

	send.content.data = content;
	send.content.len = bytes;
	item.item_case = PB__UP_ITEM__ITEM_SEND;
	item.send = &send;
	return batches_add(b, &item, max_waiting);
}

static Pb__LinkUp *take(struct batches *b, const struct batches_head *head)
{
	size_t len = batches_size(b, head);
	char *out;
	Pb__LinkUp *up;

	if (len == 0)
		return NULL;
	out = malloc(len);
	batches_write(b, head, out);
	up = pb__link_up__unpack(NULL, len, (uint8_t *)out);
	free(out);
	assert_non_null(up);
	assert_true(len <= LINK_BATCH_MAX_BYTES);
	assert_true(up->n_items <= LINK_BATCH_MAX_ITEMS);
	return up;
}

static void what_was_added_leaves_in_one_message_in_order(void **state)
{
	const struct batches_head head = {1, SLICE_LITERAL("0123456789abcdef"), 77, false};
	struct batches b;
	Pb__LinkUp *up;

	(void)state;
	batches_init(&b);
	assert_null(take(&b, &bare));
	for (uint64_t i = 0; i < 1000; i++)
		assert_int_equal(add_close(&b, i), 0);
	up = take(&b, &head);
	assert_int_equal(up->wire, 1);
	assert_int_equal(up->number, 1);
	assert_int_equal(up->seen, 77);
	assert_int_equal(up->key.len, 16);
	assert_int_equal(up->n_items, 1000);
	for (uint64_t i = 0; i < 1000; i++)
		assert_int_equal(up->items[i]->close->session, i);
	pb__link_up__free_unpacked(up, NULL);
	assert_null(take(&b, &bare));
	assert_int_equal(b.waiting_bytes, 0);
	batches_reset(&b);
}

static void no_message_is_larger_than_the_bound(void **state)
{
	struct batches b;
	Pb__LinkUp *up;
	size_t items = 0;

	(void)state;
	batches_init(&b);
	for (int i = 0; i < 100; i++)
		assert_int_equal(add_send(&b, 100000, PLENTY), 0);
	for (int i = 0; i < 10000; i++)
		assert_int_equal(add_close(&b, 1), 0);
	for (uint64_t n = 1; (up = take(&b, &bare)) != NULL; n++) {
		assert_int_equal(up->number, n);
		items += up->n_items;
		pb__link_up__free_unpacked(up, NULL);
		assert_true(batches_on_seen(&b, n));
	}
	assert_int_equal(items, 10100);
	assert_int_equal(add_send(&b, LINK_BATCH_MAX_BYTES, PLENTY), -EMSGSIZE);
	batches_reset(&b);
}

static void many_watches_keep_to_the_number_of_elements(void **state)
{
	ProtobufCBinaryData users[WATCH_MAX_USERS];
	Pb__UpWatch watch = PB__UP_WATCH__INIT;
	Pb__UpItem item = PB__UP_ITEM__INIT;
	struct batches b;
	Pb__LinkUp *up;
	size_t items = 0;

	(void)state;
	for (int i = 0; i < WATCH_MAX_USERS; i++)
		users[i] = (ProtobufCBinaryData){1, (uint8_t *)"7"};
	watch.users = users;
	watch.n_users = WATCH_MAX_USERS;
	item.item_case = PB__UP_ITEM__ITEM_WATCH;
	item.watch = &watch;
	batches_init(&b);
	for (int i = 0; i < 1000; i++)
		assert_int_equal(batches_add(&b, &item, PLENTY), 0);
	while ((up = take(&b, &bare)) != NULL) {
		assert_true(up->n_items * (2 + WATCH_MAX_USERS) <= LINK_BATCH_MAX_ELEMENTS);
		items += up->n_items;
		pb__link_up__free_unpacked(up, NULL);
	}
	assert_int_equal(items, 1000);
	batches_reset(&b);
}

static void without_credit_items_wait(void **state)
{
	struct batches b;
	int sent = 0;

	(void)state;
	batches_init(&b);
	for (;; sent++) {
		Pb__LinkUp *up;

		assert_int_equal(add_close(&b, 1), 0);
		up = take(&b, &bare);
		if (up == NULL)
			break;
		pb__link_up__free_unpacked(up, NULL);
	}
	assert_int_equal(sent, LINK_WINDOW_BATCHES - LINK_WINDOW_RESERVE);

	/* what only tells of credit still goes, up to the whole window */
	for (int i = 0; i < LINK_WINDOW_RESERVE; i++) {
		Pb__LinkUp *up = take(&b, &due);

		assert_non_null(up);
		assert_int_equal(up->n_items, 0);
		pb__link_up__free_unpacked(up, NULL);
	}
	assert_null(take(&b, &due));
	assert_true(batches_on_seen(&b, LINK_WINDOW_RESERVE + 1));
	{
		Pb__LinkUp *up = take(&b, &bare);

		assert_int_equal(up->n_items, 1);
		pb__link_up__free_unpacked(up, NULL);
	}
	batches_reset(&b);
}

static void bytes_are_credit_too(void **state)
{
	struct batches b;
	size_t sent = 0;
	Pb__LinkUp *up;

	(void)state;
	batches_init(&b);
	for (int i = 0; i < 20; i++)
		assert_int_equal(add_send(&b, 900000, PLENTY), 0);
	while ((up = take(&b, &bare)) != NULL) {
		sent++;
		pb__link_up__free_unpacked(up, NULL);
	}
	assert_int_equal(sent, LINK_WINDOW_BYTES / 900000);
	assert_true(b.unseen_bytes <= LINK_WINDOW_BYTES);
	assert_true(batches_on_seen(&b, sent));
	assert_int_equal(b.unseen_bytes, 0);
	assert_true(b.seen == b.sent);
	batches_reset(&b);
}

static void what_was_never_sent_cannot_have_been_seen(void **state)
{
	struct batches b;

	(void)state;
	batches_init(&b);
	assert_true(batches_on_seen(&b, 0));
	assert_false(batches_on_seen(&b, 1));
	pb__link_up__free_unpacked(take(&b, &due), NULL);
	assert_true(b.seen < b.sent);
	assert_true(batches_on_seen(&b, 1));
	assert_true(batches_on_seen(&b, 0)); /* older news */
	assert_false(batches_on_seen(&b, 2));
	batches_reset(&b);
}

static void what_waits_is_bounded(void **state)
{
	struct batches b;

	(void)state;
	batches_init(&b);
	assert_int_equal(add_send(&b, 1000, 2500), 0);
	assert_int_equal(add_send(&b, 1000, 2500), 0);
	assert_int_equal(add_send(&b, 1000, 2500), -EAGAIN);
	assert_int_equal(add_send(&b, 1000, 5000), 0);
	batches_reset(&b);
	assert_int_equal(b.waiting_bytes, 0);
	assert_null(take(&b, &bare));
}

/* Whether the router, with its bounds, understands the next message. */
static bool is_understood(struct batches *b, struct arena *arena)
{
	static const struct codec_bounds bounds = {LINK_BATCH_MAX_BYTES, LINK_BATCH_MAX_ELEMENTS};
	size_t len = batches_size(b, &bare);
	char *out = malloc(len);
	ProtobufCMessage *up;
	enum codec_result result;

	batches_write(b, &bare, out);
	result = codec_decode(
		&pb__link_up__descriptor, (struct slice){out, len}, &bounds, arena, &up);
	free(out);
	return result == CODEC_OK;
}

static void a_message_with_the_most_elements_is_understood(void **state)
{
	CLEANUP(arena_freep) struct arena *arena = NULL;
	ProtobufCBinaryData users[WATCH_MAX_USERS];
	Pb__UpWatch watch = PB__UP_WATCH__INIT;
	Pb__UpItem item = PB__UP_ITEM__INIT;
	struct batches b;

	(void)state;
	assert_int_equal(arena_new(&arena, PLENTY), 0);
	for (int i = 0; i < WATCH_MAX_USERS; i++)
		users[i] = (ProtobufCBinaryData){1, (uint8_t *)"7"};
	watch.users = users;
	item.item_case = PB__UP_ITEM__ITEM_WATCH;
	item.watch = &watch;
	batches_init(&b);
	/* Up to the bound, whatever the sizes of the last items. */
	for (size_t last = 0; last < WATCH_MAX_USERS; last++) {
		size_t left = LINK_BATCH_MAX_ELEMENTS;

		watch.n_users = WATCH_MAX_USERS;
		for (; left >= 2 * (2 + WATCH_MAX_USERS); left -= 2 + WATCH_MAX_USERS)
			assert_int_equal(batches_add(&b, &item, PLENTY), 0);
		watch.n_users = last;
		assert_int_equal(batches_add(&b, &item, PLENTY), 0);
		left -= 2 + last;
		watch.n_users = left - 2 > WATCH_MAX_USERS ? WATCH_MAX_USERS : left - 2;
		assert_int_equal(batches_add(&b, &item, PLENTY), 0);
		while (batches_size(&b, &bare) > 0)
			assert_true(is_understood(&b, arena));
		batches_reset(&b);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_was_added_leaves_in_one_message_in_order),
		cmocka_unit_test(no_message_is_larger_than_the_bound),
		cmocka_unit_test(many_watches_keep_to_the_number_of_elements),
		cmocka_unit_test(a_message_with_the_most_elements_is_understood),
		cmocka_unit_test(without_credit_items_wait),
		cmocka_unit_test(bytes_are_credit_too),
		cmocka_unit_test(what_was_never_sent_cannot_have_been_seen),
		cmocka_unit_test(what_waits_is_bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
