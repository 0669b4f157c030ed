/*
 * sweep: sockets of links that a former router left behind.
 */
#ifndef POSTERN_ROUTER_SWEEP_H
#define POSTERN_ROUTER_SWEEP_H

/* Removes run/router/link/<32 hex>.sock and their locks, and nothing else.  Only when no other
 * router lives there. 0 or -errno. */
int sweep_links(const char *run);

#endif
