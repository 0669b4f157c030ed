/*
 * questions: what a token, a one-time ticket or the ticket of a live session is answered, and what
 * a revocation makes of each.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "proto/codes.h"
#include "tests/unit/dispatch_rig.h"
#include "tests/unit/test.h"

#define ORIGIN "https://app.example"

static const Pb__AuthAnswer *ask_one(Pb__AuthAsk *ask)
{
	Pb__AuthAsk *asks[] = {ask};

	send_asks(asks, 1);
	return reply_read(1)->answers[0];
}

static const Pb__AuthAnswer *ask_refresh(const char *token)
{
	Pb__AuthAsk ask = PB__AUTH_ASK__INIT;
	Pb__AuthRefresh refresh = PB__AUTH_REFRESH__INIT;

	refresh.token = codec_bytes(slice_of(token));
	ask.ask_case = PB__AUTH_ASK__ASK_REFRESH;
	ask.refresh = &refresh;
	return ask_one(&ask);
}

static const Pb__AuthAnswer *ask_one_time(const char *token, const char *origin)
{
	Pb__AuthAsk ask = PB__AUTH_ASK__INIT;
	Pb__AuthOneTimeOrder order = PB__AUTH_ONE_TIME_ORDER__INIT;

	order.token = codec_bytes(slice_of(token));
	order.origin = codec_bytes(slice_of(origin));
	ask.ask_case = PB__AUTH_ASK__ASK_ONE_TIME;
	ask.one_time = &order;
	return ask_one(&ask);
}

static const Pb__AuthAnswer *ask_redeem(const char *secret, const char *origin)
{
	Pb__AuthAsk ask = PB__AUTH_ASK__INIT;
	Pb__AuthRedeem redeem = PB__AUTH_REDEEM__INIT;

	redeem.secret = codec_bytes(slice_of(secret));
	redeem.origin = codec_bytes(slice_of(origin));
	redeem.nonce = 99;
	ask.ask_case = PB__AUTH_ASK__ASK_REDEEM;
	ask.redeem = &redeem;
	return ask_one(&ask);
}

static const Pb__AuthAnswer *ask_reauth(const char *token, struct slice ticket)
{
	Pb__AuthAsk ask;
	Pb__AuthVerify verify;

	verify_init(&ask, &verify, token, 1234);
	verify.ticket = codec_bytes(ticket);
	return ask_one(&ask);
}

static bool is_denied(const Pb__AuthAnswer *answer)
{
	return answer->answer_case == PB__AUTH_ANSWER__ANSWER_DENY;
}

static struct ticket ticket_of(const Pb__AuthAnswer *answer)
{
	struct ticket t;

	assert_int_equal(answer->answer_case, PB__AUTH_ANSWER__ANSWER_GRANT);
	assert_int_equal(
		ticket_verify(a.ticket_keys, codec_slice(answer->grant->ticket), &t), TICKET_OK);
	return t;
}

/* A one-time ticket's text, until the next. */
static const char *one_time(const char *token, const char *origin)
{
	static char text[ONE_TIME_TEXT_BYTES + 1];
	const Pb__AuthAnswer *answer = ask_one_time(token, origin);

	assert_int_equal(answer->answer_case, PB__AUTH_ANSWER__ANSWER_ONE_TIME);
	assert_int_equal(answer->one_time->secret.len, ONE_TIME_TEXT_BYTES);
	memcpy(text, answer->one_time->secret.data, ONE_TIME_TEXT_BYTES);
	return text;
}

static void revoke_user(const char *uid)
{
	const struct revocation one = {.kind = REVOCATION_USER,
		.uid = slice_of(uid),
		.wall_ms = clock_wall_ms(),
		.boot_ms = boot_ms,
		.code = CLOSE_REVOKED};

	assert_int_equal(revocations_add(a.revocations, &one, 1), 0);
}

static void revoke_token(const char *token)
{
	struct token_facts facts;
	struct revocation one = {.kind = REVOCATION_TOKEN,
		.wall_ms = clock_wall_ms(),
		.boot_ms = boot_ms,
		.code = CLOSE_LOGGED_OUT};

	assert_int_equal(token_check(a.ring, slice_of(token), clock_wall_ms(), &facts), TOKEN_GOOD);
	one.hash = facts.hash;
	assert_int_equal(revocations_add(a.revocations, &one, 1), 0);
}

