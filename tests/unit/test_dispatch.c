/*
 * dispatch: what auth answers to an edge and to authctl, as they ask.
 */
#include <stdio.h>
#include <stdlib.h>

#include "proto/codes.h"
#include "proto/limits.h"
#include "tests/unit/dispatch_rig.h"
#include "tests/unit/test.h"

static void a_good_token_gets_a_ticket_for_the_credentials_edge(void **state)
{
	char *token = own_token("ann", 3600, "push");
	const Pb__AuthAnswer *answer = verify_one(token);
	struct ticket t;

	(void)state;
	assert_int_equal(answer->answer_case, PB__AUTH_ANSWER__ANSWER_GRANT);
	assert_true(slice_is(codec_slice(answer->grant->uid), "ann"));
	assert_true(answer->grant->may_push);
	assert_int_equal(answer->grant->expires_in_ms, 3600000);
	assert_int_equal(answer->grant->ends_in_ms, SESSION_MAX_MS);
	assert_int_equal(
		ticket_verify(a.ticket_keys, codec_slice(answer->grant->ticket), &t), TICKET_OK);
	assert_int_equal(t.edge_id, 3);
	assert_int_equal(t.edge_epoch, 9);
	assert_true(t.nonce == 77);
	assert_true(t.auth_epoch == 5);
	assert_int_equal(t.issued_at_ms, BOOT);
	assert_int_equal(t.ceiling_ms, BOOT + 3600000 + TOKEN_LEEWAY_MS);
	free(token);
}

static void many_questions_are_answered_in_their_order(void **state)
{
	Pb__AuthAsk asks[AUTH_ASKS_PER_REQUEST], *list[AUTH_ASKS_PER_REQUEST];
	Pb__AuthVerify verifies[AUTH_ASKS_PER_REQUEST];
	char *tokens[AUTH_ASKS_PER_REQUEST];
	const Pb__AuthReply *reply;

	(void)state;
	for (unsigned i = 0; i < AUTH_ASKS_PER_REQUEST; i++) {
		char sub[24];

		snprintf(sub, sizeof(sub), "%u", i);
		tokens[i] = own_token(sub, 60, NULL);
		if (i % 3 == 2)
			tokens[i][20] ^= 1;
		verify_init(&asks[i], &verifies[i], tokens[i], i);
		list[i] = &asks[i];
	}
	send_asks(list, AUTH_ASKS_PER_REQUEST);
	reply = reply_read(AUTH_ASKS_PER_REQUEST);
	for (unsigned i = 0; i < AUTH_ASKS_PER_REQUEST; i++) {
		char sub[24];

		snprintf(sub, sizeof(sub), "%u", i);
		if (i % 3 == 2) {
			assert_int_equal(
				reply->answers[i]->answer_case, PB__AUTH_ANSWER__ANSWER_DENY);
		} else {
			assert_int_equal(
				reply->answers[i]->answer_case, PB__AUTH_ANSWER__ANSWER_GRANT);
			assert_true(slice_is(codec_slice(reply->answers[i]->grant->uid), sub));
		}
		free(tokens[i]);
	}
}

static void a_deny_is_the_same_bytes_whatever_was_wrong(void **state)
{
	char *expired = own_token("ann", 1, NULL);
	char *forged = own_token("ann", 60, NULL);
	const char *tokens[] = {"", "x", "a.b.c", expired, forged, "eyJhbGciOiJub25lIn0.e30.AA"};
	char first[64];
	size_t first_len = 0;
	struct slice bytes;

	(void)state;
	boot_ms += 1000 + TOKEN_LEEWAY_MS;
	forged[strlen(forged) - 2] ^= 1;
	for (size_t i = 0; i < sizeof(tokens) / sizeof(tokens[0]); i++) {
		assert_int_equal(verify_one(tokens[i])->answer_case, PB__AUTH_ANSWER__ANSWER_DENY);
		bytes = answer_bytes();
		assert_true(bytes.len < sizeof(first));
		if (i == 0) {
			first_len = bytes.len;
			memcpy(first, bytes.data, first_len);
		}
		assert_int_equal(bytes.len, first_len);
		assert_memory_equal(bytes.data, first, first_len);
	}
	assert_int_equal(a.counts.denied, 6);
	assert_int_equal(a.counts.violations, 0);
	free(expired);
	free(forged);
}

static void no_credential_no_service(void **state)
{
	char *token = own_token("ann", 60, NULL);
	Pb__AuthAsk ask, *asks[] = {&ask};
	Pb__AuthVerify verify;
	Pb__AuthRequest message = PB__AUTH_REQUEST__INIT;

	(void)state;
	verify_init(&ask, &verify, token, 1);
	message.wire = WIRE_VERSION;
	message.n_asks = 1;
	message.asks = asks;
	send_message(&message);
	expect_violation();
	credential[40] ^= 1;
	send_asks(asks, 1);
	expect_violation();
	credential[40] ^= 1;
	send_asks(asks, 1);
	reply_read(1);
	credential[40] ^= 1; /* a pipe that was served before is no exception */
	send_asks(asks, 1);
	expect_violation();
	free(token);
}

