/*
 * config: one const table of settings per process.  A setting is --name VALUE or --name=VALUE, then
 * PREFIX_NAME in the environment (dashes as underscores), then `name = value` in the file of
 * --config (# starts a comment): the first of them that is there wins.  An unknown flag or key, or
 * a value that is not allowed, is an error with one clear line on stderr.
 *
 *	static const struct setting settings[] = {
 *		{"listen", SETTING_TEXT, offsetof(struct edge_config, listen),
 *			.text = "127.0.0.1:8080", .help = "address and port for clients"},
 *		{"burst", SETTING_INT, offsetof(...), .number = 40, .min = 1, .max = 1000,
 *			.help = "..."},
 *		{"demo", SETTING_BOOL, offsetof(...), .help = "..."},
 *		{0},
 *	};
 */
#ifndef POSTERN_COMMON_CONFIG_H
#define POSTERN_COMMON_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum setting_type {
	SETTING_TEXT,	  /* char * field, owned by the config; NULL when the default is NULL */
	SETTING_INT,	  /* int64_t field */
	SETTING_BOOL,	  /* bool field; --name, --no-name, or on/off/true/false/1/0/yes/no */
	SETTING_DURATION, /* int64_t field, in ms; "500ms", "3s", "1h"; a bare number is an error */
	SETTING_CHOICE,	  /* int or enum field: the place of the word in .choices */
	SETTING_UIDS,	  /* struct uid_list field; default: the process's effective uid */
};

#define UID_LIST_MAX 32

struct uid_list {
	uid_t list[UID_LIST_MAX];
	size_t n;
};

struct setting {
	const char *name;
	enum setting_type type;
	size_t offset;		    /* of the field in the process's config struct */
	const char *text;	    /* default: TEXT */
	int64_t number;		    /* default: INT, BOOL, DURATION (ms), CHOICE (its place) */
	int64_t min;		    /* INT, DURATION */
	int64_t max;		    /* both 0: any number from 0 */
	const char *const *choices; /* CHOICE: words, NULL at the end */
	/* TEXT: whether a value is allowed, and in words what is; NULL: any text, also none */
	bool (*check)(const char *text);
	const char *allowed;
	const char *help;
};

struct config_spec {
	const char *program;	/* postern-edge */
	const char *env_prefix; /* POSTERN_EDGE */
	const char *summary;	/* one sentence for --help */
	const char *epilog;	/* examples for --help, or NULL */
	const struct setting *settings;
};

enum config_result {
	CONFIG_OK,
	CONFIG_DONE,   /* --help or --version was printed: exit 0 */
	CONFIG_CHECK,  /* all is well and --check-config was given: validate further, then exit 0 */
	CONFIG_USAGE,  /* a line was printed: exit 64 */
	CONFIG_UNSAFE, /* a line was printed: exit 78 (the file or the environment is wrong) */
};

/* Fills the struct at out.  config_free() frees its text fields, whatever the result. */
enum config_result config_load(const struct config_spec *spec, int argc, char **argv, void *out);
void config_free(const struct config_spec *spec, void *out);

/* Parses "90s", "15min", "1h", "500ms", "2d"; ms, or -1. */
int64_t duration_parse(const char *text);

/* Exit codes of the daemons */
enum { EXIT_USAGE = 64, EXIT_INTERNAL = 70, EXIT_CONFIG = 78 };

/* The exit status of a process that ends with that result. */
int config_exit(enum config_result result);

/* $POSTERN_RUN or /run/postern, and $POSTERN_STATE or /var/lib/postern. */
const char *config_run_dir(void);
const char *config_state_dir(void);

#endif
