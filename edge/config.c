/*
 * The table, and what no table can say: which values may not stand together.  An unsafe combination
 * is refused with one line that names the way out.
 */
#include "edge/config.h"

#include <stdio.h>
#include <stdlib.h>

#include "proto/limits.h"

#define FIELD(name) offsetof(struct edge_config, name)

static bool is_given(const char *text)
{
	return text != NULL && text[0] != '\0';
}

static bool is_address(const char *text)
{
	struct address a;

	return address_parse(text, &a);
}

static bool is_address_or_nothing(const char *text)
{
	return text[0] == '\0' || is_address(text);
}

static bool are_origins(const char *text)
{
	struct origin_list list;
	struct slice bad;

	return origin_list_parse(text, &list, &bad);
}

/* Commas between them, blanks around them.  out holds PROXY_NETWORKS_MAX. */
static bool networks_parse(const char *from, struct network *out, size_t *out_n)
{
	*out_n = 0;
	while (is_given(from)) {
		size_t len = strcspn(from, ",");
		struct slice entry = {from + strspn(from, " "), 0};

		entry.len = len - (size_t)(entry.data - from);
		while (entry.len > 0 && entry.data[entry.len - 1] == ' ')
			entry.len--;
		if (*out_n == PROXY_NETWORKS_MAX || !network_parse(entry, &out[*out_n]))
			return false;
		(*out_n)++;
		from += len + (from[len] == ',');
	}
	return true;
}

static bool are_networks(const char *text)
{
	struct network list[PROXY_NETWORKS_MAX];
	size_t n;

	return networks_parse(text, list, &n);
}

#define AN_ADDRESS "an IP address and a port, as 127.0.0.1:8080 or [::1]:8080"
#define NETWORKS "at most 32 networks with commas, as 10.0.0.0/8,fd00::/8"
#define ORIGINS "at most 32 origins with commas, scheme://host[:port] in lower case"

_Static_assert(PROXY_NETWORKS_MAX == 32 && ORIGINS_MAX == 32, "as the texts above say");

static const char *const swaps[] = {
	[EDGE_SWAP_REJECT] = "reject", [EDGE_SWAP_REBIND] = "rebind", NULL};

static const struct setting settings[] = {
	{"listen", SETTING_TEXT, FIELD(listen_text), .text = "127.0.0.1:8080", .check = is_address,
		.allowed = AN_ADDRESS,
		.help = "address and port for clients; IPv6 as [::1]:8080; port 0: any free one"},
	{"listen-proxy", SETTING_TEXT, FIELD(listen_proxy_text), .check = is_address_or_nothing,
		.allowed = AN_ADDRESS,
		.help = "address and port for balancers that speak PROXY protocol v2"},
	{"proxy-from", SETTING_TEXT, FIELD(proxy_from_text), .check = are_networks,
		.allowed = NETWORKS,
		.help = "networks whose balancers are believed, as 10.0.0.0/8,fd00::/8"},
	{"origins", SETTING_TEXT, FIELD(origins_text), .check = are_origins, .allowed = ORIGINS,
		.help = "web origins that may connect, as "
			"https://a.example,https://b.example:8443; "
			"none: any, and no CORS"},
	{"token-cookie", SETTING_BOOL, FIELD(token_cookie),
		.help = "take tokens from the cookie postern_token too; wants --origins"},
	{"token-query", SETTING_BOOL, FIELD(token_query),
		.help = "take tokens from ?token= too, where others may log them"},
	{"token-ticket", SETTING_BOOL, FIELD(token_ticket), .number = true,
		.help = "take one-time tickets from ?ticket="},
	{"swap", SETTING_CHOICE, FIELD(swap), .choices = swaps, .number = EDGE_SWAP_REJECT,
		.help = "what another user's token does to a live connection: close it, or make it "
			"his"},
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
		.help = "unsent, of one connection: over half of it messages wait in the inbox, "
			"over all "
			"of it the connection is closed"},
	{"drain", SETTING_DURATION, FIELD(drain_ms), .number = DRAIN_MS, .min = 100, .max = 600000,
		.help = "from SIGTERM until the last client is closed, each in a slot of its own"},
	{"memory-limit", SETTING_INT, FIELD(memory_limit), .number = 0, .min = 0,
		.max = INT64_C(1) << 50,
		.help = "bytes: at 80 % of it new clients get 503; 0: the cgroup's limit"},
	DAEMON_SETTINGS(struct edge_config, daemon,
		"accepted as by the other daemons; an edge keeps nothing"),
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

static bool refuse(const char *why)
{
	fprintf(stderr, "postern-edge: %s\n", why);
	return false;
}

static bool is_public(const struct edge_config *cfg)
{
	return !address_is_loopback(&cfg->listen) ||
	       (cfg->has_listen_proxy && !address_is_loopback(&cfg->listen_proxy));
}

static bool make_path(const char *run, const char *name, char out[SOCKET_PATH_BYTES])
{
	return snprintf(out, SOCKET_PATH_BYTES, "%s/%s", run, name) < SOCKET_PATH_BYTES;
}

static bool make_paths(struct edge_config *cfg)
{
	const char *run = cfg->daemon.run;

	return make_path(run, "auth/auth.sock", cfg->auth_path) &&
	       make_path(run, "router/router.sock", cfg->hello_path) &&
	       make_path(run, "router/system.sock", cfg->system_path);
}

/* Reads once more what .check allowed, and keeps it. */
static void make_ready(struct edge_config *cfg)
{
	struct slice bad;

	address_parse(cfg->listen_text, &cfg->listen);
	cfg->has_listen_proxy = is_given(cfg->listen_proxy_text);
	if (cfg->has_listen_proxy)
		address_parse(cfg->listen_proxy_text, &cfg->listen_proxy);
	networks_parse(cfg->proxy_from_text, cfg->proxy_from, &cfg->n_proxy_from);
	origin_list_parse(cfg->origins_text, &cfg->origins, &bad);
}

static bool is_safe(struct edge_config *cfg)
{
	if (cfg->has_listen_proxy && cfg->n_proxy_from == 0)
		return refuse("--listen-proxy without --proxy-from: anybody could name any address "
			      "as his own; say which networks the balancers are in");
	if (cfg->token_cookie && cfg->origins.n == 0)
		return refuse("--token-cookie without --origins: any page could make a browser act "
			      "for its user; say whose pages may");
	if (cfg->demo && !cfg->demo_public && is_public(cfg))
		return refuse(
			"--demo on an address that is not loopback: the demo passwords are "
			"known to everybody; use --listen 127.0.0.1:PORT, or --demo-public if "
			"that is meant");
	if (!make_paths(cfg))
		return refuse("--run: too long for the path of a unix socket");
	return true;
}

enum config_result edge_config_load(struct edge_config *cfg, int argc, char **argv)
{
	enum config_result result;

	memset(cfg, 0, sizeof(*cfg));
	result = daemon_config_load(&spec, argc, argv, cfg, &cfg->daemon);
	if (result != CONFIG_OK && result != CONFIG_CHECK)
		return result;
	make_ready(cfg);
	return is_safe(cfg) ? result : CONFIG_UNSAFE;
}

void edge_config_free(struct edge_config *cfg)
{
	config_free(&spec, cfg);
}
