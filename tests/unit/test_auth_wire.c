/* Questions for auth as bytes, and what may be an answer. */
#include <stdlib.h>

#include "edge/auth_lanes.h"
#include "edge/auth_wire.h"
#include "tests/unit/test.h"

static struct arena *arena;

static int start(void **state)
{
	(void)state;
	return arena_new(&arena, 262144);
}

static int stop(void **state)
{
	(void)state;
	arena_free(arena);
	return 0;
}

static void a_full_batch_of_the_longest_tokens_fits(void **state)
{
	static struct auth_batch b;
	static char token[TOKEN_MAX_BYTES];
	static const struct codec_bounds bounds = {
		AUTH_REQUEST_MAX_BYTES, 2 * AUTH_ASKS_PER_REQUEST + 1};
	struct auth_ask ask = {.proof = {token, sizeof(token)}};
	struct arena *big;
	ProtobufCMessage *message;
	Pb__AuthRequest *request;
	char *bytes;

	(void)state;
	memset(token, 'x', sizeof(token));
	auth_batch_init(&b, SLICE_LITERAL("credential"));
	for (uint64_t i = 0; i < AUTH_ASKS_PER_REQUEST; i++) {
		ask.kind = i % 2 == 0 ? AUTH_ASK_VERIFY : AUTH_ASK_RENEW;
		ask.nonce = i;
		auth_batch_add(&b, &ask);
	}
	assert_true(auth_batch_bytes(&b) <= AUTH_REQUEST_MAX_BYTES);
	bytes = malloc(auth_batch_bytes(&b));
	assert_non_null(bytes);
	auth_batch_write(&b, bytes);

	assert_int_equal(arena_new(&big, 1048576), 0);
	assert_int_equal(
		codec_decode(&pb__auth_request__descriptor,
			(struct slice){bytes, auth_batch_bytes(&b)}, &bounds, big, &message),
		CODEC_OK);
	request = (Pb__AuthRequest *)message;
	assert_int_equal(request->n_asks, AUTH_ASKS_PER_REQUEST);
	assert_int_equal(request->asks[2]->ask_case, PB__AUTH_ASK__ASK_VERIFY);
	assert_int_equal(request->asks[2]->verify->nonce, 2);
	assert_int_equal(request->asks[3]->renew->ticket.len, TOKEN_MAX_BYTES);
	arena_free(big);
	free(bytes);
}

struct kind_row {
	enum auth_ask_kind kind;
	Pb__AuthAsk__AskCase ask;
	uint32_t wire;
};

static const struct kind_row kinds[] = {
	{AUTH_ASK_VERIFY, PB__AUTH_ASK__ASK_VERIFY, 2},
	{AUTH_ASK_RENEW, PB__AUTH_ASK__ASK_RENEW, 2},
	{AUTH_ASK_LOGIN, PB__AUTH_ASK__ASK_LOGIN, 2},
	{AUTH_ASK_REAUTH, PB__AUTH_ASK__ASK_VERIFY, 3},
	{AUTH_ASK_REDEEM, PB__AUTH_ASK__ASK_REDEEM, 3},
	{AUTH_ASK_REFRESH, PB__AUTH_ASK__ASK_REFRESH, 3},
	{AUTH_ASK_ONE_TIME, PB__AUTH_ASK__ASK_ONE_TIME, 3},
	{AUTH_ASK_LOGOUT, PB__AUTH_ASK__ASK_LOGOUT, 3},
};
#define N_KINDS (sizeof(kinds) / sizeof(kinds[0]))

static void each_question_says_the_lowest_version_that_has_it(void **state)
{
	static struct auth_batch b;
	struct auth_ask ask = {.proof = SLICE_LITERAL("proof"),
		.ticket = SLICE_LITERAL("ticket"),
		.origin = SLICE_LITERAL("https://a"),
		.nonce = 7};

	(void)state;
	for (size_t i = 0; i < N_KINDS; i++) {
		ask.kind = kinds[i].kind;
		auth_batch_init(&b, SLICE_LITERAL("credential"));
		assert_int_equal(b.request.wire, 2);
		auth_batch_add(&b, &ask);
		assert_int_equal(b.request.wire, kinds[i].wire);
		assert_int_equal(b.list[0]->ask_case, kinds[i].ask);
	}
}

static void what_is_of_two_versions_or_travels_alone_is_of_two_lanes(void **state)
{
	static struct auth_batch b;

	(void)state;
	for (size_t i = 0; i < N_KINDS; i++) {
		struct auth_ask one = {.kind = kinds[i].kind};
		struct auth_lane lanes[AUTH_LANES];
		enum auth_lane_name lane = auth_lane_of(one.kind);

		auth_lanes_init(lanes);
		for (size_t j = 0; j < N_KINDS; j++) {
			if (auth_lane_of(kinds[j].kind) == lane)
				assert_int_equal(kinds[j].wire, kinds[i].wire);
		}
		assert_true(lanes[lane].rules->waiting > 0 && lanes[lane].rules->requests > 0);
		auth_batch_init(&b, SLICE_LITERAL("c"));
		auth_batch_add(&b, &one);
		assert_int_equal(lanes[lane].rules->asks == 1,
			b.list[0]->ask_case == PB__AUTH_ASK__ASK_LOGIN ||
				b.list[0]->ask_case == PB__AUTH_ASK__ASK_LOGOUT);
	}
}

