/* link: numbers and credit, in both directions. */
#include <errno.h>
#include <stdlib.h>

#include "router/link.h"
#include "tests/unit/test.h"

static int add_shut(struct link *l, uint64_t session)
{
	Pb__DownItem item = PB__DOWN_ITEM__INIT;
	Pb__DownShut shut = PB__DOWN_SHUT__INIT;

	shut.session = session;
	item.item_case = PB__DOWN_ITEM__ITEM_SHUT;
	item.shut = &shut;
	return link_add(l, &item, 2);
}

static int add_text(struct link *l, size_t len)
{
	Pb__DownItem item = PB__DOWN_ITEM__INIT;
	Pb__DownDeliver deliver = PB__DOWN_DELIVER__INIT;
	char *text = calloc(1, len);
	int rc;

	assert_non_null(text);
	deliver.text.data = (uint8_t *)text;
	deliver.text.len = len;
	item.item_case = PB__DOWN_ITEM__ITEM_DELIVER;
	item.deliver = &deliver;
	rc = link_add(l, &item, 2);
	free(text);
	return rc;
}

/* Makes the next message and reads it back; owned. */
static Pb__LinkDown *make(struct link *l, enum link_due due, uint64_t head, size_t *out_bytes)
{
	size_t bytes = link_next_bytes(l, due, head);
	char *data = malloc(bytes);
	Pb__LinkDown *down;
	size_t items;

	assert_non_null(data);
	items = link_make(l, due, head, data);
	down = pb__link_down__unpack(NULL, bytes, (const uint8_t *)data);
	assert_non_null(down);
	assert_int_equal(down->n_items, items);
	free(data);
	if (out_bytes != NULL)
		*out_bytes = bytes;
	return down;
}

static void a_fresh_link_has_nothing_to_say(void **state)
{
	struct link l;

	(void)state;
	link_init(&l);
	assert_int_equal(link_due(&l, 0, false), LINK_NOTHING);
	assert_int_equal(link_due(&l, 0, true), LINK_NOTHING);
	link_fini(&l);
}

static void a_message_has_the_next_number_and_all_that_waited(void **state)
{
	struct link l;

	(void)state;
	link_init(&l);
	for (uint64_t n = 1; n <= 5; n++) {
		Pb__LinkDown *down;

		assert_int_equal(link_take(&l, n, n - 1, 100), LINK_TAKEN);
		for (uint64_t i = 0; i < n; i++)
			assert_int_equal(add_shut(&l, 10 * n + i), 0);
		assert_int_equal(link_due(&l, 9, false), LINK_ITEMS);
		down = make(&l, LINK_ITEMS, 9, NULL);
		assert_int_equal(down->wire, WIRE_VERSION);
		assert_int_equal(down->number, n);
		assert_int_equal(down->seen, n);
		assert_int_equal(down->system_head, 9);
		assert_int_equal(down->n_items, n);
		for (uint64_t i = 0; i < n; i++)
			assert_int_equal(down->items[i]->shut->session, 10 * n + i);
		pb__link_down__free_unpacked(down, NULL);
		assert_int_equal(link_due(&l, 9, true), LINK_NOTHING);
	}
	link_fini(&l);
}

static void a_link_speaks_the_wire_of_its_edge(void **state)
{
	Pb__LinkDown *down;
	struct link l;

	(void)state;
	link_init(&l);
	for (uint32_t wire = WIRE_VERSION_OLDEST; wire <= WIRE_VERSION; wire++) {
		link_reset(&l, wire);
		assert_int_equal(add_shut(&l, 1), 0);
		down = make(&l, LINK_ITEMS, 0, NULL);
		assert_int_equal(down->wire, wire);
		pb__link_down__free_unpacked(down, NULL);
	}
	link_fini(&l);
}

static void any_number_but_the_next_is_a_gap(void **state)
{
	static const uint64_t wrong[] = {0, 1, 2, 4, 5, UINT64_MAX};
	struct link l;

	(void)state;
	link_init(&l);
	assert_int_equal(link_take(&l, 1, 0, 10), LINK_TAKEN);
	assert_int_equal(link_take(&l, 2, 0, 10), LINK_TAKEN);
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		assert_int_equal(link_take(&l, wrong[i], 0, 10), LINK_GAP);
	assert_int_equal(link_take(&l, 3, 0, 10), LINK_TAKEN);
	link_fini(&l);
}

