/*
 * dispatch: what an edge may ask (auth.sock; questions.h) and what an operator may (authctl.sock;
 * control_audit.c has the table), and the way from bytes to handlers and back.  What is
 * not in a socket's table does not exist there.  A request that breaks a rule gets no answer at
 * all: it is dropped, its pipe is closed, and it is counted.  An edge that asks properly gets one
 * answer to each question, in order.
 */
#include <assert.h>
#include <inttypes.h>

#include "auth/authd_parts.h"
#include "auth/questions.h"
#include "common/clock.h"
#include "common/log.h"
#include "proto/codes.h"
#include "proto/limits.h"
#include "proto/pack.h"

static const struct ask_route {
	Pb__AuthAsk__AskCase kind;
	bool alone; /* the only question of its request, answered later through q->req */
	void (*handle)(const struct question *q, struct answer *out);
	uint32_t wire; /* the first that has it */
} ask_routes[] = {
	{PB__AUTH_ASK__ASK_VERIFY, false, question_verify, 1},
	{PB__AUTH_ASK__ASK_RENEW, false, question_renew, 1},
	{PB__AUTH_ASK__ASK_LOGIN, true, question_login, 1},
	{PB__AUTH_ASK__ASK_REDEEM, false, question_redeem, 3},
	{PB__AUTH_ASK__ASK_REFRESH, false, question_refresh, 3},
	{PB__AUTH_ASK__ASK_ONE_TIME, false, question_one_time, 3},
	{PB__AUTH_ASK__ASK_LOGOUT, true, question_logout, 3},
};

static const struct ask_route *ask_route_find(Pb__AuthAsk__AskCase kind)
{
	for (size_t i = 0; i < sizeof(ask_routes) / sizeof(ask_routes[0]); i++) {
		if (ask_routes[i].kind == kind)
			return &ask_routes[i];
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

/* Every question has a route, and one that travels alone is alone. */
static bool asks_are_allowed(const Pb__AuthRequest *request)
{
	if (request->n_asks > AUTH_ASKS_PER_REQUEST)
		return false;
	for (size_t i = 0; i < request->n_asks; i++) {
		const struct ask_route *route = ask_route_find(request->asks[i]->ask_case);

		if (route == NULL || route->wire > request->wire ||
			(route->alone && request->n_asks != 1))
			return false;
	}
	return true;
}

/* Refreshed tokens are long and so many of them may be asked for that the reply could not be sent.
 */
static void keep_within_bounds(struct authd *a, struct answer *one, size_t *token_bytes)
{
	if (one->answer.answer_case != PB__AUTH_ANSWER__ANSWER_TOKEN)
		return;
	*token_bytes += one->answer.token->token.len;
	if (*token_bytes <= AUTH_REPLY_MAX_BYTES / 2)
		return;
	a->counts.busy++;
	say_busy(one, BUSY_RETRY_MS);
}

/* allowed: the edge's share holds so many; otherwise each question is answered busy. */
static void answer_all(struct authd *a, struct peer_edge *edge, const Pb__AuthRequest *request,
	struct bus_request *req, bool allowed)
{
	size_t n = request->n_asks;
	struct answer *answers = arena_alloc(a->arena, (n + 1) * sizeof(*answers));
	Pb__AuthAnswer **list = arena_alloc(a->arena, (n + 1) * sizeof(*list));
	Pb__AuthReply reply = PB__AUTH_REPLY__INIT;
	size_t token_bytes = 0;

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
		keep_within_bounds(a, &answers[i], &token_bytes);
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
	else if (!wire_lowest_is_known(request->wire))
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

/* What cannot be recorded is not done. */
static void ctl_carry_out(const struct control_command *command, const struct control_ask *ask,
	Pb__AuthCtlReply *reply)
{
	if (!control_record(command, ask)) {
		control_refuse(
			reply, EX_UNAVAILABLE, "audit.log cannot be written: see auth's log");
		pack_answer(ask->asker->req, &reply->base);
		return;
	}
	if (command->handle(ask, reply))
		control_answer(ask->a, ask->asker, reply);
}

void on_ctl_request(void *arg, uint32_t pipe, struct slice msg, struct bus_request *req)
{
	static const struct codec_bounds bounds = {CTL_REQUEST_MAX_BYTES, 4};
	struct authd *a = arg;
	Pb__AuthCtlReply reply = PB__AUTH_CTL_REPLY__INIT;
	const Pb__AuthCtlRequest *request;
	const struct control_command *command;
	struct control_asker asker;
	ProtobufCMessage *decoded;

	if (codec_decode(&pb__auth_ctl_request__descriptor, msg, &bounds, a->arena, &decoded) !=
		CODEC_OK) {
		violation(a, a->ctl_socket, pipe, req, "not a request");
		return;
	}
	request = (const Pb__AuthCtlRequest *)decoded;
	command = control_command_of(request->command_case);
	if (command == NULL || !wire_is_known(request->wire)) {
		violation(a, a->ctl_socket, pipe, req, "command not allowed");
		return;
	}
	reply.wire = request->wire;
	asker = (struct control_asker){
		.req = req, .wire = request->wire, .kind = request->command_case};
	ctl_carry_out(command, &(struct control_ask){a, request, &asker}, &reply);
}
