/*
 * A request becomes a reply in the reply's arena, is packed, and goes.  Only tail waits: its
 * request is kept until a note is there for it, or its time is up.
 */
#include "router/control.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/clock.h"
#include "common/log.h"
#include "ctl.pb-c.h"
#include "proto/codes.h"
#include "proto/names.h"
#include "proto/pack.h"
#include "router/control_lists.h"

#define TAIL_WAITERS 32
#define REPLY_ARENA_BYTES (4 * CTL_REPLY_MAX_BYTES)

struct waiter {
	struct bus_request *req; /* NULL: a free place */
	uint64_t after;
	int64_t until_ms;
	size_t user_len;
	char user[UID_MAX_BYTES];
};

struct control {
	struct hub *hub;
	struct bus_socket *socket;
	struct arena *arena; /* of replies */
	uint64_t noted;	     /* the last note that waiters were looked through for */
	struct waiter waiters[TAIL_WAITERS];
};

static void answer(struct bus_request *req, Pb__RouterCtlReply *reply)
{

	reply->wire = WIRE_VERSION;
	pack_answer(req, &reply->base);
}

static void answer_code(struct bus_request *req, unsigned code, const char *field)
{
	Pb__RouterCtlReply reply = PB__ROUTER_CTL_REPLY__INIT;
	const struct code_info *info = code_info(code);
	char text[128];

	snprintf(text, sizeof(text), "%s%s%s", info == NULL ? "refused" : info->name,
		field == NULL ? "" : ": ", field == NULL ? "" : field);
	reply.code = code;
	reply.message = codec_bytes(slice_of(text));
	answer(req, &reply);
}

static void answer_failed(struct bus_request *req)
{
	answer_code(req, EX_INTERNAL, "out of memory");
}

typedef void command_fn(
	struct control *c, const Pb__RouterCtlRequest *request, struct bus_request *req);

static void on_push(struct control *c, const Pb__RouterCtlRequest *request, struct bus_request *req)
{
	const Pb__CtlPush *push = request->push;
	struct core_event event = {.kind = CORE_CTL_PUSH};
	Pb__RouterCtlReply reply = PB__ROUTER_CTL_REPLY__INIT;
	Pb__CtlPushed pushed = PB__CTL_PUSHED__INIT;
	struct hub_answer given = {.code = EX_INTERNAL};
	unsigned code = hub_json(c->hub, codec_slice(push->data), PUSH_MAX_BYTES, &event.push.data);

	if (code != 0) {
		answer_code(req, code, "data");
		return;
	}
	event.push.user = codec_slice(push->user);
	event.push.event = codec_slice(push->event);
	event.push.mid = codec_slice(push->mid);
	if (hub_step(c->hub, &event, &given) < 0) {
		answer_failed(req);
		return;
	}
	if (!given.delivered) {
		answer_code(req, given.code == 0 ? EX_INTERNAL : given.code, given.field);
		return;
	}
	pushed.devices = given.devices;
	pushed.seq = given.seq;
	pushed.mid = codec_bytes((struct slice){given.mid, given.mid_len});
	reply.result_case = PB__ROUTER_CTL_REPLY__RESULT_PUSHED;
	reply.pushed = &pushed;
	answer(req, &reply);
}

static void on_kick(struct control *c, const Pb__RouterCtlRequest *request, struct bus_request *req)
{
	struct core_event event = {.kind = CORE_CTL_KICK};
	Pb__RouterCtlReply reply = PB__ROUTER_CTL_REPLY__INIT;
	Pb__CtlKicked kicked = PB__CTL_KICKED__INIT;
	struct hub_answer given = {.code = EX_INTERNAL};

	event.user.uid = codec_slice(request->kick->uid);
	if (!name_is_uid(event.user.uid)) {
		answer_code(req, EX_BAD_DATA, "user");
		return;
	}
	if (hub_step(c->hub, &event, &given) < 0) {
		answer_failed(req);
		return;
	}
	if (!given.delivered) {
		answer_code(req, given.code == 0 ? EX_INTERNAL : given.code, given.field);
		return;
	}
	kicked.sessions = given.devices;
	reply.result_case = PB__ROUTER_CTL_REPLY__RESULT_KICKED;
	reply.kicked = &kicked;
	answer(req, &reply);
}

