/*
 * control: authctl's commands, and what is recorded of them.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "auth/token.h"
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
	expect_line("\"uid\":1234,\"command\":\"token\",\"args\":{\"jti\":\"");
	expect_line("\"},\"result\":\"ok\"}\n");
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
	assert_int_equal(reply->code, EX_UNAVAILABLE);
	assert_true(reply->message.len > 0);
	assert_int_equal(reply->result_case, PB__AUTH_CTL_REPLY__RESULT__NOT_SET);
	audit_mend();
	assert_int_equal(ctl_token("7", 60)->code, 0);
}

/* As after a start without the file. */
static void a_record_that_could_not_be_opened_is_tried_again(void **state)
{
	(void)state;
	audit_close(a.audit);
	a.audit = NULL;
	audit_break();
	assert_true(control_audit_open(&a) < 0);
	assert_int_equal(ctl_token("7", 60)->code, EX_UNAVAILABLE);
	assert_null(a.audit);
	audit_mend();
	assert_int_equal(ctl_token("7", 60)->code, 0);
	expect_line("\"command\":\"token\",\"args\":{\"jti\":\"");
}

static const Pb__AuthCtlReply *ctl_ping(void)
{
	Pb__AuthCtlRequest message = PB__AUTH_CTL_REQUEST__INIT;
	Pb__CtlPing ping = PB__CTL_PING__INIT;

	message.command_case = PB__AUTH_CTL_REQUEST__COMMAND_PING;
	message.ping = &ping;
	return ctl(&message);
}

/* Also when nothing can be recorded: it is no command that would have to be. */
static void a_ping_is_answered_and_not_recorded(void **state)
{
	(void)state;
	assert_int_equal(ctl_ping()->code, 0);
	assert_string_equal(audit_text(), "");
	audit_break();
	assert_int_equal(ctl_ping()->code, 0);
	assert_int_equal(ctl_ping()->result_case, PB__AUTH_CTL_REPLY__RESULT__NOT_SET);
	audit_mend();
}

static void every_other_command_is_recorded_first(void **state)
{
	const ProtobufCMessageDescriptor *d = &pb__auth_ctl_request__descriptor;

	(void)state;
	audit_break();
	for (unsigned i = 0; i < d->n_fields; i++) {
		const ProtobufCFieldDescriptor *field = &d->fields[i];
		Pb__AuthCtlRequest message = PB__AUTH_CTL_REQUEST__INIT;
		const Pb__AuthCtlReply *reply;
		union {
			ProtobufCMessage base;
			unsigned char bytes[256];
		} command;

		if (field->type != PROTOBUF_C_TYPE_MESSAGE ||
			field->id == PB__AUTH_CTL_REQUEST__COMMAND_PING)
			continue;
		protobuf_c_message_init(field->descriptor, &command);
		message.command_case = field->id;
		message.token = (Pb__CtlToken *)&command; /* any of the union */
		reply = ctl(&message);
		if (reply->code != EX_UNAVAILABLE ||
			memmem(reply->message.data, reply->message.len, "audit.log", 9) == NULL)
			fail_msg("%s is not recorded", field->name);
	}
	audit_mend();
}

static ProtobufCBinaryData text(const char *value)
{
	return codec_bytes(slice_of(value));
}

/* NULL: the answer waits for the router. */
static const Pb__AuthCtlReply *ctl_add(const char *name, const char *uid, const char *hash)
{
	Pb__AuthCtlRequest message = PB__AUTH_CTL_REQUEST__INIT;
	Pb__CtlUserAdd add = PB__CTL_USER_ADD__INIT;

	message.command_case = PB__AUTH_CTL_REQUEST__COMMAND_USER_ADD;
	message.user_add = &add;
	add.username = text(name);
	add.uid = text(uid);
	add.hash = text(hash);
	return ctl(&message);
}

