/*
 * postern-auth: the process that sees the issuers' keys and the passwords.
 */
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "auth/authd.h"
#include "auth/config.h"
#include "common/cleanup.h"

/* A supervisor starts a daemon again after EXIT_INTERNAL, and not after EXIT_CONFIG. */
static int exit_code(int error)
{
	switch (error) {
	case 0:
		return EXIT_SUCCESS;
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
static _Noreturn void run(const struct auth_config *cfg)
{
	struct authd *authd;
	int r;

	r = authd_new(&authd, cfg);
	if (r == 0)
		r = authd_listen(authd);
	if (r == 0)
		authd_run(authd);
	_exit(exit_code(r));
}

int main(int argc, char **argv)
{
	CLEANUP(auth_config_free) struct auth_config cfg;
	enum config_result result = auth_config_load(&cfg, argc, argv);

	if (result != CONFIG_OK && result != CONFIG_CHECK)
		return config_exit(result);
	daemon_log_open("auth", &cfg.daemon);
	if (result == CONFIG_CHECK)
		return exit_code(authd_check(&cfg));
	run(&cfg);
}
