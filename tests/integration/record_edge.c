/*
 * An edge without clients.  It says HELLO, claims its link, shows auth the tokens of the command
 *line and opens a session for each; it subscribes to system.sock, and prints what it gets.  What it
 *does besides comes from standard input (record_commands.c): that part knows no rules.
 *
 *	record_edge --run DIR [--wire N] [--open no] [--token JWT]...
 */
#include "tests/integration/record_edge.h"

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "auth.pb-c.h"
#include "common/log.h"
#include "hello.pb-c.h"

#define ASK_MS 5000
#define GAUGES_MS 1000
#define ARENA_BYTES 33554432

static void die(const char *what)
{
	fprintf(stderr, "record_edge: %s\n", what);
	_exit(EXIT_FAILURE);
}

static struct bus_msg *pack(const ProtobufCMessage *m)
{
	struct bus_msg *msg = bus_msg_new(protobuf_c_message_get_packed_size(m));

	if (msg == NULL)
		die("out of memory");
	protobuf_c_message_pack(m, (uint8_t *)bus_msg_data(msg));
	return msg;
}

static ProtobufCMessage *decode(
	struct record *r, const ProtobufCMessageDescriptor *type, struct slice bytes)
{
	static const struct codec_bounds bounds = {LINK_BATCH_MAX_BYTES, LINK_BATCH_MAX_ELEMENTS};
	ProtobufCMessage *out = NULL;

	if (codec_decode(type, bytes, &bounds, r->arena, &out) != CODEC_OK)
		die("the other side sent what is not understood");
	return out;
}

/* One send is in flight; what comes meanwhile waits. */
static void send_next(struct record *r)
{
	if (r->n_queued == 0 || r->link == NULL || !bus_can_send(r->link))
		return;
	bus_send(r->link, r->queue[r->first]);
	r->first = (r->first + 1) % RECORD_MAX_QUEUED;
	r->n_queued--;
}

static void queue(struct record *r, struct bus_msg *m)
{
	if (r->n_queued == RECORD_MAX_QUEUED)
		die("too much waits to be sent");
	r->queue[(r->first + r->n_queued++) % RECORD_MAX_QUEUED] = m;
	send_next(r);
}

void record_send_raw(struct record *r, struct slice bytes)
{
	struct bus_msg *m = bus_msg_new(bytes.len);

	if (m == NULL)
		die("out of memory");
	if (bytes.len > 0)
		memcpy(bus_msg_data(m), bytes.data, bytes.len);
	queue(r, m);
}

void record_send_batch(struct record *r, Pb__UpItem **items, size_t n, struct slice key)
{
	Pb__LinkUp up = PB__LINK_UP__INIT;

	up.wire = r->wire;
	up.key = codec_bytes(key);
	up.number = ++r->sent;
	up.seen = r->keep_seen ? 0 : r->seen;
	up.items = items;
	up.n_items = n;
	queue(r, pack(&up.base));
}

void record_send_item(struct record *r, const Pb__UpItem *item)
{
	/* Packing only reads. */
	Pb__UpItem *items[] = {(Pb__UpItem *)(uintptr_t)item};

	record_send_batch(r, items, 1, (struct slice){0});
}

static void open_session(struct record *r, struct slice ticket, uint64_t nonce, size_t i)
{
	Pb__UpItem item = PB__UP_ITEM__INIT;
	Pb__UpOpen open = PB__UP_OPEN__INIT;
	char device[DEVICE_MAX_BYTES];

	snprintf(device, sizeof(device), "record-%zu", i);
	open.nonce = nonce;
	open.ticket = codec_bytes(ticket);
	open.device = codec_bytes(slice_of(device));
	item.item_case = PB__UP_ITEM__ITEM_OPEN;
	item.open = &open;
	record_send_item(r, &item);
}

static void print_answer(
	const Pb__AuthAnswer *answer, size_t label, uint64_t nonce, struct slice *ticket)
{
	*ticket = (struct slice){0};
	if (answer->answer_case == PB__AUTH_ANSWER__ANSWER_GRANT) {
		*ticket = codec_slice(answer->grant->ticket);
		record_print_ticket(label, codec_slice(answer->grant->uid), nonce, *ticket);
	} else {
		record_print(answer->answer_case == PB__AUTH_ANSWER__ANSWER_DENY ? "denied"
										 : "auth_busy",
			",\"token\":%zu", label);
	}
}

