/*
 * A token is looked at here only as far as its alphabet, so that what can be no token costs auth
 * nothing and is answered at once.  Whether it is a good one is auth's to say.  A scheme other than
 * Bearer is no token of ours and no mistake either: a browser may add Basic by itself.
 *
 * A cookie-string is taken apart as RFC 6265 writes it (4.2.1): pairs with `; ` between them, and
 * neither blanks nor quotes belong to a name or a token.  Cookies of other names are nobody's
 * business here, whatever is in them; two of ours that differ (a sibling domain can add one) are
 * two tokens.  Query values are taken as they were sent: no byte of a token needs an encoding.
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

static bool looks_like_one_time(struct slice s)
{
	for (size_t i = 0; i < s.len; i++) {
		if (!is_base64url(s.data[i]))
			return false;
	}
	return s.len == ONE_TIME_TEXT_BYTES;
}

enum place { PLACE_HEADER, PLACE_COOKIE, PLACE_TICKET };

struct search {
	enum credentials_result result;
	bool is_later; /* something was seen already */
	bool is_malformed;
};

/* One more place; s->result is the verdict of all of them so far. */
static void add(struct search *s, enum place place, struct slice token, struct credentials *out)
{
	const bool is_one_time = place == PLACE_TICKET;
	const bool is_good = is_one_time ? looks_like_one_time(token) : looks_like_token(token);

	if (s->is_later && (!slice_eq(out->token, token) || out->is_one_time != is_one_time))
		s->result = CREDENTIALS_CONFLICT;
	else if (s->result != CREDENTIALS_CONFLICT)
		s->result = is_good ? CREDENTIALS_FOUND : CREDENTIALS_NONE;
	out->is_cookie = place == PLACE_COOKIE && (!s->is_later || out->is_cookie);
	out->token = token;
	out->is_one_time = is_one_time;
	s->is_later = true;
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

static void take_protocol(struct search *s, struct slice name, struct credentials *out)
{
	static const char prefix[] = "bearer.";
	const size_t n = sizeof(prefix) - 1;

	/* A malformed bearer is a 401 here as it is in Authorization, so it is not judged as a
	 * name. */
	if (name.len >= n && memcmp(name.data, prefix, n) == 0) {
		struct slice token = {name.data + n, name.len - n};

		out->offers_bearer = true;
		add(s, PLACE_HEADER, token, out);
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

static void take_cookies(struct search *s, struct slice list, struct credentials *out)
{
	static const char prefix[] = "postern_token=";
	const size_t n = sizeof(prefix) - 1;

	for (size_t from = 0; from < list.len;) {
		size_t to = from;

		while (to < list.len && list.data[to] != ';')
			to++;
		if (to - from >= n && memcmp(list.data + from, prefix, n) == 0)
			add(s, PLACE_COOKIE, (struct slice){list.data + from + n, to - from - n},
				out);
		from = to + 1;
		if (from < list.len && list.data[from] == ' ')
			from++;
	}
}

static void take_query(struct search *s, struct slice query, enum place place, const char *name,
	struct credentials *out)
{
	struct slice value;
	size_t at = 0;

	while (http_query_next(query, name, &at, &value))
		add(s, place, value, out);
}

static bool is_named(const struct http_field *field, const char *name)
{
	return field->name.len == strlen(name) &&
	       strncasecmp(field->name.data, name, field->name.len) == 0;
}

static void take_fields(
	struct search *s, const struct http_head *head, bool with_cookies, struct credentials *out)
{
	for (size_t i = 0; i < head->n_fields; i++) {
		const struct http_field *field = &head->fields[i];

		if (is_named(field, "Sec-WebSocket-Protocol"))
			take_protocols(s, field->value, out);
		else if (with_cookies && is_named(field, "Cookie"))
			take_cookies(s, field->value, out);
	}
}

enum credentials_result credentials_find(const struct http_head *head,
	const struct credential_places *places, struct credentials *out)
{
	struct search s = {.result = CREDENTIALS_NONE};
	struct slice token;
	struct slice value;
	size_t count;

	*out = (struct credentials){0};
	value = http_head_get(head, "Authorization", &count);
	if (count > 1)
		return CREDENTIALS_CONFLICT;
	if (count == 1 && bearer_of(value, &token))
		add(&s, PLACE_HEADER, token, out);
	take_fields(&s, head, places->cookie, out);
	if (places->query)
		take_query(&s, head->query, PLACE_HEADER, "token", out);
	if (places->ticket)
		take_query(&s, head->query, PLACE_TICKET, "ticket", out);
	if (s.is_malformed && s.result != CREDENTIALS_CONFLICT)
		return CREDENTIALS_MALFORMED;
	return s.result;
}
