/*
 * Every number has one line in a table here: where it lies, its name, its type and what it means.
 * All three outputs come from the tables, so they cannot tell different stories.
 */
#include "router/metrics.h"

#include <inttypes.h>

enum metric_type { COUNTER, GAUGE };

struct metric {
	const char *name; /* without postern_ or postern_edge_; counters end in _total */
	enum metric_type type;
	size_t offset; /* of a uint64_t */
	const char *help;
};

#define CORE(field) offsetof(struct router_view, core.field)
#define HANDS(field) offsetof(struct router_view, hands.field)
#define STORE(field) offsetof(struct router_view, store.field)
#define VIEW(field) offsetof(struct router_view, field)

static const struct metric of_router[] = {
	{"sessions", GAUGE, CORE(sessions), "Sessions that are open."},
	{"users_online", GAUGE, CORE(users_online), "Users with at least one session."},
	{"users_known", GAUGE, CORE(users_known), "Users that exist, online or not."},
	{"edges", GAUGE, VIEW(edges_up), "Edges with a live link."},
	{"uptime_ms", GAUGE, VIEW(uptime_ms), "Time since the start."},
	{"system_head", GAUGE, CORE(system_head), "Number of the last system message."},
	{"unacked_rows", GAUGE, CORE(unacked_rows), "Messages that no device acknowledged yet."},
	{"pending_rows", GAUGE, CORE(pending_rows), "Messages that wait to be on disk."},
	{"pending_bytes", GAUGE, CORE(pending_bytes), "Bytes of messages that wait to be on disk."},
	{"sessions_syncing", GAUGE, CORE(syncing), "Sessions that read up to the head."},
	{"mids", GAUGE, CORE(mids), "Message ids that are remembered."},
	{"memory_used_bytes", GAUGE, VIEW(memory_used), "Resident size of the router."},
	{"memory_limit_bytes", GAUGE, VIEW(memory_limit), "What it may use; 0: no limit."},
	{"store_queued_rows", GAUGE, STORE(pending_rows), "Messages in the store's queue."},
	{"store_queued_bytes", GAUGE, STORE(pending_bytes), "Bytes in the store's queue."},
	{"store_last_batch_rows", GAUGE, STORE(last_batch), "Messages of the last commit."},
	{"store_commit_us", GAUGE, STORE(commit_us), "Microseconds that the last commit took."},
	{"store_commits_total", COUNTER, STORE(commits), "Commits."},
	{"store_rows_total", COUNTER, STORE(rows), "Messages appended."},
	{"store_damaged_total", COUNTER, STORE(damaged), "Messages found damaged on disk."},
	{"store_full_total", COUNTER, STORE(failures), "Batches that did not fit the disk."},
	{"store_reads_total", COUNTER, STORE(reads), "Pages read."},
	{"store_trimmed_total", COUNTER, STORE(trimmed), "Messages no longer kept."},
	{"messages_stored_total", COUNTER, CORE(stored), "Messages that became durable."},
	{"messages_duplicate_total", COUNTER, CORE(duplicates), "Messages whose id was known."},
	{"generations_failed_total", COUNTER, CORE(store_failures),
		"Times the store took nothing."},
	{"resets_total", COUNTER, CORE(resets), "Clients whose position was not honoured."},
	{"sessions_opened_total", COUNTER, CORE(opened), "Sessions opened."},
	{"opens_refused_total", COUNTER, CORE(opens_refused), "Sessions that were not opened."},
	{"opens_shed_total", COUNTER, HANDS(opens_shed), "Sessions refused for want of memory."},
	{"sessions_rebound_total", COUNTER, CORE(rebound), "Connections that changed their user."},
	{"sessions_revoked_total", COUNTER, CORE(revoked), "Sessions that a revocation ended."},
	{"sessions_replaced_total", COUNTER, CORE(replaced), "Sessions that a newer one ended."},
	{"marks", GAUGE, CORE(marks), "Revocations and ended sessions that are in force."},
	{"store_marks", GAUGE, STORE(marks), "The same on disk, with those not yet taken away."},
	{"messages_sent_total", COUNTER, CORE(sent), "Private messages delivered."},
	{"messages_refused_total", COUNTER, CORE(refused), "Private messages refused."},
	{"deliveries_total", COUNTER, CORE(deliveries), "Texts handed to sessions."},
	{"pushes_total", COUNTER, CORE(pushes), "Pushes by operators and scoped connections."},
	{"violations_total", COUNTER, HANDS(violations), "Rules that edges broke."},
	{"hellos_total", COUNTER, HANDS(hellos), "HELLOs of edges."},
	{"hellos_refused_total", COUNTER, HANDS(hellos_refused), "HELLOs refused or put off."},
	{"links_opened_total", COUNTER, HANDS(links_opened), "Links claimed by an edge."},
	{"links_closed_total", COUNTER, HANDS(links_closed), "Links closed for a reason."},
	{"links_refused_total", COUNTER, HANDS(links_refused), "Connections that showed no key."},
	{"quarantines_total", COUNTER, HANDS(quarantines), "Edges put in quarantine."},
	{"link_batches_in_total", COUNTER, HANDS(batches_in), "Batches from edges."},
	{"link_items_in_total", COUNTER, HANDS(items_in), "Items in batches from edges."},
	{"link_bytes_in_total", COUNTER, HANDS(bytes_in), "Bytes of batches from edges."},
	{"link_batches_out_total", COUNTER, HANDS(batches_out), "Batches to edges."},
	{"link_items_out_total", COUNTER, HANDS(items_out), "Items in batches to edges."},
	{"link_bytes_out_total", COUNTER, HANDS(bytes_out), "Bytes of batches to edges."},
	{"tickets_bad_total", COUNTER, HANDS(tickets_bad), "Tickets that auth did not make."},
	{"trust_facts_total", COUNTER, HANDS(trust_facts), "Facts taken from auth."},
	{"ctl_requests_total", COUNTER, HANDS(ctl_requests), "Requests of operators."},
	{"page_requests_total", COUNTER, HANDS(page_requests), "Requests on this page."},
};

