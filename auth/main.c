/*
 * postern-auth: the process that sees the issuers' keys and the passwords.
 */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "auth/authd.h"
#include "auth/config.h"
#include "common/log.h"

/* A supervisor starts a daemon again after EXIT_INTERNAL, and not after EXIT_CONFIG. */
static int exit_code(int error)
{
	switch (error) {
	case -ENOMEM:
	case -EAGAIN:
	case -EBUSY:
	case -EADDRINUSE:
		return EXIT_INTERNAL;
	default:
		return EXIT_CONFIG;
	}
}

/*
 * The order is the argument.  Keys, users and the password thread come first, while files can be
 * opened and threads made; NNG's pool and the sockets after them.  Both block all signals in their
 * threads, so that the loop alone takes them.  NNG may abort when its sockets are closed, so the
 * process leaves with _exit(), after it wiped its keys.
 */
int main(int argc, char **argv)
{
	struct authd *authd;
	struct auth_config cfg;
	int r;
	enum config_result result = auth_config_load(&cfg, argc, argv);

	if (result == CONFIG_DONE)
		return EXIT_SUCCESS;
	if (result == CONFIG_USAGE)
		return EXIT_USAGE;
	if (result == CONFIG_UNSAFE)
		return EXIT_CONFIG;
	log_open("auth", cfg.log_level, cfg.log_json);
	if (result == CONFIG_CHECK)
		return authd_check(&cfg) < 0 ? EXIT_CONFIG : EXIT_SUCCESS;

	(void)signal(SIGPIPE, SIG_IGN);
	r = authd_new(&authd, &cfg);
	if (r == 0)
		r = authd_listen(authd);
	if (r < 0)
		_exit(exit_code(r));
	authd_run(authd);
	_exit(EXIT_SUCCESS);
}
