/*
 * The router as its peers find it: edges that say HELLO, claim links and send batches, auth with
 * its facts, an operator with his commands; each as bytes, or as a message that is put together
 * here, with tickets that the router's own key has signed, so that what lies behind them is
 * reached.
 *
 * Every request is answered or dropped, once.  What goes to an edge is within its bounds and in
 * order; a session exists only by a good ticket for that very edge; nothing is delivered to a link
 * whose session it is not; and a chat names as its sender a user who had a session on a link.
 *
 * Everything is the real one but the bus, the clocks and chance.  The store is that in memory.
 */
#include <assert.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/audit.h"
#include "common/json.h"
#include "ctl.pb-c.h"
#include "hello.pb-c.h"
#include "proto/names.h"
#include "router/control_internal.h"
#include "router/dispatch.h"
#include "router/hello.h"
#include "router/inbox.h"
#include "router/links_internal.h"
#include "router/page_answer.h"
#include "router/system.h"
#include "router/trust.h"
#include "tests/fuzz/script.h"
#include "tests/fuzz/world.h"
#include "trust.pb-c.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define EDGES 3
#define USERS 3
#define SESSIONS 64 /* of a script; older ones are not counted on any more */
#define NONCES 64
#define BATCH_MAX_BYTES 65536
#define OPERATOR (EDGES + 2) /* as who asks */

static const char *const users[USERS] = {"ann", "bob", "7"};
static const unsigned char secret[TICKET_KEY_BYTES] = "the key of this target";

/* What a HELLO was answered. */
struct got {
	uint32_t id; /* 0: nothing yet */
	uint32_t epoch;
	uint32_t wire;
	char path[LINK_PATH_MAX_BYTES + 1];
	unsigned char key[LINK_KEY_BYTES];
};

/* An edge, as the world sees it. */
struct edge {
	struct got lease; /* the last */
	struct got of;	  /* that its link is of */
	unsigned char credential[CREDENTIAL_BYTES];
	size_t credential_len;
	struct bus_socket *socket; /* NULL: no link */
	uint32_t pipe;
	uint64_t sent; /* batches */
	uint64_t heard;
	uint64_t nonces[NONCES]; /* of openings with a good ticket for it */
	size_t n_nonces;
	bool has_user[USERS]; /* had a session here, ever */
};

struct session {
	uint64_t id;
	size_t edge;
	size_t user;
};

struct play {
	struct script s;
	struct edge edges[EDGES];
	struct session sessions[SESSIONS];
	size_t n_sessions;
	size_t asking; /* the edge whose HELLO is being answered; EDGES: another's */
	uint32_t asking_wire;
	uint32_t pipes;
	uint64_t facts;
};

static struct hub hub;
static struct router_config config;
static uv_loop_t loop;
static struct arena *decoded;
static struct play play;
static char dir[64]; /* for audit.log */

/* The router, from nothing and back */

static void path_of(char out[128], const char *name)
{
	snprintf(out, 128, "%s/%s", dir, name);
}

static void remove_dir(void)
{
	char path[128];

	path_of(path, "audit.log");
	(void)unlink(path);
	(void)rmdir(dir);
}

/* Each line of the record is JSON. */
static void audit_check(void)
{
	char path[128], line[AUDIT_LINE_MAX + 1];
	FILE *f;

	path_of(path, "audit.log");
	f = fopen(path, "re");
	if (f == NULL)
		return;
	while (fgets(line, sizeof(line), f) != NULL) {
		CLEANUP(json_decrefp) json_t *json = NULL;
		size_t len = strlen(line);

		assert(len > 1 && line[len - 1] == '\n');
		assert(json_read((struct slice){line, len - 1}, 4, &json) == JSON_READ);
		assert(json_text(json, "command").len > 0 && json_text(json, "result").len > 0);
	}
	fclose(f);
	assert(truncate(path, 0) == 0);
}

