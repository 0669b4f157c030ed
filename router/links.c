/*
 * The sockets under the links.  A slot's life: a HELLO leases it (hello.c), somebody connects,
 * shows the key in his first message, and is an edge until his pipe is gone; then the slot may be
 * leased anew.
 *
 * Closing is done in links_turn() alone, never while a batch is dispatched or commands are carried
 * out: it steps the core, whose commands live only until the next step.
 */
#include "router/links.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/clock.h"
#include "common/log.h"
#include "common/random.h"
#include "proto/codec.h"
#include "router/dispatch.h"
#include "router/hello.h"
#include "router/link.h"
#include "router/links_internal.h"
#include "router/silence.h"
#include "router/system.h"

static const struct codec_bounds up_bounds = {LINK_BATCH_MAX_BYTES, LINK_BATCH_MAX_ELEMENTS};

void links_close(struct links *ls, uint32_t slot, const char *why)
{
	struct edge_link *l = &ls->links[slot];

	if (l->pipe != 0 && l->why == NULL)
		l->why = why;
}

/* The edge's sessions end. */
static void end_edge(struct edge_link *l)
{
	struct hub *h = l->owner->hub;
	struct core_event event = {.kind = CORE_EDGE_DOWN, .link = l->slot};

	if (!l->live)
		return;
	l->live = false;
	event.edge.id = l->edge.id;
	event.edge.epoch = l->edge.epoch;
	silence_forget(&l->silence);
	link_reset(&l->link, WIRE_VERSION);
	hub_step(h, &event);
	log_info("edge_down", "edge=%" PRIu32 " epoch=%" PRIu32 " reason=%s", l->edge.id,
		l->edge.epoch, l->why == NULL ? "gone" : l->why);
}

static void on_link_up(void *arg, uint32_t pipe)
{
	struct edge_link *l = arg;

	if (l->pipe != 0) {
		bus_pipe_close(l->socket, pipe);
		return;
	}
	l->pipe = pipe;
	l->why = NULL;
	l->closed = false;
	l->up_ms = clock_boot_ms();
	if (l->owner->hub->leases.slots[l->slot].state != SLOT_LEASED) {
		leases_taint(&l->owner->hub->leases, l->slot, l->up_ms);
		links_close(l->owner, l->slot, "not_leased");
	}
}

static void on_link_down(void *arg, uint32_t pipe)
{
	struct edge_link *l = arg;
	struct hub *h = l->owner->hub;

	if (pipe != l->pipe)
		return;
	end_edge(l);
	l->pipe = 0;
	l->why = NULL;
	leases_end(&h->leases, l->slot);
	hello_slot_free(h->hello, l->slot);
}

static void on_link_sent(void *arg, bool ok)
{
	struct edge_link *l = arg;

	if (!ok)
		links_close(l->owner, l->slot, "send_failed");
}

/* The first message.  Without the right key its sender is nobody. */
static bool claim(struct edge_link *l, const Pb__LinkUp *batch)
{
	struct hub *h = l->owner->hub;
	struct core_event event = {.kind = CORE_EDGE_UP, .link = l->slot};
	int64_t now = clock_boot_ms();

	if (batch->number != 1 ||
		!leases_claim(&h->leases, l->slot, codec_slice(batch->key), now)) {
		leases_taint(&h->leases, l->slot, now);
		links_close(l->owner, l->slot, "no_key");
		return false;
	}
	l->edge = h->leases.slots[l->slot].edge;
	l->live = true;
	l->violations = (struct violations){0};
	l->gauges = (Pb__UpGauges)PB__UP_GAUGES__INIT;
	link_reset(&l->link, h->leases.slots[l->slot].wire);
	event.edge.id = l->edge.id;
	event.edge.epoch = l->edge.epoch;
	if (hub_step(h, &event) < 0)
		links_close(l->owner, l->slot, "out_of_memory");
	/* The key may have changed since the lease, which brought a credential. */
	if (ticket_keys_count(h->keys) > 1 && l->link.wire >= 3)
		links_credential(l->owner, l->slot);
	h->counts.links_opened++;
	log_info("edge_up", "edge=%" PRIu32 " epoch=%" PRIu32 " wire=%" PRIu32, l->edge.id,
		l->edge.epoch, l->link.wire);
	return true;
}

static const char *take_trouble(enum link_take result)
{
	switch (result) {
	case LINK_TAKEN:
		return NULL;
	case LINK_GAP:
		return "gap";
	case LINK_OVER_CREDIT:
		return "over_credit";
	case LINK_BAD_SEEN:
		return "bad_seen";
	}
	return NULL;
}

