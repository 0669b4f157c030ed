/*
 * trust: one question at a time.  Each second auth asks for the router's last number; when facts
 * are missing there they follow in batches without a pause.  The question each second is also what
 * finds a router that came back: its last number is then 0, and everything is sent again.
 */
#include "auth/trust.h"

#include <errno.h>
#include <inttypes.h>

#include "common/log.h"
#include "proto/codec.h"
#include "proto/limits.h"
#include "proto/pack.h"
#include "trust.pb-c.h"

#define TICK_MS 1000
#define ANSWER_MS 2000

struct trust {
	struct users *users;
	struct bus_socket *socket;
	struct arena *arena;
	uv_timer_t tick;
	bool asking;
	bool up;
	bool stuck; /* the router did not take what it was sent: wait for the tick */
	uint64_t router_start;
	uint64_t last; /* what the router has */
};

struct batch {
	size_t n;
	Pb__TrustFact facts[TRUST_FACTS_PER_REQUEST];
	Pb__TrustFact *list[TRUST_FACTS_PER_REQUEST];
	Pb__TrustUser users[TRUST_FACTS_PER_REQUEST];
	char uids[TRUST_FACTS_PER_REQUEST][UID_MAX_BYTES];
};

static void ask(struct trust *t);

static int batch_add(void *arg, uint64_t number, struct slice uid)
{
	struct batch *b = arg;
	size_t i = b->n++;

	if (uid.len > UID_MAX_BYTES)
		return -EINVAL;
	memcpy(b->uids[i], uid.data, uid.len);
	pb__trust_user__init(&b->users[i]);
	b->users[i].uid = codec_bytes((struct slice){b->uids[i], uid.len});
	pb__trust_fact__init(&b->facts[i]);
	b->facts[i].number = number;
	b->facts[i].fact_case = PB__TRUST_FACT__FACT_USER;
	b->facts[i].user = &b->users[i];
	b->list[i] = &b->facts[i];
	return 0;
}

static struct bus_msg *request_make(struct trust *t)
{
	CLEANUP(mem_freep) struct batch *b = calloc(1, sizeof(*b));
	Pb__TrustRequest request = PB__TRUST_REQUEST__INIT;

	if (b == NULL)
		return NULL;
	if (t->up && !t->stuck && t->last < users_last_fact(t->users)) {
		int r = users_facts(t->users, t->last, TRUST_FACTS_PER_REQUEST, batch_add, b);

		if (r < 0) {
			log_error("facts_unreadable", "error=%d", -r);
			return NULL;
		}
	}
	request.wire = WIRE_VERSION_OLDEST; /* nothing in it is newer, so both routers take it */
	request.n_facts = b->n;
	request.facts = b->list;
	return pack_message(&request.base);
}

static void went_down(struct trust *t)
{
	if (t->up)
		log_warn("router_away", "socket=trust");
	t->up = false;
}

static void reply_take(struct trust *t, const Pb__TrustReply *reply)
{
	uint64_t known = users_last_fact(t->users);
	bool moved = reply->last != t->last;

	if (!t->up || reply->router_start != t->router_start) {
		log_info("router_reached", "has=%" PRIu64 " of=%" PRIu64, reply->last, known);
		moved = true;
	}
	if (reply->last > known)
		LOG_LIMITED(LOG_ERROR, "router_knows_more",
			"has=%" PRIu64 " of=%" PRIu64
			" hint=\"auth.db is older than the router: restart the router\"",
			reply->last, known);
	t->up = true;
	t->router_start = reply->router_start;
	t->last = reply->last;
	t->stuck = !moved;
	if (moved && t->last < known)
		ask(t);
}

static void on_trust_reply(void *arg, enum bus_answer_result result, struct slice answer)
{
	static const struct codec_bounds bounds = {TRUST_MAX_BYTES, 4};
	struct trust *t = arg;
	ProtobufCMessage *msg;

	t->asking = false;
	if (result != BUS_ANSWERED) {
		went_down(t);
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

static void on_tick(uv_timer_t *timer)
{
	struct trust *t = timer->data;

	t->stuck = false;
	ask(t);
}

int trust_new(
	struct trust **out, uv_loop_t *loop, struct bus *bus, const char *path, struct users *users)
{
	struct bus_options options = {.pattern = BUS_REQ, .max_message = TRUST_MAX_BYTES};
	CLEANUP(mem_freep) struct trust *t = calloc(1, sizeof(*t));
	int r;

	if (t == NULL)
		return -ENOMEM;
	t->users = users;
	r = arena_new(&t->arena, TRUST_MAX_BYTES);
	if (r < 0)
		return r;
	r = bus_dial(bus, path, &options, &t->socket);
	if (r < 0) {
		arena_free(t->arena);
		return r;
	}
	r = uv_timer_init(loop, &t->tick);
	if (r < 0)
		return r;
	t->tick.data = t;
	(void)uv_timer_start(&t->tick, on_tick, 0, TICK_MS);
	*out = t;
	t = NULL;
	return 0;
}
