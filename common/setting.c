/*
 * What the types of settings mean: one function reads a value, whatever source it came from, and
 * the words for what is allowed are the same in --help and in a complaint.
 */
#include "common/setting.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

enum { VALUE_MAX_BYTES = 4096 };

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

static void *field_of(const struct setting *s, void *out)
{
	return (char *)out + s->offset;
}

static bool set_text(const struct setting *s, const char *text, void *out)
{
	char **field = field_of(s, out);
	char *copy;

	if (strlen(text) > VALUE_MAX_BYTES || (s->check != NULL && !s->check(text)))
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

static bool set_choice(const struct setting *s, const char *text, void *out)
{
	for (int i = 0; s->choices[i] != NULL; i++) {
		if (strcmp(text, s->choices[i]) == 0) {
			*(int *)field_of(s, out) = i;
			return true;
		}
	}
	return false;
}

/* Numbers with commas; (uid_t)-1 is nobody's. */
static bool set_uids(const struct setting *s, const char *text, void *out)
{
	struct uid_list list = {.n = 0};

	for (;; text++) {
		int64_t uid;

		if (list.n == UID_LIST_MAX || !parse_digits(text, &text, &uid) ||
			uid >= (int64_t)(uid_t)-1)
			return false;
		list.list[list.n++] = (uid_t)uid;
		if (*text == '\0')
			break;
		if (*text != ',')
			return false;
	}
	*(struct uid_list *)field_of(s, out) = list;
	return true;
}

bool setting_parse(const struct setting *s, const char *text, void *out)
{
	switch (s->type) {
	case SETTING_TEXT:
		return set_text(s, text, out);
	case SETTING_BOOL:
		return parse_bool(text, field_of(s, out));
	case SETTING_INT:
	case SETTING_DURATION:
		return set_number(s, text, out);
	case SETTING_CHOICE:
		return set_choice(s, text, out);
	case SETTING_UIDS:
		return set_uids(s, text, out);
	}
	return false;
}

void setting_set_default(const struct setting *s, void *out)
{
	switch (s->type) {
	case SETTING_TEXT:
		*(char **)field_of(s, out) = NULL;
		if (s->text != NULL && !set_text(s, s->text, out))
			abort();
		break;
	case SETTING_BOOL:
		*(bool *)field_of(s, out) = s->number != 0;
		break;
	case SETTING_INT:
	case SETTING_DURATION:
		*(int64_t *)field_of(s, out) = s->number;
		break;
	case SETTING_CHOICE:
		*(int *)field_of(s, out) = (int)s->number;
		break;
	case SETTING_UIDS:
		*(struct uid_list *)field_of(s, out) = (struct uid_list){{geteuid()}, 1};
		break;
	}
}

void setting_free(const struct setting *s, void *out)
{
	char **field = field_of(s, out);

	if (s->type != SETTING_TEXT)
		return;
	free(*field);
	*field = NULL;
}

const char *setting_default(const struct setting *s, char buf[32])
{
	switch (s->type) {
	case SETTING_TEXT:
		return s->text == NULL || s->text[0] == '\0' ? "empty" : s->text;
	case SETTING_BOOL:
		return s->number != 0 ? "on" : "off";
	case SETTING_INT:
		snprintf(buf, 32, "%" PRId64, s->number);
		return buf;
	case SETTING_DURATION:
		return duration_print(s->number, buf);
	case SETTING_CHOICE:
		return s->choices[s->number];
	case SETTING_UIDS:
		return "its own uid";
	}
	return "";
}

/* The words of a choice with something between them. */
static const char *join_choices(
	const struct setting *s, const char *between, const char *last, char *buf, size_t size)
{
	size_t n = 0;

	buf[0] = '\0';
	for (size_t i = 0; s->choices[i] != NULL && n < size; i++) {
		const char *before = i == 0 ? "" : s->choices[i + 1] == NULL ? last : between;

		n += (size_t)snprintf(buf + n, size - n, "%s%s", before, s->choices[i]);
	}
	return buf;
}

const char *setting_form(const struct setting *s, char *buf, size_t size)
{
	switch (s->type) {
	case SETTING_TEXT:
		return "TEXT";
	case SETTING_INT:
		return "NUMBER";
	case SETTING_BOOL:
		return "";
	case SETTING_DURATION:
		return "TIME";
	case SETTING_CHOICE:
		return join_choices(s, "|", "|", buf, size);
	case SETTING_UIDS:
		return "UIDS";
	}
	return "";
}

const char *setting_range(const struct setting *s, char *buf, size_t size)
{
	bool is_time = s->type == SETTING_DURATION;
	char low[32];
	char high[32];

	if (is_time) {
		duration_print(s->min, low);
		duration_print(max_of(s), high);
	} else {
		snprintf(low, sizeof(low), "%" PRId64, s->min);
		snprintf(high, sizeof(high), "%" PRId64, max_of(s));
	}
	if (s->type != SETTING_INT && !is_time)
		buf[0] = '\0';
	else if (max_of(s) == INT64_MAX)
		snprintf(buf, size, ", at least %s", low);
	else
		snprintf(buf, size, ", %s to %s", low, high);
	return buf;
}

const char *setting_allowed(const struct setting *s, char *buf, size_t size)
{
	char range[80];

	setting_range(s, range, sizeof(range));
	switch (s->type) {
	case SETTING_TEXT:
		if (s->allowed != NULL)
			snprintf(buf, size, "%s", s->allowed);
		else
			snprintf(buf, size, "text of at most %d bytes", VALUE_MAX_BYTES);
		break;
	case SETTING_BOOL:
		snprintf(buf, size, "on or off");
		break;
	case SETTING_INT:
		snprintf(buf, size, "a whole number%s", range);
		break;
	case SETTING_DURATION:
		snprintf(buf, size, "a time such as 500ms, 3s, 15min, 1h or 2d%s", range);
		break;
	case SETTING_CHOICE:
		return join_choices(s, ", ", " or ", buf, size);
	case SETTING_UIDS:
		snprintf(buf, size, "1 to %d numbers with commas", UID_LIST_MAX);
		break;
	}
	return buf;
}
