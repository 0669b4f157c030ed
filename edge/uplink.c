/*
 * From nothing to a claimed link and back again.  The path of a link is a random name that the
 * router tells in its answer to HELLO; NNG would dial an old path for ever, so a link that breaks
 * is not waited for: a new HELLO asks for another.  The credential of the first answer goes with
 * each later HELLO, so that the edge keeps its id and epoch, and with them its sessions' tickets,
 * through a restart of the router.
 */
#include "edge/uplink.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#include "common/log.h"
#include "edge/uplink_inner.h"
#include "hello.pb-c.h"
#include "proto/pack.h"

#define HELLO_TIMEOUT_MS 1000
#define PAUSE_MAX_MS 500
#define REFUSALS 10 /* then the old identity is given up */
/*
 * A router of the wire version before closes the connection over a HELLO of ours.  One that is just
 * dying does so too, once; when so many in a row met that end, every second one speaks the old.
 */
#define MISHEARD 3
#define SILENT_MS (2 * LINK_SILENT_MS)
#define ARENA_BYTES (8 * LINK_BATCH_MAX_BYTES)
#define MAY_WAIT_BYTES (LINK_WINDOW_BYTES / 2)
#define MUST_BYTES (2 * LINK_WINDOW_BYTES)

static void say_hello(struct uplink *u);

static void on_timer(uv_timer_t *timer)
{
	struct uplink *u = timer->data;

	if (u->state == UPLINK_CLAIMING)
		log_warn("link_unclaimed", "edge=%u", u->lease.edge_id);
	say_hello(u);
}

static void pause_for(struct uplink *u, int64_t ms)
{
	u->state = UPLINK_PAUSING;
	uv_timer_start(&u->timer, on_timer, (uint64_t)ms, 0);
}

static void pause_growing(struct uplink *u)
{
	int64_t ms = u->pause_ms;

	u->pause_ms = ms * 2 > PAUSE_MAX_MS ? PAUSE_MAX_MS : ms * 2;
	pause_for(u, ms);
}

static void take_identity(struct uplink *u, const Pb__HelloLease *lease)
{
	u->lease = (struct lease){lease->edge_id, lease->edge_epoch, lease->router_start};
	u->refusals = 0;
	memcpy(u->key, lease->link_key.data, LINK_KEY_BYTES);
	memcpy(u->credential, lease->credential.data, CREDENTIAL_BYTES);
	u->credential_len = CREDENTIAL_BYTES;
}

bool uplink_take_credential(struct uplink *u, struct slice credential)
{
	if (credential.len != CREDENTIAL_BYTES)
		return false;
	memcpy(u->credential, credential.data, CREDENTIAL_BYTES);
	u->config.events->on_lease(u->config.arg, credential);
	return true;
}

static bool lease_is_good(const Pb__HelloLease *lease)
{
	return lease->edge_id != 0 && lease->path.len > 0 &&
	       lease->path.len <= LINK_PATH_MAX_BYTES &&
	       memchr(lease->path.data, 0, lease->path.len) == NULL &&
	       lease->link_key.len == LINK_KEY_BYTES && lease->credential.len == CREDENTIAL_BYTES;
}

static void on_lease(struct uplink *u, const Pb__HelloLease *lease)
{
	char path[LINK_PATH_MAX_BYTES + 1] = {0};

	if (!lease_is_good(lease)) {
		log_error("hello_bad_lease", "path_bytes=%zu", lease->path.len);
		pause_growing(u);
		return;
	}
	take_identity(u, lease);
	memcpy(path, lease->path.data, lease->path.len);
	uplink_system_reset(u);
	u->config.events->on_lease(u->config.arg, (struct slice){u->credential, u->credential_len});
	u->state = UPLINK_CLAIMING;
	if (uplink_link_dial(u, path) < 0)
		pause_growing(u);
	else
		uv_timer_start(&u->timer, on_timer, LINK_CLAIM_MS, 0);
}

static void on_refused(struct uplink *u)
{
	/* The router may not have noticed yet that the old link is gone. */
	if (++u->refusals == REFUSALS) {
		log_warn("hello_refused", "edge=%u", u->lease.edge_id);
		u->credential_len = 0;
	}
	pause_growing(u);
}

