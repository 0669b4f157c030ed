/*
 * auth_wire: questions for auth and their answers, as bytes.  Pure.
 */
#ifndef POSTERN_EDGE_AUTH_WIRE_H
#define POSTERN_EDGE_AUTH_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/slice.h"
#include "edge/auth_client.h"
#include "proto/auth.pb-c.h"
#include "proto/codec.h"
#include "proto/limits.h"

enum auth_ask_kind {
	AUTH_ASK_VERIFY,
	AUTH_ASK_RENEW,
	AUTH_ASK_LOGIN,
	AUTH_ASK_REAUTH, /* wire 3, as what follows; a verify with the ticket of a live session */
	AUTH_ASK_REDEEM,
	AUTH_ASK_REFRESH,
	AUTH_ASK_ONE_TIME,
	AUTH_ASK_LOGOUT,
};

struct auth_ask {
	enum auth_ask_kind kind;
	struct slice proof;  /* the token, the ticket, or the one-time ticket's secret */
	struct slice ticket; /* reauth */
	struct slice origin; /* redeem, one_time */
	uint64_t nonce;	     /* verify, reauth, redeem */
	struct auth_login login;
};

/* A request being built.  Borrows the credential and what the asks point to. */
struct auth_batch {
	Pb__AuthRequest request;
	Pb__AuthAsk asks[AUTH_ASKS_PER_REQUEST];
	Pb__AuthAsk *list[AUTH_ASKS_PER_REQUEST];
	union {
		Pb__AuthVerify verify;
		Pb__AuthRenew renew;
		Pb__AuthLogin login;
		Pb__AuthRedeem redeem;
		Pb__AuthRefresh refresh;
		Pb__AuthOneTimeOrder one_time;
		Pb__AuthLogout logout;
	} bodies[AUTH_ASKS_PER_REQUEST];
};

void auth_batch_init(struct auth_batch *b, struct slice credential);
/* At most AUTH_ASKS_PER_REQUEST; a login or a logout only as the first and last.  The request says
 * the lowest wire version that has all of them. */
void auth_batch_add(struct auth_batch *b, const struct auth_ask *ask);
size_t auth_batch_bytes(const struct auth_batch *b);
void auth_batch_write(const struct auth_batch *b, char *out);

/* The answers of one reply, borrowed from the arena.  False: not an answer to n questions. */
bool auth_answers_read(
	struct arena *arena, struct slice reply, size_t n, Pb__AuthAnswer *const **out);
/* One of them as the reply to a question of that kind.  False: no possible answer to it. */
bool auth_answer_read(
	const Pb__AuthAnswer *answer, enum auth_ask_kind kind, struct auth_reply *out);

#endif
