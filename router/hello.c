/*
 * A HELLO with a credential whose edge still has a live link is either a thief, or the edge itself
 * whose link broke a moment before the router noticed.  So it waits most of a second for that link
 * to go, and is then refused.
 */
#include "router/hello.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/clock.h"
#include "common/log.h"
#include "common/random.h"
#include "hello.pb-c.h"
#include "proto/pack.h"
#include "router/links.h"

#define WAIT_FOR_LINK_MS 700 /* an edge gives its HELLO a second */
#define RETRY_MS 250

/* Who asks, and the lower of his version and ours: the answer and the link speak it. */
struct asker {
	struct bus_request *req;
	uint32_t wire;
};

struct waiting {
	struct asker asker; /* req NULL: nobody waits */
	struct lease_identity edge;
	int64_t until_ms;
};

struct hello {
	struct hub *hub;
	struct bus_socket *socket;
	struct waiting waiting[MAX_EDGES]; /* for the link in that slot */
};

static void answer(struct asker asker, Pb__HelloReply *reply)
{
	reply->wire = asker.wire;
	pack_answer(asker.req, &reply->base);
}

static void answer_busy(struct hello *he, struct asker asker, uint32_t after_ms)
{
	Pb__HelloReply reply = PB__HELLO_REPLY__INIT;
	Pb__HelloBusy busy = PB__HELLO_BUSY__INIT;

	busy.retry_after_ms = after_ms;
	reply.result_case = PB__HELLO_REPLY__RESULT_BUSY;
	reply.busy = &busy;
	he->hub->counts.hellos_refused++;
	answer(asker, &reply);
}

static void answer_refused(struct hello *he, struct asker asker, const char *why)
{
	Pb__HelloReply reply = PB__HELLO_REPLY__INIT;
	Pb__HelloRefused refused = PB__HELLO_REFUSED__INIT;

	reply.result_case = PB__HELLO_REPLY__RESULT_REFUSED;
	reply.refused = &refused;
	he->hub->counts.hellos_refused++;
	LOG_LIMITED(LOG_WARN, "hello_refused", "reason=%s", why);
	answer(asker, &reply);
}

static void answer_lease(
	struct hello *he, struct asker asker, const struct lease_ask *ask, uint32_t slot)
{
	struct hub *h = he->hub;
	unsigned char credential[CREDENTIAL_BYTES];
	Pb__HelloReply reply = PB__HELLO_REPLY__INIT;
	Pb__HelloLease lease = PB__HELLO_LEASE__INIT;

	credential_mint(h->keys, ask->edge.id, ask->edge.epoch, credential);
	lease.path = codec_bytes(slice_of(links_rename(h->links, slot)));
	lease.link_key.data = (uint8_t *)(uintptr_t)ask->key;
	lease.link_key.len = sizeof(ask->key);
	lease.edge_id = ask->edge.id;
	lease.edge_epoch = ask->edge.epoch;
	lease.credential.data = credential;
	lease.credential.len = sizeof(credential);
	lease.router_start = h->router_start;
	reply.result_case = PB__HELLO_REPLY__RESULT_LEASE;
	reply.lease = &lease;
	answer(asker, &reply);
}

static void wait_for_link(
	struct hello *he, struct asker asker, struct lease_identity edge, uint32_t slot)
{
	struct waiting *w = &he->waiting[slot];

	if (w->asker.req != NULL) {
		answer_refused(he, asker, "second_claimant");
		return;
	}
	w->asker = asker;
	w->edge = edge;
	w->until_ms = clock_boot_ms() + WAIT_FOR_LINK_MS;
}

