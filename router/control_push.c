/*
 * A push is answered when it has become what its sender waits for.  The core says when it is
 * durable; whether a device acknowledged it is looked up at the end of each turn, for the few who
 * want to know.  Its sender never waits longer than he said.
 */
#include <string.h>

#include "common/clock.h"
#include "common/memory.h"
#include "proto/codec.h"
#include "proto/codes.h"
#include "router/control_internal.h"

#define WAIT_DEFAULT_MS 5000

static bool read_wait(Pb__CtlWait from, enum core_wait *out)
{
	if (from == PB__CTL_WAIT__CTL_WAIT_DELIVERED)
		*out = CORE_WAIT_DELIVERED;
	else if (from == PB__CTL_WAIT__CTL_WAIT_ACCEPTED)
		*out = CORE_WAIT_ACCEPTED;
	else if (from == PB__CTL_WAIT__CTL_WAIT_ACKED)
		*out = CORE_WAIT_ACKED;
	else
		return false; /* the wire carries any number */
	return true;
}

static struct push_waiter *free_place(struct control *c)
{
	for (size_t i = 0; i < PUSH_WAITERS; i++) {
		if (c->pushes[i].asker.req == NULL)
			return &c->pushes[i];
	}
	return NULL;
}

static void answer_pushed(struct push_waiter *w, Pb__CtlPushState state)
{
	struct asker asker = w->asker;
	Pb__RouterCtlReply reply = PB__ROUTER_CTL_REPLY__INIT;
	Pb__CtlPushed pushed = PB__CTL_PUSHED__INIT;

	w->asker.req = NULL;
	pushed.devices = w->devices;
	pushed.seq = w->seq;
	pushed.mid = codec_bytes((struct slice){w->mid, w->mid_len});
	pushed.state = state;
	reply.result_case = PB__ROUTER_CTL_REPLY__RESULT_PUSHED;
	reply.pushed = &pushed;
	control_answer(asker, &reply);
}

static bool is_acked(const struct control *c, const struct push_waiter *w)
{
	struct core_user_info user;

	return w->user_len > 0 &&
	       core_user(c->hub->core, (struct slice){w->user, w->user_len}, &user) &&
	       user.acked >= w->seq;
}

/* What became of a message that is stored, by what the core said of it. */
static Pb__CtlPushState state_of(const struct push_waiter *w)
{
	if (w->user_len > 0 && w->state == CORE_KEPT)
		return PB__CTL_PUSH_STATE__CTL_PUSH_STORED;
	if (w->is_duplicate)
		return PB__CTL_PUSH_STATE__CTL_PUSH_DUPLICATE;
	if (w->user_len > 0 && w->state == CORE_ACCEPTED)
		return PB__CTL_PUSH_STATE__CTL_PUSH_ACCEPTED;
	return PB__CTL_PUSH_STATE__CTL_PUSH_DELIVERED;
}

/* Whether more can be hoped for than is known already. */
static bool waits_on(const struct push_waiter *w)
{
	switch (w->wait) {
	case CORE_WAIT_ACCEPTED:
		return false;
	case CORE_WAIT_DELIVERED:
		/* Its readers are on their way up to it; that they got there shows in their
		 * acknowledgement alone. */
		return state_of(w) == PB__CTL_PUSH_STATE__CTL_PUSH_ACCEPTED;
	case CORE_WAIT_ACKED:
		return true;
	}
	return false;
}

static void look_at(struct control *c, struct push_waiter *w, int64_t now_ms, bool is_end)
{
	if (!w->is_stored) {
		/* The core answers each push once; who does not wait so long asks again. */
		if (now_ms >= w->until_ms || is_end) {
			struct asker asker = w->asker;

			w->asker.req = NULL;
			control_refuse(asker, EX_UNAVAILABLE, "not on disk in time");
		}
		return;
	}
	if (!waits_on(w))
		answer_pushed(w, state_of(w));
	else if (is_acked(c, w))
		answer_pushed(w, PB__CTL_PUSH_STATE__CTL_PUSH_ACKED);
	else if (now_ms >= w->until_ms || is_end)
		answer_pushed(w, state_of(w) == PB__CTL_PUSH_STATE__CTL_PUSH_STORED
					 ? PB__CTL_PUSH_STATE__CTL_PUSH_STORED
					 : PB__CTL_PUSH_STATE__CTL_PUSH_TIMED_OUT);
}

