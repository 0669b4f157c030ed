/* authctl: its command line, and what it prints. */
#include <string.h>

#include "auth/ctl/commands.h"
#include "auth/ctl/print.h"
#include "proto/codec.h"
#include "tests/unit/test.h"

/* Splits line at blanks and reads it; false: complaint has one line, unless there is no command. */
static bool read_line(char *line, struct ctl_args *out, struct buf *complaint)
{
	char *argv[OPTIONS_MAX_WORDS * 3] = {(char *)"authctl"};
	const struct command *command;
	int argc = 1;
	char *rest;

	buf_clear(complaint);
	for (char *word = strtok_r(line, " ", &rest); word != NULL;
		word = strtok_r(NULL, " ", &rest))
		argv[argc++] = word;
	if (!args_read(argc, argv, out, complaint))
		return false;
	command = commands_find(&out->words);
	return command != NULL && commands_fit(command, out, complaint);
}

struct read {
	struct ctl_args args;
	struct buf complaint;
	char line[512];
	bool good;
};

static void read_text(struct read *r, const char *text)
{
	*r = (struct read){0};
	strncpy(r->line, text, sizeof(r->line) - 1);
	buf_init(&r->complaint, 1024);
	r->good = read_line(r->line, &r->args, &r->complaint);
}

static void right_lines_are_taken(void **state)
{
	static const char *const lines[] = {
		"token --sub 7",
		"token --sub 7 --ttl 15min --scope push --aud a --json",
		"token --count 5",
		"token --count 10000000 --sub 100",
		"check abc",
		"check -",
		"ping",
		"ping --json --run /x",
		"--run /x check -",
		"revoke --user 7 --yes",
		"revoke --yes --jti a",
		"revoke --jti a --issuer b --yes",
		"revoke --issuer b --yes",
		"revoke --token - --yes",
		"user add mary",
		"user add mary --uid shop:mary --password -",
		"user add --password=- mary",
		"user passwd mary",
		"user passwd mary --password -",
		"user list",
		"user list --json --run /x",
		"user remove mary --yes",
		"keys list",
		"keys rotate ticket --yes",
		"keys rotate own --yes",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		struct read r;

		read_text(&r, lines[i]);
		if (!r.good)
			fail_msg("%s: %.*s", lines[i], SLICE_ARGS(buf_slice(&r.complaint)));
		buf_fini(&r.complaint);
	}
}

static void wrong_lines_are_refused_with_a_line(void **state)
{
	static const char *const lines[] = {
		"token",
		"token --sub 7 --ttl 999ms",
		"token --sub 7 --ttl never",
		"token --sub ann --count 2",
		"token --count 0",
		"token --count 10000001",
		"token --count 1x",
		"token --sub 7 more",
		"token --sub 7 --yes",
		"token --sub 7 --user 7",
		"check",
		"check a b",
		"check a --sub 7",
		"ping 7",
		"ping --yes",
		"revoke --user 7",
		"revoke --yes",
		"revoke --user 7 --jti a --yes",
		"revoke --user 7 --token - --yes",
		"revoke --token - --issuer a --yes",
		"revoke --user no/uid --yes",
		"revoke --jti= --yes",
		"revoke --issuer= --yes",
		"revoke 7 --yes",
		"revoke --user 7 --user 8 --yes",
		"user add",
		"user add mary ann",
		"user add mary --password secret",
		"user add mary --password=secret",
		"user add mary --uid no/uid",
		"user add mary --yes",
		"user passwd mary --uid 7",
		"user list mary",
		"user list --password -",
		"user remove mary",
		"user remove --yes",
		"keys list ticket",
		"keys rotate --yes",
		"keys rotate ticket",
		"keys rotate other --yes",
		"check a --unknown",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		struct read r;

		read_text(&r, lines[i]);
		if (r.good)
			fail_msg("%s: taken", lines[i]);
		if (r.complaint.len == 0 || r.complaint.failed)
			fail_msg("%s: nothing is said", lines[i]);
		assert_null(memchr(r.complaint.data, '\n', r.complaint.len));
		buf_fini(&r.complaint);
	}
}

