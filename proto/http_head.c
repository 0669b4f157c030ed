/*
 * The first code that a stranger's bytes meet.  It reads strictly from left to right and answers at
 * the first byte that no good head could have, so a verdict never changes when more bytes come (the
 * tests hold it to that) and nobody keeps a connection open with what is already wrong.
 *
 * A line is checked by the same function whether it is whole or only as much of it as has come;
 * `whole` tells them that its CR LF is there.
 */
#include "proto/http_head.h"

#include <stdbool.h>
#include <strings.h>

enum {
	METHOD_MAX_BYTES = 32,
	HOST_MAX_BYTES = 255,
	LENGTH_MAX_DIGITS = 18, /* always fits an int64_t */
};

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool is_alnum(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || is_digit(c);
}

/* RFC 9110, 5.6.2 */
static bool is_tchar(char c)
{
	return is_alnum(c) || (c != '\0' && strchr("!#$%&'*+-.^_`|~", c) != NULL);
}

static bool is_target_char(char c)
{
	return c > ' ' && c < 0x7f && c != '#';
}

static bool is_value_char(char c)
{
	return (unsigned char)c >= 0x80 || (c >= ' ' && c != 0x7f) || c == '\t';
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

static struct slice trim(struct slice s)
{
	while (s.len > 0 && is_blank(s.data[0])) {
		s.data++;
		s.len--;
	}
	while (s.len > 0 && is_blank(s.data[s.len - 1]))
		s.len--;
	return s;
}

static bool is_name(struct slice s, const char *name)
{
	return s.len == strlen(name) && strncasecmp(s.data, name, s.len) == 0;
}

static enum http_method method_of(struct slice s)
{
	/* Methods are case-sensitive. */
	if (slice_is(s, "GET"))
		return HTTP_GET;
	if (slice_is(s, "POST"))
		return HTTP_POST;
	return slice_is(s, "OPTIONS") ? HTTP_OPTIONS : HTTP_OTHER;
}

static void split_target(struct slice target, struct http_head *out)
{
	const char *mark = memchr(target.data, '?', target.len);
	size_t path_len = mark == NULL ? target.len : (size_t)(mark - target.data);

	out->path = (struct slice){target.data, path_len};
	out->query = (struct slice){target.data + target.len, 0};
	if (mark != NULL)
		out->query = (struct slice){mark + 1, target.len - path_len - 1};
}

/* s begins right after the target's blank. */
static enum http_head_result scan_version(struct slice s, bool whole)
{
	static const char shape[] = "HTTP/d.d";
	const size_t n = sizeof(shape) - 1;

	for (size_t i = 0; i < s.len && i < n; i++) {
		if (shape[i] == 'd' ? !is_digit(s.data[i]) : s.data[i] != shape[i])
			return HTTP_HEAD_BAD;
	}
	if (s.len >= n && memcmp(s.data, "HTTP/1.1", n) != 0)
		return HTTP_HEAD_VERSION;
	if (s.len > n || (whole && s.len < n))
		return HTTP_HEAD_BAD;
	return HTTP_HEAD_OK;
}

static enum http_head_result scan_request_line(struct slice line, bool whole, struct http_head *out)
{
	const enum http_head_result at_end = whole ? HTTP_HEAD_BAD : HTTP_HEAD_OK;
	size_t method_len = 0;
	struct slice target;
	size_t end;

	while (method_len < line.len && is_tchar(line.data[method_len])) {
		if (++method_len > METHOD_MAX_BYTES)
			return HTTP_HEAD_BAD;
	}
	if (method_len == line.len)
		return at_end;
	if (method_len == 0 || line.data[method_len] != ' ')
		return HTTP_HEAD_BAD;
	out->method = method_of((struct slice){line.data, method_len});

	end = method_len + 1;
	target.data = line.data + end;
	if (end < line.len && target.data[0] != '/')
		return HTTP_HEAD_BAD;
	while (end < line.len && is_target_char(line.data[end])) {
		if (++end - method_len - 1 > HEAD_TARGET_MAX_BYTES)
			return HTTP_HEAD_TOO_LARGE;
	}
	if (end == line.len)
		return at_end;
	if (line.data[end] != ' ')
		return HTTP_HEAD_BAD;
	target.len = end - method_len - 1;
	split_target(target, out);
	end++;
	return scan_version((struct slice){line.data + end, line.len - end}, whole);
}

static bool is_port(struct slice s)
{
	unsigned long port = 0;

	if (s.len == 0 || s.len > 5)
		return false;
	for (size_t i = 0; i < s.len; i++) {
		if (!is_digit(s.data[i]))
			return false;
		port = port * 10 + (unsigned long)(s.data[i] - '0');
	}
	return port <= 65535;
}

/* A name or an IPv4 address, or an IPv6 address in brackets, and a port if there is one. */
static bool is_host(struct slice s)
{
	bool bracketed = s.len > 0 && s.data[0] == '[';
	size_t i = bracketed ? 1 : 0;
	size_t from = i;

	while (i < s.len && (is_alnum(s.data[i]) || strchr(bracketed ? ":." : "._-", s.data[i])))
		i++;
	if (i == from || i > HOST_MAX_BYTES)
		return false;
	if (bracketed && (i == s.len || s.data[i++] != ']'))
		return false;
	if (i == s.len)
		return true;
	return s.data[i] == ':' && is_port((struct slice){s.data + i + 1, s.len - i - 1});
}

/* -1: not what Content-Length may be. */
static int64_t length_of(struct slice s)
{
	int64_t length = 0;

	if (s.len == 0 || s.len > LENGTH_MAX_DIGITS)
		return -1;
	for (size_t i = 0; i < s.len; i++) {
		if (!is_digit(s.data[i]))
			return -1;
		length = length * 10 + (s.data[i] - '0');
	}
	return length;
}

/* What the fields that frame the request must be; the others are the caller's business. */
static enum http_head_result take_field(const struct http_field *field, struct http_head *out)
{
	size_t count;

	if (is_name(field->name, "Host")) {
		http_head_get(out, "Host", &count);
		if (count > 0 || !is_host(field->value))
			return HTTP_HEAD_BAD;
	} else if (is_name(field->name, "Content-Length")) {
		if (out->content_length >= 0 || out->has_transfer_encoding)
			return HTTP_HEAD_BAD;
		out->content_length = length_of(field->value);
		if (out->content_length < 0)
			return HTTP_HEAD_BAD;
	} else if (is_name(field->name, "Transfer-Encoding")) {
		if (out->content_length >= 0)
			return HTTP_HEAD_BAD;
		out->has_transfer_encoding = true;
	}
	out->fields[out->n_fields++] = *field;
	return HTTP_HEAD_OK;
}

static enum http_head_result scan_field(struct slice line, bool whole, struct http_head *out)
{
	struct http_field field;
	size_t name_len = 0;

	if (line.len == 0)
		return HTTP_HEAD_OK;
	if (out->n_fields == HEAD_MAX_FIELDS)
		return HTTP_HEAD_TOO_LARGE;
	/* A folded line begins with a blank, which no name does. */
	while (name_len < line.len && is_tchar(line.data[name_len]))
		name_len++;
	if (name_len == line.len)
		return whole ? HTTP_HEAD_BAD : HTTP_HEAD_OK;
	if (name_len == 0 || line.data[name_len] != ':')
		return HTTP_HEAD_BAD;
	for (size_t i = name_len + 1; i < line.len; i++) {
		if (!is_value_char(line.data[i]))
			return HTTP_HEAD_BAD;
	}
	if (!whole)
		return HTTP_HEAD_OK;
	field.name = (struct slice){line.data, name_len};
	field.value = trim((struct slice){line.data + name_len + 1, line.len - name_len - 1});
	return take_field(&field, out);
}

static enum http_head_result finish(struct http_head *out, size_t bytes)
{
	size_t hosts;

	http_head_get(out, "Host", &hosts);
	if (hosts != 1)
		return HTTP_HEAD_BAD;
	out->bytes = bytes;
	return HTTP_HEAD_OK;
}

enum http_head_result http_head_parse(struct slice in, struct http_head *out)
{
	const size_t len = in.len < HEAD_MAX_BYTES ? in.len : HEAD_MAX_BYTES;
	bool is_first = true;

	out->n_fields = 0;
	out->content_length = -1;
	out->has_transfer_encoding = false;
	for (size_t at = 0; at < len;) {
		const char *feed = memchr(in.data + at, '\n', len - at);
		size_t end = feed == NULL ? len : (size_t)(feed - in.data);
		struct slice line = {in.data + at, end - at};
		bool has_cr = line.len > 0 && line.data[line.len - 1] == '\r';
		enum http_head_result result;

		if (has_cr)
			line.len--;
		result = is_first ? scan_request_line(line, feed != NULL, out)
				  : scan_field(line, feed != NULL, out);
		if (result != HTTP_HEAD_OK)
			return result;
		if (feed == NULL)
			break;
		if (!has_cr)
			return HTTP_HEAD_BAD;
		at = end + 1;
		if (line.len == 0)
			return finish(out, at);
		is_first = false;
	}
	return in.len >= HEAD_MAX_BYTES ? HTTP_HEAD_TOO_LARGE : HTTP_HEAD_MORE;
}

struct slice http_head_get(const struct http_head *head, const char *name, size_t *out_count)
{
	struct slice value = {NULL, 0};

	*out_count = 0;
	for (size_t i = 0; i < head->n_fields; i++) {
		if (is_name(head->fields[i].name, name) && (*out_count)++ == 0)
			value = head->fields[i].value;
	}
	return value;
}

static bool list_has(struct slice list, const char *token)
{
	for (size_t from = 0; from <= list.len;) {
		size_t to = from;

		while (to < list.len && list.data[to] != ',')
			to++;
		if (is_name(trim((struct slice){list.data + from, to - from}), token))
			return true;
		from = to + 1;
	}
	return false;
}

bool http_head_has_token(const struct http_head *head, const char *name, const char *token)
{
	for (size_t i = 0; i < head->n_fields; i++) {
		const struct http_field *field = &head->fields[i];

		if (is_name(field->name, name) && list_has(field->value, token))
			return true;
	}
	return false;
}

static int hex_of(char c)
{
	if (is_digit(c))
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* 0, or -1: wrongly encoded, or longer than size. */
static int decode(struct slice in, char *buf, size_t size, struct slice *out)
{
	size_t n = 0;

	for (size_t i = 0; i < in.len; i++) {
		char c = in.data[i];

		if (c == '%') {
			int high = i + 2 < in.len ? hex_of(in.data[i + 1]) : -1;
			int low = i + 2 < in.len ? hex_of(in.data[i + 2]) : -1;

			if (high < 0 || low < 0)
				return -1;
			c = (char)(high << 4 | low);
			i += 2;
		}
		if (n == size)
			return -1;
		buf[n++] = c;
	}
	*out = (struct slice){buf, n};
	return 0;
}

/* An encoded name is the same name: nobody hides a second token behind %74oken. */
static bool names_parameter(struct slice encoded, const char *name)
{
	char buf[32];
	struct slice decoded;

	return decode(encoded, buf, sizeof(buf), &decoded) == 0 && slice_is(decoded, name);
}

bool http_query_next(struct slice query, const char *name, size_t *at, struct slice *out)
{
	while (*at < query.len) {
		size_t from = *at;
		size_t to = from;
		size_t equals;

		while (to < query.len && query.data[to] != '&')
			to++;
		for (equals = from; equals < to && query.data[equals] != '=';)
			equals++;
		*at = to + 1;
		if (names_parameter((struct slice){query.data + from, equals - from}, name)) {
			size_t value = equals < to ? equals + 1 : to;

			*out = (struct slice){query.data + value, to - value};
			return true;
		}
	}
	return false;
}

int http_query_get(struct slice query, const char *name, char *buf, size_t size, struct slice *out)
{
	struct slice value;
	size_t at = 0;
	int found = 0;

	while (http_query_next(query, name, &at, &value)) {
		if (found++ > 0 || decode(value, buf, size, out) < 0)
			return -1;
	}
	return found;
}
