/* The table of a live connection's identity: every state with every event and every fact. */
#include "edge/identity.h"
#include "tests/unit/test.h"

struct row {
	enum identity_state from;
	enum identity_event event;
	enum identity_state to;
	enum identity_action action;
};

static const struct identity_facts plenty = {
	.may_swap = true, .may_ask = true, .has_session = true, .has_sends = false};

static struct identity at(enum identity_state state, uint16_t question)
{
	return (struct identity){.state = (uint8_t)state, .question = question};
}

static const struct row rows[] = {
	{ID_STEADY, ID_EV_FRAME, ID_STEADY, ID_EXECUTE},
	{ID_STEADY, ID_EV_TOKEN, ID_ASKING, ID_ASK},
	{ID_STEADY, ID_EV_SETTLED, ID_STEADY, ID_NOTHING},
	{ID_STEADY, ID_EV_LOST, ID_STEADY, ID_NOTHING},
	{ID_ASKING, ID_EV_FRAME, ID_ASKING, ID_SAY_BETWEEN},
	{ID_ASKING, ID_EV_TOKEN, ID_ASKING, ID_SAY_BETWEEN},
	{ID_ASKING, ID_EV_SAME, ID_STEADY, ID_RENEW},
	{ID_ASKING, ID_EV_OTHER, ID_MOVING, ID_REBIND},
	{ID_ASKING, ID_EV_DENIED, ID_STEADY, ID_SAY_INVALID},
	{ID_ASKING, ID_EV_BUSY, ID_STEADY, ID_SAY_AWAY},
	{ID_ASKING, ID_EV_AWAY, ID_STEADY, ID_SAY_AWAY},
	{ID_ASKING, ID_EV_TIMEOUT, ID_STEADY, ID_SAY_AWAY},
	{ID_ASKING, ID_EV_SETTLED, ID_ASKING, ID_NOTHING},
	{ID_ASKING, ID_EV_LOST, ID_ASKING, ID_NOTHING},
	{ID_SETTLING, ID_EV_FRAME, ID_SETTLING, ID_SAY_BETWEEN},
	{ID_SETTLING, ID_EV_TOKEN, ID_SETTLING, ID_SAY_BETWEEN},
	{ID_SETTLING, ID_EV_SETTLED, ID_MOVING, ID_REBIND},
	{ID_SETTLING, ID_EV_TIMEOUT, ID_STEADY, ID_SAY_AWAY},
	{ID_SETTLING, ID_EV_LOST, ID_STEADY, ID_SAY_AWAY},
	{ID_MOVING, ID_EV_FRAME, ID_MOVING, ID_SAY_BETWEEN},
	{ID_MOVING, ID_EV_TOKEN, ID_MOVING, ID_SAY_BETWEEN},
	{ID_MOVING, ID_EV_OPENED, ID_STEADY, ID_SWITCH},
	{ID_MOVING, ID_EV_REFUSED, ID_STEADY, ID_SAY_REFUSED},
	{ID_MOVING, ID_EV_SETTLED, ID_MOVING, ID_NOTHING},
	{ID_MOVING, ID_EV_LOST, ID_STEADY, ID_SAY_AWAY},
};

static const struct row *row_of(enum identity_state from, enum identity_event ev)
{
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (rows[i].from == from && rows[i].event == ev)
			return &rows[i];
	return NULL;
}

static void every_state_does_with_every_event_what_is_written_here_or_ends(void **state)
{
	(void)state;
	for (int from = 0; from < ID_N_STATES; from++) {
		for (int ev = 0; ev <= ID_EV_TIMEOUT; ev++) {
			struct identity id = at((enum identity_state)from, 7);
			const struct row *row =
				row_of((enum identity_state)from, (enum identity_event)ev);
			bool is_answer =
				ev >= ID_EV_SAME && ev != ID_EV_SETTLED && ev != ID_EV_LOST;
			enum identity_action action =
				identity_step(&id, (enum identity_event)ev, 7, &plenty);

			if (row != NULL) {
				assert_int_equal(action, row->action);
				assert_int_equal(id.state, row->to);
			} else if (from <= ID_STEADY && is_answer) {
				assert_int_equal(action, ID_NOTHING); /* of no question */
				assert_int_equal(id.state, from);
			} else {
				assert_int_equal(id.state, ID_ENDED);
				assert_int_equal(action, from != ID_ENDED && ev <= ID_EV_SHUT
								 ? ID_NOTHING
								 : ID_CLOSE);
			}
		}
	}
}

