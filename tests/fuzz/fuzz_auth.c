/*
 * Auth as its peers find it: requests of edges and of authctl, as bytes and as questions that are
 * put together here, with tokens, tickets and secrets of which some are good.  Every request is
 * answered or dropped, once.  What is granted is granted to the user of a good token, for the edge
 * that asked; nothing else opens anything, and what is revoked opens nothing any more.
 *
 * Keys, tickets, users, facts and the worker are the real ones.  Hashes of passwords are played.
 */
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "auth/authd_parts.h"
#include "auth/base64url.h"
#include "auth/hash.h"
#include "auth/keyfile.h"
#include "auth/rotation.h"
#include "auth/token.h"
#include "common/json.h"
#include "common/random.h"
#include "proto/limits.h"
#include "tests/fuzz/script.h"
#include "tests/fuzz/world.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define EDGES 2
#define KEPT 8 /* tickets and secrets of a script */
#define DB_MAX_BYTES 262144

/* A password's hash is the password behind a mark. */
int hash_make(struct slice password, char out[HASH_MAX_BYTES])
{
	if (password.len == 0 || password.len > PASSWORD_MAX_BYTES)
		return -EINVAL;
	snprintf(out, HASH_MAX_BYTES, "$y$%.*s", SLICE_ARGS(password));
	return 0;
}

bool hash_is_ours(struct slice hash)
{
	return hash.len > 3 && memcmp(hash.data, "$y$", 3) == 0 &&
	       memchr(hash.data, '\0', hash.len) == NULL;
}

bool hash_fits(const char *hash, struct slice password)
{
	return slice_is(password, hash + 3);
}

/* The change of keys has a target of its own. */
int rotation_ticket(struct authd *a)
{
	(void)a;
	return -EBUSY;
}

int rotation_own(struct authd *a, struct key_error *e)
{
	(void)a;
	return key_error_set(e, "not here");
}

size_t rotation_list(const struct authd *a, struct ticketring_line out[TICKET_KEYS_MAX])
{
	(void)a;
	out[0] = (struct ticketring_line){.id = 1, .is_minting = true};
	return 1;
}

/* The router answers at the end of a script, or not in time. */
static struct trust_wait *told;

void trust_wait_for(struct trust *t, struct trust_wait *w, uint64_t number)
{
	(void)t;
	(void)number;
	w->next = told;
	told = w;
}

void trust_tell(struct trust *t)
{
	(void)t;
}

static void router_answers(bool in_force)
{
	while (told != NULL) {
		struct trust_wait *w = told;

		told = w->next;
		w->done(w, in_force);
	}
}

/* Auth */

static char dir[64];
static struct authd a;
static struct arena *replies;
static unsigned char credentials[EDGES][CREDENTIAL_BYTES];
static char fresh_db[DB_MAX_BYTES];
static size_t fresh_db_len;
static bool is_used; /* something of it is not as it was at first */

/* What tokens there are, and what is special about them: one of them is of a login, and one is of
 * another issuer. */
enum { MAY_PUSH, OF_LOGIN, EXPIRED, READ_ONLY, FOREIGN, TOKENS };

static char *tokens[TOKENS];
static char jtis[TOKENS][64];
static const char *const users[TOKENS] = {"ann", "bob", "ann", "cid", "shop:1"};

static struct bus_options edge_options = {
	.pattern = BUS_REP, .max_message = AUTH_REQUEST_MAX_BYTES};
static struct bus_options ctl_options = {.pattern = BUS_REP, .max_message = CTL_REQUEST_MAX_BYTES};

static void path_of(char out[128], const char *name)
{
	snprintf(out, 128, "%s/%s", dir, name);
}

static void remove_dir(void)
{
	static const char *const names[] = {
		"own.conf", "own.secret", "shop.conf", "shop.secret", "auth.db", "audit.log"};
	char path[128];

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		path_of(path, names[i]);
		(void)unlink(path);
	}
	(void)rmdir(dir);
}

