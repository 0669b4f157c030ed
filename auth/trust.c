/*
 * trust: one question at a time.  Each second auth asks for the router's last number, and at once
 * when there is a new fact; when facts are missing there they follow in batches without a pause.
 * The question each second is also what finds a router that came back: its last number is then 0,
 * and everything is sent again.
 *
 * To a router of before (trust_wire.h) facts are sent in wire 2, in which what it does not know is
 * a number without a body.  A revocation is never in force there.
 */
#include "auth/trust.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "auth/trust_wire.h"
#include "common/clock.h"
#include "common/log.h"
#include "proto/codec.h"
#include "proto/limits.h"
#include "proto/pack.h"
#include "trust.pb-c.h"

#define TICK_MS 1000
#define ANSWER_MS 2000

struct trust {
	struct facts *facts;
	struct bus_socket *socket;
	struct arena *arena;
	uv_loop_t *loop;
	uv_timer_t tick;
	uv_timer_t deadline;	    /* of the first who waits */
	struct trust_wait *waiting; /* in the order of their deadlines, which is that of numbers */
	struct trust_wait **waiting_end;
	bool asking;
	bool up;
	bool stuck; /* the router did not take what it was sent: wait for the tick */
	struct trust_wire wire;
	uint64_t sent;	       /* the last fact of the question that is out, 0: none */
	uint64_t router_start; /* of the last answer */
	uint64_t last;	       /* what the router has */
	uint32_t ticket_key;
	trust_keys_fn *keys;
	void *keys_arg;
};

struct batch {
	size_t n;
	uint64_t next; /* wire 2: the number that must come */
	Pb__TrustFact facts[TRUST_FACTS_PER_REQUEST];
	Pb__TrustFact *list[TRUST_FACTS_PER_REQUEST];
	union {
		Pb__TrustUser user;
		Pb__TrustRevoke revoke;
	} bodies[TRUST_FACTS_PER_REQUEST];
	char uids[TRUST_FACTS_PER_REQUEST][UID_MAX_BYTES];
};

static void ask(struct trust *t);

static Pb__TrustFact *fact_begin(struct batch *b, uint64_t number)
{
	Pb__TrustFact *fact = &b->facts[b->n];

	pb__trust_fact__init(fact);
	fact->number = number;
	b->list[b->n++] = fact;
	return fact;
}

static void user_fill(struct batch *b, size_t i, struct slice uid)
{
	Pb__TrustUser *user = &b->bodies[i].user;

	pb__trust_user__init(user);
	user->uid = codec_bytes(uid);
	b->facts[i].fact_case = PB__TRUST_FACT__FACT_USER;
	b->facts[i].user = user;
}

static void revoke_fill(struct batch *b, size_t i, const struct fact *fact, struct slice uid)
{
	Pb__TrustRevoke *revoke = &b->bodies[i].revoke;

	pb__trust_revoke__init(revoke);
	revoke->uid = codec_bytes(uid);
	revoke->boot_ms = fact->boot_ms;
	revoke->code = fact->code;
	if (fact->kind == FACT_REVOKE_USER) {
		revoke->kind = PB__REVOKE_KIND__REVOKE_USER;
	} else if (fact->kind == FACT_REVOKE_TOKEN) {
		revoke->kind = PB__REVOKE_KIND__REVOKE_TOKEN;
		revoke->token_hash = fact->subject;
	} else {
		revoke->kind = PB__REVOKE_KIND__REVOKE_ISSUER;
		revoke->issuer = (uint32_t)fact->subject;
	}
	b->facts[i].fact_case = PB__TRUST_FACT__FACT_REVOKE;
	b->facts[i].revoke = revoke;
}

static int batch_add(void *arg, const struct fact *fact)
{
	struct batch *b = arg;
	size_t i = b->n;
	struct slice uid = {b->uids[i], fact->uid.len};

	if (fact->uid.len > UID_MAX_BYTES)
		return -EINVAL;
	memcpy(b->uids[i], fact->uid.data, fact->uid.len);
	(void)fact_begin(b, fact->number);
	if (fact->kind == FACT_USER)
		user_fill(b, i, uid);
	else
		revoke_fill(b, i, fact, uid);
	return 0;
}

