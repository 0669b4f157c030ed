/*
 * postern-edge: the process that strangers talk to.
 */
#include <stdlib.h>
#include <unistd.h>

#include "common/config.h"
#include "edge/edge.h"

int main(int argc, char **argv)
{
	static struct edge_config cfg;
	struct edge *edge;
	int status = edge_config_load(&cfg, argc, argv);

	if (status >= 0) {
		edge_config_free(&cfg);
		return status;
	}
	log_open("edge", cfg.log_level, cfg.log_json);

	/*
	 * What this process may ever need from outside itself, it takes in edge_new(): settings,
	 * the demo page's files, libwebsockets' plugin for the loop, the listening sockets.  From
	 * then on it accepts, and connects to nothing but the sockets of auth and router; it opens
	 * no file, starts no process and holds no key.
	 */
	if (edge_new(&edge, &cfg) < 0)
		_exit(EXIT_CONFIG);
	edge_run(edge);
	_exit(EXIT_SUCCESS); /* NNG's threads and sockets end with the process */
}
