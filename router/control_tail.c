/*
 * Who follows what happens.  A request waits here until a note is there for it, or its time is up.
 */
#include <string.h>

#include "common/clock.h"
#include "proto/codes.h"
#include "proto/names.h"
#include "router/control_internal.h"
#include "router/control_lists.h"

static void answer_tail(struct control *c, struct tail_waiter *w)
{
	struct asker asker = w->asker;
	Pb__RouterCtlReply reply = PB__ROUTER_CTL_REPLY__INIT;
	Pb__CtlTailed tailed = PB__CTL_TAILED__INIT;

	w->asker.req = NULL;
	arena_reset(c->arena);
	if (control_tail(c->hub, c->arena, w->after, (struct slice){w->user, w->user_len},
		    &tailed) < 0) {
		control_refuse(asker, EX_INTERNAL, "out of memory");
		return;
	}
	reply.result_case = PB__ROUTER_CTL_REPLY__RESULT_TAILED;
	reply.tailed = &tailed;
	control_answer(asker, &reply);
}

static bool has_note(const struct control *c, const struct tail_waiter *w)
{
	return tail_next(c->hub->tail, w->after, (struct slice){w->user, w->user_len}) != NULL;
}

static struct tail_waiter *free_waiter(struct control *c)
{
	for (size_t i = 0; i < TAIL_WAITERS; i++) {
		if (c->tails[i].asker.req == NULL)
			return &c->tails[i];
	}
	return NULL;
}

void control_on_tail(struct control *c, const Pb__RouterCtlRequest *request, struct asker asker)
{
	const Pb__CtlTail *tail = request->tail;
	struct tail_waiter *w = free_waiter(c);

	if (tail->user.len > 0 && !name_is_uid(codec_slice(tail->user))) {
		control_refuse(asker, EX_BAD_DATA, "user");
		return;
	}
	if (w == NULL) {
		control_refuse(asker, EX_RATE_LIMITED, "too many wait already");
		return;
	}
	w->asker = asker;
	/* A number from before a restart of this router is beyond its last one: from now on, too.
	 */
	w->after = tail->after == 0 || tail->after > tail_last(c->hub->tail)
			   ? tail_last(c->hub->tail)
			   : tail->after;
	w->until_ms = clock_boot_ms() + TAIL_WAIT_MS;
	w->user_len = tail->user.len;
	memcpy(w->user, tail->user.data == NULL ? (const uint8_t *)"" : tail->user.data,
		w->user_len);
	if (has_note(c, w))
		answer_tail(c, w);
}

void control_tail_turn(struct control *c)
{
	uint64_t last = tail_last(c->hub->tail);

	if (last == c->noted)
		return;
	c->noted = last;
	for (size_t i = 0; i < TAIL_WAITERS; i++) {
		struct tail_waiter *w = &c->tails[i];

		if (w->asker.req != NULL && has_note(c, w))
			answer_tail(c, w);
	}
}

void control_tail_tick(struct control *c, int64_t now_ms)
{
	for (size_t i = 0; i < TAIL_WAITERS; i++) {
		struct tail_waiter *w = &c->tails[i];

		if (w->asker.req != NULL && now_ms >= w->until_ms)
			answer_tail(c, w);
	}
}