static void lease_to(struct hello *he, struct asker asker, struct lease_identity edge)
{
	struct lease_ask ask = {.now_ms = clock_boot_ms(), .edge = edge, .wire = asker.wire};
	uint32_t slot = 0;

	random_fill(ask.key, sizeof(ask.key));
	switch (leases_ask(&he->hub->leases, &ask, &slot)) {
	case LEASE_GIVEN:
		answer_lease(he, asker, &ask, slot);
		break;
	case LEASE_BUSY:
		answer_busy(he, asker, LINK_CLAIM_MS);
		break;
	case LEASE_REFUSED:
		answer_refused(he, asker, "quarantined");
		break;
	case LEASE_HELD:
		wait_for_link(he, asker, edge, slot);
		break;
	}
}

static void take_hello(struct hello *he, const Pb__HelloRequest *hello, struct asker asker)
{
	struct hub *h = he->hub;
	struct lease_identity edge;

	if (hello->credential.len == 0) {
		lease_to(he, asker, leases_draw(&h->leases, random_u64()));
		return;
	}
	if (credential_verify(h->keys, codec_slice(hello->credential), &edge.id, &edge.epoch) !=
		TICKET_OK) {
		answer_refused(he, asker, "credential");
		return;
	}
	lease_to(he, asker, edge);
}

static void on_hello(void *arg, uint32_t pipe, struct slice msg, struct bus_request *req)
{
	static const struct codec_bounds bounds = {HELLO_MAX_BYTES, 1};
	struct hello *he = arg;
	struct hub *h = he->hub;
	struct asker asker = {req, WIRE_VERSION_OLDEST}; /* which everybody understands */
	ProtobufCMessage *decoded = NULL;
	uint32_t after_ms = RETRY_MS;

	h->counts.hellos++;
	if (!leases_admit(&h->leases, clock_boot_ms(), &after_ms) || h->keys == NULL ||
		h->draining) {
		answer_busy(he, asker, after_ms);
		return;
	}
	if (codec_decode(&pb__hello_request__descriptor, msg, &bounds, h->arena, &decoded) !=
			CODEC_OK ||
		!wire_is_known(((const Pb__HelloRequest *)decoded)->wire)) {
		LOG_LIMITED(LOG_WARN, "hello_undecodable", "bytes=%zu", msg.len);
		bus_request_drop(req);
		bus_pipe_close(he->socket, pipe);
		return;
	}
	/* wire_is_known(): not higher than ours. */
	asker.wire = ((const Pb__HelloRequest *)decoded)->wire;
	take_hello(he, (const Pb__HelloRequest *)decoded, asker);
}

int hello_new(struct hello **out, struct hub *hub)
{
	struct hello *he = calloc(1, sizeof(*he));
	struct bus_options options = {
		.pattern = BUS_REP,
		.max_message = HELLO_MAX_BYTES,
		.contexts = MAX_EDGES * 2, /* as many may wait for their links, and others come */
		.uids = hub->config->edges.list,
		.n_uids = hub->config->edges.n,
		.mode = 0666,
		.on_request = on_hello,
	};
	char path[PATH_MAX];

	if (he == NULL)
		return -ENOMEM;
	he->hub = hub;
	options.arg = he;
	*out = he;
	if (snprintf(path, sizeof(path), "%s/router/router.sock", hub->config->run_path) >=
		(int)sizeof(path))
		return -ENAMETOOLONG;
	return bus_listen(hub->bus, path, &options, &he->socket);
}

void hello_slot_free(struct hello *he, uint32_t slot)
{
	struct waiting *w = &he->waiting[slot];
	struct asker asker = w->asker;

	if (asker.req == NULL)
		return;
	w->asker.req = NULL;
	lease_to(he, asker, w->edge);
}

void hello_tick(struct hello *he, int64_t now_ms)
{
	for (size_t i = 0; i < MAX_EDGES; i++) {
		struct waiting *w = &he->waiting[i];
		struct asker asker = w->asker;

		if (asker.req == NULL || now_ms < w->until_ms)
			continue;
		w->asker.req = NULL;
		hub_note(he->hub, "violation", (struct slice){0},
			"edge=%" PRIu32 " what=\"second claimant\"", w->edge.id);
		answer_refused(he, asker, "second_claimant");
	}
}
