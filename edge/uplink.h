/*
 * uplink: the edge's way to the router.  Says HELLO on router.sock, claims the leased link, numbers
 * batches in both directions within the credit, and puts the messages of system.sock in order. When
 * the link breaks it says HELLO again, with its credential, until it has one.  Knows no sessions.
 * A router that does not understand the edge's wire version is tried with the one before.  Loop
 * thread only.
 */
#ifndef POSTERN_EDGE_UPLINK_H
#define POSTERN_EDGE_UPLINK_H

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

#include "common/bus.h"
#include "common/slice.h"
#include "edge/lease.h"
#include "edge/system.h"
#include "link.pb-c.h"

struct uplink;

/* What the pointers hold is borrowed for the call. */
struct uplink_events {
	void (*on_lease)(
		void *arg, struct slice credential); /* also for a newer credential alone */
	void (*on_up)(void *arg, enum uplink_change change);
	void (*on_down)(void *arg); /* whatever was added and not answered is lost */
	void (*on_item)(void *arg, const Pb__DownItem *item);	      /* not the system messages */
	void (*on_system)(void *arg, const struct system_message *m); /* in order, each once */
};

struct uplink_config {
	const char *hello_path; /* borrowed for ever */
	const char *system_path;
	const struct uplink_events *events;
	void *arg;
};

/* 0 and an owned *out, or -errno.  Begins at once; no event before the loop runs. */
int uplink_new(
	struct uplink **out, uv_loop_t *loop, struct bus *bus, const struct uplink_config *config);

/* The link is claimed and the router was heard lately. */
bool uplink_is_up(const struct uplink *u);
uint32_t uplink_edge_id(const struct uplink *u);
/* What the link speaks: what link.proto says to be of a later version is not to be added. */
uint32_t uplink_wire(const struct uplink *u);

enum uplink_class {
	UPLINK_MAY_WAIT, /* refused when much is waiting already */
	UPLINK_MUST, /* keeps the router's view true: when even this is refused the link is dropped
		      */
};
/* Copies item into the next batch.  0; -EAGAIN: no link, or too much is waiting; -EMSGSIZE;
 * -ENOMEM. */
int uplink_add(struct uplink *u, const Pb__UpItem *item, enum uplink_class class);
/* At the end of a loop turn: sends what was added. */
void uplink_flush(struct uplink *u);

/* A session was opened that has seen system messages up to s. */
void uplink_system_start(struct uplink *u, uint64_t s);
/* The last number that was given out, and one of the kept ones, or NULL. */
uint64_t uplink_system_head(const struct uplink *u);
const struct system_message *uplink_system_get(const struct uplink *u, uint64_t n);

#endif
