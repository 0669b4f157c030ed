/*
 * postern-router, top to bottom.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/log.h"
#include "router/router.h"

/* Static: the sockets' callbacks keep pointers into it for the process's life. */
static struct router_config config;

static void block_signals(void)
{
	sigset_t all;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, NULL);
}

static void unblock_signals(void)
{
	sigset_t none;

	sigemptyset(&none);
	pthread_sigmask(SIG_SETMASK, &none, NULL);
}

int main(int argc, char **argv)
{
	enum config_result result = router_config_load(&config, argc, argv);
	struct router *router = NULL;

	if (result != CONFIG_OK)
		return config_exit(result);
	daemon_log_open("router", &config.daemon);
	signal(SIGPIPE, SIG_IGN);

	/*
	 * The order is the argument.  Directories and the names in them are made first, while the
	 * process may still write there.  Every socket is opened before the first peer can say
	 * anything, and none later; NNG starts its threads at the first of them, with all signals
	 * blocked, so that signals come to the loop alone.  After that the router needs one file
	 * more, the ticket key, which auth may not have made yet.
	 */
	if (router_config_place(&config) < 0 || router_new(&router, &config) < 0)
		return EXIT_CONFIG;
	block_signals();
	if (router_listen(router) < 0)
		return EXIT_CONFIG;
	unblock_signals();

	/* NNG may abort when its sockets are closed while they work, so the process just ends. */
	_exit(router_run(router) < 0 ? EXIT_CONFIG : EXIT_SUCCESS);
}
