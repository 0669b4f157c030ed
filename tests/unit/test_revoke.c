/*
 * revoke: logouts, and authctl's revocations, from the question to the answer; the router is played
 * by the rig, which says when it has them.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "auth/token.h"
#include "common/clock.h"
#include "proto/codes.h"
#include "proto/limits.h"
#include "tests/unit/dispatch_rig.h"
#include "tests/unit/test.h"

static Pb__AuthAnswer__AnswerCase verdict_of(const char *token)
{
	return verify_one(token)->answer_case;
}

static void expect_good(const char *token)
{
	assert_int_equal(verdict_of(token), PB__AUTH_ANSWER__ANSWER_GRANT);
}

static void expect_denied(const char *token)
{
	assert_int_equal(verdict_of(token), PB__AUTH_ANSWER__ANSWER_DENY);
}

/* A token of its own. */
static char *token_of(const char *sub, uint64_t jti)
{
	struct token_order order = {.sub = slice_of(sub),
		.iat_s = clock_wall_ms() / 1000,
		.ttl_s = 600,
		.auth_time_s = clock_wall_ms() / 1000,
		.jti = {0, jti}};
	char *token = NULL;

	assert_int_equal(token_make(&token, keyring_own(a.ring), &order), 0);
	return token;
}

static void logout_send(const char *token, uint32_t wire)
{
	Pb__AuthAsk ask = PB__AUTH_ASK__INIT, *asks[] = {&ask};
	Pb__AuthLogout logout = PB__AUTH_LOGOUT__INIT;
	Pb__AuthRequest message = PB__AUTH_REQUEST__INIT;

	logout.token = codec_bytes(slice_of(token));
	ask.ask_case = PB__AUTH_ASK__ASK_LOGOUT;
	ask.logout = &logout;
	message.wire = wire;
	message.credential =
		codec_bytes((struct slice){(const char *)credential, sizeof(credential)});
	message.n_asks = 1;
	message.asks = asks;
	send_message(&message);
}

static void expect_answer(Pb__AuthAnswer__AnswerCase answer)
{
	assert_int_equal(reply_read(1)->answers[0]->answer_case, answer);
}

static void a_logout_ends_its_token_and_is_answered_when_the_router_has_it(void **state)
{
	char *token = token_of("ann", 1);
	char *other = token_of("ann", 2);

	(void)state;
	expect_good(token);
	logout_send(token, 3);
	assert_null(answer_bytes().data);
	assert_int_equal(waited_for, facts_last(a.facts));
	assert_int_equal(a.logouts_in_flight, 1);
	assert_int_equal(router_answers(true), 1);
	expect_answer(PB__AUTH_ANSWER__ANSWER_DONE);
	assert_int_equal(a.logouts_in_flight, 0);
	expect_denied(token);
	expect_good(other);
	logout_send(token, 3); /* once is enough */
	expect_answer(PB__AUTH_ANSWER__ANSWER_DENY);
	logout_send(other, 3);
	assert_int_equal(router_answers(false), 1); /* the router is away: it gets it later */
	expect_answer(PB__AUTH_ANSWER__ANSWER_DONE);
	expect_denied(other);
	free(token);
	free(other);
}

static void a_token_that_is_not_good_cannot_be_logged_out(void **state)
{
	char *token = token_of("ann", 1);

	(void)state;
	token[30] ^= 1;
	logout_send(token, 3);
	expect_answer(PB__AUTH_ANSWER__ANSWER_DENY);
	assert_int_equal(revocations_count(a.revocations), 0);
	free(token);
	token = token_of("ann", 1);
	boot_ms += 600000 + TOKEN_LEEWAY_MS;
	logout_send(token, 3);
	expect_answer(PB__AUTH_ANSWER__ANSWER_DENY);
	logout_send(token, 2); /* not a question of that wire */
	expect_violation();
	free(token);
}

