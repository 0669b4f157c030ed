/* authctl's lines and tables: what a hostile auth answers cannot drive the terminal. */
#include "auth/ctl/print.h"
#include "common/json.h"
#include "proto/codec.h"
#include "tests/unit/test.h"

#define EVIL "\x1b[2J\x1b]0;owned\x07\r\n\xc2\x9b\xff"

static ProtobufCBinaryData evil(void)
{
	return codec_bytes(SLICE_LITERAL(EVIL));
}

static struct slice only_text(struct buf *out)
{
	assert_false(out->failed);
	assert_true(out->len > 0 && utf8_is_valid(buf_slice(out)));
	for (size_t i = 0; i < out->len; i++)
		assert_true((unsigned char)out->data[i] >= 0x20 || out->data[i] == '\n');
	return buf_slice(out);
}

static void print_all(struct buf *out, bool json)
{
	Pb__CtlTokenMade made = PB__CTL_TOKEN_MADE__INIT;
	Pb__CtlVerdict good = PB__CTL_VERDICT__INIT, bad = PB__CTL_VERDICT__INIT;
	Pb__CtlDone done = PB__CTL_DONE__INIT;
	Pb__CtlLogin login = PB__CTL_LOGIN__INIT, *logins[] = {&login};
	Pb__CtlLogins list = PB__CTL_LOGINS__INIT;
	Pb__CtlKeyLine key = PB__CTL_KEY_LINE__INIT, *keys[] = {&key};
	Pb__CtlKeys all = PB__CTL_KEYS__INIT;
	Pb__AuthCtlReply refused = PB__AUTH_CTL_REPLY__INIT;

	made.token = evil();
	good.valid = true;
	good.uid = good.kid = good.scope = bad.reason = evil();
	done.uid = login.username = login.uid = refused.message = evil();
	list.logins = logins;
	list.n_logins = 1;
	key.file = key.kid = key.alg = key.iss = key.aud = key.users = evil();
	all.keys = keys;
	all.n_keys = 1;
	print_tokens(out, &made, json);
	print_verdict(out, &good, json);
	print_verdict(out, &bad, json);
	print_done(out, "revoked", &done, json);
	print_logins(out, &list, json, true);
	print_keys(out, &all, json);
	print_refusal(out, &refused, json);
	if (!json)
		print_still_good(out, &done);
}

static void a_hostile_auth_cannot_drive_the_terminal(void **state)
{
	struct buf out;

	(void)state;
	buf_init(&out, 65536);
	print_all(&out, false);
	only_text(&out);
	buf_fini(&out);
}

static void as_json_each_line_is_an_object(void **state)
{
	struct buf out;
	struct slice rest;
	size_t n = 0;

	(void)state;
	buf_init(&out, 65536);
	print_all(&out, true);
	for (rest = only_text(&out); rest.len > 0; n++) {
		CLEANUP(json_decrefp) json_t *value = NULL;
		const char *end = memchr(rest.data, '\n', rest.len);
		struct slice line = {rest.data, end == NULL ? 0 : (size_t)(end - rest.data)};

		assert_int_equal(json_read(line, 4, &value), JSON_READ);
		assert_true(json_is_object(value));
		rest = (struct slice){end + 1, rest.len - line.len - 1};
	}
	assert_int_equal(n, 7);
	buf_fini(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_hostile_auth_cannot_drive_the_terminal),
		cmocka_unit_test(as_json_each_line_is_an_object),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
