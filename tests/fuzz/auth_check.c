/* What auth answers: see auth_rig.h. */
#include <assert.h>
#include <string.h>

#include "tests/fuzz/auth_rig.h"

static struct arena *replies;

static void keep(
	struct play *p, struct kept *k, ProtobufCBinaryData bytes, const struct asked *q, int token)
{
	assert(bytes.len <= sizeof(k->bytes));
	*k = (struct kept){
		.token = token, .origin = q->origin, .serial = ++p->serials, .len = bytes.len};
	memcpy(k->bytes, bytes.data, bytes.len);
}

/* Which of the tokens stands behind a question; -1: none that is good. */
static int token_behind(const struct play *p, const struct asked *q)
{
	return q->token < 0 || q->token == EXPIRED || p->is_void[q->token] ? -1 : q->token;
}

/* Once, where it was ordered for. */
static void check_redeemed(struct play *p, const struct asked *q)
{
	assert(q->secret != 0);
	for (size_t i = 0; i < KEPT; i++) {
		struct kept *k = &p->secrets[i];

		if (k->serial != q->secret)
			continue;
		assert(!k->is_spent && slice_eq(k->origin, q->origin));
		k->is_spent = true;
	}
}

/* A session that is live goes on under the same user's next ticket, and never under another's. */
static void check_session(const struct asked *q, const struct ticket *t)
{
	const bool is_same = q->has_live && q->live.uid_len == t->uid_len &&
			     memcmp(q->live.uid, t->uid, t->uid_len) == 0;

	if (q->kind == PB__AUTH_ASK__ASK_RENEW)
		return;
	if (is_same)
		assert(t->session == q->live.session && t->nonce == q->live.nonce &&
			t->issued_at_ms > q->live.issued_at_ms);
	else
		assert(t->nonce == q->nonce && (!q->has_live || t->session != q->live.session));
}

/* To whom, for whom, and for how long. */
static void check_grant(struct play *p, const struct asked *q, const Pb__AuthGrant *grant)
{
	const int token = token_behind(p, q);
	struct ticket t;

	assert(token >= 0 && slice_is(codec_slice(grant->uid), users[token]));
	assert(ticket_verify(authd.ticket_keys, codec_slice(grant->ticket), &t) == TICKET_OK);
	assert(slice_is((struct slice){t.uid, t.uid_len}, users[token]));
	assert(t.edge_id == 3 + p->edge && t.edge_epoch == 9 && t.auth_epoch == 5);
	check_session(q, &t);
	assert(t.session_end_ms <= world_ms + SESSION_MAX_MS && t.session_end_ms <= t.ceiling_ms);
	assert(((t.flags & TICKET_MAY_PUSH) != 0) == (token == MAY_PUSH || token == FOREIGN));
	assert(((t.flags & TICKET_READ_ONLY) != 0) == (token == READ_ONLY));
	keep(p, &p->tickets[p->n_tickets++ % KEPT], grant->ticket, q, token);
}

static void check_answer(struct play *p, const struct asked *q, const Pb__AuthAnswer *answer)
{
	switch (answer->answer_case) {
	case PB__AUTH_ANSWER__ANSWER_GRANT:
		assert(q->kind == PB__AUTH_ASK__ASK_VERIFY || q->kind == PB__AUTH_ASK__ASK_RENEW ||
			q->kind == PB__AUTH_ASK__ASK_REDEEM);
		check_grant(p, q, answer->grant);
		if (q->kind == PB__AUTH_ASK__ASK_REDEEM)
			check_redeemed(p, q);
		break;
	case PB__AUTH_ANSWER__ANSWER_DENY:
	case PB__AUTH_ANSWER__ANSWER_BUSY:
		break;
	case PB__AUTH_ANSWER__ANSWER_TOKEN:
		assert(q->kind == PB__AUTH_ASK__ASK_LOGIN ||
			(q->kind == PB__AUTH_ASK__ASK_REFRESH && token_behind(p, q) == OF_LOGIN));
		break;
	case PB__AUTH_ANSWER__ANSWER_ONE_TIME:
		assert(q->kind == PB__AUTH_ASK__ASK_ONE_TIME && token_behind(p, q) >= 0);
		keep(p, &p->secrets[p->n_secrets++ % KEPT], answer->one_time->secret, q, q->token);
		break;
	case PB__AUTH_ANSWER__ANSWER_DONE:
		assert(q->kind == PB__AUTH_ASK__ASK_LOGOUT && q->token >= 0);
		break;
	case PB__AUTH_ANSWER__ANSWER__NOT_SET:
	case _PB__AUTH_ANSWER__ANSWER__CASE_IS_INT_SIZE:
		assert(false);
	}
}

static const Pb__AuthReply *edge_reply(struct slice bytes)
{
	static const struct codec_bounds bounds = {
		AUTH_REPLY_MAX_BYTES, 2 * AUTH_ASKS_PER_REQUEST + 1};
	ProtobufCMessage *decoded;

	if (replies == NULL)
		assert(arena_new(&replies, 1 << 22) == 0);
	if (codec_decode(&pb__auth_reply__descriptor, bytes, &bounds, replies, &decoded) !=
		CODEC_OK)
		return NULL;
	return (const Pb__AuthReply *)decoded;
}

static void check_ctl_reply(struct slice bytes)
{
	static const struct codec_bounds bounds = {CTL_REPLY_MAX_BYTES, CTL_REPLY_MAX_BYTES / 64};
	const Pb__AuthCtlReply *reply;
	ProtobufCMessage *decoded;

	if (replies == NULL)
		assert(arena_new(&replies, 1 << 22) == 0);
	assert(codec_decode(&pb__auth_ctl_reply__descriptor, bytes, &bounds, replies, &decoded) ==
		CODEC_OK);
	reply = (const Pb__AuthCtlReply *)decoded;
	assert(wire_is_known(reply->wire));
	if (reply->code != 0)
		assert(reply->message.len > 0 &&
			reply->result_case == PB__AUTH_CTL_REPLY__RESULT__NOT_SET);
}

void check_sent(void *arg, const struct world_sent *sent)
{
	struct play *p = arg;
	const Pb__AuthReply *reply;

	/* What is answered later may be of either; its shape is all then. */
	reply = p->is_ctl ? NULL : edge_reply(sent->bytes);
	if (reply == NULL) {
		check_ctl_reply(sent->bytes);
		return;
	}
	assert(wire_is_known(reply->wire));
	if (!p->knows_question)
		return;
	assert(reply->n_answers == p->n);
	for (size_t i = 0; i < p->n; i++)
		check_answer(p, &p->asked[i], reply->answers[i]);
}