static void a_one_time_ticket_opens_one_session_as_its_token_would(void **state)
{
	char *token = own_token("ann", 3600, "push");
	const char *text = one_time(token, ORIGIN);
	struct token_facts facts;
	struct ticket t;

	(void)state;
	boot_ms += ONE_TIME_MS - 1;
	t = ticket_of(ask_redeem(text, ORIGIN));
	assert_int_equal(token_check(a.ring, slice_of(token), clock_wall_ms(), &facts), TOKEN_GOOD);
	assert_true(t.token_hash == facts.hash);
	assert_int_equal(t.issuer_id, facts.issuer_id);
	assert_true(t.nonce == 99);
	assert_int_equal(t.edge_id, 3);
	assert_int_equal(t.flags, TICKET_MAY_SEND | TICKET_MAY_PUSH);
	assert_int_equal(t.ceiling_ms, BOOT + 3600000 + TOKEN_LEEWAY_MS);
	assert_true(is_denied(ask_redeem(text, ORIGIN)));
	free(token);
}

static void what_is_no_one_time_ticket_is_denied(void **state)
{
	char *token = own_token("ann", 3600, NULL);
	const char *text;

	(void)state;
	text = one_time(token, ORIGIN);
	assert_true(is_denied(ask_redeem(text, "https://evil.example")));
	assert_true(is_denied(ask_redeem(text, ORIGIN)));
	text = one_time(token, NULL);
	assert_true(is_denied(ask_redeem(text, ORIGIN)));
	text = one_time(token, ORIGIN);
	boot_ms += ONE_TIME_MS;
	assert_true(is_denied(ask_redeem(text, ORIGIN)));
	assert_true(is_denied(ask_redeem("", "")));
	assert_true(is_denied(ask_redeem(token, "")));
	free(token);
}

static void a_one_time_ticket_ends_with_its_token(void **state)
{
	char *token = own_token("ann", 10, NULL);
	const Pb__AuthAnswer *answer;
	const char *text;

	(void)state;
	boot_ms += 10000 + TOKEN_LEEWAY_MS - 1000;
	answer = ask_one_time(token, ORIGIN);
	assert_int_equal(answer->one_time->expires_in_ms, 1000);
	text = one_time(token, ORIGIN);
	boot_ms += 1000;
	assert_true(is_denied(ask_redeem(text, ORIGIN)));
	assert_true(is_denied(ask_one_time(token, ORIGIN)));
	assert_true(is_denied(ask_one_time("x", ORIGIN)));
	free(token);
}

static void a_one_time_ticket_of_somebody_revoked_is_void(void **state)
{
	char *ann = own_token("ann", 3600, NULL);
	char *ben = own_token("ben", 3600, NULL);
	const char *text;

	(void)state;
	text = one_time(ann, ORIGIN);
	revoke_user("ann");
	assert_true(is_denied(ask_redeem(text, ORIGIN)));
	assert_true(is_denied(ask_one_time(ann, ORIGIN)));
	text = one_time(ben, ORIGIN);
	revoke_token(ben);
	assert_true(is_denied(ask_redeem(text, ORIGIN)));
	assert_true(is_denied(ask_one_time(ben, ORIGIN)));
	free(ann);
	free(ben);
}

static void a_full_table_is_busy_until_its_oldest_expires(void **state)
{
	struct token_facts facts = {.uid_len = 2};
	char *token = own_token("ann", 3600, NULL);
	char text[ONE_TIME_TEXT_BYTES + 1];
	const Pb__AuthAnswer *answer;

	(void)state;
	for (unsigned i = 0; i < ONE_TIME_MAX; i++) {
		unsigned char random[ONE_TIME_BYTES] = {0};

		memcpy(random, &i, sizeof(i));
		facts.uid_len = (size_t)snprintf(
			facts.uid, sizeof(facts.uid), "u%u", i / ONE_TIME_PER_USER);
		assert_int_equal(
			onetime_make(a.onetime, random, &facts, slice_of(NULL), boot_ms, text), 0);
	}
	boot_ms += 10000;
	answer = ask_one_time(token, ORIGIN);
	assert_int_equal(answer->answer_case, PB__AUTH_ANSWER__ANSWER_BUSY);
	assert_int_equal(answer->busy->retry_after_ms, ONE_TIME_MS - 10000);
	boot_ms += ONE_TIME_MS - 10000;
	(void)one_time(token, ORIGIN);
	free(token);
}

static char *refreshed(const char *token)
{
	const Pb__AuthAnswer *answer = ask_refresh(token);

	assert_int_equal(answer->answer_case, PB__AUTH_ANSWER__ANSWER_TOKEN);
	return strndup((const char *)answer->token->token.data, answer->token->token.len);
}

