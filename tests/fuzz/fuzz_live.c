/*
 * The live half of an edge between its clients, its auth and its router, all of which are played by
 * the input: connections are opened, adopted, read and leave; clients say frames, with tokens of
 * their own and of others; the router answers, delivers, shuts, asks to drain, goes and comes back
 * as the same or another; time passes.
 *
 * What goes up is within the router's bounds, in order, and about sessions that are the edge's.
 * What a client gets is whole frames; numbered ones follow each other without a hole; what is meant
 * for a user is never written to a connection that is another's by then.  And when all have gone
 * nothing of them is left in any table.
 *
 * After a message of the router that no router of ours would send, only the last of it is held.
 */
#include <assert.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "edge/live_call.h"
#include "edge/live_inner.h"
#include "edge/uplink_inner.h"
#include "hello.pb-c.h"
#include "proto/codec.h"
#include "tests/fuzz/script.h"
#include "tests/fuzz/sockets.h"
#include "tests/fuzz/world.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define CLIENTS 4
#define USERS 2
#define TOKENS 4 /* of user 0, 1, 0, 1 */
#define SESSIONS 32
#define QUESTIONS 16
#define CALLS 4
#define EPOCH "k3f9k3f9"
#define TICKET_BYTES 40

static const char *const users[USERS] = {"ann", "7"};
static const char *const tokens[TOKENS] = {"a.a.a", "b.b.b", "c.c.c", "d.d.d"};

/* One of the router's sessions. */
struct session {
	uint64_t id;
	size_t user;
	size_t client; /* CLIENTS: of a call */
	uint64_t u;    /* the last number that was delivered */
	bool is_closed;
};

/* What the router was asked to open. */
struct opening {
	uint64_t nonce;
	size_t user;
	size_t client;
	uint64_t u, s; /* what it has */
	bool is_reopen;
};

struct client {
	bool is_used;
	bool is_admitted;
	bool is_native;
	uint64_t nonce;
	uint64_t start_u, start_s; /* of the opening that was answered last */
	/* What it knows by what it got. */
	size_t user; /* USERS: nothing yet */
	uint64_t u, s;
	bool has_synced;
	char ping[128];
	size_t ping_len;
};

/* What the router is to answer. */
struct sending {
	uint64_t ref;
	bool has_number; /* in the sender's own stream */
};

struct question {
	uint64_t id; /* 0: free */
	size_t token;
	bool is_renewal;
	auth_reply_fn *fn;
	void *arg;
};

static struct play {
	struct script s;
	struct client clients[CLIENTS];
	struct session sessions[SESSIONS];
	size_t n_sessions;
	struct opening openings[SESSIONS];
	size_t n_openings;
	struct sending refs[SESSIONS];
	size_t n_refs;
	struct question questions[QUESTIONS];
	uint64_t asks;
	uint64_t nonces;
	uint64_t ids;
	uint64_t up_number;
	uint64_t down_number;
	uint64_t published;
	uint32_t wire;
	uint32_t pipes;
	uint64_t router_start;
	bool is_hostile;
	bool has_drained;
	unsigned called; /* calls that wait */
} play;

static uv_loop_t loop;
static struct live *live;
static struct bus_socket *hello, *link_socket, *system_socket;
static struct arena *decoded;

/* Auth */

/* Some are a byte short, which is good for another user's alone. */
static bool is_ticket(size_t len)
{
	return len == TICKET_BYTES || len == TICKET_BYTES - 1;
}

static uint64_t ask(size_t token, bool is_renewal, auth_reply_fn *fn, void *arg)
{
	for (size_t i = 0; i < QUESTIONS; i++) {
		struct question *q = &play.questions[i];

		if (q->id != 0)
			continue;
		*q = (struct question){++play.asks, token, is_renewal, fn, arg};
		return q->id;
	}
	return 0;
}

