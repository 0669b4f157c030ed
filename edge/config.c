/*
 * The table, and what no table can say: which values may not stand together.  An unsafe combination
 * is refused with one line that names the way out.
 */
#include "edge/config.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

#include "common/config.h"
#include "proto/limits.h"

#define FIELD(name) offsetof(struct edge_config, name)

static const struct setting settings[] = {
	{"listen", SETTING_TEXT, FIELD(listen_text), .text = "127.0.0.1:8080",
		.help = "address and port for clients; IPv6 as [::1]:8080; port 0: any free one"},
	{"listen-proxy", SETTING_TEXT, FIELD(listen_proxy_text),
		.help = "address and port for balancers that speak PROXY protocol v2"},
	{"proxy-from", SETTING_TEXT, FIELD(proxy_from_text),
		.help = "networks whose balancers are believed, as 10.0.0.0/8,fd00::/8"},
	{"origins", SETTING_TEXT, FIELD(origins_text),
		.help = "web origins that may connect, as "
			"https://a.example,https://b.example:8443; "
			"none: any, and no CORS"},
	{"demo", SETTING_BOOL, FIELD(demo),
		.help = "serve the demo page of --web; for a loopback listener"},
	{"demo-public", SETTING_BOOL, FIELD(demo_public),
		.help = "allow --demo on other addresses, where strangers know the demo passwords"},
	{"web", SETTING_TEXT, FIELD(web),
		.help = "directory of the demo page, read into memory at start"},
	{"max-connections", SETTING_INT, FIELD(max_connections), .number = 10000, .min = 1,
		.max = 1000000, .help = "clients at a time; more get 503"},
	{"head-timeout", SETTING_DURATION, FIELD(head_timeout_ms), .number = HEAD_DEADLINE_MS,
		.min = 100, .max = 60000, .help = "until a request head is complete"},
	{"upgrade-timeout", SETTING_DURATION, FIELD(upgrade_timeout_ms),
		.number = UPGRADE_TIMEOUT_MS, .min = 100, .max = 60000,
		.help = "for auth and router together, then 503"},
	{"interval", SETTING_DURATION, FIELD(interval_ms), .number = HEARTBEAT_INTERVAL_MS,
		.min = 100, .max = 3600000, .help = "between the server's pings"},
	{"grace", SETTING_DURATION, FIELD(grace_ms), .number = HEARTBEAT_GRACE_MS, .min = 100,
		.max = 3600000, .help = "beyond the interval, until a silent client is closed"},
	{"msgs-per-second", SETTING_INT, FIELD(msgs_per_second), .number = MSGS_PER_S, .min = 1,
		.max = 1000000, .help = "frames of one connection"},
	{"msgs-burst", SETTING_INT, FIELD(msgs_burst), .number = MSGS_BURST, .min = 1,
		.max = 1000000, .help = "frames of one connection at once"},
	{"pending-bytes", SETTING_INT, FIELD(pending_bytes), .number = CONN_PENDING_BYTES,
		.min = 16384, .max = 67108864,
		.help = "unsent, of one connection; then it is closed"},
	{"run", SETTING_TEXT, FIELD(run),
		.help = "directory of the sockets; default $POSTERN_RUN, else /run/postern"},
	{"state", SETTING_TEXT, FIELD(state),
		.help = "accepted as by the other daemons; an edge keeps nothing"},
	{"log-level", SETTING_TEXT, FIELD(log_level_text), .text = "info",
		.help = "error, warn, info or debug"},
	{"log-format", SETTING_TEXT, FIELD(log_format_text), .text = "text",
		.help = "text or json"},
	{0},
};

static const struct config_spec spec = {
	.program = "postern-edge",
	.env_prefix = "POSTERN_EDGE",
	.summary = "Lets WebSocket clients in whose token auth accepts, and carries their frames.",
	.epilog =
		"Example: postern-edge --listen 127.0.0.1:8080 --demo --web /usr/share/postern/web",
	.settings = settings,
};

static int unsafe(const char *format, ...) __attribute__((format(printf, 1, 2)));
static int unsafe(const char *format, ...)
{
	va_list args;

	fputs("postern-edge: ", stderr);
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fputc('\n', stderr);
	return EXIT_CONFIG;
}

static bool is_given(const char *text)
{
	return text != NULL && text[0] != '\0';
}

/* Each of these: -1, or the exit status after a line. */
static int check_address(const char *name, const char *text, struct address *out)
{
	if (address_parse(text, out))
		return -1;
	return unsafe("--%s %s: must be an IP address and a port, as 127.0.0.1:8080 or [::1]:8080",
		name, text);
}

