/*
 * postern-auth: the process that sees the issuers' keys and the passwords.
 */
#include <stdlib.h>
#include <unistd.h>

#include "auth/authd.h"
#include "auth/config.h"
#include "common/cleanup.h"

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
	_exit(daemon_exit(r));
}

int main(int argc, char **argv)
{
	CLEANUP(auth_config_free) struct auth_config cfg;
	enum config_result result = auth_config_load(&cfg, argc, argv);

	if (result != CONFIG_OK && result != CONFIG_CHECK)
		return config_exit(result);
	daemon_log_open("auth", &cfg.daemon);
	if (result == CONFIG_CHECK)
		return daemon_exit(authd_check(&cfg));
	run(&cfg);
}
