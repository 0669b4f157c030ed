/*
 * Every command is one or more questions on routerctl.sock.  What differs is in the table at the
 * end: how a request is filled in, and what is done with its answer.
 */
#include "router/ctl/commands.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "common/bus.h"
#include "common/cleanup.h"
#include "common/config.h"
#include "ctl.pb-c.h"
#include "proto/codec.h"
#include "proto/codes.h"
#include "proto/limits.h"
#include "proto/pack.h"
#include "router/ctl/print.h"

#define ANSWER_MS 5000
#define OUT_MAX_BYTES (16 * CTL_REPLY_MAX_BYTES)
#define ARENA_MAX_BYTES (16 * CTL_REPLY_MAX_BYTES)

struct ctl {
	const struct ctl_args *args;
	char path[PATH_MAX];
	struct arena *arena;
	struct buf out;
};

typedef enum ctl_exit command_fn(struct ctl *c);

struct command {
	const char *name;
	unsigned takes;
	command_fn *run;
	const char *usage;
	const char *text;
};

static ProtobufCBinaryData text_field(const char *text)
{
	return codec_bytes(slice_of(text));
}

static void complain_away(const struct ctl *c, int error)
{
	if (error == -ECONNREFUSED || error == -ENOENT)
		fprintf(stderr, "routerctl: the router is away: nobody listens on %s\n", c->path);
	else if (error == -EACCES || error == -EPERM)
		fprintf(stderr, "routerctl: %s may not be opened by this user\n", c->path);
	else if (error == -ENAMETOOLONG)
		fprintf(stderr, "routerctl: %s is too long for a socket's path\n", c->path);
	else
		fprintf(stderr,
			"routerctl: no answer on %s: the router hangs, or this user is not in its "
			"--ctl-uids\n",
			c->path);
}

/* Prints what was collected. */
static enum ctl_exit flush(struct ctl *c, enum ctl_exit exit_code)
{
	if (c->out.failed) {
		fprintf(stderr, "routerctl: the answer is too large\n");
		return CTL_ERROR;
	}
	/* A reader that went away (routerctl tail | head) is no error of ours to report. */
	if (fwrite(c->out.data == NULL ? "" : c->out.data, 1, c->out.len, stdout) != c->out.len ||
		fflush(stdout) != 0)
		return CTL_ERROR;
	buf_clear(&c->out);
	return exit_code;
}

static enum ctl_exit refused(struct ctl *c, const Pb__RouterCtlReply *reply)
{
	const enum ctl_exit exit_code = reply->code == EX_INTERNAL ? CTL_ERROR : CTL_REFUSED;

	print_refusal(&c->out, reply, c->args->json);
	if (c->args->json)
		return flush(c, exit_code);
	fprintf(stderr, "routerctl: %.*s", SLICE_ARGS(buf_slice(&c->out)));
	return exit_code;
}

/* One question.  CTL_OK and *out, in the arena, of the wanted kind; or a printed complaint. */
static enum ctl_exit ask(struct ctl *c, Pb__RouterCtlRequest *request,
	Pb__RouterCtlReply__ResultCase wanted, Pb__RouterCtlReply **out)
{
	const bool waits = request->command_case == PB__ROUTER_CTL_REQUEST__COMMAND_TAIL;
	const int timeout_ms = waits ? TAIL_WAIT_MS + ANSWER_MS : ANSWER_MS;
	static const struct codec_bounds bounds = {CTL_REPLY_MAX_BYTES, 65536};
	ProtobufCMessage *decoded = NULL;
	struct bus_msg *answer = NULL;
	struct bus_msg *m;
	bool understood;
	int rc;

	request->wire = WIRE_VERSION;
	m = pack_message(&request->base);
	if (m == NULL)
		return CTL_ERROR;
	rc = bus_call(c->path, m, CTL_REPLY_MAX_BYTES, timeout_ms, &answer);
	if (rc < 0) {
		complain_away(c, rc);
		return CTL_ERROR;
	}
	understood = codec_decode(&pb__router_ctl_reply__descriptor, bus_msg_bytes(answer), &bounds,
			     c->arena, &decoded) == CODEC_OK &&
		     wire_is_known(((const Pb__RouterCtlReply *)decoded)->wire);
	bus_msg_free(answer);
	if (!understood) {
		fprintf(stderr, "routerctl: an answer that is not understood; another version?\n");
		return CTL_ERROR;
	}
	*out = (Pb__RouterCtlReply *)decoded;
	if ((*out)->code != 0)
		return refused(c, *out);
	if ((*out)->result_case == wanted)
		return CTL_OK;
	fprintf(stderr, "routerctl: the router answered something else than was asked\n");
	return CTL_ERROR;
}