static void an_edge_may_have_a_full_window_of_unseen_batches_and_no_more(void **state)
{
	struct link l;
	uint64_t n;

	(void)state;
	link_init(&l);
	for (n = 1; n <= LINK_WINDOW_BATCHES; n++)
		assert_int_equal(link_take(&l, n, 0, 10), LINK_TAKEN);
	assert_int_equal(link_take(&l, n, 0, 10), LINK_OVER_CREDIT);
	pb__link_down__free_unpacked(make(&l, LINK_HEADER, 0, NULL), NULL);
	for (; n <= 2 * LINK_WINDOW_BATCHES; n++)
		assert_int_equal(link_take(&l, n, 0, 10), LINK_TAKEN);
	assert_int_equal(link_take(&l, n, 0, 10), LINK_OVER_CREDIT);
	link_fini(&l);
}

static void an_edge_may_have_a_full_window_of_unseen_bytes_and_no_more(void **state)
{
	struct link l;

	(void)state;
	link_init(&l);
	for (uint64_t n = 1; n <= 8; n++)
		assert_int_equal(link_take(&l, n, 0, LINK_WINDOW_BYTES / 8), LINK_TAKEN);
	assert_int_equal(link_take(&l, 9, 0, 1), LINK_OVER_CREDIT);
	pb__link_down__free_unpacked(make(&l, LINK_HEADER, 0, NULL), NULL);
	assert_int_equal(link_take(&l, 9, 0, LINK_WINDOW_BYTES), LINK_TAKEN);
	link_fini(&l);
}

static void seen_may_neither_go_back_nor_beyond_what_was_sent(void **state)
{
	struct link l;

	(void)state;
	link_init(&l);
	assert_int_equal(link_take(&l, 1, 1, 10), LINK_BAD_SEEN);
	for (int i = 0; i < 3; i++) {
		add_shut(&l, 1);
		pb__link_down__free_unpacked(make(&l, LINK_ITEMS, 0, NULL), NULL);
	}
	assert_int_equal(link_take(&l, 1, 4, 10), LINK_BAD_SEEN);
	assert_int_equal(link_take(&l, 1, UINT64_MAX, 10), LINK_BAD_SEEN);
	assert_int_equal(link_take(&l, 1, 2, 10), LINK_TAKEN);
	assert_int_equal(link_take(&l, 2, 1, 10), LINK_BAD_SEEN);
	assert_int_equal(link_take(&l, 2, 3, 10), LINK_TAKEN);
	link_fini(&l);
}

static void credit_is_told_when_a_quarter_of_the_window_is_unseen(void **state)
{
	struct link l;
	Pb__LinkDown *down;

	(void)state;
	link_init(&l);
	for (uint64_t n = 1; n < LINK_WINDOW_BATCHES / 4; n++) {
		assert_int_equal(link_take(&l, n, 0, 10), LINK_TAKEN);
		assert_int_equal(link_due(&l, 0, false), LINK_NOTHING);
	}
	assert_int_equal(link_take(&l, LINK_WINDOW_BATCHES / 4, 0, 10), LINK_TAKEN);
	assert_int_equal(link_due(&l, 0, false), LINK_HEADER);
	down = make(&l, LINK_HEADER, 0, NULL);
	assert_int_equal(down->seen, LINK_WINDOW_BATCHES / 4);
	assert_int_equal(down->n_items, 0);
	pb__link_down__free_unpacked(down, NULL);
	assert_int_equal(link_due(&l, 0, false), LINK_NOTHING);

	assert_int_equal(
		link_take(&l, LINK_WINDOW_BATCHES / 4 + 1, 0, LINK_WINDOW_BYTES / 4), LINK_TAKEN);
	assert_int_equal(link_due(&l, 0, false), LINK_HEADER);
	link_fini(&l);
}

static void small_news_waits_for_the_tick(void **state)
{
	struct link l;

	(void)state;
	link_init(&l);
	assert_int_equal(link_due(&l, 7, false), LINK_NOTHING);
	assert_int_equal(link_due(&l, 7, true), LINK_HEADER);
	pb__link_down__free_unpacked(make(&l, LINK_HEADER, 7, NULL), NULL);
	assert_int_equal(link_due(&l, 7, true), LINK_NOTHING);
	assert_int_equal(link_take(&l, 1, 0, 10), LINK_TAKEN);
	assert_int_equal(link_due(&l, 7, false), LINK_NOTHING);
	assert_int_equal(link_due(&l, 7, true), LINK_HEADER);
	link_fini(&l);
}