static void on_hello_answer(void *arg, enum bus_answer_result result, struct slice answer)
{
	const struct codec_bounds bounds = {HELLO_MAX_BYTES, 8};
	struct uplink *u = arg;
	ProtobufCMessage *message = NULL;
	const Pb__HelloReply *reply;

	if (u->state != UPLINK_ASKING)
		return;
	if (result != BUS_ANSWERED) {
		u->misheard = result == BUS_BROKE ? u->misheard + 1 : 0;
		pause_growing(u);
		return;
	}
	u->misheard = 0;
	if (codec_decode(&pb__hello_reply__descriptor, answer, &bounds, u->arena, &message) !=
		CODEC_OK) {
		log_error("hello_malformed", "bytes=%zu", answer.len);
		pause_growing(u);
		return;
	}
	reply = (const Pb__HelloReply *)message;
	if (!wire_is_known(reply->wire) || reply->wire > u->asked_wire) {
		log_error("hello_wire", "theirs=%u ours=%u", reply->wire, u->asked_wire);
		pause_growing(u);
	} else if (reply->result_case == PB__HELLO_REPLY__RESULT_LEASE) {
		u->wire = reply->wire;
		on_lease(u, reply->lease);
	} else if (reply->result_case == PB__HELLO_REPLY__RESULT_REFUSED) {
		on_refused(u);
	} else if (reply->result_case == PB__HELLO_REPLY__RESULT_BUSY) {
		uint32_t after = reply->busy->retry_after_ms;

		pause_for(u, after < UPLINK_PAUSE_MIN_MS ? UPLINK_PAUSE_MIN_MS
			     : after > 5000		 ? 5000
							 : after);
	} else {
		pause_growing(u);
	}
}

static uint32_t wire_to_ask(const struct uplink *u)
{
	bool old = u->misheard >= MISHEARD && (u->misheard - MISHEARD) % 2 == 0;

	return old ? WIRE_VERSION_OLDEST : WIRE_VERSION;
}

static void say_hello(struct uplink *u)
{
	Pb__HelloRequest request = PB__HELLO_REQUEST__INIT;
	struct bus_msg *m;

	u->asked_wire = wire_to_ask(u);
	request.wire = u->asked_wire;
	request.credential = codec_bytes((struct slice){u->credential, u->credential_len});
	u->state = UPLINK_ASKING;
	m = pack_message(&request.base);
	if (m == NULL) {
		pause_growing(u);
		return;
	}
	if (bus_ask(u->hello, m, HELLO_TIMEOUT_MS, on_hello_answer, u) < 0)
		pause_growing(u);
}

void uplink_begin_again(struct uplink *u)
{
	bool was_claimed = u->state == UPLINK_CLAIMED;

	if (!was_claimed && u->state != UPLINK_CLAIMING)
		return;
	batches_reset(&u->batches);
	u->pause_ms = UPLINK_PAUSE_MIN_MS;
	pause_growing(u);
	if (!was_claimed)
		return;
	log_warn("link_down", "edge=%u", u->lease.edge_id);
	u->config.events->on_down(u->config.arg);
}

static int dial_fixed(struct uplink *u)
{
	const struct bus_options hello = {
		.pattern = BUS_REQ,
		.max_message = HELLO_MAX_BYTES,
		.arg = u,
	};
	int ret = bus_dial(u->bus, u->config.hello_path, &hello, &u->hello);

	return ret < 0 ? ret : uplink_system_dial(u);
}

int uplink_new(
	struct uplink **out, uv_loop_t *loop, struct bus *bus, const struct uplink_config *config)
{
	struct uplink *u = calloc(1, sizeof(*u));
	int ret;

	if (u == NULL)
		return -ENOMEM;
	u->loop = loop;
	u->bus = bus;
	u->config = *config;
	u->pause_ms = UPLINK_PAUSE_MIN_MS;
	batches_init(&u->batches);
	system_init(&u->log);
	ret = arena_new(&u->arena, ARENA_BYTES);
	if (ret == 0)
		ret = dial_fixed(u);
	/* Sockets of the bus cannot be closed: after a failure the process ends. */
	if (ret < 0)
		return ret;
	uv_timer_init(loop, &u->timer);
	uv_timer_init(loop, &u->repair_timer);
	u->timer.data = u;
	u->repair_timer.data = u;
	pause_for(u, 0);
	*out = u;
	return 0;
}

bool uplink_is_up(const struct uplink *u)
{
	return u->state == UPLINK_CLAIMED && (int64_t)uv_now(u->loop) - u->heard_ms < SILENT_MS;
}

uint32_t uplink_edge_id(const struct uplink *u)
{
	return u->lease.edge_id;
}

uint32_t uplink_wire(const struct uplink *u)
{
	return u->wire;
}

int uplink_add(struct uplink *u, const Pb__UpItem *item, enum uplink_class class)
{
	int ret;

	if (u->state != UPLINK_CLAIMED)
		return -EAGAIN;
	ret = batches_add(&u->batches, item, class == UPLINK_MUST ? MUST_BYTES : MAY_WAIT_BYTES);
	if (ret < 0 && class == UPLINK_MUST) {
		LOG_LIMITED(LOG_ERROR, "link_overrun", "edge=%u waiting_bytes=%zu",
			u->lease.edge_id, u->batches.waiting_bytes);
		bus_pipe_close(u->link, u->pipe);
	}
	return ret;
}
