/*
 * The table of commands: which words they take, what they do and how they are explained.
 */
#include "auth/ctl/commands.h"

#include <stdio.h>
#include <string.h>

#include "auth/ctl/ask.h"
#include "common/config.h"

#define OUT_MAX_BYTES (16 * CTL_REPLY_MAX_BYTES)
#define ARENA_MAX_BYTES (16 * CTL_REPLY_MAX_BYTES)

typedef enum ctl_exit command_fn(struct ctl *c);

struct command {
	const char *words[2]; /* the second may be NULL */
	unsigned takes;
	command_fn *run;
	const char *usage;
	const char *text;
};

static const struct command table[] = {
	{{"token"}, TAKES_TOKEN, ctl_token,
		"token --sub ID [--ttl TIME] [--scope WORDS] [--aud NAME] [--count N]",
		"Prints a token for the user ID, signed by auth's own key.\n\n"
		"  --sub ID        the user: 1 to 128 of [A-Za-z0-9._@:-]\n"
		"  --ttl TIME      how long it is good: 90s, 15min, 1h; default 1h\n"
		"  --scope WORDS   push: may push to anyone; read-only: may not send\n"
		"  --aud NAME      another audience than the one in keys/own.conf\n"
		"  --count N       N tokens, one a line, for the users 1 to N (or ID, ID + 1, "
		"...)\n\n"
		"  authctl token --sub 7 --ttl 15min --scope push\n"},
	{{"check"}, TAKES_TEXT, ctl_check, "check TOKEN|-",
		"Tells whether auth would take a token, and which rule refuses it.  With -, the "
		"token is read\n"
		"from standard input, where other users of this machine cannot see it.\n\n"
		"  authctl check - <token.txt\n"},
	{{"ping"}, 0, ctl_ping, "ping",
		"Says ok when auth answers.  For health checks: it is the one command that is not "
		"written into\naudit.log.\n\n"
		"  authctl ping\n"},
	{{"revoke"}, TAKES_REVOKE | TAKES_YES, ctl_revoke,
		"revoke (--user ID | --jti J [--issuer I] | --issuer I | --token T|-) --yes",
		"Makes tokens void at once and for good, and closes the sessions that they opened "
		"(4404).\n\n"
		"  --user ID     all tokens of a user that were issued until now\n"
		"  --jti J       the token with this jti: of --issuer, or of each issuer that "
		"there is a key of\n"
		"  --issuer I    all tokens of an issuer until now; `iss` of a key file, or the "
		"file's name\n"
		"                without .conf\n"
		"  --token T     this token; - reads it from standard input\n\n"
		"Exit 3: recorded and in force at auth; the router is away and closes the "
		"sessions when it is back.\n\n"
		"  authctl revoke --user 7 --yes\n"},
	{{"user", "add"}, TAKES_NAME | TAKES_UID | TAKES_PASSWORD, ctl_user_add,
		"user add NAME [--uid ID] [--password -]",
		"Makes a user who can log in with a password.  It is asked for on the terminal, "
		"or read from\n"
		"standard input with --password -.  --uid is the user id in tokens; without it "
		"the next number\n"
		"that nobody ever had.  Exit 3: added, but the router does not know him yet.\n\n"
		"  authctl user add mary\n"},
	{{"user", "passwd"}, TAKES_NAME | TAKES_PASSWORD, ctl_user_passwd,
		"user passwd NAME [--password -]",
		"Changes a user's password.  Tokens from before stay good: see authctl "
		"revoke.\n\n"
		"  authctl user passwd mary --password - <password.txt\n"},
	{{"user", "list"}, 0, ctl_user_list, "user list",
		"Lists the users who can log in, in order of their names.\n\n"
		"  authctl user list --json\n"},
	{{"user", "remove"}, TAKES_NAME | TAKES_YES, ctl_user_remove, "user remove NAME --yes",
		"Removes a user, revokes his tokens and closes his sessions.  His messages stay. "
		" Exit 3: as\n"
		"revoke.\n\n"
		"  authctl user remove mary --yes\n"},
	{{"keys", "list"}, 0, ctl_keys_list, "keys list",
		"Lists the keys that tokens are checked with, and the ticket keys.  No secret is "
		"shown.\n\n"
		"  authctl keys list\n"},
	{{"keys", "rotate"}, TAKES_KEY | TAKES_YES, ctl_keys_rotate, "keys rotate ticket|own --yes",
		"Makes a new key and retires the old one, which is still taken until all that it "
		"signed is over.\n\n"
		"  ticket   the key that auth and the router share; connected clients notice "
		"nothing\n"
		"  own      the key in keys/own.conf that auth signs tokens with\n\n"
		"  authctl keys rotate ticket --yes\n"},
};

#define N_COMMANDS (sizeof(table) / sizeof(table[0]))

static size_t count_words(const struct command *command)
{
	return command->words[1] == NULL ? 1 : 2;
}

const struct command *commands_find(const struct option_words *words)
{
	for (size_t i = 0; i < N_COMMANDS; i++) {
		const struct command *command = &table[i];
		bool fits = words->n >= count_words(command);

		for (size_t k = 0; fits && k < count_words(command); k++)
			fits = strcmp(command->words[k], words->list[k]) == 0;
		if (fits)
			return command;
	}
	return NULL;
}

bool commands_fit(const struct command *command, struct ctl_args *args, struct buf *complaint)
{
	return args_fit(args, count_words(command), command->takes, complaint);
}

void commands_help(const struct command *command)
{
	if (command != NULL) {
		printf("Usage: authctl %s [--json] [--run DIR]\n\n%s", command->usage,
			command->text);
		return;
	}
	printf("Usage: authctl COMMAND [--json] [--run DIR]\n"
	       "Tokens, users and keys of Postern's auth.\n\n");
	for (size_t i = 0; i < N_COMMANDS; i++)
		printf("  %s\n", table[i].usage);
	printf("\n  --json     one JSON object a line\n"
	       "  --run DIR  where the sockets are (default: $POSTERN_RUN or /run/postern)\n"
	       "  --help     of everything, or of one command: authctl user add --help\n"
	       "  --version\n\n"
	       "Exit: 0 done or valid, 1 auth is away or failed, 3 see revoke, 5 refused or "
	       "invalid, 64 wrong\ncommand line.\n\n"
	       "  authctl token --sub 7 --ttl 1h | authctl check -\n");
}

enum ctl_exit commands_run(const struct command *command, const struct ctl_args *args)
{
	struct ctl c = {.args = args};
	const char *run = args->run == NULL ? config_run_dir() : args->run;
	enum ctl_exit result;

	if (snprintf(c.path, sizeof(c.path), "%s/ctl/authctl.sock", run) >= (int)sizeof(c.path)) {
		fprintf(stderr, "authctl: --run: too long\n");
		return CTL_USAGE;
	}
	if (arena_new(&c.arena, ARENA_MAX_BYTES) < 0)
		return ctl_fail("start", "out of memory");
	buf_init(&c.out, OUT_MAX_BYTES);
	result = command->run(&c);
	buf_fini(&c.out);
	arena_free(c.arena);
	return result;
}
