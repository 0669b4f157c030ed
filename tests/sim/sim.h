/*
 * sim: one life of the router's core among links, edges, clients and a store, all of them
 * simulated, under faults.  One seed is one life: there is no clock, thread or randomness but what
 * comes from it, so a seed that fails fails again.
 *
 * The parts: sim_router.c (the core, its events and commands), sim_store.c (the semantics of
 * store.h), sim_edge.c (the rule of one connection), sim_client.c (what apps do), sim_identity.c
 * (auth, and connections whose user or token changes), sim_evil.c (an edge that was taken),
 * sim_faults.c, sim_check.c and sim_void.c (what must hold), sim_life.c (their order).
 */
#ifndef POSTERN_TESTS_SIM_SIM_H
#define POSTERN_TESTS_SIM_SIM_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "edge/stream.h"
#include "router/core.h"

enum {
	HONEST = 4,  /* users */
	MALLORY = 4, /* another, whose edge was taken */
	SYSTEM = 5,  /* the stream of all */
	STREAMS = 6,
	EDGES = 4,
	EVIL = 3, /* edge and link of that number */
	CLIENTS = 12,
	SWAPPERS = 10, /* from this one on clients change their user */
	CONNS = 12,    /* of one edge */
	SENDS = 400,
	ROWS = 420, /* of one stream */
	SESSIONS = 2000,
	RULES = 48, /* revocations */
	LATE_MS = 1000,
	FLIGHT = 4, /* sends of one client that wait for their answer */
	OPERATOR = -1,
	/* A connection's client where it is none of clients[]: */
	EVIL_ONE = -1,
	GUEST = -2, /* a session too many, which reads nothing */
	CALL = -3,  /* an HTTP request */
};

/* What somebody wanted to be told to somebody. */
enum outcome { WAITS, ACKED, REFUSED, GIVEN_UP };
struct sent {
	int from;	   /* user, or OPERATOR */
	int to;		   /* user, or SYSTEM */
	int64_t wall_skew; /* the least when it was appended */
	bool is_dated;
	bool is_too_late; /* its id may be forgotten: it is not sent again */
	enum outcome outcome;
	unsigned tries;
	unsigned rows; /* durable ones */
	bool excused; /* its loss was allowed: an older store was put back, or its row is damaged */
	uint64_t seq; /* acked: in the sender's stream */
};

/* A message that the core appended. */
struct kept {
	int sent;
	uint64_t number;
	uint64_t generation;
	bool damaged;
	struct message message; /* points into bytes */
	char bytes[160];
};

struct disk_stream {
	bool exists;
	struct message_place head;
	struct message_place acked;
	uint64_t acked_system;
	uint64_t floor;
	int kept[ROWS + 1]; /* by seq */
};

struct position {
	bool used;
	int user;
	char device[DEVICE_MAX_BYTES + 1];
	struct core_stored_device kept;
};

/* A mark on disk: of a revocation, or of a session that ended for good. */
struct kept_mark {
	int64_t at_ms; /* 0: none */
	unsigned code;
};

/* What is on disk. */
struct disk {
	char epoch[EPOCH_BYTES];
	struct disk_stream streams[STREAMS];
	struct position devices[CLIENTS * 2];
	int64_t contacts[STREAMS][STREAMS]; /* 0: none */
	struct kept_mark rules[RULES];
	struct kept_mark ended[SESSIONS];
};

enum op_kind { OP_APPEND, OP_READ, OP_USER, OP_POSITION, OP_CONTACT, OP_TRIM, OP_MARK };
struct op {
	struct op *next;
	enum op_kind kind;
	int user;
	int other; /* CONTACT */
	int kept;
	uint64_t number;
	uint64_t value; /* seq, or acked_system */
	struct position position;
	int64_t last_ms;
	uint64_t session; /* READ */
	enum core_stream stream;
	int rule; /* MARK; -1: of a session, whose index is value */
	struct kept_mark mark;
};

struct told { /* by the store to the core */
	struct told *next;
	struct core_event event;
	struct message_row rows[8];
};

