/* Auth as the edge sees it, in place of edge/auth_client.c: see live_rig.h. */
#include <assert.h>

#include "tests/fuzz/live_rig.h"

bool is_ticket(size_t len)
{
	return len == TICKET_BYTES || len == TICKET_BYTES - 1;
}

static uint64_t ask(size_t token, bool is_renewal, auth_reply_fn *fn, void *arg)
{
	for (size_t i = 0; i < QUESTIONS; i++) {
		struct question *q = &play.questions[i];

		if (q->id != 0)
			continue;
		*q = (struct question){++play.asks, token, is_renewal, fn, arg};
		return q->id;
	}
	return 0;
}

uint64_t auth_client_verify(struct auth_client *ac, const struct auth_verify *verify,
	int64_t timeout_ms, auth_reply_fn *fn, void *arg)
{
	(void)ac;
	assert(timeout_ms > 0 && is_ticket(verify->ticket.len));
	for (size_t i = 0; i < TOKENS; i++) {
		if (slice_is(verify->token, tokens[i]))
			return ask(i, false, fn, arg);
	}
	return ask(TOKENS, false, fn, arg);
}

uint64_t auth_client_renew(struct auth_client *ac, struct slice ticket, int64_t timeout_ms,
	auth_reply_fn *fn, void *arg)
{
	(void)ac;
	assert(timeout_ms > 0 && is_ticket(ticket.len));
	return ask(ticket.data[1] == users[1][0], true, fn, arg);
}

void auth_client_cancel(struct auth_client *ac, uint64_t id)
{
	(void)ac;
	for (size_t i = 0; i < QUESTIONS; i++) {
		if (play.questions[i].id == id)
			play.questions[i].id = 0;
	}
}

void auth_client_set_credential(struct auth_client *ac, struct slice credential)
{
	(void)ac;
	assert(credential.len == CREDENTIAL_BYTES);
}

bool auth_client_is_up(const struct auth_client *ac)
{
	(void)ac;
	return true;
}

size_t auth_client_take_most(struct auth_client *ac)
{
	(void)ac;
	return 0;
}

struct slice ticket_of(size_t user, char out[TICKET_BYTES])
{
	memset(out, 't', TICKET_BYTES);
	out[1] = users[user][0];
	return (struct slice){out, TICKET_BYTES};
}

void auth_answers(struct play *p)
{
	unsigned how = script_byte(&p->s);
	struct question *q = &p->questions[script_byte(&p->s) % QUESTIONS];
	struct question asked = *q;
	char ticket[TICKET_BYTES];
	struct auth_reply reply = {.outcome = (enum auth_outcome)(how % 4)};
	size_t user = asked.is_renewal ? asked.token : asked.token % USERS;

	if (q->id == 0)
		return;
	if (asked.token == TOKENS && reply.outcome == AUTH_GRANTED)
		reply.outcome = AUTH_DENIED;
	reply.retry_after_ms = how;
	if (reply.outcome == AUTH_GRANTED) {
		reply.uid = slice_of(users[user]);
		reply.ticket = ticket_of(user, ticket);
		reply.ticket.len -= how & 4 ? 1 : 0;
		reply.expires_in_ms = how & 8 ? 1000 : 3600000;
		reply.ends_in_ms = how & 16 ? 1000 : 900000;
		reply.may_push = (how & 32) != 0;
	}
	q->id = 0;
	asked.fn(asked.arg, &reply);
}
