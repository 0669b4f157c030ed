/*
 * commands: authctl's commands as one table: words become a request, and the answer is printed.
 */
#ifndef POSTERN_AUTH_CTL_COMMANDS_H
#define POSTERN_AUTH_CTL_COMMANDS_H

#include "auth/ctl/args.h"

enum ctl_exit {
	CTL_OK = 0,
	CTL_ERROR = 1,
	CTL_RECORDED = 3, /* done here, and the router does not know yet */
	CTL_REFUSED = 5,  /* or: the token is not valid */
	CTL_USAGE = 64,
};

struct command;

/* That of the first words; NULL: none. */
const struct command *commands_find(const struct option_words *words);
bool commands_fit(const struct command *command, struct ctl_args *args, struct buf *complaint);
/* Of all, or of one. */
void commands_help(const struct command *command);

enum ctl_exit commands_run(const struct command *command, const struct ctl_args *args);

#endif
