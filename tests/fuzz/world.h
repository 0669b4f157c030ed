/*
 * world: what is around a process, for targets that drive one without sockets: its bus, where the
 * target is every peer; its clocks, which stand until they are told; and its chance, which is the
 * same each time.  Broken rules of the bus are found by assert.
 *
 * A target links the process's core and this file, whose functions take the place of the real ones.
 */
#ifndef POSTERN_TESTS_FUZZ_WORLD_H
#define POSTERN_TESTS_FUZZ_WORLD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/bus.h"

#define WORLD_START_MS 100000000LL /* of all clocks but the wall's */
#define WORLD_WALL_MS 1767225600000LL

extern int64_t world_ms; /* now */

/* A target whose process has timers runs its loop by world_ms, too, while this is on. */
void world_stop_time(bool on);

/* Forgets requests, asks, messages and sockets, and puts clocks and chance back. */
void world_reset(void);
/* The sockets that are open now stay for ever. */
void world_keep(void);

/* The socket that was opened last under a path that ends so, or NULL. */
struct bus_socket *world_socket(const char *suffix);
const struct bus_options *world_options(const struct bus_socket *s);

/* What the process sends: answers, messages of PAIR and PUB, questions.  req NULL: no answer. */
struct world_sent {
	struct bus_socket *socket; /* NULL: an answer */
	struct bus_request *req;
	struct slice bytes;
};
typedef void world_sent_fn(void *arg, const struct world_sent *sent);
/* Called for each, at once. */
void world_on_sent(world_sent_fn *fn, void *arg);

/* REP: a peer asks.  It is answered or dropped at once or later; NULL: that is so already. */
struct bus_request *world_ask(struct bus_socket *s, uint32_t pipe, struct slice bytes);
/* Requests that wait. */
size_t world_waiting(void);
/* How many were dropped, since the reset. */
size_t world_dropped(void);

/* PAIR, SUB, PUB. */
void world_up(struct bus_socket *s, uint32_t pipe);
void world_down(struct bus_socket *s, uint32_t pipe);
void world_message(struct bus_socket *s, uint32_t pipe, struct slice bytes);
/* The bus_send() before is done. */
void world_sent_done(struct bus_socket *s, bool ok);
/* The pipe that the process closed, once: then world_down() is to follow.  0: none. */
uint32_t world_closed(struct bus_socket *s);

/* REQ: how many questions are out, and the answer to the first. */
size_t world_asked(const struct bus_socket *s);
void world_answer(struct bus_socket *s, enum bus_answer_result result, struct slice answer);

#endif
