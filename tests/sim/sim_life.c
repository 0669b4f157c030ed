/*
 * A life: rounds in which everybody does a little, in an order that the seed chooses, then quiet
 * rounds in which faults have stopped and everybody catches up, then the checks.
 */
#include <stdlib.h>

#include "tests/sim/alloc.h"
#include "tests/sim/sim.h"

enum { QUIET_ROUNDS = 3000, LAST_ROUNDS = 80 };

const char *const sim_uids[STREAMS] = {"1", "2", "ann@x", "007", "mallory", ""};

int sim_user(struct slice uid)
{
	for (int i = 0; i < STREAMS; i++) {
		if (slice_is(uid, sim_uids[i]))
			return i;
	}
	return -1;
}

/* SplitMix64 */
uint64_t sim_draw(struct world *w)
{
	uint64_t z = w->random += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return z ^ (z >> 31);
}

unsigned sim_below(struct world *w, unsigned n)
{
	return (unsigned)(sim_draw(w) % n);
}

bool sim_once_in(struct world *w, unsigned n)
{
	return sim_below(w, n) == 0;
}

int64_t sim_wall(const struct world *w)
{
	return w->now_ms + w->wall_skew;
}

static void pass_time(struct world *w)
{
	w->now_ms += w->quiet ? 100 : sim_once_in(w, 60) ? sim_below(w, 3000) : sim_below(w, 60);
	router_tick(w);
}

/* How much of something is done in this round. */
static unsigned some(struct world *w)
{
	return w->quiet ? 32 : sim_below(w, 5);
}

static void move_edge(struct world *w, int edge)
{
	struct edge *e = &w->edges[edge];

	if (!e->linked && w->core != NULL && (w->quiet || sim_once_in(w, 4)))
		edge_link(w, edge);
	for (unsigned n = some(w); n > 0 && e->up_first != NULL; n--)
		router_take(w, edge);
	for (unsigned n = some(w); n > 0 && e->down_first != NULL; n--)
		edge_hear(w, edge);
	for (unsigned n = some(w); n > 0 && e->pub_first != NULL; n--)
		edge_hear_pub(w, edge);
	if (w->quiet || !sim_once_in(w, 3))
		edge_pump(w, edge);
}

static void move_store(struct world *w)
{
	if (w->quiet || sim_once_in(w, 2))
		store_work(w, w->quiet ? 64 : 1 + sim_below(w, 8));
	for (unsigned n = some(w); n > 0 && w->told_first != NULL; n--)
		store_tell(w);
}

static void quiet_client(struct world *w, int client)
{
	client_read(w, client, 64);
	client_connect(w, client);
	client_retry(w, client);
	client_ack(w, client);
}

static void play_round(struct world *w)
{
	unsigned first = sim_below(w, EDGES);

	w->round++;
	pass_time(w);
	if (w->core == NULL && (w->quiet || sim_once_in(w, 6)))
		router_start(w);
	for (unsigned i = 0; i < EDGES && !w->failed; i++)
		move_edge(w, (int)((first + i) % EDGES));
	move_store(w);
	identity_tell(w);
	for (int i = 0; i < CLIENTS && !w->failed; i++) {
		if (w->quiet)
			quiet_client(w, i);
		else if (sim_once_in(w, 2))
			client_act(w, i);
	}
	if (w->quiet)
		identity_end(w);
	if (w->quiet || w->failed)
		return;
	if (sim_once_in(w, 12))
		operator_push(w);
	evil_act(w);
	identity_act(w);
	faults_act(w);
	if (sim_once_in(w, 30))
		store_offer(w);
}

static bool is_still(const struct world *w)
{
	if (w->core == NULL || w->op_first != NULL || w->told_first != NULL)
		return false;
	for (int i = 0; i < EDGES; i++) {
		const struct edge *e = &w->edges[i];

		if (!e->linked || e->up_first != NULL || e->down_first != NULL)
			return false;
	}
	for (int i = 0; i < CLIENTS; i++) {
		if (!client_is_done(w, i))
			return false;
	}
	return true;
}

static void catch_up(struct world *w)
{
	unsigned n = 0;

	w->quiet = true;
	faults_end(w);
	while (!w->failed && n < QUIET_ROUNDS && !is_still(w)) {
		play_round(w);
		n++;
	}
	if (!w->failed && !is_still(w))
		sim_fail(w, "C1", "not everybody caught up");
	/* Positions are flushed and presence is told by ticks. */
	for (n = 0; n < LAST_ROUNDS && !w->failed; n++)
		play_round(w);
}

static void empty_queues(struct world *w)
{
	router_die(w);
	for (int i = 0; i < EDGES; i++)
		edge_die(w, i);
	store_crash(w);
}

bool sim_life(uint64_t seed, bool trace, struct totals *totals)
{
	struct world *w = calloc(1, sizeof(*w));
	unsigned rounds;
	bool failed;

	if (w == NULL)
		abort();
	w->seed = seed;
	w->random = seed * UINT64_C(0x9e3779b97f4a7c15) + 1;
	sim_random_seed(seed);
	w->trace = trace;
	w->totals = totals;
	w->now_ms = 1000000;
	w->wall_skew = 1767225600000;
	w->operator_waits = -1;
	faults_nature(w);
	store_init(w);
	client_init(w);
	for (int i = 0; i < EDGES; i++)
		edge_die(w, i);
	router_start(w);
	rounds = 100 + sim_below(w, 200);
	while (!w->failed && w->round < rounds)
		play_round(w);
	if (!w->failed)
		catch_up(w);
	if (!w->failed)
		check_end(w);
	failed = w->failed;
	totals->lives++;
	empty_queues(w);
	free(w);
	return !failed;
}
