/*
 * Host without its port is compared: a published port need not be the one that the router listens
 * on. A loopback address or localhost cannot be made to mean another machine by a name server, so
 * these are always good.
 */
#include <ctype.h>

#include "router/page.h"

static bool is_same_name(struct slice a, const char *b, size_t len)
{
	if (a.len != len)
		return false;
	for (size_t i = 0; i < len; i++) {
		if (tolower((unsigned char)a.data[i]) != tolower((unsigned char)b[i]))
			return false;
	}
	return true;
}

/* false: what follows the name is no port. */
static bool without_port(struct slice host, struct slice *out)
{
	const char *end = NULL;
	size_t i;

	if (host.len > 0 && host.data[0] == '[')
		end = memchr(host.data, ']', host.len);
	else
		end = memchr(host.data, ':', host.len);
	if (host.len > 0 && host.data[0] == '[') {
		if (end == NULL)
			return false;
		end++;
	}
	*out = host;
	if (end == NULL || end == host.data + host.len)
		return host.len > 0;
	out->len = (size_t)(end - host.data);
	if (*end != ':' || out->len == 0)
		return false;
	for (i = out->len + 1; i < host.len; i++) {
		if (!isdigit((unsigned char)host.data[i]))
			return false;
	}
	return i - out->len <= 6;
}

bool page_host_is_allowed(struct slice host, const char *hosts)
{
	static const char *const loopback[] = {"localhost", "127.0.0.1", "[::1]"};
	struct slice name;

	if (host.len == 0 || !without_port(host, &name))
		return false;
	for (size_t i = 0; i < sizeof(loopback) / sizeof(loopback[0]); i++) {
		if (is_same_name(name, loopback[i], strlen(loopback[i])))
			return true;
	}
	while (hosts != NULL && *hosts != '\0') {
		size_t len = strcspn(hosts, ",");

		if (len > 0 && (is_same_name(name, hosts, len) || is_same_name(host, hosts, len)))
			return true;
		hosts += len + (hosts[len] == ',' ? 1 : 0);
	}
	return false;
}