static char *refreshed(const char *token)
{
	Pb__AuthAsk ask = PB__AUTH_ASK__INIT, *asks[] = {&ask};
	Pb__AuthRefresh refresh = PB__AUTH_REFRESH__INIT;
	const Pb__AuthAnswer *answer;
	char *fresh;

	refresh.token = codec_bytes(slice_of(token));
	ask.ask_case = PB__AUTH_ASK__ASK_REFRESH;
	ask.refresh = &refresh;
	send_asks(asks, 1);
	answer = reply_read(1)->answers[0];
	assert_int_equal(answer->answer_case, PB__AUTH_ANSWER__ANSWER_TOKEN);
	fresh = strndup((const char *)answer->token->token.data, answer->token->token.len);
	assert_non_null(fresh);
	return fresh;
}

static void a_logout_ends_all_tokens_of_the_login_for_as_long_as_they_live(void **state)
{
	char *first = token_of("ann", 1);
	char *second, *third;

	(void)state;
	boot_ms += 500000;
	second = refreshed(first);
	logout_send(first, 3);
	assert_int_equal(router_answers(true), 1);
	expect_denied(second);
	/* The revocation outlives whatever was refreshed until then; a day later it is pruned. */
	boot_ms += REFRESH_MAX_MS;
	assert_int_equal(revocations_prune(a.revocations, clock_wall_ms()), 0);
	assert_int_equal(revocations_count(a.revocations), 1);
	boot_ms += LOGIN_TTL_S * 1000 + 2 * TOKEN_LEEWAY_MS + 86400000;
	third = token_of("ben", 7);
	logout_send(third, 3); /* the last fact is never pruned from the disk */
	assert_int_equal(router_answers(true), 1);
	assert_int_equal(revocations_prune(a.revocations, clock_wall_ms()), 0);
	assert_int_equal(revocations_count(a.revocations), 1);
	expect_denied(third);
	free(first);
	free(second);
	free(third);
}

static void a_ticket_of_a_token_that_was_logged_out_is_not_renewed(void **state)
{
	char *token = token_of("ann", 1);
	const Pb__AuthAnswer *answer = verify_one(token);
	unsigned char ticket[TICKET_MAX_BYTES];
	Pb__AuthAsk ask = PB__AUTH_ASK__INIT, *asks[] = {&ask};
	Pb__AuthRenew renew = PB__AUTH_RENEW__INIT;

	(void)state;
	renew.ticket = codec_bytes((struct slice){(const char *)ticket, answer->grant->ticket.len});
	memcpy(ticket, answer->grant->ticket.data, answer->grant->ticket.len);
	ask.ask_case = PB__AUTH_ASK__ASK_RENEW;
	ask.renew = &renew;
	send_asks(asks, 1);
	expect_answer(PB__AUTH_ANSWER__ANSWER_GRANT);
	logout_send(token, 3);
	assert_int_equal(router_answers(true), 1);
	send_asks(asks, 1);
	expect_answer(PB__AUTH_ANSWER__ANSWER_DENY);
	free(token);
}

static void logouts_do_not_take_every_context_while_the_router_is_away(void **state)
{
	char *token = token_of("ann", 1);

	(void)state;
	a.logouts_in_flight = 32; /* the rig has one request at a time */
	logout_send(token, 3);
	expect_answer(PB__AUTH_ANSWER__ANSWER_BUSY);
	expect_good(token); /* nothing happened */
	a.logouts_in_flight = 31;
	logout_send(token, 3);
	assert_int_equal(router_answers(false), 1);
	expect_answer(PB__AUTH_ANSWER__ANSWER_DONE);
	assert_int_equal(a.logouts_in_flight, 31);
	free(token);
}

/* authctl */

struct ordered {
	const char *user;
	const char *jti;
	const char *issuer;
	const char *token;
};

static ProtobufCBinaryData bytes_of(const char *text)
{
	return codec_bytes(text == NULL ? (struct slice){0} : slice_of(text));
}