/* An event on its way to the router. */
struct up {
	struct up *next;
	struct core_event event;
	struct ticket ticket;
	struct slice users[4];
	char bytes[256];
	size_t used;
};

/* A command on its way to an edge. */
struct down {
	struct down *next;
	struct core_command command;
	bool is_head; /* only this: */
	uint64_t system_head;
	char epoch[EPOCH_BYTES];
	uint64_t sessions[CLIENTS + CONNS];
	size_t used;
	char bytes[800];
};

enum frame_kind { F_READY, F_STREAM, F_SYSTEM, F_RESULT, F_RESET, F_PRESENCE, F_CLOSED };
struct frame {
	struct frame *next;
	enum frame_kind kind;
	int user; /* whose connection it was when this was written */
	uint64_t seq;
	int sent; /* -1: gone, or none */
	bool is_gone;
	bool is_carbon;
	bool is_position; /* RESULT */
	enum core_state state;
	enum core_state first;
	unsigned code;
	enum core_reset reset;
	uint64_t u;
	uint64_t s;
	bool recovered;
	char epoch[EPOCH_BYTES];
};

struct conn {
	bool used;
	bool open; /* OPENED came */
	int client;
	int who; /* its user */
	struct ticket ticket;
	bool rebinds; /* and the router has not answered: */
	struct ticket next;
	struct ticket older; /* before the last renewal */
	char device[DEVICE_MAX_BYTES + 1];
	enum core_dialect dialect;
	bool has_position;
	char epoch[EPOCH_BYTES];
	struct stream user; /* the real rule: edge/stream.h */
	struct stream system;
	bool live;    /* by what the router said; a hole then is the router's fault */
	bool reopens; /* OPENED did not come again yet: numbers may be of another epoch */
	bool asked;
	bool asked_system;
	struct frame *first;
	struct frame **last;
	unsigned n_frames;
	struct {
		uint64_t ref; /* 0: free */
		int sent;
	} flight[FLIGHT];
	/* presence as it was told, by user: devices + 1; 0: nothing */
	unsigned told[HONEST];
	bool watches;
};

struct edge {
	bool linked;
	uint32_t id;
	uint32_t epoch;
	struct conn conns[CONNS];
	struct up *up_first;
	struct up **up_last;
	struct down *down_first;
	struct down **down_last;
	struct down *pub_first;
	struct down **pub_last;
};

enum memory { WITH_MEMORY, WITHOUT_MEMORY };
struct client {
	int user;
	char device[DEVICE_MAX_BYTES + 1]; /* empty: each connection gets its own */
	bool shared_device;
	bool swaps;
	enum memory memory;
	enum core_dialect dialect;
	int edge; /* -1: not connected */
	int conn;
	/* the app */
	bool has_position;
	char epoch[EPOCH_BYTES];
	uint64_t u;
	uint64_t s;
	uint64_t told_u; /* acknowledged by this connection */
	uint64_t told_s;
	uint64_t lost_u;     /* trimmed up to here while no place of its device was kept */
	int waiting[FLIGHT]; /* sends, -1: none */
	bool in_flight[FLIGHT];
};

struct session {
	uint64_t id;
	uint32_t edge_id;
	uint32_t edge_epoch;
	int user;
	int link;
	unsigned opened_in; /* life of the router, from 1; 0: not opened */
	int64_t ends_ms;
	int64_t late_ms; /* from then on it is over: a tick ends it after its end */
	bool shut;
	bool ended; /* otherwise: its edge said so, or is gone, or it was rebound */
	enum core_dialect dialect;
	/* of the ticket that it follows */
	int64_t issued_ms;
	uint64_t token_hash;
	uint32_t issuer_id;
	/* it ended for good: */
	unsigned final_in; /* this life; and in each that found the mark on disk */
	int64_t final_ms;
};

/* A revocation, as auth has it. */
struct rule {
	struct mark mark;
	unsigned told_in;     /* this life of the router */
	unsigned in_force_in; /* the same, or its mark was on disk */
};

