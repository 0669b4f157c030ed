/*
 * Addresses are compared as bytes, never as text: text has too many spellings.  Every way in goes
 * through address_of(), which undresses mapped addresses, so that a rule for 10.0.0.0/8 also holds
 * for a client of a listener on [::].
 */
#include "common/address.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>

static const unsigned char mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

static size_t size_of(const struct address *a)
{
	return a->is_v6 ? 16 : 4;
}

struct address address_of(bool is_v6, const unsigned char *bytes, uint16_t port)
{
	struct address a = {.is_v6 = is_v6, .port = port};

	if (is_v6 && memcmp(bytes, mapped, sizeof(mapped)) == 0) {
		a.is_v6 = false;
		bytes += sizeof(mapped);
	}
	memcpy(a.bytes, bytes, size_of(&a));
	return a;
}

/* An address alone, in text that ends with it. */
static bool parse_host(const char *text, struct address *out)
{
	unsigned char bytes[16];

	if (inet_pton(AF_INET, text, bytes) == 1)
		*out = address_of(false, bytes, 0);
	else if (inet_pton(AF_INET6, text, bytes) == 1)
		*out = address_of(true, bytes, 0);
	else
		return false;
	return true;
}

/* Digits only, at most max. */
static bool parse_number(const char *text, unsigned max, unsigned *out)
{
	unsigned value = 0;

	if (text[0] == '\0' || strlen(text) > 5)
		return false;
	for (; *text >= '0' && *text <= '9'; text++)
		value = value * 10 + (unsigned)(*text - '0');
	*out = value;
	return *text == '\0' && value <= max;
}

bool address_parse(const char *text, struct address *out)
{
	const char *colon = strrchr(text, ':');
	char host[ADDRESS_TEXT_BYTES];
	size_t len;
	unsigned port;

	if (colon == NULL || !parse_number(colon + 1, 65535, &port))
		return false;
	len = (size_t)(colon - text);
	/* Brackets are for IPv6, whose own colons would make the port a guess. */
	if (len >= 2 && text[0] == '[' && text[len - 1] == ']') {
		text++;
		len -= 2;
		if (memchr(text, ':', len) == NULL)
			return false;
	} else if (memchr(text, ':', len) != NULL) {
		return false;
	}
	if (len >= sizeof(host))
		return false;
	memcpy(host, text, len);
	host[len] = '\0';
	if (!parse_host(host, out))
		return false;
	out->port = (uint16_t)port;
	return true;
}

bool address_of_sockaddr(const struct sockaddr_storage *from, struct address *out)
{
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;

	if (from->ss_family == AF_INET) {
		memcpy(&v4, from, sizeof(v4));
		*out = address_of(
			false, (const unsigned char *)&v4.sin_addr.s_addr, ntohs(v4.sin_port));
		return true;
	}
	if (from->ss_family != AF_INET6)
		return false;
	memcpy(&v6, from, sizeof(v6));
	*out = address_of(true, v6.sin6_addr.s6_addr, ntohs(v6.sin6_port));
	return true;
}

socklen_t address_to_sockaddr(const struct address *a, struct sockaddr_storage *out)
{
	struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = htons(a->port)};
	struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_port = htons(a->port)};

	memset(out, 0, sizeof(*out));
	if (a->is_v6) {
		memcpy(v6.sin6_addr.s6_addr, a->bytes, 16);
		memcpy(out, &v6, sizeof(v6));
		return sizeof(v6);
	}
	memcpy(&v4.sin_addr, a->bytes, 4);
	memcpy(out, &v4, sizeof(v4));
	return sizeof(v4);
}

bool address_is_loopback(const struct address *a)
{
	static const unsigned char one[16] = {[15] = 1};

	return a->is_v6 ? memcmp(a->bytes, one, 16) == 0 : a->bytes[0] == 127;
}

const char *address_format(const struct address *a, char buf[ADDRESS_TEXT_BYTES])
{
	char host[INET6_ADDRSTRLEN];

	inet_ntop(a->is_v6 ? AF_INET6 : AF_INET, a->bytes, host, sizeof(host));
	snprintf(buf, ADDRESS_TEXT_BYTES, a->is_v6 ? "[%s]:%u" : "%s:%u", host, (unsigned)a->port);
	return buf;
}

const char *address_prefix(const struct address *a, char buf[ADDRESS_TEXT_BYTES])
{
	unsigned char bytes[16] = {0};
	char host[INET6_ADDRSTRLEN];

	memcpy(bytes, a->bytes, a->is_v6 ? 8 : 4);
	inet_ntop(a->is_v6 ? AF_INET6 : AF_INET, bytes, host, sizeof(host));
	snprintf(buf, ADDRESS_TEXT_BYTES, a->is_v6 ? "%s/64" : "%s", host);
	return buf;
}

static unsigned bit_of(const struct address *a, unsigned i)
{
	return (unsigned)a->bytes[i / 8] >> (7 - i % 8) & 1U;
}

bool network_parse(struct slice text, struct network *out)
{
	char copy[ADDRESS_TEXT_BYTES];
	char *slash;

	if (text.len >= sizeof(copy) || memchr(text.data, '\0', text.len) != NULL)
		return false;
	memcpy(copy, text.data, text.len);
	copy[text.len] = '\0';
	slash = strchr(copy, '/');
	if (slash != NULL)
		*slash = '\0';
	if (!parse_host(copy, &out->base))
		return false;
	out->bits = (unsigned)size_of(&out->base) * 8;
	if (slash != NULL && !parse_number(slash + 1, out->bits, &out->bits))
		return false;
	for (unsigned i = out->bits; i < size_of(&out->base) * 8; i++) {
		if (bit_of(&out->base, i) != 0)
			return false;
	}
	return true;
}

bool network_has(const struct network *n, const struct address *a)
{
	const size_t whole = n->bits / 8;

	if (n->base.is_v6 != a->is_v6 || memcmp(n->base.bytes, a->bytes, whole) != 0)
		return false;
	for (unsigned i = (unsigned)whole * 8; i < n->bits; i++) {
		if (bit_of(&n->base, i) != bit_of(a, i))
			return false;
	}
	return true;
}
