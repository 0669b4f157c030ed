/*
 * What the router says: answers to openings and sends, deliveries, ends of sessions, and messages
 * to all. The router wrote the text of every delivery; here it becomes one WebSocket frame for each
 * dialect, made once and shared by all receivers.
 */
#include <stdlib.h>

#include "common/log.h"
#include "edge/live_inner.h"
#include "proto/codec.h"

const char *live_state_name(Pb__SendState state)
{
	switch (state) {
	case PB__SEND_STATE__SEND_REFUSED:
	case _PB__SEND_STATE_IS_INT_SIZE:
		break;
	case PB__SEND_STATE__SEND_DELIVERED:
		return "delivered";
	case PB__SEND_STATE__SEND_ACCEPTED:
		return "accepted";
	case PB__SEND_STATE__SEND_STORED:
		return "stored";
	case PB__SEND_STATE__SEND_DUPLICATE:
		return "duplicate";
	}
	return NULL;
}

static void say_result(struct live_conn *c, const struct send_entry *e, const Pb__DownResult *r)
{
	struct live *l = c->live;
	const char *state = live_state_name(r->state);
	const struct frame_ack ack = {
		.id = send_id(e),
		.mid = codec_slice(r->mid),
		.state = state,
		.first = r->state == PB__SEND_STATE__SEND_DUPLICATE ? live_state_name(r->first)
								    : NULL,
		.devices = r->devices,
		.seq = r->seq,
	};

	conn_send_end(&c->rules);
	if (state == NULL) {
		live_say_exception(c, send_id(e), r->code, codec_slice(r->field), r->after_ms);
		return;
	}
	/* His own message stands in his stream under this number, and this is how he gets it. */
	if (e->takes_number && r->seq != 0) {
		live_take(c, false, r->seq);
		stream_tell(&c->rules.user, r->seq);
	}
	/* Without the ack a native client's numbers would have a hole. */
	if (e->id_len == 0 && c->rules.dialect == CONN_PLAIN)
		return;
	buf_clear(&l->scratch);
	frame_write_ack(&l->scratch, &ack);
	live_put_scratch(c);
}

static void on_result(struct live *l, const Pb__DownResult *r)
{
	struct send_entry *e = sends_take(l->sends, r->ref);
	struct live_conn *c;

	if (e == NULL) {
		live_call_on_result(l, r);
		return;
	}
	c = map_get_u64(l->by_session, e->session);
	if (c != NULL) {
		say_result(c, e, r);
		live_note_settled(c);
	}
	free(e);
}

/* What has no number is always written. */
static bool is_next(struct live_conn *c, const Pb__DownDeliver *d)
{
	return d->number == 0 || live_take(c, d->system, d->number) == STREAM_NEXT;
}

static void on_deliver(struct live *l, const Pb__DownDeliver *d)
{
	const struct slice brace = SLICE_LITERAL("}");
	const struct slice whole = codec_slice(d->text);
	const struct slice plain = {whole.data, d->plain_end};
	CLEANUP(wire_unrefp) struct wire *native_wire = NULL;
	CLEANUP(wire_unrefp) struct wire *plain_wire = NULL;

	if (d->plain_end > whole.len || d->data_end > d->plain_end)
		return;
	for (size_t i = 0; i < d->n_sessions; i++) {
		struct live_conn *c = map_get_u64(l->by_session, d->sessions[i]);
		bool is_native = c != NULL && c->rules.dialect == CONN_NATIVE;
		struct wire **w = is_native ? &native_wire : &plain_wire;

		if (c == NULL || !is_next(c, d) || (d->native_only && !is_native))
			continue;
		if (*w == NULL)
			*w = wire_new_text(is_native ? whole : plain, brace, d->shed);
		if (*w != NULL)
			live_put(c, *w);
		else if (!d->shed)
			live_close_short(c);
	}
}

static void on_shut(struct live *l, const Pb__DownShut *s)
{
	struct live_conn *c = map_get_u64(l->by_session, s->session);
	unsigned code = code_info(s->code) == NULL || s->code < 4000 ? CLOSE_RETRY : s->code;

	if (c == NULL) {
		live_call_on_shut(l, s);
		return;
	}
	live_end_session(c, false, 0);
	c->is_leaving = false;
	live_close(c, code, s->after_ms);
}

void live_on_item(void *arg, const Pb__DownItem *item)
{
	struct live *l = arg;

	if (item->item_case == PB__DOWN_ITEM__ITEM_DELIVER)
		on_deliver(l, item->deliver);
	else if (item->item_case == PB__DOWN_ITEM__ITEM_RESULT)
		on_result(l, item->result);
	else if (item->item_case == PB__DOWN_ITEM__ITEM_OPENED)
		live_on_opened(l, item->opened);
	else if (item->item_case == PB__DOWN_ITEM__ITEM_OPEN_REFUSED)
		live_on_open_refused(l, item->open_refused);
	else if (item->item_case == PB__DOWN_ITEM__ITEM_SHUT)
		on_shut(l, item->shut);
	else if (item->item_case == PB__DOWN_ITEM__ITEM_PAGE)
		live_on_page(l, item->page);
	else if (item->item_case == PB__DOWN_ITEM__ITEM_RESET)
		live_on_reset(l, item->reset);
	else if (item->item_case == PB__DOWN_ITEM__ITEM_DRAIN)
		l->config.on_drain(l->config.arg);
}

static void put_system(struct live_conn *c, const struct system_message *m)
{
	if (live_take(c, true, m->number) != STREAM_NEXT)
		return;
	live_put(c, c->rules.dialect == CONN_NATIVE ? m->native : m->plain);
}

void live_on_system(void *arg, const struct system_message *m)
{
	struct live *l = arg;

	/* Backwards: a connection that was not adopted may be removed on the way. */
	for (size_t i = l->n_conns; i-- > 0;)
		if (l->conns[i]->is_open)
			put_system(l->conns[i], m);
}