uint64_t auth_client_verify(struct auth_client *ac, const struct auth_verify *verify,
	int64_t timeout_ms, auth_reply_fn *fn, void *arg)
{
	(void)ac;
	assert(timeout_ms > 0 && is_ticket(verify->ticket.len));
	for (size_t i = 0; i < TOKENS; i++) {
		if (slice_is(verify->token, tokens[i]))
			return ask(i, false, fn, arg);
	}
	return ask(TOKENS, false, fn, arg);
}

uint64_t auth_client_renew(struct auth_client *ac, struct slice ticket, int64_t timeout_ms,
	auth_reply_fn *fn, void *arg)
{
	(void)ac;
	assert(timeout_ms > 0 && is_ticket(ticket.len));
	return ask(ticket.data[1] == users[1][0], true, fn, arg);
}

void auth_client_cancel(struct auth_client *ac, uint64_t id)
{
	(void)ac;
	for (size_t i = 0; i < QUESTIONS; i++) {
		if (play.questions[i].id == id)
			play.questions[i].id = 0;
	}
}

void auth_client_set_credential(struct auth_client *ac, struct slice credential)
{
	(void)ac;
	assert(credential.len == CREDENTIAL_BYTES);
}

bool auth_client_is_up(const struct auth_client *ac)
{
	(void)ac;
	return true;
}

size_t auth_client_take_most(struct auth_client *ac)
{
	(void)ac;
	return 0;
}

/* Of a fixed length, as a ticket's, and with the user in it. */
static struct slice ticket_of(size_t user, char out[TICKET_BYTES])
{
	memset(out, 't', TICKET_BYTES);
	out[1] = users[user][0];
	return (struct slice){out, TICKET_BYTES};
}

static void auth_answers(struct play *p)
{
	unsigned how = script_byte(&p->s);
	struct question *q = &p->questions[script_byte(&p->s) % QUESTIONS];
	struct question asked = *q;
	char ticket[TICKET_BYTES];
	struct auth_reply reply = {.outcome = (enum auth_outcome)(how % 4)};
	size_t user = asked.is_renewal ? asked.token : asked.token % USERS;

	if (q->id == 0)
		return;
	if (asked.token == TOKENS && reply.outcome == AUTH_GRANTED)
		reply.outcome = AUTH_DENIED;
	reply.retry_after_ms = how;
	if (reply.outcome == AUTH_GRANTED) {
		reply.uid = slice_of(users[user]);
		reply.ticket = ticket_of(user, ticket);
		reply.ticket.len -= how & 4 ? 1 : 0;
		reply.expires_in_ms = how & 8 ? 1000 : 3600000;
		reply.ends_in_ms = how & 16 ? 1000 : 900000;
		reply.may_push = (how & 32) != 0;
	}
	q->id = 0;
	asked.fn(asked.arg, &reply);
}

/* What goes up */

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
	assert(s != NULL && !s->is_closed);
	if (item->item_case == PB__UP_ITEM__ITEM_CLOSE)
		s->is_closed = true;
}

static void on_up(struct slice bytes)
{
	static const struct codec_bounds bounds = {LINK_BATCH_MAX_BYTES, LINK_BATCH_MAX_ELEMENTS};
	const Pb__LinkUp *up;
	ProtobufCMessage *m;

	assert(codec_decode(&pb__link_up__descriptor, bytes, &bounds, decoded, &m) == CODEC_OK);
	up = (const Pb__LinkUp *)m;
	assert(up->number == ++play.up_number && up->wire == play.wire);
	assert(up->seen <= play.down_number && up->n_items <= LINK_BATCH_MAX_ITEMS);
	assert((up->number == 1) == (up->key.len == LINK_KEY_BYTES));
	for (size_t i = 0; i < up->n_items; i++)
		check_item(up->items[i]);
}

static void on_sent(void *arg, const struct world_sent *sent)
{
	(void)arg;
	if (sent->socket == link_socket && link_socket != NULL)
		on_up(sent->bytes);
}

/* What a client gets */

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

static void on_frame(const struct sockets_frame *frame)
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

/* Clients come and go */