static void take_batch(struct edge_link *l, const Pb__LinkUp *batch, size_t bytes)
{
	struct hub *h = l->owner->hub;
	const char *trouble;

	if (!l->live) {
		if (!claim(l, batch))
			return;
	} else if (batch->key.len != 0) {
		links_close(l->owner, l->slot, "key_again");
		return;
	}
	trouble = take_trouble(link_take(&l->link, batch->number, batch->seen, bytes));
	if (trouble != NULL) {
		links_close(l->owner, l->slot, trouble);
		return;
	}
	h->counts.batches_in++;
	h->counts.bytes_in += bytes;
	h->counts.items_in += batch->n_items;
	l->heard_ms = clock_boot_ms();
	silence_end(&l->silence, h, l->slot, l->edge.id);
	for (size_t i = 0; i < batch->n_items && l->why == NULL; i++)
		dispatch_item(h, l->slot, batch->items[i]);
}

static void on_link_message(void *arg, uint32_t pipe, struct slice msg)
{
	struct edge_link *l = arg;
	struct hub *h = l->owner->hub;
	ProtobufCMessage *decoded = NULL;
	const Pb__LinkUp *batch;

	if (pipe != l->pipe || l->why != NULL)
		return;
	if (codec_decode(&pb__link_up__descriptor, msg, &up_bounds, h->arena, &decoded) !=
		CODEC_OK) {
		links_close(l->owner, l->slot, "undecodable");
		return;
	}
	batch = (const Pb__LinkUp *)decoded;
	if (batch->wire != h->leases.slots[l->slot].wire || batch->n_items > LINK_BATCH_MAX_ITEMS)
		links_close(l->owner, l->slot, "bad_batch");
	else
		take_batch(l, batch, msg.len);
}

static int draw_path(char out[LINK_PATH_MAX_BYTES + 1], const char *run)
{
	uint64_t name[2];
	int len;

	random_fill(name, sizeof(name));
	len = snprintf(out, LINK_PATH_MAX_BYTES + 1,
		"%s/router/link/%016" PRIx64 "%016" PRIx64 ".sock", run, name[0], name[1]);
	return len > LINK_PATH_MAX_BYTES ? -ENAMETOOLONG : 0;
}

static int open_link(struct edge_link *l, const char *run)
{
	struct hub *h = l->owner->hub;
	const struct bus_options options = {
		.pattern = BUS_PAIR,
		.max_message = LINK_BATCH_MAX_BYTES,
		.uids = h->config->edges.list,
		.n_uids = h->config->edges.n,
		.mode = 0666,
		.arg = l,
		.on_message = on_link_message,
		.on_sent = on_link_sent,
		.on_up = on_link_up,
		.on_down = on_link_down,
	};
	int rc = draw_path(l->path, run);

	return rc < 0 ? rc : bus_listen(h->bus, l->path, &options, &l->socket);
}

int links_new(struct links **out, struct hub *hub)
{
	struct links *ls = calloc(1, sizeof(*ls));
	int rc = 0;

	if (ls == NULL)
		return -ENOMEM;
	ls->hub = hub;
	for (uint32_t i = 0; i < MAX_EDGES && rc == 0; i++) {
		struct edge_link *l = &ls->links[i];

		l->owner = ls;
		l->slot = i;
		l->gauges = (Pb__UpGauges)PB__UP_GAUGES__INIT;
		link_init(&l->link);
		rc = open_link(l, hub->config->run_path);
	}
	/* Sockets keep pointers into it, so it stays also when one of them failed. */
	*out = ls;
	return rc;
}

/* The socket goes on listening, whatever its file is called. */
const char *links_rename(struct links *ls, uint32_t slot)
{
	struct edge_link *l = &ls->links[slot];
	char path[sizeof(l->path)];

	if (draw_path(path, ls->hub->config->run_path) == 0 && rename(l->path, path) == 0)
		memcpy(l->path, path, sizeof(path));
	else
		LOG_LIMITED(LOG_WARN, "link_not_renamed", "slot=%" PRIu32 " error=%d", slot, errno);
	return l->path;
}

void links_violation(struct links *ls, uint32_t slot, const char *what)
{
	struct edge_link *l = &ls->links[slot];
	int64_t now = clock_boot_ms();

	if (!l->live)
		return;
	if (now - l->violations.minute_ms >= 60000) {
		l->violations.minute_ms = now;
		l->violations.in_minute = 0;
	}
	l->violations.in_minute++;
	l->violations.total++;
	ls->hub->counts.violations++;
	hub_note(ls->hub, "violation", (struct slice){0}, "edge=%" PRIu32 " what=\"%s\"",
		l->edge.id, what);
	if (l->violations.in_minute >= EDGE_VIOLATIONS_PER_MINUTE)
		links_close(ls, slot, "quarantine");
}

