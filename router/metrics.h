/*
 * metrics: the router's numbers, and the edges', for Prometheus, the dashboard and routerctl. Pure.
 */
#ifndef POSTERN_ROUTER_METRICS_H
#define POSTERN_ROUTER_METRICS_H

#include <stddef.h>
#include <stdint.h>

#include "common/buf.h"
#include "link.pb-c.h"
#include "proto/limits.h"
#include "router/core.h"
#include "router/store.h"

/* What the hands counted; the core counts for itself.  Totals since the start. */
struct hands_counts {
	uint64_t hellos;
	uint64_t hellos_refused;
	uint64_t links_opened;
	uint64_t links_closed;	/* by the router, for a reason */
	uint64_t links_refused; /* before they were claimed */
	uint64_t quarantines;
	uint64_t violations; /* the core's, and those that did not reach it */
	uint64_t batches_in;
	uint64_t items_in;
	uint64_t batches_out;
	uint64_t items_out;
	uint64_t bytes_in;
	uint64_t bytes_out;
	uint64_t tickets_bad;
	uint64_t trust_facts;
	uint64_t ctl_requests;
	uint64_t page_requests;
	uint64_t opens_shed; /* refused for want of memory, or while draining */
};

struct edge_view {
	uint32_t edge_id;
	uint32_t edge_epoch;
	uint64_t sessions;
	uint64_t queued_bytes;
	uint64_t violations;
	int64_t silent_ms;
	Pb__UpGauges gauges;
};

struct router_view {
	uint64_t uptime_ms;
	uint64_t edges_up;
	struct core_counts core;
	struct hands_counts hands;
	struct store_counts store;
	uint64_t memory_used;  /* bytes */
	uint64_t memory_limit; /* 0: none */
	size_t n_edges;
	struct edge_view edges[MAX_EDGES];
};

/* The i-th number: its name, without prefix, and its value; NULL past the last. */
const char *metrics_stat(const struct router_view *view, size_t i, uint64_t *out_value);

/* Text exposition format 0.0.4. */
void metrics_prometheus(struct buf *out, const struct router_view *view);
/* One JSON object: {"version","uptime_ms","stats":{..},"edges":[..]} */
void metrics_json(struct buf *out, const struct router_view *view);

#endif
