/*
 * load: what the modes of postern-load share.
 */
#ifndef POSTERN_BENCH_LOAD_H
#define POSTERN_BENCH_LOAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bench/client.h"
#include "bench/measure.h"

enum { DRAIN_S = 20 };

struct options {
	const char *mode;
	const char *label;
	const char *address;
	const char *page; /* "": nobody is asked */
	const char *tokens;
	size_t n;
	size_t window;
	size_t size;
	size_t rate; /* messages a second of all; 0: as fast as they are answered */
	size_t ack_every;
	size_t offline_percent;
	double stall_percent;
	double seconds;
	struct watched watched; /* edge, auth, router */
};

struct load {
	struct options o;
	struct clients cs;
	char **tokens; /* of all connections */
};

/* Room for n connections, the first n tokens of the file. */
void load_init(struct load *l, size_t n);
/* Connections from..to-1, a few at a time, until all are ready. */
void load_connect(struct load *l, size_t from, size_t to);
void load_poll_for(struct load *l, double seconds);

/* modes.c */
void mode_upgrade(struct load *l);
void mode_idle(struct load *l);
void mode_fanout(struct load *l);
/* chat_modes.c */
void mode_message(struct load *l);
void mode_stall(struct load *l);
void mode_restart(struct load *l);

#endif
