/*
 * answers: what auth says to an edge, built beside all that it points to.  A deny looks the same
 * whatever was wrong.
 */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "auth/grant.h"
#include "auth/questions.h"
#include "common/log.h"
#include "proto/pack.h"

void say_deny(struct answer *out)
{
	pb__auth_answer__init(&out->answer);
	pb__auth_deny__init(&out->body.deny);
	out->answer.answer_case = PB__AUTH_ANSWER__ANSWER_DENY;
	out->answer.deny = &out->body.deny;
}

void say_busy(struct answer *out, int64_t retry_after_ms)
{
	pb__auth_answer__init(&out->answer);
	pb__auth_busy__init(&out->body.busy);
	out->body.busy.retry_after_ms = (uint32_t)retry_after_ms;
	out->answer.answer_case = PB__AUTH_ANSWER__ANSWER_BUSY;
	out->answer.busy = &out->body.busy;
}

void say_token(struct answer *out, const char *token)
{
	pb__auth_answer__init(&out->answer);
	pb__auth_token__init(&out->body.token);
	out->body.token.token = codec_bytes(slice_of(token));
	out->answer.answer_case = PB__AUTH_ANSWER__ANSWER_TOKEN;
	out->answer.token = &out->body.token;
}

int say_token_copy(struct authd *a, const char *token, struct answer *out)
{
	size_t len = strlen(token);
	char *copy;

	if (len > TOKEN_MAX_BYTES)
		return -EINVAL; /* nobody would take it */
	copy = arena_alloc(a->arena, len + 1);
	if (copy == NULL)
		return -ENOMEM;
	memcpy(copy, token, len + 1);
	say_token(out, copy);
	return 0;
}

void say_one_time(struct answer *out, const char text[ONE_TIME_TEXT_BYTES], int64_t expires_in_ms)
{
	pb__auth_answer__init(&out->answer);
	pb__auth_one_time__init(&out->body.one_time);
	memcpy(out->one_time, text, ONE_TIME_TEXT_BYTES);
	out->body.one_time.secret = codec_bytes((struct slice){out->one_time, ONE_TIME_TEXT_BYTES});
	out->body.one_time.expires_in_ms = expires_in_ms;
	out->answer.answer_case = PB__AUTH_ANSWER__ANSWER_ONE_TIME;
	out->answer.one_time = &out->body.one_time;
}

void say_grant(struct authd *a, const struct ticket *t, int64_t boot_ms, struct answer *out)
{
	Pb__AuthGrant *grant = &out->body.grant;
	size_t len = ticket_mint(a->ticket_keys, t, out->ticket);

	if (len == 0) {
		log_error("ticket_not_minted", "edge=%" PRIu32, t->edge_id);
		say_deny(out);
		return;
	}
	pb__auth_answer__init(&out->answer);
	pb__auth_grant__init(grant);
	memcpy(out->uid, t->uid, t->uid_len);
	grant->ticket = codec_bytes((struct slice){(const char *)out->ticket, len});
	grant->uid = codec_bytes((struct slice){out->uid, t->uid_len});
	grant->expires_in_ms = grant_expires_in_ms(t, boot_ms);
	grant->ends_in_ms = t->session_end_ms - boot_ms;
	grant->may_push = (t->flags & TICKET_MAY_PUSH) != 0;
	out->answer.answer_case = PB__AUTH_ANSWER__ANSWER_GRANT;
	out->answer.grant = grant;
}

void say_done(struct answer *out)
{
	pb__auth_answer__init(&out->answer);
	pb__auth_done__init(&out->body.done);
	out->answer.answer_case = PB__AUTH_ANSWER__ANSWER_DONE;
	out->answer.done = &out->body.done;
}

void answer_one(struct bus_request *req, uint32_t wire, struct answer *one)
{
	Pb__AuthAnswer *list[] = {&one->answer};
	Pb__AuthReply reply = PB__AUTH_REPLY__INIT;

	reply.wire = wire;
	reply.n_answers = 1;
	reply.answers = list;
	pack_answer(req, &reply.base);
}
