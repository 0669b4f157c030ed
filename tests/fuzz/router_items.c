/* What edges say: see router_rig.h. */
#include <string.h>

#include "proto/names.h"
#include "tests/fuzz/router_rig.h"

/* Signed; how: bits that make it another edge's, old, of another nonce, or forged. */
static size_t ticket_of(const struct edge *e, size_t user, uint64_t nonce, unsigned how,
	unsigned char out[TICKET_MAX_BYTES])
{
	struct ticket t = {
		.flags = (unsigned char)(TICKET_MAY_SEND | (how & 1 ? TICKET_MAY_PUSH : 0)),
		.session = nonce << 16 | (uint64_t)user << 8 | 1,
		.edge_id = e->of.id + (how & 2 ? 1 : 0),
		.edge_epoch = e->of.epoch + (how & 4 ? 1 : 0),
		.nonce = nonce + (how & 8 ? 1 : 0),
		.issued_at_ms = world_ms - (how & 16 ? 60000 : 0),
		.token_hash = user + 1,
		.auth_epoch = 5,
		.issuer_id = 1,
		.uid_len = strlen(users[user]),
	};
	size_t len;

	if (how & 128)
		t.flags = TICKET_READ_ONLY;
	t.present_by_ms = t.issued_at_ms + TICKET_PRESENT_MS;
	t.session_end_ms = t.issued_at_ms + (how & 32 ? 100 : SESSION_MAX_MS);
	t.ceiling_ms = t.issued_at_ms + 3600000;
	memcpy(t.uid, users[user], t.uid_len);
	len = ticket_mint(hub.keys, &t, out);
	if (how & 64)
		out[nonce % len] ^= 1;
	return len;
}

static bool is_good(unsigned how)
{
	return (how & (2 | 4 | 8 | 64)) == 0;
}

/* One of the sessions so far, whosever it is, or none. */
static uint64_t session_from(struct play *p)
{
	unsigned which = script_byte(&p->s);
	size_t n = p->n_sessions < SESSIONS ? p->n_sessions : SESSIONS;

	return n == 0 || which == 255 ? which : p->sessions[which % n].id;
}

ProtobufCBinaryData user_from(struct play *p)
{
	unsigned which = script_byte(&p->s) % (USERS + 1);

	return which == USERS ? codec_bytes(script_slice(&p->s))
			      : codec_bytes(slice_of(users[which]));
}

/* What else it says, as bits; 128 is not of it. */
static unsigned fill_opening(struct play *p, struct edge *e, struct item *i)
{
	size_t user = script_byte(&p->s) % USERS;
	unsigned how = script_byte(&p->s);
	unsigned more = script_byte(&p->s);

	pb__up_open__init(&i->open);
	i->open.nonce = script_byte(&p->s);
	i->open.ticket =
		(ProtobufCBinaryData){ticket_of(e, user, i->open.nonce, how, i->ticket), i->ticket};
	i->open.device =
		more & 1 ? codec_bytes(script_slice(&p->s)) : codec_bytes(slice_of("phone"));
	if (more & 64)
		i->open.device = codec_bytes(slice_of("~0123456789abcdef"));
	i->open.dialect = (Pb__Dialect)(more >> 1 & 3);
	i->open.reopen = (more & 8) != 0;
	if (more & 16) {
		i->open.has_position = true;
		i->open.epoch = more & 32 ? codec_bytes(core_epoch(hub.core))
					  : codec_bytes(script_slice(&p->s));
		i->open.u = script_byte(&p->s);
		i->open.s = script_byte(&p->s);
	}
	if (is_good(how))
		e->nonces[e->n_nonces++ % NONCES] = i->open.nonce;
	return more;
}

static void fill_watch(struct play *p, struct edge *e, struct item *i)
{
	(void)e;
	pb__up_watch__init(&i->watch);
	i->watch.session = session_from(p);
	i->watch.users = i->watched;
	i->watch.n_users = script_byte(&p->s);
	if (i->watch.n_users > WATCH_MAX_USERS)
		i->watch.n_users = WATCH_MAX_USERS + 1;
	for (size_t k = 0; k < i->watch.n_users; k++)
		i->watched[k] = user_from(p);
	i->item.item_case = PB__UP_ITEM__ITEM_WATCH;
	i->item.watch = &i->watch;
}

static void fill_send(struct play *p, struct edge *e, struct item *i)
{
	(void)e;
	pb__up_send__init(&i->send);
	i->send.session = session_from(p);
	i->send.ref = script_byte(&p->s);
	i->send.to = user_from(p);
	i->send.content = codec_bytes(script_slice(&p->s));
	i->send.mid = codec_bytes(script_slice(&p->s));
	i->item.item_case = PB__UP_ITEM__ITEM_SEND;
	i->item.send = &i->send;
}