/* For a router of before: each number, and users alone with a body.  1: the batch is full. */
static int batch_add_old(void *arg, const struct fact *fact)
{
	struct batch *b = arg;

	for (; b->n < TRUST_FACTS_PER_REQUEST && b->next < fact->number; b->next++)
		(void)fact_begin(b, b->next);
	if (b->n == TRUST_FACTS_PER_REQUEST)
		return 1;
	b->next++;
	if (fact->kind == FACT_USER)
		return batch_add(b, fact);
	(void)fact_begin(b, fact->number);
	return 0;
}

static bool may_send(const struct trust *t)
{
	return t->up && !t->stuck && trust_wire_may_tell(&t->wire, t->router_start) &&
	       t->last < facts_last(t->facts);
}

static int batch_fill(struct trust *t, struct batch *b)
{
	unsigned max = TRUST_FACTS_PER_REQUEST;
	int64_t since_ms = clock_boot_ms() - MARK_KEPT_MS;
	int r;

	b->next = t->last + 1;
	if (t->wire.next >= 3)
		r = facts_after(t->facts, t->last, max, since_ms, batch_add, b);
	else
		r = facts_after(t->facts, t->last, max, INT64_MIN, batch_add_old, b);
	if (r < 0)
		log_error("facts_unreadable", "error=%d", -r);
	return r < 0 ? r : 0;
}

static struct bus_msg *request_make(struct trust *t)
{
	CLEANUP(mem_freep) struct batch *b = calloc(1, sizeof(*b));
	Pb__TrustRequest request = PB__TRUST_REQUEST__INIT;

	if (b == NULL || (may_send(t) && batch_fill(t, b) < 0))
		return NULL;
	request.wire = t->wire.next;
	request.n_facts = b->n;
	request.facts = b->list;
	if (t->wire.next >= 3) {
		request.after = t->last;
		request.ticket_key = t->ticket_key;
	}
	t->sent = b->n == 0 ? 0 : b->facts[b->n - 1].number;
	return pack_message(&request.base);
}

/* Those who wait */

static void on_deadline(uv_timer_t *timer);

static void deadline_set(struct trust *t)
{
	const struct trust_wait *first = t->waiting;
	int64_t left_ms;

	if (first == NULL) {
		(void)uv_timer_stop(&t->deadline);
		return;
	}
	uv_update_time(t->loop);
	left_ms = first->until_ms - (int64_t)uv_now(t->loop);
	(void)uv_timer_start(&t->deadline, on_deadline, left_ms < 0 ? 0 : (uint64_t)left_ms, 0);
}

/* done() may begin to wait anew, so each is taken out first. */
static void waiting_end(struct trust *t, bool in_force)
{
	struct trust_wait *w = t->waiting;

	t->waiting = w->next;
	if (t->waiting == NULL)
		t->waiting_end = &t->waiting;
	w->done(w, in_force);
}

static void on_deadline(uv_timer_t *timer)
{
	struct trust *t = timer->data;
	int64_t now_ms = (int64_t)uv_now(t->loop);

	while (t->waiting != NULL && t->waiting->until_ms <= now_ms)
		waiting_end(t, false);
	deadline_set(t);
}

static void waiting_confirm(struct trust *t)
{
	while (t->waiting != NULL && t->waiting->number <= t->last)
		waiting_end(t, true);
	deadline_set(t);
}

void trust_wait_for(struct trust *t, struct trust_wait *w, uint64_t number)
{
	uv_update_time(t->loop);
	w->next = NULL;
	w->number = number;
	w->until_ms = (int64_t)uv_now(t->loop) + REVOKE_CONFIRM_MS;
	*t->waiting_end = w;
	t->waiting_end = &w->next;
	deadline_set(t);
	trust_tell(t);
}

/* Answers */

static void went_down(struct trust *t)
{
	if (t->up)
		log_warn("router_away", "socket=trust");
	t->up = false;
}

