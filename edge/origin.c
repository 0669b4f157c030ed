/*
 * Parsing first and comparing parts is what keeps prefix, suffix and userinfo tricks out: what is
 * not scheme://host[:port] in a browser's own spelling is equal to nothing, `null` included.  No
 * host is ever matched by pattern.
 */
#include "edge/origin.h"

static bool is_lower_alnum(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

static bool is_made_of(struct slice s, const char *others)
{
	for (size_t i = 0; i < s.len; i++) {
		if (!is_lower_alnum(s.data[i]) &&
			(s.data[i] == '\0' || strchr(others, s.data[i]) == NULL))
			return false;
	}
	return s.len > 0;
}

static bool parse_port(struct slice s, unsigned *out)
{
	unsigned port = 0;

	if (s.len == 0 || s.len > 5 || s.data[0] == '0')
		return false;
	for (size_t i = 0; i < s.len; i++) {
		if (s.data[i] < '0' || s.data[i] > '9')
			return false;
		port = port * 10 + (unsigned)(s.data[i] - '0');
	}
	*out = port;
	return port <= 65535;
}

static unsigned port_of_scheme(struct slice scheme)
{
	if (slice_is(scheme, "https"))
		return 443;
	return slice_is(scheme, "http") ? 80 : 0;
}

/* host[:port] */
static bool parse_authority(struct slice s, struct origin *out)
{
	bool bracketed = s.len > 0 && s.data[0] == '[';
	const char *end = memchr(s.data, bracketed ? ']' : ':', s.len);
	size_t host_len = end == NULL ? s.len : (size_t)(end - s.data);

	if (bracketed) {
		if (end == NULL || !is_made_of((struct slice){s.data + 1, host_len - 1}, ":."))
			return false;
		host_len++;
	} else if (!is_made_of((struct slice){s.data, host_len}, ".-_") ||
		   s.data[host_len - 1] == '.') {
		return false;
	}
	out->host = (struct slice){s.data, host_len};
	out->port = port_of_scheme(out->scheme);
	if (host_len == s.len)
		return true;
	return s.data[host_len] == ':' &&
	       parse_port((struct slice){s.data + host_len + 1, s.len - host_len - 1}, &out->port);
}

bool origin_parse(struct slice text, struct origin *out)
{
	const char *colon = text.len == 0 ? NULL : memchr(text.data, ':', text.len);
	size_t scheme_len = colon == NULL ? 0 : (size_t)(colon - text.data);

	if (text.len > ORIGIN_MAX_BYTES || scheme_len == 0 || text.len < scheme_len + 4 ||
		memcmp(colon, "://", 3) != 0)
		return false;
	out->text = text;
	out->scheme = (struct slice){text.data, scheme_len};
	if (!is_made_of(out->scheme, "+.-"))
		return false;
	return parse_authority(
		(struct slice){text.data + scheme_len + 3, text.len - scheme_len - 3}, out);
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

bool origin_list_parse(const char *text, struct origin_list *out, struct slice *out_bad)
{
	out->n = 0;
	for (const char *from = text; from != NULL && *from != '\0';) {
		const char *comma = strchr(from, ',');
		struct slice entry = {from, comma == NULL ? strlen(from) : (size_t)(comma - from)};

		while (entry.len > 0 && is_blank(entry.data[0]))
			entry = (struct slice){entry.data + 1, entry.len - 1};
		while (entry.len > 0 && is_blank(entry.data[entry.len - 1]))
			entry.len--;
		*out_bad = entry;
		if (out->n == ORIGINS_MAX || !origin_parse(entry, &out->entries[out->n]))
			return false;
		out->n++;
		from = comma == NULL ? NULL : comma + 1;
	}
	return true;
}

const struct origin *origin_find(const struct origin_list *list, struct slice value)
{
	struct origin asked;

	if (!origin_parse(value, &asked))
		return NULL;
	for (size_t i = 0; i < list->n; i++) {
		const struct origin *o = &list->entries[i];

		if (slice_eq(o->scheme, asked.scheme) && slice_eq(o->host, asked.host) &&
			o->port == asked.port)
			return o;
	}
	return NULL;
}
