/* The table of the door: every state with every event. */
#include "edge/upgrade.h"
#include "tests/unit/test.h"

static struct upgrade_step step(enum upgrade_state from, enum upgrade_event ev)
{
	enum upgrade_state state = from;
	bool end_session;
	struct upgrade_step s = upgrade_step(&state, ev, &end_session);

	assert_int_equal(state, s.next);
	return s;
}

static void whatever_is_not_listed_shuts_the_door(void **state)
{
	(void)state;
	for (int ev = 0; ev < EV_N; ev++) {
		struct upgrade_step closed = step(UP_CLOSED, (enum upgrade_event)ev);
		struct upgrade_step adopted = step(UP_ADOPTED, (enum upgrade_event)ev);

		assert_int_equal(closed.next, UP_CLOSED);
		assert_int_equal(closed.action, ACT_CLOSE);
		assert_int_equal(adopted.next, UP_CLOSED);
		assert_int_equal(adopted.action, ACT_CLOSE);
	}
}

static void the_101_has_one_way_in(void **state)
{
	(void)state;
	for (int from = 0; from < UP_N_STATES; from++) {
		for (int ev = 0; ev < EV_N; ev++) {
			struct upgrade_step s =
				step((enum upgrade_state)from, (enum upgrade_event)ev);
			bool opened = from == UP_OPENING && ev == EV_OPENED;
			bool granted = from == UP_ASKING_AUTH && ev == EV_GRANTED;
			bool asked = from == UP_READING_HEAD && ev == EV_HEAD_UPGRADE;

			assert_int_equal(s.action == ACT_HAND_TO_LWS, opened);
			assert_int_equal(s.next == UP_ADOPTED, opened);
			assert_int_equal(s.action == ACT_OPEN_SESSION, granted);
			assert_int_equal(s.next == UP_OPENING, granted);
			assert_int_equal(s.next == UP_ASKING_AUTH, asked);
		}
	}
}

/* A session without a connection: the same two who must say yes, and no 101 at its end. */
static void a_call_has_one_way_in(void **state)
{
	(void)state;
	for (int from = 0; from < UP_N_STATES; from++) {
		for (int ev = 0; ev < EV_N; ev++) {
			struct upgrade_step s =
				step((enum upgrade_state)from, (enum upgrade_event)ev);
			bool is_read = from == UP_READING_HEAD && ev == EV_HEAD_CALL;
			bool is_asked = from == UP_READING_CALL && ev == EV_BODY_OK;
			bool is_made = from == UP_PERMITTING && ev == EV_GRANTED;
			bool is_answered = from == UP_CALLING && ev == EV_CALLED;
			bool stays = s.next == (enum upgrade_state)from && s.action == ACT_WAIT;

			assert_int_equal(s.next == UP_READING_CALL, is_read);
			assert_int_equal(s.next == UP_PERMITTING && !stays, is_asked);
			assert_int_equal(s.next == UP_CALLING && !stays, is_made);
			assert_int_equal(s.action == ACT_CALL, is_made);
			assert_int_equal(s.action == ACT_ANSWER_CALL, is_answered);
		}
	}
}

/* Walks every sequence of events of that length; how many ended in the 101. */
static size_t walk(enum upgrade_state state, unsigned left, bool granted, bool opened)
{
	size_t adopted = 0;

	if (left == 0)
		return 0;
	for (int ev = 0; ev < EV_N; ev++) {
		enum upgrade_state next = state;
		bool end_session;
		struct upgrade_step s = upgrade_step(&next, (enum upgrade_event)ev, &end_session);
		bool has_grant = granted || ev == EV_GRANTED;
		bool is_open = opened || (has_grant && ev == EV_OPENED);

		if (s.action == ACT_HAND_TO_LWS) {
			assert_true(has_grant && is_open);
			adopted++;
		} else {
			adopted += walk(next, left - 1, has_grant, is_open);
		}
	}
	return adopted;
}