static void on_opened(void *arg, enum live_open_outcome outcome, unsigned code)
{
	struct client *c = arg;

	assert(c->is_used && !c->is_admitted);
	c->is_admitted = outcome == LIVE_OPENED;
	c->is_used = c->is_admitted;
	assert(outcome == LIVE_OPENED || code != 0 || play.is_hostile);
}

static void client_opens(struct play *p)
{
	size_t i = script_byte(&p->s) % CLIENTS;
	unsigned how = script_byte(&p->s);
	struct client *c = &p->clients[i];
	char ticket[TICKET_BYTES];
	const struct live_open open = {
		.nonce = ++p->nonces,
		.ticket = ticket_of(how % USERS, ticket),
		.uid = slice_of(users[how % USERS]),
		.device = SLICE_LITERAL("phone"),
		.dialect = how & 2 ? LIVE_PLAIN : LIVE_NATIVE,
		.expires_in_ms = how & 4 ? 70000 : 3600000,
		.ends_in_ms = how & 8 ? 30000 : 900000,
		.may_push = (how & 16) != 0,
		.token = fingerprint_of(slice_of(tokens[how % USERS])),
		.has_position = (how & 32) != 0,
		.position = {EPOCH, how >> 6, how >> 7},
	};

	if (c->is_used || sockets_link(i) != NULL)
		return;
	*c = (struct client){.is_used = true,
		.nonce = open.nonce,
		.is_native = open.dialect == LIVE_NATIVE,
		.user = USERS};
	c->is_used = live_open(live, &open, on_opened, c) == 0;
}

static void client_adopts(struct play *p)
{
	size_t i = script_byte(&p->s) % CLIENTS;
	struct client *c = &p->clients[i];

	if (!c->is_admitted || sockets_link(i) != NULL)
		return;
	c->is_used = c->is_admitted = false; /* its socket is what is left of it */
	if (live_adopt(live, c->nonce, SOCKETS_FD + (int)i,
		    SLICE_LITERAL("dGhlIHNhbXBsZSBub25jZQ==")) == 0)
		sockets_establish(i);
}

static void client_cancels(struct play *p)
{
	struct client *c = &p->clients[script_byte(&p->s) % CLIENTS];

	if (c->is_used)
		live_open_cancel(live, c->nonce);
	c->is_used = c->is_admitted = false;
}

/* A frame of this kind, about these numbers, and perhaps with a token. */
static void client_says(struct play *p)
{
	static const char *const forms[] = {
		"{\"event\":\"chat\",\"id\":%u,\"data\":{\"toUserId\":\"7\",\"message\":\"x\"%s}}",
		"{\"event\":\"chat\",\"data\":{\"toUserId\":\"ann\",\"message\":\"%u\"%s}}",
		"{\"event\":\"heartbeat\",\"data\":{\"u\":%u%s}}",
		"{\"event\":\"heartbeat\",\"data\":{\"s\":%u%s}}",
		"{\"event\":\"typing\",\"id\":%u,\"data\":{\"toUserId\":7%s}}",
		"{\"event\":\"watch\",\"id\":%u,\"data\":{\"users\":[7]%s}}",
		"{\"event\":\"push\",\"id\":%u,\"data\":{\"event\":\"n\",\"data\":1%s}}",
		"{\"event\":\"sync\",\"data\":{\"e\":\"" EPOCH "\",\"u\":%u%s}}",
		"{\"event\":\"sync\",\"data\":{\"e\":\"" EPOCH "\",\"s\":%u%s}}",
		"{\"event\":\"sync\",\"id\":%u,\"data\":{\"e\":\"other\"%s}}",
		"{\"event\":\"reauth\",\"id\":%u,\"data\":{\"x\":1%s}}",
	};
	size_t i = script_byte(&p->s) % CLIENTS;
	unsigned form = script_byte(&p->s) % 11;
	unsigned number = script_byte(&p->s);
	unsigned token = script_byte(&p->s) % (2 * TOKENS);
	char with[64] = "", text[256];
	int n;

	if (token < TOKENS)
		snprintf(with, sizeof(with), ",\"token\":\"%s\"", tokens[token]);
	n = snprintf(text, sizeof(text), forms[form], number, with);
	if (form == 7 || form == 8)
		p->clients[i].has_synced = true;
	sockets_say(i, (struct slice){text, (size_t)n});
}

