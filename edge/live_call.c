/*
 * A call is asked for like an opening, and answered like a send.  Both waits have the same length,
 * so calls are due in the order in which they last moved on, and one list is all the timers.
 *
 * The router repeats the edge's numbers: those of calls have the highest bit, which the running
 * numbers of sends.h never reach.
 */
#include "edge/live_call.h"

#include <errno.h>
#include <stdlib.h>

#include "edge/live_inner.h"
#include "proto/codec.h"

#define TICK_MS 100
#define CALL_BIT (UINT64_C(1) << 63)
#define CLOSED_NORMALLY 1000

struct call {
	struct call *next;
	struct call *prev;
	int64_t due_ms;
	uint64_t nonce;
	uint64_t session; /* 0: not opened yet */
	live_called_fn *done;
	void *arg;
	struct live_call what;
	size_t len;
	char text[]; /* what `what` points to */
};

struct live_calls {
	struct live *live;
	struct map *by_ref;
	struct map *by_session;
	struct call *first; /* due first */
	struct call *last;
	uv_timer_t timer;
};

static uint64_t ref_of(uint64_t nonce)
{
	return nonce | CALL_BIT;
}

static void list_remove(struct live_calls *cs, struct call *c)
{
	*(c->prev == NULL ? &cs->first : &c->prev->next) = c->next;
	*(c->next == NULL ? &cs->last : &c->next->prev) = c->prev;
}

/* It waits for the router's next word. */
static void list_add(struct live_calls *cs, struct call *c)
{
	c->due_ms = live_now(cs->live) + SEND_ANSWER_MS;
	c->next = NULL;
	c->prev = cs->last;
	*(c->prev == NULL ? &cs->first : &c->prev->next) = c;
	cs->last = c;
}

/* Out of all tables; still to be freed. */
static void take(struct live_calls *cs, struct call *c, bool tell_router)
{
	list_remove(cs, c);
	map_remove_u64(cs->by_ref, ref_of(c->nonce));
	if (c->session != 0) {
		map_remove_u64(cs->by_session, c->session);
		if (tell_router)
			live_say_close(cs->live, c->session, CLOSED_NORMALLY);
	}
	if (cs->first == NULL)
		uv_timer_stop(&cs->timer);
}

static void end(struct live_calls *cs, struct call *c, const struct live_call_result *result)
{
	take(cs, c, result->outcome != LIVE_CALL_SHUT);
	c->done(c->arg, result);
	free(c);
}

static void end_away(struct live_calls *cs, struct call *c)
{
	end(cs, c, &(struct live_call_result){.outcome = LIVE_CALL_AWAY});
}

static void on_timer(uv_timer_t *timer)
{
	struct live_calls *cs = timer->data;

	while (cs->first != NULL && cs->first->due_ms <= live_now(cs->live))
		end_away(cs, cs->first);
}

int live_calls_new(struct live_calls **out, struct live *l)
{
	struct live_calls *cs = calloc(1, sizeof(*cs));

	if (cs == NULL)
		return -ENOMEM;
	cs->live = l;
	if (map_new(&cs->by_ref) < 0 || map_new(&cs->by_session) < 0) {
		map_free(cs->by_ref);
		free(cs);
		return -ENOMEM;
	}
	uv_timer_init(l->loop, &cs->timer);
	cs->timer.data = cs;
	*out = cs;
	return 0;
}

static struct slice keep(struct call *c, struct slice s)
{
	char *to = c->text + c->len;

	if (s.len > 0)
		memcpy(to, s.data, s.len);
	c->len += s.len;
	return (struct slice){to, s.len};
}

/* The ticket is not kept: it is said once. */
static struct call *make_call(const struct live_call *from)
{
	size_t len =
		from->to.len + from->content.len + from->event.len + from->data.len + from->mid.len;
	struct call *c = calloc(1, sizeof(*c) + len);

	if (c == NULL)
		return NULL;
	c->nonce = from->nonce;
	c->what.is_push = from->is_push;
	c->what.to = keep(c, from->to);
	c->what.content = keep(c, from->content);
	c->what.event = keep(c, from->event);
	c->what.data = keep(c, from->data);
	c->what.mid = keep(c, from->mid);
	return c;
}

static int say_open(struct live *l, const struct live_call *call)
{
	Pb__UpOpen open = PB__UP_OPEN__INIT;
	Pb__UpItem item = PB__UP_ITEM__INIT;

	open.nonce = call->nonce;
	open.ticket = codec_bytes(call->ticket);
	open.device = codec_bytes(SLICE_LITERAL("api"));
	open.dialect = PB__DIALECT__DIALECT_API;
	item.item_case = PB__UP_ITEM__ITEM_OPEN;
	item.open = &open;
	return uplink_add(l->uplink, &item, UPLINK_MAY_WAIT);
}