static void no_password_is_repeated(void **state)
{
	struct read r;

	(void)state;
	read_text(&r, "user add mary --password sesame");
	assert_false(r.good);
	assert_null(memmem(r.complaint.data, r.complaint.len, "sesame", 6));
	buf_fini(&r.complaint);
}

static void what_is_no_command_is_none(void **state)
{
	static const char *const lines[] = {"", "user", "keys", "list", "user rename mary", "x"};

	(void)state;
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		struct read r;

		read_text(&r, lines[i]);
		assert_null(commands_find(&r.args.words));
		buf_fini(&r.complaint);
	}
}

static void values_are_read(void **state)
{
	struct read r;

	(void)state;
	read_text(&r, "token --count 3 --sub 40 --ttl 15min");
	assert_int_equal(r.args.count, 3);
	assert_int_equal(r.args.first_sub, 40);
	assert_int_equal(r.args.ttl_s, 900);
	buf_fini(&r.complaint);
	read_text(&r, "token --sub 7");
	assert_int_equal(r.args.ttl_s, 3600);
	assert_int_equal(r.args.count, 0);
	buf_fini(&r.complaint);
	read_text(&r, "keys rotate own --yes");
	assert_int_equal(r.args.what, PB__CTL_KEYS_WHAT__CTL_KEYS_OWN);
	buf_fini(&r.complaint);
	read_text(&r, "user remove mary --yes");
	assert_string_equal(r.args.word, "mary");
	buf_fini(&r.complaint);
}

static struct buf out;

static int setup(void **state)
{
	(void)state;
	buf_init(&out, 65536);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	buf_fini(&out);
	return 0;
}

static void expect_printed(const char *wanted)
{
	assert_false(out.failed);
	if (!slice_is(buf_slice(&out), wanted))
		fail_msg("printed \"%.*s\", wanted \"%s\"", SLICE_ARGS(buf_slice(&out)), wanted);
	buf_clear(&out);
}

static ProtobufCBinaryData text(const char *value)
{
	return codec_bytes(slice_of(value));
}

static void what_was_done_and_what_is_still_due_is_said(void **state)
{
	Pb__CtlDone done = PB__CTL_DONE__INIT;

	(void)state;
	done.in_force = true;
	print_done(&out, "revoked", &done, false);
	expect_printed("revoked\n");
	done.uid = text("7");
	print_done(&out, "added", &done, false);
	expect_printed("added user=7\n");
	print_done(&out, "added", &done, true);
	expect_printed("{\"done\":\"added\",\"in_force\":true,\"uid\":\"7\"}\n");
	done.in_force = false;
	print_done(&out, "revoked", &done, false);
	expect_printed("revoked user=7; the router is away and will be told when it is back\n");
	print_done(&out, "revoked", &done, true);
	expect_printed("{\"done\":\"revoked\",\"in_force\":false,\"uid\":\"7\"}\n");
}

static void names_that_would_steer_a_terminal_are_made_plain(void **state)
{
	Pb__CtlLogin mary = PB__CTL_LOGIN__INIT, demo = PB__CTL_LOGIN__INIT;
	Pb__CtlLogin *list[] = {&mary, &demo};
	Pb__CtlLogins logins = PB__CTL_LOGINS__INIT;

	(void)state;
	mary.username = text("m\x1b[2J\n");
	mary.uid = text("7");
	demo.username = text("jim");
	demo.uid = text("1");
	demo.demo = true;
	logins.n_logins = 2;
	logins.logins = list;
	print_logins(&out, &logins, false, true);
	expect_printed("NAME                  USER ID\n"
		       "m\\x1b[2J\\x0a          7\n"
		       "jim                   1                     demo\n");
	print_logins(&out, &logins, true, true);
	expect_printed("{\"username\":\"m\\u001b[2J\\n\",\"uid\":\"7\",\"demo\":false}\n"
		       "{\"username\":\"jim\",\"uid\":\"1\",\"demo\":true}\n");
}

