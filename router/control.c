/*
 * A request becomes a reply in the reply's arena, is packed, and goes.  Pushes and tails wait for
 * what they ask (control_push.c, control_tail.c).
 */
#include "router/control.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/clock.h"
#include "common/log.h"
#include "proto/codec.h"
#include "proto/codes.h"
#include "proto/names.h"
#include "proto/pack.h"
#include "router/control_internal.h"
#include "router/control_lists.h"
#include "router/links.h"

#define REPLY_ARENA_BYTES (4 * CTL_REPLY_MAX_BYTES)

void control_answer(struct asker asker, Pb__RouterCtlReply *reply)
{
	reply->wire = asker.wire;
	control_record_result(&asker, reply);
	pack_answer(asker.req, &reply->base);
}

void control_refuse(struct asker asker, unsigned code, const char *more)
{
	Pb__RouterCtlReply reply = PB__ROUTER_CTL_REPLY__INIT;
	const struct code_info *info = code_info(code);
	char text[128];

	snprintf(text, sizeof(text), "%s%s%s", info == NULL ? "refused" : info->name,
		more == NULL ? "" : ": ", more == NULL ? "" : more);
	reply.code = code == 0 ? EX_INTERNAL : code;
	reply.message = codec_bytes(slice_of(text));
	control_answer(asker, &reply);
}

static void refuse_memory(struct asker asker)
{
	control_refuse(asker, EX_INTERNAL, "out of memory");
}

void control_result(struct control *c, const struct core_command *result)
{
	if (result->result.ref != 0) {
		control_pushed(c, result);
		return;
	}
	c->now.answered = true;
	c->now.code = result->result.state == CORE_REFUSED ? result->result.code : 0;
	c->now.sessions = result->result.devices;
	if (result->result.state == CORE_REFUSED && c->now.code == 0)
		c->now.code = EX_INTERNAL;
}

/* A kick or a purge.  true: it was done; false: it was refused. */
static bool do_now(
	struct control *c, enum core_event_kind kind, struct slice uid, struct asker asker)
{
	struct core_event event = {.kind = kind};

	event.user.uid = uid;
	c->now.answered = false;
	if (hub_step(c->hub, &event) < 0) {
		refuse_memory(asker);
		return false;
	}
	if (!c->now.answered)
		c->now.code = EX_INTERNAL;
	if (c->now.code != 0)
		control_refuse(asker, c->now.code, NULL);
	return c->now.code == 0;
}

void control_on_kick(struct control *c, const Pb__RouterCtlRequest *request, struct asker asker)
{
	struct slice uid = codec_slice(request->kick->uid);
	Pb__RouterCtlReply reply = PB__ROUTER_CTL_REPLY__INIT;
	Pb__CtlKicked kicked = PB__CTL_KICKED__INIT;

	if (!name_is_uid(uid)) {
		control_refuse(asker, EX_BAD_DATA, "user");
		return;
	}
	if (!do_now(c, CORE_CTL_KICK, uid, asker))
		return;
	kicked.sessions = c->now.sessions;
	reply.result_case = PB__ROUTER_CTL_REPLY__RESULT_KICKED;
	reply.kicked = &kicked;
	control_answer(asker, &reply);
}

void control_on_inbox(struct control *c, const Pb__RouterCtlRequest *request, struct asker asker)
{
	struct slice uid = codec_slice(request->inbox->uid);
	Pb__RouterCtlReply reply = PB__ROUTER_CTL_REPLY__INIT;
	Pb__CtlInboxState state = PB__CTL_INBOX_STATE__INIT;
	int rc;

	if (!name_is_uid(uid)) {
		control_refuse(asker, EX_BAD_DATA, "user");
		return;
	}
	if (request->inbox->purge && !do_now(c, CORE_CTL_PURGE, uid, asker))
		return;
	rc = control_inbox(c->hub, c->arena, uid, &state);
	if (rc == -ENOENT) {
		control_refuse(asker, EX_RECIPIENT_UNKNOWN, NULL);
	} else if (rc < 0) {
		refuse_memory(asker);
	} else {
		state.purged = request->inbox->purge;
		reply.result_case = PB__ROUTER_CTL_REPLY__RESULT_INBOX_STATE;
		reply.inbox_state = &state;
		control_answer(asker, &reply);
	}
}

void control_on_drain(struct control *c, const Pb__RouterCtlRequest *request, struct asker asker)
{
	const uint32_t edge = request->drain->edge_id;
	Pb__RouterCtlReply reply = PB__ROUTER_CTL_REPLY__INIT;
	Pb__CtlDraining draining = PB__CTL_DRAINING__INIT;

	if (links_drain(c->hub->links, edge, &draining.sessions) < 0) {
		control_refuse(asker, EX_BAD_DATA, "no such edge has a link");
	} else {
		hub_note(c->hub, "edge_drain", (struct slice){0}, "edge=%" PRIu32, edge);
		reply.result_case = PB__ROUTER_CTL_REPLY__RESULT_DRAINING;
		reply.draining = &draining;
		control_answer(asker, &reply);
	}
}

void control_on_top(struct control *c, const Pb__RouterCtlRequest *request, struct asker asker)
{
	Pb__RouterCtlReply reply = PB__ROUTER_CTL_REPLY__INIT;
	Pb__CtlTopList top = PB__CTL_TOP_LIST__INIT;

	if (control_top(c->hub, c->arena, request->top->count, &top) < 0) {
		refuse_memory(asker);
		return;
	}
	reply.result_case = PB__ROUTER_CTL_REPLY__RESULT_TOP_LIST;
	reply.top_list = &top;
	control_answer(asker, &reply);
}

