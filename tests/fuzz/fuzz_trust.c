/*
 * Auth's way to the router against a router that says anything.  One question is out at a time, is
 * within the router's bounds, and tells facts in ascending order after what the router has; who
 * waits for a fact hears once, and hears that it is in force only when the router has said so.
 */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>

#include "auth/trust.h"
#include "proto/codec.h"
#include "proto/limits.h"
#include "tests/fuzz/script.h"
#include "tests/fuzz/world.h"
#include "trust.pb-c.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define FACTS 64
#define WAITERS 16

struct waiter {
	struct trust_wait wait; /* the first member: on_told() turns it back */
	bool is_waiting;
	uint64_t number;
};

static struct fact facts[FACTS];
static size_t n_facts;
static uint64_t last_number;
static struct waiter waiters[WAITERS];
static uint64_t in_force; /* what a router has said, at most */
static uint64_t starts;
static uv_loop_t loop;
static struct trust *trust;
static struct bus_socket *router;
static struct arena *decoded;

/* Facts */

uint64_t facts_last(const struct facts *f)
{
	(void)f;
	return last_number;
}

void facts_skip(struct facts *f, uint64_t number)
{
	(void)f;
	assert(number > last_number);
}

int facts_after(
	struct facts *f, uint64_t after, unsigned max, int64_t since, facts_fn *each, void *arg)
{
	unsigned n = 0;
	int r = 0;

	(void)f;
	for (size_t i = 0; i < n_facts && n < max && r == 0; i++) {
		if (facts[i].number <= after)
			continue;
		if (facts[i].kind != FACT_USER && facts[i].boot_ms <= since && i + 1 < n_facts)
			continue;
		r = each(arg, &facts[i]);
		n++;
	}
	return r;
}

static void fact_add(unsigned how)
{
	static const char *const users[] = {"ann", "bob"};

	if (n_facts == FACTS)
		return;
	last_number += 1 + (how >> 6); /* with holes */
	facts[n_facts++] = (struct fact){
		.number = last_number,
		.kind = (enum fact_kind)(1 + how % 4),
		.uid = slice_of(users[how >> 2 & 1]),
		.subject = how,
		.boot_ms = how & 8 ? world_ms : 0,
		.code = 4404,
	};
}

/* The router */

static void on_sent(void *arg, const struct world_sent *sent)
{
	static const struct codec_bounds bounds = {
		TRUST_MAX_BYTES, TRUST_FACTS_PER_REQUEST * 2 + 1};
	const Pb__TrustRequest *request;
	ProtobufCMessage *m;
	uint64_t last = 0;

	(void)arg;
	assert(codec_decode(&pb__trust_request__descriptor, sent->bytes, &bounds, decoded, &m) ==
		CODEC_OK);
	request = (const Pb__TrustRequest *)m;
	assert(wire_is_known(request->wire));
	assert(request->wire >= 3 || (request->after == 0 && request->ticket_key == 0));
	for (size_t i = 0; i < request->n_facts; i++) {
		const Pb__TrustFact *fact = request->facts[i];

		assert(fact->number > last && fact->number > request->after &&
			fact->number <= last_number);
		assert(request->wire >= 3 || i == 0 || fact->number == last + 1);
		assert(request->wire >= 3 || fact->fact_case != PB__TRUST_FACT__FACT_REVOKE);
		last = fact->number;
	}
}

static void on_told(struct trust_wait *w, bool is_in_force)
{
	struct waiter *waiter = (struct waiter *)w;

	assert(waiter->is_waiting);
	waiter->is_waiting = false;
	assert(!is_in_force || waiter->number <= in_force);
}

static void on_keys(void *arg, const uint32_t *ids, size_t n)
{
	(void)arg;
	assert(n == 0 || ids != NULL);
}

static void answer(uint32_t wire, uint64_t start, uint64_t last)
{
	Pb__TrustReply reply = PB__TRUST_REPLY__INIT;
	uint32_t keys[] = {1, 2};
	uint8_t bytes[256];

	reply.wire = wire;
	reply.router_start = start;
	reply.last = last;
	reply.n_ticket_keys = wire >= 3 ? 2 : 0;
	reply.ticket_keys = keys;
	if (wire == 3 && last > in_force)
		in_force = last;
	world_answer(router, BUS_ANSWERED,
		(struct slice){(const char *)bytes, pb__trust_reply__pack(&reply, bytes)});
}

static void answer_raw(struct slice bytes)
{
	in_force = UINT64_MAX; /* perhaps */
	if (bytes.len <= TRUST_MAX_BYTES)
		world_answer(router, BUS_ANSWERED, bytes);
}

static void wait_for_last(void)
{
	for (size_t i = 0; i < WAITERS; i++) {
		struct waiter *w = &waiters[i];

		if (w->is_waiting)
			continue;
		*w = (struct waiter){{.done = on_told}, true, last_number};
		trust_wait_for(trust, &w->wait, last_number);
		return;
	}
}

static void step(struct script *s)
{
	unsigned what = script_byte(s) % 8;
	unsigned how = script_byte(s);

	if (what >= 3 && what <= 5 && world_asked(router) == 0)
		return;
	switch (what) {
	case 0:
		fact_add(how);
		break;
	case 1:
		trust_tell(trust);
		break;
	case 2:
		wait_for_last();
		break;
	case 3:
		answer(2 + how % 2, starts * 4 + (how >> 1 & 1),
			how & 4 ? last_number : (uint64_t)(how >> 3));
		break;
	case 4:
		answer_raw(script_slice(s));
		break;
	case 5:
		world_answer(router, how % 2 ? BUS_BROKE : BUS_TIMED_OUT, (struct slice){NULL, 0});
		break;
	case 6:
		world_ms += how * 20;
		break;
	case 7:
		trust_want_ticket_key(trust, how);
		break;
	}
}

static void begin(void)
{
	world_reset();
	world_stop_time(true);
	assert(uv_loop_init(&loop) == 0 && arena_new(&decoded, 1 << 20) == 0);
	assert(trust_new(&trust, &loop, NULL, "trust.sock", NULL) == 0);
	trust_on_ticket_keys(trust, on_keys, NULL);
	world_keep();
	router = world_socket("trust.sock");
}

/* A router that has nothing yet: what came before is of no matter then. */
static void begin_again(void)
{
	world_on_sent(NULL, NULL);
	starts++;
	n_facts = 0;
	last_number = in_force = 0;
	trust_want_ticket_key(trust, 0);
	for (int i = 0; i < 4; i++) {
		world_ms += 1000;
		uv_run(&loop, UV_RUN_NOWAIT);
		if (world_asked(router) > 0)
			answer(3, starts * 4, 0);
	}
	world_on_sent(on_sent, NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct script s = {data, size};

	if (trust == NULL)
		begin();
	world_stop_time(true);
	begin_again();
	while (!script_is_over(&s)) {
		step(&s);
		uv_run(&loop, UV_RUN_NOWAIT);
		assert(world_asked(router) <= 1);
	}
	/* Nobody waits longer than that. */
	world_ms += REVOKE_CONFIRM_MS;
	uv_run(&loop, UV_RUN_NOWAIT);
	for (size_t i = 0; i < WAITERS; i++)
		assert(!waiters[i].is_waiting);
	world_stop_time(false);
	return 0;
}
