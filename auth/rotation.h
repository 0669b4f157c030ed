/*
 * rotation: the daemon's side of new keys: the ring of ticket keys with its clock and its way to
 * the router, and the own key with its reload.  Loop thread only.
 */
#ifndef POSTERN_AUTH_ROTATION_H
#define POSTERN_AUTH_ROTATION_H

#include <stddef.h>
#include <stdint.h>

#include "auth/key.h"
#include "auth/ticketring.h"

struct authd;
struct rotation;

/* After trust_new().  0 or -errno. */
int rotation_start(struct authd *a);

/* 0, -EBUSY: the change before is not over, or -errno. */
int rotation_ticket(struct authd *a);
/* 0, or -errno with a line in e. */
int rotation_own(struct authd *a, struct key_error *e);

/* As ticketring_list(). */
size_t rotation_list(const struct authd *a, struct ticketring_line out[TICKET_KEYS_MAX]);

#endif