static void on_called(void *arg, const struct live_call_result *result)
{
	(void)arg;
	assert(play.called > 0);
	play.called--;
	assert(result->outcome != LIVE_CALL_SENT || result->state != NULL);
}

static void request_calls(struct play *p)
{
	unsigned how = script_byte(&p->s);
	char ticket[TICKET_BYTES];
	const struct live_call call = {
		.nonce = ++p->nonces,
		.ticket = ticket_of(how % USERS, ticket),
		.is_push = (how & 2) != 0,
		.to = slice_of(users[1]),
		.content = SLICE_LITERAL("x"),
		.event = SLICE_LITERAL("n"),
		.data = SLICE_LITERAL("1"),
	};

	if (p->called < CALLS && live_call(live, &call, on_called, NULL) == 0) {
		p->called++;
		if (how & 4) {
			live_call_cancel(live, call.nonce);
			p->called--;
		}
	}
}

/* The router */

static void hang_up(void)
{
	uint32_t pipe = live->uplink->pipe;

	if (link_socket == NULL || pipe == 0)
		return;
	world_down(link_socket, pipe);
	for (size_t i = 0; i < play.n_sessions && i < SESSIONS; i++)
		play.sessions[i].is_closed = true;
	play.n_openings = play.n_refs = 0;
}

static void say_lease(struct play *p, unsigned how)
{
	static char key[LINK_KEY_BYTES] = "key", credential[CREDENTIAL_BYTES] = "EDG1";
	Pb__HelloReply reply = PB__HELLO_REPLY__INIT;
	Pb__HelloLease lease = PB__HELLO_LEASE__INIT;
	Pb__HelloBusy busy = PB__HELLO_BUSY__INIT;
	Pb__HelloRefused refused = PB__HELLO_REFUSED__INIT;
	uint8_t bytes[HELLO_MAX_BYTES];

	reply.wire = how & 1 && live->uplink->asked_wire >= 3 ? 3 : 2;
	lease.path = codec_bytes(slice_of("link.sock"));
	lease.link_key = codec_bytes((struct slice){key, sizeof(key)});
	lease.credential = codec_bytes((struct slice){credential, sizeof(credential)});
	lease.edge_id = how & 2 ? 8 : 7;
	lease.edge_epoch = 1;
	lease.router_start = how & 4 ? 43 : 42;
	reply.result_case = PB__HELLO_REPLY__RESULT_LEASE;
	reply.lease = &lease;
	if ((how & 24) == 24) {
		reply.result_case =
			how & 32 ? PB__HELLO_REPLY__RESULT_BUSY : PB__HELLO_REPLY__RESULT_REFUSED;
		if (how & 32)
			reply.busy = &busy;
		else
			reply.refused = &refused;
	} else {
		p->wire = reply.wire;
		p->router_start = lease.router_start;
	}
	world_answer(hello, BUS_ANSWERED,
		(struct slice){(const char *)bytes, pb__hello_reply__pack(&reply, bytes)});
}

/* It comes, or comes back. */
static void router_comes(struct play *p)
{
	unsigned how = script_byte(&p->s);

	if (world_asked(hello) > 0)
		say_lease(p, how);
	link_socket = world_socket("link.sock");
	if (live->uplink->state != UPLINK_CLAIMING || link_socket == NULL)
		return;
	p->up_number = p->down_number = 0;
	p->n_sessions = p->n_openings = p->n_refs = 0;
	world_up(link_socket, ++p->pipes);
}