static void nothing_is_carried_out_while_a_question_is_open(void **state)
{
	(void)state;
	for (int from = 0; from < ID_N_STATES; from++) {
		for (int ev = 0; ev < ID_EV_N; ev++) {
			struct identity id = at((enum identity_state)from, 7);
			enum identity_action action =
				identity_step(&id, (enum identity_event)ev, 7, &plenty);

			if (action == ID_EXECUTE)
				assert_true(from == ID_STEADY && ev == ID_EV_FRAME);
			if (action == ID_SWITCH)
				assert_true(from == ID_MOVING && ev == ID_EV_OPENED);
			if (action == ID_RENEW)
				assert_true(from == ID_ASKING && ev == ID_EV_SAME);
		}
	}
}

static void an_answer_to_another_question_changes_nothing(void **state)
{
	(void)state;
	for (int from = 0; from < ID_N_STATES; from++) {
		for (int ev = ID_EV_SAME; ev <= ID_EV_TIMEOUT; ev++) {
			for (uint16_t question = 6; question <= 8; question += 2) {
				struct identity id = at((enum identity_state)from, 7);

				if (ev == ID_EV_SETTLED || ev == ID_EV_LOST)
					continue;
				assert_int_equal(identity_step(&id, (enum identity_event)ev,
							 question, &plenty),
					ID_NOTHING);
				assert_int_equal(id.state, from);
				assert_int_equal(id.question, 7);
			}
		}
	}
}

static void a_number_is_never_that_of_the_question_before(void **state)
{
	struct identity id;
	uint16_t last = 0;

	(void)state;
	identity_init(&id);
	for (int i = 0; i < 70000; i++) {
		assert_int_equal(identity_step(&id, ID_EV_TOKEN, 0, &plenty), ID_ASK);
		assert_true(i == 0 || id.question != last);
		last = id.question;
		assert_int_equal(identity_step(&id, ID_EV_DENIED, last, &plenty), ID_SAY_INVALID);
		assert_true(id.question != last);
		assert_int_equal(identity_step(&id, ID_EV_OTHER, last, &plenty), ID_NOTHING);
	}
}

static void what_else_is_known_decides_about_another_user(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 16; i++) {
		const struct identity_facts facts = {.may_swap = (i & 1) != 0,
			.has_session = (i & 2) != 0,
			.has_sends = (i & 4) != 0,
			.may_ask = (i & 8) != 0};
		struct identity id = at(ID_ASKING, 7);
		enum identity_action action = identity_step(&id, ID_EV_OTHER, 7, &facts);

		if (!facts.may_swap)
			assert_true(action == ID_MISMATCH && id.state == ID_ENDED);
		else if (!facts.has_session)
			assert_true(action == ID_SAY_AWAY && id.state == ID_STEADY);
		else if (facts.has_sends)
			assert_true(action == ID_WAIT && id.state == ID_SETTLING);
		else
			assert_true(action == ID_REBIND && id.state == ID_MOVING);
		id = at(ID_STEADY, 7);
		action = identity_step(&id, ID_EV_TOKEN, 7, &facts);
		assert_int_equal(action, facts.may_ask ? ID_ASK : ID_SAY_OVER);
		assert_int_equal(id.state, facts.may_ask ? ID_ASKING : ID_STEADY);
		for (int from = ID_ASKING; from < ID_N_STATES; from++) {
			id = at((enum identity_state)from, 7);
			assert_int_equal(
				identity_step(&id, ID_EV_TOKEN, 7, &facts), ID_SAY_BETWEEN);
			assert_int_equal(id.state, from);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_state_does_with_every_event_what_is_written_here_or_ends),
		cmocka_unit_test(nothing_is_carried_out_while_a_question_is_open),
		cmocka_unit_test(an_answer_to_another_question_changes_nothing),
		cmocka_unit_test(a_number_is_never_that_of_the_question_before),
		cmocka_unit_test(what_else_is_known_decides_about_another_user),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
