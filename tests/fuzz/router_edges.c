/* Edges as the router finds them: see router_rig.h. */
#include <assert.h>

#include "hello.pb-c.h"
#include "tests/fuzz/router_rig.h"

void say_hello(struct play *p)
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

void hang_up(struct edge *e)
{
	struct bus_socket *socket = e->socket;

	if (socket == NULL)
		return;
	e->socket = NULL;
	world_down(socket, e->pipe);
}

void connect_link(struct play *p)
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

/* And a batch more than there is credit for. */
static void say_empty(struct edge *e, size_t times)
{
	Pb__LinkUp up = PB__LINK_UP__INIT;

	for (size_t i = 0; i < times; i++)
		say_numbered(e, &up, AS_IT_IS, (struct slice){"", 0});
}

void say_batch(struct play *p)
{
	static struct item items[4];
	struct edge *e = &p->edges[script_byte(&p->s) % EDGES];
	Pb__LinkUp up = PB__LINK_UP__INIT;
	Pb__UpItem *list[4];
	enum twist twist;
	unsigned how;

	if (e->socket == NULL)
		return;
	how = script_byte(&p->s);
	twist = (enum twist)(how / 5 % TWISTS);
	up.n_items = how % 5;
	up.items = list;
	for (size_t i = 0; i < up.n_items; i++) {
		fill_item(p, e, &items[i]);
		list[i] = &items[i].item;
	}
	say_numbered(e, &up, twist, (struct slice){"", 0});
	say_empty(e, twist == OVER_CREDIT ? LINK_WINDOW_BATCHES + 1 : 0);
}

void say_batch_raw(struct play *p)
{
	struct edge *e = &p->edges[script_byte(&p->s) % EDGES];
	Pb__LinkUp up = PB__LINK_UP__INIT;

	if (e->socket != NULL)
		say_numbered(e, &up, AS_IT_IS, script_slice(&p->s));
}

void say_second(struct play *p)
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

void say_raw(struct play *p)
{
	struct edge *e = &p->edges[script_byte(&p->s) % EDGES];
	struct slice bytes = script_slice(&p->s);

	if (e->socket != NULL)
		world_message(e->socket, e->pipe, bytes);
}
