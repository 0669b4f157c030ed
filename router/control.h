/*
 * control: routerctl.sock, where operators ask and command.  Loop thread only.
 */
#ifndef POSTERN_ROUTER_CONTROL_H
#define POSTERN_ROUTER_CONTROL_H

#include <stdint.h>

#include "router/hub.h"

struct control;

/* Listens.  0 and an owned *out that lives for ever, or -errno. */
int control_new(struct control **out, struct hub *hub);
/* What the core says of a push, kick or purge. */
void control_result(struct control *c, const struct core_command *result);
/* The copy of the store is complete at path, or failed (path NULL). */
void control_backup_done(struct control *c, const char *path, const char *why);
/* At the end of each turn: answers those who wait for what is there now. */
void control_turn(struct control *c);
/* Every 250 ms: answers those who waited long enough. */
void control_tick(struct control *c, int64_t now_ms);
/* The audit log was moved away: it is opened anew. */
void control_hangup(struct control *c);
/* The process ends: pushes that still wait are answered with what is known of them. */
void control_drain(struct control *c);

#endif
