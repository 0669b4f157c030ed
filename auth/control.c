/*
 * control: what authctl asks of tokens, and its ping.  Only here a verdict has a reason, since the
 * asker is an operator.  Replies are built in the arena, beside the request.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#include "auth/authd_parts.h"
#include "auth/token.h"
#include "common/clock.h"
#include "common/log.h"
#include "common/random.h"
#include "proto/codes.h"
#include "proto/limits.h"
#include "proto/names.h"

bool control_refuse(Pb__AuthCtlReply *reply, unsigned code, const char *why)
{
	reply->code = code;
	reply->message = codec_bytes(slice_of(why));
	reply->result_case = PB__AUTH_CTL_REPLY__RESULT__NOT_SET;
	return true;
}

static bool refuse_order(Pb__AuthCtlReply *reply, int error)
{
	switch (error) {
	case -ERANGE:
		return control_refuse(
			reply, EX_NOT_PERMITTED, "the ttl is longer than max-lifetime in own.conf");
	case -EPERM:
		return control_refuse(
			reply, EX_NOT_PERMITTED, "own.conf does not speak for this user");
	case -EINVAL:
		return control_refuse(reply, EX_BAD_DATA,
			"sub is 1 to 128 of [A-Za-z0-9._@:-]; scope and aud are UTF-8, 512 bytes");
	default:
		return control_refuse(reply, EX_INTERNAL, "out of memory");
	}
}

/* Copies into the arena. */
static bool token_keep(struct authd *a, const char *token, ProtobufCBinaryData *out)
{
	size_t len = strlen(token);
	char *copy = arena_alloc(a->arena, len);

	if (copy == NULL)
		return false;
	memcpy(copy, token, len);
	*out = codec_bytes((struct slice){copy, len});
	return true;
}

/* The first one's jti is kept for the record. */
static int token_one(const struct control_ask *q, const struct key *own, struct slice sub,
	ProtobufCBinaryData *out)
{
	CLEANUP(mem_freep) char *token = NULL;
	struct authd *a = q->a;
	const Pb__CtlToken *ask = q->request->token;
	char jti[CONTROL_JTI_SIZE];
	struct token_order order = {
		.sub = sub,
		.scope = codec_slice(ask->scope),
		.iat_s = revocations_iat_s(
			a->revocations, sub, own->policy->issuer_id, clock_wall_ms()),
		.ttl_s = ask->ttl_s > INT32_MAX ? INT32_MAX : (int64_t)ask->ttl_s,
		.jti_text = {jti, sizeof(jti) - 1},
	};
	int r;

	snprintf(jti, sizeof(jti), "%016" PRIx64 "%016" PRIx64, random_u64(), random_u64());
	if (ask->aud.len > 0)
		order.aud = codec_slice(ask->aud);
	r = token_make(&token, own, &order);
	if (r < 0)
		return r;
	if (q->asker->jti[0] == '\0')
		memcpy(q->asker->jti, jti, sizeof(jti));
	return token_keep(a, token, out) ? 0 : -ENOMEM;
}

/* Tokens for sub, sub + 1, and so on. */
static int token_many(const struct control_ask *q, const struct key *own, Pb__CtlTokenMade *made)
{
	const Pb__CtlToken *ask = q->request->token;
	char sub[24];
	unsigned long long first;

	if (!name_is_number(codec_slice(ask->sub)) || ask->count > CTL_TOKENS_PER_REQUEST)
		return -EINVAL;
	snprintf(sub, sizeof(sub), "%.*s", (int)ask->sub.len, (const char *)ask->sub.data);
	first = strtoull(sub, NULL, 10);
	made->more = arena_alloc(q->a->arena, ask->count * sizeof(*made->more));
	if (made->more == NULL)
		return -ENOMEM;
	for (; made->n_more < ask->count; made->n_more++) {
		int r;

		snprintf(sub, sizeof(sub), "%llu", first + made->n_more);
		r = token_one(q, own, slice_of(sub), &made->more[made->n_more]);
		if (r < 0)
			return r;
	}
	return 0;
}

bool control_token(const struct control_ask *q, Pb__AuthCtlReply *reply)
{
	struct authd *a = q->a;
	const Pb__CtlToken *ask = q->request->token;
	const struct key *own = keyring_own(a->ring);
	Pb__CtlTokenMade *made = arena_alloc(a->arena, sizeof(*made));
	int r;

	if (made == NULL)
		return refuse_order(reply, -ENOMEM);
	if (own == NULL)
		return control_refuse(reply, EX_UNAVAILABLE,
			"there is no own key: keys/own.conf with an HMAC secret");
	pb__ctl_token_made__init(made);
	if (ask->count > 0)
		r = token_many(q, own, made);
	else
		r = token_one(q, own, codec_slice(ask->sub), &made->token);
	if (r < 0)
		return refuse_order(reply, r);
	log_info("tokens_made", "count=%zu scope=%s", made->n_more > 0 ? made->n_more : 1,
		ask->scope.len > 0 ? "yes" : "no");
	reply->result_case = PB__AUTH_CTL_REPLY__RESULT_TOKEN;
	reply->token = made;
	return true;
}

static void verdict_fill(
	struct authd *a, const struct token_facts *facts, int64_t wall_ms, Pb__CtlVerdict *out)
{
	char *uid = arena_alloc(a->arena, UID_MAX_BYTES);

	out->expires_in_ms = facts->exp_ms - wall_ms;
	if (uid != NULL) {
		memcpy(uid, facts->uid, facts->uid_len);
		out->uid = codec_bytes((struct slice){uid, facts->uid_len});
	}
	if (facts->key->kid != NULL)
		out->kid = codec_bytes(slice_of(facts->key->kid));
	if (facts->may_push)
		out->scope = codec_bytes(slice_of(facts->read_only ? "push read-only" : "push"));
	else if (facts->read_only)
		out->scope = codec_bytes(slice_of("read-only"));
}

bool control_check(const struct control_ask *q, Pb__AuthCtlReply *reply)
{
	struct authd *a = q->a;
	Pb__CtlVerdict *out = arena_alloc(a->arena, sizeof(*out));
	int64_t wall_ms = clock_wall_ms();
	struct token_facts facts;
	enum token_verdict verdict;

	if (out == NULL)
		return refuse_order(reply, -ENOMEM);
	pb__ctl_verdict__init(out);
	verdict = token_check(a->ring, codec_slice(q->request->check->token), wall_ms, &facts);
	if (verdict == TOKEN_GOOD) {
		out->valid = !revocations_void_token(a->revocations, &facts);
		verdict_fill(a, &facts, wall_ms, out);
	}
	out->reason = codec_bytes(slice_of(
		verdict == TOKEN_GOOD && !out->valid ? "revoked" : token_verdict_text(verdict)));
	reply->result_case = PB__AUTH_CTL_REPLY__RESULT_VERDICT;
	reply->verdict = out;
	return true;
}

/* That it is answered is all that it says. */
bool control_ping(const struct control_ask *q, Pb__AuthCtlReply *reply)
{
	(void)q;
	(void)reply;
	return true;
}
