/*
 * mark: ~ time(16 hex) number(8) sender(8) ~ x...  Reading is the generator's hot path: no sscanf.
 */
#include "bench/mark.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

void mark_write(char *out, size_t size, const struct mark *m)
{
	int n = snprintf(out, size + 1, "~%016" PRIx64 "%08" PRIx32 "%08" PRIx32 "~",
		(uint64_t)m->sent_ns, m->number, m->sender);

	memset(out + n, 'x', size - (size_t)n);
	out[size] = '\0';
}

static bool hex_read(const char *at, size_t digits, uint64_t *out)
{
	*out = 0;
	for (size_t i = 0; i < digits; i++) {
		unsigned d = (unsigned char)at[i];

		if (d >= '0' && d <= '9')
			d -= '0';
		else if (d >= 'a' && d <= 'f')
			d -= 'a' - 10;
		else
			return false;
		*out = *out << 4 | d;
	}
	return true;
}

bool mark_read(const char *text, size_t len, struct mark *out)
{
	const char *at = memchr(text, '~', len);
	uint64_t t, n, s;

	if (at == NULL || (size_t)(text + len - at) < MARK_BYTES || !hex_read(at + 1, 16, &t) ||
		!hex_read(at + 17, 8, &n) || !hex_read(at + 25, 8, &s))
		return false;
	*out = (struct mark){(int64_t)t, (uint32_t)n, (uint32_t)s};
	return true;
}