/* --data -: all of standard input. */
static bool read_input(struct buf *out)
{
	char part[4096];
	size_t n;

	while ((n = fread(part, 1, sizeof(part), stdin)) > 0)
		buf_add(out, (struct slice){part, n});
	return !ferror(stdin) && !out->failed;
}

static enum ctl_exit push_data(struct ctl *c, struct slice data)
{
	Pb__RouterCtlRequest request = PB__ROUTER_CTL_REQUEST__INIT;
	Pb__CtlPush push = PB__CTL_PUSH__INIT;
	Pb__RouterCtlReply *reply = NULL;
	enum ctl_exit result;

	push.user = text_field(c->args->user);
	push.event = text_field(c->args->event == NULL ? "system" : c->args->event);
	push.data = codec_bytes(data);
	push.mid = text_field(c->args->mid);
	request.command_case = PB__ROUTER_CTL_REQUEST__COMMAND_PUSH;
	request.push = &push;
	result = ask(c, &request, PB__ROUTER_CTL_REPLY__RESULT_PUSHED, &reply);
	if (result != CTL_OK)
		return result;
	print_pushed(&c->out, reply->pushed, c->args->json);
	return flush(c, CTL_OK);
}

static enum ctl_exit run_push(struct ctl *c)
{
	const char *data = c->args->data == NULL ? "null" : c->args->data;
	struct buf complaint;
	struct buf input;
	struct slice text = slice_of(data);
	enum ctl_exit result;

	buf_init(&complaint, 512);
	buf_init(&input, PUSH_MAX_BYTES);
	if (strcmp(data, "-") == 0 && !read_input(&input)) {
		fprintf(stderr, "routerctl: --data -: more than %d bytes\n", PUSH_MAX_BYTES);
		result = CTL_USAGE;
	} else {
		if (strcmp(data, "-") == 0)
			text = buf_slice(&input);
		if (args_data_is_json(text, &complaint)) {
			result = push_data(c, text);
		} else {
			fprintf(stderr, "routerctl: %.*s\n", SLICE_ARGS(buf_slice(&complaint)));
			result = CTL_USAGE;
		}
	}
	buf_fini(&complaint);
	buf_fini(&input);
	return result;
}

static enum ctl_exit run_who(struct ctl *c)
{
	char after[UID_MAX_BYTES + 1] = "";
	bool more = true;

	for (bool first = true; more; first = false) {
		Pb__RouterCtlRequest request = PB__ROUTER_CTL_REQUEST__INIT;
		Pb__CtlWho who = PB__CTL_WHO__INIT;
		Pb__RouterCtlReply *reply = NULL;
		const Pb__CtlUsers *users;
		const Pb__CtlUserLine *last;
		enum ctl_exit result;

		who.after = text_field(after);
		request.command_case = PB__ROUTER_CTL_REQUEST__COMMAND_WHO;
		request.who = &who;
		result = ask(c, &request, PB__ROUTER_CTL_REPLY__RESULT_USERS, &reply);
		if (result != CTL_OK)
			return result;
		users = reply->users;
		print_users(&c->out, users, c->args->json, first);
		more = users->more && users->n_users > 0;
		last = more ? users->users[users->n_users - 1] : NULL;
		if (last != NULL && last->uid.len <= UID_MAX_BYTES) {
			memcpy(after, last->uid.data, last->uid.len);
			after[last->uid.len] = '\0';
		}
		if (flush(c, CTL_OK) != CTL_OK)
			return CTL_ERROR;
	}
	return CTL_OK;
}

