/*
 * address: IP addresses, ports and networks, from text and back.  An IPv4 address that came in IPv6
 * clothes (::ffff:a.b.c.d) is an IPv4 address.  Pure.
 */
#ifndef POSTERN_COMMON_ADDRESS_H
#define POSTERN_COMMON_ADDRESS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

#include "common/slice.h"

struct address {
	bool is_v6;
	uint16_t port;
	unsigned char bytes[16]; /* IPv4: the first 4, the others are 0 */
};

#define ADDRESS_TEXT_BYTES 64

/* "127.0.0.1:8080" or "[::1]:8080". */
bool address_parse(const char *text, struct address *out);
struct address address_of(bool is_v6, const unsigned char *bytes, uint16_t port);
/* Of AF_INET or AF_INET6; false: another family. */
bool address_of_sockaddr(const struct sockaddr_storage *from, struct address *out);
socklen_t address_to_sockaddr(const struct address *a, struct sockaddr_storage *out);
bool address_is_loopback(const struct address *a);
/* With the port, as address_parse() takes it.  Returns buf. */
const char *address_format(const struct address *a, char buf[ADDRESS_TEXT_BYTES]);
/* What one client is taken to own: the IPv4 address, or the IPv6 /64.  Returns buf. */
const char *address_prefix(const struct address *a, char buf[ADDRESS_TEXT_BYTES]);

struct network {
	struct address base;
	unsigned bits;
};

/* "10.0.0.0/8", "fd00::/8", or one address.  False also when bits behind the prefix are set. */
bool network_parse(struct slice text, struct network *out);
bool network_has(const struct network *n, const struct address *a);

#endif
