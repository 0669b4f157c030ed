/*
 * Strict: what is not exactly a position is none.  The text of a ping holds the whole of what its
 * pong acknowledges, so nothing has to be remembered for each ping that is out; a client that makes
 * one up can acknowledge no more than it could with a heartbeat.
 */
#include "edge/position.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define DIGITS_MAX 19 /* fit into 64 bits, whatever they are */

bool position_number(struct slice text, uint64_t *out)
{
	uint64_t n = 0;

	if (text.len == 0 || text.len > DIGITS_MAX || (text.len > 1 && text.data[0] == '0'))
		return false;
	for (size_t i = 0; i < text.len; i++) {
		if (text.data[i] < '0' || text.data[i] > '9')
			return false;
		n = n * 10 + (uint64_t)(text.data[i] - '0');
	}
	*out = n;
	return true;
}

bool position_is_epoch(struct slice text)
{
	static const char alphabet[] = "0123456789abcdefghjkmnpqrstvwxyz";

	if (text.len != EPOCH_BYTES)
		return false;
	for (size_t i = 0; i < text.len; i++) {
		if (text.data[i] == '\0' || strchr(alphabet, text.data[i]) == NULL)
			return false;
	}
	return true;
}

size_t position_write(char out[POSITION_TEXT_BYTES], const struct position *p)
{
	int n = snprintf(out, POSITION_TEXT_BYTES, "%.*s.%" PRIu64 ".%" PRIu64, EPOCH_BYTES,
		p->epoch, p->u, p->s);

	return n < 0 ? 0 : (size_t)n;
}

bool position_read(struct slice text, struct position *out)
{
	const char *end = text.data + text.len;
	const char *u = text.data + EPOCH_BYTES + 1;
	const char *dot;

	if (text.len <= EPOCH_BYTES + 1 || u[-1] != '.' ||
		!position_is_epoch((struct slice){text.data, EPOCH_BYTES}))
		return false;
	dot = memchr(u, '.', (size_t)(end - u));
	if (dot == NULL || !position_number((struct slice){u, (size_t)(dot - u)}, &out->u) ||
		!position_number((struct slice){dot + 1, (size_t)(end - dot - 1)}, &out->s))
		return false;
	memcpy(out->epoch, text.data, EPOCH_BYTES);
	return true;
}
