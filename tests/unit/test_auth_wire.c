/* Questions for auth as bytes, and what may be an answer. */
#include <stdlib.h>

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
	assert_false(auth_answer_read(&answer, AUTH_ASK_LOGIN, &reply));
	grant.uid = codec_bytes(SLICE_LITERAL(""));
	assert_false(auth_answer_read(&answer, AUTH_ASK_VERIFY, &reply));
	grant.uid = codec_bytes(SLICE_LITERAL("a b"));
	assert_false(auth_answer_read(&answer, AUTH_ASK_VERIFY, &reply));
	grant = good_grant();
	grant.ticket = codec_bytes(SLICE_LITERAL(""));
	assert_false(auth_answer_read(&answer, AUTH_ASK_RENEW, &reply));
}

static void a_token_answers_a_login_only(void **state)
{
	Pb__AuthToken token = PB__AUTH_TOKEN__INIT;
	Pb__AuthAnswer answer = PB__AUTH_ANSWER__INIT;
	struct auth_reply reply;

	(void)state;
	answer.answer_case = PB__AUTH_ANSWER__ANSWER_TOKEN;
	answer.token = &token;
	token.token = codec_bytes(SLICE_LITERAL("a.b.c"));
	assert_true(auth_answer_read(&answer, AUTH_ASK_LOGIN, &reply));
	assert_int_equal(reply.outcome, AUTH_GRANTED);
	assert_false(auth_answer_read(&answer, AUTH_ASK_VERIFY, &reply));
	token.token = codec_bytes(SLICE_LITERAL(""));
	assert_false(auth_answer_read(&answer, AUTH_ASK_LOGIN, &reply));
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
		cmocka_unit_test(a_grant_is_read_whole),
		cmocka_unit_test(a_grant_without_user_or_ticket_is_none),
		cmocka_unit_test(a_token_answers_a_login_only),
		cmocka_unit_test(an_empty_answer_grants_nothing),
		cmocka_unit_test(a_reply_must_have_an_answer_to_each_question),
	};

	return cmocka_run_group_tests(tests, start, stop);
}