static void begin(void)
{
	static char run[] = "/run", store[] = "memory";

	snprintf(dir, sizeof(dir), "%s/postern-fuzz-XXXXXX",
		access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
	assert(mkdtemp(dir) != NULL && atexit(remove_dir) == 0);
	config = (struct router_config){
		.daemon = {.run = run, .state = dir},
		.store = store,
		.watching = CORE_WATCH_ANY,
		.inbox_rows = 20,
		.inbox_bytes = 65536,
		.retention_ms = 86400000,
		.keep_acked_ms = 86400000,
		.memory_limit = INT64_C(1) << 50,
		.sessions_per_user = 3,
	};
	config.edges.n = config.auths.n = config.ctls.n = 1;
	memcpy(config.run_path, run, sizeof(run));
	assert(uv_loop_init(&loop) == 0 && arena_new(&decoded, 8 * LINK_BATCH_MAX_BYTES) == 0);
	world_reset();
	assert(hub_init(&hub, &config, &loop) == 0 && system_new(&hub.system, &hub) == 0);
	world_keep(); /* its memory cannot be freed, so it stays */
}

static void settle(void)
{
	while (!inbox_is_idle(hub.inbox))
		uv_run(&loop, UV_RUN_ONCE);
	links_turn(hub.links);
	system_turn(hub.system);
	control_turn(hub.control);
}

static void router_end(void)
{
	while (!inbox_is_idle(hub.inbox))
		uv_run(&loop, UV_RUN_ONCE);
	inbox_stop(hub.inbox);
	uv_run(&loop, UV_RUN_DEFAULT);
	free(hub.inbox);
	core_free(hub.core);
	arena_free(hub.arena);
	buf_fini(&hub.scratch);
	ticket_keys_free(hub.keys);
	tail_free(hub.tail);
	why_free(hub.why);
	if (hub.memory.statm >= 0)
		close(hub.memory.statm);
	if (hub.links != NULL) {
		for (size_t i = 0; i < MAX_EDGES; i++)
			link_fini(&hub.links->links[i].link);
	}
	free(hub.links);
	free(hub.hello);
	free(hub.trust);
	if (hub.control != NULL) {
		arena_free(hub.control->arena);
		audit_close(hub.control->audit);
	}
	free(hub.control);
}

static void router_begin(void)
{
	const struct core_text nothing = {{"", 0}, 0, 0};
	struct system_feed *system = hub.system;

	assert(hub_init(&hub, &config, &loop) == 0);
	world_ms++; /* to a store in memory, tickets from before its start are void */
	hub.system = system;
	system_publish(system, 0, &nothing); /* its numbers begin anew */
	system_turn(system);
	world_sent_done(world_socket("system.sock"), true);
	assert(ticket_keys_new(&hub.keys, SLICE_LITERAL("boot")) == 0 &&
		ticket_keys_add(hub.keys, 1, secret) == 0);
	assert(hello_new(&hub.hello, &hub) == 0 && links_new(&hub.links, &hub) == 0);
	assert(trust_new(&hub.trust, &hub) == 0 && control_new(&hub.control, &hub) == 0);
}

/* What it says */

static const ProtobufCMessage *decode(const ProtobufCMessageDescriptor *type, struct slice bytes,
	size_t max_bytes, size_t elements)
{
	const struct codec_bounds bounds = {max_bytes, elements};
	ProtobufCMessage *out = NULL;

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

static void on_sent(void *arg, const struct world_sent *sent)
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

/* What is said to it */

static void say_hello(struct play *p)
{
	size_t i = script_byte(&p->s) % EDGES;
	unsigned how = script_byte(&p->s);
	struct edge *e = &p->edges[i];
	Pb__HelloRequest request = PB__HELLO_REQUEST__INIT;
	uint8_t bytes[HELLO_MAX_BYTES];

	request.wire = how & 1 ? 2 : 3;
	if (how & 2)
		request.credential =
			codec_bytes((struct slice){(const char *)e->credential, e->credential_len});
	p->asking = i;
	for (unsigned n = 0; n <= how >> 2; n++) /* and others like it */
		world_ask(world_socket("router.sock"), 1 + (uint32_t)i,
			(struct slice){
				(const char *)bytes, pb__hello_request__pack(&request, bytes)});
	p->asking = EDGES;
}

static void hang_up(struct edge *e)
{
	struct bus_socket *socket = e->socket;

	if (socket == NULL)
		return;
	e->socket = NULL;
	world_down(socket, e->pipe);
}

static void connect_link(struct play *p)
{
	struct edge *e = &p->edges[script_byte(&p->s) % EDGES];

	if (e->lease.id == 0)
		return;
	hang_up(e);
	e->of = e->lease;
	/* Its file has another name now; the socket is found by its slot. */
	for (size_t i = 0; i < MAX_EDGES; i++) {
		if (strcmp(hub.links->links[i].path, e->of.path) == 0 &&
			hub.links->links[i].pipe == 0) {
			e->socket = hub.links->links[i].socket;
			break;
		}
	}
	if (e->socket == NULL)
		return;
	e->pipe = ++p->pipes;
	e->sent = e->heard = 0;
	world_up(e->socket, e->pipe);
}

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

static ProtobufCBinaryData user_from(struct play *p)
{
	unsigned which = script_byte(&p->s) % (USERS + 1);

	return which == USERS ? codec_bytes(script_slice(&p->s))
			      : codec_bytes(slice_of(users[which]));
}

/* Enough for any item that is put together here. */
struct item {
	Pb__UpItem item;
	Pb__UpOpen open;
	Pb__UpRebind rebind;
	Pb__UpClose close;
	Pb__UpSend send;
	Pb__UpPush push;
	Pb__UpTyping typing;
	Pb__UpWatch watch;
	Pb__UpAway away;
	Pb__UpRenew renew;
	Pb__UpGauges gauges;
	Pb__UpSystemSince since;
	Pb__UpAck ack;
	Pb__UpSync sync;
	ProtobufCBinaryData watched[WATCH_MAX_USERS + 1];
	unsigned char ticket[TICKET_MAX_BYTES];
};

/* What else it says, as bits; 128 is not of it. */
static unsigned fill_open(struct play *p, struct edge *e, struct item *i)
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

static void fill_watch(struct play *p, struct item *i)
{
	pb__up_watch__init(&i->watch);
	i->watch.session = session_from(p);
	i->watch.users = i->watched;
	i->watch.n_users = script_byte(&p->s);
	if (i->watch.n_users > WATCH_MAX_USERS)
		i->watch.n_users = WATCH_MAX_USERS + 1;
	for (size_t k = 0; k < i->watch.n_users; k++)
		i->watched[k] = user_from(p);
}

static void fill_send(struct play *p, struct item *i)
{
	pb__up_send__init(&i->send);
	i->send.session = session_from(p);
	i->send.ref = script_byte(&p->s);
	i->send.to = user_from(p);
	i->send.content = codec_bytes(script_slice(&p->s));
	i->send.mid = codec_bytes(script_slice(&p->s));
}

static void fill_push(struct play *p, struct item *i)
{
	pb__up_push__init(&i->push);
	i->push.session = session_from(p);
	i->push.ref = script_byte(&p->s);
	i->push.user = user_from(p);
	i->push.event = codec_bytes(slice_of("news"));
	i->push.data = codec_bytes(script_slice(&p->s));
	i->push.mid = codec_bytes(script_slice(&p->s));
}

static void fill_item(struct play *p, struct edge *e, struct item *i)
{
	pb__up_item__init(&i->item);
	switch (script_byte(&p->s) % 13) {
	case 0:
		(void)fill_open(p, e, i);
		i->item.item_case = PB__UP_ITEM__ITEM_OPEN;
		i->item.open = &i->open;
		break;
	case 1:
		pb__up_rebind__init(&i->rebind);
		i->rebind.session = session_from(p);
		if ((fill_open(p, e, i) & 128) == 0)
			i->rebind.open = &i->open;
		i->item.item_case = PB__UP_ITEM__ITEM_REBIND;
		i->item.rebind = &i->rebind;
		break;
	case 2:
		pb__up_close__init(&i->close);
		i->close.session = session_from(p);
		i->close.code = (uint32_t)script_number(&p->s, 2);
		i->item.item_case = PB__UP_ITEM__ITEM_CLOSE;
		i->item.close = &i->close;
		break;
	case 3:
		fill_send(p, i);
		i->item.item_case = PB__UP_ITEM__ITEM_SEND;
		i->item.send = &i->send;
		break;
	case 4:
		fill_push(p, i);
		i->item.item_case = PB__UP_ITEM__ITEM_PUSH;
		i->item.push = &i->push;
		break;
	case 5:
		pb__up_typing__init(&i->typing);
		i->typing.session = session_from(p);
		i->typing.to = user_from(p);
		i->item.item_case = PB__UP_ITEM__ITEM_TYPING;
		i->item.typing = &i->typing;
		break;
	case 6:
		fill_watch(p, i);
		i->item.item_case = PB__UP_ITEM__ITEM_WATCH;
		i->item.watch = &i->watch;
		break;
	case 7:
		pb__up_away__init(&i->away);
		i->away.session = session_from(p);
		i->away.away = script_byte(&p->s) % 2;
		i->item.item_case = PB__UP_ITEM__ITEM_AWAY;
		i->item.away = &i->away;
		break;
	case 8:
		pb__up_renew__init(&i->renew);
		i->renew.session = session_from(p);
		i->renew.ticket = (ProtobufCBinaryData){
			ticket_of(e, i->renew.session >> 8 & 0xff ? 1 : 0, i->renew.session >> 16,
				script_byte(&p->s), i->ticket),
			i->ticket};
		i->item.item_case = PB__UP_ITEM__ITEM_RENEW;
		i->item.renew = &i->renew;
		break;
	case 9:
		pb__up_gauges__init(&i->gauges);
		i->gauges.connections = script_number(&p->s, 8);
		i->item.item_case = PB__UP_ITEM__ITEM_GAUGES;
		i->item.gauges = &i->gauges;
		break;
	case 10:
		pb__up_system_since__init(&i->since);
		i->since.number = script_byte(&p->s) == 0 ? UINT64_MAX : script_byte(&p->s);
		i->item.item_case = PB__UP_ITEM__ITEM_SYSTEM_SINCE;
		i->item.system_since = &i->since;
		break;
	case 11:
		pb__up_ack__init(&i->ack);
		i->ack.session = session_from(p);
		i->ack.u = script_byte(&p->s);
		i->ack.s = script_byte(&p->s);
		i->item.item_case = PB__UP_ITEM__ITEM_ACK;
		i->item.ack = &i->ack;
		break;
	case 12:
		pb__up_sync__init(&i->sync);
		i->sync.session = session_from(p);
		i->sync.system = script_byte(&p->s) % 2;
		i->sync.after = script_byte(&p->s);
		i->item.item_case = PB__UP_ITEM__ITEM_SYNC;
		i->item.sync = &i->sync;
		break;
	}
}

/* What a batch may say beside its items. */
enum twist { AS_IT_IS, GAP, SEEN_AHEAD, KEY_AGAIN, WRONG_KEY, OTHER_WIRE, OVER_CREDIT, TWISTS };

static void send_batch(const struct edge *e, const Pb__LinkUp *up, struct slice more)
{
	static uint8_t bytes[BATCH_MAX_BYTES];
	size_t len = pb__link_up__get_packed_size(up);

	if (len + more.len > sizeof(bytes))
		return;
	pb__link_up__pack(up, bytes);
	if (more.len > 0)
		memcpy(bytes + len, more.data, more.len);
	world_message(e->socket, e->pipe, (struct slice){(const char *)bytes, len + more.len});
}

/* With the numbers that are due, or not; more: bytes behind them, in which anything may be. */
static void say_numbered(struct edge *e, Pb__LinkUp *up, enum twist twist, struct slice more)
{
	static const unsigned char wrong[LINK_KEY_BYTES] = {1};

	up->wire = e->of.wire ^ (twist == OTHER_WIRE ? 1 : 0);
	up->number = ++e->sent + (twist == GAP ? 1 : 0);
	up->seen = e->heard + (twist == SEEN_AHEAD ? 1 : 0);
	up->key = (ProtobufCBinaryData){0};
	if (e->sent == 1 || twist == KEY_AGAIN)
		up->key = codec_bytes((struct slice){(const char *)e->of.key, LINK_KEY_BYTES});
	if (twist == WRONG_KEY)
		up->key = codec_bytes((struct slice){(const char *)wrong, LINK_KEY_BYTES});
	send_batch(e, up, more);
}

static void say_batch(struct play *p, bool is_raw)
{
	static struct item items[4];
	struct edge *e = &p->edges[script_byte(&p->s) % EDGES];
	Pb__LinkUp up = PB__LINK_UP__INIT;
	Pb__UpItem *list[4];
	struct slice more = {"", 0};
	enum twist twist = AS_IT_IS;

	if (e->socket == NULL)
		return;
	if (is_raw) {
		more = script_slice(&p->s);
	} else {
		unsigned how = script_byte(&p->s);

		up.n_items = how % 5;
		twist = (enum twist)(how / 5 % TWISTS);
	}
	for (size_t i = 0; i < up.n_items; i++) {
		fill_item(p, e, &items[i]);
		list[i] = &items[i].item;
	}
	up.items = list;
	say_numbered(e, &up, twist, more);
	up.n_items = 0;
	for (size_t i = 0; twist == OVER_CREDIT && i <= LINK_WINDOW_BATCHES; i++)
		say_numbered(e, &up, AS_IT_IS, more);
}

/* Somebody else connects where a link is; he is sent away. */
static void say_second(struct play *p)
{
	struct edge *e = &p->edges[script_byte(&p->s) % EDGES];
	const struct bus_options *o;

	if (e->socket == NULL)
		return;
	o = world_options(e->socket);
	o->on_up(o->arg, ++p->pipes);
	assert(world_closed(e->socket) == p->pipes);
	o->on_message(o->arg, p->pipes, SLICE_LITERAL("anything"));
	o->on_down(o->arg, p->pipes);
}

static void say_raw(struct play *p)
{
	struct edge *e = &p->edges[script_byte(&p->s) % EDGES];
	struct slice bytes = script_slice(&p->s);

	if (e->socket != NULL)
		world_message(e->socket, e->pipe, bytes);
}

static void ask_raw(struct play *p, const char *path, size_t asking)
{
	struct bus_socket *socket = world_socket(path);
	struct slice bytes = script_slice(&p->s);

	p->asking = asking;
	if (bytes.len <= world_options(socket)->max_message)
		world_ask(socket, 99, bytes);
	p->asking = EDGES;
}

static void say_facts(struct play *p)
{
	Pb__TrustRequest request = PB__TRUST_REQUEST__INIT;
	Pb__TrustFact facts[4], *list[4];
	Pb__TrustUser named[4];
	Pb__TrustRevoke revokes[4];
	uint8_t bytes[4096];

	request.wire = 2 + script_byte(&p->s) % 2;
	request.after = p->facts;
	request.facts = list;
	request.n_facts = script_byte(&p->s) % 5;
	for (size_t i = 0; i < request.n_facts; i++) {
		unsigned kind = script_byte(&p->s);

		pb__trust_fact__init(&facts[i]);
		list[i] = &facts[i];
		facts[i].number = ++p->facts;
		if (kind % 2 == 0) {
			pb__trust_user__init(&named[i]);
			named[i].uid = codec_bytes(slice_of(users[kind / 2 % USERS]));
			facts[i].fact_case = PB__TRUST_FACT__FACT_USER;
			facts[i].user = &named[i];
			continue;
		}
		pb__trust_revoke__init(&revokes[i]);
		revokes[i].kind = (Pb__RevokeKind)(kind / 2 % 4);
		revokes[i].uid = codec_bytes(slice_of(users[kind / 8 % USERS]));
		revokes[i].token_hash = kind / 8 % USERS + 1;
		revokes[i].issuer = 1;
		revokes[i].boot_ms = kind / 32 % 2 ? world_ms : world_ms - 1000;
		revokes[i].code = kind / 64 ? CLOSE_REVOKED : CLOSE_LOGGED_OUT;
		facts[i].fact_case = PB__TRUST_FACT__FACT_REVOKE;
		facts[i].revoke = &revokes[i];
	}
	p->asking = EDGES + 1;
	world_ask(world_socket("trust.sock"), 98,
		(struct slice){(const char *)bytes, pb__trust_request__pack(&request, bytes)});
	p->asking = EDGES;
}

static void command(struct play *p)
{
	Pb__RouterCtlRequest request = PB__ROUTER_CTL_REQUEST__INIT;
	Pb__CtlPush push = PB__CTL_PUSH__INIT;
	Pb__CtlWho who = PB__CTL_WHO__INIT;
	Pb__CtlUser user = PB__CTL_USER__INIT;
	Pb__CtlEdges edges = PB__CTL_EDGES__INIT;
	Pb__CtlStats stats = PB__CTL_STATS__INIT;
	Pb__CtlKick kick = PB__CTL_KICK__INIT;
	Pb__CtlTail tail = PB__CTL_TAIL__INIT;
	Pb__CtlTop top = PB__CTL_TOP__INIT;
	Pb__CtlInbox inbox = PB__CTL_INBOX__INIT;
	Pb__CtlDrain drain = PB__CTL_DRAIN__INIT;
	Pb__CtlBackup backup = PB__CTL_BACKUP__INIT;
	Pb__CtlWhy why = PB__CTL_WHY__INIT;
	Pb__CtlPing ping = PB__CTL_PING__INIT;
	static uint8_t bytes[BATCH_MAX_BYTES];
	unsigned how = script_byte(&p->s);

	request.wire = 3;
	request.command_case = (Pb__RouterCtlRequest__CommandCase)(2 + how % 13);
	switch (request.command_case) {
	case PB__ROUTER_CTL_REQUEST__COMMAND_PUSH:
		request.push = &push;
		push.user = user_from(p);
		push.event = codec_bytes(script_slice(&p->s));
		push.data = codec_bytes(script_slice(&p->s));
		push.mid = codec_bytes(script_slice(&p->s));
		push.wait = (Pb__CtlWait)(script_byte(&p->s) % 4);
		push.ttl_ms = script_number(&p->s, 4);
		push.timeout_ms = (uint32_t)script_number(&p->s, 3);
		break;
	case PB__ROUTER_CTL_REQUEST__COMMAND_WHO:
		request.who = &who;
		who.after = user_from(p);
		break;
	case PB__ROUTER_CTL_REQUEST__COMMAND_USER:
		request.user = &user;
		user.uid = user_from(p);
		break;
	case PB__ROUTER_CTL_REQUEST__COMMAND_EDGES:
		request.edges = &edges;
		break;
	case PB__ROUTER_CTL_REQUEST__COMMAND_STATS:
		request.stats = &stats;
		break;
	case PB__ROUTER_CTL_REQUEST__COMMAND_KICK:
		request.kick = &kick;
		kick.uid = user_from(p);
		break;
	case PB__ROUTER_CTL_REQUEST__COMMAND_TAIL:
		request.tail = &tail;
		tail.after = script_byte(&p->s);
		if (script_byte(&p->s) % 2 == 1)
			tail.user = user_from(p);
		break;
	case PB__ROUTER_CTL_REQUEST__COMMAND_TOP:
		request.top = &top;
		top.count = script_byte(&p->s);
		break;
	case PB__ROUTER_CTL_REQUEST__COMMAND_INBOX:
		request.inbox = &inbox;
		inbox.uid = user_from(p);
		inbox.purge = script_byte(&p->s) % 2;
		break;
	case PB__ROUTER_CTL_REQUEST__COMMAND_DRAIN:
		request.drain = &drain;
		drain.edge_id = p->edges[script_byte(&p->s) % EDGES].of.id;
		break;
	case PB__ROUTER_CTL_REQUEST__COMMAND_BACKUP:
		request.backup = &backup;
		backup.id = script_byte(&p->s);
		backup.offset = script_byte(&p->s);
		backup.cancel = script_byte(&p->s) % 2;
		break;
	case PB__ROUTER_CTL_REQUEST__COMMAND_WHY:
		request.why = &why;
		why.uid = user_from(p);
		break;
	case PB__ROUTER_CTL_REQUEST__COMMAND_PING:
	case PB__ROUTER_CTL_REQUEST__COMMAND__NOT_SET:
	case _PB__ROUTER_CTL_REQUEST__COMMAND__CASE_IS_INT_SIZE:
		request.ping = &ping;
		break;
	}
	if (pb__router_ctl_request__get_packed_size(&request) > sizeof(bytes))
		return;
	p->asking = OPERATOR;
	for (unsigned n = 0; n <= how / 13 * 5; n++) /* and many others, up to 96 */
		world_ask(world_socket("routerctl.sock"), 99,
			(struct slice){(const char *)bytes,
				pb__router_ctl_request__pack(&request, bytes)});
	p->asking = EDGES;
}

/* A request for the operator's page: the answer is a whole one. */
static void ask_page(struct play *p)
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

static void tick(int64_t ms)
{
	struct core_event event = {.kind = CORE_TICK};

	world_ms += ms;
	hub_step(&hub, &event);
	links_tick(hub.links, world_ms);
	hello_tick(hub.hello, world_ms);
	control_tick(hub.control, world_ms);
}

static void step(struct play *p)
{
	switch (script_byte(&p->s) % 16) {
	case 0:
		say_hello(p);
		break;
	case 1:
		connect_link(p);
		break;
	case 2:
	case 3:
		say_batch(p, false);
		break;
	case 4:
		say_batch(p, true);
		break;
	case 5:
		say_raw(p);
		break;
	case 6:
		ask_raw(p, "router.sock", EDGES);
		break;
	case 7:
		ask_raw(p, "trust.sock", EDGES + 1);
		break;
	case 8:
		say_facts(p);
		break;
	case 9:
		ask_raw(p, "routerctl.sock", OPERATOR);
		break;
	case 10:
		tick((int64_t)script_number(&p->s, 2) * 4);
		break;
	case 11:
		hang_up(&p->edges[script_byte(&p->s) % EDGES]);
		break;
	case 12:
		ask_page(p);
		break;
	case 13:
		command(p);
		break;
	case 14:
		say_second(p);
		break;
	case 15:
		hub.draining = script_byte(&p->s) % 2;
		break;
	}
}

/* What the bus would do at the end of a turn. */
static void turn(struct play *p)
{
	settle();
	for (size_t i = 0; i < EDGES; i++) {
		struct edge *e = &p->edges[i];

		if (e->socket == NULL)
			continue;
		if (world_closed(e->socket) == e->pipe)
			hang_up(e);
		else
			world_sent_done(e->socket, true);
	}
	world_sent_done(world_socket("system.sock"), true);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct play *p = &play;

	if (hub.system == NULL)
		begin();
	else
		world_reset();
	*p = (struct play){.s = {data, size}, .asking = EDGES};
	config.recipients = script_byte(&p->s) % 2 ? CORE_RECIPIENTS_ANY : CORE_RECIPIENTS_KNOWN;
	config.session_policy = (enum core_limit)(script_byte(&p->s) % 3);
	if (hub.core != NULL)
		router_end();
	router_begin();
	world_on_sent(on_sent, p);
	while (!script_is_over(&p->s)) {
		step(p);
		turn(p);
	}
	tick(CTL_WAIT_MAX_MS + TAIL_WAIT_MS);
	turn(p);
	control_drain(hub.control);
	assert(world_waiting() == 0);
	for (size_t i = 0; i < EDGES; i++)
		hang_up(&p->edges[i]);
	turn(p);
	world_on_sent(NULL, NULL);
	audit_check();
	return 0;
}