int live_call(struct live *l, const struct live_call *call, live_called_fn *done, void *arg)
{
	struct live_calls *cs = l->calls;
	struct call *c;
	int r;

	if (!live_is_up(l) || uplink_wire(l->uplink) < 3)
		return -EAGAIN;
	if (map_count(cs->by_ref) == LIVE_CALLS_MAX)
		return -EBUSY;
	if (call->ticket.len == 0 || call->ticket.len > TICKET_MAX_BYTES ||
		map_get_u64(cs->by_ref, ref_of(call->nonce)) != NULL)
		return -EINVAL;
	c = make_call(call);
	if (c == NULL)
		return -ENOMEM;
	c->done = done;
	c->arg = arg;
	r = map_put_u64(cs->by_ref, ref_of(c->nonce), c);
	if (r == 0)
		r = say_open(l, call);
	if (r < 0) {
		map_remove_u64(cs->by_ref, ref_of(c->nonce));
		free(c);
		return r;
	}
	if (cs->first == NULL)
		uv_timer_start(&cs->timer, on_timer, TICK_MS, TICK_MS);
	list_add(cs, c);
	return 0;
}

void live_call_cancel(struct live *l, uint64_t nonce)
{
	struct call *c = map_get_u64(l->calls->by_ref, ref_of(nonce));

	/* An answer that is still on its way finds nobody, and the session is closed then. */
	if (c == NULL)
		return;
	take(l->calls, c, true);
	free(c);
}

static int say_send(struct live *l, const struct call *c)
{
	Pb__UpSend send = PB__UP_SEND__INIT;
	Pb__UpItem item = PB__UP_ITEM__INIT;

	send.session = c->session;
	send.ref = ref_of(c->nonce);
	send.to = codec_bytes(c->what.to);
	send.content = codec_bytes(c->what.content);
	send.mid = codec_bytes(c->what.mid);
	item.item_case = PB__UP_ITEM__ITEM_SEND;
	item.send = &send;
	return uplink_add(l->uplink, &item, UPLINK_MAY_WAIT);
}

static int say_push(struct live *l, const struct call *c)
{
	Pb__UpPush push = PB__UP_PUSH__INIT;
	Pb__UpItem item = PB__UP_ITEM__INIT;

	push.session = c->session;
	push.ref = ref_of(c->nonce);
	push.user = codec_bytes(c->what.to);
	push.event = codec_bytes(c->what.event);
	push.data = codec_bytes(c->what.data);
	push.mid = codec_bytes(c->what.mid);
	item.item_case = PB__UP_ITEM__ITEM_PUSH;
	item.push = &push;
	return uplink_add(l->uplink, &item, UPLINK_MAY_WAIT);
}

bool live_call_on_opened(struct live *l, const Pb__DownOpened *o)
{
	struct live_calls *cs = l->calls;
	struct call *c = map_get_u64(cs->by_ref, ref_of(o->nonce));

	if (c == NULL || c->nonce != o->nonce || c->session != 0)
		return false;
	if (map_put_u64(cs->by_session, o->session, c) < 0) {
		live_say_close(l, o->session, CLOSED_NORMALLY);
		end_away(cs, c);
		return true;
	}
	c->session = o->session;
	list_remove(cs, c);
	list_add(cs, c);
	if ((c->what.is_push ? say_push(l, c) : say_send(l, c)) < 0)
		end_away(cs, c);
	return true;
}

bool live_call_on_open_refused(struct live *l, const Pb__DownOpenRefused *r)
{
	struct live_calls *cs = l->calls;
	struct call *c = map_get_u64(cs->by_ref, ref_of(r->nonce));

	if (c == NULL || c->nonce != r->nonce || c->session != 0)
		return false;
	end(cs, c, &(struct live_call_result){.outcome = LIVE_CALL_SHUT, .close_code = r->code});
	return true;
}

void live_call_on_shut(struct live *l, const Pb__DownShut *s)
{
	struct live_calls *cs = l->calls;
	struct call *c = map_get_u64(cs->by_session, s->session);

	if (c != NULL)
		end(cs, c,
			&(struct live_call_result){
				.outcome = LIVE_CALL_SHUT, .close_code = s->code});
}

void live_call_on_result(struct live *l, const Pb__DownResult *r)
{
	struct live_calls *cs = l->calls;
	struct call *c = (r->ref & CALL_BIT) == 0 ? NULL : map_get_u64(cs->by_ref, r->ref);
	const bool is_duplicate = r->state == PB__SEND_STATE__SEND_DUPLICATE;

	if (c == NULL || c->session == 0)
		return;
	end(cs, c,
		&(struct live_call_result){
			.outcome = live_state_name(r->state) == NULL ? LIVE_CALL_REFUSED
								     : LIVE_CALL_SENT,
			.state = live_state_name(r->state),
			.first = is_duplicate ? live_state_name(r->first) : NULL,
			.mid = codec_slice(r->mid),
			.devices = r->devices,
			.seq = r->seq,
			.exception = r->code,
			.field = codec_slice(r->field),
			.after_ms = r->after_ms,
		});
}

void live_calls_on_down(struct live *l)
{
	while (l->calls->first != NULL)
		end_away(l->calls, l->calls->first);
}
