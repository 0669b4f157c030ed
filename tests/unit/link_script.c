#include "tests/unit/link_script.h"

#include <errno.h>
#include <stdio.h>

#include "hello.pb-c.h"
#include "proto/codec.h"
#include "proto/pack.h"
#include "proto/ticket.h"
#include "tests/unit/bus_rig.h"

struct link_script router;

static struct bus_socket *hello_socket;
static struct arena *arena;

static ProtobufCMessage *decode(const ProtobufCMessageDescriptor *type, struct slice msg)
{
	const struct codec_bounds bounds = {LINK_BATCH_MAX_BYTES, LINK_BATCH_MAX_ELEMENTS};
	ProtobufCMessage *out = NULL;

	assert_int_equal(codec_decode(type, msg, &bounds, arena, &out), CODEC_OK);
	return out;
}

static void on_request(void *arg, uint32_t pipe, struct slice msg, struct bus_request *req)
{
	static unsigned char key[LINK_KEY_BYTES];
	static unsigned char credential[CREDENTIAL_BYTES];
	const Pb__HelloRequest *hello =
		(const Pb__HelloRequest *)decode(&pb__hello_request__descriptor, msg);
	Pb__HelloReply reply = PB__HELLO_REPLY__INIT;
	Pb__HelloLease lease = PB__HELLO_LEASE__INIT;

	(void)arg;
	if (hello->wire > router.wire) {
		bus_request_drop(req);
		bus_pipe_close(hello_socket, pipe);
		return;
	}
	lease.path = codec_bytes(slice_of(router.link_path));
	lease.link_key = codec_bytes((struct slice){(char *)key, sizeof(key)});
	lease.credential = codec_bytes((struct slice){(char *)credential, sizeof(credential)});
	lease.edge_id = 7;
	lease.edge_epoch = 1;
	lease.router_start = 42;
	reply.wire = router.link_wire = hello->wire;
	reply.result_case = PB__HELLO_REPLY__RESULT_LEASE;
	reply.lease = &lease;
	router.sent = 0;
	pack_answer(req, &reply.base);
}

static void on_link_up(void *arg, uint32_t pipe)
{
	(void)arg;
	router.pipe = pipe;
}

static void keep_text(const Pb__UpItem *item)
{
	const Pb__UpSend *send = item->send;
	const Pb__UpPush *push = item->push;

	if (item->item_case == PB__UP_ITEM__ITEM_SEND)
		snprintf(router.text, sizeof(router.text), "%.*s|%.*s|%.*s",
			SLICE_ARGS(codec_slice(send->to)), SLICE_ARGS(codec_slice(send->content)),
			SLICE_ARGS(codec_slice(send->mid)));
	else
		snprintf(router.text, sizeof(router.text), "%.*s|%.*s|%.*s|%.*s",
			SLICE_ARGS(codec_slice(push->user)), SLICE_ARGS(codec_slice(push->event)),
			SLICE_ARGS(codec_slice(push->data)), SLICE_ARGS(codec_slice(push->mid)));
}

static void take_open(const Pb__UpOpen *open)
{
	router.opens++;
	router.nonce = open->nonce;
	router.dialect = open->dialect;
	snprintf(router.text, sizeof(router.text), "%.*s|%.*s",
		SLICE_ARGS(codec_slice(open->ticket)), SLICE_ARGS(codec_slice(open->device)));
}

static void take_item(const Pb__UpItem *item)
{
	if (item->item_case == PB__UP_ITEM__ITEM_OPEN) {
		take_open(item->open);
	} else if (item->item_case == PB__UP_ITEM__ITEM_SEND) {
		router.sends++;
		router.session = item->send->session;
		router.ref = item->send->ref;
		keep_text(item);
	} else if (item->item_case == PB__UP_ITEM__ITEM_PUSH) {
		router.pushes++;
		router.session = item->push->session;
		router.ref = item->push->ref;
		keep_text(item);
	} else if (item->item_case == PB__UP_ITEM__ITEM_CLOSE) {
		router.closes++;
		router.closed = item->close->session;
	}
}