static void say_down(struct play *p, Pb__DownItem *item, uint64_t head)
{
	static uint8_t bytes[8192];
	Pb__LinkDown down = PB__LINK_DOWN__INIT;
	Pb__DownItem *items[] = {item};

	if (live->uplink->state != UPLINK_CLAIMED)
		return;
	down.wire = p->wire;
	down.number = ++p->down_number;
	down.seen = p->up_number;
	down.system_head = head;
	down.n_items = item == NULL ? 0 : 1;
	down.items = items;
	world_message(link_socket, live->uplink->pipe,
		(struct slice){(const char *)bytes, pb__link_down__pack(&down, bytes)});
}

static void say_opened(struct play *p)
{
	Pb__DownItem item = PB__DOWN_ITEM__INIT;
	Pb__DownOpened opened = PB__DOWN_OPENED__INIT;
	size_t n = p->n_openings < SESSIONS ? p->n_openings : SESSIONS;
	size_t which = script_byte(&p->s);
	unsigned how = script_byte(&p->s);
	struct opening *o;
	struct session *s;

	if (n == 0)
		return;
	o = &p->openings[which % n];
	if (o->nonce == 0 || live->uplink->state != UPLINK_CLAIMED)
		return;
	opened.nonce = o->nonce;
	opened.session = ++p->ids;
	opened.epoch = codec_bytes(slice_of(EPOCH));
	opened.start_u = o->u;
	opened.start_s = o->s;
	opened.reset = (Pb__ResetReason)(o->is_reopen || !(how & 1) ? 0 : how >> 1 & 3);
	if (opened.reset != PB__RESET_REASON__RESET_NONE || (how & 8 && !o->is_reopen))
		opened.start_u = opened.start_s = how >> 4 & 3;
	opened.u = opened.start_u + (how >> 6);
	opened.s = opened.start_s;
	opened.recovered = opened.reset == PB__RESET_REASON__RESET_NONE;
	s = &p->sessions[p->n_sessions++ % SESSIONS];
	*s = (struct session){opened.session, o->user, o->client, opened.start_u, false};
	if (o->client < CLIENTS) {
		p->clients[o->client].start_u = opened.start_u;
		p->clients[o->client].start_s = opened.start_s;
	}
	o->nonce = 0;
	item.item_case = PB__DOWN_ITEM__ITEM_OPENED;
	item.opened = &opened;
	say_down(p, &item, 0);
}

static void say_refused(struct play *p)
{
	Pb__DownItem item = PB__DOWN_ITEM__INIT;
	Pb__DownOpenRefused refused = PB__DOWN_OPEN_REFUSED__INIT;
	size_t n = p->n_openings < SESSIONS ? p->n_openings : SESSIONS;
	size_t which = script_byte(&p->s);

	if (n == 0 || p->openings[which % n].nonce == 0)
		return;
	refused.nonce = p->openings[which % n].nonce;
	refused.code = CLOSE_UNAUTHORIZED;
	p->openings[which % n].nonce = 0;
	item.item_case = PB__DOWN_ITEM__ITEM_OPEN_REFUSED;
	item.open_refused = &refused;
	say_down(p, &item, 0);
}

static struct session *session_from(struct play *p)
{
	size_t which = script_byte(&p->s);
	size_t n = p->n_sessions < SESSIONS ? p->n_sessions : SESSIONS;

	return n == 0 ? NULL : &p->sessions[which % n];
}

static void say_deliver(struct play *p)
{
	Pb__DownItem item = PB__DOWN_ITEM__INIT;
	Pb__DownDeliver d = PB__DOWN_DELIVER__INIT;
	struct session *s = session_from(p);
	unsigned how = script_byte(&p->s);
	char text[256];
	int n;

	if (s == NULL)
		return;
	if (how & 1)
		d.number = how & 2 ? s->u + 1 + (how >> 6) : how >> 2;
	if (how & 1 && how & 2)
		s->u = d.number;
	n = snprintf(text, sizeof(text), "{\"event\":\"message\",\"data\":\"%s\"", users[s->user]);
	d.data_end = (uint32_t)n;
	if (d.number != 0)
		n += snprintf(
			text + n, sizeof(text) - (size_t)n, ",\"seq\":%u", (unsigned)d.number);
	d.plain_end = (uint32_t)n;
	n += snprintf(text + n, sizeof(text) - (size_t)n, ",\"mid\":\"%0*d\"", 1 + (how >> 2), 0);
	d.text = codec_bytes((struct slice){text, (size_t)n});
	d.shed = d.number == 0;
	d.native_only = how & 1 ? false : (how & 4) != 0;
	d.sessions = &s->id;
	d.n_sessions = 1;
	item.item_case = PB__DOWN_ITEM__ITEM_DELIVER;
	item.deliver = &d;
	say_down(p, &item, 0);
}

