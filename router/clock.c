/*
 * The only place of the router that asks the kernel for time or for randomness.  Everything that
 * decides is given both, so that a test can choose them.
 */
#include "router/clock.h"

#include <stdlib.h>
#include <sys/random.h>
#include <time.h>

static int64_t clock_ms(clockid_t id)
{
	struct timespec t;

	clock_gettime(id, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

int64_t clock_boot_ms(void)
{
	return clock_ms(CLOCK_BOOTTIME);
}

int64_t clock_wall_ms(void)
{
	return clock_ms(CLOCK_REALTIME);
}

void clock_random(void *out, size_t bytes)
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

uint64_t clock_random_u64(void)
{
	uint64_t n = 0;

	while (n == 0)
		clock_random(&n, sizeof(n));
	return n;
}
