/*
 * edge: the process.  Builds the parts, owns the loop, and ends it in order.
 */
#ifndef POSTERN_EDGE_EDGE_H
#define POSTERN_EDGE_EDGE_H

#include "edge/config.h"

struct edge;

/* cfg is borrowed for ever.  0 and *out, which lives as long as the process; or -errno after a line
 * in the log. */
int edge_new(struct edge **out, const struct edge_config *cfg);
/* Until SIGTERM and the drain after it. */
void edge_run(struct edge *e);

#endif