static void what_is_no_request_is_a_violation(void **state)
{
	Pb__AuthAsk nothing, verify_ask, login_ask;
	Pb__AuthAsk *list[AUTH_ASKS_PER_REQUEST + 1];
	Pb__AuthVerify verify;
	Pb__AuthLogin login;
	Pb__AuthRequest message = PB__AUTH_REQUEST__INIT;

	(void)state;
	send_bytes("", 0); /* an empty message is a request without credential */
	expect_violation();
	send_bytes("\xff\xff\xff", 3);
	expect_violation();
	pb__auth_ask__init(&nothing);
	list[0] = &nothing;
	send_asks(list, 1);
	expect_violation();
	verify_init(&verify_ask, &verify, "x", 1);
	for (size_t i = 0; i <= AUTH_ASKS_PER_REQUEST; i++)
		list[i] = &verify_ask;
	send_asks(list, AUTH_ASKS_PER_REQUEST + 1);
	expect_violation();
	pb__auth_ask__init(&login_ask);
	pb__auth_login__init(&login);
	login_ask.ask_case = PB__AUTH_ASK__ASK_LOGIN;
	login_ask.login = &login;
	list[1] = &login_ask;
	send_asks(list, 2); /* a login travels alone */
	expect_violation();
	message.wire = WIRE_VERSION + 1;
	message.credential =
		codec_bytes((struct slice){(const char *)credential, sizeof(credential)});
	send_message(&message);
	expect_violation();
}

static void an_older_edge_is_answered_in_its_own_version(void **state)
{
	char *token = own_token("ann", 60, NULL);
	Pb__AuthAsk ask, *asks[] = {&ask};
	Pb__AuthVerify verify;
	Pb__AuthRequest message = PB__AUTH_REQUEST__INIT;
	Pb__AuthReply *reply;

	(void)state;
	verify_init(&ask, &verify, token, 1);
	for (uint32_t wire = 1; wire <= WIRE_VERSION; wire++) { /* a verify is as it always was */
		message.wire = wire;
		message.credential =
			codec_bytes((struct slice){(const char *)credential, sizeof(credential)});
		message.n_asks = 1;
		message.asks = asks;
		send_message(&message);
		reply = pb__auth_reply__unpack(
			NULL, answer_bytes().len, (const uint8_t *)answer_bytes().data);
		assert_non_null(reply);
		assert_int_equal(reply->wire, wire);
		assert_int_equal(reply->answers[0]->answer_case, PB__AUTH_ANSWER__ANSWER_GRANT);
		pb__auth_reply__free_unpacked(reply, NULL);
	}
	free(token);
}

static void an_edge_over_its_share_is_told_to_wait(void **state)
{
	(void)state;
	for (int i = 0; i < 100; i++)
		assert_int_equal(verify_one("x")->answer_case, PB__AUTH_ANSWER__ANSWER_DENY);
	assert_int_equal(verify_one("x")->answer_case, PB__AUTH_ANSWER__ANSWER_BUSY);
	boot_ms += 10;
	assert_int_equal(verify_one("x")->answer_case, PB__AUTH_ANSWER__ANSWER_DENY);
	assert_int_equal(verify_one("x")->answer_case, PB__AUTH_ANSWER__ANSWER_BUSY);
}

static const Pb__AuthAnswer *renew_one(ProtobufCBinaryData ticket)
{
	Pb__AuthAsk ask = PB__AUTH_ASK__INIT, *asks[] = {&ask};
	Pb__AuthRenew renew = PB__AUTH_RENEW__INIT;

	renew.ticket = ticket;
	ask.ask_case = PB__AUTH_ASK__ASK_RENEW;
	ask.renew = &renew;
	send_asks(asks, 1);
	return reply_read(1)->answers[0];
}

