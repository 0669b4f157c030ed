/*
 * What one request carries must be of one wire version and of one pace: auth answers all of it, and
 * at once.
 */
#include "edge/auth_lanes.h"

#include <stdlib.h>
#include <string.h>

enum {
	WAITING_MAX = 4096,
	LOGINS_WAITING_MAX = 64,
	LOGOUTS_WAITING_MAX = 64,
	LOGOUTS_IN_FLIGHT = 8, /* each waits for the router */
};

static const struct auth_lane_rules rules[AUTH_LANES] = {
	[AUTH_LANE_TOKENS] = {WAITING_MAX, AUTH_REQUESTS_IN_FLIGHT, AUTH_ASKS_PER_REQUEST},
	[AUTH_LANE_NEWER] = {WAITING_MAX, AUTH_REQUESTS_IN_FLIGHT, AUTH_ASKS_PER_REQUEST},
	[AUTH_LANE_LOGINS] = {LOGINS_WAITING_MAX, AUTH_LOGINS_IN_FLIGHT, 1},
	[AUTH_LANE_LOGOUTS] = {LOGOUTS_WAITING_MAX, LOGOUTS_IN_FLIGHT, 1},
};

static struct slice keep(struct auth_question *q, struct slice s)
{
	char *to = q->bytes + q->len;

	if (s.len > 0)
		memcpy(to, s.data, s.len);
	q->len += s.len;
	return (struct slice){to, s.len};
}

struct auth_question *auth_question_new(const struct auth_ask *ask)
{
	const struct auth_login *login = &ask->login;
	size_t len = ask->proof.len + ask->ticket.len + ask->origin.len + login->username.len +
		     login->password.len + login->address.len;
	struct auth_question *q = calloc(1, sizeof(*q) + len);

	if (q == NULL)
		return NULL;
	q->what.kind = ask->kind;
	q->what.nonce = ask->nonce;
	q->what.proof = keep(q, ask->proof);
	q->what.ticket = keep(q, ask->ticket);
	q->what.origin = keep(q, ask->origin);
	q->what.login.username = keep(q, login->username);
	q->what.login.password = keep(q, login->password);
	q->what.login.address = keep(q, login->address);
	return q;
}

void auth_question_free(struct auth_question *q)
{
	explicit_bzero(q->bytes, q->len);
	free(q);
}

void auth_lanes_init(struct auth_lane lanes[AUTH_LANES])
{
	for (size_t i = 0; i < AUTH_LANES; i++)
		lanes[i] = (struct auth_lane){.rules = &rules[i]};
}

enum auth_lane_name auth_lane_of(enum auth_ask_kind kind)
{
	switch (kind) {
	case AUTH_ASK_VERIFY:
	case AUTH_ASK_RENEW:
		break;
	case AUTH_ASK_LOGIN:
		return AUTH_LANE_LOGINS;
	case AUTH_ASK_REAUTH:
	case AUTH_ASK_REDEEM:
	case AUTH_ASK_REFRESH:
	case AUTH_ASK_ONE_TIME:
		return AUTH_LANE_NEWER;
	case AUTH_ASK_LOGOUT:
		return AUTH_LANE_LOGOUTS;
	}
	return AUTH_LANE_TOKENS;
}

void auth_lane_insert(struct auth_lane *lane, struct auth_question *q, struct auth_question *before)
{
	q->lane = lane;
	q->next = before;
	q->prev = before == NULL ? lane->last : before->prev;
	*(q->prev == NULL ? &lane->first : &q->prev->next) = q;
	*(q->next == NULL ? &lane->last : &q->next->prev) = q;
	lane->n++;
}

void auth_lane_remove(struct auth_lane *lane, struct auth_question *q)
{
	*(q->prev == NULL ? &lane->first : &q->prev->next) = q->next;
	*(q->next == NULL ? &lane->last : &q->next->prev) = q->prev;
	lane->n--;
}
