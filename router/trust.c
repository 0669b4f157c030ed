/*
 * Facts are numbered from 1 without holes.  The router keeps the number of the last one it took, in
 * memory as everything is here; auth goes on after the number that it is answered, so a new router
 * is told all of them again.
 */
#include "router/trust.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/log.h"
#include "proto/names.h"
#include "proto/pack.h"
#include "trust.pb-c.h"

struct trust {
	struct hub *hub;
	struct bus_socket *socket;
	uint64_t last;
};

/* false: not taken, nor what follows it. */
static bool take_fact(struct trust *t, const Pb__TrustFact *fact)
{
	struct core_event event = {.kind = CORE_USER_KNOWN};

	if (fact->number <= t->last)
		return true; /* said again */
	if (fact->number != t->last + 1)
		return false;
	if (fact->fact_case != PB__TRUST_FACT__FACT_USER ||
		!name_is_uid(codec_slice(fact->user->uid))) {
		log_warn("trust_fact_bad", "number=%" PRIu64, fact->number);
		t->last = fact->number; /* or it would be sent for ever */
		return true;
	}
	event.user.uid = codec_slice(fact->user->uid);
	if (hub_step(t->hub, &event) < 0)
		return false;
	t->last = fact->number;
	t->hub->counts.trust_facts++;
	return true;
}

static void answer(struct trust *t, struct bus_request *req, uint32_t wire)
{
	Pb__TrustReply reply = PB__TRUST_REPLY__INIT;

	reply.wire = wire;
	reply.router_start = t->hub->router_start;
	reply.last = t->last;
	pack_answer(req, &reply.base);
}

static void on_trust(void *arg, uint32_t pipe, struct slice msg, struct bus_request *req)
{
	static const struct codec_bounds bounds = {
		TRUST_MAX_BYTES, TRUST_FACTS_PER_REQUEST * 2 + 1};
	struct trust *t = arg;
	ProtobufCMessage *decoded = NULL;
	const Pb__TrustRequest *request;

	if (codec_decode(&pb__trust_request__descriptor, msg, &bounds, t->hub->arena, &decoded) !=
			CODEC_OK ||
		!wire_is_known(((const Pb__TrustRequest *)decoded)->wire)) {
		LOG_LIMITED(LOG_WARN, "trust_undecodable", "bytes=%zu", msg.len);
		bus_request_drop(req);
		bus_pipe_close(t->socket, pipe);
		return;
	}
	request = (const Pb__TrustRequest *)decoded;
	for (size_t i = 0; i < request->n_facts; i++) {
		if (!take_fact(t, request->facts[i]))
			break;
	}
	answer(t, req, request->wire);
}

int trust_new(struct trust **out, struct hub *hub)
{
	struct trust *t = calloc(1, sizeof(*t));
	struct bus_options options = {
		.pattern = BUS_REP,
		.max_message = TRUST_MAX_BYTES,
		.contexts = 4,
		.uids = hub->config->auths.list,
		.n_uids = hub->config->auths.n,
		.mode = 0666,
		.on_request = on_trust,
	};
	char path[PATH_MAX];

	if (t == NULL)
		return -ENOMEM;
	t->hub = hub;
	options.arg = t;
	*out = t;
	if (snprintf(path, sizeof(path), "%s/trust/trust.sock", hub->config->run_path) >=
		(int)sizeof(path))
		return -ENAMETOOLONG;
	return bus_listen(hub->bus, path, &options, &t->socket);
}
