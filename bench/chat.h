/*
 * chat: the load of private messages.  Neighbours talk to each other, each with several in flight;
 * every message has an id and a mid, is acknowledged by the server, and checked where it arrives:
 * streams without a hole, messages of each sender in order and once.
 */
#ifndef POSTERN_BENCH_CHAT_H
#define POSTERN_BENCH_CHAT_H

#include "bench/load.h"
#include "bench/page.h"

enum { IN_FLIGHT_MAX = 64 };

/* One user. */
struct talker {
	uint32_t sent;	    /* numbers drawn */
	uint32_t base;	    /* all below have their ack */
	uint64_t acked;	    /* bit k: so has base + k */
	uint32_t received;  /* next number of its partner's, for users who are there */
	uint32_t stored;    /* next number that the user who is not there gets from this one */
	uint64_t told_u;    /* the position that was acknowledged */
	uint32_t told_ago;  /* numbers since */
	unsigned attempts;  /* to connect again */
	int64_t retry_ns;   /* 0: not now */
	int64_t ready_ns;   /* connected again */
	int64_t resumed_ns; /* and has what was missed; 0: not yet */
	int64_t sent_ns[IN_FLIGHT_MAX];
};

struct chat {
	struct load *l;
	struct talker *talkers;
	size_t n_away; /* users after the first n, who are not there */
	bool is_sending;
	size_t next; /* whose turn it is, with a rate */
	uint64_t issued;
	uint64_t acks;
	uint64_t deliveries;
	uint64_t stored; /* received by users who had not been there */
	uint64_t delivered_acks, accepted_acks, stored_acks, duplicate_acks;
	uint64_t answers; /* to heartbeats */
	uint64_t heartbeats;
	uint64_t again; /* sent once more with the same mid */
	uint64_t attempts;
	uint64_t refused;		  /* attempts that were answered 503 */
	size_t n_resuming;		  /* gone and not yet resumed */
	size_t n_lost_connections;	  /* since the start */
	struct samples ack;		  /* from a send to its ack */
	struct samples delivery;	  /* to its arrival */
	void (*on_turn)(struct chat *ch); /* NULL, or now and then while sending */
};

/* Connects everybody. */
void chat_init(struct chat *ch, struct load *l);
/* Messages for so long, at the rate or as fast as they are answered. */
void chat_run(struct chat *ch, double seconds);
/* Waits until everything that was sent has its ack and has arrived, or ends the run. */
void chat_drain(struct chat *ch);
/* Those who were not there come and read. */
void chat_fetch_stored(struct chat *ch);
/* Everybody acknowledges what it has, and waits for the answer. */
void chat_acknowledge(struct chat *ch);
/* From now on connections may end, and are connected again. */
void chat_may_be_gone(struct chat *ch);
/* Once: connections that ended are connected again when it is time. */
void chat_reconnect(struct chat *ch);

#endif
