/*
 * The words of the shared settings, and the defaults that are not constants: two directories that
 * one variable each may move for all daemons of a machine.
 */
#include "common/daemon.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

const char *const daemon_log_levels[] = {
	[LOG_ERROR] = "error",
	[LOG_WARN] = "warn",
	[LOG_INFO] = "info",
	[LOG_DEBUG] = "debug",
	NULL,
};

const char *const daemon_log_formats[] = {
	[DAEMON_LOG_TEXT] = "text",
	[DAEMON_LOG_JSON] = "json",
	NULL,
};

/* An empty setting is as good as none. */
static void use_default(char **field, const char *value)
{
	if (*field != NULL && (*field)[0] != '\0')
		return;
	free(*field);
	*field = strdup(value);
	if (*field == NULL)
		abort(); /* at start, with nothing to lose */
}

enum config_result daemon_config_load(
	const struct config_spec *spec, int argc, char **argv, void *out, struct daemon_config *d)
{
	enum config_result result = config_load(spec, argc, argv, out);

	if (result == CONFIG_OK || result == CONFIG_CHECK) {
		use_default(&d->run, config_run_dir());
		use_default(&d->state, config_state_dir());
	}
	return result;
}

void daemon_log_open(const char *process, const struct daemon_config *d)
{
	log_open(process, d->log_level, d->log_format == DAEMON_LOG_JSON);
}

int daemon_exit(int error)
{
	switch (error) {
	case 0:
		return EXIT_SUCCESS;
	case -ENOMEM:
	case -EAGAIN:
	case -EBUSY:
	case -EADDRINUSE:
	case -EMFILE:
	case -ENFILE:
		return EXIT_INTERNAL;
	default:
		return EXIT_CONFIG;
	}
}