static enum ctl_exit run_user(struct ctl *c)
{
	Pb__RouterCtlRequest request = PB__ROUTER_CTL_REQUEST__INIT;
	Pb__CtlUser user = PB__CTL_USER__INIT;
	Pb__RouterCtlReply *reply = NULL;
	enum ctl_exit result;

	user.uid = text_field(c->args->user);
	request.command_case = PB__ROUTER_CTL_REQUEST__COMMAND_USER;
	request.user = &user;
	result = ask(c, &request, PB__ROUTER_CTL_REPLY__RESULT_USERS, &reply);
	if (result != CTL_OK)
		return result;
	for (size_t i = 0; i < reply->users->n_users; i++)
		print_user(&c->out, reply->users->users[i], c->args->json);
	return flush(c, CTL_OK);
}

static enum ctl_exit run_edges(struct ctl *c)
{
	Pb__RouterCtlRequest request = PB__ROUTER_CTL_REQUEST__INIT;
	Pb__CtlEdges edges = PB__CTL_EDGES__INIT;
	Pb__RouterCtlReply *reply = NULL;
	enum ctl_exit result;

	request.command_case = PB__ROUTER_CTL_REQUEST__COMMAND_EDGES;
	request.edges = &edges;
	result = ask(c, &request, PB__ROUTER_CTL_REPLY__RESULT_EDGE_LIST, &reply);
	if (result != CTL_OK)
		return result;
	print_edges(&c->out, reply->edge_list, c->args->json);
	return flush(c, CTL_OK);
}

static enum ctl_exit run_stats(struct ctl *c)
{
	Pb__RouterCtlRequest request = PB__ROUTER_CTL_REQUEST__INIT;
	Pb__CtlStats stats = PB__CTL_STATS__INIT;
	Pb__RouterCtlReply *reply = NULL;
	enum ctl_exit result;

	request.command_case = PB__ROUTER_CTL_REQUEST__COMMAND_STATS;
	request.stats = &stats;
	result = ask(c, &request, PB__ROUTER_CTL_REPLY__RESULT_STAT_LIST, &reply);
	if (result != CTL_OK)
		return result;
	print_stats(&c->out, reply->stat_list, c->args->json);
	return flush(c, CTL_OK);
}

static enum ctl_exit run_kick(struct ctl *c)
{
	Pb__RouterCtlRequest request = PB__ROUTER_CTL_REQUEST__INIT;
	Pb__CtlKick kick = PB__CTL_KICK__INIT;
	Pb__RouterCtlReply *reply = NULL;
	enum ctl_exit result;

	kick.uid = text_field(c->args->user);
	request.command_case = PB__ROUTER_CTL_REQUEST__COMMAND_KICK;
	request.kick = &kick;
	result = ask(c, &request, PB__ROUTER_CTL_REPLY__RESULT_KICKED, &reply);
	if (result != CTL_OK)
		return result;
	print_kicked(&c->out, reply->kicked, c->args->json);
	return flush(c, CTL_OK);
}

/* Until it is interrupted, or the router goes. */
static enum ctl_exit run_tail(struct ctl *c)
{
	uint64_t after = 0;

	for (;;) {
		Pb__RouterCtlRequest request = PB__ROUTER_CTL_REQUEST__INIT;
		Pb__CtlTail tail = PB__CTL_TAIL__INIT;
		Pb__RouterCtlReply *reply = NULL;
		enum ctl_exit result;

		tail.after = after;
		tail.user = text_field(c->args->user);
		request.command_case = PB__ROUTER_CTL_REQUEST__COMMAND_TAIL;
		request.tail = &tail;
		result = ask(c, &request, PB__ROUTER_CTL_REPLY__RESULT_TAILED, &reply);
		if (result != CTL_OK)
			return result;
		after = reply->tailed->next;
		print_events(&c->out, reply->tailed, c->args->json);
		result = flush(c, CTL_OK);
		if (result != CTL_OK)
			return result;
	}
}

