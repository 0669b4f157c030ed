/*
 * The pages are the project's own files, yet they get the strictest policy that they work under:
 * what a browser runs comes from this origin, in files, and talks to this origin.  Everything else
 * is JSON that nobody may keep.
 */
#include "edge/http.h"

#include <inttypes.h>
#include <stdio.h>

#include "proto/limits.h"

#define LOGIN_MAX_DEPTH 4

static const char no_store[] = "Cache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\n"
			       "Connection: close\r\n";

static const struct cors nobody;

static void write_json(
	struct buf *out, const char *status, const struct cors *cors, struct slice body)
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
	write_json(out, "200 OK", &nobody, SLICE_LITERAL("{\"alive\":true}"));
}

void http_write_ready(struct buf *out, bool auth_is_up, bool router_is_up)
{
	bool is_ready = auth_is_up && router_is_up;
	char body[80];
	int len = snprintf(body, sizeof(body), "{\"ready\":%s,\"auth\":%s,\"router\":%s}",
		is_ready ? "true" : "false", auth_is_up ? "true" : "false",
		router_is_up ? "true" : "false");

	write_json(out, is_ready ? "200 OK" : "503 Service Unavailable", &nobody,
		(struct slice){body, (size_t)len});
}

void http_write_no_content(struct buf *out, const struct cors *cors)
{
	buf_printf(out, "HTTP/1.1 204 No Content\r\n%s", no_store);
	cors_write(out, cors);
	buf_add_text(out, "\r\n");
}

void http_write_options(struct buf *out, const char *allow, const struct cors *cors)
{
	buf_printf(out, "HTTP/1.1 204 No Content\r\nAllow: %s\r\n%s", allow, no_store);
	cors_write(out, cors);
	if (cors->origin.len > 0)
		buf_printf(out,
			"Access-Control-Allow-Methods: %s\r\n"
			"Access-Control-Allow-Headers: authorization, content-type, "
			"idempotency-key\r\n"
			"Access-Control-Max-Age: 600\r\n",
			allow);
	buf_add_text(out, "\r\n");
}

void http_write_json(struct buf *out, struct slice body, const struct cors *cors)
{
	write_json(out, "200 OK", cors, body);
}

/* One secret, and what follows it. */
static void write_secret(struct buf *out, const char *name, struct slice secret, const char *rest,
	const struct cors *cors)
{
	struct buf body;

	buf_init_secret(&body, TOKEN_MAX_BYTES * 2);
	buf_printf(&body, "{\"%s\":", name);
	buf_add_json_string(&body, secret);
	buf_add_text(&body, rest);
	http_write_json(out, buf_slice(&body), cors);
	out->failed |= body.failed;
	buf_fini(&body);
}

void http_write_token(struct buf *out, struct slice token, const struct cors *cors)
{
	write_secret(out, "access_token", token, "}", cors);
}

void http_write_ticket(
	struct buf *out, struct slice ticket, int64_t expires_in_ms, const struct cors *cors)
{
	char rest[64];

	snprintf(rest, sizeof(rest), ",\"expires_in_ms\":%" PRId64 "}", expires_in_ms);
	write_secret(out, "ticket", ticket, rest, cors);
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
