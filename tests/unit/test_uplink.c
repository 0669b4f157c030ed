/*
 * The edge's uplink against a router that is written down here: which wire version a link speaks,
 * whoever of the two is older.  Real sockets, as in the bus's own tests.
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "edge/uplink.h"
#include "hello.pb-c.h"
#include "proto/codec.h"
#include "proto/pack.h"
#include "proto/ticket.h"
#include "tests/unit/bus_rig.h"

#define HELLOS_MAX 1024

/* A router that understands messages up to a wire version, and what it heard. */
struct script {
	uint32_t wire;
	struct bus_socket *hello;
	struct bus_socket *link;
	struct bus_socket *system;
	const char *link_path;
	struct arena *arena;
	uint32_t pipe;
	unsigned hellos;
	uint32_t asked[HELLOS_MAX];	 /* the wire of each HELLO */
	unsigned char shown[HELLOS_MAX]; /* the first byte of its credential; 0: none */
	unsigned break_next;		 /* HELLOs to be broken off, as by a router that dies */
	uint32_t link_wire;		 /* of its lease */
	unsigned firsts;		 /* batches with number 1: its end of the link is up */
	uint32_t batch_wire;		 /* of the last one */
	unsigned items;
	uint64_t sent;
	uint64_t published;
};

/* And what the edge made of it. */
static struct {
	struct uplink *uplink;
	unsigned downs;
	unsigned items;
	unsigned systems;
	unsigned credentials; /* that auth is to be shown */
	unsigned char newest; /* the first byte of the last of them */
} edge;

static struct script router;

static void on_lease(void *arg, struct slice credential)
{
	(void)arg;
	assert_int_equal(credential.len, CREDENTIAL_BYTES);
	edge.newest = (unsigned char)credential.data[0];
	edge.credentials++;
}

static void on_up(void *arg, enum uplink_change change)
{
	(void)arg;
	(void)change;
}

static void on_down(void *arg)
{
	(void)arg;
	edge.downs++;
}

static void on_item(void *arg, const Pb__DownItem *item)
{
	(void)arg;
	assert_int_equal(item->item_case, PB__DOWN_ITEM__ITEM_SHUT);
	edge.items++;
}

static void on_system(void *arg, const struct system_message *m)
{
	(void)arg;
	assert_int_equal(m->number, edge.systems + 1);
	edge.systems++;
}

static const struct uplink_events events = {
	.on_lease = on_lease,
	.on_up = on_up,
	.on_down = on_down,
	.on_item = on_item,
	.on_system = on_system,
};

static ProtobufCMessage *decode(
	struct script *s, const ProtobufCMessageDescriptor *type, struct slice msg)
{
	const struct codec_bounds bounds = {LINK_BATCH_MAX_BYTES, LINK_BATCH_MAX_ELEMENTS};
	ProtobufCMessage *out = NULL;

	assert_int_equal(codec_decode(type, msg, &bounds, s->arena, &out), CODEC_OK);
	return out;
}

static void give_lease(struct script *s, struct bus_request *req, uint32_t wire)
{
	static unsigned char key[LINK_KEY_BYTES];
	static unsigned char credential[CREDENTIAL_BYTES] = {'l'};
	Pb__HelloReply reply = PB__HELLO_REPLY__INIT;
	Pb__HelloLease lease = PB__HELLO_LEASE__INIT;

	lease.path = codec_bytes(slice_of(s->link_path));
	lease.link_key = codec_bytes((struct slice){(char *)key, sizeof(key)});
	lease.credential = codec_bytes((struct slice){(char *)credential, sizeof(credential)});
	lease.edge_id = 7;
	lease.edge_epoch = 1;
	lease.router_start = 42;
	reply.wire = wire;
	reply.result_case = PB__HELLO_REPLY__RESULT_LEASE;
	reply.lease = &lease;
	s->link_wire = wire;
	s->sent = 0;
	pack_answer(req, &reply.base);
}

/* As router/hello.c does, and did when the version was 1. */
static void on_request(void *arg, uint32_t pipe, struct slice msg, struct bus_request *req)
{
	struct script *s = arg;
	const Pb__HelloRequest *hello =
		(const Pb__HelloRequest *)decode(s, &pb__hello_request__descriptor, msg);

	assert_true(s->hellos < HELLOS_MAX);
	s->shown[s->hellos] = hello->credential.len == 0 ? 0 : hello->credential.data[0];
	s->asked[s->hellos++] = hello->wire;
	if (s->break_next > 0 || hello->wire > s->wire) {
		s->break_next -= s->break_next > 0;
		bus_request_drop(req);
		bus_pipe_close(s->hello, pipe);
		return;
	}
	give_lease(s, req, hello->wire);
}