static void a_ticket_is_renewed_for_its_own_edge_alone(void **state)
{
	char *token = own_token("ann", 3600, NULL);
	const Pb__AuthAnswer *answer = verify_one(token);
	unsigned char bytes[TICKET_MAX_BYTES];
	ProtobufCBinaryData ticket = {answer->grant->ticket.len, bytes};
	struct ticket before, after;

	(void)state;
	memcpy(bytes, answer->grant->ticket.data, ticket.len);
	assert_int_equal(ticket_verify(a.ticket_keys, codec_slice(ticket), &before), TICKET_OK);
	boot_ms += 420000;
	answer = renew_one(ticket);
	assert_int_equal(answer->answer_case, PB__AUTH_ANSWER__ANSWER_GRANT);
	assert_int_equal(ticket_verify(a.ticket_keys, codec_slice(answer->grant->ticket), &after),
		TICKET_OK);
	assert_true(after.session == before.session);
	assert_int_equal(after.session_end_ms, boot_ms + SESSION_MAX_MS);
	assert_int_equal(answer->grant->ends_in_ms, SESSION_MAX_MS);
	assert_int_equal(answer->grant->expires_in_ms, 3600000 - 420000);
	bytes[10] ^= 1;
	assert_int_equal(renew_one(ticket)->answer_case, PB__AUTH_ANSWER__ANSWER_DENY);
	bytes[10] ^= 1;
	credential_mint(a.ticket_keys, 3, 10, credential);
	assert_int_equal(renew_one(ticket)->answer_case, PB__AUTH_ANSWER__ANSWER_DENY);
	credential_mint(a.ticket_keys, 4, 9, credential);
	assert_int_equal(renew_one(ticket)->answer_case, PB__AUTH_ANSWER__ANSWER_DENY);
	credential_mint(a.ticket_keys, 3, 9, credential);
	boot_ms += 480000; /* 15 minutes after the first */
	assert_int_equal(renew_one(ticket)->answer_case, PB__AUTH_ANSWER__ANSWER_DENY);
	free(token);
}

static void login_send(const char *name, const char *password)
{
	Pb__AuthAsk ask = PB__AUTH_ASK__INIT, *asks[] = {&ask};
	Pb__AuthLogin login = PB__AUTH_LOGIN__INIT;

	login.username = codec_bytes(slice_of(name));
	login.password = codec_bytes(slice_of(password));
	login.address = codec_bytes(SLICE_LITERAL("192.0.2.1"));
	ask.ask_case = PB__AUTH_ASK__ASK_LOGIN;
	ask.login = &login;
	send_asks(asks, 1);
}

static const Pb__AuthAnswer *login_await(void)
{
	while (!request.used)
		(void)uv_run(&a.loop, UV_RUN_ONCE);
	return reply_read(1)->answers[0];
}

static void a_login_is_answered_later_with_a_token_that_verifies(void **state)
{
	const Pb__AuthAnswer *answer;
	char token[TOKEN_MAX_BYTES + 1];

	(void)state;
	login_send("jim", "123456");
	assert_false(request.used);
	answer = login_await();
	assert_int_equal(answer->answer_case, PB__AUTH_ANSWER__ANSWER_TOKEN);
	snprintf(token, sizeof(token), "%.*s", SLICE_ARGS(codec_slice(answer->token->token)));
	answer = verify_one(token);
	assert_int_equal(answer->answer_case, PB__AUTH_ANSWER__ANSWER_GRANT);
	assert_true(slice_is(codec_slice(answer->grant->uid), "1"));
	assert_int_equal(answer->grant->expires_in_ms, 3600000);
	assert_false(answer->grant->may_push);
}

static void a_login_without_name_or_password_is_denied(void **state)
{
	(void)state;
	login_send("jim", "");
	assert_int_equal(login_await()->answer_case, PB__AUTH_ANSWER__ANSWER_DENY);
	login_send("", "");
	assert_int_equal(login_await()->answer_case, PB__AUTH_ANSWER__ANSWER_DENY);
}

static void a_token_of_no_bytes_is_denied(void **state)
{
	(void)state;
	assert_int_equal(verify_one("")->answer_case, PB__AUTH_ANSWER__ANSWER_DENY);
}

static void wrong_passwords_are_denied_and_then_told_to_wait(void **state)
{
	const Pb__AuthAnswer *answer;

	(void)state;
	for (int i = 0; i < LOGIN_FAILURES_PER_MINUTE; i++) {
		login_send(i % 2 == 0 ? "jim" : "nobody", "654321");
		assert_int_equal(login_await()->answer_case, PB__AUTH_ANSWER__ANSWER_DENY);
	}
	login_send("john", "123456"); /* the right one, from the same address */
	answer = login_await();
	assert_int_equal(answer->answer_case, PB__AUTH_ANSWER__ANSWER_BUSY);
	assert_true(answer->busy->retry_after_ms > 1000);
	assert_true(answer->busy->retry_after_ms <= 60000);
}

static const Pb__AuthCtlReply *ctl(Pb__AuthCtlRequest *message)
{
	unsigned char bytes[8192];

	message->wire = WIRE_VERSION;
	send_ctl(bytes, pb__auth_ctl_request__pack(message, bytes));
	return answer_bytes().data == NULL ? NULL : ctl_reply_read();
}

