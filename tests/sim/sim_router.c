/*
 * The process around the core, as router/ is: events are stepped one by one, commands carried out
 * at once.  What was on a link or at the store when the router dies is lost, but for what the store
 * had committed.
 */
#include <errno.h>

#include "tests/sim/alloc.h"
#include "tests/sim/sim.h"

static struct slice keep_text(struct down *d, struct slice s)
{
	char *at = d->bytes + d->used;

	if (s.len == 0)
		return (struct slice){0};
	if (s.len > sizeof(d->bytes) - d->used)
		abort();
	memcpy(at, s.data, s.len);
	d->used += s.len;
	return (struct slice){at, s.len};
}

/* NULL: the router believes the link to be down. */
static struct down *new_down(struct world *w, const struct core_command *c)
{
	struct down *d = calloc(1, sizeof(*d));

	if (d == NULL)
		abort();
	d->command = *c;
	memcpy(d->epoch, w->disk.epoch, EPOCH_BYTES);
	if (c->kind == CORE_DO_DELIVER) {
		if (c->deliver.n_sessions > CLIENTS + CONNS)
			abort();
		memcpy(d->sessions, c->deliver.sessions,
			c->deliver.n_sessions * sizeof(d->sessions[0]));
		d->command.deliver.sessions = d->sessions;
		d->command.deliver.text.text = keep_text(d, c->deliver.text.text);
	} else if (c->kind == CORE_DO_SYSTEM) {
		d->command.system.text.text = keep_text(d, c->system.text.text);
	} else if (c->kind == CORE_DO_RESULT) {
		d->command.result.mid = keep_text(d, c->result.mid);
	}
	return d;
}

static void push_down(struct world *w, const struct core_command *c)
{
	struct edge *e = &w->edges[c->link];
	struct down *d;

	if (!e->linked)
		return;
	d = new_down(w, c);
	*e->down_last = d;
	e->down_last = &d->next;
}

static void publish(struct world *w, const struct core_command *c)
{
	if (c->system.number != w->published + 1)
		sim_fail(w, "C3", "system message %llu was published after %llu",
			(unsigned long long)c->system.number, (unsigned long long)w->published);
	w->published = c->system.number;
	for (int i = 0; i < EDGES; i++) {
		struct edge *e = &w->edges[i];
		struct down *d;

		if (!e->linked || (w->nature.pub_loses && !w->quiet && sim_once_in(w, 4)))
			continue;
		d = new_down(w, c);
		*e->pub_last = d;
		e->pub_last = &d->next;
	}
}

static void take_ctl_result(struct world *w, const struct core_command *c)
{
	struct sent *s;

	if (c->result.ref == 0)
		return;
	s = &w->sent[c->result.ref - 1];
	s->outcome = c->result.state == CORE_REFUSED ? REFUSED : ACKED;
	if (s->outcome == ACKED)
		w->totals->acked++;
	w->operator_waits = -1;
}

static void note_violation(struct world *w, const struct core_command *c)
{
	TRACE(w, "violation of edge %u: %s", c->link, c->violation.what);
	w->totals->violations++;
	if (c->link != EVIL)
		sim_fail(w, "rules", "an honest edge was blamed: %s", c->violation.what);
}

static void carry_out(struct world *w, const struct core_event *e, const struct core_command *c)
{
	check_command(w, e, c);
	switch (c->kind) {
	case CORE_DO_OPENED:
	case CORE_DO_OPEN_REFUSED:
	case CORE_DO_RESULT:
	case CORE_DO_DELIVER:
	case CORE_DO_SHUT:
	case CORE_DO_PAGE:
	case CORE_DO_RESET:
		push_down(w, c);
		break;
	case CORE_DO_SYSTEM:
		publish(w, c);
		break;
	case CORE_DO_CTL_RESULT:
		take_ctl_result(w, c);
		break;
	case CORE_DO_VIOLATION:
		note_violation(w, c);
		break;
	case CORE_DO_APPEND:
	case CORE_DO_READ:
	case CORE_DO_USER:
	case CORE_DO_POSITION:
	case CORE_DO_CONTACT:
	case CORE_DO_TRIM:
	case CORE_DO_MARK:
		store_take(w, c);
		break;
	case CORE_DO_NOTE:
		break;
	}
}

static bool is_violation(const struct core_commands *out)
{
	for (size_t i = 0; i < out->n; i++) {
		if (out->list[i].kind == CORE_DO_VIOLATION)
			return true;
	}
	return false;
}

