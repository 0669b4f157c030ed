/*
 * The order of the questions is the order of their price and of what they give away: path, framing,
 * method, form of the upgrade, Origin, token, parameters.  Each check returns the refusal that it
 * found, or N_REFUSALS for none.
 *
 * Without an Origin list any Origin may come: the token travels in a field that no foreign page can
 * make a browser send, so a page cannot act for a user whose token it does not have.  With a list,
 * a request that names an Origin must name one of it.  A browser sends a cookie by itself, so its
 * token counts only beside an Origin of the list.
 */
#include "edge/request.h"

#include <strings.h>

#include "proto/names.h"

#define NONE N_REFUSALS

/* Where the token is to be. */
enum token_use {
	TOKEN_NONE,
	TOKEN_ANY,  /* a token, or a one-time ticket in its place */
	TOKEN_REAL, /* what is asked is about the token itself */
};

static const struct route {
	const char *path;
	enum request_kind kind;
	enum http_method method;
	enum token_use token;
	bool has_cors;
	bool has_body; /* and wants it */
} routes[] = {
	{"/ws", REQUEST_UPGRADE, HTTP_GET, TOKEN_ANY, false, false},
	{"/auth/check", REQUEST_CHECK, HTTP_GET, TOKEN_ANY, true, false},
	{"/auth/refresh", REQUEST_REFRESH, HTTP_POST, TOKEN_REAL, true, false},
	{"/auth/logout", REQUEST_LOGOUT, HTTP_POST, TOKEN_REAL, true, false},
	{"/auth/ticket", REQUEST_TICKET, HTTP_POST, TOKEN_REAL, true, false},
	{"/api/login", REQUEST_LOGIN, HTTP_POST, TOKEN_NONE, true, true},
	{"/api/chat", REQUEST_CHAT, HTTP_POST, TOKEN_ANY, true, true},
	{"/api/push", REQUEST_PUSH, HTTP_POST, TOKEN_ANY, true, true},
	{"/user/login", REQUEST_LOGIN, HTTP_POST, TOKEN_NONE, true,
		true}, /* the original's names */
	{"/user/chat", REQUEST_CHAT, HTTP_POST, TOKEN_ANY, true, true},
	{"/healthz", REQUEST_HEALTH, HTTP_GET, TOKEN_NONE, false, false},
	{"/readyz", REQUEST_READY, HTTP_GET, TOKEN_NONE, false, false},
};

static const struct route page_route = {NULL, REQUEST_PAGE, HTTP_GET, TOKEN_NONE, false, false};

static const struct route *find_route(struct slice path, const struct page *page)
{
	for (size_t i = 0; i < sizeof(routes) / sizeof(routes[0]); i++) {
		if (slice_is(path, routes[i].path))
			return &routes[i];
	}
	return page == NULL ? NULL : &page_route;
}

static bool is_word(struct slice s, const char *word)
{
	return s.len == strlen(word) && strncasecmp(s.data, word, s.len) == 0;
}

static bool is_base64(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       c == '+' || c == '/';
}

/* RFC 6455, 4.1: 16 bytes in base64. */
static bool is_key(struct slice s)
{
	if (s.len != WEBSOCKET_KEY_BYTES || s.data[22] != '=' || s.data[23] != '=')
		return false;
	for (size_t i = 0; i < 22; i++) {
		if (!is_base64(s.data[i]))
			return false;
	}
	return true;
}

/* RFC 6455, 4.2.1 */
static enum refusal check_upgrade(const struct http_head *head, struct request *out)
{
	struct slice value;
	size_t count;

	value = http_head_get(head, "Upgrade", &count);
	if (count == 0 || (count == 1 && !is_word(value, "websocket")))
		return REFUSAL_NO_UPGRADE;
	if (count > 1 || !http_head_has_token(head, "Connection", "upgrade"))
		return REFUSAL_UPGRADE_FIELDS;
	if (head->content_length > 0)
		return REFUSAL_BODY;
	value = http_head_get(head, "Sec-WebSocket-Version", &count);
	if (count != 1 || !slice_is(value, "13"))
		return REFUSAL_WEBSOCKET_VERSION;
	out->key = http_head_get(head, "Sec-WebSocket-Key", &count);
	return count == 1 && is_key(out->key) ? NONE : REFUSAL_UPGRADE_FIELDS;
}

static enum refusal check_origin(
	const struct http_head *head, const struct request_rules *rules, struct request *out)
{
	const struct origin *found;
	size_t count;

	out->origin = http_head_get(head, "Origin", &count);
	if (count > 1 || out->origin.len > ORIGIN_MAX_BYTES)
		return REFUSAL_UPGRADE_FIELDS;
	if (count == 0 || rules->origins->n == 0)
		return NONE;
	found = origin_find(rules->origins, out->origin);
	if (found == NULL)
		return REFUSAL_ORIGIN;
	out->cors = (struct cors){found->text, rules->places.cookie};
	return NONE;
}

