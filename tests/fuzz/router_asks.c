/* Auth, operators, and who looks at the page: see router_rig.h. */
#include <assert.h>
#include <string.h>

#include "ctl.pb-c.h"
#include "proto/http_head.h"
#include "router/page_answer.h"
#include "tests/fuzz/router_rig.h"
#include "trust.pb-c.h"

static void ask_raw(struct play *p, const char *path, size_t asking)
{
	struct bus_socket *socket = world_socket(path);
	struct slice bytes = script_slice(&p->s);

	p->asking = asking;
	if (bytes.len <= world_options(socket)->max_message)
		world_ask(socket, 99, bytes);
	p->asking = EDGES;
}

void ask_hello_raw(struct play *p)
{
	ask_raw(p, "router.sock", EDGES);
}

void ask_trust_raw(struct play *p)
{
	ask_raw(p, "trust.sock", EDGES + 1);
}

void ask_ctl_raw(struct play *p)
{
	ask_raw(p, "routerctl.sock", OPERATOR);
}

/* Of this kind; about whom, and since when. */
struct fact {
	Pb__TrustFact fact;
	Pb__TrustUser named;
	Pb__TrustRevoke revoke;
};

static void fill_fact(struct fact *f, unsigned kind, uint64_t number)
{
	Pb__TrustRevoke *r = &f->revoke;

	pb__trust_fact__init(&f->fact);
	f->fact.number = number;
	if (kind % 2 == 0) {
		pb__trust_user__init(&f->named);
		f->named.uid = codec_bytes(slice_of(users[kind / 2 % USERS]));
		f->fact.fact_case = PB__TRUST_FACT__FACT_USER;
		f->fact.user = &f->named;
		return;
	}
	pb__trust_revoke__init(r);
	r->kind = (Pb__RevokeKind)(kind / 2 % 4);
	r->uid = codec_bytes(slice_of(users[kind / 8 % USERS]));
	r->token_hash = kind / 8 % USERS + 1;
	r->issuer = 1;
	r->boot_ms = kind / 32 % 2 ? world_ms : world_ms - 1000;
	r->code = kind / 64 ? CLOSE_REVOKED : CLOSE_LOGGED_OUT;
	f->fact.fact_case = PB__TRUST_FACT__FACT_REVOKE;
	f->fact.revoke = r;
}

void say_facts(struct play *p)
{
	Pb__TrustRequest request = PB__TRUST_REQUEST__INIT;
	struct fact facts[4];
	Pb__TrustFact *list[4];
	uint8_t bytes[4096];

	request.wire = 2 + script_byte(&p->s) % 2;
	request.after = p->facts;
	request.facts = list;
	request.n_facts = script_byte(&p->s) % 5;
	for (size_t i = 0; i < request.n_facts; i++) {
		unsigned kind = script_byte(&p->s);

		fill_fact(&facts[i], kind, ++p->facts);
		list[i] = &facts[i].fact;
	}
	p->asking = EDGES + 1;
	world_ask(world_socket("trust.sock"), 98,
		(struct slice){(const char *)bytes, pb__trust_request__pack(&request, bytes)});
	p->asking = EDGES;
}

/* Room for any command that is put together here. */
struct order {
	Pb__RouterCtlRequest request;
	Pb__CtlPush push;
	Pb__CtlWho who;
	Pb__CtlUser user;
	Pb__CtlEdges edges;
	Pb__CtlStats stats;
	Pb__CtlKick kick;
	Pb__CtlTail tail;
	Pb__CtlTop top;
	Pb__CtlInbox inbox;
	Pb__CtlDrain drain;
	Pb__CtlBackup backup;
	Pb__CtlWhy why;
	Pb__CtlPing ping;
};

static void order_push(struct play *p, struct order *o)
{
	pb__ctl_push__init(&o->push);
	o->push.user = user_from(p);
	o->push.event = codec_bytes(script_slice(&p->s));
	o->push.data = codec_bytes(script_slice(&p->s));
	o->push.mid = codec_bytes(script_slice(&p->s));
	o->push.wait = (Pb__CtlWait)(script_byte(&p->s) % 4);
	o->push.ttl_ms = script_number(&p->s, 4);
	o->push.timeout_ms = (uint32_t)script_number(&p->s, 3);
	o->request.push = &o->push;
}

