/*
 * Facts are numbered from 1, ascending.  How far the router has come is in memory alone, as a
 * session is: auth goes on after the number that it is answered, so a new router is told all of
 * them again.  What a revocation made is on disk besides, and in force before auth has said a word.
 *
 * An answer waits until the marks of its request are on disk, or are known not to be.
 */
#include "router/trust.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/log.h"
#include "proto/codes.h"
#include "proto/names.h"
#include "proto/pack.h"
#include "router/ticketkey.h"
#include "trust.pb-c.h"

#define CONTEXTS 4

/* A request whose answer waits. */
struct trust_asker {
	struct bus_request *req; /* NULL: a free place */
	uint32_t wire;
	uint64_t number; /* of its last fact */
};

struct trust {
	struct hub *hub;
	struct bus_socket *socket;
	struct told told;
	struct trust_asker askers[CONTEXTS];
};

static bool read_user(const Pb__TrustUser *user, struct core_event *out)
{
	out->kind = CORE_USER_KNOWN;
	out->user.uid = codec_slice(user->uid);
	return name_is_uid(out->user.uid);
}

static bool read_kind(Pb__RevokeKind from, enum mark_kind *out)
{
	if (from == PB__REVOKE_KIND__REVOKE_USER)
		*out = MARK_USER;
	else if (from == PB__REVOKE_KIND__REVOKE_TOKEN)
		*out = MARK_TOKEN;
	else if (from == PB__REVOKE_KIND__REVOKE_ISSUER)
		*out = MARK_ISSUER;
	else
		return false; /* the wire carries any number */
	return true;
}

static bool read_revoke(const Pb__TrustFact *fact, struct core_event *out)
{
	const Pb__TrustRevoke *revoke = fact->revoke;
	struct mark *mark = &out->revoke.mark;

	out->kind = CORE_REVOKE;
	out->revoke.tag = fact->number;
	if (!read_kind(revoke->kind, &mark->kind))
		return false;
	mark->uid = mark->kind == MARK_ISSUER ? (struct slice){0} : codec_slice(revoke->uid);
	if (mark->kind == MARK_TOKEN)
		mark->id = revoke->token_hash;
	else if (mark->kind == MARK_ISSUER)
		mark->id = revoke->issuer;
	mark->at_ms = revoke->boot_ms;
	mark->code = revoke->code;
	if (mark->code != CLOSE_REVOKED && mark->code != CLOSE_LOGGED_OUT)
		return false;
	return name_is_uid(mark->uid) || (mark->uid.len == 0 && mark->kind != MARK_USER);
}

enum reading { READ_EVENT, READ_NOTHING, READ_BAD };

static enum reading read_fact(const Pb__TrustFact *fact, uint32_t wire, struct core_event *out)
{
	*out = (struct core_event){0};
	switch (fact->fact_case) {
	case PB__TRUST_FACT__FACT_USER:
		return read_user(fact->user, out) ? READ_EVENT : READ_BAD;
	case PB__TRUST_FACT__FACT_REVOKE:
		if (wire < 3 || !read_revoke(fact, out))
			return READ_BAD;
		/* of an earlier boot, whose tickets are dead */
		return out->revoke.mark.at_ms > 0 ? READ_EVENT : READ_NOTHING;
	case PB__TRUST_FACT__FACT__NOT_SET:
	case _PB__TRUST_FACT__FACT__CASE_IS_INT_SIZE:
		break;
	}
	return READ_NOTHING; /* in a hole of wire 2 */
}

/* false: not taken, nor what follows it. */
static bool carry_out(struct trust *t, const Pb__TrustFact *fact, uint32_t wire)
{
	struct core_event event;

	told_take(&t->told, fact->number);
	switch (read_fact(fact, wire, &event)) {
	case READ_EVENT:
		if (hub_step(t->hub, &event) < 0) {
			told_lost(&t->told, fact->number);
			return false;
		}
		t->hub->counts.trust_facts++;
		return true;
	case READ_NOTHING:
		return true;
	case READ_BAD:
		break;
	}
	/* Taken all the same, or it would be sent for ever. */
	log_warn("trust_fact_bad", "number=%" PRIu64, fact->number);
	return true;
}

