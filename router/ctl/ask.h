/*
 * ask: one question on routerctl.sock, and what the commands of routerctl share.
 */
#ifndef POSTERN_ROUTER_CTL_ASK_H
#define POSTERN_ROUTER_CTL_ASK_H

#include <limits.h>

#include "ctl.pb-c.h"
#include "proto/codec.h"
#include "proto/limits.h"
#include "router/ctl/commands.h"

struct ctl {
	const struct ctl_args *args;
	char path[PATH_MAX];
	struct arena *arena; /* of the answer */
	struct buf out;
};

/* CTL_OK and *out, in the arena until the next question, of the wanted kind; or a printed
 * complaint. */
enum ctl_exit ctl_ask(struct ctl *c, Pb__RouterCtlRequest *request,
	Pb__RouterCtlReply__ResultCase wanted, Pb__RouterCtlReply **out);

/* Prints what was collected in c->out.  exit_code, or CTL_ERROR. */
enum ctl_exit ctl_flush(struct ctl *c, enum ctl_exit exit_code);

/* text may be NULL. */
static inline ProtobufCBinaryData ctl_text(const char *text)
{
	return codec_bytes(slice_of(text));
}

/* The commands. */
enum ctl_exit ctl_push(struct ctl *c);
enum ctl_exit ctl_who(struct ctl *c);
enum ctl_exit ctl_user(struct ctl *c);
enum ctl_exit ctl_edges(struct ctl *c);
enum ctl_exit ctl_stats(struct ctl *c);
enum ctl_exit ctl_ping(struct ctl *c);
enum ctl_exit ctl_top(struct ctl *c);
enum ctl_exit ctl_inbox(struct ctl *c);
enum ctl_exit ctl_kick(struct ctl *c);
enum ctl_exit ctl_drain(struct ctl *c);
enum ctl_exit ctl_tail(struct ctl *c);
enum ctl_exit ctl_why(struct ctl *c);
enum ctl_exit ctl_explain(struct ctl *c);
enum ctl_exit ctl_backup(struct ctl *c);

#endif
