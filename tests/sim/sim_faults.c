/* What goes wrong in a life, and how often. */
#include "tests/sim/sim.h"

#define DAY_MS INT64_C(86400000)

void faults_nature(struct world *w)
{
	struct nature *n = &w->nature;

	*n = (struct nature){
		.router_dies = sim_once_in(w, 2),
		.edges_die = sim_once_in(w, 3),
		.links_break = sim_once_in(w, 3),
		.disk_fills = sim_once_in(w, 3),
		.clock_jumps = sim_once_in(w, 4),
		.days_pass = sim_once_in(w, 4),
		.memory_fails = sim_once_in(w, 4),
		.is_evil = sim_once_in(w, 3),
		.clients_are_slow = sim_once_in(w, 2),
		.pub_loses = sim_once_in(w, 2),
		.older_store = sim_once_in(w, 10),
		.rows_rot = sim_once_in(w, 10),
		.operator_kicks = sim_once_in(w, 6),
		.small_inbox = sim_once_in(w, 10),
		.is_durable = !sim_once_in(w, 12),
		.revokes = sim_once_in(w, 2),
		.rebinds = sim_once_in(w, 2),
		.calls = sim_once_in(w, 3),
		.guests = sim_once_in(w, 3),
		.tokens_change = sim_once_in(w, 2),
		.limit = (enum core_limit)sim_below(w, 3),
		.sessions_per_user = sim_once_in(w, 2) ? 8 : 5,
	};
}

/* An older file, or for a store without durability none: what is newer is lost by permission. */
static void put_back_older(struct world *w)
{
	unsigned before[SENDS];

	if (w->nature.is_durable && !w->has_older)
		return;
	w->totals->older_stores++;
	if (!w->nature.is_durable) {
		w->older = (struct disk){0};
		w->older.streams[SYSTEM] = (struct disk_stream){.exists = true, .floor = 1};
	}
	w->disk = w->older;
	memset(w->disk.devices, 0, sizeof(w->disk.devices)); /* positions are of an epoch */
	store_new_epoch(w);
	for (int i = 0; i < w->n_sent; i++) {
		before[i] = w->sent[i].rows;
		w->sent[i].rows = 0;
	}
	for (int u = 0; u < STREAMS; u++) {
		const struct disk_stream *s = &w->disk.streams[u];

		for (uint64_t seq = 1; seq <= s->head.seq; seq++) {
			const struct message *m = &w->kept[s->kept[seq]].message;

			if (sim_user(m->to) == u && m->at_to.seq == seq)
				w->sent[w->kept[s->kept[seq]].sent].rows++;
		}
		if (w->read_u[u] > s->head.seq)
			w->read_u[u] = s->head.seq;
		w->trimmed[u] = s->floor == 0 ? 0 : s->floor - 1;
	}
	for (int i = 0; i < w->n_sent; i++)
		w->sent[i].excused = w->sent[i].excused || w->sent[i].rows < before[i];
	TRACE(w, "an older store was put back, epoch %.8s", w->disk.epoch);
}

static void router(struct world *w)
{
	if (w->core == NULL)
		return;
	w->totals->router_deaths++;
	/* Some of what it gave the store is committed, and it did not hear of it. */
	store_work(w, sim_below(w, 8));
	router_die(w);
	if (!w->nature.is_durable || (w->nature.older_store && sim_once_in(w, 2)))
		put_back_older(w);
}

static void clock_jumps(struct world *w)
{
	int64_t jump = sim_once_in(w, 2) ? 3600000 : -3600000;

	if (w->wall_skew + jump < 1767225600000 - 3600000 ||
		w->wall_skew + jump > 1767225600000 + 3600000)
		return;
	TRACE(w, "the wall clock jumps by %lld ms", (long long)jump);
	w->totals->jumps++;
	w->wall_skew += jump;
}

/* Nobody is there any more, and what was not answered will not be asked again. */
static void days_pass(struct world *w)
{
	bool is_month = sim_once_in(w, 3);

	TRACE(w, "a %s passes", is_month ? "month" : "day");
	for (int i = 0; i < CLIENTS; i++) {
		struct client *c = &w->clients[i];

		for (unsigned k = 0; k < FLIGHT; k++) {
			if (c->waiting[k] >= 0)
				w->sent[c->waiting[k]].outcome = GIVEN_UP;
			c->waiting[k] = -1;
		}
	}
	for (unsigned n = 0; n < 1000 && !w->failed; n++) {
		struct edge *e = &w->edges[n % EDGES];

		/* What is on its way arrives. */
		if (e->up_first != NULL)
			router_take(w, (int)n % EDGES);
		while (e->down_first != NULL && !w->failed)
			edge_hear(w, (int)n % EDGES);
	}
	w->now_ms += is_month ? 31 * DAY_MS : DAY_MS + 3600000;
	router_tick(w);
	store_offer(w);
	store_offer(w);
	store_offer(w);
}

static void kick(struct world *w)
{
	struct core_event e = {.kind = CORE_CTL_KICK};

	if (w->core == NULL)
		return;
	e.user.uid = slice_of(sim_uids[sim_below(w, HONEST)]);
	router_must(w, &e);
}

static void link_breaks(struct world *w)
{
	int edge = (int)sim_below(w, EDGES);

	w->totals->link_breaks += w->edges[edge].linked;
	edge_unlink(w, edge);
}

static void edge_dies(struct world *w)
{
	w->totals->edge_deaths++;
	edge_die(w, (int)sim_below(w, EDGES));
}

void faults_act(struct world *w)
{
	const struct nature *n = &w->nature;

	if (n->router_dies && sim_once_in(w, 50))
		router(w);
	if (n->edges_die && sim_once_in(w, 60))
		edge_dies(w);
	if (n->links_break && sim_once_in(w, 60))
		link_breaks(w);
	if (n->disk_fills && sim_once_in(w, w->disk_full ? 8 : 40)) {
		w->disk_full = !w->disk_full;
		w->totals->full_disks += w->disk_full;
	}
	if (n->clock_jumps && sim_once_in(w, 40))
		clock_jumps(w);
	if (n->days_pass && sim_once_in(w, 120))
		days_pass(w);
	if (n->operator_kicks && sim_once_in(w, 60))
		kick(w);
	if (n->older_store && !w->has_older && sim_once_in(w, 40)) {
		w->older = w->disk;
		w->has_older = true;
	}
}

void faults_end(struct world *w)
{
	w->disk_full = false;
	for (unsigned i = 0; i < CONNS; i++) {
		if (w->edges[EVIL].conns[i].used)
			edge_close(w, EVIL, &w->edges[EVIL].conns[i], 0, true);
	}
}
