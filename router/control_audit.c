/*
 * The table of routerctl's commands, and what audit.log says of them: who asks for what, before it
 * is done, and how it went where something changes.  A follow-up of a command that was written (a
 * further page, the next turn of a tail, the next part of a backup) is not written again, and a
 * ping not at all: health checks send one every few seconds, each line is synced, and it does
 * nothing.
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

struct control_args {
	size_t n;
	struct audit_arg list[ARGS_MAX];
	char number[24];
};

static void add(struct control_args *args, const char *name, ProtobufCBinaryData value)
{
	args->list[args->n++] = (struct audit_arg){name, codec_slice(value)};
}

static void add_word(struct control_args *args, const char *name, const char *word)
{
	args->list[args->n++] = (struct audit_arg){name, slice_of(word)};
}

/* One of a command at most. */
static void add_number(struct control_args *args, const char *name, uint64_t value)
{
	(void)snprintf(args->number, sizeof(args->number), "%" PRIu64, value);
	add_word(args, name, args->number);
}

static void push_args(const Pb__RouterCtlRequest *r, struct control_args *out)
{
	if (r->push->user.len == 0)
		add_word(out, "all", "yes");
	add(out, "user", r->push->user);
	add(out, "event", r->push->event);
	add(out, "mid", r->push->mid);
	add_number(out, "bytes", r->push->data.len);
}

static void user_args(const Pb__RouterCtlRequest *r, struct control_args *out)
{
	add(out, "user", r->user->uid);
}

static void kick_args(const Pb__RouterCtlRequest *r, struct control_args *out)
{
	add(out, "user", r->kick->uid);
}

static void why_args(const Pb__RouterCtlRequest *r, struct control_args *out)
{
	add(out, "user", r->why->uid);
}

static void tail_args(const Pb__RouterCtlRequest *r, struct control_args *out)
{
	add(out, "user", r->tail->user);
}

static void inbox_args(const Pb__RouterCtlRequest *r, struct control_args *out)
{
	add(out, "user", r->inbox->uid);
	if (r->inbox->purge)
		add_word(out, "purge", "yes");
}

static void drain_args(const Pb__RouterCtlRequest *r, struct control_args *out)
{
	add_number(out, "edge", r->drain->edge_id);
}

static const struct control_command commands[] = {
	[PB__ROUTER_CTL_REQUEST__COMMAND__NOT_SET] = {"none", control_on_none, RECORD_BEGUN, NULL},
	[PB__ROUTER_CTL_REQUEST__COMMAND_PUSH] = {"push", control_on_push, RECORD_RESULT,
		push_args},
	[PB__ROUTER_CTL_REQUEST__COMMAND_WHO] = {"who", control_on_who, RECORD_BEGUN, NULL},
	[PB__ROUTER_CTL_REQUEST__COMMAND_USER] = {"user", control_on_user, RECORD_BEGUN, user_args},
	[PB__ROUTER_CTL_REQUEST__COMMAND_EDGES] = {"edges", control_on_edges, RECORD_BEGUN, NULL},
	[PB__ROUTER_CTL_REQUEST__COMMAND_STATS] = {"stats", control_on_stats, RECORD_BEGUN, NULL},
	[PB__ROUTER_CTL_REQUEST__COMMAND_KICK] = {"kick", control_on_kick, RECORD_RESULT,
		kick_args},
	[PB__ROUTER_CTL_REQUEST__COMMAND_TAIL] = {"tail", control_on_tail, RECORD_BEGUN, tail_args},
	[PB__ROUTER_CTL_REQUEST__COMMAND_TOP] = {"top", control_on_top, RECORD_BEGUN, NULL},
	[PB__ROUTER_CTL_REQUEST__COMMAND_INBOX] = {"inbox", control_on_inbox, RECORD_BEGUN,
		inbox_args},
	[PB__ROUTER_CTL_REQUEST__COMMAND_DRAIN] = {"drain", control_on_drain, RECORD_RESULT,
		drain_args},
	[PB__ROUTER_CTL_REQUEST__COMMAND_BACKUP] = {"backup", control_on_backup, RECORD_BEGUN,
		NULL},
	[PB__ROUTER_CTL_REQUEST__COMMAND_WHY] = {"why", control_on_why, RECORD_BEGUN, why_args},
	[PB__ROUTER_CTL_REQUEST__COMMAND_PING] = {"ping", control_on_ping, RECORD_NOTHING, NULL},
};

const struct control_command *control_command_of(Pb__RouterCtlRequest__CommandCase kind)
{
	const size_t i = (size_t)kind;
	const bool is_known =
		i < sizeof(commands) / sizeof(commands[0]) && commands[i].handle != NULL;

	return &commands[is_known ? i : PB__ROUTER_CTL_REQUEST__COMMAND__NOT_SET];
}

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

/* id 0 is a new one, and is told. */
static bool write_line(struct control *c, struct audit_entry *entry, uint64_t *id)
{
	int rc = open_file(c);

	if (rc == 0) {
		if (*id == 0)
			*id = audit_next_id(c->audit);
		entry->id = *id;
		rc = audit_write(c->audit, entry);
	}
	if (rc < 0)
		LOG_LIMITED(LOG_ERROR, "not_recorded", "file=%s/audit.log command=%s error=\"%s\"",
			c->hub->config->daemon.state, entry->command, strerror(-rc));
	return rc == 0;
}

bool control_record(struct control *c, const Pb__RouterCtlRequest *request, struct asker *asker)
{
	struct control_args args = {0};
	struct audit_entry entry = {
		.uid = asker->uid, .command = asker->command->name, .result = "begun"};

	if (asker->command->record == RECORD_NOTHING || is_follow_up(request))
		return true;
	if (asker->command->args != NULL)
		asker->command->args(request, &args);
	entry.args = args.list;
	entry.n_args = args.n;
	return write_line(c, &entry, &asker->audit_id);
}

bool control_changes(const Pb__RouterCtlRequest *request)
{
	if (request->command_case == PB__ROUTER_CTL_REQUEST__COMMAND_INBOX)
		return request->inbox->purge;
	return control_command_of(request->command_case)->record == RECORD_RESULT;
}

void control_record_result(const struct asker *asker, const Pb__RouterCtlReply *reply)
{
	struct control_args args = {0};
	uint64_t id = asker->audit_id;
	struct audit_entry entry = {
		.uid = asker->uid, .result = reply->code == 0 ? "ok" : "refused"};

	if (!asker->changes)
		return;
	entry.command = asker->command->name;
	if (reply->code != 0)
		add(&args, "why", reply->message);
	else if (reply->result_case == PB__ROUTER_CTL_REPLY__RESULT_PUSHED)
		add(&args, "mid", reply->pushed->mid);
	else if (reply->result_case == PB__ROUTER_CTL_REPLY__RESULT_KICKED)
		add_number(&args, "sessions", reply->kicked->sessions);
	entry.args = args.list;
	entry.n_args = args.n;
	(void)write_line(asker->control, &entry, &id);
}

void control_hangup(struct control *c)
{
	int rc = c->audit == NULL ? 0 : audit_reopen(c->audit);

	if (rc < 0)
		log_error("audit_kept", "file=audit.log error=\"%s\"", strerror(-rc));
	else
		log_info("hangup", "file=audit.log");
}
