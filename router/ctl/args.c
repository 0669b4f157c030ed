/*
 * getopt_long() would print by itself and take abbreviations; a table is as short and says what it
 * takes.
 */
#include "router/ctl/args.h"

#include <stddef.h>

#include "common/json.h"
#include "common/plain.h"
#include "proto/limits.h"
#include "proto/names.h"

struct option {
	const char *name;
	bool has_value;
	size_t offset; /* of a const char * or of a bool */
};

static const struct option options[] = {
	{"--run", true, offsetof(struct ctl_args, run)},
	{"--user", true, offsetof(struct ctl_args, user)},
	{"--event", true, offsetof(struct ctl_args, event)},
	{"--data", true, offsetof(struct ctl_args, data)},
	{"--id", true, offsetof(struct ctl_args, mid)},
	{"--all", false, offsetof(struct ctl_args, all)},
	{"--yes", false, offsetof(struct ctl_args, yes)},
	{"--json", false, offsetof(struct ctl_args, json)},
	{"--help", false, offsetof(struct ctl_args, help)},
	{"--version", false, offsetof(struct ctl_args, version)},
};

static bool complain(struct buf *complaint, const char *text, const char *what)
{
	buf_clear(complaint);
	plain_add(complaint, slice_of(what));
	buf_add_text(complaint, text);
	return false;
}

/* --name and --name=value; *out_value is what stands after the equals sign, or NULL. */
static const struct option *find_option(const char *word, const char **out_value)
{
	size_t len = strcspn(word, "=");

	*out_value = word[len] == '=' ? word + len + 1 : NULL;
	for (size_t i = 0; i < sizeof(options) / sizeof(options[0]); i++) {
		if (slice_is((struct slice){word, len}, options[i].name))
			return &options[i];
	}
	return NULL;
}

static bool take_option(int argc, char **argv, int *i, struct ctl_args *out, struct buf *complaint)
{
	const char *value;
	const struct option *option = find_option(argv[*i], &value);
	char *field = (char *)out;

	if (option == NULL)
		return complain(complaint, ": unknown option", argv[*i]);
	field += option->offset;
	if (!option->has_value) {
		if (value != NULL)
			return complain(complaint, ": takes no value", option->name);
		*(bool *)(void *)field = true;
		return true;
	}
	if (value == NULL && ++*i < argc)
		value = argv[*i];
	if (value == NULL)
		return complain(complaint, ": needs a value", option->name);
	if (*(const char **)(void *)field != NULL)
		return complain(complaint, ": given twice", option->name);
	*(const char **)(void *)field = value;
	return true;
}

static bool take_word(const char *word, struct ctl_args *out, struct buf *complaint)
{
	if (out->command == NULL)
		out->command = word;
	else if (out->user == NULL)
		out->user = word;
	else
		return complain(complaint, ": one word too many", word);
	return true;
}

bool args_read(int argc, char **argv, struct ctl_args *out, struct buf *complaint)
{
	bool words_only = false;

	*out = (struct ctl_args){0};
	for (int i = 1; i < argc; i++) {
		bool is_option = !words_only && strncmp(argv[i], "-", 1) == 0;

		if (is_option && strcmp(argv[i], "--") == 0)
			words_only = true;
		else if (is_option && !take_option(argc, argv, &i, out, complaint))
			return false;
		else if (!is_option && !take_word(argv[i], out, complaint))
			return false;
	}
	return true;
}

static bool fit_push(const struct ctl_args *args, struct buf *complaint)
{
	if (args->all == (args->user != NULL))
		return complain(complaint, ": needs one of --user ID and --all", args->command);
	if (args->event != NULL && !name_is_event(slice_of(args->event)))
		return complain(complaint, " is no event name: 1 to 64 of A-Z a-z 0-9 _ . : -",
			args->event);
	if (args->mid != NULL && !name_is_mid(slice_of(args->mid)))
		return complain(
			complaint, " is no message id: 1 to 64 of A-Z a-z 0-9 _ . : -", args->mid);
	return true;
}

bool args_fit(const struct ctl_args *args, unsigned takes, struct buf *complaint)
{
	const bool may_name_user = (takes & (TAKES_USER_OPTION | TAKES_USER_WORD)) != 0;

	if (args->user != NULL && !may_name_user)
		return complain(complaint, ": takes no user", args->command);
	if (args->user != NULL && !name_is_uid(slice_of(args->user)))
		return complain(
			complaint, " is no user id: 1 to 128 of A-Z a-z 0-9 . _ @ : -", args->user);
	if ((takes & TAKES_USER_WORD) != 0 && args->user == NULL)
		return complain(complaint, ": needs a user id", args->command);
	if ((takes & TAKES_PUSH) == 0 &&
		(args->all || args->event != NULL || args->data != NULL || args->mid != NULL))
		return complain(complaint, ": takes none of --all, --event, --data and --id",
			args->command);
	if ((takes & TAKES_YES) == 0 && args->yes)
		return complain(complaint, ": takes no --yes", args->command);
	if ((takes & TAKES_YES) != 0 && !args->yes)
		return complain(
			complaint, ": ends sessions; say --yes if you mean it", args->command);
	return (takes & TAKES_PUSH) == 0 || fit_push(args, complaint);
}

static bool is_word(struct slice text)
{
	for (size_t i = 0; i < text.len; i++) {
		if (strchr("{}[]\"", text.data[i]) != NULL)
			return false;
	}
	return text.len > 0;
}

bool args_data_is_json(struct slice text, struct buf *complaint)
{
	CLEANUP(json_decrefp) json_t *value = NULL;

	switch (json_read(text, FRAME_MAX_DEPTH, &value)) {
	case JSON_READ:
		return true;
	case JSON_TOO_DEEP:
		return complain(complaint, ": nested too deep", "--data");
	case JSON_BAD:
		break;
	}
	if (!is_word(text) || text.len > 60)
		return complain(complaint, ": not JSON", "--data");
	complain(complaint, ": not JSON; for a string, quote it for the shell as well: '\"",
		"--data");
	plain_add(complaint, text);
	buf_add_text(complaint, "\"'");
	return false;
}