static void on_tokens_answer(void *arg, enum bus_answer_result result, struct slice answer)
{
	struct record *r = arg;
	const Pb__AuthReply *reply;
	struct slice ticket;

	if (result != BUS_ANSWERED) {
		record_print("auth_away", "%s", "");
		return;
	}
	reply = (const Pb__AuthReply *)decode(r, &pb__auth_reply__descriptor, answer);
	for (size_t i = 0; i < reply->n_answers && i < r->n_tokens; i++) {
		print_answer(reply->answers[i], i, r->tokens[i].nonce, &ticket);
		if (ticket.len > 0 && !r->opens_nothing)
			open_session(r, ticket, r->tokens[i].nonce, i);
	}
}

static uint64_t draw_nonce(void)
{
	uint64_t nonce;

	if (getrandom(&nonce, sizeof(nonce), 0) != (ssize_t)sizeof(nonce))
		die("no randomness");
	return nonce;
}

static void ask_auth(struct record *r, Pb__AuthAsk **asks, size_t n, bus_answer_fn *fn, void *arg)
{
	Pb__AuthRequest request = PB__AUTH_REQUEST__INIT;

	request.wire = r->wire;
	request.credential.data = r->credential;
	request.credential.len = r->credential_len;
	request.asks = asks;
	request.n_asks = n;
	if (bus_ask(r->auth, pack(&request.base), ASK_MS, fn, arg) < 0)
		die("auth cannot be asked");
}

static void ask_about_tokens(struct record *r)
{
	Pb__AuthAsk asks[RECORD_MAX_TOKENS];
	Pb__AuthAsk *list[RECORD_MAX_TOKENS];
	Pb__AuthVerify verifies[RECORD_MAX_TOKENS];

	if (r->n_tokens == 0)
		return;
	for (size_t i = 0; i < r->n_tokens; i++) {
		asks[i] = (Pb__AuthAsk)PB__AUTH_ASK__INIT;
		verifies[i] = (Pb__AuthVerify)PB__AUTH_VERIFY__INIT;
		r->tokens[i].nonce = draw_nonce();
		verifies[i].token = codec_bytes(slice_of(r->tokens[i].text));
		verifies[i].nonce = r->tokens[i].nonce;
		asks[i].ask_case = PB__AUTH_ASK__ASK_VERIFY;
		asks[i].verify = &verifies[i];
		list[i] = &asks[i];
	}
	ask_auth(r, list, r->n_tokens, on_tokens_answer, r);
}

/* A question of the commands. */
struct question {
	struct record *r;
	size_t label;
	uint64_t nonce;
};

static void on_question_answer(void *arg, enum bus_answer_result result, struct slice answer)
{
	struct question *q = arg;
	const Pb__AuthReply *reply;
	struct slice ticket;

	if (result == BUS_ANSWERED) {
		reply = (const Pb__AuthReply *)decode(q->r, &pb__auth_reply__descriptor, answer);
		if (reply->n_answers == 1)
			print_answer(reply->answers[0], q->label, q->nonce, &ticket);
		else
			record_print("denied", ",\"token\":%zu", q->label);
	} else {
		record_print("auth_away", ",\"token\":%zu", q->label);
	}
	free(q);
}

void record_ask_auth(struct record *r, size_t label, struct slice token, struct slice ticket)
{
	Pb__AuthAsk ask = PB__AUTH_ASK__INIT;
	Pb__AuthAsk *list[] = {&ask};
	Pb__AuthVerify verify = PB__AUTH_VERIFY__INIT;
	Pb__AuthRenew renew = PB__AUTH_RENEW__INIT;
	struct question *q = malloc(sizeof(*q));

	if (q == NULL)
		die("out of memory");
	*q = (struct question){r, label, draw_nonce()};
	if (token.len > 0) {
		verify.token = codec_bytes(token);
		verify.nonce = q->nonce;
		verify.ticket = codec_bytes(ticket);
		ask.ask_case = PB__AUTH_ASK__ASK_VERIFY;
		ask.verify = &verify;
	} else {
		renew.ticket = codec_bytes(ticket);
		ask.ask_case = PB__AUTH_ASK__ASK_RENEW;
		ask.renew = &renew;
	}
	ask_auth(r, list, 1, on_question_answer, q);
}

