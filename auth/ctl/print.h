/*
 * print: auth's answers as lines and tables for people, or as one JSON object a line.  Pure: into a
 * buf.  All text from the wire goes through plain.h.
 */
#ifndef POSTERN_AUTH_CTL_PRINT_H
#define POSTERN_AUTH_CTL_PRINT_H

#include <stdbool.h>

#include "common/buf.h"
#include "ctl.pb-c.h"

void print_tokens(struct buf *out, const Pb__CtlTokenMade *made, bool json);
void print_verdict(struct buf *out, const Pb__CtlVerdict *verdict, bool json);
/* what: "revoked", "added", ... */
void print_done(struct buf *out, const char *what, const Pb__CtlDone *done, bool json);
/* What a new password does not end. */
void print_still_good(struct buf *out, const Pb__CtlDone *done);
/* with_heading: the first page. */
void print_logins(struct buf *out, const Pb__CtlLogins *logins, bool json, bool with_heading);
void print_keys(struct buf *out, const Pb__CtlKeys *keys, bool json);
/* What auth refused. */
void print_refusal(struct buf *out, const Pb__AuthCtlReply *reply, bool json);

#endif
