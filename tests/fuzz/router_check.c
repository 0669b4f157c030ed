/* What the router says to edges, auth and operators: see router_rig.h. */
#include <assert.h>

#include "common/json.h"
#include "ctl.pb-c.h"
#include "hello.pb-c.h"
#include "proto/codec.h"
#include "tests/fuzz/router_rig.h"

static struct arena *decoded;

static const ProtobufCMessage *decode(const ProtobufCMessageDescriptor *type, struct slice bytes,
	size_t max_bytes, size_t elements)
{
	const struct codec_bounds bounds = {max_bytes, elements};
	ProtobufCMessage *out = NULL;

	if (decoded == NULL)
		assert(arena_new(&decoded, 8 * LINK_BATCH_MAX_BYTES) == 0);
	assert(codec_decode(type, bytes, &bounds, decoded, &out) == CODEC_OK);
	return out;
}

static void take_lease(struct edge *e, const Pb__HelloLease *lease, uint32_t wire)
{
	assert(lease->edge_id != 0 && lease->path.len > 0 &&
		lease->path.len <= LINK_PATH_MAX_BYTES && lease->link_key.len == LINK_KEY_BYTES &&
		lease->credential.len == CREDENTIAL_BYTES);
	e->lease = (struct got){lease->edge_id, lease->edge_epoch, wire, "", {0}};
	memcpy(e->lease.path, lease->path.data, lease->path.len);
	memcpy(e->lease.key, lease->link_key.data, LINK_KEY_BYTES);
	memcpy(e->credential, lease->credential.data, CREDENTIAL_BYTES);
	e->credential_len = CREDENTIAL_BYTES;
}

static bool is_hello(struct slice bytes, const Pb__HelloReply **out)
{
	static const struct codec_bounds bounds = {HELLO_MAX_BYTES, 8};
	ProtobufCMessage *m = NULL;

	if (decoded == NULL)
		assert(arena_new(&decoded, 8 * LINK_BATCH_MAX_BYTES) == 0);
	if (codec_decode(&pb__hello_reply__descriptor, bytes, &bounds, decoded, &m) != CODEC_OK)
		return false;
	*out = (const Pb__HelloReply *)m;
	return (*out)->result_case != PB__HELLO_REPLY__RESULT__NOT_SET;
}

static void check_opened(struct edge *e, const Pb__DownOpened *o)
{
	bool was_asked = e->n_nonces > NONCES;

	assert(o->epoch.len == EPOCH_BYTES && o->start_u <= o->u && o->start_s <= o->s);
	for (size_t i = 0; i < e->n_nonces && i < NONCES; i++)
		was_asked |= e->nonces[i] == o->nonce;
	assert(was_asked);
	/* A nonce of a ticket is its session here: see ticket_of(). */
	play.sessions[play.n_sessions++ % SESSIONS] = (struct session){
		o->session, (size_t)(e - play.edges), (size_t)(o->session >> 8) % USERS};
	e->has_user[(o->session >> 8) % USERS] = true;
}

static void check_text(struct slice text, size_t end)
{
	CLEANUP(json_decrefp) json_t *value = NULL;
	struct buf b;

	buf_init(&b, text.len + 2);
	buf_add(&b, (struct slice){text.data, end});
	buf_add_text(&b, "}");
	assert(json_read(buf_slice(&b), FRAME_MAX_DEPTH + 2, &value) == JSON_READ);
	assert(json_is_object(value) && json_text(value, "event").len > 0);
	buf_fini(&b);
}

static void check_deliver(const struct edge *e, const Pb__DownDeliver *d)
{
	assert(d->data_end <= d->plain_end && d->plain_end <= d->text.len && d->n_sessions > 0);
	check_text(codec_slice(d->text), d->text.len);
	check_text(codec_slice(d->text), d->plain_end);
	for (size_t i = 0; i < d->n_sessions; i++) {
		bool is_here = play.n_sessions > SESSIONS;

		for (size_t k = 0; k < play.n_sessions && k < SESSIONS; k++)
			is_here |= play.sessions[k].id == d->sessions[i] &&
				   play.sessions[k].edge == (size_t)(e - play.edges);
		assert(is_here);
	}
}

static void check_item(struct edge *e, const Pb__DownItem *item)
{
	if (item->item_case == PB__DOWN_ITEM__ITEM_OPENED)
		check_opened(e, item->opened);
	else if (item->item_case == PB__DOWN_ITEM__ITEM_DELIVER)
		check_deliver(e, item->deliver);
	else if (item->item_case == PB__DOWN_ITEM__ITEM_CREDENTIAL)
		assert(e->of.wire >= 3 && item->credential->credential.len == CREDENTIAL_BYTES);
	else
		assert(item->item_case != PB__DOWN_ITEM__ITEM__NOT_SET);
}

static void on_batch(struct edge *e, struct slice bytes)
{
	const Pb__LinkDown *down = (const Pb__LinkDown *)decode(
		&pb__link_down__descriptor, bytes, LINK_BATCH_MAX_BYTES, LINK_BATCH_MAX_ELEMENTS);

	assert(down->wire == e->of.wire && down->number == ++e->heard && down->seen <= e->sent);
	assert(down->n_items <= LINK_BATCH_MAX_ITEMS);
	for (size_t i = 0; i < down->n_items; i++)
		check_item(e, down->items[i]);
}

static void check_ctl_reply(struct slice bytes)
{
	const Pb__RouterCtlReply *reply =
		(const Pb__RouterCtlReply *)decode(&pb__router_ctl_reply__descriptor, bytes,
			CTL_REPLY_MAX_BYTES, CTL_REPLY_MAX_BYTES / 64);

	assert(wire_is_known(reply->wire));
	if (reply->code != 0)
		assert(reply->message.len > 0 &&
			reply->result_case == PB__ROUTER_CTL_REPLY__RESULT__NOT_SET);
}

static void on_answer(struct slice bytes)
{
	const Pb__HelloReply *hello;

	if (play.asking <= EDGES && is_hello(bytes, &hello)) {
		assert(wire_is_known(hello->wire));
		if (hello->result_case == PB__HELLO_REPLY__RESULT_LEASE && play.asking < EDGES)
			take_lease(&play.edges[play.asking], hello->lease, hello->wire);
		return;
	}
	assert(bytes.len > 0 && bytes.len <= CTL_REPLY_MAX_BYTES);
	if (play.asking == OPERATOR)
		check_ctl_reply(bytes);
	/* Else to auth, or to an operator who waited. */
}

void check_sent(void *arg, const struct world_sent *sent)
{
	(void)arg;
	if (sent->socket == NULL) {
		on_answer(sent->bytes);
		return;
	}
	for (size_t i = 0; i < EDGES; i++) {
		if (play.edges[i].socket == sent->socket) {
			on_batch(&play.edges[i], sent->bytes);
			return;
		}
	}
	(void)decode(&pb__system_batch__descriptor, sent->bytes, SYSTEM_BATCH_MAX_BYTES,
		LINK_BATCH_MAX_ELEMENTS);
}