static void on_who(struct control *c, const Pb__RouterCtlRequest *request, struct bus_request *req)
{
	Pb__RouterCtlReply reply = PB__ROUTER_CTL_REPLY__INIT;
	Pb__CtlUsers users = PB__CTL_USERS__INIT;

	if (control_who(c->hub, c->arena, codec_slice(request->who->after), &users) < 0) {
		answer_failed(req);
		return;
	}
	reply.result_case = PB__ROUTER_CTL_REPLY__RESULT_USERS;
	reply.users = &users;
	answer(req, &reply);
}

static void on_user(struct control *c, const Pb__RouterCtlRequest *request, struct bus_request *req)
{
	struct slice uid = codec_slice(request->user->uid);
	Pb__RouterCtlReply reply = PB__ROUTER_CTL_REPLY__INIT;
	Pb__CtlUsers users = PB__CTL_USERS__INIT;
	int rc;

	if (!name_is_uid(uid)) {
		answer_code(req, EX_BAD_DATA, "user");
		return;
	}
	rc = control_user(c->hub, c->arena, uid, &users);
	if (rc == -ENOENT) {
		answer_code(req, EX_RECIPIENT_UNKNOWN, NULL);
	} else if (rc < 0) {
		answer_failed(req);
	} else {
		reply.result_case = PB__ROUTER_CTL_REPLY__RESULT_USERS;
		reply.users = &users;
		answer(req, &reply);
	}
}

static void on_edges(
	struct control *c, const Pb__RouterCtlRequest *request, struct bus_request *req)
{
	Pb__RouterCtlReply reply = PB__ROUTER_CTL_REPLY__INIT;
	Pb__CtlEdgeList edges = PB__CTL_EDGE_LIST__INIT;

	(void)request;
	if (control_edges(c->hub, c->arena, &edges) < 0) {
		answer_failed(req);
		return;
	}
	reply.result_case = PB__ROUTER_CTL_REPLY__RESULT_EDGE_LIST;
	reply.edge_list = &edges;
	answer(req, &reply);
}

static void on_stats(
	struct control *c, const Pb__RouterCtlRequest *request, struct bus_request *req)
{
	Pb__RouterCtlReply reply = PB__ROUTER_CTL_REPLY__INIT;
	Pb__CtlStatList stats = PB__CTL_STAT_LIST__INIT;

	(void)request;
	if (control_stats(c->hub, c->arena, &stats) < 0) {
		answer_failed(req);
		return;
	}
	reply.result_case = PB__ROUTER_CTL_REPLY__RESULT_STAT_LIST;
	reply.stat_list = &stats;
	answer(req, &reply);
}

static void answer_tail(struct control *c, struct waiter *w)
{
	struct bus_request *req = w->req;
	Pb__RouterCtlReply reply = PB__ROUTER_CTL_REPLY__INIT;
	Pb__CtlTailed tailed = PB__CTL_TAILED__INIT;

	w->req = NULL;
	arena_reset(c->arena);
	if (control_tail(c->hub, c->arena, w->after, (struct slice){w->user, w->user_len},
		    &tailed) < 0) {
		answer_failed(req);
		return;
	}
	reply.result_case = PB__ROUTER_CTL_REPLY__RESULT_TAILED;
	reply.tailed = &tailed;
	answer(req, &reply);
}

static bool has_note(const struct control *c, const struct waiter *w)
{
	return tail_next(c->hub->tail, w->after, (struct slice){w->user, w->user_len}) != NULL;
}

static struct waiter *free_waiter(struct control *c)
{
	for (size_t i = 0; i < TAIL_WAITERS; i++) {
		if (c->waiters[i].req == NULL)
			return &c->waiters[i];
	}
	return NULL;
}

