/*
 * alloc: memory that runs out when a test says so.  Force-included (-include) into the sources
 * under test, whose malloc() and the like then come here; nothing else of the process is touched.
 */
#ifndef POSTERN_TESTS_SIM_ALLOC_H
#define POSTERN_TESTS_SIM_ALLOC_H

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* The n-th allocation from now fails (1: the next), and with for_ever all after it; 0: none. */
void alloc_fail_at(unsigned n, bool for_ever);
/* How many failed since. */
unsigned alloc_failed(void);

void *alloc_malloc(size_t bytes);
void *alloc_calloc(size_t n, size_t bytes);
void *alloc_realloc(void *old, size_t bytes);
void *alloc_reallocarray(void *old, size_t n, size_t bytes);

#ifdef ALLOC_INTERPOSE
#define malloc(bytes) alloc_malloc(bytes)
#define calloc(n, bytes) alloc_calloc(n, bytes)
#define realloc(old, bytes) alloc_realloc(old, bytes)
#define reallocarray(old, n, bytes) alloc_reallocarray(old, n, bytes)
#endif

#endif
