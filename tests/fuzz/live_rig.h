/*
 * live_rig: the edge's live half with everybody around it played, in four files: live_auth.c is its
 * auth, live_clients.c its clients, live_router.c its router, and live_check.c judges what it says
 * to them.  fuzz_live.c begins, steps and ends.
 */
#ifndef POSTERN_TESTS_FUZZ_LIVE_RIG_H
#define POSTERN_TESTS_FUZZ_LIVE_RIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "edge/live_inner.h"
#include "edge/uplink_inner.h"
#include "tests/fuzz/script.h"
#include "tests/fuzz/sockets.h"
#include "tests/fuzz/world.h"

#define CLIENTS 4
#define USERS 2
#define TOKENS 4 /* of user 0, 1, 0, 1 */
#define SESSIONS 32
#define QUESTIONS 16
#define CALLS 4
#define EPOCH "k3f9k3f9"
#define TICKET_BYTES 40

extern const char *const users[USERS];
extern const char *const tokens[TOKENS];

/* One of the router's sessions. */
struct session {
	uint64_t id;
	size_t user;
	size_t client; /* CLIENTS: of a call */
	uint64_t u;    /* the last number that was delivered */
	bool is_closed;
	bool may_cross; /* what the edge says of it waited already when the router shut it */
};

/* What the router was asked to open. */
struct opening {
	uint64_t nonce;
	size_t user;
	size_t client;
	uint64_t u, s; /* what it has */
	bool is_reopen;
};

struct client {
	bool is_used;
	bool is_admitted;
	bool is_native;
	uint64_t nonce;
	uint64_t start_u, start_s; /* of the opening that was answered last */
	/* What it knows by what it got. */
	size_t user; /* USERS: nothing yet */
	uint64_t u, s;
	bool has_synced;
	char ping[128];
	size_t ping_len;
};

/* What the router is to answer. */
struct sending {
	uint64_t ref;
	bool has_number; /* in the sender's own stream */
};

struct question {
	uint64_t id; /* 0: free */
	size_t token;
	bool is_renewal;
	auth_reply_fn *fn;
	void *arg;
};

struct play {
	struct script s;
	struct client clients[CLIENTS];
	struct session sessions[SESSIONS];
	size_t n_sessions;
	struct opening openings[SESSIONS];
	size_t n_openings;
	struct sending refs[SESSIONS];
	size_t n_refs;
	struct question questions[QUESTIONS];
	uint64_t asks;
	uint64_t nonces;
	uint64_t ids;
	uint64_t up_number;
	uint64_t down_number;
	uint64_t published;
	uint32_t wire;
	uint32_t pipes;
	uint64_t router_start;
	bool is_hostile;
	bool has_drained;
	unsigned called; /* calls that wait */
};

extern struct play play;
extern struct live *live;
extern struct bus_socket *hello, *link_socket, *system_socket;

/* live_auth.c.  Of a fixed length, as a ticket's, and with the user in it. */
struct slice ticket_of(size_t user, char out[TICKET_BYTES]);
/* Some are a byte short, which is good for another user's alone. */
bool is_ticket(size_t len);
void auth_answers(struct play *p);

/* live_check.c */
void check_sent(void *arg, const struct world_sent *sent);
void check_frame(const struct sockets_frame *frame);

/* live_clients.c: they come, speak and go. */
void client_opens(struct play *p);
void client_adopts(struct play *p);
void client_cancels(struct play *p);
void client_says(struct play *p);
void client_says_raw(struct play *p);
void client_pongs(struct play *p);
void client_reads(struct play *p);
void client_leaves(struct play *p);
void request_calls(struct play *p);

/* live_router.c */
void hang_up(struct play *p);
void say_lease(struct play *p, unsigned how);
/* It comes, or comes back. */
void router_comes(struct play *p);
void say_opened(struct play *p);
void say_refused(struct play *p);
void say_deliver(struct play *p);
void say_result(struct play *p);
void say_about(struct play *p);
void say_system(struct play *p);
void say_other(struct play *p);
/* Bytes of one item behind the numbers that are due; or bytes. */
void say_raw(struct play *p);

#endif