#define EDGE(field) offsetof(struct edge_view, field)

static const struct metric of_edges[] = {
	{"sessions", GAUGE, EDGE(sessions), "Sessions of the edge that are open."},
	{"link_queued_bytes", GAUGE, EDGE(queued_bytes), "Bytes on the router that wait for it."},
	{"link_violations_total", COUNTER, EDGE(violations), "Rules it broke on its link."},
	{"connections", GAUGE, EDGE(gauges.connections), "Client connections."},
	{"upgrades_total", COUNTER, EDGE(gauges.upgrades), "Upgrades granted."},
	{"refused_total", COUNTER, EDGE(gauges.refused), "Upgrades refused."},
	{"frames_in_total", COUNTER, EDGE(gauges.frames_in), "Frames from clients."},
	{"frames_out_total", COUNTER, EDGE(gauges.frames_out), "Frames to clients."},
	{"bytes_in_total", COUNTER, EDGE(gauges.bytes_in), "Bytes of frames from clients."},
	{"bytes_out_total", COUNTER, EDGE(gauges.bytes_out), "Bytes of frames to clients."},
	{"exceptions_total", COUNTER, EDGE(gauges.exceptions), "Exceptions sent to clients."},
	{"slow_closed_total", COUNTER, EDGE(gauges.slow_closed), "Clients closed for not reading."},
	{"queued_bytes", GAUGE, EDGE(gauges.queued_bytes), "Bytes that wait for clients."},
	{"behind", GAUGE, EDGE(gauges.behind), "Clients whose messages wait in the inbox."},
	{"memory_bytes", GAUGE, EDGE(gauges.memory_bytes), "Resident size of the edge."},
	{"auth_waiting", GAUGE, EDGE(gauges.auth_waiting),
		"Questions that waited for auth, most at once in the last second."},
	{"router_waiting", GAUGE, EDGE(gauges.router_waiting),
		"Sessions that waited to be opened, most at once in the last second."},
};

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

static uint64_t value_at(const void *base, const struct metric *m)
{
	uint64_t value;

	memcpy(&value, (const char *)base + m->offset, sizeof(value));
	return value;
}

const char *metrics_stat(const struct router_view *view, size_t i, uint64_t *out_value)
{
	if (i >= COUNT(of_router))
		return NULL;
	*out_value = value_at(view, &of_router[i]);
	return of_router[i].name;
}

static void add_heading(struct buf *out, const char *prefix, const struct metric *m)
{
	const char *type = m->type == COUNTER ? "counter" : "gauge";

	buf_printf(out, "# HELP %s%s %s\n# TYPE %s%s %s\n", prefix, m->name, m->help, prefix,
		m->name, type);
}

void metrics_prometheus(struct buf *out, const struct router_view *view)
{
	for (size_t i = 0; i < COUNT(of_router); i++) {
		const struct metric *m = &of_router[i];

		add_heading(out, "postern_", m);
		buf_printf(out, "postern_%s %" PRIu64 "\n", m->name, value_at(view, m));
	}
	for (size_t i = 0; i < COUNT(of_edges); i++) {
		const struct metric *m = &of_edges[i];

		add_heading(out, "postern_edge_", m);
		for (size_t e = 0; e < view->n_edges; e++)
			buf_printf(out, "postern_edge_%s{edge=\"%" PRIu32 "\"} %" PRIu64 "\n",
				m->name, view->edges[e].edge_id, value_at(&view->edges[e], m));
	}
	buf_add_text(out, "# HELP postern_build_info What is running.\n"
			  "# TYPE postern_build_info gauge\n"
			  "postern_build_info{version=\"" POSTERN_VERSION "\"} 1\n");
}

static void add_members(
	struct buf *out, const struct metric *table, size_t n, const void *base, bool first)
{
	for (size_t i = 0; i < n; i++) {
		buf_printf(out, "%s\"%s\":%" PRIu64, first ? "" : ",", table[i].name,
			value_at(base, &table[i]));
		first = false;
	}
}

void metrics_json(struct buf *out, const struct router_view *view)
{
	buf_printf(out, "{\"version\":\"%s\",\"uptime_ms\":%" PRIu64 ",\"stats\":{",
		POSTERN_VERSION, view->uptime_ms);
	add_members(out, of_router, COUNT(of_router), view, true);
	buf_add_text(out, "},\"edges\":[");
	for (size_t e = 0; e < view->n_edges; e++) {
		const struct edge_view *edge = &view->edges[e];

		buf_printf(out,
			"%s{\"edge\":%" PRIu32 ",\"epoch\":%" PRIu32 ",\"silent_ms\":%" PRId64,
			e == 0 ? "" : ",", edge->edge_id, edge->edge_epoch, edge->silent_ms);
		add_members(out, of_edges, COUNT(of_edges), edge, false);
		buf_add_text(out, "}");
	}
	buf_add_text(out, "]}\n");
}