/* Which faults this life has. */
struct nature {
	bool router_dies;
	bool edges_die;
	bool links_break;
	bool disk_fills;
	bool clock_jumps;
	bool days_pass;
	bool memory_fails;
	bool is_evil;
	bool clients_are_slow;
	bool pub_loses;
	bool older_store;
	bool rows_rot;
	bool operator_kicks;
	bool small_inbox;
	bool is_durable;
	bool revokes;
	bool rebinds;
	bool calls;
	bool guests;
	bool tokens_change;
	enum core_limit limit;
	size_t sessions_per_user;
};

struct totals {
	uint64_t found[10]; /* by the number of the check; 0: the rest */
	uint64_t lives;
	uint64_t steps;
	uint64_t messages;
	uint64_t acked;
	uint64_t delivered;
	uint64_t duplicates; /* answers */
	uint64_t resets;
	uint64_t gone;
	uint64_t pages;
	uint64_t router_deaths;
	uint64_t edge_deaths;
	uint64_t link_breaks;
	uint64_t full_disks;
	uint64_t no_memory;
	uint64_t evil_events;
	uint64_t violations;
	uint64_t jumps;
	uint64_t refused;
	uint64_t older_stores;
	uint64_t trims;
	uint64_t revocations;
	uint64_t revoked;
	uint64_t rebinds;
	uint64_t rebinds_refused;
	uint64_t calls;
	uint64_t replaced;
	uint64_t kept_out; /* opens of what was void or ended for good */
};

struct world {
	uint64_t seed;
	uint64_t random;
	bool trace;
	bool failed;
	bool quiet; /* no new faults: everybody catches up */
	struct nature nature;
	struct totals *totals;
	unsigned round;
	/* time */
	int64_t now_ms;
	int64_t wall_skew; /* wall - boot */
	/* the router */
	struct core *core; /* NULL: dead */
	unsigned life;
	int64_t started_ms;
	int64_t ticked_ms;
	uint64_t published; /* system */
	/* the store */
	struct disk disk;
	struct disk older;
	bool has_older;
	bool disk_full;
	uint64_t lost_generation;    /* one of its appends was not taken; + 1 */
	uint64_t dropped_generation; /* appends up to it are dropped; + 1 */
	struct op *op_first;
	struct op **op_last;
	struct told *told_first;
	struct told **told_last;
	/* everybody else */
	struct edge edges[EDGES];
	struct client clients[CLIENTS];
	struct session sessions[SESSIONS];
	unsigned n_sessions;
	struct rule rules[RULES];
	int n_rules;
	uint64_t tokens[STREAMS]; /* how many each user had */
	struct sent sent[SENDS];
	int n_sent;
	struct kept kept[SENDS * 3];
	int n_kept;
	uint64_t next_ref;
	uint64_t read_u[STREAMS]; /* the most that any device of the user has read */
	uint64_t read_s[STREAMS];
	uint64_t trimmed[STREAMS]; /* the most that a router wanted to be trimmed */
	int operator_waits;	   /* sent of the last operator's push, or -1 */
	struct ticket stolen_tickets[4];
	unsigned n_stolen;
};

/* sim_life.c */
void sim_random_seed(uint64_t seed);				 /* random.c */
bool sim_life(uint64_t seed, bool trace, struct totals *totals); /* false: a check failed */
uint64_t sim_draw(struct world *w);
unsigned sim_below(struct world *w, unsigned n);
bool sim_once_in(struct world *w, unsigned n);
int64_t sim_wall(const struct world *w);
extern const char *const sim_uids[STREAMS];
int sim_user(struct slice uid); /* stream; -1: not ours */

