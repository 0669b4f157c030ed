/*
 * What clients say.  Each frame costs from the connection's bucket, is read strictly, and goes to
 * one handler by its event.  The edge answers heartbeats by itself, so they need neither auth nor
 * router; everything else is packed for the router, which knows who sent it by the session alone.
 */
#include <errno.h>
#include <stdlib.h>

#include "common/clock.h"
#include "edge/live_inner.h"
#include "proto/codec.h"

#define FLOOD_AFTER_MS 5000

static const struct slice no_field = {NULL, 0};

void live_say_exception(
	struct live_conn *c, struct slice id, unsigned code, struct slice field, uint32_t after_ms)
{
	struct live *l = c->live;
	const struct frame_exception e = {id, code, field, after_ms};

	l->exceptions++;
	buf_clear(&l->scratch);
	frame_write_exception(&l->scratch, &e);
	live_put_scratch(c);
}

static void say_unavailable(struct live_conn *c, const struct frame *f)
{
	live_say_exception(c, f->id, EX_UNAVAILABLE, no_field, 0);
}

/* A reply where one was asked for, to what makes no message. */
static void say_done(struct live_conn *c, const struct frame *f)
{
	if (f->id.len == 0)
		return;
	buf_clear(&c->live->scratch);
	frame_write_done(&c->live->scratch, f->id);
	live_put_scratch(c);
}

/* The ref is in the item's message already.  Whatever goes wrong is answered. */
static void send_counted(
	struct live_conn *c, const struct frame *f, Pb__UpItem *item, uint64_t *ref)
{
	struct live *l = c->live;
	const struct send_entry entry = {
		.session = c->session,
		.at_ms = live_now(l),
		/* What he sends to himself comes back as a delivery with that number. */
		.takes_number = f->event == FRAME_CHAT && !slice_eq(f->to, live_uid(c)),
	};

	if (!c->is_open) {
		say_unavailable(c, f);
		return;
	}
	if (!conn_send_begin(&c->rules)) {
		live_say_exception(c, f->id, EX_RATE_LIMITED, no_field, 0);
		return;
	}
	if (sends_add(l->sends, &entry, f->id, ref) < 0) {
		conn_send_end(&c->rules);
		live_say_exception(c, f->id, EX_INTERNAL, no_field, 0);
		return;
	}
	if (uplink_add(l->uplink, item, UPLINK_MAY_WAIT) < 0) {
		conn_send_end(&c->rules);
		free(sends_take(l->sends, *ref));
		say_unavailable(c, f);
	}
}

static void on_chat(struct live_conn *c, const struct frame *f)
{
	Pb__UpSend send = PB__UP_SEND__INIT;
	Pb__UpItem item = PB__UP_ITEM__INIT;

	send.session = c->session;
	send.to = codec_bytes(f->to);
	send.content = codec_bytes(f->message);
	send.mid = codec_bytes(f->mid);
	item.item_case = PB__UP_ITEM__ITEM_SEND;
	item.send = &send;
	send_counted(c, f, &item, &send.ref);
}

static void on_push(struct live_conn *c, const struct frame *f)
{
	Pb__UpPush push = PB__UP_PUSH__INIT;
	Pb__UpItem item = PB__UP_ITEM__INIT;

	push.session = c->session;
	push.user = codec_bytes(f->to);
	push.event = codec_bytes(f->name);
	push.data = codec_bytes(buf_slice(&f->data));
	push.mid = codec_bytes(f->mid);
	item.item_case = PB__UP_ITEM__ITEM_PUSH;
	item.push = &push;
	send_counted(c, f, &item, &push.ref);
}

static void on_typing(struct live_conn *c, const struct frame *f)
{
	Pb__UpTyping typing = PB__UP_TYPING__INIT;
	Pb__UpItem item = PB__UP_ITEM__INIT;

	typing.session = c->session;
	typing.to = codec_bytes(f->to);
	item.item_case = PB__UP_ITEM__ITEM_TYPING;
	item.typing = &typing;
	if (!c->is_open || uplink_add(c->live->uplink, &item, UPLINK_MAY_WAIT) < 0)
		say_unavailable(c, f);
	else
		say_done(c, f);
}

int live_say_watch(struct live_conn *c)
{
	ProtobufCBinaryData users[WATCH_MAX_USERS];
	Pb__UpWatch watch = PB__UP_WATCH__INIT;
	Pb__UpItem item = PB__UP_ITEM__INIT;
	size_t at = 0;

	watch.session = c->session;
	watch.users = users;
	while (c->watch != NULL && at < c->watch->len) {
		size_t len = (unsigned char)c->watch->data[at];

		users[watch.n_users++] = codec_bytes((struct slice){c->watch->data + at + 1, len});
		at += 1 + len;
	}
	item.item_case = PB__UP_ITEM__ITEM_WATCH;
	item.watch = &watch;
	return uplink_add(c->live->uplink, &item, UPLINK_MAY_WAIT);
}

