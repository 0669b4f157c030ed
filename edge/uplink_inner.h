/*
 * uplink_inner: what uplink.c (HELLO and lease), uplink_link.c (batches on the link) and
 * uplink_system.c (system.sock) share.  For these three files alone.
 */
#ifndef POSTERN_EDGE_UPLINK_INNER_H
#define POSTERN_EDGE_UPLINK_INNER_H

#include "edge/batches.h"
#include "edge/uplink.h"
#include "proto/codec.h"
#include "proto/limits.h"
#include "proto/ticket.h"

#define UPLINK_PAUSE_MIN_MS 50 /* between HELLOs; doubled up to 500 */

enum uplink_state {
	UPLINK_ASKING,	 /* a HELLO is out */
	UPLINK_PAUSING,	 /* until the timer says HELLO again */
	UPLINK_CLAIMING, /* dialled; the link is not there yet */
	UPLINK_CLAIMED,
};

struct uplink {
	uv_loop_t *loop;
	struct bus *bus;
	struct uplink_config config;
	struct bus_socket *hello;
	struct bus_socket *link; /* NULL before the first lease */
	struct bus_socket *system;
	uv_timer_t timer; /* of the state */
	uv_timer_t repair_timer;
	struct arena *arena;
	enum uplink_state state;
	int64_t pause_ms;
	unsigned refusals;
	unsigned misheard; /* HELLOs in a row whose connection was closed instead of an answer */
	uint32_t asked_wire;
	uint32_t wire; /* of the lease */
	/* the lease */
	struct lease lease;
	struct lease claimed; /* the last one that was */
	unsigned char key[LINK_KEY_BYTES];
	char credential[CREDENTIAL_BYTES];
	size_t credential_len;
	/* the link */
	uint32_t pipe;
	struct batches batches;
	uint64_t rx_number; /* of the last batch that came */
	uint64_t rx_told;   /* the router knows that we saw up to here */
	size_t rx_bytes;    /* of the batches after rx_told */
	int64_t heard_ms;
	/* system messages */
	struct system_log log;
	uint64_t repair_from;
};

/* uplink.c: drops the link, whose peer broke a rule or went away, and begins anew. */
void uplink_begin_again(struct uplink *u);

/* uplink.c: the router made a credential with a newer key; false: it is none. */
bool uplink_take_credential(struct uplink *u, struct slice credential);

/* uplink_link.c: dials the leased path. */
int uplink_link_dial(struct uplink *u, const char *path);

/* uplink_system.c */
int uplink_system_dial(struct uplink *u);
void uplink_system_reset(struct uplink *u);
/* A message that came over the link. */
void uplink_system_repaired(struct uplink *u, const Pb__SystemMessage *m);
/* The link says that this number exists. */
void uplink_system_heard(struct uplink *u, uint64_t head);

#endif