/* sim_check.c */
void sim_fail(struct world *w, const char *check, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
#define TRACE(w, ...)                                                                              \
	do {                                                                                       \
		if ((w)->trace) {                                                                  \
			printf("%8lld ", (long long)((w)->now_ms - 1000000));                      \
			printf(__VA_ARGS__);                                                       \
			putchar('\n');                                                             \
		}                                                                                  \
	} while (0)
void check_command(struct world *w, const struct core_event *e, const struct core_command *c);
void check_append(struct world *w, int kept);
void check_frame(struct world *w, const struct client *c, const struct frame *f, int stream);
void check_ready(struct world *w, const struct client *c, const struct frame *f);
void check_reset(struct world *w, const struct client *c, const struct frame *f);
void check_end(struct world *w);
struct session *session_of(struct world *w, uint64_t id);
bool session_is_alive(const struct world *w, const struct session *s);

/* sim_void.c: after a step, all of it. */
void check_step(struct world *w, const struct core_event *e, const struct core_commands *out);
/* Into a new core, which holds them in force. */
void marks_load(struct world *w);
void marks_commit(struct world *w, const struct op *o);
/* The number of the message whose text this is, or -1. */
int check_text(struct slice text, uint64_t *out_seq, bool *out_gone, bool *out_carbon);
int check_body(struct slice body);

/* sim_router.c */
void router_start(struct world *w);
void router_die(struct world *w);
/* 0, or -ENOMEM and nothing changed. */
int router_step(struct world *w, struct core_event *e, bool may_fail);
/* One event that must get through. */
void router_must(struct world *w, struct core_event *e);
void router_take(struct world *w, int link);
void router_tick(struct world *w);
void router_link_down(struct world *w, int link);

/* sim_store.c */
void store_take(struct world *w, const struct core_command *c);
void store_work(struct world *w, unsigned max_ops);
void store_tell(struct world *w);
void store_crash(struct world *w);
void store_load_into(struct world *w);
void store_offer(struct world *w);
void store_new_epoch(struct world *w);
void store_init(struct world *w);

/* sim_edge.c */
struct up *edge_up(struct world *w, int edge, enum core_event_kind kind);
struct slice up_keep(struct up *u, struct slice s);
void up_keep_ticket(struct up *u, const struct ticket *t);
void edge_link(struct world *w, int edge);
void edge_unlink(struct world *w, int edge);
void edge_die(struct world *w, int edge);
void edge_hear(struct world *w, int edge);
void edge_hear_pub(struct world *w, int edge);
void edge_pump(struct world *w, int edge);
/* false: no link, or no room. */
bool edge_accept(struct world *w, int edge, int client);
void edge_close(struct world *w, int edge, struct conn *c, unsigned code, bool tell_router);
void edge_ticket(struct world *w, int edge, int user, struct ticket *out);
struct frame *edge_frame(struct conn *c, enum frame_kind kind);
void edge_drop_frames(struct conn *c);
struct conn *edge_free_conn(struct world *w, int edge);
void edge_say_open(struct world *w, int edge, struct conn *c, bool reopen);
/* Whether messages for this client may be queued. */
bool edge_has_room(const struct conn *c);

/* sim_client.c */
void client_init(struct world *w);
void client_act(struct world *w, int client);
/* Reads at most so many frames. */
void client_read(struct world *w, int client, unsigned max);
void client_connect(struct world *w, int client);
void client_ack(struct world *w, int client);
void client_retry(struct world *w, int client);
void client_left(struct world *w, int client);
/* Ids of a time that the wall clock has left are not known to it. */
void client_router_started(struct world *w);
bool client_is_done(const struct world *w, int client);
void operator_push(struct world *w);
/* It is another user's app now, which knows nothing. */
void client_becomes(struct world *w, struct client *c, int user);

/* sim_identity.c */
void identity_act(struct world *w);
/* Guests leave. */
void identity_end(struct world *w);
/* Auth tells the router what it has not heard in this life. */
void identity_tell(struct world *w);
/* What a token says, of a user or of another one. */
void identity_ticket(struct world *w, int user, struct ticket *t);
/* A newer ticket for the session, of another token or the same. */
void identity_renew(struct world *w, int edge, struct conn *c);
/* false: not now. */
bool identity_rebind(struct world *w, int edge, struct conn *c);
void identity_rebound(struct world *w, struct conn *c);
void identity_call_opened(struct world *w, int edge, struct conn *c);
void identity_call_answered(struct world *w, int edge, struct conn *c, enum core_state state);

/* sim_evil.c and sim_faults.c */
void evil_act(struct world *w);
void faults_nature(struct world *w);
void faults_act(struct world *w);
void faults_end(struct world *w);

#endif
