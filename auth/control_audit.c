/*
 * control_audit: the table of authctl's commands, and what audit.log says of them: who asks for
 * what, before it is done, and how it went where something changes.  A ping is not in it: health
 * checks send one every few seconds, each line is synced, and it does nothing.  What a command is
 * given that is secret, a token or the hash of a password, is not among what is written.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "auth/authd_parts.h"
#include "auth/config.h"
#include "common/log.h"
#include "proto/pack.h"

#define ARGS_MAX 4

struct control_args {
	size_t n;
	struct audit_arg list[ARGS_MAX];
	char numbers[2][24];
};

static void add(struct control_args *args, const char *name, ProtobufCBinaryData value)
{
	args->list[args->n++] = (struct audit_arg){name, codec_slice(value)};
}

static void add_number(struct control_args *args, size_t i, const char *name, uint64_t value)
{
	char *text = args->numbers[i];

	snprintf(text, sizeof(args->numbers[i]), "%" PRIu64, value);
	args->list[args->n++] = (struct audit_arg){name, slice_of(text)};
}

static void token_args(const Pb__AuthCtlRequest *r, struct control_args *out)
{
	add(out, "sub", r->token->sub);
	add(out, "scope", r->token->scope);
	add_number(out, 0, "ttl_s", r->token->ttl_s);
	if (r->token->count > 0)
		add_number(out, 1, "count", r->token->count);
}

static void revoke_args(const Pb__AuthCtlRequest *r, struct control_args *out)
{
	add(out, "user", r->revoke->user);
	add(out, "jti", r->revoke->jti);
	add(out, "issuer", r->revoke->issuer);
	if (r->revoke->token.len > 0)
		out->list[out->n++] = (struct audit_arg){"token", SLICE_LITERAL("given")};
}

static void user_add_args(const Pb__AuthCtlRequest *r, struct control_args *out)
{
	add(out, "username", r->user_add->username);
	add(out, "uid", r->user_add->uid);
}

static void user_passwd_args(const Pb__AuthCtlRequest *r, struct control_args *out)
{
	add(out, "username", r->user_passwd->username);
}

static void user_remove_args(const Pb__AuthCtlRequest *r, struct control_args *out)
{
	add(out, "username", r->user_remove->username);
}

static void user_list_args(const Pb__AuthCtlRequest *r, struct control_args *out)
{
	add(out, "after", r->user_list->after);
}

static void keys_rotate_args(const Pb__AuthCtlRequest *r, struct control_args *out)
{
	const bool own = r->keys_rotate->what == PB__CTL_KEYS_WHAT__CTL_KEYS_OWN;

	out->list[out->n++] = (struct audit_arg){"what", slice_of(own ? "own" : "ticket")};
}

static const struct control_command commands[] = {
	[PB__AUTH_CTL_REQUEST__COMMAND_TOKEN] = {"token", control_token, RECORD_RESULT, token_args},
	[PB__AUTH_CTL_REQUEST__COMMAND_CHECK] = {"check", control_check, RECORD_BEGUN, NULL},
	[PB__AUTH_CTL_REQUEST__COMMAND_REVOKE] = {"revoke", control_revoke, RECORD_RESULT,
		revoke_args},
	[PB__AUTH_CTL_REQUEST__COMMAND_USER_ADD] = {"user add", control_user_add, RECORD_RESULT,
		user_add_args},
	[PB__AUTH_CTL_REQUEST__COMMAND_USER_PASSWD] = {"user passwd", control_user_passwd,
		RECORD_RESULT, user_passwd_args},
	[PB__AUTH_CTL_REQUEST__COMMAND_USER_LIST] = {"user list", control_user_list, RECORD_BEGUN,
		user_list_args},
	[PB__AUTH_CTL_REQUEST__COMMAND_USER_REMOVE] = {"user remove", control_user_remove,
		RECORD_RESULT, user_remove_args},
	[PB__AUTH_CTL_REQUEST__COMMAND_KEYS_LIST] = {"keys list", control_keys_list, RECORD_BEGUN,
		NULL},
	[PB__AUTH_CTL_REQUEST__COMMAND_KEYS_ROTATE] = {"keys rotate", control_keys_rotate,
		RECORD_RESULT, keys_rotate_args},
	[PB__AUTH_CTL_REQUEST__COMMAND_PING] = {"ping", control_ping, RECORD_NOTHING, NULL},
};

const struct control_command *control_command_of(Pb__AuthCtlRequest__CommandCase kind)
{
	const size_t i = (size_t)kind;

	return i < sizeof(commands) / sizeof(commands[0]) && commands[i].handle != NULL
		       ? &commands[i]
		       : NULL;
}

int control_audit_open(struct authd *a)
{
	CLEANUP(mem_freep) char *path = NULL;

	if (a->audit != NULL)
		return 0;
	if (asprintf(&path, "%s/audit.log", a->cfg->daemon.state) < 0) {
		path = NULL;
		return -ENOMEM;
	}
	return audit_open(&a->audit, path, "auth");
}

/* id 0 is a new one, and is told. */
static bool record(struct authd *a, struct audit_entry *entry, uint64_t *id)
{
	int r = control_audit_open(a);

	if (r == 0) {
		if (*id == 0)
			*id = audit_next_id(a->audit);
		entry->id = *id;
		r = audit_write(a->audit, entry);
	}
	if (r < 0)
		LOG_LIMITED(LOG_ERROR, "not_recorded", "file=audit.log command=\"%s\" error=\"%s\"",
			entry->command, strerror(-r));
	return r == 0;
}

bool control_record(const struct control_command *command, const struct control_ask *ask)
{
	struct control_args args = {0};

	if (command->record == RECORD_NOTHING)
		return true;
	if (command->args != NULL)
		command->args(ask->request, &args);
	return record(ask->a,
		&(struct audit_entry){.uid = bus_request_uid(ask->asker->req),
			.command = command->name,
			.result = "begun",
			.args = args.list,
			.n_args = args.n},
		&ask->asker->audit_id);
}

static const char *result_text(const Pb__AuthCtlReply *reply)
{
	if (reply->code != 0)
		return "refused";
	if (reply->result_case == PB__AUTH_CTL_REPLY__RESULT_DONE && !reply->done->in_force)
		return "recorded, not in force";
	return "ok";
}

/* By its jti a token can be revoked by whoever has nothing but the record. */
static void result_args(
	const struct control_asker *asker, const Pb__AuthCtlReply *reply, struct control_args *out)
{
	if (reply->code != 0)
		add(out, "why", reply->message);
	if (reply->result_case == PB__AUTH_CTL_REPLY__RESULT_DONE)
		add(out, "uid", reply->done->uid);
	if (reply->result_case == PB__AUTH_CTL_REPLY__RESULT_TOKEN) {
		out->list[out->n++] = (struct audit_arg){"jti", slice_of(asker->jti)};
		if (reply->token->n_more > 0)
			add_number(out, 0, "count", reply->token->n_more);
	}
}

void control_answer(
	struct authd *a, const struct control_asker *asker, const Pb__AuthCtlReply *reply)
{
	const struct control_command *command = control_command_of(asker->kind);
	struct control_args args = {0};
	struct audit_entry entry = {.uid = bus_request_uid(asker->req),
		.command = command->name,
		.result = result_text(reply)};
	uint64_t id = asker->audit_id;

	result_args(asker, reply, &args);
	entry.args = args.list;
	entry.n_args = args.n;
	if (command->record == RECORD_RESULT)
		(void)record(a, &entry, &id);
	pack_answer(asker->req, &reply->base);
}