static void on_link_up(void *arg, uint32_t pipe)
{
	struct record *r = arg;

	r->pipe = pipe;
	r->up = true;
	r->sent = 0;
	r->seen = 0;
	record_print("link_up", "%s", "");
	/* NNG dials an old path again and again; auth is asked once for each lease. */
	record_send_batch(r, NULL, 0, (struct slice){(const char *)r->key, sizeof(r->key)});
	if (!r->has_asked)
		ask_about_tokens(r);
	r->has_asked = true;
}

static void on_link_down(void *arg, uint32_t pipe)
{
	struct record *r = arg;

	(void)pipe;
	r->up = false;
	while (r->n_queued > 0) {
		bus_msg_free(r->queue[r->first]);
		r->first = (r->first + 1) % RECORD_MAX_QUEUED;
		r->n_queued--;
	}
	record_print("link_down", "%s", "");
}

static void keep_credential(struct record *r, ProtobufCBinaryData credential)
{
	if (credential.len != sizeof(r->credential))
		die("a credential of another size");
	memcpy(r->credential, credential.data, sizeof(r->credential));
	r->credential_len = sizeof(r->credential);
}

static void on_link_message(void *arg, uint32_t pipe, struct slice msg)
{
	struct record *r = arg;
	const Pb__LinkDown *down = (const Pb__LinkDown *)decode(r, &pb__link_down__descriptor, msg);

	(void)pipe;
	r->seen = down->number;
	record_print_down(down, msg);
	for (size_t i = 0; i < down->n_items; i++) {
		const Pb__DownItem *item = down->items[i];

		if (item->item_case == PB__DOWN_ITEM__ITEM_CREDENTIAL)
			keep_credential(r, item->credential->credential);
	}
}

static void on_link_sent(void *arg, bool ok)
{
	(void)ok;
	send_next(arg);
}

void record_dial(struct record *r, const char *path)
{
	const struct bus_options options = {
		.pattern = BUS_PAIR,
		.max_message = LINK_BATCH_MAX_BYTES,
		.arg = r,
		.on_message = on_link_message,
		.on_sent = on_link_sent,
		.on_up = on_link_up,
		.on_down = on_link_down,
	};
	int rc = r->link == NULL ? bus_dial(r->bus, path, &options, &r->link)
				 : bus_redial(r->link, path);

	if (rc < 0)
		die("the link cannot be dialled");
}

static void take_lease(struct record *r, const Pb__HelloLease *lease)
{
	char path[LINK_PATH_MAX_BYTES + 1] = {0};

	if (lease->path.len > LINK_PATH_MAX_BYTES || lease->link_key.len != sizeof(r->key))
		die("a lease of other sizes");
	memcpy(path, lease->path.data, lease->path.len);
	memcpy(r->key, lease->link_key.data, sizeof(r->key));
	keep_credential(r, lease->credential);
	r->has_asked = false;
	record_print("lease", ",\"edge\":%" PRIu32 ",\"epoch\":%" PRIu32 ",\"path\":\"%s\"",
		lease->edge_id, lease->edge_epoch, path);
	record_dial(r, path);
}

static void on_hello_answer(void *arg, enum bus_answer_result result, struct slice answer)
{
	struct record *r = arg;
	const Pb__HelloReply *reply;

	if (result != BUS_ANSWERED) {
		record_print("router_away", "%s", "");
		return;
	}
	reply = (const Pb__HelloReply *)decode(r, &pb__hello_reply__descriptor, answer);
	if (reply->result_case == PB__HELLO_REPLY__RESULT_LEASE)
		take_lease(r, reply->lease);
	else if (reply->result_case == PB__HELLO_REPLY__RESULT_BUSY)
		record_print("hello_busy", ",\"after_ms\":%" PRIu32, reply->busy->retry_after_ms);
	else
		record_print("hello_refused", "%s", "");
}

