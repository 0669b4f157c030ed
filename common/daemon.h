/*
 * daemon: what every daemon's settings begin with: where its sockets and its state are, and how it
 * logs.  A process embeds struct daemon_config in its own and puts DAEMON_SETTINGS into its table.
 */
#ifndef POSTERN_COMMON_DAEMON_H
#define POSTERN_COMMON_DAEMON_H

#include "common/config.h"
#include "common/log.h"

enum daemon_log_format { DAEMON_LOG_TEXT, DAEMON_LOG_JSON };

struct daemon_config {
	char *run; /* neither is NULL after daemon_config_load() */
	char *state;
	enum log_level log_level;
	enum daemon_log_format log_format;
};

extern const char *const daemon_log_levels[];
extern const char *const daemon_log_formats[];

/* Four lines of a table of settings.  config: the process's struct; member: its daemon_config. */
#define DAEMON_SETTINGS(config, member, state_help)                                                \
	{"run", SETTING_TEXT, offsetof(config, member.run),                                        \
		.help = "directory of the sockets; default $POSTERN_RUN or /run/postern"},         \
		{"state", SETTING_TEXT, offsetof(config, member.state), .help = state_help},       \
		{"log-level", SETTING_CHOICE, offsetof(config, member.log_level),                  \
			.choices = daemon_log_levels, .number = LOG_INFO,                          \
			.help = "the least that is worth a line"},                                 \
	{                                                                                          \
		"log-format", SETTING_CHOICE, offsetof(config, member.log_format),                 \
			.choices = daemon_log_formats, .help = "of the lines on stderr"            \
	}

/*
 * config_load(), and what the environment says of the directories that no setting named.  d is the
 * daemon_config within out.  config_free() in any case.
 */
enum config_result daemon_config_load(
	const struct config_spec *spec, int argc, char **argv, void *out, struct daemon_config *d);

/*
 * The exit status of a daemon that could not start or go on: a supervisor may start one again after
 * EXIT_INTERNAL, and after EXIT_CONFIG somebody has to change something first.  0 for 0.
 */
int daemon_exit(int error);

/* log_open() with what was set. */
void daemon_log_open(const char *process, const struct daemon_config *d);

#endif
