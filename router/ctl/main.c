/*
 * routerctl: the operator's command line for the router.
 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "router/ctl/commands.h"

static enum ctl_exit refuse(const struct buf *complaint)
{
	fprintf(stderr, "routerctl: %.*s (see routerctl --help)\n",
		SLICE_ARGS(buf_slice(complaint)));
	return CTL_USAGE;
}

static enum ctl_exit run(struct ctl_args *args, struct buf *complaint)
{
	const struct command *command = NULL;

	if (args->version) {
		puts("routerctl " POSTERN_VERSION);
		return CTL_OK;
	}
	if (args->command != NULL) {
		command = commands_find(args->command);
		if (command == NULL) {
			buf_add_text(complaint, "unknown command");
			return refuse(complaint);
		}
	}
	if (args->help) {
		commands_help(command);
		return CTL_OK;
	}
	if (command == NULL) {
		buf_add_text(complaint, "no command");
		return refuse(complaint);
	}
	if (!args_fit(args, commands_takes(command), complaint))
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