static void keys_are_listed_without_secrets(void **state)
{
	Pb__CtlKeyLine own = PB__CTL_KEY_LINE__INIT;
	Pb__CtlKeyLine *list[] = {&own};
	Pb__CtlTicketKey first = PB__CTL_TICKET_KEY__INIT, second = PB__CTL_TICKET_KEY__INIT;
	Pb__CtlTicketKey *tickets[] = {&first, &second};
	Pb__CtlKeys keys = PB__CTL_KEYS__INIT;

	(void)state;
	own.file = text("own");
	own.alg = text("HS256");
	own.iss = text("postern");
	own.max_lifetime_s = 86400;
	own.own = true;
	first.id = 1;
	first.retires_in_ms = 1500;
	first.router_has_it = true;
	second.id = 2;
	second.is_minting = true;
	keys.n_keys = 1;
	keys.keys = list;
	keys.n_ticket_keys = 2;
	keys.ticket_keys = tickets;
	print_keys(&out, &keys, true);
	expect_printed(
		"{\"key\":\"token\",\"file\":\"own\",\"kid\":\"\",\"alg\":\"HS256\",\"iss\":"
		"\"postern\",\"aud\":\"\",\"users\":\"\",\"max_lifetime_s\":86400,\"signs\":true}\n"
		"{\"key\":\"ticket\",\"id\":1,\"mints\":false,\"retires_in_ms\":1500,"
		"\"router_has_it\":true}\n"
		"{\"key\":\"ticket\",\"id\":2,\"mints\":true,\"retires_in_ms\":0,"
		"\"router_has_it\":false}\n");
	print_keys(&out, &keys, false);
	assert_non_null(memmem(out.data, out.len, "86400s  signs\n", 14));
	assert_non_null(memmem(out.data, out.len, "ticket key 1  verifies, retires in 2s\n", 38));
	assert_non_null(
		memmem(out.data, out.len, "ticket key 2  mints, not at the router yet\n", 43));
}

static void verdicts_and_refusals_are_printed(void **state)
{
	Pb__CtlVerdict v = PB__CTL_VERDICT__INIT;
	Pb__AuthCtlReply reply = PB__AUTH_CTL_REPLY__INIT;

	(void)state;
	v.reason = text("exp: expired");
	print_verdict(&out, &v, false);
	expect_printed("invalid: exp: expired\n");
	print_verdict(&out, &v, true);
	expect_printed("{\"valid\":false,\"reason\":\"exp: expired\"}\n");
	v.valid = true;
	v.reason = text("valid");
	v.uid = text("7");
	v.kid = text("own");
	v.expires_in_ms = 61500;
	v.scope = text("push");
	print_verdict(&out, &v, false);
	expect_printed("valid user=7 kid=own expires_in=61s scope=push\n");
	print_verdict(&out, &v, true);
	expect_printed("{\"valid\":true,\"reason\":\"valid\",\"uid\":\"7\",\"kid\":\"own\","
		       "\"expires_in_ms\":61500,\"scope\":\"push\"}\n");
	reply.code = 1404;
	reply.message = text("there is no such user");
	print_refusal(&out, &reply, false);
	expect_printed("there is no such user\n");
	print_refusal(&out, &reply, true);
	expect_printed("{\"code\":1404,\"message\":\"there is no such user\"}\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(right_lines_are_taken),
		cmocka_unit_test(wrong_lines_are_refused_with_a_line),
		cmocka_unit_test(no_password_is_repeated),
		cmocka_unit_test(what_is_no_command_is_none),
		cmocka_unit_test(values_are_read),
		cmocka_unit_test_setup_teardown(
			what_was_done_and_what_is_still_due_is_said, setup, teardown),
		cmocka_unit_test_setup_teardown(
			names_that_would_steer_a_terminal_are_made_plain, setup, teardown),
		cmocka_unit_test_setup_teardown(keys_are_listed_without_secrets, setup, teardown),
		cmocka_unit_test_setup_teardown(verdicts_and_refusals_are_printed, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
