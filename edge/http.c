/*
 * The pages are the project's own files, yet they get the strictest policy that they work under:
 * what a browser runs comes from this origin, in files, and talks to this origin.  Everything else
 * is JSON that nobody may keep.
 */
#include "edge/http.h"

#include <stdio.h>

#include "edge/refusal.h"
#include "proto/limits.h"

#define LOGIN_MAX_DEPTH 4

static const char no_store[] = "Cache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\n"
			       "Connection: close\r\n";

static void write_json(struct buf *out, const char *status, struct slice cors, struct slice body)
{
	buf_printf(out,
		"HTTP/1.1 %s\r\nContent-Type: application/json\r\nContent-Length: %zu\r\n%s",
		status, body.len, no_store);
	cors_write(out, cors);
	buf_add_text(out, "\r\n");
	buf_add(out, body);
}

void http_write_health(struct buf *out)
{
	write_json(out, "200 OK", (struct slice){NULL, 0}, SLICE_LITERAL("{\"alive\":true}"));
}

void http_write_ready(struct buf *out, bool auth_is_up, bool router_is_up)
{
	bool is_ready = auth_is_up && router_is_up;
	char body[80];
	int len = snprintf(body, sizeof(body), "{\"ready\":%s,\"auth\":%s,\"router\":%s}",
		is_ready ? "true" : "false", auth_is_up ? "true" : "false",
		router_is_up ? "true" : "false");

	write_json(out, is_ready ? "200 OK" : "503 Service Unavailable", (struct slice){NULL, 0},
		(struct slice){body, (size_t)len});
}

void http_write_no_content(struct buf *out, struct slice cors)
{
	buf_printf(out, "HTTP/1.1 204 No Content\r\n%s", no_store);
	cors_write(out, cors);
	buf_add_text(out, "\r\n");
}

void http_write_options(struct buf *out, const char *allow, struct slice cors)
{
	buf_printf(out, "HTTP/1.1 204 No Content\r\nAllow: %s\r\n%s", allow, no_store);
	cors_write(out, cors);
	if (cors.len > 0)
		buf_printf(out,
			"Access-Control-Allow-Methods: %s\r\n"
			"Access-Control-Allow-Headers: authorization, content-type\r\n"
			"Access-Control-Max-Age: 600\r\n",
			allow);
	buf_add_text(out, "\r\n");
}

void http_write_token(struct buf *out, struct slice token, struct slice cors)
{
	struct buf body;

	buf_init(&body, TOKEN_MAX_BYTES * 2);
	buf_add_text(&body, "{\"access_token\":");
	buf_add_json_string(&body, token);
	buf_add_text(&body, "}");
	write_json(out, "200 OK", cors, buf_slice(&body));
	out->failed |= body.failed;
	explicit_bzero(body.data, body.len);
	buf_fini(&body);
}

void http_write_page(struct buf *out, const struct page *page, bool is_unchanged)
{
	buf_printf(out, "HTTP/1.1 %s\r\nETag: %s\r\nCache-Control: no-cache\r\n",
		is_unchanged ? "304 Not Modified" : "200 OK", page->etag);
	if (!is_unchanged)
		buf_printf(out, "Content-Type: %s\r\nContent-Length: %zu\r\n", page->content_type,
			page->body.len);
	buf_add_text(out,
		"Content-Security-Policy: default-src 'none'; script-src 'self'; style-src 'self'; "
		"img-src 'self' data:; font-src 'self'; connect-src 'self'; base-uri 'none'; "
		"form-action 'none'; frame-ancestors 'none'\r\n"
		"X-Content-Type-Options: nosniff\r\nReferrer-Policy: no-referrer\r\n"
		"Cross-Origin-Opener-Policy: same-origin\r\n"
		"Cross-Origin-Resource-Policy: same-origin\r\nConnection: close\r\n\r\n");
}

bool http_read_login(struct slice body, struct http_login *out)
{
	json_t *json;

	if (json_read(body, LOGIN_MAX_DEPTH, &json) != JSON_READ)
		return false;
	out->json = json;
	out->username = json_text(json, "username");
	out->password = json_text(json, "password");
	if (json_is_object(json) && out->username.len > 0 && out->password.len > 0 &&
		out->username.len <= USERNAME_MAX_BYTES && out->password.len <= PASSWORD_MAX_BYTES)
		return true;
	json_decref(json);
	return false;
}