static void no_sequence_of_events_gets_in_without_auth_and_router(void **state)
{
	(void)state;
	assert_int_equal(walk(UP_READING_HEAD, 3, false, false), 1);
	assert_int_equal(walk(UP_READING_PROXY, 4, false, false), 1);
	assert_int_equal(walk(UP_READING_PROXY, 3, false, false), 0);
	assert_int_equal(walk(UP_CHECKING, 4, false, false), 0);
	assert_int_equal(walk(UP_READING_BODY, 4, false, false), 0);
	assert_int_equal(walk(UP_READING_CALL, 4, false, false), 0);
	assert_int_equal(walk(UP_CALLING, 4, false, false), 0);
}

static void a_client_that_is_gone_is_closed_in_every_state(void **state)
{
	(void)state;
	for (int from = 0; from < UP_N_STATES; from++) {
		struct upgrade_step s = step((enum upgrade_state)from, EV_GONE);

		assert_int_equal(s.next, UP_CLOSED);
		assert_int_equal(s.action, ACT_CLOSE);
	}
}

static void an_opening_that_is_left_is_closed_at_the_router(void **state)
{
	(void)state;
	for (int from = 0; from < UP_N_STATES; from++) {
		for (int ev = 0; ev < EV_N; ev++) {
			enum upgrade_state s = (enum upgrade_state)from;
			bool end_session;
			bool no_session =
				ev == EV_OPENED || ev == EV_OPEN_REFUSED || ev == EV_ROUTER_AWAY;
			bool no_call = ev == EV_CALLED || ev == EV_CALL_REFUSED ||
				       ev == EV_OPEN_REFUSED || ev == EV_ROUTER_AWAY ||
				       ev == EV_BUSY || ev == EV_MORE_BYTES || ev == EV_DRAIN;

			upgrade_step(&s, (enum upgrade_event)ev, &end_session);
			assert_int_equal(end_session, (from == UP_OPENING && !no_session) ||
							      (from == UP_CALLING && !no_call));
		}
	}
}

static void every_refusal_ends_in_closed(void **state)
{
	(void)state;
	for (int from = 0; from < UP_N_STATES; from++) {
		for (int ev = 0; ev < EV_N; ev++) {
			struct upgrade_step s =
				step((enum upgrade_state)from, (enum upgrade_event)ev);

			if (s.action == ACT_REFUSE || s.action == ACT_REFUSE_KNOWN ||
				s.action == ACT_CLOSE || s.action == ACT_ANSWER_PLAIN ||
				s.action == ACT_ANSWER_CHECK || s.action == ACT_ANSWER_LOGIN ||
				s.action == ACT_ANSWER_CALL || s.action == ACT_REFUSE_CALL)
				assert_int_equal(s.next, UP_CLOSED);
			else
				assert_int_not_equal(s.next, UP_CLOSED);
		}
	}
}

static void talking_before_being_let_in_is_refused(void **state)
{
	(void)state;
	assert_int_equal(step(UP_ASKING_AUTH, EV_MORE_BYTES).refusal, REFUSAL_EARLY_BYTES);
	assert_int_equal(step(UP_ASKING_AUTH, EV_MORE_BYTES).action, ACT_REFUSE);
	assert_int_equal(step(UP_OPENING, EV_MORE_BYTES).refusal, REFUSAL_EARLY_BYTES);
	assert_int_equal(step(UP_CHECKING, EV_MORE_BYTES).action, ACT_WAIT);
	assert_int_equal(step(UP_LOGGING_IN, EV_MORE_BYTES).action, ACT_WAIT);
	assert_int_equal(step(UP_PERMITTING, EV_MORE_BYTES).action, ACT_WAIT);
	assert_int_equal(step(UP_CALLING, EV_MORE_BYTES).action, ACT_WAIT);
}

