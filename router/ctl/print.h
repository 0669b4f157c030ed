/*
 * print: the router's answers as tables for people, or as one JSON object a line.  Pure: into a
 * buf. All text from the wire goes through plain.h.
 */
#ifndef POSTERN_ROUTER_CTL_PRINT_H
#define POSTERN_ROUTER_CTL_PRINT_H

#include <stdbool.h>

#include "common/buf.h"
#include "ctl.pb-c.h"

void print_pushed(struct buf *out, const Pb__CtlPushed *pushed, bool json);
/* with_heading: the first page. */
void print_users(struct buf *out, const Pb__CtlUsers *users, bool json, bool with_heading);
/* One user, with a line for each session. */
void print_user(struct buf *out, const Pb__CtlUserLine *user, bool json);
void print_edges(struct buf *out, const Pb__CtlEdgeList *edges, bool json);
void print_stats(struct buf *out, const Pb__CtlStatList *stats, bool json);
void print_top(struct buf *out, const Pb__CtlTopList *top, bool json);
void print_inbox(struct buf *out, const Pb__CtlInboxState *state, bool json);
void print_draining(struct buf *out, const Pb__CtlDraining *draining, bool json);
void print_backup(struct buf *out, const char *path, uint64_t bytes, bool json);
void print_reasons(struct buf *out, const Pb__CtlReasons *reasons, bool json);
void print_kicked(struct buf *out, const Pb__CtlKicked *kicked, bool json);
void print_events(struct buf *out, const Pb__CtlTailed *tailed, bool json);
/* What the router refused. */
void print_refusal(struct buf *out, const Pb__RouterCtlReply *reply, bool json);

#endif
