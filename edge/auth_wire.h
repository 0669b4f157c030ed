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

enum auth_ask_kind { AUTH_ASK_VERIFY, AUTH_ASK_RENEW, AUTH_ASK_LOGIN };

struct auth_ask {
	enum auth_ask_kind kind;
	struct slice proof; /* the token or the ticket */
	uint64_t nonce;	    /* verify */
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
	} bodies[AUTH_ASKS_PER_REQUEST];
};

void auth_batch_init(struct auth_batch *b, struct slice credential);
/* At most AUTH_ASKS_PER_REQUEST; a login only as the first and last. */
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
