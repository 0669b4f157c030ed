/*
 * config: one table, and the few settings whose text needs reading: lists of uids, the log's level
 * and form.
 */
#include "auth/config.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SETTING(name, type, field) name, type, offsetof(struct auth_config, field)

static const struct setting settings[] = {
	{SETTING("run", SETTING_TEXT, run),
		.help = "directory of the sockets; default $POSTERN_RUN or /run/postern"},
	{SETTING("state", SETTING_TEXT, state),
		.help = "directory of keys/, ticket/ and auth.db; default $POSTERN_STATE or "
			"/var/lib/postern"},
	{SETTING("router-trust", SETTING_TEXT, router_trust),
		.help = "the router's socket for facts about users; default RUN/trust/trust.sock"},
	{SETTING("edge-uids", SETTING_TEXT, edge_uids_text),
		.help = "uids that edges run as, with commas; default: auth's own"},
	{SETTING("ctl-uids", SETTING_TEXT, ctl_uids_text),
		.help = "uids that may use authctl, with commas; default: auth's own"},
	{SETTING("demo", SETTING_BOOL, demo),
		.help = "let the demo users jim and john log in, whose password everybody knows"},
	{SETTING("shared-users", SETTING_BOOL, shared_users),
		.help = "let keys of different issuers speak for the same users"},
	{SETTING("asks-per-second", SETTING_INT, asks_per_s), .number = 20000, .min = 100,
		.max = 1000000, .help = "questions that one edge may ask; more are answered busy"},
	{SETTING("log-level", SETTING_TEXT, log_level_text), .text = "info",
		.help = "error, warn, info or debug"},
	{SETTING("log-format", SETTING_TEXT, log_format_text), .text = "text",
		.help = "text or json"},
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

bool uid_list_parse(const char *text, struct uid_list *out)
{
	*out = (struct uid_list){0};
	if (text == NULL) {
		out->uids[out->n++] = geteuid();
		return true;
	}
	for (;;) {
		char *end;
		unsigned long value;

		errno = 0;
		value = strtoul(text, &end, 10);
		if (text[0] < '0' || text[0] > '9' || errno != 0 || value >= UINT32_MAX ||
			out->n == CONFIG_MAX_UIDS)
			return false;
		out->uids[out->n++] = (uid_t)value;
		if (*end == '\0')
			return true;
		if (*end != ',')
			return false;
		text = end + 1;
	}
}

static bool log_level_parse(const char *text, enum log_level *out)
{
	static const char *const names[] = {"error", "warn", "info", "debug"};

	for (unsigned i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (strcmp(text, names[i]) == 0) {
			*out = (enum log_level)i;
			return true;
		}
	}
	return false;
}

static bool complain(const char *setting, const char *wanted)
{
	fprintf(stderr, "postern-auth: %s: wanted %s\n", setting, wanted);
	return false;
}

static bool texts_read(struct auth_config *cfg)
{
	if (!uid_list_parse(cfg->edge_uids_text, &cfg->edge_uids))
		return complain("edge-uids", "up to 32 numbers with commas");
	if (!uid_list_parse(cfg->ctl_uids_text, &cfg->ctl_uids))
		return complain("ctl-uids", "up to 32 numbers with commas");
	if (!log_level_parse(cfg->log_level_text, &cfg->log_level))
		return complain("log-level", "error, warn, info or debug");
	cfg->log_json = strcmp(cfg->log_format_text, "json") == 0;
	if (!cfg->log_json && strcmp(cfg->log_format_text, "text") != 0)
		return complain("log-format", "text or json");
	return true;
}

static bool defaults_fill(struct auth_config *cfg)
{
	if (cfg->run == NULL)
		cfg->run = strdup(config_run_dir());
	if (cfg->state == NULL)
		cfg->state = strdup(config_state_dir());
	if (cfg->router_trust == NULL && cfg->run != NULL &&
		asprintf(&cfg->router_trust, "%s/trust/trust.sock", cfg->run) < 0)
		cfg->router_trust = NULL;
	return cfg->run != NULL && cfg->state != NULL && cfg->router_trust != NULL;
}

enum config_result auth_config_load(struct auth_config *cfg, int argc, char **argv)
{
	enum config_result result;

	*cfg = (struct auth_config){0};
	result = config_load(&spec, argc, argv, cfg);
	if (result != CONFIG_OK && result != CONFIG_CHECK)
		return result;
	if (!texts_read(cfg) || !defaults_fill(cfg))
		return CONFIG_UNSAFE;
	return result;
}

void auth_config_free(struct auth_config *cfg)
{
	config_free(&spec, cfg);
}
