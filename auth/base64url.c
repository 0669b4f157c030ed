/*
 * base64url: the text form of every part of a JWT and of every number in a JWK.  A lenient decoder
 * gives one token many spellings, and so a revoked token a way back in; this one knows a single
 * spelling.
 */
#include "auth/base64url.h"

#include <stdint.h>

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

static int value_of(char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	if (c == '-')
		return 62;
	return c == '_' ? 63 : -1;
}

bool base64url_decode(struct slice text, unsigned char *out, size_t out_size, size_t *out_len)
{
	uint32_t bits = 0;
	unsigned n_bits = 0;
	size_t n = 0;

	if (text.len % 4 == 1)
		return false;
	for (size_t i = 0; i < text.len; i++) {
		int v = value_of(text.data[i]);

		if (v < 0)
			return false;
		bits = (bits << 6 | (uint32_t)v) & 0xffffff;
		n_bits += 6;
		if (n_bits < 8)
			continue;
		n_bits -= 8;
		if (n == out_size)
			return false;
		out[n++] = (unsigned char)(bits >> n_bits & 0xff);
	}
	if ((bits & ((1u << n_bits) - 1)) != 0)
		return false;
	*out_len = n;
	return true;
}

size_t base64url_encode(const unsigned char *bytes, size_t n, char *out)
{
	size_t len = 0;

	for (size_t i = 0; i < n; i += 3) {
		size_t left = n - i < 3 ? n - i : 3;
		uint32_t group = (uint32_t)bytes[i] << 16;

		if (left > 1)
			group |= (uint32_t)bytes[i + 1] << 8;
		if (left > 2)
			group |= bytes[i + 2];
		for (size_t c = 0; c <= left; c++)
			out[len++] = alphabet[group >> (18 - 6 * c) & 0x3f];
	}
	out[len] = '\0';
	return len;
}