static void revoke_send(const struct ordered *o)
{
	Pb__AuthCtlRequest order = PB__AUTH_CTL_REQUEST__INIT;
	Pb__CtlRevoke revoke = PB__CTL_REVOKE__INIT;
	unsigned char bytes[8192];

	revoke.user = bytes_of(o->user);
	revoke.jti = bytes_of(o->jti);
	revoke.issuer = bytes_of(o->issuer);
	revoke.token = bytes_of(o->token);
	order.wire = 3;
	order.command_case = PB__AUTH_CTL_REQUEST__COMMAND_REVOKE;
	order.revoke = &revoke;
	assert_true(pb__auth_ctl_request__get_packed_size(&order) <= sizeof(bytes));
	send_ctl(bytes, pb__auth_ctl_request__pack(&order, bytes));
}

static void expect_refused(const struct ordered *o, unsigned code)
{
	revoke_send(o);
	assert_int_equal(ctl_reply_read()->code, code);
	assert_int_equal(revocations_count(a.revocations), 0);
}

static const Pb__CtlDone *revoke_done(const struct ordered *o, bool in_force)
{
	revoke_send(o);
	assert_null(answer_bytes().data);
	assert_int_equal(router_answers(in_force), 1);
	assert_int_equal(ctl_reply_read()->code, 0);
	assert_int_equal(ctl_reply_read()->result_case, PB__AUTH_CTL_REPLY__RESULT_DONE);
	return ctl_reply_read()->done;
}

static void authctl_revokes_a_user_and_hears_whether_it_is_in_force(void **state)
{
	char *ann = token_of("ann", 1);
	char *ben = token_of("ben", 2);
	char *again;
	const Pb__CtlDone *revoked;

	(void)state;
	revoked = revoke_done(&(struct ordered){.user = "ann"}, true);
	assert_true(revoked->in_force);
	assert_true(slice_is(codec_slice(revoked->uid), "ann"));
	expect_denied(ann);
	expect_good(ben);
	assert_false(revoke_done(&(struct ordered){.user = "ben"}, false)->in_force);
	expect_denied(ben);
	boot_ms += 1000;
	again = token_of("ann", 3);
	expect_good(again);
	free(ann);
	free(ben);
	free(again);
}

/* Whoever may log in can log out as often; operators must be able to revoke all the same. */
static void logouts_leave_room_for_operators(void **state)
{
	enum { N = RIG_REVOCATIONS_MAX / 2 - 1 };
	static struct revocation list[N];
	static char uid[N][8];
	char *last = token_of("ann", 1);
	char *over = token_of("ann", 2);

	(void)state;
	for (size_t i = 0; i < N; i++) {
		snprintf(uid[i], sizeof(uid[i]), "u%zu", i);
		list[i] = (struct revocation){.kind = REVOCATION_TOKEN,
			.uid = slice_of(uid[i]),
			.hash = i,
			.wall_ms = 1,
			.boot_ms = 1,
			.code = CLOSE_LOGGED_OUT};
	}
	assert_int_equal(revocations_add(a.revocations, list, N), 0);
	logout_send(last, 3);
	assert_int_equal(router_answers(true), 1);
	expect_answer(PB__AUTH_ANSWER__ANSWER_DONE);
	logout_send(over, 3);
	expect_answer(PB__AUTH_ANSWER__ANSWER_BUSY);
	expect_good(over);
	assert_true(revoke_done(&(struct ordered){.user = "ann"}, true)->in_force);
	expect_denied(over);
	free(last);
	free(over);
}