static void say_result(struct play *p)
{
	Pb__DownItem item = PB__DOWN_ITEM__INIT;
	Pb__DownResult r = PB__DOWN_RESULT__INIT;
	size_t n = p->n_refs < SESSIONS ? p->n_refs : SESSIONS;
	size_t which = script_byte(&p->s);
	unsigned how = script_byte(&p->s);

	if (n == 0)
		return;
	r.ref = p->refs[which % n].ref;
	r.state = (Pb__SendState)(how % 5);
	r.first = PB__SEND_STATE__SEND_STORED;
	r.seq = p->refs[which % n].has_number ? how / 8 : 0;
	r.mid = codec_bytes(slice_of("m1"));
	if (r.state == PB__SEND_STATE__SEND_REFUSED)
		r.code = EX_RECIPIENT_UNKNOWN;
	item.item_case = PB__DOWN_ITEM__ITEM_RESULT;
	item.result = &r;
	say_down(p, &item, 0);
}

static void say_about(struct play *p)
{
	Pb__DownItem item = PB__DOWN_ITEM__INIT;
	Pb__DownShut shut = PB__DOWN_SHUT__INIT;
	Pb__DownPage page = PB__DOWN_PAGE__INIT;
	Pb__DownReset reset = PB__DOWN_RESET__INIT;
	struct session *s = session_from(p);
	unsigned how = script_byte(&p->s);

	if (s == NULL)
		return;
	switch (how % 3) {
	case 0:
		shut.session = s->id;
		shut.code = how & 4 ? CLOSE_KICKED : how;
		s->is_closed = true;
		item.item_case = PB__DOWN_ITEM__ITEM_SHUT;
		item.shut = &shut;
		break;
	case 1:
		page.session = s->id;
		page.system = (how & 4) != 0;
		page.last = how >> 4;
		page.more = (how & 8) != 0;
		item.item_case = PB__DOWN_ITEM__ITEM_PAGE;
		item.page = &page;
		break;
	default:
		reset.session = s->id;
		reset.reason = PB__RESET_REASON__RESET_TOO_OLD;
		reset.u = how & 4 ? how >> 4 : 0;
		reset.s = how & 8 ? how >> 4 : 0;
		item.item_case = PB__DOWN_ITEM__ITEM_RESET;
		item.reset = &reset;
		break;
	}
	say_down(p, &item, 0);
}

static void say_system(struct play *p)
{
	static uint8_t bytes[1024];
	unsigned how = script_byte(&p->s);
	Pb__SystemBatch batch = PB__SYSTEM_BATCH__INIT;
	Pb__SystemMessage m = PB__SYSTEM_MESSAGE__INIT, *list[] = {&m};
	Pb__DownItem item = PB__DOWN_ITEM__INIT;
	char text[128];
	int n;

	m.number = how & 1 ? ++p->published : how >> 2;
	n = snprintf(
		text, sizeof(text), "{\"event\":\"all\",\"data\":1,\"seq\":%u", (unsigned)m.number);
	m.text = codec_bytes((struct slice){text, (size_t)n});
	m.data_end = m.plain_end = (uint32_t)n;
	if (how & 2) {
		item.item_case = PB__DOWN_ITEM__ITEM_SYSTEM;
		item.system = &m;
		say_down(p, &item, p->published);
		return;
	}
	batch.wire = 2;
	batch.router_start = p->router_start;
	batch.messages = list;
	batch.n_messages = 1;
	world_message(system_socket, 1,
		(struct slice){(const char *)bytes, pb__system_batch__pack(&batch, bytes)});
}

