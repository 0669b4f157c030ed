/*
 * config: the settings of postern-auth.
 */
#ifndef POSTERN_AUTH_CONFIG_H
#define POSTERN_AUTH_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "common/config.h"
#include "common/log.h"

#define CONFIG_MAX_UIDS 32

struct uid_list {
	uid_t uids[CONFIG_MAX_UIDS];
	size_t n;
};

struct auth_config {
	char *run;
	char *state;
	char *router_trust; /* NULL: RUN/trust/trust.sock */
	char *edge_uids_text;
	char *ctl_uids_text;
	char *log_level_text;
	char *log_format_text;
	int64_t asks_per_s;
	bool demo;
	bool shared_users;
	/* read from the texts above */
	struct uid_list edge_uids;
	struct uid_list ctl_uids;
	enum log_level log_level;
	bool log_json;
};

/* As config_load(); also reads the lists.  auth_config_free() whatever the result. */
enum config_result auth_config_load(struct auth_config *cfg, int argc, char **argv);
void auth_config_free(struct auth_config *cfg);

/* "1000,1001": false when it is no list of uids.  NULL: the process's own effective uid. */
bool uid_list_parse(const char *text, struct uid_list *out);

#endif
