/*
 * The table says everything that an edge may ask.  A kind that is not there does not exist, and the
 * role of a sender comes from the socket: whatever arrives on a link is an edge's, so no column
 * says who may.
 *
 * Tickets are verified here, before the core sees them: no field of a ticket is looked at before
 * its MAC.
 */
#include "router/dispatch.h"

#include "common/log.h"
#include "common/memory.h"
#include "proto/codes.h"
#include "proto/names.h"
#include "router/links.h"
#include "router/system.h"

typedef void item_fn(struct hub *h, uint32_t slot, const Pb__UpItem *item);

static void step(struct hub *h, uint32_t slot, struct core_event *event)
{
	event->link = slot;
	/* The edge waits for what it asked, so a link that lost an event is out of step. */
	if (hub_step(h, event) < 0)
		links_close(h->links, slot, "out_of_memory");
}

static bool read_ticket(struct hub *h, uint32_t slot, ProtobufCBinaryData bytes, struct ticket *out)
{
	if (ticket_verify(h->keys, codec_slice(bytes), out) == TICKET_OK)
		return true;
	h->counts.tickets_bad++;
	links_violation(h->links, slot, "bad ticket");
	return false;
}

/* The server's own: ~ and 16 hex digits. */
static bool is_drawn_device(struct slice s)
{
	if (s.len != 17 || s.data[0] != '~')
		return false;
	for (size_t i = 1; i < s.len; i++) {
		bool digit = s.data[i] >= '0' && s.data[i] <= '9';

		if (!digit && (s.data[i] < 'a' || s.data[i] > 'f'))
			return false;
	}
	return true;
}

static bool read_dialect(Pb__Dialect from, uint32_t wire, enum core_dialect *out)
{
	if (from == PB__DIALECT__DIALECT_NATIVE)
		*out = CORE_NATIVE;
	else if (from == PB__DIALECT__DIALECT_PLAIN)
		*out = CORE_PLAIN;
	else if (from == PB__DIALECT__DIALECT_API && wire >= 3)
		*out = CORE_API;
	else
		return false; /* the wire carries any number */
	return true;
}

/* A request's session begins once, and belongs to no connection that could change its user. */
static bool read_shape(const Pb__UpOpen *open, uint32_t wire, struct core_event *event)
{
	const bool lives_on = open->reopen || event->kind == CORE_REBIND;

	event->open.device = codec_slice(open->device);
	event->open.reopen = open->reopen;
	return read_dialect(open->dialect, wire, &event->open.dialect) &&
	       (name_is_device(event->open.device) || is_drawn_device(event->open.device)) &&
	       !(lives_on && event->open.dialect == CORE_API) &&
	       !(open->reopen && event->kind == CORE_REBIND);
}

/* The ticket before anything else; 0, or the close code to refuse with. */
static unsigned read_open(struct hub *h, uint32_t slot, const Pb__UpOpen *open,
	struct core_event *event, struct ticket *ticket)
{
	if (!read_ticket(h, slot, open->ticket, ticket))
		return CLOSE_UNAUTHORIZED;
	if (!read_shape(open, links_wire(h->links, slot), event)) {
		links_violation(h->links, slot, "bad open");
		return CLOSE_BAD_PROTOCOL;
	}
	if (ticket->issued_at_ms <= h->void_until_ms)
		return CLOSE_RETRY; /* with the token, which auth judges */
	/* Sessions that were open before are not new work. */
	if (!open->reopen && (h->draining || memory_is_tight(&h->memory))) {
		h->counts.opens_shed++;
		return CLOSE_OVERLOAD;
	}
	event->open.nonce = open->nonce;
	event->open.ticket = ticket;
	event->open.has_position = open->has_position;
	event->open.epoch = codec_slice(open->epoch);
	event->open.u = open->u;
	event->open.s = open->s;
	return 0;
}

static void open_session(
	struct hub *h, uint32_t slot, const Pb__UpOpen *open, struct core_event *event)
{
	struct ticket ticket;
	unsigned code = read_open(h, slot, open, event, &ticket);

	if (code != 0)
		links_refuse_open(h->links, slot, open->nonce, code);
	else
		step(h, slot, event);
}

static void on_open(struct hub *h, uint32_t slot, const Pb__UpItem *item)
{
	struct core_event event = {.kind = CORE_OPEN};

	open_session(h, slot, item->open, &event);
}

static void on_rebind(struct hub *h, uint32_t slot, const Pb__UpItem *item)
{
	struct core_event event = {.kind = CORE_REBIND};

	if (item->rebind->open == NULL) {
		links_violation(h->links, slot, "empty rebind");
		return;
	}
	event.open.replaces = item->rebind->session;
	open_session(h, slot, item->rebind->open, &event);
}

/* What an edge may say of a close: nothing, or what is a close code (RFC 6455, 7.4). */
static unsigned read_close_code(uint32_t code)
{
	return code >= 1000 && code <= 4999 ? code : 0;
}

static void on_close(struct hub *h, uint32_t slot, const Pb__UpItem *item)
{
	struct core_event event = {.kind = CORE_CLOSE};

	event.close.session = item->close->session;
	event.close.code = read_close_code(item->close->code);
	step(h, slot, &event);
}

static void on_send(struct hub *h, uint32_t slot, const Pb__UpItem *item)
{
	const Pb__UpSend *send = item->send;
	struct core_event event = {.kind = CORE_SEND};

	if (h->draining) {
		links_refuse_send(h->links, slot, send->ref, EX_UNAVAILABLE, NULL);
		return;
	}
	event.send.session = send->session;
	event.send.ref = send->ref;
	event.send.to = codec_slice(send->to);
	event.send.content = codec_slice(send->content);
	event.send.mid = codec_slice(send->mid);
	step(h, slot, &event);
}

