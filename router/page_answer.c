/*
 * The files of the dashboard are in the program (see CMakeLists.txt), so the router opens none.
 * Nothing here is about users: the page has no login, and who is online is for routerctl.
 */
#include "router/page_answer.h"

#include "router/assets.h"
#include "router/page.h"

static void add_head(struct buf *out, const char *status, const char *type, size_t len)
{
	buf_printf(out,
		"HTTP/1.1 %s\r\n"
		"Content-Type: %s\r\n"
		"Content-Length: %zu\r\n"
		"Cache-Control: no-store\r\n"
		"Allow: GET\r\n"
		"X-Content-Type-Options: nosniff\r\n"
		"Content-Security-Policy: default-src 'none'; script-src 'self'; style-src 'self'; "
		"connect-src 'self'; img-src data:; frame-ancestors 'none'; base-uri 'none'\r\n"
		"Referrer-Policy: no-referrer\r\n"
		"Connection: close\r\n\r\n",
		status, type, len);
}

static void add_answer(struct buf *out, const char *status, const char *type, struct slice body)
{
	add_head(out, status, type, body.len);
	buf_add(out, body);
}

static const char *reason(int status)
{
	switch (status) {
	case 400:
		return "400 Bad Request";
	case 403:
		return "403 Forbidden";
	case 404:
		return "404 Not Found";
	case 405:
		return "405 Method Not Allowed";
	case 408:
		return "408 Request Timeout";
	case 431:
		return "431 Request Header Fields Too Large";
	case 503:
		return "503 Service Unavailable";
	case 505:
		return "505 HTTP Version Not Supported";
	default:
		return "500 Internal Server Error";
	}
}

void page_answer_status(struct buf *out, int status, const char *text)
{
	add_answer(out, reason(status), "text/plain; charset=utf-8", slice_of(text));
}

typedef void body_fn(struct buf *out, const struct router_view *view);

static void add_numbers(struct buf *out, struct hub *h, const char *type, body_fn *body)
{
	struct router_view view;
	struct buf text;

	hub_view(h, &view);
	buf_init(&text, PAGE_ANSWER_MAX_BYTES / 2);
	body(&text, &view);
	if (text.failed)
		page_answer_status(out, 500, "too many numbers\n");
	else
		add_answer(out, "200 OK", type, buf_slice(&text));
	buf_fini(&text);
}

static void add_health(struct buf *out, const struct hub *h)
{
	if (h->keys == NULL)
		page_answer_status(out, 503, "waiting for auth's ticket key\n");
	else if (h->draining)
		page_answer_status(out, 503, "stopping\n");
	else
		add_answer(out, "200 OK", "text/plain; charset=utf-8", SLICE_LITERAL("ok\n"));
}

static bool add_asset(struct buf *out, struct slice path)
{
	for (const struct asset *a = assets; a->path != NULL; a++) {
		if (slice_is(path, a->path)) {
			add_answer(out, "200 OK", a->type,
				(struct slice){(const char *)a->data, a->len});
			return true;
		}
	}
	return false;
}

void page_answer(struct buf *out, struct hub *h, const struct http_head *head)
{
	size_t n_hosts;
	struct slice host = http_head_get(head, "host", &n_hosts);

	if (n_hosts != 1 || !page_host_is_allowed(host, h->config->page_hosts))
		page_answer_status(out, 403, "this Host may not ask; see --page-hosts\n");
	else if (head->method != HTTP_GET)
		page_answer_status(out, 405, ""); /* may be HEAD, whose answer has no body */
	else if (slice_is(head->path, "/healthz"))
		add_health(out, h);
	else if (slice_is(head->path, "/metrics"))
		add_numbers(out, h, "text/plain; version=0.0.4; charset=utf-8", metrics_prometheus);
	else if (slice_is(head->path, "/stats.json"))
		add_numbers(out, h, "application/json", metrics_json);
	else if (!add_asset(out, head->path))
		page_answer_status(out, 404, "not found\n");
}