static void a_question_keeps_all_that_it_points_to(void **state)
{
	static struct auth_batch b;
	char text[] = "proof.ticket.origin";
	struct auth_ask ask = {.kind = AUTH_ASK_REAUTH,
		.proof = {text, 5},
		.ticket = {text + 6, 6},
		.origin = {text + 13, 6},
		.nonce = 9};
	struct auth_question *q = auth_question_new(&ask);

	(void)state;
	assert_non_null(q);
	memset(text, 'x', sizeof(text));
	assert_true(slice_is(q->what.origin, "origin"));
	auth_batch_init(&b, SLICE_LITERAL("credential"));
	auth_batch_add(&b, &q->what);
	assert_true(slice_is(codec_slice(b.list[0]->verify->token), "proof"));
	assert_true(slice_is(codec_slice(b.list[0]->verify->ticket), "ticket"));
	assert_int_equal(b.list[0]->verify->nonce, 9);
	auth_question_free(q);
}

static void a_lane_keeps_the_order_and_takes_back_in_front(void **state)
{
	struct auth_lane lanes[AUTH_LANES];
	struct auth_lane *lane = &lanes[AUTH_LANE_NEWER];
	struct auth_question *q[4];
	const struct auth_ask ask = {.kind = AUTH_ASK_REFRESH};
	static const size_t order[] = {2, 0, 1, 3};
	struct auth_question *at;

	(void)state;
	auth_lanes_init(lanes);
	for (size_t i = 0; i < 4; i++) {
		q[i] = auth_question_new(&ask);
		assert_non_null(q[i]);
	}
	auth_lane_insert(lane, q[0], NULL);
	auth_lane_insert(lane, q[1], NULL);
	auth_lane_insert(lane, q[2], lane->first);
	auth_lane_insert(lane, q[3], NULL);
	assert_int_equal(lane->n, 4);
	at = lane->first;
	for (size_t i = 0; i < 4; i++, at = at->next)
		assert_ptr_equal(at, q[order[i]]);
	assert_null(at);
	auth_lane_remove(lane, q[0]);
	auth_lane_remove(lane, q[3]);
	assert_ptr_equal(lane->first->next, lane->last);
	assert_int_equal(lane->n, 2);
	auth_lane_remove(lane, q[1]);
	auth_lane_remove(lane, q[2]);
	assert_null(lane->first);
	assert_null(lane->last);
	for (size_t i = 0; i < 4; i++)
		auth_question_free(q[i]);
}

static Pb__AuthGrant good_grant(void)
{
	Pb__AuthGrant grant = PB__AUTH_GRANT__INIT;

	grant.ticket = codec_bytes(SLICE_LITERAL("ticket"));
	grant.uid = codec_bytes(SLICE_LITERAL("42"));
	grant.expires_in_ms = -5;
	grant.ends_in_ms = 7;
	grant.may_push = true;
	return grant;
}

static Pb__AuthAnswer answer_of(Pb__AuthGrant *grant)
{
	Pb__AuthAnswer answer = PB__AUTH_ANSWER__INIT;

	answer.answer_case = PB__AUTH_ANSWER__ANSWER_GRANT;
	answer.grant = grant;
	return answer;
}

static void a_grant_is_read_whole(void **state)
{
	Pb__AuthGrant grant = good_grant();
	Pb__AuthAnswer answer = answer_of(&grant);
	struct auth_reply reply;

	(void)state;
	assert_true(auth_answer_read(&answer, AUTH_ASK_VERIFY, &reply));
	assert_int_equal(reply.outcome, AUTH_GRANTED);
	assert_true(slice_is(reply.ticket, "ticket"));
	assert_true(slice_is(reply.uid, "42"));
	assert_int_equal(reply.expires_in_ms, -5);
	assert_int_equal(reply.ends_in_ms, 7);
	assert_true(reply.may_push);
}

static void a_grant_without_user_or_ticket_is_none(void **state)
{
	Pb__AuthGrant grant = good_grant();
	Pb__AuthAnswer answer = answer_of(&grant);
	struct auth_reply reply;

	(void)state;
	grant.uid = codec_bytes(SLICE_LITERAL(""));
	assert_false(auth_answer_read(&answer, AUTH_ASK_VERIFY, &reply));
	grant.uid = codec_bytes(SLICE_LITERAL("a b"));
	assert_false(auth_answer_read(&answer, AUTH_ASK_VERIFY, &reply));
	grant = good_grant();
	grant.ticket = codec_bytes(SLICE_LITERAL(""));
	assert_false(auth_answer_read(&answer, AUTH_ASK_RENEW, &reply));
}

