/*
 * What the router says: answers to openings and sends, deliveries, ends of sessions, and messages
 * to all. The router wrote the text of every delivery; here it becomes one WebSocket frame for each
 * dialect, made once and shared by all receivers.
 */
#include <stdlib.h>

#include "common/log.h"
#include "edge/live_inner.h"
#include "proto/codec.h"

static void say_result(struct live_conn *c, const struct send_entry *e, const Pb__DownResult *r)
{
	struct live *l = c->live;
	const struct frame_ack ack = {
		.id = send_id(e),
		.mid = codec_slice(r->mid),
		.state = "delivered",
		.devices = r->devices,
		.seq = r->seq,
	};

	conn_send_end(&c->rules);
	if (r->state != PB__SEND_STATE__SEND_DELIVERED) {
		live_say_exception(c, send_id(e), r->code, codec_slice(r->field), r->after_ms);
		return;
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

	if (e == NULL)
		return;
	c = map_get_u64(l->by_session, e->session);
	if (c != NULL)
		say_result(c, e, r);
	free(e);
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

		if (c == NULL || (d->native_only && !is_native))
			continue;
		if (*w == NULL)
			*w = wire_new_text(is_native ? whole : plain, brace, d->shed);
		if (*w != NULL)
			live_put(c, *w);
	}
}

static void on_shut(struct live *l, const Pb__DownShut *s)
{
	struct live_conn *c = map_get_u64(l->by_session, s->session);
	unsigned code = code_info(s->code) == NULL || s->code < 4000 ? CLOSE_RETRY : s->code;

	if (c == NULL)
		return;
	live_end_session(c, false);
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
}

static void put_system(struct live_conn *c, const struct system_message *m)
{
	if (!conn_system_take(&c->rules, m->number))
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

void live_catch_up(struct live_conn *c)
{
	const struct live *l = c->live;
	uint64_t head = uplink_system_head(l->uplink);

	for (uint64_t n = c->rules.system_seen + 1; n <= head && c->is_open; n++) {
		const struct system_message *m = uplink_system_get(l->uplink, n);

		if (m != NULL)
			put_system(c, m);
	}
}