static enum refusal check_token(const struct http_head *head, const struct route *route,
	const struct request_rules *rules, struct request *out)
{
	const bool is_upgrade = route->kind == REQUEST_UPGRADE;
	struct credentials found;

	switch (credentials_find(head, &rules->places, &found)) {
	case CREDENTIALS_CONFLICT:
		return REFUSAL_TWO_TOKENS;
	case CREDENTIALS_NONE:
		return REFUSAL_UNAUTHORIZED;
	case CREDENTIALS_MALFORMED:
		return REFUSAL_SUBPROTOCOL;
	case CREDENTIALS_FOUND:
		break;
	}
	if (found.is_cookie && out->cors.origin.len == 0)
		return REFUSAL_ORIGIN;
	if (found.is_one_time && route->token != TOKEN_ANY)
		return REFUSAL_UNAUTHORIZED;
	out->token = found.token;
	out->is_one_time = found.is_one_time;
	out->is_native = found.offers_native;
	/* A client that offers something and is answered with nothing fails the connection itself,
	 * without a word why (RFC 6455, 4.1); so say it. */
	if (is_upgrade && !found.offers_native && (found.offers_other || found.offers_bearer))
		return REFUSAL_SUBPROTOCOL;
	return NONE;
}

static enum refusal check_key(const struct http_head *head, struct request *out)
{
	size_t count;

	out->mid = http_head_get(head, "Idempotency-Key", &count);
	return count == 0 || (count == 1 && name_is_mid(out->mid)) ? NONE : REFUSAL_KEY;
}

static enum refusal check_device(const struct http_head *head, struct request *out)
{
	struct slice device;
	int there = http_query_get(head->query, "dev", out->device, sizeof(out->device), &device);

	if (there == 0)
		return NONE;
	if (there < 0 || !name_is_device(device))
		return REFUSAL_DEVICE;
	out->device_len = device.len;
	return NONE;
}

/* Absent: 0 stays. */
static bool check_number(const struct http_head *head, const char *name, bool *there, uint64_t *out)
{
	char buf[POSITION_TEXT_BYTES];
	struct slice value;
	int got = http_query_get(head->query, name, buf, sizeof(buf), &value);

	*there = got > 0;
	return got == 0 || (got > 0 && position_number(value, out));
}

static enum refusal check_position(const struct http_head *head, struct request *out)
{
	char buf[POSITION_TEXT_BYTES];
	struct slice epoch;
	bool has_u;
	bool has_s;
	int there = http_query_get(head->query, "e", buf, sizeof(buf), &epoch);

	if (there < 0 || !check_number(head, "u", &has_u, &out->position.u) ||
		!check_number(head, "s", &has_s, &out->position.s))
		return REFUSAL_POSITION;
	if (there == 0) /* a number is of an epoch */
		return has_u || has_s ? REFUSAL_POSITION : NONE;
	if (!position_is_epoch(epoch))
		return REFUSAL_POSITION;
	memcpy(out->position.epoch, epoch.data, EPOCH_BYTES);
	out->has_position = true;
	return NONE;
}

/* What a POST without a body's meaning brings is not read. */
static enum refusal check_body(
	const struct http_head *head, const struct route *route, struct request *out)
{
	if (route->method != HTTP_POST)
		return head->content_length > 0 ? REFUSAL_BODY : NONE;
	if (route->has_body && head->content_length < 0)
		return REFUSAL_BODY;
	if (head->content_length > BODY_MAX_BYTES)
		return REFUSAL_BODY_TOO_LARGE;
	out->body_bytes = route->has_body ? (size_t)head->content_length : 0;
	return NONE;
}

static enum refusal check_route(const struct http_head *head, const struct route *route,
	const struct request_rules *rules, struct request *out)
{
	bool is_upgrade = route->kind == REQUEST_UPGRADE;
	enum refusal r = is_upgrade ? check_upgrade(head, out) : check_body(head, route, out);

	if (r == NONE && (is_upgrade || route->has_cors))
		r = check_origin(head, rules, out);
	if (r == NONE && route->token != TOKEN_NONE)
		r = check_token(head, route, rules, out);
	if (r == NONE && (route->kind == REQUEST_CHAT || route->kind == REQUEST_PUSH))
		r = check_key(head, out);
	if (r == NONE && is_upgrade)
		r = check_device(head, out);
	if (r == NONE && is_upgrade)
		r = check_position(head, out);
	return r;
}

/* If-None-Match: `*` or a list of tags, of which W/ is nothing we gave out. */
static bool has_tag(const struct http_head *head, const char *etag)
{
	return http_head_has_token(head, "If-None-Match", etag);
}

static enum refusal judge(
	const struct http_head *head, const struct request_rules *rules, struct request *out)
{
	const struct page *page = pages_find(rules->pages, head->path);
	const struct route *route = find_route(head->path, page);
	enum refusal r;

	if (route == NULL)
		return REFUSAL_NOT_FOUND;
	out->is_for_upgrade = route->kind == REQUEST_UPGRADE;
	out->allow = route->method == HTTP_POST ? "POST, OPTIONS" : "GET, OPTIONS";
	if (head->has_transfer_encoding)
		return REFUSAL_TRANSFER_ENCODING;
	if (head->method == HTTP_OPTIONS) {
		out->kind = REQUEST_OPTIONS;
		return route->has_cors ? check_origin(head, rules, out) : NONE;
	}
	if (head->method != route->method)
		return REFUSAL_METHOD;
	r = check_route(head, route, rules, out);
	out->kind = route->kind;
	out->page = page;
	out->is_unchanged = route->kind == REQUEST_PAGE && has_tag(head, page->etag);
	return r;
}

void request_judge(
	const struct http_head *head, const struct request_rules *rules, struct request *out)
{
	memset(out, 0, sizeof(*out));
	out->refusal = judge(head, rules, out);
	if (out->refusal != NONE)
		out->kind = REQUEST_REFUSED;
}
