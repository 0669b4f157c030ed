/*
 * page: the operator's page on loopback, GET only: / the dashboard, /stats.json, /metrics,
 * /healthz. A Host that is no loopback address and not in --page-hosts is refused, so that no web
 * site can reach it through a name of its own (DNS rebinding).  Loop thread only.
 */
#ifndef POSTERN_ROUTER_PAGE_H
#define POSTERN_ROUTER_PAGE_H

#include <stdbool.h>

#include "router/hub.h"

struct page;

/* Listens on config->page; "off": does nothing and *out is NULL.  0, or -errno and a logged line.
 */
int page_new(struct page **out, struct hub *hub);

/* Whether this Host header may ask.  hosts: --page-hosts, or NULL.  Pure. */
bool page_host_is_allowed(struct slice host, const char *hosts);

#endif
