/*
 * origin: the list of web origins (RFC 6454) that may use this edge from a browser, compared by
 * scheme, host and port, exactly.  Pure.
 */
#ifndef POSTERN_EDGE_ORIGIN_H
#define POSTERN_EDGE_ORIGIN_H

#include <stdbool.h>
#include <stddef.h>

#include "common/slice.h"

#define ORIGINS_MAX 32
#define ORIGIN_MAX_BYTES 256

/* Borrowed from the text that was parsed. */
struct origin {
	struct slice text;
	struct slice scheme;
	struct slice host;
	unsigned port; /* the scheme's own when none was given; 0: none known */
};

/* scheme://host[:port], lower case, nothing else: as browsers write it. */
bool origin_parse(struct slice text, struct origin *out);

struct origin_list {
	size_t n;
	struct origin entries[ORIGINS_MAX];
};

/* Commas between them; borrows text.  On false *out_bad is the entry to blame. */
bool origin_list_parse(const char *text, struct origin_list *out, struct slice *out_bad);
/* The entry that equals this Origin field, or NULL. */
const struct origin *origin_find(const struct origin_list *list, struct slice value);

#endif