static void authctl_gets_tokens_and_reasons(void **state)
{
	Pb__AuthCtlRequest message = PB__AUTH_CTL_REQUEST__INIT;
	Pb__CtlToken token = PB__CTL_TOKEN__INIT;
	Pb__CtlCheck check = PB__CTL_CHECK__INIT;
	const Pb__AuthCtlReply *reply;

	(void)state;
	message.command_case = PB__AUTH_CTL_REQUEST__COMMAND_TOKEN;
	message.token = &token;
	token.sub = codec_bytes(SLICE_LITERAL("40"));
	token.ttl_s = 60;
	token.count = 1000;
	reply = ctl(&message);
	assert_int_equal(reply->code, 0);
	assert_int_equal(reply->token->n_more, 1000);
	message.command_case = PB__AUTH_CTL_REQUEST__COMMAND_CHECK;
	message.check = &check;
	check.token = reply->token->more[2];
	check.token.data =
		(unsigned char *)strndup((const char *)check.token.data, check.token.len);
	reply = ctl(&message);
	assert_true(reply->verdict->valid);
	assert_true(slice_is(codec_slice(reply->verdict->uid), "42"));
	check.token.data[30] ^= 1;
	reply = ctl(&message);
	assert_false(reply->verdict->valid);
	assert_true(reply->verdict->reason.len > 0);
	free(check.token.data);
}

static void authctl_is_refused_what_the_key_does_not_allow(void **state)
{
	Pb__AuthCtlRequest message = PB__AUTH_CTL_REQUEST__INIT;
	Pb__CtlToken token = PB__CTL_TOKEN__INIT;

	(void)state;
	message.command_case = PB__AUTH_CTL_REQUEST__COMMAND_TOKEN;
	message.token = &token;
	token.sub = codec_bytes(SLICE_LITERAL("7"));
	token.ttl_s = UINT64_MAX;
	assert_int_equal(ctl(&message)->code, EX_NOT_PERMITTED);
	token.ttl_s = 60;
	token.count = 1001;
	assert_int_equal(ctl(&message)->code, EX_BAD_DATA);
	token.count = 2;
	token.sub = codec_bytes(SLICE_LITERAL("ann"));
	assert_int_equal(ctl(&message)->code, EX_BAD_DATA);
	token.count = 0;
	token.sub = codec_bytes(SLICE_LITERAL("not a uid"));
	assert_int_equal(ctl(&message)->code, EX_BAD_DATA);
	message.command_case = PB__AUTH_CTL_REQUEST__COMMAND__NOT_SET;
	assert_null(ctl(&message));
	expect_violation();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_good_token_gets_a_ticket_for_the_credentials_edge,
			dispatch_rig_setup, dispatch_rig_teardown),
		cmocka_unit_test_setup_teardown(many_questions_are_answered_in_their_order,
			dispatch_rig_setup, dispatch_rig_teardown),
		cmocka_unit_test_setup_teardown(a_deny_is_the_same_bytes_whatever_was_wrong,
			dispatch_rig_setup, dispatch_rig_teardown),
		cmocka_unit_test_setup_teardown(
			no_credential_no_service, dispatch_rig_setup, dispatch_rig_teardown),
		cmocka_unit_test_setup_teardown(what_is_no_request_is_a_violation,
			dispatch_rig_setup, dispatch_rig_teardown),
		cmocka_unit_test_setup_teardown(an_older_edge_is_answered_in_its_own_version,
			dispatch_rig_setup, dispatch_rig_teardown),
		cmocka_unit_test_setup_teardown(an_edge_over_its_share_is_told_to_wait,
			dispatch_rig_setup, dispatch_rig_teardown),
		cmocka_unit_test_setup_teardown(a_ticket_is_renewed_for_its_own_edge_alone,
			dispatch_rig_setup, dispatch_rig_teardown),
		cmocka_unit_test_setup_teardown(
			a_login_is_answered_later_with_a_token_that_verifies, dispatch_rig_setup,
			dispatch_rig_teardown),
		cmocka_unit_test_setup_teardown(a_login_without_name_or_password_is_denied,
			dispatch_rig_setup, dispatch_rig_teardown),
		cmocka_unit_test_setup_teardown(
			a_token_of_no_bytes_is_denied, dispatch_rig_setup, dispatch_rig_teardown),
		cmocka_unit_test_setup_teardown(wrong_passwords_are_denied_and_then_told_to_wait,
			dispatch_rig_setup, dispatch_rig_teardown),
		cmocka_unit_test_setup_teardown(
			authctl_gets_tokens_and_reasons, dispatch_rig_setup, dispatch_rig_teardown),
		cmocka_unit_test_setup_teardown(authctl_is_refused_what_the_key_does_not_allow,
			dispatch_rig_setup, dispatch_rig_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
