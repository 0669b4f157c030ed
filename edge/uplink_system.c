/*
 * Messages to all.  PUB drops what a slow subscriber does not take, and says nothing; their numbers
 * show it, and each batch on the link tells the highest there is.  PUB and link are two pipes, so a
 * number heard on the link is often simply on its way: only when it has not come a little later is
 * it asked for.
 */
#include <inttypes.h>

#include "common/log.h"
#include "edge/uplink_inner.h"

#define REPAIR_AFTER_MS 50

static void repair_arm(struct uplink *u);

static void give_out(struct uplink *u)
{
	const struct system_message *m;

	while ((m = system_next(&u->log)) != NULL)
		u->config.events->on_system(u->config.arg, m);
}

static bool text_is_good(const Pb__SystemMessage *m)
{
	return m->data_end <= m->plain_end && m->plain_end <= m->text.len;
}

static void take(struct uplink *u, const Pb__SystemMessage *m, bool repaired)
{
	const struct slice brace = SLICE_LITERAL("}");
	struct system_message kept = {.number = m->number};

	system_heard(&u->log, m->number);
	if (!system_wants(&u->log, m->number) || !text_is_good(m))
		return;
	kept.native = wire_new_text(codec_slice(m->text), brace, false);
	kept.plain = wire_new_text(
		(struct slice){(const char *)m->text.data, m->plain_end}, brace, false);
	if (kept.native == NULL || kept.plain == NULL) {
		wire_unref(kept.native);
		wire_unref(kept.plain);
		return;
	}
	system_put(&u->log, &kept, repaired);
	give_out(u);
}

static void on_repair_timer(uv_timer_t *timer)
{
	struct uplink *u = timer->data;
	Pb__UpSystemSince since = PB__UP_SYSTEM_SINCE__INIT;
	Pb__UpItem item = PB__UP_ITEM__INIT;

	if (!system_has_gap(&u->log) || u->state != UPLINK_CLAIMED)
		return;
	/* Numbers move on: what is missing now is on its way, as it was then. */
	if (u->log.head > u->repair_from) {
		repair_arm(u);
		return;
	}
	since.number = u->log.head;
	item.item_case = PB__UP_ITEM__ITEM_SYSTEM_SINCE;
	item.system_since = &since;
	log_info("system_repair", "after=%" PRIu64 " heard=%" PRIu64, u->log.head, u->log.heard);
	uplink_add(u, &item, UPLINK_MAY_WAIT);
	uplink_flush(u);
	uv_timer_start(timer, on_repair_timer, 10 * REPAIR_AFTER_MS, 0);
}

static void repair_arm(struct uplink *u)
{
	u->repair_from = u->log.head;
	uv_timer_start(&u->repair_timer, on_repair_timer, REPAIR_AFTER_MS, 0);
}

static void look_for_gap(struct uplink *u)
{
	if (system_has_gap(&u->log) && !uv_is_active((uv_handle_t *)&u->repair_timer))
		repair_arm(u);
}

void uplink_system_repaired(struct uplink *u, const Pb__SystemMessage *m)
{
	take(u, m, true);
}

void uplink_system_heard(struct uplink *u, uint64_t head)
{
	system_heard(&u->log, head);
	look_for_gap(u);
}

static void on_system_message(void *arg, uint32_t pipe, struct slice msg)
{
	const struct codec_bounds bounds = {SYSTEM_BATCH_MAX_BYTES, LINK_BATCH_MAX_ELEMENTS};
	struct uplink *u = arg;
	ProtobufCMessage *message = NULL;
	const Pb__SystemBatch *batch;

	(void)pipe;
	if (codec_decode(&pb__system_batch__descriptor, msg, &bounds, u->arena, &message) !=
		CODEC_OK) {
		LOG_LIMITED(LOG_ERROR, "system_malformed", "bytes=%zu", msg.len);
		return;
	}
	batch = (const Pb__SystemBatch *)message;
	/* Another start has other numbers; what of ours is missed meanwhile is repaired. */
	if (!wire_lowest_is_known(batch->wire) || batch->router_start != u->lease.router_start ||
		u->state != UPLINK_CLAIMED)
		return;
	for (size_t i = 0; i < batch->n_messages; i++)
		take(u, batch->messages[i], false);
	look_for_gap(u);
}

int uplink_system_dial(struct uplink *u)
{
	const struct bus_options options = {
		.pattern = BUS_SUB,
		.max_message = SYSTEM_BATCH_MAX_BYTES,
		.queue = SYSTEM_QUEUE,
		.arg = u,
		.on_message = on_system_message,
	};

	return bus_dial(u->bus, u->config.system_path, &options, &u->system);
}

void uplink_system_reset(struct uplink *u)
{
	system_reset(&u->log);
	uv_timer_stop(&u->repair_timer);
}

void uplink_system_start(struct uplink *u, uint64_t s)
{
	system_start(&u->log, s);
}

uint64_t uplink_system_head(const struct uplink *u)
{
	return u->log.head;
}

const struct system_message *uplink_system_get(const struct uplink *u, uint64_t n)
{
	return system_get(&u->log, n);
}
