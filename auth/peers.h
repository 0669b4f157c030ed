/*
 * peers: which edge is at the other end of each pipe of auth.sock, and what each edge may still ask
 * for. An edge is who its credential says, and its quota goes with it over all its pipes.  Loop
 * thread only; time is an argument.
 */
#ifndef POSTERN_AUTH_PEERS_H
#define POSTERN_AUTH_PEERS_H

#include <stdbool.h>
#include <stdint.h>

#include "common/cleanup.h"
#include "common/slice.h"
#include "proto/ticket.h"

struct peers;

struct peer_edge {
	uint32_t id;
	uint32_t epoch;
	unsigned logins; /* in flight */
	/* the rest is private to peers.c */
	unsigned pipes;
	int64_t tokens_milli; /* of the bucket, in thousandths of a question */
	int64_t filled_at_ms;
};

/* keys is borrowed.  asks_per_s: questions of one edge; a second's worth may come at once. */
int peers_new(struct peers **out, struct ticket_keys *keys, int64_t asks_per_s);
void peers_free(struct peers *p);
DEFINE_FREEP(struct peers, peers_free)

/*
 * The edge that a request on this pipe comes from, or NULL: no valid credential.  The MAC is
 * computed when the pipe shows a credential for the first time, and again only if it shows another.
 * Borrowed; lives as long as a pipe or a login of it does.
 */
struct peer_edge *peers_admit(
	struct peers *p, uint32_t pipe, struct slice credential, int64_t now_ms);
/* Every pipe must show its credential as if for the first time: a key was retired. */
void peers_ask_again(struct peers *p);
void peers_pipe_gone(struct peers *p, uint32_t pipe);

/* Takes n questions from the edge's share; false: it has used it up. */
bool peers_spend(struct peers *p, struct peer_edge *edge, size_t n, int64_t now_ms);

/* A login begins: false, there are AUTH_LOGINS_IN_FLIGHT.  Else peers_login_end() must follow. */
bool peers_login_begin(struct peers *p, struct peer_edge *edge);
void peers_login_end(struct peers *p, struct peer_edge *edge);

#endif
