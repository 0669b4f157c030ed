/*
 * explain: what each exception and close code means to the one who has to do with it.  Pure; works
 * without a router.
 */
#ifndef POSTERN_ROUTER_CTL_EXPLAIN_H
#define POSTERN_ROUTER_CTL_EXPLAIN_H

#include <stdbool.h>

#include "common/buf.h"

struct explanation {
	unsigned code;
	const char *what;   /* happened */
	const char *client; /* should do */
	const char *look;   /* what an operator can look at */
};

/* The i-th, in the order of codes; NULL: there are no more. */
const struct explanation *explain_at(size_t i);
/* A number, or a name of codes.h; NULL: there is no such code. */
const struct explanation *explain_find(const char *word);

void explain_print(struct buf *out, const struct explanation *e, bool json);

#endif
