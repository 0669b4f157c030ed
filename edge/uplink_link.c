/*
 * The claimed link: batches up and down.  The first message shows the lease's key.  Numbers tell of
 * a gap, which on a PAIR socket means that something was lost for good, so the link is dropped and
 * all begins anew.  What was seen is told with whatever goes up, and on its own when much came and
 * nothing went.
 */
#include <inttypes.h>

#include "common/log.h"
#include "edge/uplink_inner.h"

#define TELL_BATCHES (LINK_WINDOW_BATCHES / 4)
#define TELL_BYTES (LINK_WINDOW_BYTES / 4)

static void break_link(struct uplink *u, const char *why)
{
	log_error("link_broken", "edge=%u why=%s", u->lease.edge_id, why);
	bus_pipe_close(u->link, u->pipe);
	uplink_begin_again(u);
}

void uplink_flush(struct uplink *u)
{
	struct batches_head head = {.wire = u->wire, .seen = u->rx_number};
	struct bus_msg *m;
	size_t len;

	if (u->state != UPLINK_CLAIMED || !bus_can_send(u->link))
		return;
	if (u->batches.sent == 0)
		head.key = (struct slice){(const char *)u->key, LINK_KEY_BYTES};
	head.is_due = u->batches.sent == 0 || u->rx_number - u->rx_told >= TELL_BATCHES ||
		      u->rx_bytes >= TELL_BYTES;
	len = batches_size(&u->batches, &head);
	if (len == 0)
		return;
	m = bus_msg_new(len);
	if (m == NULL) {
		break_link(u, "memory");
		return;
	}
	batches_write(&u->batches, &head, bus_msg_data(m));
	u->rx_told = u->rx_number;
	u->rx_bytes = 0;
	if (!bus_send(u->link, m))
		break_link(u, "send");
}

static void on_link_sent(void *arg, bool ok)
{
	if (ok)
		uplink_flush(arg);
}

static void on_link_up(void *arg, uint32_t pipe)
{
	struct uplink *u = arg;
	enum uplink_change change;

	/* NNG dials again by itself; without a new lease that connection is of no use. */
	if (u->state != UPLINK_CLAIMING)
		return;
	uv_timer_stop(&u->timer);
	u->state = UPLINK_CLAIMED;
	u->pause_ms = UPLINK_PAUSE_MIN_MS;
	u->pipe = pipe;
	u->rx_number = 0;
	u->rx_told = 0;
	u->rx_bytes = 0;
	u->heard_ms = (int64_t)uv_now(u->loop);
	batches_reset(&u->batches);
	uplink_flush(u);
	if (u->state != UPLINK_CLAIMED)
		return;
	log_info("link_up", "edge=%u epoch=%u wire=%u", u->lease.edge_id, u->lease.edge_epoch,
		u->wire);
	change = lease_change(&u->claimed, &u->lease);
	u->claimed = u->lease;
	u->config.events->on_up(u->config.arg, change);
}

static void on_link_down(void *arg, uint32_t pipe)
{
	struct uplink *u = arg;

	if (u->state == UPLINK_CLAIMED && pipe == u->pipe)
		uplink_begin_again(u);
}

static void take_credential(struct uplink *u, const Pb__DownCredential *item)
{
	if (!uplink_take_credential(u, codec_slice(item->credential)))
		break_link(u, "credential");
}

static void take_items(struct uplink *u, const Pb__LinkDown *down)
{
	for (size_t i = 0; i < down->n_items && u->state == UPLINK_CLAIMED; i++) {
		const Pb__DownItem *item = down->items[i];

		if (item->item_case == PB__DOWN_ITEM__ITEM_SYSTEM)
			uplink_system_repaired(u, item->system);
		else if (item->item_case == PB__DOWN_ITEM__ITEM_CREDENTIAL)
			take_credential(u, item->credential);
		else
			u->config.events->on_item(u->config.arg, item);
	}
	if (u->state == UPLINK_CLAIMED)
		uplink_system_heard(u, down->system_head);
}

static void on_link_message(void *arg, uint32_t pipe, struct slice msg)
{
	const struct codec_bounds bounds = {LINK_BATCH_MAX_BYTES, LINK_BATCH_MAX_ELEMENTS};
	struct uplink *u = arg;
	ProtobufCMessage *message = NULL;
	const Pb__LinkDown *down;

	if (u->state != UPLINK_CLAIMED || pipe != u->pipe)
		return;
	if (codec_decode(&pb__link_down__descriptor, msg, &bounds, u->arena, &message) !=
		CODEC_OK) {
		break_link(u, "malformed");
		return;
	}
	down = (const Pb__LinkDown *)message;
	if (down->wire != u->wire) {
		break_link(u, "wire");
		return;
	}
	if (down->number != u->rx_number + 1) {
		break_link(u, "gap");
		return;
	}
	if (!batches_on_seen(&u->batches, down->seen)) {
		break_link(u, "seen");
		return;
	}
	u->rx_number = down->number;
	u->rx_bytes += msg.len;
	u->heard_ms = (int64_t)uv_now(u->loop);
	take_items(u, down);
}

int uplink_link_dial(struct uplink *u, const char *path)
{
	const struct bus_options options = {
		.pattern = BUS_PAIR,
		.max_message = LINK_BATCH_MAX_BYTES,
		.arg = u,
		.on_message = on_link_message,
		.on_sent = on_link_sent,
		.on_up = on_link_up,
		.on_down = on_link_down,
	};

	if (u->link != NULL)
		return bus_redial(u->link, path);
	return bus_dial(u->bus, path, &options, &u->link);
}
