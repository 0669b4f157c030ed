/*
 * api: the bodies of the HTTP API's calls, and the answer to one that was carried out.  Pure.
 */
#ifndef POSTERN_EDGE_API_H
#define POSTERN_EDGE_API_H

#include "common/buf.h"
#include "common/json.h"
#include "edge/json_uid.h"
#include "edge/live_call.h"
#include "edge/refusal.h"
#include "proto/codes.h"

/* Slices point into the rest of it. */
struct api_call {
	json_t *root;
	struct slice to;      /* a push: empty is all */
	struct slice content; /* chat */
	struct slice event;   /* push, as data: JSON text */
	struct slice data;
	struct buf text;
	char digits[UID_DIGITS];
};

/* EX_NONE: the call is good.  field: the one to blame, or NULL; static. */
struct api_error {
	enum exception_code code;
	const char *field;
};

/* {"toUser":7,"content":"text"} and {"user":7,"event":E,"data":D}, or "all":true for the user;
 * other members are ignored.  Whatever the answer, api_call_fini() follows. */
struct api_error api_read_chat(struct slice body, struct api_call *out);
struct api_error api_read_push(struct slice body, struct api_call *out);
void api_call_fini(struct api_call *call);

/* What a body, or the head, calls the field that the router names as frames do. */
struct slice api_field(struct slice field);

/* Of LIVE_CALL_SENT. */
void api_write_sent(
	struct buf *out, const struct live_call_result *result, const struct cors *cors);

#endif
