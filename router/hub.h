/*
 * hub: the core, and the hands that carry out what it says.  Whoever hears something (a link, auth,
 * an operator, the store, the clock) makes an event of it and calls hub_step(); the commands end at
 * the links, at system.sock, in the store, in the tail, or in an operator's answer.  Loop thread
 * only.
 *
 * What a command does never closes a link at once: links.c marks it and ends it when the turn is
 * over, so no step happens inside another.
 */
#ifndef POSTERN_ROUTER_HUB_H
#define POSTERN_ROUTER_HUB_H

#include <stdint.h>
#include <uv.h>

#include "common/buf.h"
#include "common/bus.h"
#include "common/memory.h"
#include "proto/codec.h"
#include "proto/limits.h"
#include "proto/ticket.h"
#include "router/config.h"
#include "router/core.h"
#include "router/lease.h"
#include "router/metrics.h"
#include "router/tail.h"
#include "router/why.h"

struct hub {
	const struct router_config *config; /* borrowed for ever */
	uv_loop_t *loop;
	struct bus *bus;
	struct core *core;
	struct arena *arena;	  /* of the message that is being handled */
	struct buf scratch;	  /* of the same, for JSON */
	struct ticket_keys *keys; /* NULL until auth has made one */
	int64_t keys_changed_ms;  /* another one mints since then; 0: and all edges know */
	struct leases leases;
	struct tail *tail;
	struct why *why;
	struct links *links;
	struct system_feed *system;
	struct hello *hello;
	struct control *control;
	struct inbox *inbox;
	struct trust *trust;
	struct memory memory;
	bool draining;	       /* nothing new is taken any more */
	uint64_t router_start; /* drawn at start; another one tells edges to open their sessions
				  again */
	int64_t started_ms;
	int64_t void_until_ms; /* tickets issued until then are void: see on_void() in store.h */
	struct hands_counts counts;
};

/* All parts that need no socket; the store is opened and read.  0 or -errno, with a logged line. */
int hub_init(struct hub *h, const struct router_config *config, uv_loop_t *loop);

/*
 * Fills in time and randomness, steps the core and carries out its commands.  0, or -ENOMEM: the
 * event changed nothing.
 */
int hub_step(struct hub *h, struct core_event *event);

/* A note of our own, for tail and log.  kind is a literal. */
void hub_note(struct hub *h, const char *kind, struct slice user, const char *detail, ...)
	__attribute__((format(printf, 4, 5)));

void hub_view(const struct hub *h, struct router_view *out);

/*
 * The JSON text of a push, parsed strictly and written compact into h->scratch.  0 and *out
 * (borrowed until the next call), or an exception code.
 */
unsigned hub_json(struct hub *h, struct slice in, size_t max_bytes, struct slice *out);

#endif
