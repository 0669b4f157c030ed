/*
 * map: the one hash map, from 64-bit keys or byte strings to pointers.  Open addressing; keyed with
 * SipHash-2-4 and a random key, so that peers cannot choose collisions.  Loop thread only.
 */
#ifndef POSTERN_COMMON_MAP_H
#define POSTERN_COMMON_MAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/slice.h"

struct map;

/* Owned *out.  0 or -errno. */
int map_new(struct map **out);
/* Frees the map and its copies of keys; not the values. */
void map_free(struct map *m);
size_t map_count(const struct map *m);

/* Values are not NULL.  put: 0, or -ENOMEM and nothing changed; an old value is replaced. */
void *map_get_u64(const struct map *m, uint64_t key);
int map_put_u64(struct map *m, uint64_t key, void *value);
/* The value that was there, or NULL. */
void *map_remove_u64(struct map *m, uint64_t key);

/* Keys are copied. */
void *map_get(const struct map *m, struct slice key);
int map_put(struct map *m, struct slice key, void *value);
void *map_remove(struct map *m, struct slice key);

/* for (size_t i = 0; (v = map_next(m, &i)) != NULL;)   Any order; no put while at it; removing the
 * element just returned is allowed. */
void *map_next(const struct map *m, size_t *i);

/* The hash itself, pure. */
uint64_t map_siphash(uint64_t k0, uint64_t k1, struct slice in);

#endif