static void on_link_up(void *arg, uint32_t pipe)
{
	struct script *s = arg;

	s->pipe = pipe;
}

static void on_link_message(void *arg, uint32_t pipe, struct slice msg)
{
	struct script *s = arg;
	const Pb__LinkUp *up = (const Pb__LinkUp *)decode(s, &pb__link_up__descriptor, msg);

	(void)pipe;
	s->firsts += up->number == 1;
	s->batch_wire = up->wire;
	s->items += (unsigned)up->n_items;
}

static void say_item(struct script *s, uint32_t wire, Pb__DownItem *item)
{
	Pb__LinkDown down = PB__LINK_DOWN__INIT;
	Pb__DownItem *items[] = {item};

	down.wire = wire;
	down.number = ++s->sent;
	down.items = items;
	down.n_items = 1;
	assert_true(bus_send(s->link, pack_message(&down.base)));
}

/* One item, in a batch of this version. */
static void say(struct script *s, uint32_t wire)
{
	Pb__DownItem item = PB__DOWN_ITEM__INIT;
	Pb__DownShut shut = PB__DOWN_SHUT__INIT;

	item.item_case = PB__DOWN_ITEM__ITEM_SHUT;
	item.shut = &shut;
	say_item(s, wire, &item);
}

/* A credential of so many bytes, which begins with this one. */
static void say_credential(struct script *s, char first, size_t len)
{
	char bytes[CREDENTIAL_BYTES] = {first};
	Pb__DownItem item = PB__DOWN_ITEM__INIT;
	Pb__DownCredential credential = PB__DOWN_CREDENTIAL__INIT;

	credential.credential = codec_bytes((struct slice){bytes, len});
	item.item_case = PB__DOWN_ITEM__ITEM_CREDENTIAL;
	item.credential = &credential;
	say_item(s, WIRE_VERSION, &item);
}

static void publish(struct script *s, uint32_t wire)
{
	Pb__SystemBatch batch = PB__SYSTEM_BATCH__INIT;
	Pb__SystemMessage message = PB__SYSTEM_MESSAGE__INIT;
	Pb__SystemMessage *messages[] = {&message};

	message.number = ++s->published;
	message.text = codec_bytes(SLICE_LITERAL("{\"event\":\"n\",\"data\":1"));
	message.data_end = message.plain_end = (uint32_t)message.text.len;
	batch.wire = wire;
	batch.router_start = 42;
	batch.messages = messages;
	batch.n_messages = 1;
	bus_send(s->system, pack_message(&batch.base));
}

/* Once for all tests: sockets of the bus live as long as the process. */
static int start(void **state)
{
	struct bus_options hello = {.pattern = BUS_REP,
		.max_message = HELLO_MAX_BYTES,
		.contexts = 4,
		.mode = 0600,
		.arg = &router,
		.on_request = on_request};
	struct bus_options link = {.pattern = BUS_PAIR,
		.max_message = LINK_BATCH_MAX_BYTES,
		.mode = 0600,
		.arg = &router,
		.on_up = on_link_up,
		.on_message = on_link_message};
	struct bus_options system = {
		.pattern = BUS_PUB, .max_message = 1024, .queue = 16, .mode = 0600};
	struct uplink_config config = {.events = &events};

	if (rig_start(state) != 0 || arena_new(&router.arena, 1 << 20) < 0)
		return -1;
	config.hello_path = rig_path();
	router.link_path = rig_path();
	config.system_path = rig_path();
	router.wire = WIRE_VERSION_OLDEST;
	if (bus_listen(rig_bus(), config.hello_path, &hello, &router.hello) < 0 ||
		bus_listen(rig_bus(), router.link_path, &link, &router.link) < 0 ||
		bus_listen(rig_bus(), config.system_path, &system, &router.system) < 0)
		return -1;
	return uplink_new(&edge.uplink, rig_loop(), rig_bus(), &config);
}

/*
 * Runs until a link is up at both ends that was not before.  The path is always the same here, so
 * the edge may be turned away a few times, until its old connection is quite gone.
 */
static void wait_link(unsigned firsts)
{
	rig_wait_count(&router.firsts, firsts + 1);
	assert_true(uplink_is_up(edge.uplink));
}

static void add_and_flush(void)
{
	Pb__UpItem item = PB__UP_ITEM__INIT;
	Pb__UpGauges gauges = PB__UP_GAUGES__INIT;

	item.item_case = PB__UP_ITEM__ITEM_GAUGES;
	item.gauges = &gauges;
	assert_int_equal(uplink_add(edge.uplink, &item, UPLINK_MUST), 0);
	uplink_flush(edge.uplink);
}

