/*
 * getrandom() and nothing else: no file, so it also works behind a wall.
 */
#include "common/random.h"

#include <stdlib.h>
#include <sys/random.h>

void random_fill(void *out, size_t bytes)
{
	char *p = out;

	while (bytes > 0) {
		/* Up to 256 bytes come whole and without EINTR. */
		size_t part = bytes < 256 ? bytes : 256;

		if (getrandom(p, part, 0) != (ssize_t)part)
			abort();
		p += part;
		bytes -= part;
	}
}

uint64_t random_u64(void)
{
	uint64_t n = 0;

	while (n == 0)
		random_fill(&n, sizeof(n));
	return n;
}
