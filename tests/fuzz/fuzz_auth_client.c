/*
 * The edge's auth_client against an auth that says anything: questions of all kinds are asked,
 * cancelled, answered well and badly, late and not at all, and its connections break.  Each
 * question is answered once at most, and exactly once unless it was cancelled; what is granted is
 * what may be granted to that kind.
 */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>

#include "edge/auth_client.h"
#include "edge/auth_wire.h"
#include "proto/names.h"
#include "proto/ticket.h"
#include "tests/fuzz/script.h"
#include "tests/fuzz/world.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define QUESTIONS 256

struct question {
	uint64_t id; /* 0: answered, cancelled, or never asked */
	unsigned kind;
};

static uv_loop_t loop;
static struct auth_client *client;
static struct bus_socket *auth;
static struct question questions[QUESTIONS];
static size_t n_open;
static const char *ticket_text = "a ticket";

static void on_reply(void *arg, const struct auth_reply *reply)
{
	struct question *q = arg;

	assert(q->id != 0);
	q->id = 0;
	n_open--;
	if (reply->outcome != AUTH_GRANTED)
		return;
	switch (q->kind) {
	case AUTH_ASK_VERIFY:
	case AUTH_ASK_RENEW:
	case AUTH_ASK_REAUTH:
	case AUTH_ASK_REDEEM:
		assert(name_is_uid(reply->uid) && reply->ticket.len > 0 &&
			reply->ticket.len <= TICKET_MAX_BYTES);
		break;
	case AUTH_ASK_LOGIN:
	case AUTH_ASK_REFRESH:
		assert(reply->token.len > 0 && reply->token.len <= TOKEN_MAX_BYTES);
		break;
	case AUTH_ASK_ONE_TIME:
		assert(reply->token.len == ONE_TIME_TEXT_BYTES);
		break;
	default:
		break;
	}
}

static uint64_t ask(struct question *q, struct slice text, int64_t timeout_ms)
{
	const struct auth_verify verify = {text, 7, {NULL, 0}};
	const struct auth_verify reauth = {text, 7, slice_of(ticket_text)};
	const struct auth_redeem redeem = {text, text, 7};
	const struct auth_login login = {text, text, text};

	switch (q->kind) {
	case AUTH_ASK_VERIFY:
		return auth_client_verify(client, &verify, timeout_ms, on_reply, q);
	case AUTH_ASK_RENEW:
		return auth_client_renew(client, text, timeout_ms, on_reply, q);
	case AUTH_ASK_LOGIN:
		return auth_client_login(client, &login, timeout_ms, on_reply, q);
	case AUTH_ASK_REAUTH:
		return auth_client_verify(client, &reauth, timeout_ms, on_reply, q);
	case AUTH_ASK_REDEEM:
		return auth_client_redeem(client, &redeem, timeout_ms, on_reply, q);
	case AUTH_ASK_REFRESH:
		return auth_client_refresh(client, text, timeout_ms, on_reply, q);
	case AUTH_ASK_ONE_TIME:
		return auth_client_one_time(client, text, text, timeout_ms, on_reply, q);
	default:
		return auth_client_logout(client, text, timeout_ms, on_reply, q);
	}
}

static void step_ask(struct script *s)
{
	unsigned kind = script_byte(s) % 8;
	int64_t timeout_ms = 1 + (int64_t)script_byte(s) * 40;
	struct slice text = script_slice(s);

	for (size_t i = 0; i < QUESTIONS; i++) {
		struct question *q = &questions[i];

		if (q->id != 0)
			continue;
		q->kind = kind;
		q->id = ask(q, text, timeout_ms);
		n_open += q->id != 0;
		return;
	}
}

static void step_cancel(struct script *s)
{
	struct question *q = &questions[script_byte(s) % QUESTIONS];

	auth_client_cancel(client, q->id);
	n_open -= q->id != 0;
	q->id = 0;
}

