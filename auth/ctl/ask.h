/*
 * ask: one question on authctl.sock, and what the commands of authctl share.
 */
#ifndef POSTERN_AUTH_CTL_ASK_H
#define POSTERN_AUTH_CTL_ASK_H

#include <limits.h>

#include "auth/ctl/commands.h"
#include "ctl.pb-c.h"
#include "proto/codec.h"
#include "proto/limits.h"

struct ctl {
	const struct ctl_args *args;
	char path[PATH_MAX];
	struct arena *arena; /* of the answer */
	struct buf out;
};

/* CTL_OK and *out, in the arena until the next question, of the wanted kind; or a printed
 * complaint. */
enum ctl_exit ctl_ask(struct ctl *c, Pb__AuthCtlRequest *request,
	Pb__AuthCtlReply__ResultCase wanted, Pb__AuthCtlReply **out);

/* Prints what was collected in c->out.  exit_code, or CTL_ERROR. */
enum ctl_exit ctl_flush(struct ctl *c, enum ctl_exit exit_code);
/* CTL_ERROR, after a line. */
enum ctl_exit ctl_fail(const char *what, const char *why);

/* One token on standard input with its newline, into text; false: it cannot be read. */
bool ctl_read_token(char *text, size_t size);

/* text may be NULL. */
static inline ProtobufCBinaryData ctl_text(const char *text)
{
	return codec_bytes(slice_of(text));
}

/* The commands. */
enum ctl_exit ctl_token(struct ctl *c);
enum ctl_exit ctl_check(struct ctl *c);
enum ctl_exit ctl_ping(struct ctl *c);
enum ctl_exit ctl_revoke(struct ctl *c);
enum ctl_exit ctl_user_add(struct ctl *c);
enum ctl_exit ctl_user_passwd(struct ctl *c);
enum ctl_exit ctl_user_list(struct ctl *c);
enum ctl_exit ctl_user_remove(struct ctl *c);
enum ctl_exit ctl_keys_list(struct ctl *c);
enum ctl_exit ctl_keys_rotate(struct ctl *c);

#endif
