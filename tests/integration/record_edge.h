/*
 * record_edge: an edge that records, and can be evil.  It speaks with the real wire code and prints
 * everything that it receives, one JSON object a line.  For tests alone.
 */
#ifndef POSTERN_TESTS_INTEGRATION_RECORD_EDGE_H
#define POSTERN_TESTS_INTEGRATION_RECORD_EDGE_H

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

#include "common/bus.h"
#include "link.pb-c.h"
#include "proto/codec.h"
#include "proto/limits.h"
#include "proto/ticket.h"

#define RECORD_MAX_TOKENS 32
#define RECORD_MAX_QUEUED 4096

struct record_token {
	const char *text; /* of the command line */
	uint64_t nonce;
};

struct record {
	uv_loop_t *loop;
	struct bus *bus;
	struct arena *arena;
	const char *run;
	uint32_t wire; /* that it says */
	struct bus_socket *hello;
	struct bus_socket *auth;
	struct bus_socket *link; /* NULL before the first lease */
	struct bus_socket *system;
	struct record_token tokens[RECORD_MAX_TOKENS];
	size_t n_tokens;
	/* the lease */
	unsigned char key[LINK_KEY_BYTES];
	unsigned char credential[CREDENTIAL_BYTES];
	size_t credential_len;
	bool has_asked;	    /* auth, about the tokens */
	bool opens_nothing; /* the tickets are for commands */
	/* the link */
	bool up;
	uint32_t pipe;
	uint64_t sent;	/* number of the last batch up */
	uint64_t seen;	/* of the last batch down */
	bool is_silent; /* says no gauges, and tells nothing of what it saw */
	bool keep_seen; /* says 0 for ever: takes all credit and gives none */
	struct bus_msg *queue[RECORD_MAX_QUEUED];
	size_t first;
	size_t n_queued;
};

/* record_edge.c */
void record_say_hello(struct record *r, bool with_credential);
/* Puts the item in a batch of its own. */
void record_send_item(struct record *r, const Pb__UpItem *item);
/* items may be NULL.  key is shown when it has bytes. */
void record_send_batch(struct record *r, Pb__UpItem **items, size_t n, struct slice key);
/* Any bytes, as a message on the link. */
void record_send_raw(struct record *r, struct slice bytes);
/* Asks auth: about a token, for which a live session's ticket may stand, or for a ticket's renewal
 * (token empty). The answer is printed with that label. */
void record_ask_auth(struct record *r, size_t label, struct slice token, struct slice ticket);
/* Leaves its link, and dials this path. */
void record_dial(struct record *r, const char *path);

/* record_print.c: JSON lines on standard output. */
void record_print(const char *is, const char *format, ...) __attribute__((format(printf, 2, 3)));
void record_print_down(const Pb__LinkDown *down, struct slice raw);
void record_print_system(const Pb__SystemBatch *batch, struct slice raw);
void record_print_ticket(size_t i, struct slice uid, uint64_t nonce, struct slice ticket);

/* record_commands.c: lines of standard input. */
int record_commands_start(struct record *r);

#endif