static void a_token_is_refreshed_and_the_new_one_verifies(void **state)
{
	char *token = login_token("ann", 3600, "push");
	char *fresh;

	(void)state;
	boot_ms += 3600000;
	fresh = refreshed(token);
	boot_ms += TOKEN_LEEWAY_MS;
	assert_true(is_denied(verify_one(token)));
	assert_true(is_denied(ask_refresh(token)));
	(void)ticket_of(verify_one(fresh));
	free(token);
	free(fresh);
}

static void a_token_of_no_login_verifies_and_is_not_refreshed(void **state)
{
	char *token = own_token("ann", 60, "push");

	(void)state;
	(void)ticket_of(verify_one(token));
	assert_true(is_denied(ask_refresh(token)));
	free(token);
}

static void one_revocation_ends_all_tokens_of_a_login(void **state)
{
	char *token = login_token("ann", 3600, NULL);
	char *fresh = refreshed(token);

	(void)state;
	revoke_token(token);
	assert_true(is_denied(ask_refresh(token)));
	assert_true(is_denied(verify_one(fresh)));
	assert_true(is_denied(ask_refresh(fresh)));
	free(token);
	free(fresh);
}

static void a_revoked_user_gets_no_new_token_for_an_old_one(void **state)
{
	char *token = login_token("ann", 3600, NULL);

	(void)state;
	boot_ms += 1000;
	revoke_user("ann");
	assert_true(is_denied(ask_refresh(token)));
	free(token);
}

static void many_refreshes_stay_within_a_reply(void **state)
{
	Pb__AuthAsk asks[AUTH_ASKS_PER_REQUEST], *list[AUTH_ASKS_PER_REQUEST];
	Pb__AuthRefresh refreshes[AUTH_ASKS_PER_REQUEST];
	char name[513];
	struct token_order order = {.sub = slice_of("ann"),
		.name = {name, 512},
		.scope = {name, 512},
		.iat_s = clock_wall_ms() / 1000,
		.ttl_s = 60,
		.auth_time_s = clock_wall_ms() / 1000,
		.jti = {1, 2}};
	const Pb__AuthReply *reply;
	char *token = NULL;
	unsigned n[2] = {0, 0};

	(void)state;
	memset(name, 'x', sizeof(name));
	assert_int_equal(token_make(&token, keyring_own(a.ring), &order), 0);
	for (unsigned i = 0; i < AUTH_ASKS_PER_REQUEST; i++) {
		pb__auth_ask__init(&asks[i]);
		pb__auth_refresh__init(&refreshes[i]);
		refreshes[i].token = codec_bytes(slice_of(token));
		asks[i].ask_case = PB__AUTH_ASK__ASK_REFRESH;
		asks[i].refresh = &refreshes[i];
		list[i] = &asks[i];
	}
	send_asks(list, AUTH_ASKS_PER_REQUEST);
	reply = reply_read(AUTH_ASKS_PER_REQUEST);
	for (unsigned i = 0; i < AUTH_ASKS_PER_REQUEST; i++) {
		n[0] += reply->answers[i]->answer_case == PB__AUTH_ANSWER__ANSWER_TOKEN;
		n[1] += reply->answers[i]->answer_case == PB__AUTH_ANSWER__ANSWER_BUSY;
	}
	assert_int_equal(n[0] + n[1], AUTH_ASKS_PER_REQUEST);
	assert_true(n[0] > 10 && n[1] > 10);
	free(token);
}

/* The live session of a token, as bytes; until the next. */
static struct slice live_ticket(const char *token)
{
	static unsigned char bytes[TICKET_MAX_BYTES];
	const Pb__AuthAnswer *answer = verify_one(token);

	assert_int_equal(answer->answer_case, PB__AUTH_ANSWER__ANSWER_GRANT);
	memcpy(bytes, answer->grant->ticket.data, answer->grant->ticket.len);
	return (struct slice){(const char *)bytes, answer->grant->ticket.len};
}

static void the_same_user_goes_on_in_his_session(void **state)
{
	char *token = own_token("ann", 3600, NULL);
	struct slice live = live_ticket(token);
	struct ticket before, after;
	char *next;

	(void)state;
	assert_int_equal(ticket_verify(a.ticket_keys, live, &before), TICKET_OK);
	boot_ms += 60000;
	next = own_token("ann", 600, "push read-only");
	after = ticket_of(ask_reauth(next, live));
	assert_true(after.session == before.session);
	assert_int_equal(after.flags, TICKET_READ_ONLY | TICKET_MAY_PUSH);
	assert_int_equal(after.ceiling_ms, boot_ms + 600000 + TOKEN_LEEWAY_MS);
	assert_int_equal(after.issued_at_ms, boot_ms);
	assert_true(after.nonce == before.nonce);
	free(token);
	free(next);
}

