/*
 * The table of commands: which words they take, what they do and how they are explained.
 */
#include "router/ctl/commands.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "common/config.h"
#include "router/ctl/ask.h"

#define OUT_MAX_BYTES (16 * CTL_REPLY_MAX_BYTES)
#define ARENA_MAX_BYTES (16 * CTL_REPLY_MAX_BYTES)

typedef enum ctl_exit command_fn(struct ctl *c);

struct command {
	const char *name;
	unsigned takes;
	command_fn *run;
	const char *usage;
	const char *text;
};

static const struct command table[] = {
	{"push", TAKES_PUSH | TAKES_USER_OPTION, ctl_push,
		"push (--user ID | --all) [--event NAME] [--data JSON|-] [--id MID] [--ttl TIME]\n"
		"       [--wait accepted|delivered|acked] [--timeout TIME]",
		"Sends an event to every device of a user, or to everybody.  A user who is not "
		"connected gets it\n"
		"when he comes.  The event is `system` unless named; the data is JSON, null unless "
		"given, and -\n"
		"reads it from standard input.  --id is the message id that clients see as mid: "
		"the "
		"same one again\n"
		"is not sent again; without it one is drawn.  After --ttl it is not handed out any "
		"more.\n"
		"--wait says when to come back: on disk (accepted), also handed to the edges of a "
		"connected user\n"
		"(delivered, unless given), or acknowledged by a device of his (acked; not with "
		"--all); --timeout\n"
		"(5s, at most 1min) bounds that.\n"
		"Exit: 0 it came so far, 3 it is stored and the user is not connected, 4 it is "
		"stored and handed\n"
		"out but was not acknowledged in time, 5 unknown user or refused.\n\n"
		"  routerctl push --user 2 --event news --data '{\"text\":\"hello\"}' --wait "
		"acked\n"
		"  routerctl push --all --event news --data '\"maintenance at noon\"' --ttl 1h\n"},
	{"who", 0, ctl_who, "who",
		"Lists the users with an open session, in order of their ids.\n\n  routerctl who "
		"--json\n"},
	{"user", TAKES_USER_WORD, ctl_user, "user ID",
		"Shows one user and each of his sessions.  Exit 5: no such user.\n\n  routerctl "
		"user 2\n"},
	{"edges", 0, ctl_edges, "edges",
		"Lists the edges with a live link, and their counters.\n\n  routerctl edges\n"},
	{"stats", 0, ctl_stats, "stats",
		"Shows the router's counters.\n\n  routerctl stats --json\n"},
	{"ping", 0, ctl_ping, "ping",
		"Says ok when the router answers.  For health checks: it is the one command that "
		"is "
		"not written into\naudit.log.\n\n  routerctl ping\n"},
	{"top", TAKES_COUNT, ctl_top, "top [--count N]",
		"Lists the users with the most messages that no device acknowledged (20 unless "
		"said, at most 100).\n\n  routerctl top --count 5\n"},
	{"inbox", TAKES_USER_WORD | TAKES_PURGE, ctl_inbox, "inbox ID [--purge --yes]",
		"Shows how far a user's inbox goes and how far each of his devices is.  --purge "
		"forgets all of its\n"
		"messages for ever; numbers go on.  Exit 5: no such user.\n\n"
		"  routerctl inbox 2\n"
		"  routerctl inbox 2 --purge --yes\n"},
	{"drain", TAKES_EDGE, ctl_drain, "drain EDGE",
		"Asks an edge, named as in `routerctl edges`, to send its clients elsewhere and to "
		"end.  Exit 5: no\n"
		"such edge.\n\n  routerctl drain 4711\n"},
	{"backup", TAKES_FILE, ctl_backup, "backup FILE",
		"Writes a copy of the inbox into FILE, which must not be there, while everything "
		"goes on.\n\n  routerctl backup /backup/inbox-monday.db\n"},
	{"kick", TAKES_USER_WORD | TAKES_YES, ctl_kick, "kick ID --yes",
		"Ends every session of a user; his clients get close code 4009 and stay away.  His "
		"token stays\n"
		"good: see authctl revoke.\n\n"
		"  routerctl kick 2 --yes\n"},
	{"why", TAKES_USER_WORD, ctl_why, "why ID",
		"Shows what became of a user's sessions lately, and why: opened, closed with which "
		"code, refused,\n"
		"kicked, revoked, replaced.  The router keeps the last 16 of a user, since its "
		"start.\n\n"
		"  routerctl why 2\n"},
	{"explain", TAKES_CODE, ctl_explain, "explain [CODE]",
		"Says what an exception or close code means, what the client should do and what to "
		"look at; without\n"
		"a code, of each.  Asks no router.  Exit 5: no such code.\n\n"
		"  routerctl explain 4409\n"},
	{"tail", TAKES_USER_OPTION, ctl_tail, "tail [--user ID]",
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
	       "Exit: 0 done, 1 the router is away or failed, 3 and 4 see push, 5 refused, "
	       "64 wrong command\nline.\n\n"
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