static void each_way_to_fail_has_its_refusal(void **state)
{
	static const struct {
		enum upgrade_state from;
		enum upgrade_event ev;
		enum refusal refusal;
	} table[] = {
		{UP_READING_HEAD, EV_TIMEOUT, REFUSAL_HEAD_TIMEOUT},
		{UP_READING_HEAD, EV_DRAIN, REFUSAL_DRAINING},
		{UP_ASKING_AUTH, EV_DENIED, REFUSAL_UNAUTHORIZED},
		{UP_ASKING_AUTH, EV_BUSY, REFUSAL_FULL},
		{UP_ASKING_AUTH, EV_AUTH_AWAY, REFUSAL_AUTH_AWAY},
		{UP_ASKING_AUTH, EV_TIMEOUT, REFUSAL_AUTH_AWAY},
		{UP_ASKING_AUTH, EV_DRAIN, REFUSAL_DRAINING},
		{UP_OPENING, EV_ROUTER_AWAY, REFUSAL_ROUTER_AWAY},
		{UP_OPENING, EV_TIMEOUT, REFUSAL_ROUTER_AWAY},
		{UP_OPENING, EV_DRAIN, REFUSAL_DRAINING},
		{UP_CHECKING, EV_DENIED, REFUSAL_UNAUTHORIZED},
		{UP_CHECKING, EV_TIMEOUT, REFUSAL_AUTH_AWAY},
		{UP_READING_BODY, EV_BODY_BAD, REFUSAL_LOGIN},
		{UP_READING_BODY, EV_TIMEOUT, REFUSAL_BODY_TIMEOUT},
		{UP_LOGGING_IN, EV_DENIED, REFUSAL_UNAUTHORIZED},
		{UP_LOGGING_IN, EV_BUSY, REFUSAL_RATE},
		{UP_LOGGING_IN, EV_TIMEOUT, REFUSAL_AUTH_AWAY},
		{UP_LOGGING_IN, EV_DRAIN, REFUSAL_DRAINING},
		{UP_READING_CALL, EV_TIMEOUT, REFUSAL_BODY_TIMEOUT},
		{UP_READING_CALL, EV_DRAIN, REFUSAL_DRAINING},
		{UP_PERMITTING, EV_DENIED, REFUSAL_UNAUTHORIZED},
		{UP_PERMITTING, EV_BUSY, REFUSAL_FULL},
		{UP_PERMITTING, EV_AUTH_AWAY, REFUSAL_AUTH_AWAY},
		{UP_PERMITTING, EV_TIMEOUT, REFUSAL_AUTH_AWAY},
		{UP_PERMITTING, EV_DRAIN, REFUSAL_DRAINING},
		{UP_CALLING, EV_ROUTER_AWAY, REFUSAL_ROUTER_AWAY},
		{UP_CALLING, EV_BUSY, REFUSAL_FULL},
		{UP_CALLING, EV_TIMEOUT, REFUSAL_ROUTER_AWAY},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		struct upgrade_step s = step(table[i].from, table[i].ev);

		assert_int_equal(s.action, ACT_REFUSE);
		assert_int_equal(s.refusal, table[i].refusal);
	}
}

static void what_the_router_has_is_waited_for_while_draining(void **state)
{
	(void)state;
	assert_int_equal(step(UP_CALLING, EV_DRAIN).next, UP_CALLING);
	assert_int_equal(step(UP_CALLING, EV_DRAIN).action, ACT_WAIT);
}

static void a_wrong_proxy_header_gets_no_answer(void **state)
{
	(void)state;
	for (int ev = 0; ev < EV_N; ev++) {
		if (ev != EV_PROXY_OK)
			assert_int_equal(
				step(UP_READING_PROXY, (enum upgrade_event)ev).action, ACT_CLOSE);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(whatever_is_not_listed_shuts_the_door),
		cmocka_unit_test(the_101_has_one_way_in),
		cmocka_unit_test(a_call_has_one_way_in),
		cmocka_unit_test(no_sequence_of_events_gets_in_without_auth_and_router),
		cmocka_unit_test(a_client_that_is_gone_is_closed_in_every_state),
		cmocka_unit_test(an_opening_that_is_left_is_closed_at_the_router),
		cmocka_unit_test(every_refusal_ends_in_closed),
		cmocka_unit_test(talking_before_being_let_in_is_refused),
		cmocka_unit_test(each_way_to_fail_has_its_refusal),
		cmocka_unit_test(what_the_router_has_is_waited_for_while_draining),
		cmocka_unit_test(a_wrong_proxy_header_gets_no_answer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