/* All HELLOs since the count was from asked for this version. */
static void assert_asked(unsigned from, uint32_t wire)
{
	assert_true(router.hellos > from);
	for (unsigned i = from; i < router.hellos; i++)
		assert_int_equal(router.asked[i], wire);
}

static void a_router_of_the_version_before_is_spoken_to_in_it(void **state)
{
	static const uint32_t wires[] = {
		WIRE_VERSION, WIRE_VERSION, WIRE_VERSION, WIRE_VERSION_OLDEST};
	unsigned items;

	(void)state;
	wait_link(0);
	assert_int_equal(router.hellos, 4);
	assert_memory_equal(router.asked, wires, sizeof(wires));
	assert_int_equal(uplink_wire(edge.uplink), WIRE_VERSION_OLDEST);
	assert_int_equal(router.batch_wire, WIRE_VERSION_OLDEST);
	items = router.items;
	add_and_flush();
	rig_wait_count(&router.items, items + 1);
	assert_int_equal(router.batch_wire, WIRE_VERSION_OLDEST);
	say(&router, WIRE_VERSION_OLDEST);
	rig_wait_count(&edge.items, 1);
}

static void messages_to_all_are_taken_from_it_too(void **state)
{
	(void)state;
	uplink_system_start(edge.uplink, 0);
	/* The subscriber may not be there yet; what it misses is nobody's matter here. */
	while (edge.systems == 0) {
		router.published = 0;
		publish(&router, WIRE_VERSION_OLDEST);
		rig_run_ms(20);
	}
	assert_int_equal(edge.systems, 1);
}

static void after_its_upgrade_the_new_version_is_spoken(void **state)
{
	const unsigned before = router.hellos;
	const unsigned firsts = router.firsts;

	(void)state;
	router.wire = WIRE_VERSION;
	bus_pipe_close(router.link, router.pipe);
	wait_link(firsts);
	assert_asked(before, WIRE_VERSION);
	assert_int_equal(router.link_wire, WIRE_VERSION);
	assert_int_equal(uplink_wire(edge.uplink), WIRE_VERSION);
	add_and_flush();
	rig_wait_count(&router.items, 2);
	assert_int_equal(router.batch_wire, WIRE_VERSION);
}

static void a_batch_of_another_version_than_agreed_breaks_the_link(void **state)
{
	const unsigned downs = edge.downs;
	const unsigned firsts = router.firsts;
	const unsigned items = edge.items;

	(void)state;
	say(&router, WIRE_VERSION_OLDEST);
	rig_wait_count(&edge.downs, downs + 1);
	assert_int_equal(edge.items, items);
	wait_link(firsts);
}

static void a_router_that_dies_over_a_hello_is_not_taken_for_an_old_one(void **state)
{
	const unsigned before = router.hellos;
	const unsigned firsts = router.firsts;

	(void)state;
	router.break_next = 2;
	bus_pipe_close(router.link, router.pipe);
	wait_link(firsts);
	assert_true(router.hellos >= before + 3);
	assert_asked(before, WIRE_VERSION);
	assert_int_equal(uplink_wire(edge.uplink), WIRE_VERSION);
}

static void a_newer_credential_is_shown_from_then_on(void **state)
{
	const unsigned before = router.hellos;
	unsigned firsts = router.firsts;
	unsigned count = edge.credentials;

	(void)state;
	assert_int_equal(router.shown[before - 1], 'l');
	say_credential(&router, 'n', CREDENTIAL_BYTES);
	rig_wait_count(&edge.credentials, count + 1);
	assert_int_equal(edge.newest, 'n');
	bus_pipe_close(router.link, router.pipe);
	wait_link(firsts);
	assert_int_equal(router.shown[before], 'n');
	/* The lease brought another one. */
	assert_int_equal(edge.newest, 'l');
	firsts = router.firsts;
	count = edge.downs;
	say_credential(&router, 'x', CREDENTIAL_BYTES - 1);
	rig_wait_count(&edge.downs, count + 1);
	assert_int_equal(edge.newest, 'l');
	wait_link(firsts);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_router_of_the_version_before_is_spoken_to_in_it),
		cmocka_unit_test(messages_to_all_are_taken_from_it_too),
		cmocka_unit_test(after_its_upgrade_the_new_version_is_spoken),
		cmocka_unit_test(a_batch_of_another_version_than_agreed_breaks_the_link),
		cmocka_unit_test(a_router_that_dies_over_a_hello_is_not_taken_for_an_old_one),
		cmocka_unit_test(a_newer_credential_is_shown_from_then_on),
	};
	int failed = cmocka_run_group_tests(tests, start, rig_stop);

	/* Never closed sockets: no exit handler of NNG's may run. */
	_exit(failed == 0 ? 0 : 1);
}
