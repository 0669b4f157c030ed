/*
 * config: the settings of postern-auth.
 */
#ifndef POSTERN_AUTH_CONFIG_H
#define POSTERN_AUTH_CONFIG_H

#include <stdbool.h>
#include <stdint.h>

#include "common/daemon.h"

struct auth_config {
	struct daemon_config daemon;
	char *router_trust; /* never NULL after loading */
	struct uid_list edges;
	struct uid_list ctls;
	int64_t asks_per_s;
	bool demo;
	bool shared_users;
};

/* As config_load().  auth_config_free() whatever the result. */
enum config_result auth_config_load(struct auth_config *cfg, int argc, char **argv);
void auth_config_free(struct auth_config *cfg);

#endif
