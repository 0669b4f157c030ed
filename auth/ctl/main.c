/*
 * authctl: the operator's command line for auth.
 */
#include <stdio.h>
#include <unistd.h>

#include "auth/ctl/commands.h"
#include "common/plain.h"

static enum ctl_exit refuse(const struct buf *complaint)
{
	fprintf(stderr, "authctl: %.*s (see authctl --help)\n", SLICE_ARGS(buf_slice(complaint)));
	return CTL_USAGE;
}

static enum ctl_exit run(struct ctl_args *args, struct buf *complaint)
{
	const struct command *command = commands_find(&args->words);

	if (args->version) {
		puts("authctl " POSTERN_VERSION);
		return CTL_OK;
	}
	if (args->help) {
		commands_help(command);
		return CTL_OK;
	}
	if (command == NULL && args->words.n > 0) {
		plain_add(complaint, slice_of(args->words.list[0]));
		if (args->words.n > 1) {
			buf_add_text(complaint, " ");
			plain_add(complaint, slice_of(args->words.list[1]));
		}
		buf_add_text(complaint, ": no such command");
		return refuse(complaint);
	}
	if (command == NULL) {
		buf_add_text(complaint, "a command is missing");
		return refuse(complaint);
	}
	if (!commands_fit(command, args, complaint))
		return refuse(complaint);
	return commands_run(command, args);
}

int main(int argc, char **argv)
{
	struct ctl_args args;
	struct buf complaint;
	enum ctl_exit result;

	buf_init(&complaint, 1024);
	if (args_read(argc, argv, &args, &complaint))
		result = run(&args, &complaint);
	else
		result = refuse(&complaint);
	/* NNG's threads may still run; nothing waits for them. */
	fflush(stdout);
	_exit((int)result);
}