/* The number up to which the answer must wait. */
static uint64_t take_facts(struct trust *t, const Pb__TrustRequest *request)
{
	uint64_t last = 0;

	for (size_t i = 0; i < request->n_facts; i++) {
		const Pb__TrustFact *fact = request->facts[i];
		/* Wire 2 has no holes. */
		uint64_t after = request->wire < 3 ? fact->number - 1 : request->after;
		enum told_next next =
			fact->number <= last ? TOLD_STOP : told_next(&t->told, fact->number, after);

		if (next == TOLD_STOP || (next == TOLD_TAKE && !carry_out(t, fact, request->wire)))
			break;
		last = fact->number;
	}
	return last;
}

static void answer(const struct trust *t, const struct trust_asker *asker)
{
	Pb__TrustReply reply = PB__TRUST_REPLY__INIT;
	uint32_t ticket_keys[TICKET_KEYS_MAX];

	reply.wire = asker->wire;
	reply.router_start = t->hub->router_start;
	reply.last = told_last(&t->told);
	if (asker->wire >= 3) {
		reply.n_ticket_keys = ticketkey_ids(t->hub, ticket_keys);
		reply.ticket_keys = ticket_keys;
	}
	pack_answer(asker->req, &reply.base);
}

static void answer_settled(struct trust *t)
{
	for (size_t i = 0; i < CONTEXTS; i++) {
		struct trust_asker *asker = &t->askers[i];

		if (asker->req == NULL || !told_is_settled(&t->told, asker->number))
			continue;
		answer(t, asker);
		asker->req = NULL;
	}
}

static void wait_for_marks(struct trust *t, const struct trust_asker *asked)
{
	for (size_t i = 0; i < CONTEXTS; i++) {
		if (t->askers[i].req == NULL) {
			t->askers[i] = *asked;
			return;
		}
	}
	answer(t, asked); /* there are no more contexts than places */
}

void trust_marking(struct trust *t, uint64_t tag)
{
	told_marking(&t->told, tag);
}

void trust_marked(struct trust *t, uint64_t tag, bool is_durable)
{
	told_marked(&t->told, tag, is_durable);
	if (!is_durable)
		LOG_LIMITED(LOG_ERROR, "revocation_not_kept",
			"number=%" PRIu64 " note=\"in force, but not on disk; auth says it again\"",
			tag);
	answer_settled(t);
}

static void on_trust(void *arg, uint32_t pipe, struct slice msg, struct bus_request *req)
{
	static const struct codec_bounds bounds = {
		TRUST_MAX_BYTES, TRUST_FACTS_PER_REQUEST * 2 + 1};
	struct trust *t = arg;
	ProtobufCMessage *decoded = NULL;
	struct trust_asker asker = {.req = req};

	if (codec_decode(&pb__trust_request__descriptor, msg, &bounds, t->hub->arena, &decoded) !=
			CODEC_OK ||
		!wire_lowest_is_known(((const Pb__TrustRequest *)decoded)->wire)) {
		LOG_LIMITED(LOG_WARN, "trust_undecodable", "bytes=%zu", msg.len);
		bus_request_drop(req);
		bus_pipe_close(t->socket, pipe);
		return;
	}
	asker.wire = ((const Pb__TrustRequest *)decoded)->wire;
	if (asker.wire >= 3)
		ticketkey_wanted(t->hub, ((const Pb__TrustRequest *)decoded)->ticket_key);
	asker.number = take_facts(t, (const Pb__TrustRequest *)decoded);
	if (told_is_settled(&t->told, asker.number))
		answer(t, &asker);
	else
		wait_for_marks(t, &asker);
}

int trust_new(struct trust **out, struct hub *hub)
{
	struct trust *t = calloc(1, sizeof(*t));
	struct bus_options options = {
		.pattern = BUS_REP,
		.max_message = TRUST_MAX_BYTES,
		.contexts = CONTEXTS,
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
