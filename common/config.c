/*
 * Every source is reduced to (setting, text) and goes through one function, set_value(), so a value
 * means the same wherever it stands.  The order of the sources is the order of precedence reversed:
 * defaults, file, environment, flags; a later one overwrites.  All of them are checked, also where
 * they lose: a mistake in a file does not wait for the day the flag goes away.
 */
#include "common/config.h"

#include <assert.h>
#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "common/log.h"
#include "common/setting.h"

enum {
	FILE_MAX_BYTES = 65536,
	SETTINGS_MAX = 64, /* a bit each for those the file has */
	NAME_MAX_BYTES = 64,
	WHERE_MAX_BYTES = 320,
};

struct loader {
	const struct config_spec *spec;
	void *out;
	const char *file; /* borrowed from argv or the environment */
	bool check;
	char shown[200]; /* the file's name, for complaints */
};

static void complain(const struct loader *l, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
static void complain(const struct loader *l, const char *format, ...)
{
	va_list args;

	fprintf(stderr, "%s: ", l->spec->program);
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fputc('\n', stderr);
}

const char *config_run_dir(void)
{
	const char *dir = getenv("POSTERN_RUN");

	return dir == NULL || dir[0] == '\0' ? "/run/postern" : dir;
}

const char *config_state_dir(void)
{
	const char *dir = getenv("POSTERN_STATE");

	return dir == NULL || dir[0] == '\0' ? "/var/lib/postern" : dir;
}

int config_exit(enum config_result result)
{
	switch (result) {
	case CONFIG_OK:
	case CONFIG_DONE:
	case CONFIG_CHECK:
		return EXIT_SUCCESS;
	case CONFIG_USAGE:
		return EXIT_USAGE;
	case CONFIG_UNSAFE:
		break;
	}
	return EXIT_CONFIG;
}

/* where names the value's place for the complaint. */
static bool set_value(
	const struct loader *l, const struct setting *s, const char *text, const char *where)
{
	char allowed[200];
	char quoted[80];

	if (setting_parse(s, text, l->out))
		return true;
	complain(l, "%s: %s is not allowed, it must be %s", where,
		log_quote(quoted, sizeof(quoted), slice_of(text)),
		setting_allowed(s, allowed, sizeof(allowed)));
	return false;
}

static const struct setting *find(const struct config_spec *spec, const char *name, size_t len)
{
	for (const struct setting *s = spec->settings; s->name != NULL; s++) {
		if (slice_is((struct slice){name, len}, s->name))
			return s;
	}
	return NULL;
}

/* PREFIX_NAME of a setting. */
static const char *env_name(const struct config_spec *spec, const char *name, char buf[128])
{
	int n = snprintf(buf, 128, "%s_%s", spec->env_prefix, name);

	for (int i = (int)strlen(spec->env_prefix); i < n && i < 127; i++)
		buf[i] = buf[i] == '-' ? '_' : (char)toupper((unsigned char)buf[i]);
	return buf;
}

static void print_setting(const struct config_spec *spec, const struct setting *s)
{
	char env[128];
	char number[32];
	char range[80];
	char form[80];

	printf("  --%s%s%s\n        %s\n", s->name, s->type == SETTING_BOOL ? "" : " ",
		setting_form(s, form, sizeof(form)), s->help);
	/* a text without a default says in its help what happens then */
	if (s->type == SETTING_TEXT && s->text == NULL)
		printf("        %s\n", env_name(spec, s->name, env));
	else
		printf("        default %s%s; %s\n", setting_default(s, number),
			setting_range(s, range, sizeof(range)), env_name(spec, s->name, env));
}

static void print_help(const struct config_spec *spec)
{
	char env[128];

	printf("Usage: %s [--SETTING VALUE]... [--config FILE] [--check-config]\n", spec->program);
	printf("%s\n\n", spec->summary);
	printf("A setting is taken from the command line (--name VALUE or --name=VALUE; --name or\n"
	       "--no-name for one that is on or off), else from the environment, else from the\n"
	       "file (lines of name = value, # starts a comment), else it has its default.\n\n"
	       "Settings:\n");
	for (const struct setting *s = spec->settings; s->name != NULL; s++)
		print_setting(spec, s);
	printf("\nOther options:\n"
	       "  --config FILE\n        file with settings; %s\n"
	       "  --check-config\n        check all settings and exit\n"
	       "  --version\n        print the version and exit\n"
	       "  --help\n        print this and exit\n",
		env_name(spec, "config", env));
	printf("\nExit status: 0 after an orderly end, %d for a wrong command line, %d for a wrong "
	       "setting\nelsewhere, %d for an internal failure.\n",
		EXIT_USAGE, EXIT_CONFIG, EXIT_INTERNAL);
	if (spec->epilog != NULL)
		printf("\n%s\n", spec->epilog);
}

static char *trim(char *text)
{
	size_t n;

	text += strspn(text, " \t\r");
	for (n = strlen(text); n > 0 && strchr(" \t\r", text[n - 1]) != NULL;)
		n--;
	text[n] = '\0';
	return text;
}

/* A # begins a comment at the start of a line or after a blank; elsewhere it is part of a value. */
static void cut_comment(char *line)
{
	for (char *p = line; *p != '\0'; p++) {
		if (*p == '#' && (p == line || p[-1] == ' ' || p[-1] == '\t')) {
			*p = '\0';
			return;
		}
	}
}

/* seen: a bit per setting. */
static bool take_line(const struct loader *l, char *line, unsigned number, uint64_t *seen)
{
	char where[WHERE_MAX_BYTES];
	const struct setting *s;
	char quoted[80];
	char *equals;
	char *name;
	uint64_t bit;

	cut_comment(line);
	name = trim(line);
	if (name[0] == '\0')
		return true;
	equals = strchr(name, '=');
	if (equals == NULL) {
		complain(l, "%s:%u: not a line of the form name = value", l->shown, number);
		return false;
	}
	*equals = '\0';
	name = trim(name);
	s = find(l->spec, name, strlen(name));
	log_quote(quoted, sizeof(quoted), slice_of(name));
	if (s == NULL) {
		complain(l, "%s:%u: %s is not a setting (see --help)", l->shown, number, quoted);
		return false;
	}
	bit = UINT64_C(1) << (s - l->spec->settings);
	if ((*seen & bit) != 0) {
		complain(l, "%s:%u: %s is there twice, one line is allowed", l->shown, number,
			quoted);
		return false;
	}
	*seen |= bit;
	snprintf(where, sizeof(where), "%s:%u: %s", l->shown, number, quoted);
	return set_value(l, s, trim(equals + 1), where);
}

/* An owned, terminated text, or NULL after a complaint. */
static char *read_file(const struct loader *l)
{
	FILE *f = fopen(l->file, "re");
	char *text = f == NULL ? NULL : malloc(FILE_MAX_BYTES + 1);
	size_t n;

	if (text == NULL) {
		complain(l, "--config %s: %s", l->shown, strerror(errno));
		if (f != NULL)
			fclose(f);
		return NULL;
	}
	n = fread(text, 1, FILE_MAX_BYTES + 1, f);
	if (ferror(f) != 0) {
		complain(l, "--config %s: %s", l->shown, strerror(errno));
	} else if (n > FILE_MAX_BYTES) {
		complain(l, "--config %s: longer than %d bytes", l->shown, FILE_MAX_BYTES);
	} else if (memchr(text, '\0', n) != NULL) {
		complain(l, "--config %s: holds a NUL byte, only text is allowed", l->shown);
	} else {
		text[n] = '\0';
		fclose(f);
		return text;
	}
	fclose(f);
	free(text);
	return NULL;
}

static bool take_file(struct loader *l)
{
	CLEANUP(mem_freep) char *text = NULL;
	unsigned number = 1;
	uint64_t seen = 0;
	char *rest;

	if (l->file == NULL)
		return true;
	log_quote(l->shown, sizeof(l->shown), slice_of(l->file));
	text = read_file(l);
	rest = text;
	while (rest != NULL) {
		char *line = strsep(&rest, "\n");

		if (!take_line(l, line, number++, &seen))
			return false;
	}
	return text != NULL;
}

static const struct setting *find_env(const struct config_spec *spec, const char *name, size_t len)
{
	char env[128];

	for (const struct setting *s = spec->settings; s->name != NULL; s++) {
		if (slice_is((struct slice){name, len}, env_name(spec, s->name, env)))
			return s;
	}
	return NULL;
}

static bool take_env(const struct loader *l)
{
	const char *prefix = l->spec->env_prefix;
	const size_t n = strlen(prefix);
	char name[NAME_MAX_BYTES * 2];
	char quoted[160];

	for (char **entry = environ; entry != NULL && *entry != NULL; entry++) {
		size_t len = strcspn(*entry, "=");
		const struct setting *s;

		if (strncmp(*entry, prefix, n) != 0 || (*entry)[n] != '_' || (*entry)[len] != '=')
			continue;
		snprintf(name, sizeof(name), "%s_CONFIG", prefix);
		if (slice_is((struct slice){*entry, len}, name))
			continue; /* read before */
		log_quote(quoted, sizeof(quoted), (struct slice){*entry, len});
		s = find_env(l->spec, *entry, len);
		if (s == NULL) {
			complain(l, "%s in the environment is not a setting (see --help)", quoted);
			return false;
		}
		if (!set_value(l, s, *entry + len + 1, quoted))
			return false;
	}
	return true;
}

/* What an option names.  setting NULL and not is_config: nothing. */
struct flag {
	const struct setting *setting;
	bool is_config;
	const char *value; /* NULL: the next argument */
};

/* --name=VALUE, --name VALUE, --name or --no-name */
static struct flag find_flag(const struct config_spec *spec, const char *arg)
{
	const char *name = arg + 2;
	size_t len = strcspn(name, "=");
	struct flag flag = {
		.setting = find(spec, name, len),
		.is_config = slice_is((struct slice){name, len}, "config"),
		.value = name[len] == '=' ? name + len + 1 : NULL,
	};

	if (flag.setting == NULL && flag.value == NULL && strncmp(name, "no-", 3) == 0) {
		flag.setting = find(spec, name + 3, len - 3);
		if (flag.setting != NULL && flag.setting->type != SETTING_BOOL)
			flag.setting = NULL;
		flag.value = "off";
	}
	if (flag.value == NULL && flag.setting != NULL && flag.setting->type == SETTING_BOOL)
		flag.value = "on";
	return flag;
}

/* The option at argv[*i]; *i moves to its value when that is an argument of its own. */
static bool take_flag(struct loader *l, char **argv, int *i)
{
	struct flag flag = find_flag(l->spec, argv[*i]);
	char where[NAME_MAX_BYTES + 3];
	char words[200];

	if (flag.setting == NULL && !flag.is_config) {
		complain(l, "%s is not an option (see --help)",
			log_quote(words, sizeof(words),
				(struct slice){argv[*i], strcspn(argv[*i], "=")}));
		return false;
	}
	snprintf(where, sizeof(where), "--%s", flag.is_config ? "config" : flag.setting->name);
	if (flag.value == NULL) {
		flag.value = argv[*i + 1];
		/* What looks like the next option is a forgotten value; --name=--x says it on
		 * purpose. */
		if (flag.value == NULL || strncmp(flag.value, "--", 2) == 0) {
			complain(l, "%s needs a value: %s", where,
				flag.is_config
					? "a file"
					: setting_allowed(flag.setting, words, sizeof(words)));
			return false;
		}
		(*i)++;
	}
	if (flag.is_config)
		l->file = flag.value;
	return flag.is_config || set_value(l, flag.setting, flag.value, where);
}

/* All of argv; the flags' values land in out, so it is called again after file and environment. */
static enum config_result take_argv(struct loader *l, int argc, char **argv)
{
	for (int i = 1; i < argc; i++) {
		char quoted[80];

		if (strcmp(argv[i], "--help") == 0) {
			print_help(l->spec);
			return CONFIG_DONE;
		}
		if (strcmp(argv[i], "--version") == 0) {
			printf("%s %s\n", l->spec->program, POSTERN_VERSION);
			return CONFIG_DONE;
		}
		if (strcmp(argv[i], "--check-config") == 0) {
			l->check = true;
			continue;
		}
		if (strncmp(argv[i], "--", 2) != 0 || argv[i][2] == '\0') {
			complain(l, "%s: only options that begin with -- are allowed (see --help)",
				log_quote(quoted, sizeof(quoted), slice_of(argv[i])));
			return CONFIG_USAGE;
		}
		if (!take_flag(l, argv, &i))
			return CONFIG_USAGE;
	}
	return CONFIG_OK;
}

static size_t settings_count(const struct config_spec *spec)
{
	size_t n = 0;

	while (spec->settings[n].name != NULL)
		n++;
	return n;
}

enum config_result config_load(const struct config_spec *spec, int argc, char **argv, void *out)
{
	struct loader l = {.spec = spec, .out = out};
	enum config_result result;
	char env[128];

	assert(settings_count(spec) <= SETTINGS_MAX);
	l.file = getenv(env_name(spec, "config", env));
	for (const struct setting *s = spec->settings; s->name != NULL; s++)
		setting_set_default(s, out);
	result = take_argv(&l, argc, argv);
	if (result != CONFIG_OK)
		return result;
	if (!take_file(&l) || !take_env(&l))
		return CONFIG_UNSAFE;
	result = take_argv(&l, argc, argv);
	return result == CONFIG_OK && l.check ? CONFIG_CHECK : result;
}

void config_free(const struct config_spec *spec, void *out)
{
	for (const struct setting *s = spec->settings; s->name != NULL; s++)
		setting_free(s, out);
}
