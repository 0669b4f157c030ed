/*
 * 12 bytes of signature, version and command, family and protocol, a length, then addresses, then
 * extensions (TLVs) which nothing here needs; they are walked only to see that they fill their
 * space exactly.  Whoever speaks to this listener is a balancer of ours, so anything odd is a wrong
 * setup or worse, and there is no second chance.
 */
#include "edge/proxy_v2.h"

enum {
	FIXED_BYTES = 16,
	COMMAND_LOCAL = 0x20,
	COMMAND_PROXY = 0x21,
	TCP_OVER_IPV4 = 0x11,
	TCP_OVER_IPV6 = 0x21,
	IPV4_BYTES = 12, /* two addresses, two ports */
	IPV6_BYTES = 36,
	TLV_BYTES = 3,
};

static const unsigned char signature[12] = {
	0x0d, 0x0a, 0x0d, 0x0a, 0x00, 0x0d, 0x0a, 0x51, 0x55, 0x49, 0x54, 0x0a};

static unsigned u16_at(const unsigned char *p)
{
	return (unsigned)p[0] << 8 | p[1];
}

static bool extensions_fill(const unsigned char *p, size_t len)
{
	while (len >= TLV_BYTES) {
		size_t whole = TLV_BYTES + u16_at(p + 1);

		if (whole > len)
			return false;
		p += whole;
		len -= whole;
	}
	return len == 0;
}

/* p: what follows the fixed part. */
static enum proxy_result read_addresses(
	unsigned family, const unsigned char *p, size_t len, struct proxy_header *out)
{
	bool is_v6 = family == TCP_OVER_IPV6;
	size_t addresses = is_v6 ? IPV6_BYTES : IPV4_BYTES;
	size_t source_port = is_v6 ? 32 : 8;

	if (len < addresses || !extensions_fill(p + addresses, len - addresses))
		return PROXY_BAD;
	out->source = address_of(is_v6, p, (uint16_t)u16_at(p + source_port));
	return PROXY_OK;
}

/* The bytes that are there already; a wrong one is wrong at once. */
static bool begins_well(const unsigned char *p, size_t len)
{
	size_t n = len < sizeof(signature) ? len : sizeof(signature);

	if (memcmp(p, signature, n) != 0)
		return false;
	if (len > 12 && p[12] != COMMAND_LOCAL && p[12] != COMMAND_PROXY)
		return false;
	if (len > 13 && p[12] == COMMAND_PROXY && p[13] != TCP_OVER_IPV4 && p[13] != TCP_OVER_IPV6)
		return false;
	return len < FIXED_BYTES || FIXED_BYTES + u16_at(p + 14) <= PROXY_V2_MAX_BYTES;
}

enum proxy_result proxy_v2_parse(struct slice in, struct proxy_header *out)
{
	const unsigned char *p = (const unsigned char *)in.data;
	size_t rest;

	if (in.len == 0)
		return PROXY_MORE;
	if (!begins_well(p, in.len))
		return PROXY_BAD;
	if (in.len < FIXED_BYTES)
		return PROXY_MORE;
	rest = u16_at(p + 14);
	if (in.len < FIXED_BYTES + rest)
		return PROXY_MORE;
	out->bytes = FIXED_BYTES + rest;
	out->is_local = p[12] == COMMAND_LOCAL;
	/* What LOCAL carries besides is to be ignored, says the protocol. */
	return out->is_local ? PROXY_OK : read_addresses(p[13], p + FIXED_BYTES, rest, out);
}
