/*
 * proxy_v2: the binary PROXY protocol header, version 2, by which a balancer tells the client's
 * address. TCP over IPv4 and IPv6, and LOCAL (the balancer itself, for its health checks).  Pure;
 * judges each byte as it comes.  Only ever called on a listener that was asked for, for peers of
 * named networks.
 */
#ifndef POSTERN_EDGE_PROXY_V2_H
#define POSTERN_EDGE_PROXY_V2_H

#include <stdbool.h>
#include <stddef.h>

#include "common/address.h"
#include "common/slice.h"

#define PROXY_V2_MAX_BYTES 2048

enum proxy_result { PROXY_OK, PROXY_MORE, PROXY_BAD };

struct proxy_header {
	bool is_local; /* no address: the connection's own is meant */
	struct address source;
	size_t bytes; /* of the header, extensions included */
};

enum proxy_result proxy_v2_parse(struct slice in, struct proxy_header *out);

#endif
