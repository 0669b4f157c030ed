/* dispatch_rig: see dispatch_rig.h. */
#include "tests/unit/dispatch_rig.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "auth/config.h"
#include "auth/token.h"
#include "common/clock.h"
#include "proto/limits.h"
#include "tests/unit/test.h"

/* The bus: one request at a time, its answer kept. */
struct bus_msg {
	size_t len;
	char *data;
};

struct bus_request request;
static struct bus_msg *answered;
static unsigned dropped;
static unsigned closed;
int64_t boot_ms = BOOT;

struct bus_msg *bus_msg_new(size_t len)
{
	struct bus_msg *m = malloc(sizeof(*m));

	assert_non_null(m);
	m->len = len;
	m->data = malloc(len + 1);
	assert_non_null(m->data);
	return m;
}

void bus_msg_free(struct bus_msg *m)
{
	if (m != NULL)
		free(m->data);
	free(m);
}

char *bus_msg_data(struct bus_msg *m)
{
	return m->data;
}

struct slice bus_msg_bytes(const struct bus_msg *m)
{
	return (struct slice){m->data, m->len};
}

void bus_answer(struct bus_request *req, struct bus_msg *m)
{
	assert_ptr_equal(req, &request);
	assert_false(req->used);
	req->used = true;
	bus_msg_free(answered);
	answered = m;
}

void bus_request_drop(struct bus_request *req)
{
	assert_false(req->used);
	req->used = true;
	dropped++;
}

uid_t bus_request_uid(const struct bus_request *req)
{
	assert_ptr_equal(req, &request);
	return 1234;
}

void bus_pipe_close(struct bus_socket *s, uint32_t pipe)
{
	(void)s;
	assert_int_equal(pipe, PIPE);
	closed++;
}

int64_t clock_wall_ms(void)
{
	return WALL + boot_ms - BOOT;
}

int64_t clock_boot_ms(void)
{
	return boot_ms;
}

/* The router: says nothing by itself. */
static struct trust_wait *waiting;
uint64_t waited_for;

void trust_wait_for(struct trust *t, struct trust_wait *w, uint64_t number)
{
	(void)t;
	w->next = waiting;
	waiting = w;
	waited_for = number;
}

void trust_want_ticket_key(struct trust *t, uint32_t id)
{
	(void)t;
	(void)id;
}

void trust_on_ticket_keys(struct trust *t, trust_keys_fn *keys, void *arg)
{
	(void)t;
	(void)keys;
	(void)arg;
}

/* authd.c reads the files. */
int authd_reload_keys(struct authd *authd)
{
	(void)authd;
	return -EIO;
}

unsigned router_answers(bool in_force)
{
	unsigned n = 0;

	while (waiting != NULL) {
		struct trust_wait *w = waiting;

		waiting = w->next;
		w->done(w, in_force);
		n++;
	}
	return n;
}

/* The rig */
static char dir[64];
struct authd a;
static struct auth_config config;
static struct arena *replies;
unsigned char credential[CREDENTIAL_BYTES];

static void path_of(char out[128], const char *name)
{
	snprintf(out, 128, "%s/%s", dir, name);
}

int dispatch_rig_setup(void **state)
{
	static const unsigned char secret[TICKET_KEY_BYTES] = "the key of this test";
	struct key_error e;
	char path[128];

	(void)state;
	snprintf(dir, sizeof(dir), "/tmp/postern-dispatch-XXXXXX");
	if (mkdtemp(dir) == NULL || keyring_make_own(dir, &e) != 1)
		return -1;
	config.daemon.state = dir;
	a = (struct authd){.cfg = &config, .epoch = 5};
	if (control_audit_open(&a) < 0)
		return -1;
	path_of(path, "auth.db");
	boot_ms = BOOT;
	dropped = closed = 0;
	if (uv_loop_init(&a.loop) < 0 || keyring_load(&a.ring, dir, false, &e) < 0 ||
		db_open(&a.db, path) < 0 || facts_new(&a.facts, a.db, SLICE_LITERAL("boot")) < 0 ||
		revocations_new(&a.revocations, a.db, a.facts, RIG_REVOCATIONS_MAX) < 0 ||
		users_new(&a.users, a.db, a.facts) < 0 || users_set_demo(a.users, true) < 0 ||
		ticket_keys_new(&a.ticket_keys, SLICE_LITERAL("boot")) < 0 ||
		ticket_keys_add(a.ticket_keys, 1, secret) < 0 ||
		peers_new(&a.peers, a.ticket_keys, 100) < 0 || arena_new(&a.arena, 1 << 22) < 0 ||
		arena_new(&replies, 1 << 22) < 0 || onetime_new(&a.onetime) < 0 ||
		login_desk_new(&a.login, &a.loop, a.users) < 0)
		return -1;
	credential_mint(a.ticket_keys, 3, 9, credential);
	return 0;
}

int dispatch_rig_teardown(void **state)
{
	static const char *const names[] = {"own.conf", "own.secret", "auth.db", "audit.log"};

	(void)state;
	audit_close(a.audit);
	onetime_free(a.onetime);
	login_desk_close(a.login);
	(void)uv_run(&a.loop, UV_RUN_DEFAULT);
	(void)uv_loop_close(&a.loop);
	keyring_free(a.ring);
	users_free(a.users);
	revocations_free(a.revocations);
	facts_free(a.facts);
	db_close(a.db);
	peers_free(a.peers);
	ticket_keys_free(a.ticket_keys);
	arena_free(a.arena);
	arena_free(replies);
	bus_msg_free(answered);
	answered = NULL;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		char path[128];

		path_of(path, names[i]);
		(void)unlink(path);
	}
	return rmdir(dir);
}