static void another_user_gets_a_session_of_his_own(void **state)
{
	char *ann = own_token("ann", 3600, NULL);
	char *ben = own_token("ben", 3600, NULL);
	struct slice live = live_ticket(ann);
	struct ticket before, after;

	(void)state;
	assert_int_equal(ticket_verify(a.ticket_keys, live, &before), TICKET_OK);
	after = ticket_of(ask_reauth(ben, live));
	assert_true(after.session != before.session);
	assert_true(after.nonce == 1234);
	assert_int_equal(after.uid_len, 3);
	assert_memory_equal(after.uid, "ben", 3);
	free(ann);
	free(ben);
}

static void a_bad_live_ticket_or_token_is_denied(void **state)
{
	char *token = own_token("ann", 3600, NULL);
	char *soon = own_token("ann", 30, NULL);
	struct slice live = live_ticket(token);
	unsigned char bad[TICKET_MAX_BYTES];

	(void)state;
	assert_true(is_denied(ask_reauth("x", live)));
	for (size_t i = 0; i < live.len; i++) {
		memcpy(bad, live.data, live.len);
		bad[i] ^= 1;
		assert_true(is_denied(ask_reauth(token, (struct slice){(char *)bad, live.len})));
		boot_ms++; /* the edge's share fills up again */
		boot_ms += 20;
	}
	assert_true(is_denied(ask_reauth(token, (struct slice){live.data, live.len - 1})));
	assert_true(is_denied(ask_reauth(token, SLICE_LITERAL("x"))));
	(void)ticket_of(ask_reauth(token, live));
	/* of another edge, of another life of this one */
	credential_mint(a.ticket_keys, 4, 9, credential);
	assert_true(is_denied(ask_reauth(token, live)));
	credential_mint(a.ticket_keys, 3, 10, credential);
	assert_true(is_denied(ask_reauth(token, live)));
	credential_mint(a.ticket_keys, 3, 10, credential);
	free(soon);
	free(token);
}

static void a_live_ticket_that_ended_or_was_revoked_is_denied(void **state)
{
	char *token = own_token("ann", 36000, NULL);
	struct slice live = live_ticket(token);
	char *next;

	(void)state;
	boot_ms += SESSION_MAX_MS;
	assert_true(is_denied(ask_reauth(token, live)));
	live = live_ticket(token);
	boot_ms += 1000;
	revoke_user("ann");
	boot_ms += 1000;
	next = own_token("ann", 3600, NULL);
	(void)ticket_of(verify_one(next));
	assert_true(is_denied(ask_reauth(next, live)));
	free(token);
	free(next);
}

static void an_edge_of_the_wire_before_may_not_ask_the_new_questions(void **state)
{
	char *token = own_token("ann", 3600, NULL);
	Pb__AuthAsk ask = PB__AUTH_ASK__INIT, *asks[] = {&ask};
	Pb__AuthRefresh refresh = PB__AUTH_REFRESH__INIT;
	Pb__AuthRequest message = PB__AUTH_REQUEST__INIT;

	(void)state;
	refresh.token = codec_bytes(slice_of(token));
	ask.ask_case = PB__AUTH_ASK__ASK_REFRESH;
	ask.refresh = &refresh;
	message.wire = 2;
	message.credential =
		codec_bytes((struct slice){(const char *)credential, CREDENTIAL_BYTES});
	message.n_asks = 1;
	message.asks = asks;
	send_message(&message);
	expect_violation();
	free(token);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, dispatch_rig_setup, dispatch_rig_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_one_time_ticket_opens_one_session_as_its_token_would),
		TEST(what_is_no_one_time_ticket_is_denied),
		TEST(a_one_time_ticket_ends_with_its_token),
		TEST(a_one_time_ticket_of_somebody_revoked_is_void),
		TEST(a_full_table_is_busy_until_its_oldest_expires),
		TEST(a_token_is_refreshed_and_the_new_one_verifies),
		TEST(a_token_of_no_login_verifies_and_is_not_refreshed),
		TEST(one_revocation_ends_all_tokens_of_a_login),
		TEST(a_revoked_user_gets_no_new_token_for_an_old_one),
		TEST(many_refreshes_stay_within_a_reply),
		TEST(the_same_user_goes_on_in_his_session),
		TEST(another_user_gets_a_session_of_his_own),
		TEST(a_bad_live_ticket_or_token_is_denied),
		TEST(a_live_ticket_that_ended_or_was_revoked_is_denied),
		TEST(an_edge_of_the_wire_before_may_not_ask_the_new_questions),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
