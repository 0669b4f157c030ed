/* random.h for the simulation: the keys of hash tables are drawn from the seed, so that the order
 * of a walk over one is the same when the seed is played again. */
#include "common/random.h"

#include <string.h>

#include "tests/sim/sim.h"

static uint64_t state;

void sim_random_seed(uint64_t seed)
{
	state = seed;
}

uint64_t random_u64(void)
{
	state = state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return (state ^ state >> 29) | 1;
}

void random_fill(void *out, size_t bytes)
{
	unsigned char *at = out;

	while (bytes > 0) {
		uint64_t word = random_u64();
		size_t n = bytes < sizeof(word) ? bytes : sizeof(word);

		memcpy(at, &word, n);
		at += n;
		bytes -= n;
	}
}