static void on_tail(struct control *c, const Pb__RouterCtlRequest *request, struct bus_request *req)
{
	const Pb__CtlTail *tail = request->tail;
	struct waiter *w = free_waiter(c);

	if (tail->user.len > 0 && !name_is_uid(codec_slice(tail->user))) {
		answer_code(req, EX_BAD_DATA, "user");
		return;
	}
	if (w == NULL) {
		answer_code(req, EX_RATE_LIMITED, "too many wait already");
		return;
	}
	w->req = req;
	/* A number from before a restart of this router is beyond its last one: from now on, too.
	 */
	w->after = tail->after == 0 || tail->after > tail_last(c->hub->tail)
			   ? tail_last(c->hub->tail)
			   : tail->after;
	w->until_ms = clock_boot_ms() + TAIL_WAIT_MS;
	w->user_len = tail->user.len;
	memcpy(w->user, tail->user.data == NULL ? (const uint8_t *)"" : tail->user.data,
		w->user_len);
	if (has_note(c, w))
		answer_tail(c, w);
}

static const struct {
	Pb__RouterCtlRequest__CommandCase kind;
	command_fn *handle;
} commands[] = {
	{PB__ROUTER_CTL_REQUEST__COMMAND_PUSH, on_push},
	{PB__ROUTER_CTL_REQUEST__COMMAND_WHO, on_who},
	{PB__ROUTER_CTL_REQUEST__COMMAND_USER, on_user},
	{PB__ROUTER_CTL_REQUEST__COMMAND_EDGES, on_edges},
	{PB__ROUTER_CTL_REQUEST__COMMAND_STATS, on_stats},
	{PB__ROUTER_CTL_REQUEST__COMMAND_KICK, on_kick},
	{PB__ROUTER_CTL_REQUEST__COMMAND_TAIL, on_tail},
};

static void take_request(
	struct control *c, const Pb__RouterCtlRequest *request, struct bus_request *req)
{
	arena_reset(c->arena);
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
		if (commands[i].kind == request->command_case) {
			commands[i].handle(c, request, req);
			return;
		}
	}
	answer_code(req, EX_UNKNOWN_EVENT, "no command");
}

static void on_request(void *arg, uint32_t pipe, struct slice msg, struct bus_request *req)
{
	static const struct codec_bounds bounds = {CTL_REQUEST_MAX_BYTES, 2};
	struct control *c = arg;
	struct hub *h = c->hub;
	ProtobufCMessage *decoded = NULL;

	h->counts.ctl_requests++;
	if (codec_decode(&pb__router_ctl_request__descriptor, msg, &bounds, h->arena, &decoded) !=
			CODEC_OK ||
		!wire_is_known(((const Pb__RouterCtlRequest *)decoded)->wire)) {
		LOG_LIMITED(LOG_WARN, "ctl_undecodable", "bytes=%zu", msg.len);
		bus_request_drop(req);
		bus_pipe_close(c->socket, pipe);
		return;
	}
	take_request(c, (const Pb__RouterCtlRequest *)decoded, req);
}

int control_new(struct control **out, struct hub *hub)
{
	struct control *c = calloc(1, sizeof(*c));
	struct bus_options options = {
		.pattern = BUS_REP,
		.max_message = CTL_REQUEST_MAX_BYTES,
		.contexts = TAIL_WAITERS + 8, /* all may wait, and others are served */
		.uids = hub->config->ctls.list,
		.n_uids = hub->config->ctls.n,
		.mode = 0666,
		.on_request = on_request,
	};
	char path[PATH_MAX];

	if (c == NULL)
		return -ENOMEM;
	c->hub = hub;
	options.arg = c;
	*out = c;
	if (arena_new(&c->arena, REPLY_ARENA_BYTES) < 0)
		return -ENOMEM;
	if (snprintf(path, sizeof(path), "%s/ctl/routerctl.sock", hub->config->run_path) >=
		(int)sizeof(path))
		return -ENAMETOOLONG;
	return bus_listen(hub->bus, path, &options, &c->socket);
}

void control_turn(struct control *c)
{
	uint64_t last = tail_last(c->hub->tail);

	if (last == c->noted)
		return;
	c->noted = last;
	for (size_t i = 0; i < TAIL_WAITERS; i++) {
		struct waiter *w = &c->waiters[i];

		if (w->req != NULL && has_note(c, w))
			answer_tail(c, w);
	}
}

void control_tick(struct control *c, int64_t now_ms)
{
	for (size_t i = 0; i < TAIL_WAITERS; i++) {
		struct waiter *w = &c->waiters[i];

		if (w->req != NULL && now_ms >= w->until_ms)
			answer_tail(c, w);
	}
}