/* Which answers say yes to which question; deny and busy answer all of them. */
static void each_answer_is_for_its_own_questions_only(void **state)
{
	static const char text[] = "0123456789012345678901234567890123456789012";
	Pb__AuthGrant grant = good_grant();
	Pb__AuthToken token = PB__AUTH_TOKEN__INIT;
	Pb__AuthOneTime one_time = PB__AUTH_ONE_TIME__INIT;
	Pb__AuthDone done = PB__AUTH_DONE__INIT;
	Pb__AuthDeny deny = PB__AUTH_DENY__INIT;
	Pb__AuthBusy busy = PB__AUTH_BUSY__INIT;
	Pb__AuthAnswer answers[6];
	struct auth_reply reply;

	(void)state;
	for (size_t i = 0; i < 6; i++)
		pb__auth_answer__init(&answers[i]);
	token.token = codec_bytes(SLICE_LITERAL("a.b.c"));
	one_time.secret = codec_bytes((struct slice){text, ONE_TIME_TEXT_BYTES});
	answers[0].answer_case = PB__AUTH_ANSWER__ANSWER_GRANT;
	answers[0].grant = &grant;
	answers[1].answer_case = PB__AUTH_ANSWER__ANSWER_TOKEN;
	answers[1].token = &token;
	answers[2].answer_case = PB__AUTH_ANSWER__ANSWER_ONE_TIME;
	answers[2].one_time = &one_time;
	answers[3].answer_case = PB__AUTH_ANSWER__ANSWER_DONE;
	answers[3].done = &done;
	answers[4].answer_case = PB__AUTH_ANSWER__ANSWER_DENY;
	answers[4].deny = &deny;
	answers[5].answer_case = PB__AUTH_ANSWER__ANSWER_BUSY;
	answers[5].busy = &busy;
	for (size_t k = 0; k < N_KINDS; k++) {
		static const size_t right[N_KINDS] = {0, 0, 1, 0, 0, 1, 2, 3};

		for (size_t i = 0; i < 4; i++)
			assert_int_equal(auth_answer_read(&answers[i], kinds[k].kind, &reply),
				i == right[k]);
		assert_true(auth_answer_read(&answers[right[k]], kinds[k].kind, &reply));
		assert_int_equal(reply.outcome, AUTH_GRANTED);
		assert_true(auth_answer_read(&answers[4], kinds[k].kind, &reply));
		assert_int_equal(reply.outcome, AUTH_DENIED);
		assert_true(auth_answer_read(&answers[5], kinds[k].kind, &reply));
		assert_int_equal(reply.outcome, AUTH_BUSY);
	}
	token.token = codec_bytes(SLICE_LITERAL(""));
	assert_false(auth_answer_read(&answers[1], AUTH_ASK_LOGIN, &reply));
	one_time.secret = codec_bytes(SLICE_LITERAL("short"));
	assert_false(auth_answer_read(&answers[2], AUTH_ASK_ONE_TIME, &reply));
}

static void an_empty_answer_grants_nothing(void **state)
{
	Pb__AuthAnswer answer = PB__AUTH_ANSWER__INIT;
	struct auth_reply reply;

	(void)state;
	assert_false(auth_answer_read(&answer, AUTH_ASK_VERIFY, &reply));
	assert_int_not_equal(reply.outcome, AUTH_BUSY);
}

static void a_reply_must_have_an_answer_to_each_question(void **state)
{
	Pb__AuthGrant grant = good_grant();
	Pb__AuthAnswer answer = answer_of(&grant);
	Pb__AuthAnswer *list[] = {&answer, &answer};
	Pb__AuthReply reply = PB__AUTH_REPLY__INIT;
	Pb__AuthAnswer *const *read;
	uint8_t bytes[512];
	struct slice in = {(const char *)bytes, 0};

	(void)state;
	reply.wire = WIRE_VERSION;
	reply.n_answers = 2;
	reply.answers = list;
	in.len = pb__auth_reply__pack(&reply, bytes);
	assert_true(auth_answers_read(arena, in, 2, &read));
	assert_int_equal(read[1]->answer_case, PB__AUTH_ANSWER__ANSWER_GRANT);
	assert_false(auth_answers_read(arena, in, 1, &read));
	assert_false(auth_answers_read(arena, in, 3, &read));
	in.len--;
	assert_false(auth_answers_read(arena, in, 2, &read));
	reply.wire = WIRE_VERSION + 1;
	in.len = pb__auth_reply__pack(&reply, bytes);
	assert_false(auth_answers_read(arena, in, 2, &read));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_full_batch_of_the_longest_tokens_fits),
		cmocka_unit_test(each_question_says_the_lowest_version_that_has_it),
		cmocka_unit_test(what_is_of_two_versions_or_travels_alone_is_of_two_lanes),
		cmocka_unit_test(a_question_keeps_all_that_it_points_to),
		cmocka_unit_test(a_lane_keeps_the_order_and_takes_back_in_front),
		cmocka_unit_test(a_grant_is_read_whole),
		cmocka_unit_test(a_grant_without_user_or_ticket_is_none),
		cmocka_unit_test(each_answer_is_for_its_own_questions_only),
		cmocka_unit_test(an_empty_answer_grants_nothing),
		cmocka_unit_test(a_reply_must_have_an_answer_to_each_question),
	};

	return cmocka_run_group_tests(tests, start, stop);
}