/* What auth would say, so often. */
static void step_answer(struct script *s)
{
	Pb__AuthReply reply = PB__AUTH_REPLY__INIT;
	static Pb__AuthAnswer answers[AUTH_ASKS_PER_REQUEST];
	static Pb__AuthAnswer *list[AUTH_ASKS_PER_REQUEST];
	Pb__AuthGrant grant = PB__AUTH_GRANT__INIT;
	Pb__AuthDeny deny = PB__AUTH_DENY__INIT;
	Pb__AuthBusy busy = PB__AUTH_BUSY__INIT;
	Pb__AuthToken token = PB__AUTH_TOKEN__INIT;
	uint8_t bytes[8192];
	unsigned kind = script_byte(s);

	grant.uid = codec_bytes(slice_of("ann"));
	grant.ticket = token.token = codec_bytes(slice_of(ticket_text));
	busy.retry_after_ms = kind;
	reply.wire = 2 + kind % 2;
	reply.answers = list;
	reply.n_answers = script_byte(s) % (AUTH_ASKS_PER_REQUEST + 1);
	for (size_t i = 0; i < reply.n_answers; i++) {
		list[i] = &answers[i];
		pb__auth_answer__init(&answers[i]);
		switch (kind / 2 % 4) {
		case 0:
			answers[i].answer_case = PB__AUTH_ANSWER__ANSWER_GRANT;
			answers[i].grant = &grant;
			break;
		case 1:
			answers[i].answer_case = PB__AUTH_ANSWER__ANSWER_DENY;
			answers[i].deny = &deny;
			break;
		case 2:
			answers[i].answer_case = PB__AUTH_ANSWER__ANSWER_BUSY;
			answers[i].busy = &busy;
			break;
		default:
			answers[i].answer_case = PB__AUTH_ANSWER__ANSWER_TOKEN;
			answers[i].token = &token;
			break;
		}
	}
	world_answer(auth, BUS_ANSWERED,
		(struct slice){(const char *)bytes, pb__auth_reply__pack(&reply, bytes)});
}

static void step(struct script *s)
{
	unsigned what = script_byte(s) % 7;

	if (what >= 3 && what <= 5 && world_asked(auth) == 0)
		return;
	switch (what) {
	case 0:
	case 1:
		step_ask(s);
		break;
	case 2:
		step_cancel(s);
		break;
	case 3:
		step_answer(s);
		break;
	case 4:
		world_answer(auth, BUS_ANSWERED, script_slice(s));
		break;
	case 5:
		world_answer(auth, script_byte(s) % 2 ? BUS_BROKE : BUS_TIMED_OUT,
			(struct slice){NULL, 0});
		break;
	case 6:
		world_ms += (int64_t)script_byte(s) * 10;
		break;
	}
}

static void begin(void)
{
	static const char credential[CREDENTIAL_BYTES] = "EDG1";

	world_reset();
	world_stop_time(true);
	assert(uv_loop_init(&loop) == 0);
	assert(auth_client_new(&client, &loop, NULL, "auth.sock") == 0);
	world_keep();
	auth = world_socket("auth.sock");
	auth_client_set_credential(client, (struct slice){credential, sizeof(credential)});
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct script s = {data, size};

	if (client == NULL)
		begin();
	world_stop_time(true);
	while (!script_is_over(&s)) {
		step(&s);
		uv_run(&loop, UV_RUN_NOWAIT);
	}
	/* Whatever is out ends, at its deadline at the latest. */
	for (int i = 0; i < 4 * AUTH_REQUESTS_IN_FLIGHT + 4 * QUESTIONS && n_open > 0; i++) {
		world_ms += 1000;
		uv_run(&loop, UV_RUN_NOWAIT);
		while (world_asked(auth) > 0)
			world_answer(auth, BUS_TIMED_OUT, (struct slice){NULL, 0});
	}
	assert(n_open == 0);
	uv_run(&loop, UV_RUN_NOWAIT);
	while (world_asked(auth) > 0)
		world_answer(auth, BUS_TIMED_OUT, (struct slice){NULL, 0});
	world_stop_time(false);
	return 0;
}
