/*
 * dispatch: who may ask what, as two tables, and the way from bytes to handlers and back.  A
 * request that breaks a rule gets no answer at all: it is dropped, its pipe is closed, and it is
 * counted.  An edge that asks properly gets one answer to each question, in order; a deny looks the
 * same whatever was wrong.
 */
#include <assert.h>
#include <inttypes.h>

#include "auth/authd_parts.h"
#include "auth/grant.h"
#include "auth/token.h"
#include "common/clock.h"
#include "common/log.h"
#include "common/random.h"
#include "proto/codes.h"
#include "proto/limits.h"
#include "proto/pack.h"

#define BUSY_RETRY_MS 1000

struct question {
	struct authd *a;
	struct peer_edge *edge;
	const Pb__AuthAsk *ask;
	struct bus_request *req; /* of a question that travels alone: the handler answers it */
	uint32_t wire;		 /* that it is answered in, too */
};

/* One answer and all that it points to. */
struct answer {
	Pb__AuthAnswer answer;
	union {
		Pb__AuthGrant grant;
		Pb__AuthDeny deny;
		Pb__AuthBusy busy;
		Pb__AuthToken token;
	} body;
	unsigned char ticket[TICKET_MAX_BYTES];
	char uid[UID_MAX_BYTES];
};

static void on_verify(const struct question *q, struct answer *out);
static void on_renew(const struct question *q, struct answer *out);
static void on_login(const struct question *q, struct answer *out);

static const struct ask_route {
	Pb__AuthAsk__AskCase kind;
	unsigned from; /* roles that may send it */
	bool alone;    /* the only question of its request, answered later through q->req */
	void (*handle)(const struct question *q, struct answer *out);
} ask_routes[] = {
	{PB__AUTH_ASK__ASK_VERIFY, ROLE_EDGE, false, on_verify},
	{PB__AUTH_ASK__ASK_RENEW, ROLE_EDGE, false, on_renew},
	{PB__AUTH_ASK__ASK_LOGIN, ROLE_EDGE, true, on_login},
};

static const struct ctl_route {
	Pb__AuthCtlRequest__CommandCase kind;
	unsigned from;
	void (*handle)(struct authd *a, const Pb__AuthCtlRequest *request, Pb__AuthCtlReply *reply);
} ctl_routes[] = {
	{PB__AUTH_CTL_REQUEST__COMMAND_TOKEN, ROLE_CTL, control_token},
	{PB__AUTH_CTL_REQUEST__COMMAND_CHECK, ROLE_CTL, control_check},
};

static const struct ask_route *ask_route_find(Pb__AuthAsk__AskCase kind)
{
	for (size_t i = 0; i < sizeof(ask_routes) / sizeof(ask_routes[0]); i++) {
		if (ask_routes[i].kind == kind && (ask_routes[i].from & ROLE_EDGE) != 0)
			return &ask_routes[i];
	}
	return NULL;
}

static const struct ctl_route *ctl_route_find(Pb__AuthCtlRequest__CommandCase kind)
{
	for (size_t i = 0; i < sizeof(ctl_routes) / sizeof(ctl_routes[0]); i++) {
		if (ctl_routes[i].kind == kind && (ctl_routes[i].from & ROLE_CTL) != 0)
			return &ctl_routes[i];
	}
	return NULL;
}

static void violation(struct authd *a, struct bus_socket *socket, uint32_t pipe,
	struct bus_request *req, const char *why)
{
	a->counts.violations++;
	LOG_LIMITED(LOG_WARN, "violation", "socket=%s pipe=%" PRIu32 " why=\"%s\"",
		socket == a->edge_socket ? "auth" : "authctl", pipe, why);
	bus_request_drop(req);
	bus_pipe_close(socket, pipe);
}

static void say_deny(struct answer *out)
{
	pb__auth_answer__init(&out->answer);
	pb__auth_deny__init(&out->body.deny);
	out->answer.answer_case = PB__AUTH_ANSWER__ANSWER_DENY;
	out->answer.deny = &out->body.deny;
}

static void say_busy(struct answer *out, int64_t retry_after_ms)
{
	pb__auth_answer__init(&out->answer);
	pb__auth_busy__init(&out->body.busy);
	out->body.busy.retry_after_ms = (uint32_t)retry_after_ms;
	out->answer.answer_case = PB__AUTH_ANSWER__ANSWER_BUSY;
	out->answer.busy = &out->body.busy;
}

static void say_token(struct answer *out, const char *token)
{
	pb__auth_answer__init(&out->answer);
	pb__auth_token__init(&out->body.token);
	out->body.token.token = codec_bytes(slice_of(token));
	out->answer.answer_case = PB__AUTH_ANSWER__ANSWER_TOKEN;
	out->answer.token = &out->body.token;
}

