/*
 * A token is looked at here only as far as its alphabet, so that what can be no token costs auth
 * nothing and is answered at once.  Whether it is a good one is auth's to say.  A scheme other than
 * Bearer is no token of ours and no mistake either: a browser may add Basic by itself.
 */
#include "edge/credentials.h"

#include <strings.h>

static bool is_base64url(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       c == '-' || c == '_';
}

static bool looks_like_token(struct slice s)
{
	size_t part_len = 0;
	unsigned dots = 0;

	if (s.len > TOKEN_MAX_BYTES)
		return false;
	for (size_t i = 0; i < s.len; i++) {
		if (s.data[i] == '.') {
			if (part_len == 0 || ++dots > 2)
				return false;
			part_len = 0;
		} else if (is_base64url(s.data[i])) {
			part_len++;
		} else {
			return false;
		}
	}
	return dots == 2 && part_len > 0;
}

/* RFC 9110, 5.6.2, but for what a field's value cannot hold anyway. */
static bool is_protocol_name(struct slice s)
{
	for (size_t i = 0; i < s.len; i++) {
		if (s.data[i] <= ' ' || s.data[i] == 0x7f ||
			strchr("\"(),/:;<=>?@[\\]{}", s.data[i]))
			return false;
	}
	return s.len > 0;
}

static struct slice trim(struct slice s)
{
	while (s.len > 0 && (s.data[0] == ' ' || s.data[0] == '\t'))
		s = (struct slice){s.data + 1, s.len - 1};
	while (s.len > 0 && (s.data[s.len - 1] == ' ' || s.data[s.len - 1] == '\t'))
		s.len--;
	return s;
}

/* One more place; the verdict of all of them so far. */
static enum credentials_result add_token(
	enum credentials_result so_far, struct slice token, bool is_first, struct credentials *out)
{
	if (so_far == CREDENTIALS_CONFLICT || (!is_first && !slice_eq(out->token, token)))
		return CREDENTIALS_CONFLICT;
	out->token = token;
	return looks_like_token(token) ? CREDENTIALS_FOUND : CREDENTIALS_NONE;
}

/* Whether there is a bearer in Authorization, and what follows the word. */
static bool bearer_of(struct slice value, struct slice *out)
{
	static const char scheme[] = "Bearer";
	const size_t n = sizeof(scheme) - 1;

	if (value.len < n || strncasecmp(value.data, scheme, n) != 0)
		return false;
	if (value.len > n && value.data[n] != ' ')
		return false;
	*out = value;
	out->data += n;
	out->len -= n;
	while (out->len > 0 && out->data[0] == ' ')
		*out = (struct slice){out->data + 1, out->len - 1};
	return true;
}

struct search {
	enum credentials_result result;
	bool is_first; /* no token was seen so far */
	bool is_malformed;
};

static void take_protocol(struct search *s, struct slice name, struct credentials *out)
{
	static const char prefix[] = "bearer.";
	const size_t n = sizeof(prefix) - 1;

	/* A malformed bearer is a 401 here as it is in Authorization, so it is not judged as a
	 * name. */
	if (name.len >= n && memcmp(name.data, prefix, n) == 0) {
		struct slice token = {name.data + n, name.len - n};

		out->offers_bearer = true;
		s->result = add_token(s->result, token, s->is_first, out);
		s->is_first = false;
	} else if (!is_protocol_name(name)) {
		s->is_malformed = true;
	} else if (slice_is(name, "postern.v1")) {
		out->offers_native = true;
	} else {
		out->offers_other = true;
	}
}

static void take_protocols(struct search *s, struct slice list, struct credentials *out)
{
	for (size_t from = 0; from <= list.len;) {
		size_t to = from;

		while (to < list.len && list.data[to] != ',')
			to++;
		take_protocol(s, trim((struct slice){list.data + from, to - from}), out);
		from = to + 1;
	}
}

enum credentials_result credentials_find(const struct http_head *head, struct credentials *out)
{
	struct search s = {.result = CREDENTIALS_NONE, .is_first = true};
	struct slice token;
	struct slice value;
	size_t count;

	*out = (struct credentials){0};
	value = http_head_get(head, "Authorization", &count);
	if (count > 1)
		return CREDENTIALS_CONFLICT;
	if (count == 1 && bearer_of(value, &token)) {
		s.result = add_token(s.result, token, true, out);
		s.is_first = false;
	}
	for (size_t i = 0; i < head->n_fields; i++) {
		static const char name[] = "Sec-WebSocket-Protocol";
		const struct http_field *field = &head->fields[i];

		if (field->name.len == sizeof(name) - 1 &&
			strncasecmp(field->name.data, name, field->name.len) == 0)
			take_protocols(&s, field->value, out);
	}
	if (s.is_malformed && s.result != CREDENTIALS_CONFLICT)
		return CREDENTIALS_MALFORMED;
	return s.result;
}