static void say_other(struct play *p)
{
	Pb__DownItem item = PB__DOWN_ITEM__INIT;
	Pb__DownDrain drain = PB__DOWN_DRAIN__INIT;
	Pb__DownCredential credential = PB__DOWN_CREDENTIAL__INIT;
	static char bytes[CREDENTIAL_BYTES] = "EDG1";
	unsigned how = script_byte(&p->s);

	if (how % 3 == 0) {
		say_down(p, NULL, p->published);
		return;
	}
	credential.credential = codec_bytes((struct slice){bytes, how & 4 ? 1 : sizeof(bytes)});
	item.item_case = how % 3 == 1 ? PB__DOWN_ITEM__ITEM_DRAIN : PB__DOWN_ITEM__ITEM_CREDENTIAL;
	if (how % 3 == 1)
		item.drain = &drain;
	else
		item.credential = &credential;
	say_down(p, &item, 0);
}

/* Bytes of one item behind the numbers that are due; or bytes. */
static void say_raw(struct play *p)
{
	static uint8_t bytes[8192];
	unsigned how = script_byte(&p->s);
	struct slice more = script_slice(&p->s);
	Pb__LinkDown down = PB__LINK_DOWN__INIT;
	size_t n;

	p->is_hostile = true;
	if (how % 4 == 0 && world_asked(hello) > 0 && more.len <= HELLO_MAX_BYTES)
		world_answer(hello, BUS_ANSWERED, more);
	if (how % 4 == 1)
		world_message(system_socket, 1, more);
	if (how % 4 < 2 || live->uplink->state != UPLINK_CLAIMED || more.len > 4096)
		return;
	down.wire = p->wire;
	down.number = ++p->down_number;
	down.seen = p->up_number;
	n = how % 4 == 2 ? pb__link_down__pack(&down, bytes) : 0;
	if (more.len > 0)
		memcpy(bytes + n, more.data, more.len);
	world_message(
		link_socket, live->uplink->pipe, (struct slice){(const char *)bytes, n + more.len});
}

static void on_drained(void *arg)
{
	(void)arg;
	play.has_drained = true;
}

static void on_drain(void *arg)
{
	(void)arg;
	if (!live->is_draining)
		live_drain(live, 5000, on_drained, NULL);
}

/* All of it */

static void turn(void)
{
	uint32_t closed;

	uv_run(&loop, UV_RUN_NOWAIT);
	if (link_socket == NULL)
		return;
	world_sent_done(link_socket, true);
	closed = world_closed(link_socket);
	if (closed != 0 && closed == live->uplink->pipe)
		hang_up();
	uv_run(&loop, UV_RUN_NOWAIT);
}

static void begin(void)
{
	const struct live_config config = {
		.hello_path = "router.sock",
		.system_path = "system.sock",
		.interval_ms = 25000,
		.grace_ms = 20000,
		.msgs_per_s = 20,
		.msgs_burst = 40,
		.pending_bytes = 2048,
		.max_connections = CLIENTS,
		.memory_limit = UINT64_C(1) << 50,
		.may_swap = true,
		.on_drain = on_drain,
	};

	world_reset();
	world_stop_time(true);
	assert(uv_loop_init(&loop) == 0 && arena_new(&decoded, 8 * LINK_BATCH_MAX_BYTES) == 0);
	assert(live_new(&live, &loop, NULL, NULL, &config) == 0);
	sockets_on_frame(on_frame);
	hello = world_socket("router.sock");
	system_socket = world_socket("system.sock");
	uv_run(&loop, UV_RUN_NOWAIT);
	say_lease(&play, 1);
	world_keep(); /* with the link's */
}

static void assert_empty(void)
{
	uint64_t session;

	assert(live->n_conns == 0 && live->graves == NULL && live->n_behind == 0);
	assert(live->n_wants_reopen == 0 && sends_count(live->sends) == 0);
	assert(map_count(live->by_nonce) == 0 && map_count(live->by_session) == 0);
	assert(!syncs_peek(&live->syncs, &session) && play.called == 0);
	for (size_t i = 0; i < QUESTIONS; i++)
		assert(play.questions[i].id == 0);
}

