/*
 * One table of settings, and the directories that the sockets lie in.
 */
#include "router/config.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "common/address.h"
#include "proto/limits.h"

#define AT(field) offsetof(struct router_config, field)

static const char *const recipients[] = {
	[CORE_RECIPIENTS_KNOWN] = "known",
	[CORE_RECIPIENTS_ANY] = "any",
	NULL,
};

static const char *const watching[] = {
	[CORE_WATCH_CONTACTS] = "contacts",
	[CORE_WATCH_ANY] = "any",
	[CORE_WATCH_OFF] = "off",
	NULL,
};

static const char *const limits[] = {
	[CORE_LIMIT_REFUSE] = "refuse",
	[CORE_LIMIT_OLDEST] = "oldest",
	[CORE_LIMIT_DEVICE] = "device",
	NULL,
};

static bool is_store(const char *text)
{
	return strcmp(text, "memory") == 0 || strncmp(text, "memory:", 7) == 0 ||
	       (strncmp(text, "sqlite:", 7) == 0 && text[7] != '\0');
}

static bool is_page(const char *text)
{
	struct address address;

	return strcmp(text, "off") == 0 || address_parse(text, &address);
}

static const struct setting settings[] = {
	{"page", SETTING_TEXT, AT(page), .text = "127.0.0.1:9090", .check = is_page,
		.allowed = "off, or an IP address and a port, as 127.0.0.1:9090",
		.help = "address and port of the dashboard and /metrics, or off"},
	{"page-hosts", SETTING_TEXT, AT(page_hosts),
		.help = "further names of the page, with commas; any other Host that is not "
			"loopback is refused"},
	{"recipients", SETTING_CHOICE, AT(recipients), .choices = recipients,
		.help = "known: users whom auth or a session named; any: every well-formed id"},
	{"store", SETTING_TEXT, AT(store), .check = is_store,
		.allowed = "sqlite:PATH or memory; redis:// is not served yet",
		.help = "where messages are kept; default sqlite:STATE/inbox.db.  memory keeps "
			"nothing"},
	{"accept-loss", SETTING_BOOL, AT(accept_loss),
		.help = "start although the store is older than it was: clients are told to begin "
			"anew"},
	{"store-on-tmpfs", SETTING_BOOL, AT(store_on_tmpfs),
		.help = "take a store in memory, which no power cut survives"},
	{"inbox-rows", SETTING_INT, AT(inbox_rows), .number = INBOX_ROWS, .min = 1,
		.max = 100000000, .help = "messages of one user that wait; then 1103"},
	{"inbox-bytes", SETTING_INT, AT(inbox_bytes), .number = INBOX_BYTES, .min = 65536,
		.max = 1099511627776, .help = "the same in bytes"},
	{"retention", SETTING_DURATION, AT(retention_ms),
		.number = (int64_t)INBOX_RETENTION_S * 1000, .min = 1000, .max = 315360000000,
		.help = "then a message is gone, acknowledged or not"},
	{"keep-acked", SETTING_DURATION, AT(keep_acked_ms),
		.number = (int64_t)INBOX_KEEP_ACKED_S * 1000, .min = 1000, .max = 315360000000,
		.help = "for at least so long a message stays after it was sent, also when it was "
			"acknowledged"},
	{"watch", SETTING_CHOICE, AT(watching), .choices = watching,
		.help = "whose presence users may watch: contacts are those with a message between "
			"them"},
	{"memory-limit", SETTING_INT, AT(memory_limit), .max = 1099511627776,
		.help = "bytes; at 80 % no new session is opened; 0: the limit of the cgroup"},
	{"edge-uids", SETTING_UIDS, AT(edges), .help = "uids that edges run as, with commas"},
	{"auth-uids", SETTING_UIDS, AT(auths), .help = "uids that auth runs as, with commas"},
	{"ctl-uids", SETTING_UIDS, AT(ctls), .help = "uids that may use routerctl, with commas"},
	{"sessions-per-user", SETTING_INT, AT(sessions_per_user), .number = SESSIONS_PER_USER,
		.min = 1, .max = 1024, .help = "open sessions that one user may have"},
	{"session-policy", SETTING_CHOICE, AT(session_policy), .choices = limits,
		.help = "a session over that number: refuse it; or end the oldest; device: end the "
			"session of the same named device, at any number, else refuse"},
	DAEMON_SETTINGS(struct router_config, daemon,
		"directory of ticket/ and inbox.db; default $POSTERN_STATE or /var/lib/postern"),
	{0},
};

static const struct config_spec spec = {
	.program = "postern-router",
	.env_prefix = "POSTERN_ROUTER",
	.summary = "Knows who is where, and hands messages to the edges that hold their readers.",
	.epilog = "Example:\n  postern-router --run /run/postern --page 127.0.0.1:9090\n",
	.settings = settings,
};

enum config_result router_config_load(struct router_config *config, int argc, char **argv)
{
	*config = (struct router_config){0};
	return daemon_config_load(&spec, argc, argv, config, &config->daemon);
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
	int rc = make_dir(config->daemon.run, 0755);

	if (rc == 0 && realpath(config->daemon.run, config->run_path) == NULL)
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
		log_error("run_dir", "path=%s error=\"%s\"", config->daemon.run, strerror(-rc));
	return rc;
}
