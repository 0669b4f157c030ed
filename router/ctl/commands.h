/*
 * commands: routerctl's commands as one table: a word becomes a request, and the answer is printed.
 */
#ifndef POSTERN_ROUTER_CTL_COMMANDS_H
#define POSTERN_ROUTER_CTL_COMMANDS_H

#include "router/ctl/args.h"

enum ctl_exit {
	CTL_OK = 0,
	CTL_ERROR = 1,
	CTL_STORED = 3,	   /* a push: its user is not connected */
	CTL_TIMED_OUT = 4, /* a push: not so far in time */
	CTL_REFUSED = 5,   /* unknown user, or refused */
	CTL_USAGE = 64,
};

struct command;

const struct command *commands_find(const char *name);
unsigned commands_takes(const struct command *command);
/* Of all, or of one. */
void commands_help(const struct command *command);

enum ctl_exit commands_run(const struct command *command, const struct ctl_args *args);

#endif