void control_on_who(struct control *c, const Pb__RouterCtlRequest *request, struct asker asker)
{
	Pb__RouterCtlReply reply = PB__ROUTER_CTL_REPLY__INIT;
	Pb__CtlUsers users = PB__CTL_USERS__INIT;

	if (control_who(c->hub, c->arena, codec_slice(request->who->after), &users) < 0) {
		refuse_memory(asker);
		return;
	}
	reply.result_case = PB__ROUTER_CTL_REPLY__RESULT_USERS;
	reply.users = &users;
	control_answer(asker, &reply);
}

void control_on_user(struct control *c, const Pb__RouterCtlRequest *request, struct asker asker)
{
	struct slice uid = codec_slice(request->user->uid);
	Pb__RouterCtlReply reply = PB__ROUTER_CTL_REPLY__INIT;
	Pb__CtlUsers users = PB__CTL_USERS__INIT;
	int rc;

	if (!name_is_uid(uid)) {
		control_refuse(asker, EX_BAD_DATA, "user");
		return;
	}
	rc = control_user(c->hub, c->arena, uid, &users);
	if (rc == -ENOENT) {
		control_refuse(asker, EX_RECIPIENT_UNKNOWN, NULL);
	} else if (rc < 0) {
		refuse_memory(asker);
	} else {
		reply.result_case = PB__ROUTER_CTL_REPLY__RESULT_USERS;
		reply.users = &users;
		control_answer(asker, &reply);
	}
}

void control_on_edges(struct control *c, const Pb__RouterCtlRequest *request, struct asker asker)
{
	Pb__RouterCtlReply reply = PB__ROUTER_CTL_REPLY__INIT;
	Pb__CtlEdgeList edges = PB__CTL_EDGE_LIST__INIT;

	(void)request;
	if (control_edges(c->hub, c->arena, &edges) < 0) {
		refuse_memory(asker);
		return;
	}
	reply.result_case = PB__ROUTER_CTL_REPLY__RESULT_EDGE_LIST;
	reply.edge_list = &edges;
	control_answer(asker, &reply);
}

void control_on_stats(struct control *c, const Pb__RouterCtlRequest *request, struct asker asker)
{
	Pb__RouterCtlReply reply = PB__ROUTER_CTL_REPLY__INIT;
	Pb__CtlStatList stats = PB__CTL_STAT_LIST__INIT;

	(void)request;
	if (control_stats(c->hub, c->arena, &stats) < 0) {
		refuse_memory(asker);
		return;
	}
	reply.result_case = PB__ROUTER_CTL_REPLY__RESULT_STAT_LIST;
	reply.stat_list = &stats;
	control_answer(asker, &reply);
}

void control_on_why(struct control *c, const Pb__RouterCtlRequest *request, struct asker asker)
{
	struct slice uid = codec_slice(request->why->uid);
	Pb__RouterCtlReply reply = PB__ROUTER_CTL_REPLY__INIT;
	Pb__CtlReasons reasons = PB__CTL_REASONS__INIT;

	if (!name_is_uid(uid)) {
		control_refuse(asker, EX_BAD_DATA, "user");
	} else if (control_why(c->hub, c->arena, uid, &reasons) < 0) {
		refuse_memory(asker);
	} else {
		reply.result_case = PB__ROUTER_CTL_REPLY__RESULT_REASONS;
		reply.reasons = &reasons;
		control_answer(asker, &reply);
	}
}

/* That it is answered is all that it says. */
void control_on_ping(struct control *c, const Pb__RouterCtlRequest *request, struct asker asker)
{
	Pb__RouterCtlReply reply = PB__ROUTER_CTL_REPLY__INIT;

	(void)c;
	(void)request;
	control_answer(asker, &reply);
}

/* Or of a newer routerctl. */
void control_on_none(struct control *c, const Pb__RouterCtlRequest *request, struct asker asker)
{
	(void)c;
	(void)request;
	control_refuse(asker, EX_UNKNOWN_EVENT, "no command");
}

static void take_request(
	struct control *c, const Pb__RouterCtlRequest *request, struct bus_request *req)
{
	struct asker asker = {
		.req = req,
		.uid = bus_request_uid(req),
		.wire = request->wire,
		.control = c,
		.command = control_command_of(request->command_case),
		.changes = control_changes(request),
	};

	arena_reset(c->arena);
	if (control_record(c, request, &asker))
		asker.command->handle(c, request, asker);
	else
		control_refuse((struct asker){.req = req, .wire = request->wire}, EX_UNAVAILABLE,
			"audit log cannot be written");
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
		.contexts = TAIL_WAITERS + PUSH_WAITERS + 8, /* all may wait, and others are served
							      */
		.uids = hub->config->ctls.list,
		.n_uids = hub->config->ctls.n,
		.mode = 0666,
		.on_request = on_request,
	};
	char path[PATH_MAX];

	if (c == NULL)
		return -ENOMEM;
	c->hub = hub;
	c->backup.fd = -1;
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
	control_tail_turn(c);
	control_push_turn(c, clock_boot_ms(), false);
}

void control_tick(struct control *c, int64_t now_ms)
{
	control_tail_tick(c, now_ms);
	control_backup_tick(c, now_ms);
}

void control_drain(struct control *c)
{
	control_push_turn(c, clock_boot_ms(), true);
}