/* Each line of the record is JSON, and nobody's secret is in it. */
static void audit_check(void)
{
	char path[128], line[AUDIT_LINE_MAX + 1];
	FILE *f;

	path_of(path, "audit.log");
	f = fopen(path, "re");
	assert(f != NULL);
	while (fgets(line, sizeof(line), f) != NULL) {
		CLEANUP(json_decrefp) json_t *json = NULL;
		size_t len = strlen(line);

		assert(len > 1 && line[len - 1] == '\n');
		assert(json_read((struct slice){line, len - 1}, 4, &json) == JSON_READ);
		assert(json_text(json, "command").len > 0 && json_text(json, "result").len > 0);
		for (size_t i = 0; i < TOKENS; i++)
			assert(strstr(line, tokens[i]) == NULL);
	}
	fclose(f);
	assert(truncate(path, 0) == 0);
}

static void parts_begin(void)
{
	static const unsigned char secret[TICKET_KEY_BYTES] = "the key of this target";
	char path[128];

	path_of(path, "auth.db");
	assert(db_open(&a.db, path) == 0);
	assert(facts_new(&a.facts, a.db, SLICE_LITERAL("boot")) == 0);
	assert(revocations_new(&a.revocations, a.db, a.facts, REVOCATIONS_MAX) == 0);
	assert(users_new(&a.users, a.db, a.facts) == 0 && users_set_demo(a.users, true) == 0);
	assert(ticket_keys_new(&a.ticket_keys, SLICE_LITERAL("boot")) == 0);
	assert(ticket_keys_add(a.ticket_keys, 1, secret) == 0);
	assert(peers_new(&a.peers, a.ticket_keys, 200) == 0 && onetime_new(&a.onetime) == 0);
	assert(login_desk_new(&a.login, &a.loop, a.users) == 0);
	for (uint32_t i = 0; i < EDGES; i++)
		credential_mint(a.ticket_keys, 3 + i, 9, credentials[i]);
}

static void parts_end(void)
{
	login_desk_close(a.login);
	(void)uv_run(&a.loop, UV_RUN_DEFAULT);
	onetime_free(a.onetime);
	peers_free(a.peers);
	ticket_keys_free(a.ticket_keys);
	users_free(a.users);
	revocations_free(a.revocations);
	facts_free(a.facts);
	db_close(a.db);
}

static void db_keep(void)
{
	char path[128];
	FILE *f;

	path_of(path, "auth.db");
	f = fopen(path, "re");
	assert(f != NULL);
	fresh_db_len = fread(fresh_db, 1, sizeof(fresh_db), f);
	assert(fresh_db_len > 0 && fresh_db_len < sizeof(fresh_db));
	fclose(f);
}

static void db_put_back(void)
{
	char path[128];
	FILE *f;

	path_of(path, "auth.db");
	f = fopen(path, "we");
	assert(f != NULL && fwrite(fresh_db, 1, fresh_db_len, f) == fresh_db_len);
	fclose(f);
}

static void jti_keep(int which)
{
	unsigned char text[BASE64URL_DECODED_MAX(TOKEN_MAX_BYTES)];
	const char *from = strchr(tokens[which], '.') + 1;
	CLEANUP(json_decrefp) json_t *claims = NULL;
	struct slice jti;
	size_t len;

	assert(base64url_decode(
		(struct slice){from, strcspn(from, ".")}, text, sizeof(text), &len));
	assert(json_read((struct slice){(const char *)text, len}, 4, &claims) == JSON_READ);
	jti = json_text(claims, "jti");
	assert(jti.len > 0 && jti.len < sizeof(jtis[which]));
	memcpy(jtis[which], jti.data, jti.len);
}

