/*
 * config: the router's settings, read once and then constant.
 */
#ifndef POSTERN_ROUTER_CONFIG_H
#define POSTERN_ROUTER_CONFIG_H

#include <limits.h>
#include <stdint.h>

#include "common/daemon.h"
#include "router/core.h"

struct router_config {
	struct daemon_config daemon;
	char *page;
	char *page_hosts;
	enum core_recipients recipients;
	enum core_watching watching;
	char *store; /* NULL: sqlite, in the state directory */
	bool accept_loss;
	bool store_on_tmpfs;
	int64_t inbox_rows;
	int64_t inbox_bytes;
	int64_t retention_ms;
	int64_t keep_acked_ms;
	int64_t memory_limit; /* bytes; 0: the cgroup's */
	struct uid_list edges;
	struct uid_list auths;
	struct uid_list ctls;
	int64_t sessions_per_user;
	enum core_limit session_policy;
	char run_path[PATH_MAX]; /* absolute; see router_config_place() */
};

/* Anything but CONFIG_OK and CONFIG_CHECK ends the process; a line was printed. */
enum config_result router_config_load(struct router_config *config, int argc, char **argv);

/* Makes the directories that the router listens in, and run_path.  0, or -errno and a logged line.
 */
int router_config_place(struct router_config *config);

#endif
