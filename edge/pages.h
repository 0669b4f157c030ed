/*
 * pages: the files of the demo page, read into memory at start; the edge opens no file afterwards.
 */
#ifndef POSTERN_EDGE_PAGES_H
#define POSTERN_EDGE_PAGES_H

#include "common/slice.h"

#define PAGES_MAX 64
#define PAGES_MAX_BYTES 4194304 /* all files together */

struct page {
	char *path; /* "/app.js"; index.html is found as "/" too */
	struct slice body;
	const char *content_type;
	char etag[24]; /* with its quotes */
};

struct pages;

/* Reads the regular files of dir and of its directories, but for names that begin with a dot.  0
 * and an owned *out, or -errno (-E2BIG: over the limits above). */
int pages_load(struct pages **out, const char *dir);
void pages_free(struct pages *p);
/* NULL: no such page, or p is NULL.  Lives as long as p. */
const struct page *pages_find(const struct pages *p, struct slice path);
size_t pages_count(const struct pages *p);

static inline void pages_freep(struct pages **p)
{
	pages_free(*p);
}

#endif