static void token_add(int which, int64_t age_s, const char *scope)
{
	struct token_order order = {
		.sub = slice_of(users[which]),
		.scope = slice_of(scope),
		.iat_s = WORLD_WALL_MS / 1000 - age_s,
		.ttl_s = 3600,
	};
	const struct key *key = keyring_own(a.ring);

	order.jti[0] = random_u64();
	if (which == OF_LOGIN)
		order.auth_time_s = order.iat_s;
	if (which == FOREIGN)
		key = keyring_by_kid(a.ring, SLICE_LITERAL("shop"));
	assert(token_make(&tokens[which], key, &order) == 0);
	jti_keep(which);
}

static void keys_make(void)
{
	int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct key_error e;

	assert(fd >= 0 && keyring_make_own(dir, &e) == 1);
	assert(keyfile_write(
		       fd, "shop.secret", SLICE_LITERAL("0123456789abcdef0123456789abcdef")) == 0 &&
		keyfile_write(fd, "shop.conf",
			SLICE_LITERAL("alg = HS256\nfile = shop.secret\nkid = shop\n"
				      "iss = https://shop.example\nusers = shop:\n")) == 0);
	assert(keyring_load(&a.ring, dir, true, &e) == 0);
	close(fd);
}

static void begin(void)
{
	char path[128];

	snprintf(dir, sizeof(dir), "%s/postern-fuzz-XXXXXX",
		access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
	world_reset();
	assert(mkdtemp(dir) != NULL && atexit(remove_dir) == 0);
	keys_make();
	a.epoch = 5;
	assert(uv_loop_init(&a.loop) == 0 && arena_new(&a.arena, 1 << 22) == 0 &&
		arena_new(&replies, 1 << 22) == 0);
	path_of(path, "audit.log");
	assert(audit_open(&a.audit, path, "auth") == 0);
	edge_options.arg = ctl_options.arg = &a;
	edge_options.on_request = on_edge_request;
	edge_options.on_down = on_edge_down;
	ctl_options.on_request = on_ctl_request;
	assert(bus_listen(NULL, "auth.sock", &edge_options, &a.edge_socket) == 0);
	assert(bus_listen(NULL, "authctl.sock", &ctl_options, &a.ctl_socket) == 0);
	world_keep();
	token_add(MAY_PUSH, 0, "push");
	token_add(OF_LOGIN, 10, NULL);
	token_add(EXPIRED, 7200, NULL);
	token_add(READ_ONLY, 0, "read-only");
	token_add(FOREIGN, 0, "push");
	parts_begin();
	db_keep();
}

/* A script */

struct kept {
	int token;	     /* that it was given for */
	struct slice origin; /* of a secret: where it may be used */
	uint64_t serial;     /* never 0 */
	bool is_spent;
	size_t len;
	char bytes[TICKET_MAX_BYTES];
};

/* What one question of a request was, as far as its answer has to fit. */
struct asked {
	Pb__AuthAsk__AskCase kind;
	int token; /* that stands behind it; -1: none of ours */
	uint64_t nonce;
	bool has_live; /* a ticket of a live session came with it */
	struct ticket live;
	struct slice origin;
	uint64_t secret; /* the serial of the one that it redeems; 0: none of ours */
};

struct play {
	struct script s;
	size_t edge;
	size_t n;
	struct asked asked[AUTH_ASKS_PER_REQUEST];
	struct kept tickets[KEPT];
	size_t n_tickets;
	struct kept secrets[KEPT];
	size_t n_secrets;
	uint64_t serials;
	bool is_void[TOKENS]; /* revoked, in this script */
	bool knows_question;  /* of the answer that comes next */
	bool is_harmless;     /* what is asked next changes nothing */
};

static void keep(
	struct play *p, struct kept *k, ProtobufCBinaryData bytes, const struct asked *q, int token)
{
	assert(bytes.len <= sizeof(k->bytes));
	*k = (struct kept){
		.token = token, .origin = q->origin, .serial = ++p->serials, .len = bytes.len};
	memcpy(k->bytes, bytes.data, bytes.len);
}

/* Which of the tokens stands behind a question; -1: none that is good. */
static int token_behind(const struct play *p, const struct asked *q)
{
	return q->token < 0 || q->token == EXPIRED || p->is_void[q->token] ? -1 : q->token;
}

/* Once, where it was ordered for. */
static void check_redeemed(struct play *p, const struct asked *q)
{
	assert(q->secret != 0);
	for (size_t i = 0; i < KEPT; i++) {
		struct kept *k = &p->secrets[i];

		if (k->serial != q->secret)
			continue;
		assert(!k->is_spent && slice_eq(k->origin, q->origin));
		k->is_spent = true;
	}
}

/* A session that is live goes on under the same user's next ticket, and never under another's. */
static void check_session(const struct asked *q, const struct ticket *t)
{
	const bool is_same = q->has_live && q->live.uid_len == t->uid_len &&
			     memcmp(q->live.uid, t->uid, t->uid_len) == 0;

	if (q->kind == PB__AUTH_ASK__ASK_RENEW)
		return;
	if (is_same)
		assert(t->session == q->live.session && t->nonce == q->live.nonce &&
			t->issued_at_ms > q->live.issued_at_ms);
	else
		assert(t->nonce == q->nonce && (!q->has_live || t->session != q->live.session));
}

/* To whom, for whom, and for how long. */
static void check_grant(struct play *p, const struct asked *q, const Pb__AuthGrant *grant)
{
	const int token = token_behind(p, q);
	struct ticket t;

	assert(token >= 0 && slice_is(codec_slice(grant->uid), users[token]));
	assert(ticket_verify(a.ticket_keys, codec_slice(grant->ticket), &t) == TICKET_OK);
	assert(slice_is((struct slice){t.uid, t.uid_len}, users[token]));
	assert(t.edge_id == 3 + p->edge && t.edge_epoch == 9 && t.auth_epoch == 5);
	check_session(q, &t);
	assert(t.session_end_ms <= world_ms + SESSION_MAX_MS && t.session_end_ms <= t.ceiling_ms);
	assert(((t.flags & TICKET_MAY_PUSH) != 0) == (token == MAY_PUSH || token == FOREIGN));
	assert(((t.flags & TICKET_READ_ONLY) != 0) == (token == READ_ONLY));
	keep(p, &p->tickets[p->n_tickets++ % KEPT], grant->ticket, q, token);
}

static void check_answer(struct play *p, const struct asked *q, const Pb__AuthAnswer *answer)
{
	switch (answer->answer_case) {
	case PB__AUTH_ANSWER__ANSWER_GRANT:
		assert(q->kind == PB__AUTH_ASK__ASK_VERIFY || q->kind == PB__AUTH_ASK__ASK_RENEW ||
			q->kind == PB__AUTH_ASK__ASK_REDEEM);
		check_grant(p, q, answer->grant);
		if (q->kind == PB__AUTH_ASK__ASK_REDEEM)
			check_redeemed(p, q);
		break;
	case PB__AUTH_ANSWER__ANSWER_DENY:
	case PB__AUTH_ANSWER__ANSWER_BUSY:
		break;
	case PB__AUTH_ANSWER__ANSWER_TOKEN:
		assert(q->kind == PB__AUTH_ASK__ASK_LOGIN ||
			(q->kind == PB__AUTH_ASK__ASK_REFRESH && token_behind(p, q) == OF_LOGIN));
		break;
	case PB__AUTH_ANSWER__ANSWER_ONE_TIME:
		assert(q->kind == PB__AUTH_ASK__ASK_ONE_TIME && token_behind(p, q) >= 0);
		keep(p, &p->secrets[p->n_secrets++ % KEPT], answer->one_time->secret, q, q->token);
		break;
	case PB__AUTH_ANSWER__ANSWER_DONE:
		assert(q->kind == PB__AUTH_ASK__ASK_LOGOUT && q->token >= 0);
		break;
	case PB__AUTH_ANSWER__ANSWER__NOT_SET:
	case _PB__AUTH_ANSWER__ANSWER__CASE_IS_INT_SIZE:
		assert(false);
	}
}

static const Pb__AuthReply *edge_reply(struct slice bytes)
{
	static const struct codec_bounds bounds = {
		AUTH_REPLY_MAX_BYTES, 2 * AUTH_ASKS_PER_REQUEST + 1};
	ProtobufCMessage *decoded;

	if (codec_decode(&pb__auth_reply__descriptor, bytes, &bounds, replies, &decoded) !=
		CODEC_OK)
		return NULL;
	return (const Pb__AuthReply *)decoded;
}

static void check_ctl_reply(struct slice bytes)
{
	static const struct codec_bounds bounds = {CTL_REPLY_MAX_BYTES, CTL_REPLY_MAX_BYTES / 64};
	const Pb__AuthCtlReply *reply;
	ProtobufCMessage *decoded;

	assert(codec_decode(&pb__auth_ctl_reply__descriptor, bytes, &bounds, replies, &decoded) ==
		CODEC_OK);
	reply = (const Pb__AuthCtlReply *)decoded;
	assert(wire_is_known(reply->wire));
	if (reply->code != 0)
		assert(reply->message.len > 0 &&
			reply->result_case == PB__AUTH_CTL_REPLY__RESULT__NOT_SET);
}

static bool is_ctl; /* authctl's request is being handled */

static void on_sent(void *arg, const struct world_sent *sent)
{
	struct play *p = arg;
	const Pb__AuthReply *reply;

	/* What is answered later may be of either; its shape is all then. */
	reply = is_ctl ? NULL : edge_reply(sent->bytes);
	if (reply == NULL) {
		check_ctl_reply(sent->bytes);
		return;
	}
	assert(wire_is_known(reply->wire));
	if (!p->knows_question)
		return;
	assert(reply->n_answers == p->n);
	for (size_t i = 0; i < p->n; i++)
		check_answer(p, &p->asked[i], reply->answers[i]);
}

union body {
	Pb__AuthVerify verify;
	Pb__AuthRenew renew;
	Pb__AuthLogin login;
	Pb__AuthRedeem redeem;
	Pb__AuthRefresh refresh;
	Pb__AuthOneTimeOrder one_time;
	Pb__AuthLogout logout;
};

/* One of ours, or what the script says. */
static ProtobufCBinaryData token_from(struct play *p, struct asked *q)
{
	unsigned which = script_byte(&p->s) % (TOKENS + 1);

	q->token = which == TOKENS ? -1 : (int)which;
	return codec_bytes(which == TOKENS ? script_slice(&p->s) : slice_of(tokens[which]));
}

static const struct kept *kept_from(
	struct play *p, const struct kept *list, size_t n, ProtobufCBinaryData *out)
{
	unsigned which = script_byte(&p->s) % (KEPT + 1);

	if (which == KEPT || which >= n) {
		*out = codec_bytes(script_slice(&p->s));
		return NULL;
	}
	*out = codec_bytes((struct slice){list[which].bytes, list[which].len});
	return &list[which];
}

static void ask_from(struct play *p, Pb__AuthAsk *ask, union body *body, struct asked *q)
{
	static const Pb__AuthAsk__AskCase kinds[] = {PB__AUTH_ASK__ASK_VERIFY,
		PB__AUTH_ASK__ASK_VERIFY, PB__AUTH_ASK__ASK_RENEW, PB__AUTH_ASK__ASK_LOGIN,
		PB__AUTH_ASK__ASK_REDEEM, PB__AUTH_ASK__ASK_REFRESH, PB__AUTH_ASK__ASK_ONE_TIME,
		PB__AUTH_ASK__ASK_LOGOUT};
	unsigned kind = script_byte(&p->s) % 8;
	const struct kept *kept;

	pb__auth_ask__init(ask);
	*q = (struct asked){.kind = kinds[kind], .token = -1};
	ask->ask_case = q->kind;
	q->nonce = script_byte(&p->s);
	switch (kind) {
	case 0:
	case 1: /* of a live session */
		pb__auth_verify__init(&body->verify);
		body->verify.token = token_from(p, q);
		body->verify.nonce = q->nonce;
		kept = kind == 0 ? NULL
				 : kept_from(p, p->tickets, p->n_tickets, &body->verify.ticket);
		q->has_live = kept != NULL &&
			      ticket_verify(a.ticket_keys, codec_slice(body->verify.ticket),
				      &q->live) == TICKET_OK;
		ask->verify = &body->verify;
		break;
	case 2:
		pb__auth_renew__init(&body->renew);
		kept = kept_from(p, p->tickets, p->n_tickets, &body->renew.ticket);
		q->token = kept == NULL ? -1 : kept->token;
		ask->renew = &body->renew;
		break;
	case 3:
		pb__auth_login__init(&body->login);
		body->login.username = codec_bytes(script_slice(&p->s));
		body->login.password = codec_bytes(script_slice(&p->s));
		body->login.address = codec_bytes(script_slice(&p->s));
		ask->login = &body->login;
		break;
	case 4:
		pb__auth_redeem__init(&body->redeem);
		kept = kept_from(p, p->secrets, p->n_secrets, &body->redeem.secret);
		q->token = kept == NULL ? -1 : kept->token;
		q->secret = kept == NULL ? 0 : kept->serial;
		q->origin = script_slice(&p->s);
		body->redeem.origin = codec_bytes(q->origin);
		body->redeem.nonce = q->nonce;
		ask->redeem = &body->redeem;
		break;
	case 5:
		pb__auth_refresh__init(&body->refresh);
		body->refresh.token = token_from(p, q);
		ask->refresh = &body->refresh;
		break;
	case 6:
		pb__auth_one_time_order__init(&body->one_time);
		body->one_time.token = token_from(p, q);
		q->origin = script_slice(&p->s);
		body->one_time.origin = codec_bytes(q->origin);
		ask->one_time = &body->one_time;
		break;
	default:
		pb__auth_logout__init(&body->logout);
		body->logout.token = token_from(p, q);
		ask->logout = &body->logout;
		break;
	}
}

static void tell(struct play *p, struct bus_socket *socket, struct slice bytes)
{
	size_t dropped = world_dropped();
	uint32_t closed;

	if (bytes.len > world_options(socket)->max_message)
		return;
	is_ctl = socket == a.ctl_socket;
	(void)world_ask(socket, 1 + (uint32_t)p->edge, bytes);
	is_used |= !p->is_harmless && world_dropped() == dropped;
	p->knows_question = is_ctl = p->is_harmless = false;
	closed = world_closed(socket);
	if (closed != 0)
		world_down(socket, closed);
}

static void send_questions(struct play *p)
{
	Pb__AuthRequest request = PB__AUTH_REQUEST__INIT;
	static Pb__AuthAsk asks[AUTH_ASKS_PER_REQUEST + 1];
	static Pb__AuthAsk *list[AUTH_ASKS_PER_REQUEST + 1];
	static union body bodies[AUTH_ASKS_PER_REQUEST + 1];
	unsigned first = script_byte(&p->s);
	bool is_harmless;
	uint8_t *bytes;
	size_t len;

	p->n = first % 8;
	p->edge = script_byte(&p->s) % EDGES;
	request.wire = 2 + script_byte(&p->s) % 3;
	request.credential =
		codec_bytes((struct slice){(const char *)credentials[p->edge], CREDENTIAL_BYTES});
	p->is_harmless = true;
	for (size_t i = 0; i < p->n; i++) {
		ask_from(p, &asks[i], &bodies[i], &p->asked[i]);
		p->is_harmless &= p->asked[i].kind <= PB__AUTH_ASK__ASK_RENEW;
		list[i] = &asks[i];
	}
	request.asks = list;
	request.n_asks = p->n;
	bytes = malloc(pb__auth_request__get_packed_size(&request) + 1);
	assert(bytes != NULL);
	is_harmless = p->is_harmless;
	len = pb__auth_request__pack(&request, bytes);
	for (unsigned i = 0; i <= first / 8; i++) { /* somebody insists */
		p->knows_question = true;
		p->is_harmless = is_harmless;
		tell(p, a.edge_socket, (struct slice){(const char *)bytes, len});
	}
	free(bytes);
}

/* As bytes, but for the credential, which nobody guesses. */
static void send_raw(struct play *p)
{
	struct slice asks = script_slice(&p->s);
	Pb__AuthRequest request = PB__AUTH_REQUEST__INIT;
	size_t n;
	uint8_t *bytes;

	request.wire = WIRE_VERSION;
	request.credential =
		codec_bytes((struct slice){(const char *)credentials[0], CREDENTIAL_BYTES});
	n = pb__auth_request__get_packed_size(&request);
	bytes = malloc(n + asks.len + 1);
	assert(bytes != NULL);
	pb__auth_request__pack(&request, bytes);
	if (asks.len > 0)
		memcpy(bytes + n, asks.data, asks.len);
	p->edge = 0;
	tell(p, a.edge_socket, (struct slice){(const char *)bytes, n + asks.len});
	free(bytes);
}

static void command(struct play *p, Pb__AuthCtlRequest *request)
{
	static uint8_t bytes[CTL_REQUEST_MAX_BYTES];

	if (pb__auth_ctl_request__get_packed_size(request) > sizeof(bytes))
		return;
	request->wire = 3;
	tell(p, a.ctl_socket,
		(struct slice){(const char *)bytes, pb__auth_ctl_request__pack(request, bytes)});
}

/* In a way that is allowed; from now on those tokens open nothing. */
static void say_revoke(struct play *p)
{
	static const char *const issuers[] = {"postern", "https://shop.example", "own", "shop"};
	Pb__AuthCtlRequest request = PB__AUTH_CTL_REQUEST__INIT;
	Pb__CtlRevoke body = PB__CTL_REVOKE__INIT;
	unsigned which = script_byte(&p->s) % TOKENS;
	unsigned how = script_byte(&p->s) % 5;
	unsigned issuer = script_byte(&p->s) % 4;

	request.command_case = PB__AUTH_CTL_REQUEST__COMMAND_REVOKE;
	request.revoke = &body;
	if (how == 0)
		body.token = codec_bytes(slice_of(tokens[which]));
	else if (how == 1)
		body.user = codec_bytes(slice_of(users[which]));
	if (how == 2 || how == 3)
		body.jti = codec_bytes(slice_of(jtis[which]));
	if (how == 3 || how == 4)
		body.issuer = codec_bytes(slice_of(issuers[issuer]));
	command(p, &request);
	for (size_t i = 0; i < TOKENS; i++) {
		bool is_issuers = issuer % 2 == (i == FOREIGN ? 1 : 0);

		if (how == 1	   ? strcmp(users[i], users[which]) == 0
			: how == 4 ? is_issuers
				   : i == which && (how != 3 || is_issuers))
			p->is_void[i] = true;
	}
}

static ProtobufCBinaryData hash_from(struct play *p, char out[HASH_MAX_BYTES])
{
	struct slice password = script_slice(&p->s);

	return hash_make(password, out) == 0 ? codec_bytes(slice_of(out)) : codec_bytes(password);
}

static void say_command(struct play *p)
{
	Pb__AuthCtlRequest request = PB__AUTH_CTL_REQUEST__INIT;
	Pb__CtlToken token = PB__CTL_TOKEN__INIT;
	Pb__CtlCheck check = PB__CTL_CHECK__INIT;
	Pb__CtlUserAdd add = PB__CTL_USER_ADD__INIT;
	Pb__CtlUserPasswd passwd = PB__CTL_USER_PASSWD__INIT;
	Pb__CtlUserList list = PB__CTL_USER_LIST__INIT;
	Pb__CtlUserRemove remove = PB__CTL_USER_REMOVE__INIT;
	Pb__CtlPing ping = PB__CTL_PING__INIT;
	Pb__CtlKeysList keys_list = PB__CTL_KEYS_LIST__INIT;
	Pb__CtlKeysRotate rotate = PB__CTL_KEYS_ROTATE__INIT;
	char hash[HASH_MAX_BYTES];
	struct asked ignored;

	switch (script_byte(&p->s) % 9) {
	case 0:
		request.command_case = PB__AUTH_CTL_REQUEST__COMMAND_TOKEN;
		request.token = &token;
		token.sub = codec_bytes(script_slice(&p->s));
		token.ttl_s = script_number(&p->s, 3);
		token.scope = codec_bytes(script_slice(&p->s));
		token.aud = codec_bytes(script_slice(&p->s));
		token.count = script_byte(&p->s);
		break;
	case 1:
		request.command_case = PB__AUTH_CTL_REQUEST__COMMAND_CHECK;
		request.check = &check;
		check.token = token_from(p, &ignored);
		break;
	case 2:
		request.command_case = PB__AUTH_CTL_REQUEST__COMMAND_USER_ADD;
		request.user_add = &add;
		add.username = codec_bytes(script_slice(&p->s));
		add.uid = codec_bytes(script_slice(&p->s));
		add.hash = hash_from(p, hash);
		break;
	case 3:
		request.command_case = PB__AUTH_CTL_REQUEST__COMMAND_USER_PASSWD;
		request.user_passwd = &passwd;
		passwd.username = codec_bytes(script_slice(&p->s));
		passwd.hash = hash_from(p, hash);
		break;
	case 4:
		request.command_case = PB__AUTH_CTL_REQUEST__COMMAND_USER_LIST;
		request.user_list = &list;
		list.after = codec_bytes(script_slice(&p->s));
		break;
	case 5:
		request.command_case = PB__AUTH_CTL_REQUEST__COMMAND_USER_REMOVE;
		request.user_remove = &remove;
		remove.username = codec_bytes(script_slice(&p->s));
		break;
	case 6:
		request.command_case = PB__AUTH_CTL_REQUEST__COMMAND_PING;
		request.ping = &ping;
		break;
	case 7:
		request.command_case = PB__AUTH_CTL_REQUEST__COMMAND_KEYS_LIST;
		request.keys_list = &keys_list;
		break;
	default:
		request.command_case = PB__AUTH_CTL_REQUEST__COMMAND_KEYS_ROTATE;
		request.keys_rotate = &rotate;
		rotate.what = (Pb__CtlKeysWhat)(script_byte(&p->s) % 3);
		break;
	}
	command(p, &request);
}

static void step(struct play *p)
{
	switch (script_byte(&p->s) % 9) {
	case 0:
		p->edge = 0;
		tell(p, a.edge_socket, script_slice(&p->s));
		break;
	case 1:
		send_raw(p);
		break;
	case 2:
	case 3:
		send_questions(p);
		break;
	case 4:
		tell(p, a.ctl_socket, script_slice(&p->s));
		break;
	case 5:
		say_revoke(p);
		break;
	case 6:
		world_ms += (int64_t)script_number(&p->s, 2) * 16;
		break;
	case 7:
		router_answers(script_byte(&p->s) % 2 == 0);
		break;
	case 8:
		say_command(p);
		break;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct play p;

	if (a.ring == NULL)
		begin();
	world_reset();
	p = (struct play){.s = {data, size}};
	world_on_sent(on_sent, &p);
	is_used = false;
	while (!script_is_over(&p.s))
		step(&p);
	router_answers(true);
	while (world_waiting() > 0)
		(void)uv_run(&a.loop, UV_RUN_ONCE);
	assert(told == NULL && a.logouts_in_flight == 0);
	world_on_sent(NULL, NULL);
	for (uint32_t pipe = 1; pipe <= EDGES; pipe++)
		world_down(a.edge_socket, pipe);
	if (is_used) {
		audit_check();
		parts_end();
		db_put_back();
		parts_begin();
	}
	return 0;
}
