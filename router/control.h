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
/* At the end of each turn: answers those who wait for a note that is there now. */
void control_turn(struct control *c);
/* Every 250 ms: answers those who waited long enough. */
void control_tick(struct control *c, int64_t now_ms);

#endif
