/*
 * postern-edge: the process that strangers talk to.
 */
#include <stdlib.h>
#include <unistd.h>

#include "edge/edge.h"

int main(int argc, char **argv)
{
	static struct edge_config cfg;
	struct edge *edge;
	int rc;
	enum config_result result = edge_config_load(&cfg, argc, argv);

	if (result != CONFIG_OK) {
		edge_config_free(&cfg);
		return config_exit(result);
	}
	daemon_log_open("edge", &cfg.daemon);

	/*
	 * What this process may ever need from outside itself, it takes in edge_new(): settings,
	 * the demo page's files, libwebsockets' plugin for the loop, the listening sockets.  From
	 * then on it accepts, and connects to nothing but the sockets of auth and router; it opens
	 * no file, starts no process and holds no key.
	 */
	rc = edge_new(&edge, &cfg);
	if (rc == 0)
		edge_run(edge);
	_exit(daemon_exit(rc)); /* NNG's threads and sockets end with the process */
}