static void order_who(struct play *p, struct order *o)
{
	pb__ctl_who__init(&o->who);
	o->who.after = user_from(p);
	o->request.who = &o->who;
}

static void order_user(struct play *p, struct order *o)
{
	pb__ctl_user__init(&o->user);
	o->user.uid = user_from(p);
	o->request.user = &o->user;
}

static void order_edges(struct play *p, struct order *o)
{
	(void)p;
	pb__ctl_edges__init(&o->edges);
	o->request.edges = &o->edges;
}

static void order_stats(struct play *p, struct order *o)
{
	(void)p;
	pb__ctl_stats__init(&o->stats);
	o->request.stats = &o->stats;
}

static void order_kick(struct play *p, struct order *o)
{
	pb__ctl_kick__init(&o->kick);
	o->kick.uid = user_from(p);
	o->request.kick = &o->kick;
}

static void order_tail(struct play *p, struct order *o)
{
	pb__ctl_tail__init(&o->tail);
	o->tail.after = script_byte(&p->s);
	if (script_byte(&p->s) % 2 == 1)
		o->tail.user = user_from(p);
	o->request.tail = &o->tail;
}

static void order_top(struct play *p, struct order *o)
{
	pb__ctl_top__init(&o->top);
	o->top.count = script_byte(&p->s);
	o->request.top = &o->top;
}

static void order_inbox(struct play *p, struct order *o)
{
	pb__ctl_inbox__init(&o->inbox);
	o->inbox.uid = user_from(p);
	o->inbox.purge = script_byte(&p->s) % 2;
	o->request.inbox = &o->inbox;
}

static void order_drain(struct play *p, struct order *o)
{
	pb__ctl_drain__init(&o->drain);
	o->drain.edge_id = p->edges[script_byte(&p->s) % EDGES].of.id;
	o->request.drain = &o->drain;
}

static void order_backup(struct play *p, struct order *o)
{
	pb__ctl_backup__init(&o->backup);
	o->backup.id = script_byte(&p->s);
	o->backup.offset = script_byte(&p->s);
	o->backup.cancel = script_byte(&p->s) % 2;
	o->request.backup = &o->backup;
}

static void order_why(struct play *p, struct order *o)
{
	pb__ctl_why__init(&o->why);
	o->why.uid = user_from(p);
	o->request.why = &o->why;
}

static void order_ping(struct play *p, struct order *o)
{
	(void)p;
	pb__ctl_ping__init(&o->ping);
	o->request.ping = &o->ping;
}

void say_command(struct play *p)
{
	/* In the order of their numbers in ctl.proto, from 2. */
	static void (*const fills[])(struct play * p, struct order * o) = {order_push, order_who,
		order_user, order_edges, order_stats, order_kick, order_tail, order_top,
		order_inbox, order_drain, order_backup, order_why, order_ping};
	static uint8_t bytes[BATCH_MAX_BYTES];
	unsigned how = script_byte(&p->s);
	struct order o;

	pb__router_ctl_request__init(&o.request);
	o.request.wire = 3;
	o.request.command_case = (Pb__RouterCtlRequest__CommandCase)(2 + how % 13);
	fills[how % 13](p, &o);
	if (pb__router_ctl_request__get_packed_size(&o.request) > sizeof(bytes))
		return;
	p->asking = OPERATOR;
	for (unsigned n = 0; n <= how / 13 * 5; n++) /* and many others, up to 96 */
		world_ask(world_socket("routerctl.sock"), 99,
			(struct slice){(const char *)bytes,
				pb__router_ctl_request__pack(&o.request, bytes)});
	p->asking = EDGES;
}

/* The answer is a whole one. */
void ask_page(struct play *p)
{
	struct slice text = script_slice(&p->s);
	struct http_head head;
	struct buf out;

	if (http_head_parse(text, &head) != HTTP_HEAD_OK)
		return;
	buf_init(&out, PAGE_ANSWER_MAX_BYTES);
	page_answer(&out, &hub, &head);
	assert(!out.failed && out.len > 9 && memcmp(out.data, "HTTP/1.1 ", 9) == 0);
	assert(memmem(out.data, out.len, "\r\n\r\n", 4) != NULL);
	buf_fini(&out);
}
