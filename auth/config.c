/*
 * config: one table, and one default that follows from another setting.
 */
#include "auth/config.h"

#include <stdio.h>
#include <stdlib.h>

#define SETTING(name, type, field) name, type, offsetof(struct auth_config, field)

static const struct setting settings[] = {
	{SETTING("router-trust", SETTING_TEXT, router_trust),
		.help = "the router's socket for facts about users; default RUN/trust/trust.sock"},
	{SETTING("edge-uids", SETTING_UIDS, edges), .help = "uids that edges run as, with commas"},
	{SETTING("ctl-uids", SETTING_UIDS, ctls), .help = "uids that may use authctl, with commas"},
	{SETTING("demo", SETTING_BOOL, demo),
		.help = "let the demo users jim and john log in, whose password everybody knows"},
	{SETTING("shared-users", SETTING_BOOL, shared_users),
		.help = "let keys of different issuers speak for the same users"},
	{SETTING("asks-per-second", SETTING_INT, asks_per_s), .number = 20000, .min = 100,
		.max = 1000000, .help = "questions that one edge may ask; more are answered busy"},
	DAEMON_SETTINGS(struct auth_config, daemon,
		"directory of keys/, ticket/ and auth.db; default $POSTERN_STATE or "
		"/var/lib/postern"),
	{0},
};

static const struct config_spec spec = {
	.program = "postern-auth",
	.env_prefix = "POSTERN_AUTH",
	.summary = "Checks tokens and passwords for Postern's edges and signs session tickets.",
	.epilog = "Example, beside a router with the same directories:\n"
		  "  postern-auth --run /tmp/postern/run --state /tmp/postern/state --demo\n"
		  "\n"
		  "Keys are in STATE/keys: one NAME.conf for each, reloaded by SIGHUP.  At first "
		  "start\nauth makes own.conf, the key that it signs with itself.\n",
	.settings = settings,
};

enum config_result auth_config_load(struct auth_config *cfg, int argc, char **argv)
{
	enum config_result result;

	*cfg = (struct auth_config){0};
	result = daemon_config_load(&spec, argc, argv, cfg, &cfg->daemon);
	if (result != CONFIG_OK && result != CONFIG_CHECK)
		return result;
	if (cfg->router_trust == NULL &&
		asprintf(&cfg->router_trust, "%s/trust/trust.sock", cfg->daemon.run) < 0)
		abort(); /* at start, with nothing to lose */
	return result;
}

void auth_config_free(struct auth_config *cfg)
{
	config_free(&spec, cfg);
}
