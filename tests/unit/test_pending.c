/* Messages that wait for the disk. */
#include "router/pending.h"
#include "test.h"

static const struct message like = {
	.kind = MESSAGE_PUSH,
	.to = {"to", 2},
	.from = {"from", 4},
	.device = {"device", 6},
	.mid = {"mid", 3},
	.event = {"event", 5},
	.body = {"body", 4},
	.ts_ms = 17,
};

static void a_message_is_copied_whole(void **state)
{
	char to[] = "to";
	struct message m = like;
	struct pending *p;

	(void)state;
	m.to.data = to;
	p = pending_new(&m);
	assert_non_null(p);
	to[0] = 'X';
	assert_true(slice_is(p->message.to, "to"));
	assert_true(slice_is(p->message.from, "from"));
	assert_true(slice_is(p->message.device, "device"));
	assert_true(slice_is(p->message.mid, "mid"));
	assert_true(slice_is(p->message.event, "event"));
	assert_true(slice_is(p->message.body, "body"));
	assert_int_equal(p->message.ts_ms, 17);
	pending_free(p);
}

static void they_are_taken_in_their_order_and_counted_with_those_who_wait(void **state)
{
	struct pendings ps;
	struct pending *list[3];

	(void)state;
	pendings_init(&ps);
	for (uint64_t i = 0; i < 3; i++) {
		list[i] = pending_new(&like);
		assert_non_null(list[i]);
		list[i]->number = i;
		pendings_add(&ps, list[i]);
	}
	for (uint64_t ref = 7; ref < 10; ref++)
		assert_true(pendings_wait(&ps, list[1], &(struct asker){.ref = ref}));
	assert_int_equal(ps.all.rows, 6);
	assert_int_equal(ps.all.bytes, 12);
	assert_int_equal(list[1]->waiters->asker.ref, 7);
	assert_int_equal(list[1]->waiters->next->next->asker.ref, 9);
	for (uint64_t i = 0; i < 3; i++) {
		struct pending *p = pendings_take(&ps);

		assert_int_equal(p->number, i);
		pending_free(p);
	}
	assert_int_equal(ps.all.rows, 0);
	assert_int_equal(ps.all.bytes, 0);
	/* and an empty queue takes again */
	list[0] = pending_new(&like);
	assert_non_null(list[0]);
	pendings_add(&ps, list[0]);
	assert_ptr_equal(ps.first, list[0]);
	pendings_fini(&ps);
	assert_null(ps.first);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_message_is_copied_whole),
		cmocka_unit_test(they_are_taken_in_their_order_and_counted_with_those_who_wait),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
