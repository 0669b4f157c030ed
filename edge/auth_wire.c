/*
 * Auth is trusted, but what it says is still checked for shape before it is acted on: a grant for a
 * login or a ticket without a user would be our own bug somewhere, and no reason to let anybody in.
 */
#include "edge/auth_wire.h"

#include <assert.h>

#include "proto/names.h"
#include "proto/ticket.h"

/* An auth that was not upgraded yet understands what it always did. */
enum { WIRE_OLD = 2, WIRE_NEWER = 3 };

void auth_batch_init(struct auth_batch *b, struct slice credential)
{
	pb__auth_request__init(&b->request);
	b->request.wire = WIRE_OLD;
	b->request.credential = codec_bytes(credential);
	b->request.asks = b->list;
}

static void add_verify(Pb__AuthAsk *pb, Pb__AuthVerify *body, const struct auth_ask *ask)
{
	pb__auth_verify__init(body);
	body->token = codec_bytes(ask->proof);
	body->nonce = ask->nonce;
	body->ticket = codec_bytes(ask->ticket);
	pb->ask_case = PB__AUTH_ASK__ASK_VERIFY;
	pb->verify = body;
}

static void add_renew(Pb__AuthAsk *pb, Pb__AuthRenew *body, const struct auth_ask *ask)
{
	pb__auth_renew__init(body);
	body->ticket = codec_bytes(ask->proof);
	pb->ask_case = PB__AUTH_ASK__ASK_RENEW;
	pb->renew = body;
}

static void add_login(Pb__AuthAsk *pb, Pb__AuthLogin *body, const struct auth_login *login)
{
	pb__auth_login__init(body);
	body->username = codec_bytes(login->username);
	body->password = codec_bytes(login->password);
	body->address = codec_bytes(login->address);
	pb->ask_case = PB__AUTH_ASK__ASK_LOGIN;
	pb->login = body;
}

static void add_redeem(Pb__AuthAsk *pb, Pb__AuthRedeem *body, const struct auth_ask *ask)
{
	pb__auth_redeem__init(body);
	body->secret = codec_bytes(ask->proof);
	body->origin = codec_bytes(ask->origin);
	body->nonce = ask->nonce;
	pb->ask_case = PB__AUTH_ASK__ASK_REDEEM;
	pb->redeem = body;
}

static void add_refresh(Pb__AuthAsk *pb, Pb__AuthRefresh *body, const struct auth_ask *ask)
{
	pb__auth_refresh__init(body);
	body->token = codec_bytes(ask->proof);
	pb->ask_case = PB__AUTH_ASK__ASK_REFRESH;
	pb->refresh = body;
}

static void add_one_time(Pb__AuthAsk *pb, Pb__AuthOneTimeOrder *body, const struct auth_ask *ask)
{
	pb__auth_one_time_order__init(body);
	body->token = codec_bytes(ask->proof);
	body->origin = codec_bytes(ask->origin);
	pb->ask_case = PB__AUTH_ASK__ASK_ONE_TIME;
	pb->one_time = body;
}

static void add_logout(Pb__AuthAsk *pb, Pb__AuthLogout *body, const struct auth_ask *ask)
{
	pb__auth_logout__init(body);
	body->token = codec_bytes(ask->proof);
	pb->ask_case = PB__AUTH_ASK__ASK_LOGOUT;
	pb->logout = body;
}

static bool is_old(enum auth_ask_kind kind)
{
	return kind == AUTH_ASK_VERIFY || kind == AUTH_ASK_RENEW || kind == AUTH_ASK_LOGIN;
}

void auth_batch_add(struct auth_batch *b, const struct auth_ask *ask)
{
	size_t i = b->request.n_asks;
	Pb__AuthAsk *pb = &b->asks[i];

	assert(i < AUTH_ASKS_PER_REQUEST);
	pb__auth_ask__init(pb);
	switch (ask->kind) {
	case AUTH_ASK_VERIFY:
	case AUTH_ASK_REAUTH:
		add_verify(pb, &b->bodies[i].verify, ask);
		break;
	case AUTH_ASK_RENEW:
		add_renew(pb, &b->bodies[i].renew, ask);
		break;
	case AUTH_ASK_LOGIN:
		add_login(pb, &b->bodies[i].login, &ask->login);
		break;
	case AUTH_ASK_REDEEM:
		add_redeem(pb, &b->bodies[i].redeem, ask);
		break;
	case AUTH_ASK_REFRESH:
		add_refresh(pb, &b->bodies[i].refresh, ask);
		break;
	case AUTH_ASK_ONE_TIME:
		add_one_time(pb, &b->bodies[i].one_time, ask);
		break;
	case AUTH_ASK_LOGOUT:
		add_logout(pb, &b->bodies[i].logout, ask);
		break;
	}
	if (!is_old(ask->kind))
		b->request.wire = WIRE_NEWER;
	b->list[i] = pb;
	b->request.n_asks = i + 1;
}