/* Everybody goes, and what is left is as at first. */
static void end(void)
{
	struct uplink *u = live->uplink;

	sockets_reset();
	turn();
	for (size_t i = 0; i < CLIENTS; i++)
		live_open_cancel(live, play.clients[i].nonce);
	hang_up();
	turn();
	assert_empty();
	assert(!live->is_draining || play.has_drained);
	while (world_asked(hello) > 0)
		world_answer(hello, BUS_TIMED_OUT, (struct slice){NULL, 0});
	batches_reset(&u->batches);
	uplink_system_reset(u);
	u->refusals = u->misheard = 0;
	u->credential_len = 0;
	u->lease = u->claimed = (struct lease){0};
	u->pause_ms = UPLINK_PAUSE_MIN_MS;
	u->state = UPLINK_PAUSING;
	u->pipe = 0;
	live->is_draining = false;
	live->last_serial = 0;
	live->random = 1;
}

/* Timers begin anew, at the first ms. */
static void begin_again(void)
{
	struct uplink *u = live->uplink;

	world_reset();
	world_stop_time(true);
	uv_update_time(&loop);
	wheel_init(&live->wheel, live_wheel_tick_ms(&live->config), live_now(live));
	uv_timer_again(&live->wheel_timer);
	uv_timer_again(&live->second_timer);
	uv_timer_start(&u->timer, u->timer.timer_cb, 0, 0);
	uv_run(&loop, UV_RUN_NOWAIT);
}

static void step(struct play *p)
{
	size_t i;

	switch (script_byte(&p->s) % 20) {
	case 0:
		router_comes(p);
		break;
	case 1:
		hang_up();
		break;
	case 2:
		client_opens(p);
		break;
	case 3:
		client_adopts(p);
		break;
	case 4:
		client_cancels(p);
		break;
	case 5:
	case 6:
		client_says(p);
		break;
	case 7:
		i = script_byte(&p->s) % CLIENTS;
		sockets_say(i, script_slice(&p->s));
		p->clients[i].has_synced = true; /* perhaps */
		break;
	case 8:
		i = script_byte(&p->s) % CLIENTS;
		sockets_pong(i, (struct slice){p->clients[i].ping, p->clients[i].ping_len});
		break;
	case 9:
		i = script_byte(&p->s) % CLIENTS;
		sockets_read(i, (size_t)script_byte(&p->s) * 32);
		break;
	case 10:
		i = script_byte(&p->s) % CLIENTS;
		sockets_leave(i, (unsigned)script_number(&p->s, 2), script_byte(&p->s) % 2);
		break;
	case 11:
		auth_answers(p);
		break;
	case 12:
		say_opened(p);
		break;
	case 13:
		say_refused(p);
		break;
	case 14:
		say_deliver(p);
		break;
	case 15:
		say_result(p);
		break;
	case 16:
		say_about(p);
		break;
	case 17:
		if (script_byte(&p->s) % 2 == 0)
			say_system(p);
		else
			say_other(p);
		break;
	case 18:
		if (script_byte(&p->s) % 2 == 0)
			request_calls(p);
		else
			say_raw(p);
		break;
	case 19:
		world_ms += (int64_t)script_byte(&p->s) * script_byte(&p->s) * 2;
		break;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (live == NULL) {
		begin();
		play = (struct play){0};
		end();
	}
	play = (struct play){.s = {data, size}, .wire = 3};
	live->config.may_swap = script_byte(&play.s) % 4 != 0;
	begin_again();
	link_socket = world_socket("link.sock");
	world_on_sent(on_sent, NULL);
	while (!script_is_over(&play.s)) {
		step(&play);
		turn();
	}
	end();
	world_on_sent(NULL, NULL);
	world_stop_time(false);
	return 0;
}