void live_forget_watch(struct live_conn *c)
{
	if (c->watch != NULL)
		buf_fini(c->watch);
	free(c->watch);
	c->watch = NULL;
}

/* Kept, to be said again after a restart of the router. */
static int keep_watch(struct live_conn *c, const struct frame *f)
{
	struct buf *watch;

	live_forget_watch(c);
	if (f->n_users == 0)
		return 0;
	watch = malloc(sizeof(*watch));
	if (watch == NULL)
		return -ENOMEM;
	buf_init(watch, WATCH_MAX_USERS * (1 + UID_MAX_BYTES));
	for (size_t i = 0; i < f->n_users; i++) {
		const char len = (char)(unsigned char)f->users[i].len;

		buf_add(watch, (struct slice){&len, 1});
		buf_add(watch, f->users[i]);
	}
	c->watch = watch;
	return watch->failed ? -ENOMEM : 0;
}

static void on_watch(struct live_conn *c, const struct frame *f)
{
	if (!c->is_open || keep_watch(c, f) < 0 || live_say_watch(c) < 0)
		say_unavailable(c, f);
	else
		say_done(c, f);
}

static void on_heartbeat(struct live_conn *c, const struct frame *f)
{
	struct live *l = c->live;

	if (!live_take_position(c, f))
		return;
	buf_clear(&l->scratch);
	frame_write_heartbeat(&l->scratch, f->id, live_uid(c), clock_wall_ms());
	live_put_scratch(c);
}

static void on_sync(struct live_conn *c, const struct frame *f)
{
	if (!c->is_open) {
		say_unavailable(c, f);
		return;
	}
	if (!slice_eq(f->epoch, (struct slice){c->epoch, EPOCH_BYTES})) {
		live_put_reset(c, live_reset_reason(PB__RESET_REASON__RESET_EPOCH_CHANGED));
	} else {
		if (!live_take_position(c, f))
			return;
		live_rewind(c, f);
	}
	if (!c->is_leaving)
		say_done(c, f);
}

static void (*const handlers[])(struct live_conn *c, const struct frame *f) = {
	[FRAME_CHAT] = on_chat,
	[FRAME_HEARTBEAT] = on_heartbeat,
	[FRAME_TYPING] = on_typing,
	[FRAME_WATCH] = on_watch,
	[FRAME_PUSH] = on_push,
	[FRAME_SYNC] = on_sync,
};

void live_execute(struct live_conn *c, const struct frame *f, struct frame_error e)
{
	if (f->event == FRAME_PUSH && e.code != EX_UNKNOWN_EVENT && !c->may_push)
		live_say_exception(c, f->id, EX_NOT_PERMITTED, no_field, 0);
	else if (e.code != EX_NONE)
		live_say_exception(c, f->id, e.code, slice_of(e.field), 0);
	else
		handlers[f->event](c, f);
}

static void on_bad_frame(struct live_conn *c, const struct frame *f, struct frame_error e)
{
	live_say_exception(c, f->id, e.code, slice_of(e.field), 0);
	if (conn_on_bad_frame(&c->rules, live_now(c->live)))
		live_close(c, CLOSE_BAD_PROTOCOL, 0);
}

static void on_frame(
	struct live_conn *c, struct frame *f, struct slice text, uint32_t over_after_ms)
{
	struct frame_error e = frame_read(text, f);

	if (over_after_ms > 0)
		live_say_exception(c, f->id, EX_RATE_LIMITED, no_field, over_after_ms);
	else if (e.code == EX_BAD_FRAME)
		on_bad_frame(c, f, e);
	else
		live_take_frame(c, f, e, text);
}

void live_on_text(struct ws_link *link, struct slice text)
{
	struct live_conn *c = (struct live_conn *)link;
	struct live *l = c->live;
	uint32_t after_ms = 0;
	struct frame f;

	if (c->is_leaving)
		return;
	switch (conn_on_message(&c->rules, &l->limits, live_now(l), &after_ms)) {
	case CONN_MESSAGE_OK:
	case CONN_MESSAGE_OVER:
		on_frame(c, &f, text, after_ms);
		frame_fini(&f);
		return;
	case CONN_MESSAGE_FLOOD:
		live_close(c, CLOSE_RATE_LIMITED, FLOOD_AFTER_MS);
		return;
	}
}