static void say_grant(struct authd *a, const struct ticket *t, int64_t boot_ms, struct answer *out)
{
	Pb__AuthGrant *grant = &out->body.grant;
	size_t len = ticket_mint(a->ticket_key, t, out->ticket);

	if (len == 0) {
		log_error("ticket_not_minted", "edge=%" PRIu32, t->edge_id);
		say_deny(out);
		return;
	}
	pb__auth_answer__init(&out->answer);
	pb__auth_grant__init(grant);
	memcpy(out->uid, t->uid, t->uid_len);
	grant->ticket = codec_bytes((struct slice){(const char *)out->ticket, len});
	grant->uid = codec_bytes((struct slice){out->uid, t->uid_len});
	grant->expires_in_ms = grant_expires_in_ms(t, boot_ms);
	grant->ends_in_ms = t->session_end_ms - boot_ms;
	grant->may_push = (t->flags & TICKET_MAY_PUSH) != 0;
	out->answer.answer_case = PB__AUTH_ANSWER__ANSWER_GRANT;
	out->answer.grant = grant;
}

static void on_verify(const struct question *q, struct answer *out)
{
	struct authd *a = q->a;
	const Pb__AuthVerify *verify = q->ask->verify;
	struct grant_terms terms = {
		.edge_id = q->edge->id,
		.edge_epoch = q->edge->epoch,
		.nonce = verify->nonce,
		.auth_epoch = a->epoch,
		.wall_ms = clock_wall_ms(),
		.boot_ms = clock_boot_ms(),
	};
	struct token_facts facts;
	struct ticket ticket;
	enum token_verdict verdict =
		token_check(a->ring, codec_slice(verify->token), terms.wall_ms, &facts);

	if (verdict != TOKEN_GOOD) {
		a->counts.denied++;
		log_debug("denied", "edge=%" PRIu32 " reason=\"%s\"", q->edge->id,
			token_verdict_text(verdict));
		say_deny(out);
		return;
	}
	a->counts.granted++;
	terms.session = random_u64();
	grant_fill(&ticket, &facts, &terms);
	say_grant(a, &ticket, terms.boot_ms, out);
}

static void on_renew(const struct question *q, struct answer *out)
{
	struct authd *a = q->a;
	int64_t boot_ms = clock_boot_ms();
	struct ticket ticket;

	if (ticket_verify(a->ticket_key, codec_slice(q->ask->renew->ticket), &ticket) !=
			TICKET_OK ||
		!grant_renew(&ticket, q->edge->id, q->edge->epoch, boot_ms)) {
		a->counts.denied++;
		log_debug("not_renewed", "edge=%" PRIu32, q->edge->id);
		say_deny(out);
		return;
	}
	a->counts.renewed++;
	say_grant(a, &ticket, boot_ms, out);
}

/* A login on its way.  The edge's quota lives as long as it does. */
struct pending_login {
	struct authd *a;
	struct peer_edge *edge;
	struct bus_request *req;
	uint32_t wire;
};

static char *login_token(struct authd *a, struct slice username, const char *uid)
{
	const struct key *own = keyring_own(a->ring);
	struct token_order order = {
		.sub = slice_of(uid),
		.name = username,
		.iat_s = clock_wall_ms() / 1000,
		.ttl_s = LOGIN_TTL_S,
		.jti = {random_u64(), random_u64()},
	};
	char *token = NULL;
	int r;

	if (own == NULL) {
		LOG_LIMITED(LOG_ERROR, "no_own_key", "hint=\"logins need keys/own.conf\"");
		return NULL;
	}
	if (order.ttl_s > own->policy->max_lifetime_s)
		order.ttl_s = own->policy->max_lifetime_s;
	r = token_make(&token, own, &order);
	if (r < 0)
		LOG_LIMITED(LOG_ERROR, "token_not_made", "error=%d", -r);
	return token;
}

static void answer_one(struct bus_request *req, uint32_t wire, struct answer *one)
{
	Pb__AuthAnswer *list[] = {&one->answer};
	Pb__AuthReply reply = PB__AUTH_REPLY__INIT;

	reply.wire = wire;
	reply.n_answers = 1;
	reply.answers = list;
	pack_answer(req, &reply.base);
}

static void on_login_checked(void *arg, struct slice username, const char *uid)
{
	CLEANUP(mem_freep) struct pending_login *p = arg;
	CLEANUP(mem_freep) char *token = NULL;
	struct answer answer;

	if (uid != NULL)
		token = login_token(p->a, username, uid);
	if (token != NULL)
		say_token(&answer, token);
	else
		say_deny(&answer);
	answer_one(p->req, p->wire, &answer);
	peers_login_end(p->a->peers, p->edge);
}

/* 0: the worker has it.  Else the ms until the edge may try again, or -errno: denied. */
static int64_t login_start(const struct question *q)
{
	const Pb__AuthLogin *login = q->ask->login;
	struct login_attempt attempt = {
		.username = codec_slice(login->username),
		.password = codec_slice(login->password),
		.address = codec_slice(login->address),
	};
	struct pending_login *p;
	int64_t r;

	if (!peers_login_begin(q->a->peers, q->edge))
		return BUSY_RETRY_MS;
	p = malloc(sizeof(*p));
	r = -ENOMEM;
	if (p != NULL) {
		*p = (struct pending_login){q->a, q->edge, q->req, q->wire};
		r = login_begin(q->a->login, &attempt, on_login_checked, p);
	}
	if (r != 0) {
		free(p);
		peers_login_end(q->a->peers, q->edge);
	}
	return r;
}

