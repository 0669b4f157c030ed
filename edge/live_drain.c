/*
 * The orderly end of an edge.  All clients hear at once that they must go, and each goes in a slot
 * of its own, so that the other edges and auth get them one by one.  A client whose sends are not
 * answered yet stays until they are; nothing that was acknowledged is lost with the connection.
 */
#include <inttypes.h>

#include "common/log.h"
#include "edge/live_inner.h"

/* A few clients need not take the whole time. */
#define SLOT_MAX_MS 20
/* The rest is for answers that are late, and for clients that are slow to say goodbye. */
#define SLOTS_PERCENT 70
#define BACK_MIN_MS 50 /* from the close to the client's next try */
#define BACK_MAX_MS 500

static void say_goaway(struct live_conn *c, uint32_t slot_ms)
{
	struct live *l = c->live;

	if (c->rules.dialect != CONN_NATIVE)
		return;
	buf_clear(&l->scratch);
	frame_write_goaway(
		&l->scratch, slot_ms + live_jitter(l, BACK_MIN_MS, BACK_MAX_MS), slot_ms);
	live_put_scratch(c);
}

static void drain_one(struct live_conn *c, uint32_t slot_ms)
{
	struct live *l = c->live;
	live_opened_fn *opened = c->opened;

	if (c->stage != LIVE_ADOPTED) {
		bool is_asked = c->stage == LIVE_OPENING;

		live_bury(c);
		if (is_asked)
			opened(c->opened_arg, LIVE_AWAY, CLOSE_DRAIN);
		return;
	}
	if (c->is_leaving)
		return;
	conn_drain(&c->rules, live_now(l) + slot_ms);
	say_goaway(c, slot_ms);
	if (!c->is_leaving)
		live_set_timer(c);
}

void live_drain(struct live *l, int64_t max_ms, void (*done)(void *arg), void *arg)
{
	const uint64_t n = l->n_conns;
	const uint64_t most = (uint64_t)max_ms * SLOTS_PERCENT / 100;
	const uint64_t window = n * SLOT_MAX_MS < most ? n * SLOT_MAX_MS : most;

	log_info("drain", "connections=%zu over_ms=%" PRIu64, l->n_conns, window);
	l->is_draining = true;
	l->drained = done;
	l->drained_arg = arg;
	/* Backwards, since the last one takes the place of one that is removed. */
	for (size_t i = l->n_conns; i-- > 0;)
		if (i < l->n_conns)
			drain_one(l->conns[i], (uint32_t)(window * i / n));
}

void live_drain_now(struct live *l)
{
	for (size_t i = l->n_conns; i-- > 0;)
		if (i < l->n_conns)
			live_close(
				l->conns[i], CLOSE_DRAIN, live_jitter(l, BACK_MIN_MS, BACK_MAX_MS));
}

void live_look_drained(struct live *l)
{
	void (*drained)(void *arg) = l->drained;

	if (!l->is_draining || l->n_conns > 0 || drained == NULL)
		return;
	l->drained = NULL;
	drained(l->drained_arg);
}
