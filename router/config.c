/*
 * One table of settings, and what is checked beyond their types.  A wrong value is a refusal to
 * start with one clear line.
 */
#include "router/config.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "proto/limits.h"

#define AT(field) offsetof(struct router_config, field)

static const struct setting settings[] = {
	{"run", SETTING_TEXT, AT(run),
		.help = "directory of the sockets (default: $POSTERN_RUN or /run/postern)"},
	{"state", SETTING_TEXT, AT(state),
		.help = "directory that holds ticket/ (default: $POSTERN_STATE or "
			"/var/lib/postern)"},
	{"page", SETTING_TEXT, AT(page), .text = "127.0.0.1:9090",
		.help = "address and port of the dashboard and /metrics, or off"},
	{"page-hosts", SETTING_TEXT, AT(page_hosts),
		.help = "further names by which the page may be called, comma-separated: a Host "
			"that is "
			"neither here nor a loopback address is refused"},
	{"recipients", SETTING_TEXT, AT(recipients), .text = "known",
		.help = "known: only users that auth or an earlier session named can be written "
			"to; any: "
			"every well-formed id"},
	{"edge-uids", SETTING_TEXT, AT(edge_uids),
		.help = "user ids of edges, comma-separated (default: the router's own)"},
	{"auth-uids", SETTING_TEXT, AT(auth_uids),
		.help = "user ids of auth, comma-separated (default: the router's own)"},
	{"ctl-uids", SETTING_TEXT, AT(ctl_uids),
		.help = "user ids that may use routerctl, comma-separated (default: the router's "
			"own)"},
	{"sessions-per-user", SETTING_INT, AT(sessions_per_user), .number = SESSIONS_PER_USER,
		.min = 1, .max = 1024, .help = "open sessions that one user may have"},
	{"log-level", SETTING_TEXT, AT(log_level), .text = "info",
		.help = "error, warn, info or debug"},
	{"log-format", SETTING_TEXT, AT(log_format), .text = "text", .help = "text or json"},
	{0},
};

static const struct config_spec spec = {
	.program = "postern-router",
	.env_prefix = "POSTERN_ROUTER",
	.summary = "Knows who is where, and hands messages to the edges that hold their readers.",
	.epilog = "Example:\n  postern-router --run /run/postern --page 127.0.0.1:9090\n",
	.settings = settings,
};

static int refuse(const char *name, const char *value, const char *wanted)
{
	fprintf(stderr, "postern-router: %s: '%s' is not %s\n", name, value, wanted);
	return -EINVAL;
}

static int read_level(struct router_config *c)
{
	static const char *const names[] = {[LOG_ERROR] = "error",
		[LOG_WARN] = "warn",
		[LOG_INFO] = "info",
		[LOG_DEBUG] = "debug"};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (strcmp(c->log_level, names[i]) == 0) {
			c->level = (enum log_level)i;
			return 0;
		}
	}
	return refuse("log-level", c->log_level, "error, warn, info or debug");
}

static int read_choice(
	const char *name, const char *value, const char *no, const char *yes, bool *out)
{
	char wanted[64];

	*out = strcmp(value, yes) == 0;
	if (*out || strcmp(value, no) == 0)
		return 0;
	snprintf(wanted, sizeof(wanted), "%s or %s", no, yes);
	return refuse(name, value, wanted);
}

static int read_uids(const char *name, const char *text, struct uid_list *out)
{
	const char *p = text;

	out->n = 0;
	if (text == NULL) {
		out->list[out->n++] = geteuid();
		return 0;
	}
	for (;;) {
		unsigned long uid;
		char *end;

		errno = 0;
		uid = strtoul(p, &end, 10);
		if (*p < '0' || *p > '9' || errno != 0 || uid >= (uid_t)-1 ||
			(*end != ',' && *end != '\0') || out->n == CONFIG_MAX_UIDS)
			return refuse(name, text, "a comma-separated list of up to 16 user ids");
		out->list[out->n++] = (uid_t)uid;
		if (*end == '\0')
			return 0;
		p = end + 1;
	}
}

static int use_default(char **field, const char *value)
{
	if (*field == NULL)
		*field = strdup(value);
	return *field == NULL ? -ENOMEM : 0;
}

static int check(struct router_config *c)
{
	int rc = use_default(&c->run, config_run_dir());

	if (rc == 0)
		rc = use_default(&c->state, config_state_dir());
	if (rc == 0)
		rc = read_level(c);
	if (rc == 0)
		rc = read_choice("log-format", c->log_format, "text", "json", &c->log_json);
	if (rc == 0)
		rc = read_choice("recipients", c->recipients, "known", "any", &c->any_recipient);
	if (rc == 0)
		rc = read_uids("edge-uids", c->edge_uids, &c->edges);
	if (rc == 0)
		rc = read_uids("auth-uids", c->auth_uids, &c->auths);
	if (rc == 0)
		rc = read_uids("ctl-uids", c->ctl_uids, &c->ctls);
	return rc;
}

enum config_result router_config_load(struct router_config *config, int argc, char **argv)
{
	enum config_result result;

	*config = (struct router_config){0};
	result = config_load(&spec, argc, argv, config);
	if ((result == CONFIG_OK || result == CONFIG_CHECK) && check(config) < 0)
		return CONFIG_UNSAFE;
	return result;
}

/* The mode counts only when it is made here: an operator may have chosen another. */
static int make_dir(const char *path, mode_t mode)
{
	if (mkdir(path, mode) < 0)
		return errno == EEXIST ? 0 : -errno;
	return chmod(path, mode) < 0 ? -errno : 0; /* whatever the umask is */
}

int router_config_place(struct router_config *config)
{
	static const struct {
		const char *name;
		mode_t mode;
	} dirs[] = {
		{"router", 0755},
		{"router/link", 0711}, /* may be passed, not listed */
		{"trust", 0755},
		{"ctl", 0755},
	};
	int rc = make_dir(config->run, 0755);

	if (rc == 0 && realpath(config->run, config->run_path) == NULL)
		rc = -errno;
	for (size_t i = 0; i < sizeof(dirs) / sizeof(dirs[0]) && rc == 0; i++) {
		char path[PATH_MAX];

		if (snprintf(path, sizeof(path), "%s/%s", config->run_path, dirs[i].name) >=
			(int)sizeof(path))
			rc = -ENAMETOOLONG;
		else
			rc = make_dir(path, dirs[i].mode);
	}
	if (rc < 0)
		log_error("run_dir", "path=%s error=\"%s\"", config->run, strerror(-rc));
	return rc;
}
