/* The router as the edge sees it: see live_rig.h. */
#include <stdio.h>

#include "hello.pb-c.h"
#include "tests/fuzz/live_rig.h"

void hang_up(struct play *p)
{
	uint32_t pipe = live->uplink->pipe;

	if (link_socket == NULL || pipe == 0)
		return;
	world_down(link_socket, pipe);
	for (size_t i = 0; i < p->n_sessions && i < SESSIONS; i++)
		p->sessions[i].is_closed = true;
	p->n_openings = p->n_refs = 0;
}

void say_lease(struct play *p, unsigned how)
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

void router_comes(struct play *p)
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

void say_opened(struct play *p)
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
	*s = (struct session){opened.session, o->user, o->client, opened.start_u, false, false};
	if (o->client < CLIENTS) {
		p->clients[o->client].start_u = opened.start_u;
		p->clients[o->client].start_s = opened.start_s;
	}
	o->nonce = 0;
	item.item_case = PB__DOWN_ITEM__ITEM_OPENED;
	item.opened = &opened;
	say_down(p, &item, 0);
}

void say_refused(struct play *p)
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

void say_deliver(struct play *p)
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

void say_result(struct play *p)
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

void say_about(struct play *p)
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
		s->may_cross = live->uplink->batches.waiting_bytes > 0;
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

void say_system(struct play *p)
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

void say_other(struct play *p)
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

void say_raw(struct play *p)
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
