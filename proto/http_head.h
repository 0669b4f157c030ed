/*
 * http_head: the strict HTTP/1.1 request-head parser (RFC 9112; RFC 6455, 4.2.1).  Pure, no
 * allocation; fields are borrowed from the caller's bytes.  It refuses more than the RFCs demand:
 * bare LF, folded fields, blanks before a colon, control characters, absolute targets, HTTP/1.0, TE
 * together with CL.
 */
#ifndef POSTERN_PROTO_HTTP_HEAD_H
#define POSTERN_PROTO_HTTP_HEAD_H

#include <stdint.h>

#include "common/slice.h"
#include "proto/limits.h"

enum http_method { HTTP_GET, HTTP_POST, HTTP_OPTIONS, HTTP_OTHER };

struct http_field {
	struct slice name;  /* as sent; compare without case */
	struct slice value; /* without surrounding blanks */
};

struct http_head {
	enum http_method method;
	struct slice path;  /* before '?'; begins with '/'; not decoded */
	struct slice query; /* after '?', may be empty */
	size_t n_fields;
	struct http_field fields[HEAD_MAX_FIELDS];
	int64_t content_length; /* -1: none */
	bool has_transfer_encoding;
	size_t bytes; /* of the head, blank line included */
};

enum http_head_result {
	HTTP_HEAD_OK,
	HTTP_HEAD_MORE,	     /* no blank line yet */
	HTTP_HEAD_BAD,	     /* 400 */
	HTTP_HEAD_TOO_LARGE, /* 431 */
	HTTP_HEAD_VERSION,   /* 505 */
};

/* Called again with all bytes so far when more have come. */
enum http_head_result http_head_parse(struct slice in, struct http_head *out);

/* The one field of that name.  count: how many there are; value is of the first. */
struct slice http_head_get(const struct http_head *head, const char *name, size_t *out_count);
/* Whether a comma-separated list field (all its occurrences) holds this token, without case. */
bool http_head_has_token(const struct http_head *head, const char *name, const char *token);

/*
 * Walks the query's parameters of one name: true and the next one's value as it was sent, not
 * decoded.  *at begins at 0.
 */
bool http_query_next(struct slice query, const char *name, size_t *at, struct slice *out);

/*
 * The value of one query parameter, percent-decoded into buf.  1 and *out; 0 when absent; -1 when
 * it is there twice, wrongly encoded, or longer than buf.
 */
int http_query_get(struct slice query, const char *name, char *buf, size_t size, struct slice *out);

#endif
