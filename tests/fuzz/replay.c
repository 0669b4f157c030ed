/*
 * replay: a target without its fuzzer, fed with its seeds, so that each of them is tried by every
 * build that checks memory, with whatever compiler.
 */
#include <stdint.h>
#include <stdio.h>

#include "tests/fuzz/seeds.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void run(void *arg, const uint8_t *bytes, size_t len)
{
	(void)arg;
	(void)LLVMFuzzerTestOneInput(bytes, len);
}

int main(int argc, char **argv)
{
	(void)LLVMFuzzerTestOneInput(NULL, 0);
	for (int i = 1; i < argc; i++) {
		int n = seeds_read(argv[i], run, NULL);

		if (n <= 0) {
			fprintf(stderr, "%s: no seeds\n", argv[i]);
			return 1;
		}
		printf("%s: %d inputs\n", argv[i], n);
	}
	return argc > 1 ? 0 : 64;
}