static const Pb__AuthCtlReply *ctl_passwd(const char *name, const char *hash)
{
	Pb__AuthCtlRequest message = PB__AUTH_CTL_REQUEST__INIT;
	Pb__CtlUserPasswd passwd = PB__CTL_USER_PASSWD__INIT;

	message.command_case = PB__AUTH_CTL_REQUEST__COMMAND_USER_PASSWD;
	message.user_passwd = &passwd;
	passwd.username = text(name);
	passwd.hash = text(hash);
	return ctl(&message);
}

static const Pb__AuthCtlReply *ctl_remove(const char *name)
{
	Pb__AuthCtlRequest message = PB__AUTH_CTL_REQUEST__INIT;
	Pb__CtlUserRemove remove = PB__CTL_USER_REMOVE__INIT;

	message.command_case = PB__AUTH_CTL_REQUEST__COMMAND_USER_REMOVE;
	message.user_remove = &remove;
	remove.username = text(name);
	return ctl(&message);
}

static const Pb__CtlLogins *ctl_list(const char *after)
{
	Pb__AuthCtlRequest message = PB__AUTH_CTL_REQUEST__INIT;
	Pb__CtlUserList list = PB__CTL_USER_LIST__INIT;

	message.command_case = PB__AUTH_CTL_REQUEST__COMMAND_USER_LIST;
	message.user_list = &list;
	list.after = text(after);
	return ctl(&message)->logins;
}

static const char *hash_of(const char *password)
{
	static char hash[HASH_MAX_BYTES];

	assert_int_equal(hash_make(slice_of(password), hash), 0);
	return hash;
}

static void a_user_is_added_when_the_router_knows_him(void **state)
{
	const Pb__AuthCtlReply *reply;
	struct user user;

	(void)state;
	assert_null(ctl_add("mary", NULL, hash_of("secret")));
	assert_true(waited_for == facts_last(a.facts));
	assert_int_equal(router_answers(true), 1);
	reply = ctl_reply_read();
	assert_int_equal(reply->code, 0);
	assert_int_equal(reply->wire, WIRE_VERSION);
	assert_true(reply->done->in_force);
	assert_true(slice_is(codec_slice(reply->done->uid), "3"));
	assert_int_equal(users_find(a.users, slice_of("mary"), &user), 0);
	assert_true(hash_fits(user.hash, slice_of("secret")));

	assert_null(ctl_add("ben", "shop:ben", hash_of("secret")));
	assert_int_equal(router_answers(false), 1);
	reply = ctl_reply_read();
	assert_false(reply->done->in_force);
	assert_true(slice_is(codec_slice(reply->done->uid), "shop:ben"));
	expect_line("\"command\":\"user add\",\"args\":{\"username\":\"ben\",\"uid\":"
		    "\"shop:ben\"},\"result\":\"begun\"}\n");
	expect_line("\"args\":{\"uid\":\"shop:ben\"},\"result\":\"recorded, not in force\"}\n");
	assert_null(strstr(audit_text(), "$y$"));
}

static void what_is_no_new_user_is_refused(void **state)
{
	static const char dear[] = "$y$jFT$xxxxxxxxxxxxxxxxxxxxxx$"
				   "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx";
	static const char *const bad_hashes[] = {"", "secret", "$1$abcdefgh$hash", "$y$", dear};
	char hash[HASH_MAX_BYTES];

	(void)state;
	assert_int_equal(hash_make(slice_of("secret"), hash), 0);
	for (size_t i = 0; i < sizeof(bad_hashes) / sizeof(bad_hashes[0]); i++) {
		assert_int_equal(ctl_add("mary", NULL, bad_hashes[i])->code, EX_BAD_DATA);
		assert_int_equal(ctl_passwd("jim", bad_hashes[i])->code, EX_BAD_DATA);
	}
	assert_int_equal(ctl_add("", NULL, hash)->code, EX_BAD_DATA);
	assert_int_equal(ctl_add("a\nb", NULL, hash)->code, EX_BAD_DATA);
	assert_int_equal(ctl_add("mary", "no uid", hash)->code, EX_BAD_DATA);
	assert_int_equal(ctl_add("jim", NULL, hash)->code, EX_NOT_PERMITTED);
	assert_int_equal(ctl_add("mary", "1", hash)->code, EX_NOT_PERMITTED);
	assert_int_equal(ctl_passwd("mary", hash)->code, EX_NOT_PERMITTED);
	assert_int_equal(ctl_passwd("jim", hash)->code, EX_NOT_PERMITTED);
	assert_int_equal(ctl_remove("mary")->code, EX_NOT_PERMITTED);
	assert_int_equal(ctl_remove("jim")->code, EX_NOT_PERMITTED);
	assert_int_equal(router_answers(true), 0);
}