/* Ends one that is marked; on_link_down() follows when its pipe is really gone. */
static void close_marked(struct edge_link *l)
{
	struct hub *h = l->owner->hub;

	l->closed = true;
	if (l->live) {
		bool quarantine = strcmp(l->why, "quarantine") == 0;

		h->counts.links_closed++;
		log_warn("link_closed", "edge=%" PRIu32 " epoch=%" PRIu32 " reason=%s", l->edge.id,
			l->edge.epoch, l->why);
		leases_closing(&h->leases, l->slot);
		if (quarantine) {
			h->counts.quarantines++;
			leases_quarantine(&h->leases, l->edge);
		}
	} else {
		/* A former edge dials its old path for ever; that alone is not worth a line. */
		h->counts.links_refused++;
		LOG_LIMITED(strcmp(l->why, "not_leased") == 0 ? LOG_DEBUG : LOG_WARN,
			"link_refused", "slot=%" PRIu32 " reason=%s", l->slot, l->why);
	}
	bus_pipe_close(l->socket, l->pipe);
	end_edge(l);
}

static void send_next(struct edge_link *l, uint64_t head, bool on_tick)
{
	struct hub *h = l->owner->hub;
	enum link_due due;
	struct bus_msg *m;
	size_t bytes;

	if (!l->live || l->why != NULL || !bus_can_send(l->socket))
		return;
	due = link_due(&l->link, head, on_tick);
	if (due == LINK_NOTHING)
		return;
	bytes = link_next_bytes(&l->link, due, head);
	m = bus_msg_new(bytes);
	if (m == NULL) {
		links_close(l->owner, l->slot, "out_of_memory");
		return;
	}
	h->counts.items_out += link_make(&l->link, due, head, bus_msg_data(m));
	h->counts.batches_out++;
	h->counts.bytes_out += bytes;
	if (!bus_send(l->socket, m))
		links_close(l->owner, l->slot, "send_failed");
}

void links_turn(struct links *ls)
{
	uint64_t head = system_head(ls->hub->system);

	/* Ending one may fill another's queue over its limit: again until none is marked. */
	for (uint32_t i = 0; i < MAX_EDGES; i++) {
		struct edge_link *l = &ls->links[i];

		if (l->why != NULL && !l->closed) {
			close_marked(l);
			i = UINT32_MAX; /* wraps to 0 */
		}
	}
	for (uint32_t i = 0; i < MAX_EDGES; i++)
		send_next(&ls->links[i], head, ls->on_tick);
	ls->on_tick = false;
}

static void watch_silence(struct edge_link *l, int64_t now_ms)
{
	int64_t silent = now_ms - l->heard_ms;

	if (silent > LINK_DEAD_MS)
		links_close(l->owner, l->slot, "silent");
	else if (silent > LINK_SILENT_MS)
		silence_begin(&l->silence, l->owner->hub, l->slot, l->edge.id);
}

void links_tick(struct links *ls, int64_t now_ms)
{
	for (uint32_t i = 0; i < MAX_EDGES; i++) {
		struct edge_link *l = &ls->links[i];

		if (l->pipe != 0 && !l->live && now_ms - l->up_ms > LINK_CLAIM_MS)
			links_close(ls, i, "not_claimed");
		if (l->live)
			watch_silence(l, now_ms);
	}
	leases_tick(&ls->hub->leases, now_ms);
	ls->on_tick = true;
}

uint32_t links_wire(const struct links *ls, uint32_t slot)
{
	return ls->links[slot].link.wire;
}

bool links_are_idle(const struct links *ls)
{
	for (uint32_t i = 0; i < MAX_EDGES; i++) {
		const struct edge_link *l = &ls->links[i];

		if (l->live && l->why == NULL &&
			(link_queued(&l->link) > 0 || !bus_can_send(l->socket)))
			return false;
	}
	return true;
}

void links_view(const struct links *ls, struct router_view *out)
{
	int64_t now = clock_boot_ms();

	for (uint32_t i = 0; i < MAX_EDGES; i++) {
		const struct edge_link *l = &ls->links[i];

		if (!l->live)
			continue;
		out->edges[out->n_edges++] = (struct edge_view){
			.edge_id = l->edge.id,
			.edge_epoch = l->edge.epoch,
			.sessions = core_link_sessions(ls->hub->core, i),
			.queued_bytes = link_queued(&l->link),
			.violations = l->violations.total,
			.silent_ms = now - l->heard_ms,
			.gauges = l->gauges,
		};
	}
	out->edges_up = out->n_edges;
}
