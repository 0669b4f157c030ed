/*
 * Every source is reduced to (setting, text) and goes through one function, set_value(), so a value
 * means the same wherever it stands.  The order of the sources is the order of precedence reversed:
 * defaults, file, environment, flags; a later one overwrites.  All of them are checked, also where
 * they lose: a mistake in a file does not wait for the day the flag goes away.
 */
#include "common/config.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/cleanup.h"
#include "common/log.h"

enum {
	FILE_MAX_BYTES = 65536,
	SETTINGS_MAX = 64, /* the file's duplicates are kept in 64 bits */
	NAME_MAX_BYTES = 64,
	VALUE_MAX_BYTES = 4096,
	WHERE_MAX_BYTES = 320,
};

struct loader {
	const struct config_spec *spec;
	void *out;
	const char *file; /* borrowed from argv or the environment */
	bool check;
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

/* Digits only, no sign, no blanks: what strtoll() takes beyond that is not a number to a human. */
static bool parse_digits(const char *text, const char **out_end, int64_t *out)
{
	int64_t value = 0;
	const char *p = text;

	for (; *p >= '0' && *p <= '9'; p++) {
		if (__builtin_mul_overflow(value, 10, &value) ||
			__builtin_add_overflow(value, *p - '0', &value))
			return false;
	}
	*out_end = p;
	*out = value;
	return p > text;
}

static bool parse_int(const char *text, int64_t *out)
{
	bool negative = text[0] == '-';
	const char *end;

	if (!parse_digits(text + (negative ? 1 : 0), &end, out) || *end != '\0')
		return false;
	if (negative)
		*out = -*out;
	return true;
}

static const struct unit {
	const char *name;
	int64_t ms;
} units[] = {
	{"d", 86400000},
	{"h", 3600000},
	{"min", 60000},
	{"s", 1000},
	{"ms", 1},
};

int64_t duration_parse(const char *text)
{
	const char *end;
	int64_t value;

	if (!parse_digits(text, &end, &value))
		return -1;
	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
		if (strcmp(end, units[i].name) == 0)
			return __builtin_mul_overflow(value, units[i].ms, &value) ? -1 : value;
	}
	return -1;
}

/* The shortest form that duration_parse() reads back. */
static const char *duration_print(int64_t ms, char buf[32])
{
	const struct unit *unit = units;

	while (unit->ms > 1 && (ms == 0 || ms % unit->ms != 0))
		unit++;
	if (ms == 0)
		unit--; /* 0s */
	snprintf(buf, 32, "%" PRId64 "%s", ms / unit->ms, unit->name);
	return buf;
}

static bool parse_bool(const char *text, bool *out)
{
	static const struct {
		const char *word;
		bool value;
	} words[] = {
		{"on", true},
		{"off", false},
		{"true", true},
		{"false", false},
		{"1", true},
		{"0", false},
		{"yes", true},
		{"no", false},
	};

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if (strcasecmp(text, words[i].word) == 0) {
			*out = words[i].value;
			return true;
		}
	}
	return false;
}

/* No range given is any number from 0. */
static int64_t max_of(const struct setting *s)
{
	return s->min == 0 && s->max == 0 ? INT64_MAX : s->max;
}

static bool in_range(const struct setting *s, int64_t value)
{
	return value >= s->min && value <= max_of(s);
}

/* What a value may be, for people. */
static const char *describe(const struct setting *s, char *buf, size_t size)
{
	bool open_end = max_of(s) == INT64_MAX;
	char low[32];
	char high[32];

	switch (s->type) {
	case SETTING_TEXT:
		snprintf(buf, size, "text of at most %d bytes", VALUE_MAX_BYTES);
		break;
	case SETTING_BOOL:
		snprintf(buf, size, "on or off");
		break;
	case SETTING_INT:
		if (open_end)
			snprintf(buf, size, "a whole number, at least %" PRId64, s->min);
		else
			snprintf(buf, size, "a whole number, %" PRId64 " to %" PRId64, s->min,
				s->max);
		break;
	case SETTING_DURATION:
		if (open_end)
			snprintf(buf, size,
				"a time such as 500ms, 3s, 15min, 1h or 2d, at least %s",
				duration_print(s->min, low));
		else
			snprintf(buf, size, "a time such as 500ms, 3s, 15min, 1h or 2d, %s to %s",
				duration_print(s->min, low), duration_print(s->max, high));
		break;
	}
	return buf;
}