static int check_networks(struct edge_config *cfg)
{
	const char *from = cfg->proxy_from_text;

	while (is_given(from)) {
		size_t len = strcspn(from, ",");
		struct slice entry = {from + strspn(from, " "), 0};

		entry.len = len - (size_t)(entry.data - from);
		while (entry.len > 0 && entry.data[entry.len - 1] == ' ')
			entry.len--;
		if (cfg->n_proxy_from == PROXY_NETWORKS_MAX)
			return unsafe("--proxy-from: at most %d networks", PROXY_NETWORKS_MAX);
		if (!network_parse(entry, &cfg->proxy_from[cfg->n_proxy_from]))
			return unsafe("--proxy-from: %.*s is no network, as 10.0.0.0/8 or fd00::/8",
				SLICE_ARGS(entry));
		cfg->n_proxy_from++;
		from += len + (from[len] == ',');
	}
	return -1;
}

static int check_listeners(struct edge_config *cfg)
{
	int status = check_address("listen", cfg->listen_text, &cfg->listen);

	cfg->has_listen_proxy = is_given(cfg->listen_proxy_text);
	if (status < 0 && cfg->has_listen_proxy)
		status = check_address("listen-proxy", cfg->listen_proxy_text, &cfg->listen_proxy);
	if (status < 0)
		status = check_networks(cfg);
	if (status >= 0)
		return status;
	if (cfg->has_listen_proxy && cfg->n_proxy_from == 0)
		return unsafe("--listen-proxy without --proxy-from: anybody could name any address "
			      "as his own; say which networks the balancers are in");
	if (cfg->demo && !cfg->demo_public &&
		(!address_is_loopback(&cfg->listen) ||
			(cfg->has_listen_proxy && !address_is_loopback(&cfg->listen_proxy))))
		return unsafe(
			"--demo on an address that is not loopback: the demo passwords are "
			"known to everybody; use --listen 127.0.0.1:PORT, or --demo-public if "
			"that is meant");
	return -1;
}

static int check_origins(struct edge_config *cfg)
{
	struct slice bad;

	if (!is_given(cfg->origins_text) ||
		origin_list_parse(cfg->origins_text, &cfg->origins, &bad))
		return -1;
	return unsafe(
		"--origins: %.*s is no origin (scheme://host[:port] in lower case, at most %d)",
		SLICE_ARGS(bad), ORIGINS_MAX);
}

static int check_log(struct edge_config *cfg)
{
	static const char *const levels[] = {[LOG_ERROR] = "error",
		[LOG_WARN] = "warn",
		[LOG_INFO] = "info",
		[LOG_DEBUG] = "debug"};
	size_t i = 0;

	while (i < 4 && strcmp(cfg->log_level_text, levels[i]) != 0)
		i++;
	if (i == 4)
		return unsafe(
			"--log-level %s: must be error, warn, info or debug", cfg->log_level_text);
	cfg->log_level = (enum log_level)i;
	cfg->log_json = strcmp(cfg->log_format_text, "json") == 0;
	if (!cfg->log_json && strcmp(cfg->log_format_text, "text") != 0)
		return unsafe("--log-format %s: must be text or json", cfg->log_format_text);
	return -1;
}

static int make_path(const char *run, const char *name, char out[SOCKET_PATH_BYTES])
{
	int len = snprintf(out, SOCKET_PATH_BYTES, "%s/%s", run, name);

	return len < SOCKET_PATH_BYTES
		       ? -1
		       : unsafe("--run %s: too long for the path of a unix socket", run);
}

static int check_paths(struct edge_config *cfg)
{
	const char *run = is_given(cfg->run) ? cfg->run : config_run_dir();
	int status = make_path(run, "auth/auth.sock", cfg->auth_path);

	if (status < 0)
		status = make_path(run, "router/router.sock", cfg->hello_path);
	if (status < 0)
		status = make_path(run, "router/system.sock", cfg->system_path);
	return status;
}

static int check(struct edge_config *cfg)
{
	static int (*const checks[])(struct edge_config *) = {
		check_log, check_listeners, check_origins, check_paths};
	int status = -1;

	for (size_t i = 0; status < 0 && i < sizeof(checks) / sizeof(checks[0]); i++)
		status = checks[i](cfg);
	return status;
}

int edge_config_load(struct edge_config *cfg, int argc, char **argv)
{
	int status;

	memset(cfg, 0, sizeof(*cfg));
	switch (config_load(&spec, argc, argv, cfg)) {
	case CONFIG_OK:
		return check(cfg);
	case CONFIG_CHECK:
		status = check(cfg);
		return status < 0 ? EXIT_SUCCESS : status;
	case CONFIG_DONE:
		return EXIT_SUCCESS;
	case CONFIG_USAGE:
		return EXIT_USAGE;
	case CONFIG_UNSAFE:
		break;
	}
	return EXIT_CONFIG;
}

void edge_config_free(struct edge_config *cfg)
{
	config_free(&spec, cfg);
}
