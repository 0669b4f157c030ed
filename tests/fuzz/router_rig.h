/*
 * router_rig: a router from nothing and back, for fuzz_router.c.  router_rig.c makes it,
 * router_edges.c are its edges, with router_items.c for what they say, router_asks.c are auth and
 * the operator, and router_check.c judges what it says to all of them.
 */
#ifndef POSTERN_TESTS_FUZZ_ROUTER_RIG_H
#define POSTERN_TESTS_FUZZ_ROUTER_RIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "router/control_internal.h"
#include "router/hello.h"
#include "router/inbox.h"
#include "router/links_internal.h"
#include "router/system.h"
#include "router/trust.h"
#include "tests/fuzz/script.h"
#include "tests/fuzz/world.h"

#define EDGES 3
#define USERS 3
#define SESSIONS 64 /* of a script; older ones are not counted on any more */
#define NONCES 64
#define BATCH_MAX_BYTES 65536
#define OPERATOR (EDGES + 2) /* as who asks */

extern const char *const users[USERS];

/* What a HELLO was answered. */
struct got {
	uint32_t id; /* 0: nothing yet */
	uint32_t epoch;
	uint32_t wire;
	char path[LINK_PATH_MAX_BYTES + 1];
	unsigned char key[LINK_KEY_BYTES];
};

/* An edge, as the world sees it. */
struct edge {
	struct got lease; /* the last */
	struct got of;	  /* that its link is of */
	unsigned char credential[CREDENTIAL_BYTES];
	size_t credential_len;
	struct bus_socket *socket; /* NULL: no link */
	uint32_t pipe;
	uint64_t sent; /* batches */
	uint64_t heard;
	uint64_t nonces[NONCES]; /* of openings with a good ticket for it */
	size_t n_nonces;
	bool has_user[USERS]; /* had a session here, ever */
};

struct session {
	uint64_t id;
	size_t edge;
	size_t user;
};

struct play {
	struct script s;
	struct edge edges[EDGES];
	struct session sessions[SESSIONS];
	size_t n_sessions;
	size_t asking; /* the edge whose HELLO is being answered; EDGES: another's */
	uint32_t asking_wire;
	uint32_t pipes;
	uint64_t facts;
};

extern struct hub hub;
extern struct router_config config;
extern struct play play;

/* router_rig.c.  Once, before all others. */
void router_init(void);
void router_begin(void);
void router_end(void);
/* What its loop does until it would wait. */
void router_settle(void);
void router_tick(int64_t ms);
/* Of its record each line is judged, and none is kept. */
void router_check_record(void);

/* router_edges.c */
void say_hello(struct play *p);
void connect_link(struct play *p);
void hang_up(struct edge *e);
void say_batch(struct play *p);
/* The numbers that are due, and bytes behind them, in which anything may be. */
void say_batch_raw(struct play *p);
void say_raw(struct play *p);
/* Somebody else connects where a link is; he is sent away. */
void say_second(struct play *p);

/* router_items.c.  Enough for any item that is put together. */
struct item {
	Pb__UpItem item;
	Pb__UpOpen open;
	Pb__UpRebind rebind;
	Pb__UpClose close;
	Pb__UpSend send;
	Pb__UpPush push;
	Pb__UpTyping typing;
	Pb__UpWatch watch;
	Pb__UpAway away;
	Pb__UpRenew renew;
	Pb__UpGauges gauges;
	Pb__UpSystemSince since;
	Pb__UpAck ack;
	Pb__UpSync sync;
	ProtobufCBinaryData watched[WATCH_MAX_USERS + 1];
	unsigned char ticket[TICKET_MAX_BYTES];
};
/* Of what the script says. */
void fill_item(struct play *p, struct edge *e, struct item *i);
ProtobufCBinaryData user_from(struct play *p);

/* router_asks.c: each to its socket. */
void ask_hello_raw(struct play *p);
void ask_trust_raw(struct play *p);
void ask_ctl_raw(struct play *p);
void say_facts(struct play *p);
void say_command(struct play *p);
void ask_page(struct play *p);

/* router_check.c */
void check_sent(void *arg, const struct world_sent *sent);

#endif
