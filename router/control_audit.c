/*
 * What audit.log says of routerctl's commands: who asks for what, before it is done, and how it
 * went where something changes.  A follow-up of a command that was written (a further page, the
 * next turn of a tail, the next part of a backup) is not written again, and a ping not at all:
 * health checks send one every few seconds, each line is synced, and it does nothing.
 *
 * The file is opened with the first command and not at the start: a router that cannot write it
 * serves its clients all the same, and refuses its operators.
 */
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "common/audit.h"
#include "common/log.h"
#include "proto/codes.h"
#include "router/control_internal.h"

#define ARGS_MAX 5

struct arguments {
	size_t n;
	struct audit_arg list[ARGS_MAX];
	char number[24];
};

static void add(struct arguments *args, const char *name, ProtobufCBinaryData value)
{
	args->list[args->n++] = (struct audit_arg){name, codec_slice(value)};
}

static void add_word(struct arguments *args, const char *name, const char *word)
{
	args->list[args->n++] = (struct audit_arg){name, slice_of(word)};
}

/* One of a command at most. */
static void add_number(struct arguments *args, const char *name, uint64_t value)
{
	(void)snprintf(args->number, sizeof(args->number), "%" PRIu64, value);
	add_word(args, name, args->number);
}

static void push_args(const Pb__RouterCtlRequest *r, struct arguments *out)
{
	if (r->push->user.len == 0)
		add_word(out, "all", "yes");
	add(out, "user", r->push->user);
	add(out, "event", r->push->event);
	add(out, "mid", r->push->mid);
	add_number(out, "bytes", r->push->data.len);
}

static void user_args(const Pb__RouterCtlRequest *r, struct arguments *out)
{
	add(out, "user", r->user->uid);
}

static void kick_args(const Pb__RouterCtlRequest *r, struct arguments *out)
{
	add(out, "user", r->kick->uid);
}

static void why_args(const Pb__RouterCtlRequest *r, struct arguments *out)
{
	add(out, "user", r->why->uid);
}

static void tail_args(const Pb__RouterCtlRequest *r, struct arguments *out)
{
	add(out, "user", r->tail->user);
}

static void inbox_args(const Pb__RouterCtlRequest *r, struct arguments *out)
{
	add(out, "user", r->inbox->uid);
	if (r->inbox->purge)
		add_word(out, "purge", "yes");
}

static void drain_args(const Pb__RouterCtlRequest *r, struct arguments *out)
{
	add_number(out, "edge", r->drain->edge_id);
}

static const struct {
	const char *name;
	bool changes; /* its result is worth a line */
	void (*args)(const Pb__RouterCtlRequest *request, struct arguments *out); /* NULL: none */
} commands[] = {
	[PB__ROUTER_CTL_REQUEST__COMMAND__NOT_SET] = {"none", false, NULL},
	[PB__ROUTER_CTL_REQUEST__COMMAND_PUSH] = {"push", true, push_args},
	[PB__ROUTER_CTL_REQUEST__COMMAND_WHO] = {"who", false, NULL},
	[PB__ROUTER_CTL_REQUEST__COMMAND_USER] = {"user", false, user_args},
	[PB__ROUTER_CTL_REQUEST__COMMAND_EDGES] = {"edges", false, NULL},
	[PB__ROUTER_CTL_REQUEST__COMMAND_STATS] = {"stats", false, NULL},
	[PB__ROUTER_CTL_REQUEST__COMMAND_KICK] = {"kick", true, kick_args},
	[PB__ROUTER_CTL_REQUEST__COMMAND_TAIL] = {"tail", false, tail_args},
	[PB__ROUTER_CTL_REQUEST__COMMAND_TOP] = {"top", false, NULL},
	[PB__ROUTER_CTL_REQUEST__COMMAND_INBOX] = {"inbox", false, inbox_args},
	[PB__ROUTER_CTL_REQUEST__COMMAND_DRAIN] = {"drain", true, drain_args},
	[PB__ROUTER_CTL_REQUEST__COMMAND_BACKUP] = {"backup", false, NULL},
	[PB__ROUTER_CTL_REQUEST__COMMAND_WHY] = {"why", false, why_args},
	[PB__ROUTER_CTL_REQUEST__COMMAND_PING] = {"ping", false, NULL},
};

static bool is_follow_up(const Pb__RouterCtlRequest *request)
{
	if (request->command_case == PB__ROUTER_CTL_REQUEST__COMMAND_WHO)
		return request->who->after.len > 0;
	if (request->command_case == PB__ROUTER_CTL_REQUEST__COMMAND_TAIL)
		return request->tail->after > 0;
	return request->command_case == PB__ROUTER_CTL_REQUEST__COMMAND_BACKUP &&
	       request->backup->id > 0;
}

static int open_file(struct control *c)
{
	char path[PATH_MAX];

	if (c->audit != NULL)
		return 0;
	if (snprintf(path, sizeof(path), "%s/audit.log", c->hub->config->daemon.state) >=
		(int)sizeof(path))
		return -ENAMETOOLONG;
	return audit_open(&c->audit, path, "router");
}

static bool write_line(struct control *c, const struct audit_entry *entry)
{
	int rc = open_file(c);

	if (rc == 0)
		rc = audit_write(c->audit, entry);
	if (rc < 0)
		LOG_LIMITED(LOG_ERROR, "not_recorded", "file=%s/audit.log command=%s error=\"%s\"",
			c->hub->config->daemon.state, entry->command, strerror(-rc));
	return rc == 0;
}

bool control_record(
	struct control *c, const Pb__RouterCtlRequest *request, const struct asker *asker)
{
	struct arguments args = {0};
	struct audit_entry entry = {.uid = bus_request_uid(asker->req), .result = "begun"};

	if (request->command_case == PB__ROUTER_CTL_REQUEST__COMMAND_PING || is_follow_up(request))
		return true;
	entry.command = commands[request->command_case].name;
	if (commands[request->command_case].args != NULL)
		commands[request->command_case].args(request, &args);
	entry.args = args.list;
	entry.n_args = args.n;
	return write_line(c, &entry);
}

bool control_changes(const Pb__RouterCtlRequest *request)
{
	if (request->command_case == PB__ROUTER_CTL_REQUEST__COMMAND_INBOX)
		return request->inbox->purge;
	return commands[request->command_case].changes;
}

void control_record_result(const struct asker *asker, const Pb__RouterCtlReply *reply)
{
	struct arguments args = {0};
	struct audit_entry entry = {.uid = bus_request_uid(asker->req),
		.command = commands[asker->kind].name,
		.result = reply->code == 0 ? "ok" : "refused"};

	if (!asker->changes)
		return;
	if (reply->code != 0)
		add(&args, "why", reply->message);
	else if (reply->result_case == PB__ROUTER_CTL_REPLY__RESULT_PUSHED)
		add(&args, "mid", reply->pushed->mid);
	else if (reply->result_case == PB__ROUTER_CTL_REPLY__RESULT_KICKED)
		add_number(&args, "sessions", reply->kicked->sessions);
	entry.args = args.list;
	entry.n_args = args.n;
	(void)write_line(asker->control, &entry);
}

void control_hangup(struct control *c)
{
	int rc = c->audit == NULL ? 0 : audit_reopen(c->audit);

	if (rc < 0)
		log_error("audit_kept", "file=audit.log error=\"%s\"", strerror(-rc));
	else
		log_info("hangup", "file=audit.log");
}