void record_say_hello(struct record *r, bool with_credential)
{
	Pb__HelloRequest request = PB__HELLO_REQUEST__INIT;

	request.wire = r->wire;
	if (with_credential) {
		request.credential.data = r->credential;
		request.credential.len = r->credential_len;
	}
	if (bus_ask(r->hello, pack(&request.base), ASK_MS, on_hello_answer, r) < 0)
		die("the router cannot be asked");
}

static void on_system_message(void *arg, uint32_t pipe, struct slice msg)
{
	struct record *r = arg;

	(void)pipe;
	record_print_system(
		(const Pb__SystemBatch *)decode(r, &pb__system_batch__descriptor, msg), msg);
}

static void on_gauges_timer(uv_timer_t *timer)
{
	struct record *r = timer->data;
	Pb__UpItem item = PB__UP_ITEM__INIT;
	Pb__UpGauges gauges = PB__UP_GAUGES__INIT;

	if (!r->up || r->is_silent)
		return;
	item.item_case = PB__UP_ITEM__ITEM_GAUGES;
	item.gauges = &gauges;
	record_send_item(r, &item);
}

static void dial_named(struct record *r, const char *name, const struct bus_options *options,
	struct bus_socket **out)
{
	char path[128];

	if (snprintf(path, sizeof(path), "%s/%s", r->run, name) >= (int)sizeof(path) ||
		bus_dial(r->bus, path, options, out) < 0)
		die("a socket cannot be dialled");
}

static void start(struct record *r)
{
	const struct bus_options ask = {
		.pattern = BUS_REQ, .max_message = AUTH_REPLY_MAX_BYTES, .arg = r};
	const struct bus_options subscribe = {
		.pattern = BUS_SUB,
		.max_message = SYSTEM_BATCH_MAX_BYTES,
		.queue = 8192,
		.arg = r,
		.on_message = on_system_message,
	};
	static uv_timer_t gauges;

	if (arena_new(&r->arena, ARENA_BYTES) < 0 || bus_new(&r->bus, r->loop) < 0)
		die("no bus");
	dial_named(r, "router/router.sock", &ask, &r->hello);
	dial_named(r, "auth/auth.sock", &ask, &r->auth);
	dial_named(r, "router/system.sock", &subscribe, &r->system);
	gauges.data = r;
	uv_timer_init(r->loop, &gauges);
	uv_timer_start(&gauges, on_gauges_timer, GAUGES_MS, GAUGES_MS);
	record_say_hello(r, false);
}

static void read_args(struct record *r, int argc, char **argv)
{
	for (int i = 1; i + 1 < argc; i += 2) {
		if (strcmp(argv[i], "--run") == 0)
			r->run = argv[i + 1];
		else if (strcmp(argv[i], "--wire") == 0)
			r->wire = (uint32_t)strtoul(argv[i + 1], NULL, 10);
		else if (strcmp(argv[i], "--open") == 0)
			r->opens_nothing = strcmp(argv[i + 1], "no") == 0;
		else if (strcmp(argv[i], "--token") == 0 && r->n_tokens < RECORD_MAX_TOKENS)
			r->tokens[r->n_tokens++].text = argv[i + 1];
		else
			die("usage: record_edge --run DIR [--wire N] [--open no] [--token JWT]...");
	}
	if (argc % 2 == 0 || r->run == NULL)
		die("usage: record_edge --run DIR [--wire N] [--open no] [--token JWT]...");
}

int main(int argc, char **argv)
{
	static struct record record;

	log_open("record", LOG_WARN, false);
	signal(SIGPIPE, SIG_IGN);
	record.loop = uv_default_loop();
	record.wire = WIRE_VERSION;
	read_args(&record, argc, argv);
	start(&record);
	if (record_commands_start(&record) < 0)
		fprintf(stderr, "record_edge: standard input is no pipe: no commands\n");
	uv_run(record.loop, UV_RUN_DEFAULT);
	_exit(EXIT_SUCCESS);
}
