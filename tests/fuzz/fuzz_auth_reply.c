/*
 * What auth answers an edge, and what an edge asks auth.  An answer that is taken has the bounds
 * that its readers count on and is one to that kind of question; a batch of questions is decoded
 * within auth's bounds, as it was.
 */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>

#include "edge/auth_wire.h"
#include "proto/names.h"
#include "proto/ticket.h"
#include "tests/fuzz/script.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_reply(const Pb__AuthAnswer *answer, enum auth_ask_kind kind)
{
	const bool is_for_grant = kind == AUTH_ASK_VERIFY || kind == AUTH_ASK_RENEW ||
				  kind == AUTH_ASK_REAUTH || kind == AUTH_ASK_REDEEM;
	struct auth_reply reply;

	if (!auth_answer_read(answer, kind, &reply) || reply.outcome != AUTH_GRANTED) {
		assert(reply.outcome != AUTH_AWAY);
		return;
	}
	if (is_for_grant)
		assert(name_is_uid(reply.uid) && reply.ticket.len > 0 &&
			reply.ticket.len <= TICKET_MAX_BYTES && reply.token.len == 0);
	else if (kind == AUTH_ASK_ONE_TIME)
		assert(reply.token.len == ONE_TIME_TEXT_BYTES && reply.ticket.len == 0);
	else if (kind == AUTH_ASK_LOGOUT)
		assert(reply.token.len == 0 && reply.ticket.len == 0);
	else
		assert(reply.token.len > 0 && reply.token.len <= TOKEN_MAX_BYTES &&
			reply.ticket.len == 0);
}

static void check_answers(struct arena *arena, struct script *s)
{
	size_t n = script_byte(s) % (AUTH_ASKS_PER_REQUEST + 1);
	Pb__AuthAnswer *const *answers = NULL;

	if (!auth_answers_read(arena, script_rest(s), n, &answers))
		return;
	for (size_t i = 0; i < n; i++) {
		for (int kind = AUTH_ASK_VERIFY; kind <= AUTH_ASK_LOGOUT; kind++)
			check_reply(answers[i], (enum auth_ask_kind)kind);
	}
}

static struct auth_ask ask_from(struct script *s, bool is_first)
{
	struct auth_ask ask = {.kind = (enum auth_ask_kind)(script_byte(s) % 8)};

	/* These travel alone. */
	if (!is_first && (ask.kind == AUTH_ASK_LOGIN || ask.kind == AUTH_ASK_LOGOUT))
		ask.kind = AUTH_ASK_VERIFY;
	ask.proof = script_slice(s);
	ask.ticket = script_slice(s);
	ask.origin = script_slice(s);
	ask.nonce = script_number(s, 8);
	ask.login = (struct auth_login){ask.proof, ask.ticket, ask.origin};
	return ask;
}

static void check_same(const struct auth_ask *a, const Pb__AuthAsk *b)
{
	switch (a->kind) {
	case AUTH_ASK_VERIFY:
	case AUTH_ASK_REAUTH:
		assert(slice_eq(a->proof, codec_slice(b->verify->token)) &&
			slice_eq(a->ticket, codec_slice(b->verify->ticket)) &&
			a->nonce == b->verify->nonce);
		break;
	case AUTH_ASK_RENEW:
		assert(slice_eq(a->proof, codec_slice(b->renew->ticket)));
		break;
	case AUTH_ASK_LOGIN:
		assert(slice_eq(a->login.username, codec_slice(b->login->username)) &&
			slice_eq(a->login.password, codec_slice(b->login->password)) &&
			slice_eq(a->login.address, codec_slice(b->login->address)));
		break;
	case AUTH_ASK_REDEEM:
		assert(slice_eq(a->proof, codec_slice(b->redeem->secret)) &&
			slice_eq(a->origin, codec_slice(b->redeem->origin)));
		break;
	case AUTH_ASK_REFRESH:
		assert(slice_eq(a->proof, codec_slice(b->refresh->token)));
		break;
	case AUTH_ASK_ONE_TIME:
		assert(slice_eq(a->proof, codec_slice(b->one_time->token)) &&
			slice_eq(a->origin, codec_slice(b->one_time->origin)));
		break;
	case AUTH_ASK_LOGOUT:
		assert(slice_eq(a->proof, codec_slice(b->logout->token)));
		break;
	}
}

static void check_batch(struct arena *arena, struct script *s)
{
	static const struct codec_bounds bounds = {
		AUTH_REQUEST_MAX_BYTES, 2 * AUTH_ASKS_PER_REQUEST + 1};
	struct auth_ask asks[AUTH_ASKS_PER_REQUEST];
	struct auth_batch batch;
	const Pb__AuthRequest *request;
	ProtobufCMessage *decoded;
	size_t n = 0;
	char *bytes;

	auth_batch_init(&batch, script_slice(s));
	while (n < AUTH_ASKS_PER_REQUEST && !script_is_over(s)) {
		asks[n] = ask_from(s, n == 0);
		auth_batch_add(&batch, &asks[n++]);
		if (asks[0].kind == AUTH_ASK_LOGIN || asks[0].kind == AUTH_ASK_LOGOUT)
			break;
	}
	bytes = malloc(auth_batch_bytes(&batch) + 1);
	assert(bytes != NULL);
	auth_batch_write(&batch, bytes);
	assert(codec_decode(&pb__auth_request__descriptor,
		       (struct slice){bytes, auth_batch_bytes(&batch)}, &bounds, arena,
		       &decoded) == CODEC_OK);
	request = (const Pb__AuthRequest *)decoded;
	assert(wire_is_known(request->wire) && request->n_asks == n);
	for (size_t i = 0; i < n; i++)
		check_same(&asks[i], request->asks[i]);
	free(bytes);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	CLEANUP(arena_freep) struct arena *arena = NULL;
	struct script s = {data, size};

	assert(arena_new(&arena, 1 << 22) == 0);
	if (script_byte(&s) % 2 == 0)
		check_answers(arena, &s);
	else
		check_batch(arena, &s);
	return 0;
}