static const struct command table[] = {
	{"push", TAKES_PUSH | TAKES_USER_OPTION, run_push,
		"push (--user ID | --all) [--event NAME] [--data JSON|-] [--id MID]",
		"Sends an event to every device of a user, or to everybody who is connected.\n"
		"The event is `system` unless named; the data is JSON, null unless given, and - "
		"reads it\n"
		"from standard input.  --id is the message id that clients see as mid; without it "
		"one is drawn.\n"
		"Exit: 0 it was handed to the edges, 5 the user is unknown or offline, or it was "
		"refused.\n\n"
		"  routerctl push --user 2 --event news --data '{\"text\":\"hello\"}'\n"
		"  routerctl push --all --event news --data '\"maintenance at noon\"'\n"},
	{"who", 0, run_who, "who",
		"Lists the users with an open session, in order of their ids.\n\n  routerctl who "
		"--json\n"},
	{"user", TAKES_USER_WORD, run_user, "user ID",
		"Shows one user and each of his sessions.  Exit 5: no such user.\n\n  routerctl "
		"user 2\n"},
	{"edges", 0, run_edges, "edges",
		"Lists the edges with a live link, and their counters.\n\n  routerctl edges\n"},
	{"stats", 0, run_stats, "stats",
		"Shows the router's counters.\n\n  routerctl stats --json\n"},
	{"kick", TAKES_USER_WORD | TAKES_YES, run_kick, "kick ID --yes",
		"Ends every session of a user; his clients get close code 4009 and stay away.\n\n"
		"  routerctl kick 2 --yes\n"},
	{"tail", TAKES_USER_OPTION, run_tail, "tail [--user ID]",
		"Follows what happens: sessions, messages (never their content), pushes, edges.\n\n"
		"  routerctl tail --user 2\n"},
};

#define N_COMMANDS (sizeof(table) / sizeof(table[0]))

const struct command *commands_find(const char *name)
{
	for (size_t i = 0; i < N_COMMANDS; i++) {
		if (strcmp(table[i].name, name) == 0)
			return &table[i];
	}
	return NULL;
}

unsigned commands_takes(const struct command *command)
{
	return command->takes;
}

void commands_help(const struct command *command)
{
	if (command != NULL) {
		printf("Usage: routerctl %s [--json] [--run DIR]\n\n%s", command->usage,
			command->text);
		return;
	}
	printf("Usage: routerctl COMMAND [--json] [--run DIR]\nAsks and commands the router.\n\n");
	for (size_t i = 0; i < N_COMMANDS; i++)
		printf("  %s\n", table[i].usage);
	printf("\n  --json     one JSON object a line\n"
	       "  --run DIR  where the sockets are (default: $POSTERN_RUN or /run/postern)\n"
	       "  --help     of everything, or of one command: routerctl push --help\n"
	       "  --version\n\n"
	       "Exit: 0 done, 1 the router is away or failed, 5 refused, 64 wrong command line.\n\n"
	       "  routerctl push --all --event news --data '{\"text\":\"hello\"}'\n");
}

enum ctl_exit commands_run(const struct command *command, const struct ctl_args *args)
{
	struct ctl c = {.args = args};
	const char *run = args->run == NULL ? config_run_dir() : args->run;
	enum ctl_exit result;

	if (snprintf(c.path, sizeof(c.path), "%s/ctl/routerctl.sock", run) >= (int)sizeof(c.path)) {
		fprintf(stderr, "routerctl: --run: too long\n");
		return CTL_USAGE;
	}
	if (arena_new(&c.arena, ARENA_MAX_BYTES) < 0) {
		fprintf(stderr, "routerctl: out of memory\n");
		return CTL_ERROR;
	}
	buf_init(&c.out, OUT_MAX_BYTES);
	result = command->run(&c);
	buf_fini(&c.out);
	arena_free(c.arena);
	return result;
}
