/*
 * The order of the questions is the order of their price and of what they give away: path, framing,
 * method, form of the upgrade, Origin, token, parameters.  Each check returns the refusal that it
 * found, or N_REFUSALS for none.
 *
 * Without an Origin list any Origin may come: the token travels in a field that no foreign page can
 * make a browser send, so a page cannot act for a user whose token it does not have.  With a list,
 * a request that names an Origin must name one of it.
 */
#include "edge/request.h"

#include <strings.h>

#include "edge/credentials.h"
#include "proto/names.h"

#define NONE N_REFUSALS

enum route_kind {
	ROUTE_NONE,
	ROUTE_UPGRADE,
	ROUTE_CHECK,
	ROUTE_LOGIN,
	ROUTE_HEALTH,
	ROUTE_READY,
	ROUTE_PAGE
};

static const struct route {
	const char *path;
	enum route_kind kind;
	enum http_method method;
	const char *allow;
	bool has_cors;
} routes[] = {
	{"/ws", ROUTE_UPGRADE, HTTP_GET, "GET, OPTIONS", false},
	{"/auth/check", ROUTE_CHECK, HTTP_GET, "GET, OPTIONS", true},
	{"/api/login", ROUTE_LOGIN, HTTP_POST, "POST, OPTIONS", true},
	{"/user/login", ROUTE_LOGIN, HTTP_POST, "POST, OPTIONS", true}, /* the original's name */
	{"/healthz", ROUTE_HEALTH, HTTP_GET, "GET, OPTIONS", false},
	{"/readyz", ROUTE_READY, HTTP_GET, "GET, OPTIONS", false},
};

static const struct route page_route = {NULL, ROUTE_PAGE, HTTP_GET, "GET, OPTIONS", false};

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
	const struct http_head *head, const struct origin_list *origins, struct request *out)
{
	const struct origin *found;
	struct slice value;
	size_t count;

	value = http_head_get(head, "Origin", &count);
	if (count > 1)
		return REFUSAL_UPGRADE_FIELDS;
	if (count == 0 || origins->n == 0)
		return NONE;
	found = origin_find(origins, value);
	if (found == NULL)
		return REFUSAL_ORIGIN;
	out->cors = found->text;
	return NONE;
}

static enum refusal check_token(const struct http_head *head, bool is_upgrade, struct request *out)
{
	struct credentials found;

	switch (credentials_find(head, &found)) {
	case CREDENTIALS_CONFLICT:
		return REFUSAL_TWO_TOKENS;
	case CREDENTIALS_NONE:
		return REFUSAL_UNAUTHORIZED;
	case CREDENTIALS_MALFORMED:
		return REFUSAL_SUBPROTOCOL;
	case CREDENTIALS_FOUND:
		break;
	}
	out->token = found.token;
	out->is_native = found.offers_native;
	/* A client that offers something and is answered with nothing fails the connection itself,
	 * without a word why (RFC 6455, 4.1); so say it. */
	if (is_upgrade && !found.offers_native && (found.offers_other || found.offers_bearer))
		return REFUSAL_SUBPROTOCOL;
	return NONE;
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

static enum refusal check_body(
	const struct http_head *head, enum http_method method, struct request *out)
{
	if (method != HTTP_POST)
		return head->content_length > 0 ? REFUSAL_BODY : NONE;
	if (head->content_length < 0)
		return REFUSAL_BODY;
	if (head->content_length > BODY_MAX_BYTES)
		return REFUSAL_BODY_TOO_LARGE;
	out->body_bytes = (size_t)head->content_length;
	return NONE;
}

static enum refusal check_route(const struct http_head *head, const struct route *route,
	const struct request_rules *rules, struct request *out)
{
	bool is_upgrade = route->kind == ROUTE_UPGRADE;
	enum refusal r =
		is_upgrade ? check_upgrade(head, out) : check_body(head, route->method, out);

	if (r == NONE && (is_upgrade || route->has_cors))
		r = check_origin(head, rules->origins, out);
	if (r == NONE && (is_upgrade || route->kind == ROUTE_CHECK))
		r = check_token(head, is_upgrade, out);
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

static enum request_kind kind_of(enum route_kind kind)
{
	switch (kind) {
	case ROUTE_UPGRADE:
		return REQUEST_UPGRADE;
	case ROUTE_CHECK:
		return REQUEST_CHECK;
	case ROUTE_LOGIN:
		return REQUEST_LOGIN;
	case ROUTE_HEALTH:
		return REQUEST_HEALTH;
	case ROUTE_READY:
		return REQUEST_READY;
	case ROUTE_PAGE:
		return REQUEST_PAGE;
	case ROUTE_NONE:
		break;
	}
	return REQUEST_REFUSED;
}

static enum refusal judge(
	const struct http_head *head, const struct request_rules *rules, struct request *out)
{
	const struct page *page = pages_find(rules->pages, head->path);
	const struct route *route = find_route(head->path, page);
	enum refusal r;

	if (route == NULL)
		return REFUSAL_NOT_FOUND;
	out->is_for_upgrade = route->kind == ROUTE_UPGRADE;
	out->allow = route->allow;
	if (head->has_transfer_encoding)
		return REFUSAL_TRANSFER_ENCODING;
	if (head->method == HTTP_OPTIONS) {
		out->kind = REQUEST_OPTIONS;
		return route->has_cors ? check_origin(head, rules->origins, out) : NONE;
	}
	if (head->method != route->method)
		return REFUSAL_METHOD;
	r = check_route(head, route, rules, out);
	out->kind = kind_of(route->kind);
	out->page = page;
	out->is_unchanged = route->kind == ROUTE_PAGE && has_tag(head, page->etag);
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
