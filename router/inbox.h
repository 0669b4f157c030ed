/*
 * inbox: the glue between the hub and the store.  What the core says about the store is submitted
 * here, and what the store reports becomes an event of the core.  Loop thread only.
 *
 * A store that is broken ends the process, with one line: the next one begins from what is on disk.
 */
#ifndef POSTERN_ROUTER_INBOX_H
#define POSTERN_ROUTER_INBOX_H

#include <stdbool.h>

#include "router/hub.h"
#include "router/store.h"

struct inbox;

/* Opens the store of the settings.  0 and an owned *out that lives for ever, or -errno and a logged
 * line. */
int inbox_open(struct inbox **out, struct hub *hub);
bool inbox_is_durable(const struct inbox *ib);
/* EPOCH_BYTES. */
struct slice inbox_epoch(const struct inbox *ib);
/* Tells the core what is kept, and starts the store.  0 or -errno. */
int inbox_start(struct inbox *ib);

/* Commands of the core. */
void inbox_append(struct inbox *ib, const struct core_command *c);
void inbox_read(struct inbox *ib, const struct core_command *c);
void inbox_user(struct inbox *ib, const struct core_command *c);
void inbox_position(struct inbox *ib, const struct core_command *c);
void inbox_contact(struct inbox *ib, const struct core_command *c);
void inbox_trim(struct inbox *ib, const struct core_command *c);
/* trust_marked() follows when it has a tag. */
void inbox_mark(struct inbox *ib, const struct core_command *c);

/* A copy; control_backup_done() is told.  0 or -errno. */
int inbox_backup(struct inbox *ib);

/* All that was said is durable. */
bool inbox_is_idle(const struct inbox *ib);
/* Closes the store of one that is idle; nothing may be said any more. */
void inbox_stop(struct inbox *ib);
void inbox_counts(const struct inbox *ib, struct store_counts *out);

#endif
