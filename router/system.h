/*
 * system: messages to everybody, by PUB on system.sock.  PUB may lose; the last SYSTEM_KEPT are
 * kept for edges that ask over their links; older ones are in the store, for each session that asks
 * for its pages.  Loop thread only.
 */
#ifndef POSTERN_ROUTER_SYSTEM_H
#define POSTERN_ROUTER_SYSTEM_H

#include <stdbool.h>
#include <stdint.h>

#include "router/hub.h"

struct system_feed;

/* Listens.  0 and an owned *out that lives for ever, or -errno. */
int system_new(struct system_feed **out, struct hub *hub);

/* text is copied. */
void system_publish(struct system_feed *s, uint64_t number, const struct core_text *text);
/* Puts what is kept after that number on the link. */
void system_repair(struct system_feed *s, uint32_t slot, uint64_t after);
/* The highest number so far. */
uint64_t system_head(const struct system_feed *s);

/* At the end of each turn: sends what there is. */
void system_turn(struct system_feed *s);
bool system_is_idle(const struct system_feed *s);

#endif