static void reply_take(struct trust *t, const Pb__TrustReply *reply)
{
	uint64_t known = facts_last(t->facts);
	bool moved = reply->last != t->last || reply->router_start != t->router_start;

	trust_wire_answered(&t->wire, reply->wire, reply->router_start);
	if (!t->up || reply->router_start != t->router_start)
		log_info("router_reached", "has=%" PRIu64 " of=%" PRIu64 " wire=%" PRIu32,
			reply->last, known, reply->wire);
	if (reply->last > known) {
		facts_skip(t->facts, reply->last);
		LOG_LIMITED(LOG_ERROR, "router_knows_more",
			"has=%" PRIu64 " of=%" PRIu64
			" hint=\"auth.db is older than the router: restart the router\"",
			reply->last, known);
	}
	moved = moved || !t->up;
	t->up = true;
	t->router_start = reply->router_start;
	t->last = reply->last;
	t->stuck = t->sent != 0 && !moved;
	if (reply->wire >= 3) /* in wire 2 `last` says nothing of revocations */
		waiting_confirm(t);
	if (t->keys != NULL)
		t->keys(t->keys_arg, reply->ticket_keys, reply->n_ticket_keys);
	if (!t->stuck && (t->last < known || t->wire.next != reply->wire))
		ask(t);
}

static void on_trust_reply(void *arg, enum bus_answer_result result, struct slice answer)
{
	static const struct codec_bounds bounds = {TRUST_MAX_BYTES, 4 + TICKET_KEYS_MAX};
	struct trust *t = arg;
	ProtobufCMessage *msg;

	t->asking = false;
	if (result != BUS_ANSWERED) {
		trust_wire_unanswered(&t->wire, result == BUS_BROKE);
		went_down(t);
		if (t->waiting != NULL && result == BUS_BROKE)
			ask(t);
		return;
	}
	if (codec_decode(&pb__trust_reply__descriptor, answer, &bounds, t->arena, &msg) !=
			CODEC_OK ||
		!wire_is_known(((const Pb__TrustReply *)msg)->wire)) {
		LOG_LIMITED(LOG_WARN, "bad_reply", "socket=trust");
		went_down(t);
		return;
	}
	reply_take(t, (const Pb__TrustReply *)msg);
}

static void ask(struct trust *t)
{
	struct bus_msg *msg;

	if (t->asking)
		return;
	msg = request_make(t);
	if (msg == NULL)
		return;
	t->asking = bus_ask(t->socket, msg, ANSWER_MS, on_trust_reply, t) == 0;
}

/* While a question is out its answer is followed by what is new. */
void trust_tell(struct trust *t)
{
	ask(t);
}

void trust_want_ticket_key(struct trust *t, uint32_t id)
{
	t->ticket_key = id;
	ask(t);
}

void trust_on_ticket_keys(struct trust *t, trust_keys_fn *keys, void *arg)
{
	t->keys = keys;
	t->keys_arg = arg;
}

static void on_tick(uv_timer_t *timer)
{
	struct trust *t = timer->data;

	t->stuck = false;
	ask(t);
}

static int timers_start(struct trust *t)
{
	int r = uv_timer_init(t->loop, &t->tick);

	if (r == 0)
		r = uv_timer_init(t->loop, &t->deadline);
	if (r < 0)
		return r;
	t->tick.data = t;
	t->deadline.data = t;
	return uv_timer_start(&t->tick, on_tick, 0, TICK_MS);
}

int trust_new(
	struct trust **out, uv_loop_t *loop, struct bus *bus, const char *path, struct facts *facts)
{
	struct bus_options options = {.pattern = BUS_REQ, .max_message = TRUST_MAX_BYTES};
	struct trust *t = calloc(1, sizeof(*t));
	int r;

	if (t == NULL)
		return -ENOMEM;
	*out = t; /* the timers and the socket keep it */
	t->loop = loop;
	t->facts = facts;
	trust_wire_init(&t->wire);
	t->waiting_end = &t->waiting;
	r = arena_new(&t->arena, TRUST_MAX_BYTES);
	if (r == 0)
		r = bus_dial(bus, path, &options, &t->socket);
	return r < 0 ? r : timers_start(t);
}