int router_step(struct world *w, struct core_event *e, bool may_fail)
{
	bool fails = may_fail && w->nature.memory_fails && !w->quiet && sim_once_in(w, 15);
	bool watched = fails || e->link == EVIL;
	uint64_t before = watched ? core_digest(w->core) : 0;
	struct core_commands out;
	int rc;

	e->now_ms = w->now_ms;
	e->wall_ms = sim_wall(w);
	e->random[0] = sim_draw(w);
	e->random[1] = sim_draw(w);
	w->totals->steps++;
	if (fails)
		alloc_fail_at(1 + sim_below(w, 6), sim_once_in(w, 2));
	rc = core_step(w->core, e, &out);
	alloc_fail_at(0, false);
	if (rc == -ENOMEM && fails) {
		w->totals->no_memory++;
		if (out.n != 0 || core_digest(w->core) != before)
			sim_fail(
				w, "memory", "event %d failed and changed the state", (int)e->kind);
		return rc;
	}
	if (rc != 0)
		sim_fail(w, "memory", "event %d: %d", (int)e->kind, rc);
	if (e->link == EVIL && is_violation(&out) && core_digest(w->core) != before)
		sim_fail(w, "rules", "a violation changed the state, event %d", (int)e->kind);
	for (size_t i = 0; i < out.n && !w->failed; i++)
		carry_out(w, e, &out.list[i]);
	if (!w->failed)
		check_step(w, e, &out);
	return 0;
}

void router_must(struct world *w, struct core_event *e)
{
	if (router_step(w, e, true) < 0)
		router_step(w, e, false);
}

/* The next that an edge said. */
void router_take(struct world *w, int link)
{
	struct edge *e = &w->edges[link];
	struct up *u = e->up_first;

	if (w->core == NULL || !e->linked || u == NULL)
		return;
	e->up_first = u->next;
	if (e->up_first == NULL)
		e->up_last = &e->up_first;
	u->event.link = (uint32_t)link;
	if (router_step(w, &u->event, true) == -ENOMEM) {
		/* As the router does, or as if memory had been there. */
		if (sim_once_in(w, 3))
			edge_unlink(w, link);
		else
			router_step(w, &u->event, false);
	}
	free(u);
}

void router_tick(struct world *w)
{
	struct core_event tick = {.kind = CORE_TICK};

	if (w->core == NULL || w->now_ms - w->ticked_ms < 200)
		return;
	w->ticked_ms = w->now_ms;
	/* The next tick does what this one had no memory for. */
	router_step(w, &tick, true);
	router_step(w, &tick, false);
	for (int i = 0; i < EDGES; i++) {
		struct edge *e = &w->edges[i];
		struct core_command nothing = {.kind = CORE_DO_NOTE};
		struct down *d;

		if (!e->linked)
			continue;
		d = new_down(w, &nothing);
		d->is_head = true;
		d->system_head = w->published;
		*e->down_last = d;
		e->down_last = &d->next;
	}
}

void router_link_down(struct world *w, int link)
{
	struct core_event down = {.kind = CORE_EDGE_DOWN, .link = (uint32_t)link};

	down.edge.id = w->edges[link].id;
	down.edge.epoch = w->edges[link].epoch;
	if (w->core != NULL)
		router_must(w, &down);
}

static void configure(struct world *w, struct core_config *config)
{
	*config = (struct core_config){
		.recipients = CORE_RECIPIENTS_KNOWN,
		.watching = CORE_WATCH_ANY,
		.sessions_per_user = w->nature.sessions_per_user,
		.limit = w->nature.limit,
		.is_durable = w->nature.is_durable,
		.inbox_rows = w->nature.small_inbox ? 12 : INBOX_ROWS,
		.inbox_bytes = INBOX_BYTES,
		.retention_ms = (int64_t)INBOX_RETENTION_S * 1000,
		.random = sim_draw(w),
		.started_ms = w->now_ms,
		.after_restart = w->life > 1,
	};
	memcpy(config->epoch, w->disk.epoch, EPOCH_BYTES);
}

void router_start(struct world *w)
{
	struct core_config config;

	w->life++;
	TRACE(w, "router starts, life %u, epoch %.8s", w->life, w->disk.epoch);
	configure(w, &config);
	w->started_ms = w->now_ms;
	w->ticked_ms = w->now_ms;
	w->published = w->disk.streams[SYSTEM].head.seq;
	w->dropped_generation = 0;
	if (core_new(&w->core, &config) < 0)
		abort();
	store_load_into(w);
	client_router_started(w);
	for (int i = 0; i < MALLORY + 1; i++) {
		struct core_event known = {.kind = CORE_USER_KNOWN};

		known.user.uid = slice_of(sim_uids[i]);
		router_must(w, &known);
	}
}

void router_die(struct world *w)
{
	if (w->core == NULL)
		return;
	TRACE(w, "router dies");
	core_free(w->core);
	w->core = NULL;
	w->operator_waits = -1;
	for (int i = 0; i < EDGES; i++)
		edge_unlink(w, i);
	store_crash(w);
}
