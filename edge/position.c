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

size_t position_write(char out[POSITION_TEXT_BYTES], const struct position *p, uint16_t identity)
{
	int n = snprintf(out, POSITION_TEXT_BYTES, "%.*s.%" PRIu64 ".%" PRIu64, EPOCH_BYTES,
		p->epoch, p->u, p->s);

	if (n > 0 && identity > 1)
		n += snprintf(out + n, POSITION_TEXT_BYTES - (size_t)n, ".%u", identity);
	return n < 0 ? 0 : (size_t)n;
}

/* Takes what is before the next dot, or all, out of *text. */
static struct slice next_part(struct slice *text)
{
	const char *dot = text->len == 0 ? NULL : memchr(text->data, '.', text->len);
	struct slice part = *text;

	if (dot == NULL) {
		*text = (struct slice){text->data + text->len, 0};
		return part;
	}
	part.len = (size_t)(dot - text->data);
	*text = (struct slice){dot + 1, text->len - part.len - 1};
	return part;
}

bool position_read(struct slice text, struct position *out, uint16_t *out_identity)
{
	uint64_t identity = 1;
	struct slice last;

	if (text.len <= EPOCH_BYTES + 1 || text.data[EPOCH_BYTES] != '.' ||
		!position_is_epoch((struct slice){text.data, EPOCH_BYTES}))
		return false;
	memcpy(out->epoch, text.data, EPOCH_BYTES);
	text = (struct slice){text.data + EPOCH_BYTES + 1, text.len - EPOCH_BYTES - 1};
	if (!position_number(next_part(&text), &out->u) || text.len == 0)
		return false;
	last = next_part(&text);
	if (!position_number(last, &out->s))
		return false;
	/* A dot at the end is no identity. */
	if (last.data + last.len != text.data &&
		(!position_number(text, &identity) || identity < 2 || identity > UINT16_MAX))
		return false;
	*out_identity = (uint16_t)identity;
	return true;
}
