/*
 * http: what the door answers to plain requests, as bytes, and what it reads from a body.  Every
 * answer has a length and closes the connection.  Pure.
 */
#ifndef POSTERN_EDGE_HTTP_H
#define POSTERN_EDGE_HTTP_H

#include <stdbool.h>

#include "common/buf.h"
#include "common/json.h"
#include "edge/pages.h"
#include "edge/refusal.h"

/* /healthz: this process answers, which is all that it says. */
void http_write_health(struct buf *out);
/* /readyz: 200 when both can be reached, else 503; it names them. */
void http_write_ready(struct buf *out, bool auth_is_up, bool router_is_up);
/* 204 */
void http_write_no_content(struct buf *out, const struct cors *cors);
/* The answer to OPTIONS. */
void http_write_options(struct buf *out, const char *allow, const struct cors *cors);
void http_write_token(struct buf *out, struct slice token, const struct cors *cors);
/* A one-time ticket. */
void http_write_ticket(
	struct buf *out, struct slice ticket, int64_t expires_in_ms, const struct cors *cors);
/* 200 with this JSON. */
void http_write_json(struct buf *out, struct slice body, const struct cors *cors);
/* The head only; the body is the page's, or nothing when it is unchanged. */
void http_write_page(struct buf *out, const struct page *page, bool is_unchanged);

struct http_login {
	json_t *json; /* owned: holds the two */
	struct slice username;
	struct slice password;
};

/* {"username":..,"password":..}; other members are ignored.  False: nothing is owned.  The JSON
 * reader's own copy of the password is freed with json, and not wiped. */
bool http_read_login(struct slice body, struct http_login *out);

#endif