static char *token_of_login(const char *sub, int64_t ttl_s, const char *scope, int64_t auth_time_s)
{
	struct token_order order = {.sub = slice_of(sub),
		.scope = slice_of(scope),
		.iat_s = clock_wall_ms() / 1000,
		.ttl_s = ttl_s,
		.auth_time_s = auth_time_s,
		.jti = {1, 2}};
	char *token = NULL;

	assert_int_equal(token_make(&token, keyring_own(a.ring), &order), 0);
	return token;
}

char *own_token(const char *sub, int64_t ttl_s, const char *scope)
{
	return token_of_login(sub, ttl_s, scope, 0);
}

char *login_token(const char *sub, int64_t ttl_s, const char *scope)
{
	return token_of_login(sub, ttl_s, scope, clock_wall_ms() / 1000);
}

void verify_init(Pb__AuthAsk *ask, Pb__AuthVerify *verify, const char *token, uint64_t nonce)
{
	pb__auth_ask__init(ask);
	pb__auth_verify__init(verify);
	verify->token = codec_bytes(slice_of(token));
	verify->nonce = nonce;
	ask->ask_case = PB__AUTH_ASK__ASK_VERIFY;
	ask->verify = verify;
}

void send_bytes(const void *bytes, size_t len)
{
	request.used = false;
	bus_msg_free(answered);
	answered = NULL;
	on_edge_request(&a, PIPE, (struct slice){bytes, len}, &request);
}

void send_message(Pb__AuthRequest *message)
{
	size_t len = pb__auth_request__get_packed_size(message);
	unsigned char *bytes = malloc(len + 1);

	assert_non_null(bytes);
	pb__auth_request__pack(message, bytes);
	send_bytes(bytes, len);
	free(bytes);
}

void send_asks(Pb__AuthAsk **asks, size_t n)
{
	Pb__AuthRequest message = PB__AUTH_REQUEST__INIT;

	message.wire = WIRE_VERSION;
	message.credential =
		codec_bytes((struct slice){(const char *)credential, sizeof(credential)});
	message.n_asks = n;
	message.asks = asks;
	send_message(&message);
}

const Pb__AuthReply *reply_read(size_t n_answers)
{
	static const struct codec_bounds bounds = {AUTH_REPLY_MAX_BYTES, 256};
	ProtobufCMessage *message;

	assert_non_null(answered);
	assert_true(answered->len <= AUTH_REPLY_MAX_BYTES);
	assert_int_equal(codec_decode(&pb__auth_reply__descriptor, bus_msg_bytes(answered), &bounds,
				 replies, &message),
		CODEC_OK);
	assert_int_equal(((const Pb__AuthReply *)message)->n_answers, n_answers);
	assert_int_equal(((const Pb__AuthReply *)message)->wire, WIRE_VERSION);
	return (const Pb__AuthReply *)message;
}

const Pb__AuthAnswer *verify_one(const char *token)
{
	Pb__AuthAsk ask, *asks[] = {&ask};
	Pb__AuthVerify verify;

	verify_init(&ask, &verify, token, 77);
	send_asks(asks, 1);
	return reply_read(1)->answers[0];
}

void expect_violation(void)
{
	assert_null(answered);
	assert_true(request.used);
	assert_int_equal(dropped, 1);
	assert_int_equal(closed, 1);
	assert_int_equal(a.counts.violations, 1);
	dropped = closed = 0;
	a.counts.violations = 0;
}

void send_ctl(const void *bytes, size_t len)
{
	request.used = false;
	bus_msg_free(answered);
	answered = NULL;
	on_ctl_request(&a, PIPE, (struct slice){bytes, len}, &request);
}

struct slice answer_bytes(void)
{
	return answered == NULL ? (struct slice){NULL, 0} : bus_msg_bytes(answered);
}

const char *audit_text(void)
{
	static char text[65536];
	char path[128];
	FILE *f;
	size_t n;

	path_of(path, "audit.log");
	f = fopen(path, "r");
	assert_non_null(f);
	n = fread(text, 1, sizeof(text) - 1, f);
	text[n] = '\0';
	fclose(f);
	return text;
}

void audit_break(void)
{
	char path[128];

	path_of(path, "audit.log");
	assert_int_equal(unlink(path), 0);
	assert_int_equal(mkdir(path, 0700), 0);
}

void audit_mend(void)
{
	char path[128];

	path_of(path, "audit.log");
	assert_int_equal(rmdir(path), 0);
}

const Pb__AuthCtlReply *ctl_reply_read(void)
{
	static const struct codec_bounds bounds = {CTL_REPLY_MAX_BYTES, 2048};
	ProtobufCMessage *reply;

	assert_non_null(answered);
	assert_int_equal(codec_decode(&pb__auth_ctl_reply__descriptor, bus_msg_bytes(answered),
				 &bounds, replies, &reply),
		CODEC_OK);
	return (const Pb__AuthCtlReply *)reply;
}