static void *field_of(const struct setting *s, void *out)
{
	return (char *)out + s->offset;
}

static bool set_text(const struct setting *s, const char *text, void *out)
{
	char **field = field_of(s, out);
	char *copy;

	if (strlen(text) > VALUE_MAX_BYTES)
		return false;
	copy = strdup(text);
	if (copy == NULL)
		abort(); /* at start, with nothing to lose */
	free(*field);
	*field = copy;
	return true;
}

static bool set_number(const struct setting *s, const char *text, void *out)
{
	int64_t value;

	if (s->type == SETTING_DURATION) {
		value = duration_parse(text);
		if (value < 0)
			return false;
	} else if (!parse_int(text, &value)) {
		return false;
	}
	if (!in_range(s, value))
		return false;
	*(int64_t *)field_of(s, out) = value;
	return true;
}

static bool parse_value(const struct setting *s, const char *text, void *out)
{
	switch (s->type) {
	case SETTING_TEXT:
		return set_text(s, text, out);
	case SETTING_BOOL:
		return parse_bool(text, field_of(s, out));
	case SETTING_INT:
	case SETTING_DURATION:
		return set_number(s, text, out);
	}
	return false;
}

/* where names the value's place for the complaint. */
static bool set_value(
	const struct loader *l, const struct setting *s, const char *text, const char *where)
{
	char allowed[128];
	char quoted[80];

	if (parse_value(s, text, l->out))
		return true;
	complain(l, "%s: %s is not allowed, it must be %s", where,
		log_quote(quoted, sizeof(quoted), slice_of(text)),
		describe(s, allowed, sizeof(allowed)));
	return false;
}