static void on_login(const struct question *q, struct answer *out)
{
	int64_t r = login_start(q);

	q->a->counts.logins++;
	explicit_bzero(q->ask->login->password.data, q->ask->login->password.len);
	if (r == 0)
		return;
	if (r > 0)
		say_busy(out, r);
	else
		say_deny(out);
	answer_one(q->req, q->wire, out);
}

/* Every question has a route, and one that travels alone is alone. */
static bool asks_are_allowed(const Pb__AuthRequest *request)
{
	if (request->n_asks > AUTH_ASKS_PER_REQUEST)
		return false;
	for (size_t i = 0; i < request->n_asks; i++) {
		const struct ask_route *route = ask_route_find(request->asks[i]->ask_case);

		if (route == NULL || (route->alone && request->n_asks != 1))
			return false;
	}
	return true;
}

/* allowed: the edge's share holds so many; otherwise each question is answered busy. */
static void answer_all(struct authd *a, struct peer_edge *edge, const Pb__AuthRequest *request,
	struct bus_request *req, bool allowed)
{
	size_t n = request->n_asks;
	struct answer *answers = arena_alloc(a->arena, (n + 1) * sizeof(*answers));
	Pb__AuthAnswer **list = arena_alloc(a->arena, (n + 1) * sizeof(*list));
	Pb__AuthReply reply = PB__AUTH_REPLY__INIT;

	if (answers == NULL || list == NULL) {
		bus_request_drop(req);
		return;
	}
	for (size_t i = 0; i < n; i++) {
		struct question q = {.a = a, .edge = edge, .ask = request->asks[i]};

		if (allowed)
			ask_route_find(q.ask->ask_case)->handle(&q, &answers[i]);
		else
			say_busy(&answers[i], BUSY_RETRY_MS);
		list[i] = &answers[i].answer;
	}
	a->counts.busy += allowed ? 0 : n;
	reply.wire = request->wire;
	reply.n_answers = n;
	reply.answers = list;
	pack_answer(req, &reply.base);
}

static void edge_request(struct authd *a, struct peer_edge *edge, const Pb__AuthRequest *request,
	struct bus_request *req)
{
	const struct ask_route *first =
		request->n_asks == 0 ? NULL : ask_route_find(request->asks[0]->ask_case);
	bool allowed = peers_spend(a->peers, edge, request->n_asks, clock_boot_ms());

	if (allowed && first != NULL && first->alone) {
		struct question q = {a, edge, request->asks[0], req, request->wire};
		struct answer answer;

		first->handle(&q, &answer);
		return;
	}
	answer_all(a, edge, request, req, allowed);
}

void on_edge_request(void *arg, uint32_t pipe, struct slice msg, struct bus_request *req)
{
	static const struct codec_bounds bounds = {
		AUTH_REQUEST_MAX_BYTES, 2 * AUTH_ASKS_PER_REQUEST + 1};
	struct authd *a = arg;
	const Pb__AuthRequest *request;
	struct peer_edge *edge;
	ProtobufCMessage *decoded;

	if (codec_decode(&pb__auth_request__descriptor, msg, &bounds, a->arena, &decoded) !=
		CODEC_OK) {
		violation(a, a->edge_socket, pipe, req, "not a request");
		return;
	}
	request = (const Pb__AuthRequest *)decoded;
	edge = peers_admit(a->peers, pipe, codec_slice(request->credential), clock_boot_ms());
	if (edge == NULL)
		violation(a, a->edge_socket, pipe, req, "no valid credential");
	else if (!wire_is_known(request->wire))
		violation(a, a->edge_socket, pipe, req, "wire version");
	else if (!asks_are_allowed(request))
		violation(a, a->edge_socket, pipe, req, "question not allowed");
	else
		edge_request(a, edge, request, req);
}

void on_edge_down(void *arg, uint32_t pipe)
{
	struct authd *a = arg;

	peers_pipe_gone(a->peers, pipe);
}

void on_ctl_request(void *arg, uint32_t pipe, struct slice msg, struct bus_request *req)
{
	static const struct codec_bounds bounds = {CTL_REQUEST_MAX_BYTES, 4};
	struct authd *a = arg;
	Pb__AuthCtlReply reply = PB__AUTH_CTL_REPLY__INIT;
	const Pb__AuthCtlRequest *request;
	const struct ctl_route *route;
	ProtobufCMessage *decoded;

	if (codec_decode(&pb__auth_ctl_request__descriptor, msg, &bounds, a->arena, &decoded) !=
		CODEC_OK) {
		violation(a, a->ctl_socket, pipe, req, "not a request");
		return;
	}
	request = (const Pb__AuthCtlRequest *)decoded;
	route = ctl_route_find(request->command_case);
	if (route == NULL || !wire_is_known(request->wire)) {
		violation(a, a->ctl_socket, pipe, req, "command not allowed");
		return;
	}
	reply.wire = request->wire;
	route->handle(a, request, &reply);
	pack_answer(req, &reply.base);
}