static void fill_push(struct play *p, struct edge *e, struct item *i)
{
	(void)e;
	pb__up_push__init(&i->push);
	i->push.session = session_from(p);
	i->push.ref = script_byte(&p->s);
	i->push.user = user_from(p);
	i->push.event = codec_bytes(slice_of("news"));
	i->push.data = codec_bytes(script_slice(&p->s));
	i->push.mid = codec_bytes(script_slice(&p->s));
	i->item.item_case = PB__UP_ITEM__ITEM_PUSH;
	i->item.push = &i->push;
}

static void fill_open(struct play *p, struct edge *e, struct item *i)
{
	(void)fill_opening(p, e, i);
	i->item.item_case = PB__UP_ITEM__ITEM_OPEN;
	i->item.open = &i->open;
}

static void fill_rebind(struct play *p, struct edge *e, struct item *i)
{
	pb__up_rebind__init(&i->rebind);
	i->rebind.session = session_from(p);
	if ((fill_opening(p, e, i) & 128) == 0)
		i->rebind.open = &i->open;
	i->item.item_case = PB__UP_ITEM__ITEM_REBIND;
	i->item.rebind = &i->rebind;
}

static void fill_close(struct play *p, struct edge *e, struct item *i)
{
	(void)e;
	pb__up_close__init(&i->close);
	i->close.session = session_from(p);
	i->close.code = (uint32_t)script_number(&p->s, 2);
	i->item.item_case = PB__UP_ITEM__ITEM_CLOSE;
	i->item.close = &i->close;
}

static void fill_typing(struct play *p, struct edge *e, struct item *i)
{
	(void)e;
	pb__up_typing__init(&i->typing);
	i->typing.session = session_from(p);
	i->typing.to = user_from(p);
	i->item.item_case = PB__UP_ITEM__ITEM_TYPING;
	i->item.typing = &i->typing;
}

static void fill_away(struct play *p, struct edge *e, struct item *i)
{
	(void)e;
	pb__up_away__init(&i->away);
	i->away.session = session_from(p);
	i->away.away = script_byte(&p->s) % 2;
	i->item.item_case = PB__UP_ITEM__ITEM_AWAY;
	i->item.away = &i->away;
}

static void fill_renew(struct play *p, struct edge *e, struct item *i)
{
	pb__up_renew__init(&i->renew);
	i->renew.session = session_from(p);
	i->renew.ticket = (ProtobufCBinaryData){
		ticket_of(e, i->renew.session >> 8 & 0xff ? 1 : 0, i->renew.session >> 16,
			script_byte(&p->s), i->ticket),
		i->ticket};
	i->item.item_case = PB__UP_ITEM__ITEM_RENEW;
	i->item.renew = &i->renew;
}

static void fill_gauges(struct play *p, struct edge *e, struct item *i)
{
	(void)e;
	pb__up_gauges__init(&i->gauges);
	i->gauges.connections = script_number(&p->s, 8);
	i->item.item_case = PB__UP_ITEM__ITEM_GAUGES;
	i->item.gauges = &i->gauges;
}

static void fill_since(struct play *p, struct edge *e, struct item *i)
{
	(void)e;
	pb__up_system_since__init(&i->since);
	i->since.number = script_byte(&p->s) == 0 ? UINT64_MAX : script_byte(&p->s);
	i->item.item_case = PB__UP_ITEM__ITEM_SYSTEM_SINCE;
	i->item.system_since = &i->since;
}

static void fill_ack(struct play *p, struct edge *e, struct item *i)
{
	(void)e;
	pb__up_ack__init(&i->ack);
	i->ack.session = session_from(p);
	i->ack.u = script_byte(&p->s);
	i->ack.s = script_byte(&p->s);
	i->item.item_case = PB__UP_ITEM__ITEM_ACK;
	i->item.ack = &i->ack;
}

static void fill_sync(struct play *p, struct edge *e, struct item *i)
{
	(void)e;
	pb__up_sync__init(&i->sync);
	i->sync.session = session_from(p);
	i->sync.system = script_byte(&p->s) % 2;
	i->sync.after = script_byte(&p->s);
	i->item.item_case = PB__UP_ITEM__ITEM_SYNC;
	i->item.sync = &i->sync;
}

void fill_item(struct play *p, struct edge *e, struct item *i)
{
	static void (*const fills[])(struct play * p, struct edge * e, struct item * i) = {
		fill_open, fill_rebind, fill_close, fill_send, fill_push, fill_typing, fill_watch,
		fill_away, fill_renew, fill_gauges, fill_since, fill_ack, fill_sync};

	pb__up_item__init(&i->item);
	fills[script_byte(&p->s) % (sizeof(fills) / sizeof(fills[0]))](p, e, i);
}
