/*
 * fuzz_seeds unpack SEEDS DIR    writes each input of the file as DIR/seed-N
 * fuzz_seeds pack FILE...        prints each file as a line for a file of seeds
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "tests/fuzz/seeds.h"

#define INPUT_MAX_BYTES 1048576

struct unpack {
	const char *dir;
	unsigned n;
};

static void fail(const char *path)
{
	fprintf(stderr, "fuzz_seeds: %s: %s\n", path, strerror(errno));
	exit(1);
}

static void unpack_one(void *arg, const uint8_t *bytes, size_t len)
{
	struct unpack *u = arg;
	char path[4096];
	FILE *f;

	snprintf(path, sizeof(path), "%s/seed-%04u", u->dir, u->n++);
	f = fopen(path, "we");
	if (f == NULL || fwrite(bytes, 1, len, f) != len || fclose(f) != 0)
		fail(path);
}

static void pack_one(const char *path)
{
	static uint8_t bytes[INPUT_MAX_BYTES];
	FILE *f = fopen(path, "re");
	size_t len;

	if (f == NULL)
		fail(path);
	len = fread(bytes, 1, sizeof(bytes), f);
	if (ferror(f))
		fail(path);
	fclose(f);
	/* An empty line would be no seed, and every target gets the empty input anyway. */
	if (len > 0)
		seeds_write(stdout, bytes, len);
}

int main(int argc, char **argv)
{
	if (argc == 4 && strcmp(argv[1], "unpack") == 0)
		return seeds_read(argv[2], unpack_one, &(struct unpack){.dir = argv[3]}) < 0;
	if (argc < 3 || strcmp(argv[1], "pack") != 0) {
		fprintf(stderr, "usage: fuzz_seeds unpack SEEDS DIR | pack FILE...\n");
		return 64;
	}
	for (int i = 2; i < argc; i++)
		pack_one(argv[i]);
	return 0;
}
