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
	[REFUSAL_RATE] = {429, "Too Many Requests", CLOSE_RATE_LIMITED, "too many attempts", ""},
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
		return REFUSAL_ROUTER_AWAY;
	case 44:
		return REFUSAL_UNAUTHORIZED;
	default:
		return REFUSAL_SESSION;
	}
}

void cors_write(struct buf *out, struct slice origin)
{
	if (origin.len > 0)
		buf_printf(out, "Access-Control-Allow-Origin: %.*s\r\nVary: Origin\r\n",
			SLICE_ARGS(origin));
}

void refusal_write(struct buf *out, const struct refusal_detail *d)
{
	const struct refusal_info *info = refusal_info(d->refusal);
	const struct code_info *code = code_info(d->code != 0 ? d->code : info->code);
	int64_t after_ms = refusal_is_temporary(d->refusal) ? d->after_ms : 0;
	char body[BODY_MAX];
	int len;

	if (code == NULL) /* one that this build does not know; the status says enough */
		code = code_info(info->code);
	len = snprintf(body, sizeof(body),
		"{\"code\":%u,\"name\":\"%s\",\"message\":\"%s\",\"retry\":\"%s\",\"after_ms\":"
		"%" PRId64 "}",
		code->code, code->name, info->message, code->retry, after_ms);
	buf_printf(out,
		"HTTP/1.1 %u %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n"
		"Cache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\nConnection: "
		"close\r\n%s",
		info->status, info->reason, len, info->fields);
	if (after_ms > 0)
		buf_printf(out, "Retry-After: %" PRId64 "\r\n", (after_ms + 999) / 1000);
	if (d->refusal == REFUSAL_METHOD && d->allow != NULL)
		buf_printf(out, "Allow: %s\r\n", d->allow);
	cors_write(out, d->cors);
	buf_add_text(out, "\r\n");
	buf_add(out, (struct slice){body, (size_t)len});
}