static void another_password_leaves_the_tokens(void **state)
{
	const Pb__AuthCtlReply *reply;
	struct user user;
	char *token;

	(void)state;
	assert_null(ctl_add("mary", "ann", hash_of("secret")));
	assert_int_equal(router_answers(true), 1);
	token = own_token("ann", 60, NULL);
	reply = ctl_passwd("mary", hash_of("another"));
	assert_int_equal(reply->code, 0);
	assert_true(slice_is(codec_slice(reply->done->uid), "ann"));
	assert_int_equal(users_find(a.users, slice_of("mary"), &user), 0);
	assert_false(hash_fits(user.hash, slice_of("secret")));
	assert_true(hash_fits(user.hash, slice_of("another")));
	assert_int_equal(verify_one(token)->answer_case, PB__AUTH_ANSWER__ANSWER_GRANT);
	free(token);
}

/* The id of the n-th line, 0 the first. */
static unsigned long long id_of(unsigned n)
{
	const char *line = audit_text();

	for (; n > 0; n--)
		line = strchr(line, '\n') + 1;
	return strtoull(strstr(line, "\"id\":") + 5, NULL, 10);
}

static void both_lines_of_a_command_have_one_id(void **state)
{
	(void)state;
	assert_null(ctl_add("mary", "ann", hash_of("secret"))); /* waits */
	assert_int_equal(router_answers(true), 1);
	assert_int_equal(ctl_token("7", 60)->code, 0);
	expect_line("\"command\":\"user add\",\"args\":{\"uid\":\"ann\"},\"result\":\"ok\"}");
	assert_true(id_of(0) > 0);
	assert_true(id_of(1) == id_of(0));
	assert_true(id_of(2) > id_of(1));
	assert_true(id_of(3) == id_of(2));
}

static void by_the_jti_that_is_recorded_a_token_is_revoked(void **state)
{
	Pb__AuthCtlRequest message = PB__AUTH_CTL_REQUEST__INIT;
	Pb__CtlToken many = PB__CTL_TOKEN__INIT;
	Pb__CtlRevoke revoke = PB__CTL_REVOKE__INIT;
	const Pb__AuthCtlReply *reply;
	char *tokens[2];
	char jti[33];

	(void)state;
	message.command_case = PB__AUTH_CTL_REQUEST__COMMAND_TOKEN;
	message.token = &many;
	many.sub = codec_bytes(SLICE_LITERAL("7"));
	many.ttl_s = 60;
	many.count = 2;
	reply = ctl(&message);
	assert_int_equal(reply->token->n_more, 2);
	for (size_t i = 0; i < 2; i++)
		tokens[i] = strndup(
			(const char *)reply->token->more[i].data, reply->token->more[i].len);
	expect_line("\",\"count\":\"2\"},\"result\":\"ok\"}\n");
	assert_int_equal(
		sscanf(strstr(audit_text(), "\"jti\":\""), "\"jti\":\"%32[0-9a-f]\"", jti), 1);
	assert_int_equal(strlen(jti), 32);
	message.command_case = PB__AUTH_CTL_REQUEST__COMMAND_REVOKE;
	message.revoke = &revoke;
	revoke.jti = codec_bytes(slice_of(jti));
	assert_null(ctl(&message));
	assert_int_equal(router_answers(true), 1);
	for (size_t i = 0; i < 2; i++) {
		assert_int_equal(ctl_check(tokens[i])->verdict->valid, i == 1);
		free(tokens[i]);
	}
}