static void items_leave_a_reserve_of_the_window_for_credit(void **state)
{
	const unsigned for_items = LINK_WINDOW_BATCHES - LINK_WINDOW_RESERVE;
	struct link l;
	unsigned sent = 0;

	(void)state;
	link_init(&l);
	for (;; sent++) {
		add_shut(&l, 1);
		if (link_due(&l, 0, false) != LINK_ITEMS)
			break;
		pb__link_down__free_unpacked(make(&l, LINK_ITEMS, 0, NULL), NULL);
	}
	assert_int_equal(sent, for_items);
	/* The edge fills its window too, and still gets credit: all of the reserve, then no more.
	 */
	for (unsigned i = 0; i < LINK_WINDOW_RESERVE; i++) {
		uint64_t head = i + 1;

		assert_int_equal(link_due(&l, head, true), LINK_HEADER);
		pb__link_down__free_unpacked(make(&l, LINK_HEADER, head, NULL), NULL);
	}
	assert_int_equal(link_due(&l, 999, true), LINK_NOTHING);
	/* One that was seen gives nothing to items, a batch beyond the reserve does. */
	assert_int_equal(link_take(&l, 1, LINK_WINDOW_RESERVE, 10), LINK_TAKEN);
	assert_int_equal(link_due(&l, 999, false), LINK_NOTHING);
	assert_int_equal(link_take(&l, 2, LINK_WINDOW_RESERVE + 1, 10), LINK_TAKEN);
	assert_int_equal(link_due(&l, 999, false), LINK_ITEMS);
	link_fini(&l);
}

static void two_sides_that_fill_their_windows_at_once_go_on(void **state)
{
	const unsigned for_items = LINK_WINDOW_BATCHES - LINK_WINDOW_RESERVE;
	struct link l;

	(void)state;
	link_init(&l);
	for (unsigned i = 0; i < for_items; i++) {
		add_shut(&l, 1);
		pb__link_down__free_unpacked(make(&l, LINK_ITEMS, 0, NULL), NULL);
	}
	/* None of ours was seen, and all that an edge may send arrives. */
	for (uint64_t n = 1; n <= for_items; n++)
		assert_int_equal(link_take(&l, n, 0, 10), LINK_TAKEN);
	assert_int_equal(link_due(&l, 0, false), LINK_HEADER);
	link_fini(&l);
}

static void unseen_bytes_stay_within_the_window(void **state)
{
	struct link l;
	size_t unseen = 0;
	size_t bytes = 0;
	uint64_t n = 0;

	(void)state;
	link_init(&l);
	for (int i = 0; i < 400; i++)
		assert_int_equal(add_text(&l, 60000), 0);
	while (link_due(&l, 0, false) == LINK_ITEMS) {
		pb__link_down__free_unpacked(make(&l, LINK_ITEMS, 0, &bytes), NULL);
		assert_true(bytes <= LINK_BATCH_MAX_BYTES);
		unseen += bytes;
		n++;
	}
	assert_true(unseen <= LINK_WINDOW_BYTES);
	assert_true(unseen > LINK_WINDOW_BYTES - 2 * LINK_BATCH_MAX_BYTES);
	assert_int_equal(l.tx_bytes, unseen);
	assert_int_equal(link_take(&l, 1, n, 10), LINK_TAKEN);
	assert_int_equal(l.tx_bytes, 0);
	assert_int_equal(link_due(&l, 0, false), LINK_ITEMS);
	link_fini(&l);
}

static void a_link_that_does_not_keep_up_is_refused_more(void **state)
{
	struct link l;
	size_t added = 0;

	(void)state;
	link_init(&l);
	while (add_text(&l, 65536) == 0)
		added++;
	assert_int_equal(add_text(&l, 65536), -ENOBUFS);
	assert_true(link_queued(&l) <= LINK_QUEUE_MAX_BYTES);
	assert_true(added * 65536 > LINK_QUEUE_MAX_BYTES - 3 * 65536);
	link_reset(&l, WIRE_VERSION);
	assert_int_equal(link_queued(&l), 0);
	assert_int_equal(link_due(&l, 0, true), LINK_NOTHING);
	assert_int_equal(link_take(&l, 1, 0, 10), LINK_TAKEN);
	link_fini(&l);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_fresh_link_has_nothing_to_say),
		cmocka_unit_test(a_message_has_the_next_number_and_all_that_waited),
		cmocka_unit_test(a_link_speaks_the_wire_of_its_edge),
		cmocka_unit_test(any_number_but_the_next_is_a_gap),
		cmocka_unit_test(an_edge_may_have_a_full_window_of_unseen_batches_and_no_more),
		cmocka_unit_test(an_edge_may_have_a_full_window_of_unseen_bytes_and_no_more),
		cmocka_unit_test(seen_may_neither_go_back_nor_beyond_what_was_sent),
		cmocka_unit_test(credit_is_told_when_a_quarter_of_the_window_is_unseen),
		cmocka_unit_test(small_news_waits_for_the_tick),
		cmocka_unit_test(items_leave_a_reserve_of_the_window_for_credit),
		cmocka_unit_test(two_sides_that_fill_their_windows_at_once_go_on),
		cmocka_unit_test(unseen_bytes_stay_within_the_window),
		cmocka_unit_test(a_link_that_does_not_keep_up_is_refused_more),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
