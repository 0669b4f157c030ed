/*
 * getopt_long() would print by itself and take abbreviations; a table is as short and says what it
 * takes.
 */
#include "common/options.h"

#include "common/plain.h"

bool options_complain(struct buf *complaint, const char *what, const char *text)
{
	buf_clear(complaint);
	plain_add(complaint, slice_of(what));
	buf_add_text(complaint, text);
	return false;
}

/* *out_value is what stands after the equals sign, or NULL. */
static const struct option_spec *find(
	const struct option_spec *table, const char *word, const char **out_value)
{
	size_t len = strcspn(word, "=");

	*out_value = word[len] == '=' ? word + len + 1 : NULL;
	for (const struct option_spec *o = table; o->name != NULL; o++) {
		if (slice_is((struct slice){word, len}, o->name))
			return o;
	}
	return NULL;
}

/* argv ends with NULL.  *i moves to the value where that is an argument of its own. */
static bool take(
	const struct option_spec *table, char **argv, int *i, void *out, struct buf *complaint)
{
	const char *value;
	const struct option_spec *o = find(table, argv[*i], &value);
	void *field;

	if (o == NULL)
		return options_complain(complaint, argv[*i], ": unknown option");
	field = (char *)out + o->offset;
	if (!o->has_value) {
		if (value != NULL)
			return options_complain(complaint, o->name, ": takes no value");
		*(bool *)field = true;
		return true;
	}
	if (value == NULL && argv[*i + 1] != NULL)
		value = argv[++*i];
	if (value == NULL)
		return options_complain(complaint, o->name, ": needs a value");
	if (*(const char **)field != NULL)
		return options_complain(complaint, o->name, ": given twice");
	*(const char **)field = value;
	return true;
}

bool options_read(const struct option_spec *table, int argc, char **argv, void *out,
	struct option_words *words, struct buf *complaint)
{
	bool words_only = false;

	words->n = 0;
	for (int i = 1; i < argc; i++) {
		bool is_option = !words_only && argv[i][0] == '-' && argv[i][1] != '\0';

		if (is_option && strcmp(argv[i], "--") == 0) {
			words_only = true;
		} else if (is_option) {
			if (!take(table, argv, &i, out, complaint))
				return false;
		} else if (words->n == OPTIONS_MAX_WORDS) {
			return options_complain(complaint, argv[i], ": one word too many");
		} else {
			words->list[words->n++] = argv[i];
		}
	}
	return true;
}

bool options_number(const char *text, uint64_t max, uint64_t *out)
{
	uint64_t value = 0;
	size_t n = 0;

	for (; text[n] >= '0' && text[n] <= '9' && value <= max; n++)
		value = value * 10 + (uint64_t)(text[n] - '0');
	*out = value;
	return n > 0 && text[n] == '\0' && value <= max;
}