static void on_link_message(void *arg, uint32_t pipe, struct slice msg)
{
	const Pb__LinkUp *up = (const Pb__LinkUp *)decode(&pb__link_up__descriptor, msg);

	(void)arg;
	(void)pipe;
	router.seen = up->number;
	router.firsts += up->number == 1;
	for (size_t i = 0; i < up->n_items; i++)
		take_item(up->items[i]);
}

static bool can_send(void *arg)
{
	(void)arg;
	return bus_can_send(router.link);
}

static void say(Pb__DownItem *item)
{
	Pb__LinkDown down = PB__LINK_DOWN__INIT;

	down.wire = router.link_wire;
	down.number = ++router.sent;
	down.seen = router.seen;
	down.items = &item;
	down.n_items = 1;
	rig_wait(can_send, NULL);
	assert_true(bus_send(router.link, pack_message(&down.base)));
}

void say_opened(uint64_t nonce, uint64_t session)
{
	Pb__DownItem item = PB__DOWN_ITEM__INIT;
	Pb__DownOpened opened = PB__DOWN_OPENED__INIT;

	opened.nonce = nonce;
	opened.session = session;
	opened.epoch = codec_bytes(SLICE_LITERAL("k3f9k3f9"));
	item.item_case = PB__DOWN_ITEM__ITEM_OPENED;
	item.opened = &opened;
	say(&item);
}

void say_refused(uint64_t nonce, unsigned code)
{
	Pb__DownItem item = PB__DOWN_ITEM__INIT;
	Pb__DownOpenRefused refused = PB__DOWN_OPEN_REFUSED__INIT;

	refused.nonce = nonce;
	refused.code = code;
	item.item_case = PB__DOWN_ITEM__ITEM_OPEN_REFUSED;
	item.open_refused = &refused;
	say(&item);
}

void say_shut(uint64_t session, unsigned code)
{
	Pb__DownItem item = PB__DOWN_ITEM__INIT;
	Pb__DownShut shut = PB__DOWN_SHUT__INIT;

	shut.session = session;
	shut.code = code;
	item.item_case = PB__DOWN_ITEM__ITEM_SHUT;
	item.shut = &shut;
	say(&item);
}

void say_result(Pb__DownResult *result)
{
	Pb__DownItem item = PB__DOWN_ITEM__INIT;

	item.item_case = PB__DOWN_ITEM__ITEM_RESULT;
	item.result = result;
	say(&item);
}

int link_script_start(void)
{
	static struct bus_socket *system_socket;
	struct bus_options hello = {.pattern = BUS_REP,
		.max_message = HELLO_MAX_BYTES,
		.contexts = 4,
		.mode = 0600,
		.on_request = on_request};
	struct bus_options link = {.pattern = BUS_PAIR,
		.max_message = LINK_BATCH_MAX_BYTES,
		.mode = 0600,
		.on_up = on_link_up,
		.on_message = on_link_message};
	struct bus_options system = {
		.pattern = BUS_PUB, .max_message = 1024, .queue = 16, .mode = 0600};
	int r = arena_new(&arena, 1 << 20);

	router.hello_path = rig_path();
	router.link_path = rig_path();
	router.system_path = rig_path();
	router.wire = WIRE_VERSION;
	if (r == 0)
		r = bus_listen(rig_bus(), router.hello_path, &hello, &hello_socket);
	if (r == 0)
		r = bus_listen(rig_bus(), router.link_path, &link, &router.link);
	if (r == 0)
		r = bus_listen(rig_bus(), router.system_path, &system, &system_socket);
	return r;
}

void link_script_break(void)
{
	bus_pipe_close(router.link, router.pipe);
}

void link_script_come_back(uint32_t wire)
{
	const unsigned firsts = router.firsts;

	router.wire = wire;
	link_script_break();
	rig_wait_count(&router.firsts, firsts + 1);
	assert_int_equal(router.link_wire, wire);
}
