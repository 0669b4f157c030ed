/*
 * One table, so that the answers are as few and as alike as they can be: all unauthorised requests
 * get the same bytes, whatever was wrong.  A message never holds anything that the client sent.
 */
#include "edge/refusal.h"

#include <inttypes.h>
#include <stdio.h>

#include "proto/codes.h"

enum { BODY_MAX = 512 };

static const struct refusal_info infos[N_REFUSALS] = {
	[REFUSAL_BAD_HEAD] = {400, "Bad Request", CLOSE_BAD_PROTOCOL, "malformed request head", ""},
	[REFUSAL_EARLY_BYTES] = {400, "Bad Request", CLOSE_BAD_PROTOCOL,
		"bytes after the request head, before the 101", ""},
	[REFUSAL_UPGRADE_FIELDS] = {400, "Bad Request", CLOSE_BAD_PROTOCOL,
		"Upgrade, Connection, Sec-WebSocket-Key and Origin: one well-formed field each",
		""},
	[REFUSAL_WEBSOCKET_VERSION] = {400, "Bad Request", CLOSE_BAD_PROTOCOL,
		"Sec-WebSocket-Version must be 13", "Sec-WebSocket-Version: 13\r\n"},
	[REFUSAL_SUBPROTOCOL] = {400, "Bad Request", CLOSE_BAD_PROTOCOL,
		"offer the subprotocol postern.v1, or none", ""},
	[REFUSAL_TWO_TOKENS] = {400, "Bad Request", CLOSE_BAD_PROTOCOL,
		"different tokens in two places, or Authorization twice", ""},
	[REFUSAL_DEVICE] = {400, "Bad Request", CLOSE_BAD_PROTOCOL,
		"dev must be 1 to 36 of A-Z a-z 0-9 _ -", ""},
	[REFUSAL_POSITION] = {400, "Bad Request", CLOSE_BAD_PROTOCOL,
		"e, u and s must be an epoch and two decimal numbers, as `ready` gave them", ""},
	[REFUSAL_BODY] = {400, "Bad Request", CLOSE_BAD_PROTOCOL,
		"a body needs POST and one Content-Length", ""},
	[REFUSAL_LOGIN] = {400, "Bad Request", CLOSE_BAD_PROTOCOL,
		"expected a JSON object with the strings username and password", ""},
	[REFUSAL_KEY] = {400, "Bad Request", EX_BAD_DATA,
		"Idempotency-Key must be one field of 1 to 64 of A-Z a-z 0-9 _ . : -", ""},
	[REFUSAL_UNAUTHORIZED] = {401, "Unauthorized", CLOSE_UNAUTHORIZED,
		"no valid token or password", "WWW-Authenticate: Bearer\r\n"},
	[REFUSAL_ORIGIN] = {403, "Forbidden", CLOSE_FORBIDDEN, "this Origin is not allowed", ""},
	[REFUSAL_SESSION] = {403, "Forbidden", CLOSE_SESSION_LIMIT,
		"the session was refused: too many of this user, or not permitted", ""},
	[REFUSAL_NOT_FOUND] = {404, "Not Found", CLOSE_BAD_PROTOCOL, "nothing is here", ""},
	[REFUSAL_METHOD] = {405, "Method Not Allowed", CLOSE_BAD_PROTOCOL,
		"this method is not for this path", ""},
	[REFUSAL_HEAD_TIMEOUT] = {408, "Request Timeout", CLOSE_BAD_PROTOCOL,
		"the request head was not complete in time", ""},
	[REFUSAL_BODY_TIMEOUT] = {408, "Request Timeout", CLOSE_BAD_PROTOCOL,
		"the body was not complete in time", ""},
	[REFUSAL_BODY_TOO_LARGE] = {413, "Content Too Large", CLOSE_BAD_PROTOCOL,
		"the body is too large", ""},
	[REFUSAL_NO_UPGRADE] = {426, "Upgrade Required", CLOSE_BAD_PROTOCOL,
		"this path is for WebSocket upgrades", "Upgrade: websocket\r\n"},
	[REFUSAL_RATE] = {429, "Too Many Requests", CLOSE_RATE_LIMITED,
		"too many at a time, or in a minute", ""},
	[REFUSAL_HEAD_TOO_LARGE] = {431, "Request Header Fields Too Large", CLOSE_BAD_PROTOCOL,
		"the request head is too large", ""},
	[REFUSAL_TRANSFER_ENCODING] = {501, "Not Implemented", CLOSE_BAD_PROTOCOL,
		"Transfer-Encoding is not supported", ""},
	[REFUSAL_FULL] = {503, "Service Unavailable", CLOSE_OVERLOAD, "no room at the moment", ""},
	[REFUSAL_AUTH_AWAY] = {503, "Service Unavailable", CLOSE_RETRY,
		"the token could not be checked in time", ""},
	[REFUSAL_ROUTER_AWAY] = {503, "Service Unavailable", CLOSE_ROUTER_AWAY,
		"the session could not be opened in time", ""},
	[REFUSAL_DRAINING] = {503, "Service Unavailable", CLOSE_DRAIN,
		"this process is going down, another one takes over", ""},
	[REFUSAL_HTTP_VERSION] = {505, "HTTP Version Not Supported", CLOSE_BAD_PROTOCOL,
		"HTTP/1.1 only", ""},
};

