/*
 * Auth is trusted, but what it says is still checked for shape before it is acted on: a grant for a
 * login or a ticket without a user would be our own bug somewhere, and no reason to let anybody in.
 */
#include "edge/auth_wire.h"

#include <assert.h>

#include "proto/names.h"
#include "proto/ticket.h"

/* auth.proto has not changed since: an auth that was not upgraded yet understands it too. */
#define AUTH_WIRE 1

void auth_batch_init(struct auth_batch *b, struct slice credential)
{
	pb__auth_request__init(&b->request);
	b->request.wire = AUTH_WIRE;
	b->request.credential = codec_bytes(credential);
	b->request.asks = b->list;
}

void auth_batch_add(struct auth_batch *b, const struct auth_ask *ask)
{
	size_t i = b->request.n_asks;
	Pb__AuthAsk *pb = &b->asks[i];

	assert(i < AUTH_ASKS_PER_REQUEST);
	pb__auth_ask__init(pb);
	switch (ask->kind) {
	case AUTH_ASK_VERIFY:
		pb__auth_verify__init(&b->bodies[i].verify);
		b->bodies[i].verify.token = codec_bytes(ask->proof);
		b->bodies[i].verify.nonce = ask->nonce;
		pb->ask_case = PB__AUTH_ASK__ASK_VERIFY;
		pb->verify = &b->bodies[i].verify;
		break;
	case AUTH_ASK_RENEW:
		pb__auth_renew__init(&b->bodies[i].renew);
		b->bodies[i].renew.ticket = codec_bytes(ask->proof);
		pb->ask_case = PB__AUTH_ASK__ASK_RENEW;
		pb->renew = &b->bodies[i].renew;
		break;
	case AUTH_ASK_LOGIN:
		pb__auth_login__init(&b->bodies[i].login);
		b->bodies[i].login.username = codec_bytes(ask->login.username);
		b->bodies[i].login.password = codec_bytes(ask->login.password);
		b->bodies[i].login.address = codec_bytes(ask->login.address);
		pb->ask_case = PB__AUTH_ASK__ASK_LOGIN;
		pb->login = &b->bodies[i].login;
		break;
	}
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

static bool read_grant(const Pb__AuthGrant *grant, enum auth_ask_kind kind, struct auth_reply *out)
{
	out->outcome = AUTH_GRANTED;
	out->ticket = codec_slice(grant->ticket);
	out->uid = codec_slice(grant->uid);
	out->expires_in_ms = grant->expires_in_ms;
	out->ends_in_ms = grant->ends_in_ms;
	out->may_push = grant->may_push;
	return kind != AUTH_ASK_LOGIN && name_is_uid(out->uid) && out->ticket.len > 0 &&
	       out->ticket.len <= TICKET_MAX_BYTES;
}

bool auth_answer_read(const Pb__AuthAnswer *answer, enum auth_ask_kind kind, struct auth_reply *out)
{
	memset(out, 0, sizeof(*out));
	switch (answer->answer_case) {
	case PB__AUTH_ANSWER__ANSWER_GRANT:
		return read_grant(answer->grant, kind, out);
	case PB__AUTH_ANSWER__ANSWER_DENY:
		out->outcome = AUTH_DENIED;
		return true;
	case PB__AUTH_ANSWER__ANSWER_BUSY:
		out->outcome = AUTH_BUSY;
		out->retry_after_ms = answer->busy->retry_after_ms;
		return true;
	case PB__AUTH_ANSWER__ANSWER_TOKEN:
		out->outcome = AUTH_GRANTED;
		out->token = codec_slice(answer->token->token);
		return kind == AUTH_ASK_LOGIN && out->token.len > 0 &&
		       out->token.len <= TOKEN_MAX_BYTES;
	case PB__AUTH_ANSWER__ANSWER__NOT_SET:
	case _PB__AUTH_ANSWER__ANSWER__CASE_IS_INT_SIZE:
		break;
	}
	return false;
}
