/*
 * The arena: memory that is given out in order and taken back all at once.  Blocks double in size,
 * so the newest is about as large as all before it together; a reset keeps that one, and after a
 * few messages of a usual size there is one block and no allocation.
 *
 * Under AddressSanitizer what is not given out is poisoned, so that a pointer into a message that
 * was forgotten is found when it is used.
 */
#include <errno.h>
#include <stdlib.h>

#include "proto/codec.h"

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define ARENA_POISONS 1
#endif
#endif
#if defined(__SANITIZE_ADDRESS__)
#define ARENA_POISONS 1
#endif

#if defined(ARENA_POISONS)
#include <sanitizer/asan_interface.h>
#else
#define ASAN_POISON_MEMORY_REGION(at, bytes) ((void)(at), (void)(bytes))
#define ASAN_UNPOISON_MEMORY_REGION(at, bytes) ((void)(at), (void)(bytes))
#endif

enum { FIRST_BLOCK = 4096, ALIGNMENT = 16 };

struct block {
	struct block *older;
	size_t size; /* of data */
	size_t used;
	_Alignas(ALIGNMENT) char data[];
};

struct arena {
	size_t max_bytes;
	size_t total; /* of all blocks' data */
	struct block *newest;
};

int arena_new(struct arena **out, size_t max_bytes)
{
	struct arena *a = calloc(1, sizeof(*a));

	if (a == NULL)
		return -ENOMEM;
	a->max_bytes = max_bytes;
	*out = a;
	return 0;
}

static void free_blocks(struct arena *a, struct block *b)
{
	while (b != NULL) {
		struct block *older = b->older;

		a->total -= b->size;
		ASAN_UNPOISON_MEMORY_REGION(b->data, b->size);
		free(b);
		b = older;
	}
}

void arena_free(struct arena *a)
{
	if (a == NULL)
		return;
	free_blocks(a, a->newest);
	free(a);
}

void arena_reset(struct arena *a)
{
	struct block *b = a->newest;

	if (b == NULL)
		return;
	free_blocks(a, b->older);
	b->older = NULL;
	b->used = 0;
	ASAN_POISON_MEMORY_REGION(b->data, b->size);
}

/* A block for at least bytes, twice as large as the newest when the bound allows it. */
static struct block *add_block(struct arena *a, size_t bytes)
{
	size_t room = a->max_bytes - a->total;
	size_t size = a->newest == NULL ? FIRST_BLOCK : a->newest->size * 2;
	struct block *b;

	if (bytes > room)
		return NULL;
	if (size < bytes)
		size = bytes;
	if (size > room)
		size = room;
	/* Zeroed for GCC 14 alone, which takes poisoning fresh memory for reading it. */
	b = calloc(1, sizeof(*b) + size);
	if (b == NULL)
		return NULL;
	b->older = a->newest;
	b->size = size;
	b->used = 0;
	a->newest = b;
	a->total += size;
	ASAN_POISON_MEMORY_REGION(b->data, b->size);
	return b;
}

void *arena_alloc(struct arena *a, size_t bytes)
{
	struct block *b = a->newest;
	size_t rounded;
	char *p;

	if (bytes > a->max_bytes)
		return NULL;
	rounded = (bytes + ALIGNMENT - 1) & ~(size_t)(ALIGNMENT - 1);
	if (b == NULL || rounded > b->size - b->used)
		b = add_block(a, rounded);
	if (b == NULL)
		return NULL;
	p = b->data + b->used;
	b->used += rounded;
	ASAN_UNPOISON_MEMORY_REGION(p, bytes);
	return p;
}
