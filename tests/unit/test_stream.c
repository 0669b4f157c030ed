/* Numbered frames of one connection: in order, each once, without a hole, whatever comes. */
#include <stdlib.h>

#include "edge/stream.h"
#include "tests/unit/test.h"

static void only_the_next_is_written(void **state)
{
	struct stream s;

	(void)state;
	stream_start(&s, 7);
	assert_int_equal(stream_take(&s, 6, true), STREAM_OLD);
	assert_int_equal(stream_take(&s, 7, true), STREAM_OLD);
	assert_int_equal(stream_take(&s, 8, true), STREAM_NEXT);
	assert_int_equal(stream_take(&s, 8, true), STREAM_OLD);
	assert_false(s.is_behind);
	assert_int_equal(stream_take(&s, 10, true), STREAM_BEHIND);
	assert_true(s.is_behind);
	assert_int_equal(stream_take(&s, 9, true), STREAM_NEXT);
	assert_int_equal(s.sent, 9);
}

static void without_room_nothing_is_written_and_nothing_lost(void **state)
{
	struct stream s;

	(void)state;
	stream_start(&s, 0);
	assert_int_equal(stream_take(&s, 1, false), STREAM_BEHIND);
	assert_int_equal(s.sent, 0);
	assert_int_equal(stream_take(&s, 1, true), STREAM_NEXT);
	assert_true(s.is_behind);
}

static void a_page_ends_the_catching_up_when_nothing_follows(void **state)
{
	struct stream s;

	(void)state;
	stream_start(&s, 0);
	assert_int_equal(stream_take(&s, 3, true), STREAM_BEHIND);
	stream_asked(&s);
	assert_int_equal(stream_take(&s, 1, true), STREAM_NEXT);
	assert_int_equal(stream_page(&s, 1, true, true), STREAM_AGAIN);
	stream_asked(&s);
	assert_int_equal(stream_take(&s, 2, true), STREAM_NEXT);
	assert_int_equal(stream_take(&s, 3, false), STREAM_BEHIND);
	assert_int_equal(stream_page(&s, 3, false, false), STREAM_AGAIN);
	stream_asked(&s);
	assert_int_equal(stream_page(&s, 3, false, true), STREAM_STUCK);
	stream_asked(&s);
	assert_int_equal(stream_take(&s, 3, true), STREAM_NEXT);
	assert_int_equal(stream_page(&s, 3, false, true), STREAM_CAUGHT_UP);
	assert_false(s.is_behind);
}

static void a_page_for_which_there_was_no_room_is_asked_for_again(void **state)
{
	struct stream s;

	(void)state;
	stream_start(&s, 0);
	s.is_behind = true;
	stream_asked(&s);
	assert_int_equal(stream_take(&s, 1, false), STREAM_BEHIND);
	assert_int_equal(stream_page(&s, 1, false, true), STREAM_AGAIN);
}

static void an_empty_last_page_is_no_fault(void **state)
{
	struct stream s;

	(void)state;
	stream_start(&s, 5);
	s.is_behind = true;
	stream_asked(&s);
	assert_int_equal(stream_page(&s, 5, false, true), STREAM_CAUGHT_UP);
}

static void a_jump_goes_forward_and_a_rewind_back(void **state)
{
	struct stream s;

	(void)state;
	stream_start(&s, 5);
	stream_jump(&s, 4);
	assert_int_equal(s.sent, 5);
	stream_rewind(&s, 6);
	assert_int_equal(s.sent, 5);
	assert_false(s.is_behind);
	stream_jump(&s, 9);
	assert_int_equal(s.sent, 9);
	stream_asked(&s);
	stream_rewind(&s, 2);
	assert_true(s.is_behind);
	/* Asked for before the rewind: it brought nothing, which is nobody's fault. */
	assert_int_equal(stream_page(&s, 9, false, true), STREAM_AGAIN);
}

/* A router that keeps messages, and a connection that has room or not. */
struct play {
	struct stream s;
	uint64_t head;	 /* the inbox */
	uint64_t client; /* what it was sent */
	bool is_live;	 /* at the router */
	bool is_asked;
};

static void take(struct play *p, uint64_t n, bool room)
{
	if (stream_take(&p->s, n, room) == STREAM_NEXT)
		assert_int_equal(++p->client, n);
}

/* One that is not lost on the way, most of the time. */
static void new_message(struct play *p, bool room)
{
	p->head++;
	if (p->is_live && rand() % 10 > 0)
		take(p, p->head, room);
}

static void page_comes(struct play *p, bool room)
{
	uint64_t after = p->s.sent;
	uint64_t last = after + 5 < p->head ? after + 5 : p->head;

	for (uint64_t n = after + 1; n <= last; n++)
		take(p, n, room);
	p->is_live = last == p->head;
	p->is_asked = false;
	assert_int_not_equal(stream_page(&p->s, last, !p->is_live, room), STREAM_STUCK);
}

static void step(struct play *p, bool room)
{
	if (p->s.is_behind && !p->is_asked && rand() % 2 == 0) {
		stream_asked(&p->s);
		p->is_asked = true;
		p->is_live = false;
	} else if (p->is_asked && rand() % 2 == 0) {
		page_comes(p, room);
	}
}

static void whatever_comes_the_client_sees_no_hole_and_no_double(void **state)
{
	(void)state;
	for (unsigned seed = 0; seed < 2000; seed++) {
		struct play p = {.is_live = true};

		srand(seed);
		for (int i = 0; i < 400; i++) {
			bool room = rand() % 3 > 0;

			if (rand() % 2 == 0)
				new_message(&p, room);
			step(&p, room);
		}
		/* It reads again; a gap that nobody saw is found by the next message. */
		for (int i = 0; p.s.sent < p.head; i++) {
			if (!p.s.is_behind)
				new_message(&p, true);
			step(&p, true);
			assert_true(i < 100000);
		}
		assert_int_equal(p.client, p.head);
	}
}

/* A client holds the ack of its own message until a replay has brought what is before it. */
static void a_client_may_be_where_an_ack_was(void **state)
{
	struct stream s;

	(void)state;
	stream_start(&s, 7);
	assert_true(stream_reaches(&s, 7));
	assert_false(stream_reaches(&s, 8));
	assert_int_equal(stream_take(&s, 9, true), STREAM_BEHIND);
	stream_tell(&s, 9);
	assert_int_equal(stream_take(&s, 8, true), STREAM_NEXT);
	assert_true(stream_reaches(&s, 9));
	assert_false(stream_reaches(&s, 10));
	stream_tell(&s, 3);
	assert_true(stream_reaches(&s, 9));
	stream_start(&s, 2);
	assert_false(stream_reaches(&s, 3));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(only_the_next_is_written),
		cmocka_unit_test(without_room_nothing_is_written_and_nothing_lost),
		cmocka_unit_test(a_page_ends_the_catching_up_when_nothing_follows),
		cmocka_unit_test(a_page_for_which_there_was_no_room_is_asked_for_again),
		cmocka_unit_test(an_empty_last_page_is_no_fault),
		cmocka_unit_test(a_jump_goes_forward_and_a_rewind_back),
		cmocka_unit_test(a_client_may_be_where_an_ack_was),
		cmocka_unit_test(whatever_comes_the_client_sees_no_hole_and_no_double),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
