/* What the edge says to its router and to its clients: see live_rig.h. */
#include <assert.h>
#include <stdlib.h>

#include "proto/codec.h"
#include "tests/fuzz/live_rig.h"

static struct arena *decoded;

/* To the router */

static struct session *session_find(uint64_t id)
{
	for (size_t i = 0; i < play.n_sessions && i < SESSIONS; i++) {
		if (play.sessions[i].id == id)
			return &play.sessions[i];
	}
	return NULL;
}

static void note_opening(const Pb__UpOpen *open, uint64_t replaces)
{
	const struct session *old = session_find(replaces);
	struct opening *o = &play.openings[play.n_openings++ % SESSIONS];

	assert(is_ticket(open->ticket.len));
	assert(open->device.len > 0 && (!open->has_position || open->epoch.len == EPOCH_BYTES));
	*o = (struct opening){open->nonce, open->ticket.data[1] == (uint8_t)users[1][0], CLIENTS,
		open->u, open->s, open->reopen};
	for (size_t i = 0; i < CLIENTS; i++) {
		if (play.clients[i].is_used && play.clients[i].nonce == open->nonce)
			o->client = i;
	}
	if (old != NULL) {
		o->client = old->client;
		o->is_reopen = false;
	}
}

/* What somebody sends to himself he reads as a message. */
static void note_sending(const Pb__UpSend *send)
{
	const struct session *s = session_find(send->session);

	play.refs[play.n_refs++ % SESSIONS] = (struct sending){
		send->ref, s != NULL && !slice_is(codec_slice(send->to), users[s->user])};
}

/* Of which session an item is; 0: of none. */
static uint64_t session_of(const Pb__UpItem *item)
{
	switch (item->item_case) {
	case PB__UP_ITEM__ITEM_SEND:
		note_sending(item->send);
		return item->send->session;
	case PB__UP_ITEM__ITEM_PUSH:
		play.refs[play.n_refs++ % SESSIONS] = (struct sending){item->push->ref, false};
		return item->push->session;
	case PB__UP_ITEM__ITEM_TYPING:
		return item->typing->session;
	case PB__UP_ITEM__ITEM_WATCH:
		return item->watch->session;
	case PB__UP_ITEM__ITEM_AWAY:
		return item->away->session;
	case PB__UP_ITEM__ITEM_RENEW:
		assert(is_ticket(item->renew->ticket.len));
		return item->renew->session;
	case PB__UP_ITEM__ITEM_ACK:
		return item->ack->session;
	case PB__UP_ITEM__ITEM_SYNC:
		return item->sync->session;
	case PB__UP_ITEM__ITEM_REBIND:
		assert(play.wire >= 3);
		note_opening(item->rebind->open, item->rebind->session);
		return item->rebind->session;
	case PB__UP_ITEM__ITEM_OPEN:
		note_opening(item->open, 0);
		return 0;
	case PB__UP_ITEM__ITEM_CLOSE:
		assert(play.wire >= 3 || item->close->code == 0);
		return item->close->session;
	case PB__UP_ITEM__ITEM_GAUGES:
	case PB__UP_ITEM__ITEM_SYSTEM_SINCE:
		return 0;
	case PB__UP_ITEM__ITEM__NOT_SET:
	case _PB__UP_ITEM__ITEM__CASE_IS_INT_SIZE:
		break;
	}
	assert(false);
	return 0;
}

static void check_item(const Pb__UpItem *item)
{
	uint64_t id = session_of(item);
	struct session *s = session_find(id);

	if (id == 0 || play.is_hostile || play.n_sessions > SESSIONS)
		return;
	/* One that it was given on this link, and has not closed. */
	assert(s != NULL && (!s->is_closed || s->may_cross));
	if (item->item_case == PB__UP_ITEM__ITEM_CLOSE)
		s->is_closed = true;
}

static void on_up(struct slice bytes)
{
	static const struct codec_bounds bounds = {LINK_BATCH_MAX_BYTES, LINK_BATCH_MAX_ELEMENTS};
	const Pb__LinkUp *up;
	ProtobufCMessage *m;

	if (decoded == NULL)
		assert(arena_new(&decoded, 8 * LINK_BATCH_MAX_BYTES) == 0);
	assert(codec_decode(&pb__link_up__descriptor, bytes, &bounds, decoded, &m) == CODEC_OK);
	up = (const Pb__LinkUp *)m;
	assert(up->number == ++play.up_number && up->wire == play.wire);
	assert(up->seen <= play.down_number && up->n_items <= LINK_BATCH_MAX_ITEMS);
	assert((up->number == 1) == (up->key.len == LINK_KEY_BYTES));
	for (size_t i = 0; i < up->n_items; i++)
		check_item(up->items[i]);
}

void check_sent(void *arg, const struct world_sent *sent)
{
	(void)arg;
	if (sent->socket == link_socket && link_socket != NULL)
		on_up(sent->bytes);
}

/* To a client */

static void take_number(struct client *c, uint64_t n, bool system)
{
	uint64_t *last = system ? &c->s : &c->u;

	if (!c->is_native)
		return;
	assert(n == *last + 1 || (n <= *last && c->has_synced));
	*last = n;
}

static uint64_t number_of(const json_t *object, const char *name)
{
	return (uint64_t)json_integer_value(json_object_get(object, name));
}

static size_t user_of(struct slice text)
{
	for (size_t i = 0; i < USERS; i++) {
		if (slice_is(text, users[i]))
			return i;
	}
	assert(false);
	return 0;
}

static void take_begin(struct client *c, const json_t *data)
{
	c->user = user_of(json_text(data, "user"));
	c->u = c->start_u;
	c->s = c->start_s;
	c->has_synced = false;
}

static void take_text(struct client *c, struct slice text)
{
	CLEANUP(json_decrefp) json_t *frame = NULL;
	const json_t *data, *seq;
	struct slice event;

	assert(utf8_is_valid(text) && json_read(text, FRAME_MAX_DEPTH, &frame) == JSON_READ);
	event = json_text(frame, "event");
	data = json_object_get(frame, "data");
	seq = json_object_get(frame, "seq");
	assert(event.len > 0 && data != NULL);
	if (slice_is(event, "ready") || slice_is(event, "identity")) {
		take_begin(c, data);
	} else if (slice_is(event, "reset")) {
		c->u = number_of(data, "u");
		c->s = number_of(data, "s");
	} else if (slice_is(event, "ack")) {
		if (number_of(data, "seq") == c->u + 1)
			c->u++;
	} else if (slice_is(event, "message")) {
		/* Whose it is: the one who the connection is of, as its client knows. */
		assert(c->user == USERS || slice_is(json_text(frame, "data"), users[c->user]));
		if (seq != NULL)
			take_number(c, number_of(frame, "seq"), false);
	} else if (slice_is(event, "all")) {
		take_number(c, number_of(frame, "seq"), true);
	}
}

void check_frame(const struct sockets_frame *frame)
{
	struct client *c = &play.clients[frame->client];

	if (frame->op == 9 && frame->payload.len <= sizeof(c->ping)) {
		memcpy(c->ping, frame->payload.data, frame->payload.len);
		c->ping_len = frame->payload.len;
	}
	assert(frame->op == 1 || frame->op == 8 || frame->op == 9);
	assert(frame->op == 1 || frame->payload.len <= 125);
	if (frame->op == 1 && !play.is_hostile)
		take_text(c, frame->payload);
}