const struct refusal_info *refusal_info(enum refusal r)
{
	return &infos[r];
}

bool refusal_is_temporary(enum refusal r)
{
	return infos[r].status == 503 || infos[r].status == 429;
}

enum refusal refusal_of_open(unsigned code)
{
	switch (code / 100) {
	case 41:
	case 42:
		if (code == CLOSE_RATE_LIMITED)
			return REFUSAL_RATE;
		return REFUSAL_ROUTER_AWAY;
	case 44:
		return REFUSAL_UNAUTHORIZED;
	default:
		return REFUSAL_SESSION;
	}
}

void cors_write(struct buf *out, const struct cors *cors)
{
	if (cors->origin.len == 0)
		return;
	buf_printf(out, "Access-Control-Allow-Origin: %.*s\r\nVary: Origin\r\n",
		SLICE_ARGS(cors->origin));
	if (cors->has_cookies)
		buf_add_text(out, "Access-Control-Allow-Credentials: true\r\n");
}

struct answer {
	unsigned status;
	const char *reason;
	const struct code_info *code;
	const char *message;
	const char *fields; /* further header fields */
	const char *allow;  /* NULL: none */
	struct slice field; /* empty: none */
	int64_t after_ms;
	const struct cors *cors;
};

static void write_answer(struct buf *out, const struct answer *a)
{
	struct buf body;

	buf_init(&body, BODY_MAX);
	buf_printf(&body, "{\"code\":%u,\"name\":\"%s\",\"message\":\"%s\",\"retry\":\"%s\",",
		a->code->code, a->code->name, a->message, a->code->retry);
	buf_printf(&body, "\"after_ms\":%" PRId64, a->after_ms);
	if (a->field.len > 0) {
		buf_add_text(&body, ",\"field\":");
		buf_add_json_string(&body, a->field);
	}
	buf_add_text(&body, "}");
	buf_printf(out,
		"HTTP/1.1 %u %s\r\nContent-Type: application/json\r\nContent-Length: %zu\r\n"
		"Cache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\nConnection: "
		"close\r\n%s",
		a->status, a->reason, body.len, a->fields);
	if (a->after_ms > 0)
		buf_printf(out, "Retry-After: %" PRId64 "\r\n", (a->after_ms + 999) / 1000);
	if (a->allow != NULL)
		buf_printf(out, "Allow: %s\r\n", a->allow);
	cors_write(out, a->cors);
	buf_add_text(out, "\r\n");
	buf_add(out, buf_slice(&body));
	out->failed |= body.failed;
	buf_fini(&body);
}

void refusal_write(struct buf *out, const struct refusal_detail *d)
{
	const struct refusal_info *info = refusal_info(d->refusal);
	const struct code_info *code = code_info(d->code != 0 ? d->code : info->code);

	if (code == NULL) /* one that this build does not know; the status says enough */
		code = code_info(info->code);
	write_answer(
		out, &(struct answer){
			     .status = info->status,
			     .reason = info->reason,
			     .code = code,
			     .message = info->message,
			     .fields = info->fields,
			     .allow = d->refusal == REFUSAL_METHOD ? d->allow : NULL,
			     .field = slice_of(d->refusal == REFUSAL_KEY ? "Idempotency-Key" : ""),
			     .after_ms = refusal_is_temporary(d->refusal) ? d->after_ms : 0,
			     .cors = &d->cors,
		     });
}

static const struct {
	unsigned code;
	unsigned status;
	const char *reason;
} exceptions[] = {
	{EX_BAD_DATA, 400, "Bad Request"}, {EX_NOT_PERMITTED, 403, "Forbidden"},
	{EX_RECIPIENT_UNKNOWN, 404, "Not Found"}, {EX_RECIPIENT_OFFLINE, 409, "Conflict"},
	{EX_MID_REUSED, 409, "Conflict"}, {EX_TOO_LARGE, 413, "Content Too Large"},
	{EX_INBOX_FULL, 429, "Too Many Requests"}, {EX_RATE_LIMITED, 429, "Too Many Requests"},
	{EX_UNAVAILABLE, 503, "Service Unavailable"},
	{EX_INTERNAL, 503, "Service Unavailable"}, /* and whatever an API call cannot end with */
};

void refusal_write_exception(struct buf *out, const struct refusal_exception *e)
{
	const size_t n = sizeof(exceptions) / sizeof(exceptions[0]);
	const struct code_info *code;
	size_t i = 0;

	while (i + 1 < n && exceptions[i].code != e->code)
		i++;
	code = code_info(exceptions[i].code);
	write_answer(out, &(struct answer){
				  .status = exceptions[i].status,
				  .reason = exceptions[i].reason,
				  .code = code,
				  .message = code->name,
				  .fields = "",
				  .field = e->field,
				  .after_ms = strcmp(code->retry, "after") == 0 ? e->after_ms : 0,
				  .cors = &e->cors,
			  });
}
