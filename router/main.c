/*
 * postern-router, top to bottom.
 */
#include <unistd.h>

#include "router/router.h"

int main(int argc, char **argv)
{
	/* Static: the sockets' callbacks keep pointers into it for the process's life. */
	static struct router_config config;
	enum config_result result = router_config_load(&config, argc, argv);
	struct router *router = NULL;
	int rc;

	if (result != CONFIG_OK)
		return config_exit(result);
	daemon_log_open("router", &config.daemon);

	/*
	 * The order is the argument.  Directories and the names in them are made first, while the
	 * process may still write there.  Every socket is opened before the first peer can say
	 * anything, and none later; NNG's threads, which start with the first of them, take no
	 * signals.  After that the router needs one file more, the ticket key, which auth may not
	 * have made yet.
	 */
	rc = router_config_place(&config);
	if (rc == 0)
		rc = router_new(&router, &config);
	if (rc == 0)
		rc = router_listen(router);
	if (rc == 0)
		rc = router_run(router);
	/* NNG may abort when its sockets are closed while they work, so the process just ends. */
	_exit(daemon_exit(rc));
}