static void who_is_removed_loses_his_tokens(void **state)
{
	const Pb__AuthCtlReply *reply;
	struct token_facts facts;
	struct user user;
	char *token;

	(void)state;
	assert_null(ctl_add("mary", "ann", hash_of("secret")));
	assert_int_equal(router_answers(true), 1);
	token = own_token("ann", 60, NULL);
	assert_int_equal(token_check(a.ring, slice_of(token), WALL, &facts), TOKEN_GOOD);
	assert_false(revocations_void_token(a.revocations, &facts));
	assert_null(ctl_remove("mary"));
	/* at once, whatever the router does */
	assert_int_equal(users_find(a.users, slice_of("mary"), &user), -ENOENT);
	assert_true(revocations_void_token(a.revocations, &facts));
	assert_int_equal(router_answers(true), 1);
	reply = ctl_reply_read();
	assert_true(reply->done->in_force);
	assert_true(slice_is(codec_slice(reply->done->uid), "ann"));
	expect_line("\"command\":\"user remove\",\"args\":{\"uid\":\"ann\"},\"result\":\"ok\"}");
	assert_int_equal(verify_one(token)->answer_case, PB__AUTH_ANSWER__ANSWER_DENY);
	free(token);
}

static void the_list_comes_in_pages(void **state)
{
	const unsigned n = CTL_LOGINS_PER_PAGE + 5;
	const char *hash = hash_of("secret");
	const Pb__CtlLogins *logins;
	char name[24], uid[24], after[24];

	(void)state;
	for (unsigned i = 0; i < n; i++) {
		struct user_new user = {slice_of(name), slice_of(uid), hash, false};

		snprintf(name, sizeof(name), "n%05u", i);
		snprintf(uid, sizeof(uid), "u%u", i);
		user.username = slice_of(name);
		user.uid = slice_of(uid);
		assert_int_equal(users_add(a.users, &user), 0);
	}
	logins = ctl_list("");
	assert_int_equal(logins->n_logins, CTL_LOGINS_PER_PAGE);
	assert_true(logins->more);
	assert_true(slice_is(codec_slice(logins->logins[0]->username), "jim"));
	assert_true(logins->logins[0]->demo);
	snprintf(after, sizeof(after), "%.*s",
		(int)logins->logins[CTL_LOGINS_PER_PAGE - 1]->username.len,
		(const char *)logins->logins[CTL_LOGINS_PER_PAGE - 1]->username.data);
	logins = ctl_list(after);
	assert_int_equal(logins->n_logins, 7); /* jim and john, too */
	assert_false(logins->more);
	assert_true(slice_is(codec_slice(logins->logins[6]->username), name));
	assert_true(slice_is(codec_slice(logins->logins[6]->uid), uid));
	assert_int_equal(ctl_list(name)->n_logins, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, dispatch_rig_setup, dispatch_rig_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_command_is_recorded_before_it_and_after),
		TEST(both_lines_of_a_command_have_one_id),
		TEST(by_the_jti_that_is_recorded_a_token_is_revoked),
		TEST(no_token_is_recorded),
		TEST(what_cannot_be_recorded_is_not_done),
		TEST(a_record_that_could_not_be_opened_is_tried_again),
		TEST(a_ping_is_answered_and_not_recorded),
		TEST(every_other_command_is_recorded_first),
		TEST(a_user_is_added_when_the_router_knows_him),
		TEST(what_is_no_new_user_is_refused),
		TEST(another_password_leaves_the_tokens),
		TEST(who_is_removed_loses_his_tokens),
		TEST(the_list_comes_in_pages),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