size_t auth_batch_bytes(const struct auth_batch *b)
{
	return pb__auth_request__get_packed_size(&b->request);
}

void auth_batch_write(const struct auth_batch *b, char *out)
{
	pb__auth_request__pack(&b->request, (uint8_t *)out);
}

bool auth_answers_read(
	struct arena *arena, struct slice reply, size_t n, Pb__AuthAnswer *const **out)
{
	/* An answer and its body, for each question, and the reply itself. */
	static const struct codec_bounds bounds = {
		AUTH_REPLY_MAX_BYTES, 2 * AUTH_ASKS_PER_REQUEST + 1};
	const Pb__AuthReply *decoded;
	ProtobufCMessage *message;

	if (codec_decode(&pb__auth_reply__descriptor, reply, &bounds, arena, &message) != CODEC_OK)
		return false;
	decoded = (const Pb__AuthReply *)message;
	if (!wire_is_known(decoded->wire) || decoded->n_answers != n)
		return false;
	*out = decoded->answers;
	return true;
}

static bool is_for_grant(enum auth_ask_kind kind)
{
	return kind == AUTH_ASK_VERIFY || kind == AUTH_ASK_REAUTH || kind == AUTH_ASK_RENEW ||
	       kind == AUTH_ASK_REDEEM;
}

static bool read_grant(const Pb__AuthGrant *grant, struct auth_reply *out)
{
	out->outcome = AUTH_GRANTED;
	out->ticket = codec_slice(grant->ticket);
	out->uid = codec_slice(grant->uid);
	out->expires_in_ms = grant->expires_in_ms;
	out->ends_in_ms = grant->ends_in_ms;
	out->may_push = grant->may_push;
	return name_is_uid(out->uid) && out->ticket.len > 0 && out->ticket.len <= TICKET_MAX_BYTES;
}

static bool read_token(const Pb__AuthToken *token, struct auth_reply *out)
{
	out->outcome = AUTH_GRANTED;
	out->token = codec_slice(token->token);
	return out->token.len > 0 && out->token.len <= TOKEN_MAX_BYTES;
}

static bool read_one_time(const Pb__AuthOneTime *one_time, struct auth_reply *out)
{
	out->outcome = AUTH_GRANTED;
	out->token = codec_slice(one_time->secret);
	out->expires_in_ms = one_time->expires_in_ms;
	return out->token.len == ONE_TIME_TEXT_BYTES;
}

bool auth_answer_read(const Pb__AuthAnswer *answer, enum auth_ask_kind kind, struct auth_reply *out)
{
	memset(out, 0, sizeof(*out));
	switch (answer->answer_case) {
	case PB__AUTH_ANSWER__ANSWER_GRANT:
		return is_for_grant(kind) && read_grant(answer->grant, out);
	case PB__AUTH_ANSWER__ANSWER_DENY:
		out->outcome = AUTH_DENIED;
		return true;
	case PB__AUTH_ANSWER__ANSWER_BUSY:
		out->outcome = AUTH_BUSY;
		out->retry_after_ms = answer->busy->retry_after_ms;
		return true;
	case PB__AUTH_ANSWER__ANSWER_TOKEN:
		return (kind == AUTH_ASK_LOGIN || kind == AUTH_ASK_REFRESH) &&
		       read_token(answer->token, out);
	case PB__AUTH_ANSWER__ANSWER_ONE_TIME:
		return kind == AUTH_ASK_ONE_TIME && read_one_time(answer->one_time, out);
	case PB__AUTH_ANSWER__ANSWER_DONE:
		out->outcome = AUTH_GRANTED;
		return kind == AUTH_ASK_LOGOUT;
	case PB__AUTH_ANSWER__ANSWER__NOT_SET:
	case _PB__AUTH_ANSWER__ANSWER__CASE_IS_INT_SIZE:
		break;
	}
	return false;
}
