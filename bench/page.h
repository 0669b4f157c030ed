/*
 * page: the numbers of the router's /metrics.
 */
#ifndef POSTERN_BENCH_PAGE_H
#define POSTERN_BENCH_PAGE_H

#include <stddef.h>
#include <stdint.h>

struct page {
	char text[65536];
	size_t len;
};

/* Asks, waiting at most a second; what came is in p, nothing when nobody answers. */
void page_read(struct page *p, const char *address);
/* The sum over all edges of a name without postern_; 0: it is not there. */
uint64_t page_get(const struct page *p, const char *name);

#endif