void control_push_turn(struct control *c, int64_t now_ms, bool is_end)
{
	for (size_t i = 0; i < PUSH_WAITERS; i++) {
		struct push_waiter *w = &c->pushes[i];

		if (w->asker.req != NULL)
			look_at(c, w, now_ms, is_end);
	}
}

void control_pushed(struct control *c, const struct core_command *result)
{
	for (size_t i = 0; i < PUSH_WAITERS; i++) {
		struct push_waiter *w = &c->pushes[i];
		struct asker asker = w->asker;

		if (asker.req == NULL || w->ref != result->result.ref)
			continue;
		if (result->result.state == CORE_REFUSED) {
			w->asker.req = NULL;
			control_refuse(asker, result->result.code, result->result.field);
			return;
		}
		w->is_stored = true;
		w->is_duplicate = result->result.state == CORE_DUPLICATE;
		w->state = w->is_duplicate ? result->result.first : result->result.state;
		w->devices = result->result.devices;
		w->seq = result->result.seq;
		w->mid_len = 0;
		if (result->result.mid.len > 0 && result->result.mid.len <= sizeof(w->mid)) {
			memcpy(w->mid, result->result.mid.data, result->result.mid.len);
			w->mid_len = result->result.mid.len;
		}
		return;
	}
}

static int64_t timeout_of(const Pb__CtlPush *push)
{
	if (push->timeout_ms == 0)
		return WAIT_DEFAULT_MS;
	return push->timeout_ms < CTL_WAIT_MAX_MS ? push->timeout_ms : CTL_WAIT_MAX_MS;
}

/* false: it was refused. */
static bool is_fit(struct control *c, const Pb__CtlPush *push, struct push_waiter *w)
{
	if (!read_wait(push->wait, &w->wait) ||
		(push->user.len == 0 && w->wait == CORE_WAIT_ACKED)) {
		control_refuse(w->asker, EX_BAD_DATA, "wait");
		return false;
	}
	if (push->user.len > sizeof(w->user)) {
		control_refuse(w->asker, EX_BAD_DATA, "user");
		return false;
	}
	if (push->ttl_ms > INT64_MAX / 2) {
		control_refuse(w->asker, EX_BAD_DATA, "ttl");
		return false;
	}
	if (c->hub->draining || memory_is_tight(&c->hub->memory)) {
		control_refuse(w->asker, EX_UNAVAILABLE,
			c->hub->draining ? "the router is stopping" : "memory is short");
		return false;
	}
	return true;
}

static void submit(struct control *c, const Pb__CtlPush *push, struct slice data,
	const struct push_waiter *asked)
{
	struct core_event event = {.kind = CORE_CTL_PUSH};
	struct push_waiter *w = free_place(c);

	if (w == NULL) {
		control_refuse(asked->asker, EX_RATE_LIMITED, "too many wait already");
		return;
	}
	*w = *asked;
	w->ref = ++c->refs;
	w->until_ms = clock_boot_ms() + timeout_of(push);
	w->user_len = push->user.len;
	if (w->user_len > 0)
		memcpy(w->user, push->user.data, w->user_len);
	event.push.ref = w->ref;
	event.push.user = codec_slice(push->user);
	event.push.event = codec_slice(push->event);
	event.push.data = data;
	event.push.mid = codec_slice(push->mid);
	event.push.ttl_ms = (int64_t)push->ttl_ms;
	if (hub_step(c->hub, &event) < 0) {
		w->asker.req = NULL;
		control_refuse(asked->asker, EX_INTERNAL, "out of memory");
	}
}

void control_on_push(struct control *c, const Pb__RouterCtlRequest *request, struct asker asker)
{
	const Pb__CtlPush *push = request->push;
	struct push_waiter asked = {.asker = asker};
	struct slice data;
	unsigned code;

	if (!is_fit(c, push, &asked))
		return;
	code = hub_json(c->hub, codec_slice(push->data), PUSH_MAX_BYTES, &data);
	if (code != 0)
		control_refuse(asker, code, "data");
	else
		submit(c, push, data, &asked);
}
