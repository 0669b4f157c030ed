/*
 * config: the router's settings, read once and then constant.
 */
#ifndef POSTERN_ROUTER_CONFIG_H
#define POSTERN_ROUTER_CONFIG_H

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "common/config.h"
#include "common/log.h"

#define CONFIG_MAX_UIDS 16

struct uid_list {
	uid_t list[CONFIG_MAX_UIDS];
	size_t n;
};

struct router_config {
	/* as given */
	char *run;
	char *state;
	char *log_level;
	char *log_format;
	char *page;
	char *page_hosts;
	char *recipients;
	char *edge_uids;
	char *auth_uids;
	char *ctl_uids;
	int64_t sessions_per_user;
	/* made of them */
	char run_path[PATH_MAX]; /* absolute; see router_config_place() */
	bool any_recipient;
	enum log_level level;
	bool log_json;
	struct uid_list edges;
	struct uid_list auths;
	struct uid_list ctls;
};

/* Anything but CONFIG_OK and CONFIG_CHECK ends the process; a line was printed. */
enum config_result router_config_load(struct router_config *config, int argc, char **argv);

/* Makes the directories that the router listens in, and run_path.  0, or -errno and a logged line.
 */
int router_config_place(struct router_config *config);

#endif
