/*
 * auth_rig: auth with its real keys, tickets, users and facts, for fuzz_auth.c.  auth_rig.c makes
 * it, auth_asks.c puts questions and commands together and sends them, auth_check.c judges what is
 * answered.
 */
#ifndef POSTERN_TESTS_FUZZ_AUTH_RIG_H
#define POSTERN_TESTS_FUZZ_AUTH_RIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "auth/authd_parts.h"
#include "proto/limits.h"
#include "tests/fuzz/script.h"
#include "tests/fuzz/world.h"

#define EDGES 2
#define KEPT 8 /* tickets and secrets of a script */

/* What tokens there are, and what is special about them: one of them is of a login, and one is of
 * another issuer. */
enum { MAY_PUSH, OF_LOGIN, EXPIRED, READ_ONLY, FOREIGN, TOKENS };

extern char *tokens[TOKENS];
extern char jtis[TOKENS][64];
extern const char *const users[TOKENS];

extern struct authd authd;
extern unsigned char credentials[EDGES][CREDENTIAL_BYTES];
extern bool is_used; /* something of it is not as it was at first */

struct kept {
	int token;	     /* that it was given for */
	struct slice origin; /* of a secret: where it may be used */
	uint64_t serial;     /* never 0 */
	bool is_spent;
	size_t len;
	char bytes[TICKET_MAX_BYTES];
};

/* What one question of a request was, as far as its answer has to fit. */
struct asked {
	Pb__AuthAsk__AskCase kind;
	int token; /* that stands behind it; -1: none of ours */
	uint64_t nonce;
	bool has_live; /* a ticket of a live session came with it */
	struct ticket live;
	struct slice origin;
	uint64_t secret; /* the serial of the one that it redeems; 0: none of ours */
};

struct play {
	struct script s;
	size_t edge;
	size_t n;
	struct asked asked[AUTH_ASKS_PER_REQUEST];
	struct kept tickets[KEPT];
	size_t n_tickets;
	struct kept secrets[KEPT];
	size_t n_secrets;
	uint64_t serials;
	bool is_void[TOKENS]; /* revoked, in this script */
	bool knows_question;  /* of the answer that comes next */
	bool is_harmless;     /* what is asked next changes nothing */
	bool is_ctl;	      /* authctl's request is being handled */
};

/* auth_rig.c.  Once, before all others. */
void auth_begin(void);
/* As it was at first, and its record is judged. */
void auth_begin_again(void);
/* Those that wait for the router. */
void router_answers(bool in_force);
bool router_is_awaited(void);

/* auth_asks.c: what a peer does.  A peer, or an operator, says what the script says. */
void send_bytes(struct play *p);
/* As bytes, but for the credential, which nobody guesses. */
void send_raw(struct play *p);
void send_questions(struct play *p);
void send_ctl_bytes(struct play *p);
void send_command(struct play *p);
/* In a way that is allowed; from now on those tokens open nothing. */
void send_revoke(struct play *p);

/* auth_check.c */
void check_sent(void *arg, const struct world_sent *sent);

#endif