static void on_push(struct hub *h, uint32_t slot, const Pb__UpItem *item)
{
	const Pb__UpPush *push = item->push;
	struct core_event event = {.kind = CORE_PUSH};
	unsigned code = hub_json(h, codec_slice(push->data), CHAT_MAX_BYTES, &event.push.data);

	if (h->draining) {
		links_refuse_send(h->links, slot, push->ref, EX_UNAVAILABLE, NULL);
		return;
	}
	if (code != 0) {
		links_refuse_send(h->links, slot, push->ref, code, "data");
		return;
	}
	event.push.session = push->session;
	event.push.ref = push->ref;
	event.push.user = codec_slice(push->user);
	event.push.event = codec_slice(push->event);
	event.push.mid = codec_slice(push->mid);
	step(h, slot, &event);
}

static void on_typing(struct hub *h, uint32_t slot, const Pb__UpItem *item)
{
	struct core_event event = {.kind = CORE_TYPING};

	event.typing.session = item->typing->session;
	event.typing.to = codec_slice(item->typing->to);
	step(h, slot, &event);
}

static void on_watch(struct hub *h, uint32_t slot, const Pb__UpItem *item)
{
	const Pb__UpWatch *watch = item->watch;
	struct core_event event = {.kind = CORE_WATCH};
	struct slice users[WATCH_MAX_USERS];

	if (watch->n_users > WATCH_MAX_USERS) {
		links_violation(h->links, slot, "too many watches");
		return;
	}
	for (size_t i = 0; i < watch->n_users; i++)
		users[i] = codec_slice(watch->users[i]);
	event.watch.session = watch->session;
	event.watch.users = users;
	event.watch.n_users = watch->n_users;
	step(h, slot, &event);
}

static void on_away(struct hub *h, uint32_t slot, const Pb__UpItem *item)
{
	struct core_event event = {.kind = CORE_AWAY};

	event.away.session = item->away->session;
	event.away.away = item->away->away;
	step(h, slot, &event);
}

static void on_renew(struct hub *h, uint32_t slot, const Pb__UpItem *item)
{
	struct core_event event = {.kind = CORE_RENEW};
	struct ticket ticket;

	if (!read_ticket(h, slot, item->renew->ticket, &ticket) ||
		ticket.issued_at_ms <= h->void_until_ms)
		return;
	event.renew.session = item->renew->session;
	event.renew.ticket = &ticket;
	step(h, slot, &event);
}

static void on_ack(struct hub *h, uint32_t slot, const Pb__UpItem *item)
{
	struct core_event event = {.kind = CORE_ACK};

	event.ack.session = item->ack->session;
	event.ack.u = item->ack->u;
	event.ack.s = item->ack->s;
	step(h, slot, &event);
}

static void on_sync(struct hub *h, uint32_t slot, const Pb__UpItem *item)
{
	struct core_event event = {.kind = CORE_SYNC};

	event.sync.session = item->sync->session;
	event.sync.stream = item->sync->system ? CORE_STREAM_SYSTEM : CORE_STREAM_USER;
	event.sync.after = item->sync->after;
	step(h, slot, &event);
}

static void on_gauges(struct hub *h, uint32_t slot, const Pb__UpItem *item)
{
	links_gauges(h->links, slot, item->gauges);
}

static void on_system_since(struct hub *h, uint32_t slot, const Pb__UpItem *item)
{
	system_repair(h->system, slot, item->system_since->number);
}

static const struct route {
	Pb__UpItem__ItemCase kind;
	uint32_t wire; /* the first version that has it */
	item_fn *handle;
} routes[] = {
	{PB__UP_ITEM__ITEM_OPEN, 2, on_open},
	{PB__UP_ITEM__ITEM_CLOSE, 2, on_close},
	{PB__UP_ITEM__ITEM_SEND, 2, on_send},
	{PB__UP_ITEM__ITEM_PUSH, 2, on_push},
	{PB__UP_ITEM__ITEM_TYPING, 2, on_typing},
	{PB__UP_ITEM__ITEM_WATCH, 2, on_watch},
	{PB__UP_ITEM__ITEM_AWAY, 2, on_away},
	{PB__UP_ITEM__ITEM_RENEW, 2, on_renew},
	{PB__UP_ITEM__ITEM_GAUGES, 2, on_gauges},
	{PB__UP_ITEM__ITEM_SYSTEM_SINCE, 2, on_system_since},
	{PB__UP_ITEM__ITEM_ACK, 2, on_ack},
	{PB__UP_ITEM__ITEM_SYNC, 2, on_sync},
	{PB__UP_ITEM__ITEM_REBIND, 3, on_rebind},
};

static const struct route *find(Pb__UpItem__ItemCase kind)
{
	for (size_t i = 0; i < sizeof(routes) / sizeof(routes[0]); i++) {
		if (routes[i].kind == kind)
			return &routes[i];
	}
	return NULL;
}

bool dispatch_knows(Pb__UpItem__ItemCase kind, uint32_t wire)
{
	const struct route *route = find(kind);

	return route != NULL && route->wire <= wire;
}

void dispatch_item(struct hub *h, uint32_t slot, const Pb__UpItem *item)
{
	if (!dispatch_knows(item->item_case, links_wire(h->links, slot)))
		links_violation(h->links, slot, "empty item, or of a newer wire");
	else
		find(item->item_case)->handle(h, slot, item);
}
