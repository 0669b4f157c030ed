/*
 * auth_client: asks auth, over NNG, without blocking.  Questions of one loop turn travel in one
 * message; at most AUTH_REQUESTS_IN_FLIGHT messages are out, and what comes meanwhile fills the
 * next. The deadline is ours; when auth's connection breaks within it, the question is asked once
 * more (verification is idempotent).  Loop thread only.
 */
#ifndef POSTERN_EDGE_AUTH_CLIENT_H
#define POSTERN_EDGE_AUTH_CLIENT_H

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

#include "common/bus.h"
#include "common/slice.h"

struct auth_client;

enum auth_outcome {
	AUTH_GRANTED,
	AUTH_DENIED,
	AUTH_BUSY, /* retry_after_ms */
	AUTH_AWAY, /* no answer within the deadline */
};

struct auth_reply {
	enum auth_outcome outcome;
	struct slice ticket;   /* verify, renew */
	struct slice uid;      /* verify, renew */
	int64_t expires_in_ms; /* of the token; may be negative within the leeway */
	int64_t ends_in_ms;    /* of the ticket's session */
	bool may_push;
	struct slice token; /* login, refresh; of one_time the ticket */
	int64_t retry_after_ms;
};

/* reply and what it holds are borrowed.  Called exactly once, from the loop, never inside the
 * asking function; not after auth_client_cancel(). */
typedef void auth_reply_fn(void *arg, const struct auth_reply *reply);

/* path: of auth.sock.  0 and an owned *out, or -errno. */
int auth_client_new(struct auth_client **out, uv_loop_t *loop, struct bus *bus, const char *path);
/* What the router gave in HELLO; copied.  Until there is one, questions wait (within their
 * deadline). */
void auth_client_set_credential(struct auth_client *ac, struct slice credential);
/* Answered within the last seconds; it is asked something at least once a second. */
bool auth_client_is_up(const struct auth_client *ac);
/* How many questions were unanswered at once, at most, since this was called last. */
size_t auth_client_take_most(struct auth_client *ac);

/* For all that follow: slices are copied.  An id for cancel, never 0; 0: out of memory or too many
 * are waiting (busy). */
struct auth_verify {
	struct slice token;
	uint64_t nonce;
	struct slice ticket; /* of the live session whose token this is to replace; empty: none. The
				same user is granted a ticket of that session. */
};
uint64_t auth_client_verify(struct auth_client *ac, const struct auth_verify *verify,
	int64_t timeout_ms, auth_reply_fn *fn, void *arg);

/* A one-time ticket in a token's place. */
struct auth_redeem {
	struct slice secret;
	struct slice origin; /* of the request; empty: none */
	uint64_t nonce;
};
uint64_t auth_client_redeem(struct auth_client *ac, const struct auth_redeem *redeem,
	int64_t timeout_ms, auth_reply_fn *fn, void *arg);

/* Answered with token, and for a one-time ticket with expires_in_ms. */
uint64_t auth_client_refresh(struct auth_client *ac, struct slice token, int64_t timeout_ms,
	auth_reply_fn *fn, void *arg);
uint64_t auth_client_one_time(struct auth_client *ac, struct slice token, struct slice origin,
	int64_t timeout_ms, auth_reply_fn *fn, void *arg);
/* AUTH_GRANTED, with nothing in it: the token is void. */
uint64_t auth_client_logout(struct auth_client *ac, struct slice token, int64_t timeout_ms,
	auth_reply_fn *fn, void *arg);

uint64_t auth_client_renew(struct auth_client *ac, struct slice ticket, int64_t timeout_ms,
	auth_reply_fn *fn, void *arg);

struct auth_login {
	struct slice username;
	struct slice password; /* the copy is wiped */
	struct slice address;  /* the prefix that failures are counted by */
};
uint64_t auth_client_login(struct auth_client *ac, const struct auth_login *login,
	int64_t timeout_ms, auth_reply_fn *fn, void *arg);

/* Drops the callback; a late answer is ignored. */
void auth_client_cancel(struct auth_client *ac, uint64_t id);

#endif