static void set_defaults(const struct loader *l)
{
	for (const struct setting *s = l->spec->settings; s->name != NULL; s++) {
		switch (s->type) {
		case SETTING_TEXT:
			*(char **)field_of(s, l->out) = NULL;
			if (s->text != NULL && !set_text(s, s->text, l->out))
				abort();
			break;
		case SETTING_BOOL:
			*(bool *)field_of(s, l->out) = s->number != 0;
			break;
		case SETTING_INT:
		case SETTING_DURATION:
			*(int64_t *)field_of(s, l->out) = s->number;
			break;
		}
	}
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

static const char *type_name(enum setting_type type)
{
	switch (type) {
	case SETTING_TEXT:
		return "TEXT";
	case SETTING_INT:
		return "NUMBER";
	case SETTING_BOOL:
		return "";
	case SETTING_DURATION:
		return "TIME";
	}
	return "";
}

static const char *default_of(const struct setting *s, char buf[32])
{
	switch (s->type) {
	case SETTING_TEXT:
		return s->text == NULL || s->text[0] == '\0' ? "none" : s->text;
	case SETTING_BOOL:
		return s->number != 0 ? "on" : "off";
	case SETTING_INT:
		snprintf(buf, 32, "%" PRId64, s->number);
		return buf;
	case SETTING_DURATION:
		return duration_print(s->number, buf);
	}
	return "";
}

static void print_range(const struct setting *s)
{
	char low[32];
	char high[32];
	bool open_end = max_of(s) == INT64_MAX;

	if (s->type == SETTING_INT && open_end)
		printf(", at least %" PRId64, s->min);
	else if (s->type == SETTING_INT)
		printf(", %" PRId64 " to %" PRId64, s->min, s->max);
	else if (s->type == SETTING_DURATION && open_end)
		printf(", at least %s", duration_print(s->min, low));
	else if (s->type == SETTING_DURATION)
		printf(", %s to %s", duration_print(s->min, low), duration_print(s->max, high));
}

static void print_setting(const struct config_spec *spec, const struct setting *s)
{
	char env[128];
	char number[32];

	printf("  --%s%s%s\n", s->name, s->type == SETTING_BOOL ? "" : " ", type_name(s->type));
	printf("        %s\n", s->help);
	printf("        default %s", default_of(s, number));
	print_range(s);
	printf("; %s\n", env_name(spec, s->name, env));
}

static void print_help(const struct config_spec *spec)
{
	char env[128];

	printf("Usage: %s [--SETTING VALUE]... [--config FILE] [--check-config]\n", spec->program);
	printf("%s\n\n", spec->summary);
	printf("A setting is taken from the command line (--name VALUE or --name=VALUE; --name or\n"
	       "--no-name for one that is on or off), else from the environment, else from the "
	       "file\n"
	       "(lines of name = value, # starts a comment), else it has its default.\n\n"
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
		complain(l, "%s:%u: not a line of the form name = value", l->file, number);
		return false;
	}
	*equals = '\0';
	name = trim(name);
	s = find(l->spec, name, strlen(name));
	log_quote(quoted, sizeof(quoted), slice_of(name));
	if (s == NULL) {
		complain(l, "%s:%u: %s is not a setting (see --help)", l->file, number, quoted);
		return false;
	}
	bit = UINT64_C(1) << (s - l->spec->settings);
	if ((*seen & bit) != 0) {
		complain(l, "%s:%u: %s is there twice, one line is allowed", l->file, number,
			quoted);
		return false;
	}
	*seen |= bit;
	snprintf(where, sizeof(where), "%.200s:%u: %s", l->file, number, quoted);
	return set_value(l, s, trim(equals + 1), where);
}

/* An owned, terminated text, or NULL after a complaint. */
static char *read_file(const struct loader *l)
{
	FILE *f = fopen(l->file, "re");
	char *text = f == NULL ? NULL : malloc(FILE_MAX_BYTES + 1);
	size_t n;

	if (text == NULL) {
		complain(l, "--config %s: %s", l->file, strerror(errno));
		if (f != NULL)
			fclose(f);
		return NULL;
	}
	n = fread(text, 1, FILE_MAX_BYTES + 1, f);
	if (ferror(f) != 0) {
		complain(l, "--config %s: %s", l->file, strerror(errno));
	} else if (n > FILE_MAX_BYTES) {
		complain(l, "--config %s: longer than %d bytes", l->file, FILE_MAX_BYTES);
	} else if (memchr(text, '\0', n) != NULL) {
		complain(l, "--config %s: holds a NUL byte, only text is allowed", l->file);
	} else {
		text[n] = '\0';
		fclose(f);
		return text;
	}
	fclose(f);
	free(text);
	return NULL;
}

static bool take_file(const struct loader *l)
{
	CLEANUP(mem_freep) char *text = NULL;
	unsigned number = 1;
	uint64_t seen = 0;
	char *rest;

	if (l->file == NULL)
		return true;
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

/* One of --name=VALUE, --name VALUE, --name, --no-name at argv[*i]; *i moves past a value. */
static bool take_flag(struct loader *l, char **argv, int *i)
{
	const char *name = argv[*i] + 2;
	size_t len = strcspn(name, "=");
	const char *value = name[len] == '=' ? name + len + 1 : NULL;
	bool is_config = slice_is((struct slice){name, len}, "config");
	const struct setting *s = find(l->spec, name, len);
	char where[NAME_MAX_BYTES + 3];

	if (s == NULL && value == NULL && strncmp(name, "no-", 3) == 0) {
		s = find(l->spec, name + 3, len - 3);
		s = s != NULL && s->type == SETTING_BOOL ? s : NULL;
		value = "off";
	}
	if (s == NULL && !is_config) {
		char quoted[80];

		complain(l, "%s is not an option (see --help)",
			log_quote(quoted, sizeof(quoted), (struct slice){argv[*i], len + 2}));
		return false;
	}
	snprintf(where, sizeof(where), "--%s", s == NULL ? "config" : s->name);
	if (value == NULL && s != NULL && s->type == SETTING_BOOL)
		value = "on";
	if (value == NULL) {
		value = argv[*i + 1];
		/* What looks like the next option is a forgotten value; --name=--x says it on
		 * purpose. */
		if (value == NULL || strncmp(value, "--", 2) == 0) {
			char allowed[128];

			complain(l, "%s needs a value: %s", where,
				s == NULL ? "a file" : describe(s, allowed, sizeof(allowed)));
			return false;
		}
		(*i)++;
	}
	if (is_config)
		l->file = value;
	return is_config || set_value(l, s, value, where);
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

enum config_result config_load(const struct config_spec *spec, int argc, char **argv, void *out)
{
	struct loader l = {.spec = spec, .out = out};
	enum config_result result;
	char env[128];

	l.file = getenv(env_name(spec, "config", env));
	set_defaults(&l);
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
	for (const struct setting *s = spec->settings; s->name != NULL; s++) {
		if (s->type == SETTING_TEXT) {
			char **field = field_of(s, out);

			free(*field);
			*field = NULL;
		}
	}
}
