/*
 * control: authctl's commands, and what is recorded of them.
 */
#include <stdlib.h>

#include "proto/codes.h"
#include "proto/limits.h"
#include "tests/unit/dispatch_rig.h"
#include "tests/unit/test.h"

static const Pb__AuthCtlReply *ctl(Pb__AuthCtlRequest *message)
{
	unsigned char bytes[8192];

	message->wire = WIRE_VERSION;
	send_ctl(bytes, pb__auth_ctl_request__pack(message, bytes));
	return answer_bytes().data == NULL ? NULL : ctl_reply_read();
}

static const Pb__AuthCtlReply *ctl_token(const char *sub, uint64_t ttl_s)
{
	Pb__AuthCtlRequest message = PB__AUTH_CTL_REQUEST__INIT;
	Pb__CtlToken token = PB__CTL_TOKEN__INIT;

	message.command_case = PB__AUTH_CTL_REQUEST__COMMAND_TOKEN;
	message.token = &token;
	token.sub = codec_bytes(slice_of(sub));
	token.ttl_s = ttl_s;
	token.scope = codec_bytes(SLICE_LITERAL("push"));
	return ctl(&message);
}

static const Pb__AuthCtlReply *ctl_check(const char *text)
{
	Pb__AuthCtlRequest message = PB__AUTH_CTL_REQUEST__INIT;
	Pb__CtlCheck check = PB__CTL_CHECK__INIT;

	message.command_case = PB__AUTH_CTL_REQUEST__COMMAND_CHECK;
	message.check = &check;
	check.token = codec_bytes(slice_of(text));
	return ctl(&message);
}

static void expect_line(const char *wanted)
{
	if (strstr(audit_text(), wanted) == NULL)
		fail_msg("%s is not in:\n%s", wanted, audit_text());
}

static void a_command_is_recorded_before_it_and_after(void **state)
{
	(void)state;
	assert_int_equal(ctl_token("7", 60)->code, 0);
	expect_line(
		"\"daemon\":\"auth\",\"uid\":1234,\"command\":\"token\",\"args\":{\"sub\":\"7\","
		"\"scope\":\"push\",\"ttl_s\":\"60\"},\"result\":\"begun\"}\n");
	expect_line("\"uid\":1234,\"command\":\"token\",\"args\":{},\"result\":\"ok\"}\n");
	assert_int_equal(ctl_token("not a uid", 60)->code, EX_BAD_DATA);
	expect_line("\"args\":{\"why\":\"sub is 1 to 128 of");
	expect_line("\"result\":\"refused\"}\n");
}

static void no_token_is_recorded(void **state)
{
	char *token = own_token("ann", 60, NULL);

	(void)state;
	assert_true(ctl_check(token)->verdict->valid);
	expect_line("\"command\":\"check\",\"args\":{},\"result\":\"begun\"}\n");
	assert_null(strstr(audit_text(), token));
	assert_null(strstr(audit_text(), "eyJ"));
	free(token);
}

static void what_cannot_be_recorded_is_not_done(void **state)
{
	const Pb__AuthCtlReply *reply;

	(void)state;
	audit_break();
	reply = ctl_token("7", 60);
	assert_int_equal(reply->code, EX_INTERNAL);
	assert_true(reply->message.len > 0);
	assert_int_equal(reply->result_case, PB__AUTH_CTL_REPLY__RESULT__NOT_SET);
	audit_mend();
	assert_int_equal(ctl_token("7", 60)->code, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, dispatch_rig_setup, dispatch_rig_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_command_is_recorded_before_it_and_after),
		TEST(no_token_is_recorded),
		TEST(what_cannot_be_recorded_is_not_done),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