static void authctl_revokes_a_jti_an_issuer_and_a_token(void **state)
{
	char *by_jti = token_of("ann", 0xa1);
	char *by_name = token_of("ann", 0xa2);
	char *by_token = token_of("ann", 0xa3);
	char *by_issuer = token_of("ann", 0xa4);
	struct ordered jti = {.jti = "000000000000000000000000000000a1"};
	struct ordered name = {.jti = "000000000000000000000000000000a2", .issuer = "own"};
	struct ordered token = {.token = by_token};
	struct ordered issuer = {.issuer = "postern"};

	(void)state;
	assert_true(revoke_done(&jti, true)->in_force);
	expect_denied(by_jti);
	expect_good(by_name);
	assert_true(revoke_done(&name, true)->in_force);
	expect_denied(by_name);
	expect_good(by_token);
	assert_true(slice_is(codec_slice(revoke_done(&token, true)->uid), "ann"));
	expect_denied(by_token);
	expect_good(by_issuer);
	assert_int_equal(revoke_done(&issuer, true)->uid.len, 0);
	expect_denied(by_issuer);
	free(by_jti);
	free(by_name);
	free(by_token);
	free(by_issuer);
}

static void an_order_that_names_nothing_or_too_much_is_refused(void **state)
{
	char *token = token_of("ann", 1);

	(void)state;
	expect_refused(&(struct ordered){.user = NULL}, EX_BAD_DATA);
	expect_refused(&(struct ordered){.user = "no uid"}, EX_BAD_DATA);
	expect_refused(&(struct ordered){.user = "ann", .jti = "x"}, EX_BAD_DATA);
	expect_refused(&(struct ordered){.user = "ann", .token = token}, EX_BAD_DATA);
	expect_refused(&(struct ordered){.token = token, .issuer = "own"}, EX_BAD_DATA);
	expect_refused(&(struct ordered){.issuer = "nobody"}, EX_BAD_DATA);
	expect_refused(&(struct ordered){.jti = "x", .issuer = "nobody"}, EX_BAD_DATA);
	expect_refused(&(struct ordered){.token = "a.b.c"}, EX_TOKEN_INVALID);
	token[30] ^= 1;
	expect_refused(&(struct ordered){.token = token}, EX_TOKEN_INVALID);
	free(token);
}

static void check_says_that_a_token_is_revoked(void **state)
{
	char *token = token_of("ann", 1);
	Pb__AuthCtlRequest order = PB__AUTH_CTL_REQUEST__INIT;
	Pb__CtlCheck check = PB__CTL_CHECK__INIT;
	unsigned char bytes[8192];

	(void)state;
	check.token = codec_bytes(slice_of(token));
	order.wire = 2;
	order.command_case = PB__AUTH_CTL_REQUEST__COMMAND_CHECK;
	order.check = &check;
	send_ctl(bytes, pb__auth_ctl_request__pack(&order, bytes));
	assert_true(ctl_reply_read()->verdict->valid);
	(void)revoke_done(&(struct ordered){.user = "ann"}, true);
	send_ctl(bytes, pb__auth_ctl_request__pack(&order, bytes));
	assert_false(ctl_reply_read()->verdict->valid);
	assert_true(slice_is(codec_slice(ctl_reply_read()->verdict->reason), "revoked"));
	assert_true(slice_is(codec_slice(ctl_reply_read()->verdict->uid), "ann"));
	free(token);
}

/* Whoever still waits is answered, so that nothing is lost. */
static int teardown(void **state)
{
	(void)router_answers(false);
	return dispatch_rig_teardown(state);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, dispatch_rig_setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_logout_ends_its_token_and_is_answered_when_the_router_has_it),
		TEST(a_token_that_is_not_good_cannot_be_logged_out),
		TEST(a_logout_ends_all_tokens_of_the_login_for_as_long_as_they_live),
		TEST(a_ticket_of_a_token_that_was_logged_out_is_not_renewed),
		TEST(logouts_do_not_take_every_context_while_the_router_is_away),
		TEST(authctl_revokes_a_user_and_hears_whether_it_is_in_force),
		TEST(logouts_leave_room_for_operators),
		TEST(authctl_revokes_a_jti_an_issuer_and_a_token),
		TEST(an_order_that_names_nothing_or_too_much_is_refused),
		TEST(check_says_that_a_token_is_revoked),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
