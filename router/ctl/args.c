/*
 * One table of options for all commands; which of them a command takes is its own to say.
 */
#include "router/ctl/args.h"

#include <stddef.h>

#include "common/json.h"
#include "common/options.h"
#include "common/plain.h"
#include "proto/limits.h"
#include "proto/names.h"

static const struct option_spec options[] = {
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
	{0},
};

/* The command, and a user where --user did not name one. */
bool args_read(int argc, char **argv, struct ctl_args *out, struct buf *complaint)
{
	struct option_words words;

	*out = (struct ctl_args){0};
	if (!options_read(options, argc, argv, out, &words, complaint))
		return false;
	if (words.n > 0)
		out->command = words.list[0];
	if (words.n > 2 || (words.n == 2 && out->user != NULL))
		return options_complain(complaint, words.list[words.n - 1], ": one word too many");
	if (words.n == 2)
		out->user = words.list[1];
	return true;
}

static bool fit_push(const struct ctl_args *args, struct buf *complaint)
{
	if (args->all == (args->user != NULL))
		return options_complain(
			complaint, args->command, ": needs one of --user ID and --all");
	if (args->event != NULL && !name_is_event(slice_of(args->event)))
		return options_complain(complaint, args->event,
			" is no event name: 1 to 64 of A-Z a-z 0-9 _ . : -");
	if (args->mid != NULL && !name_is_mid(slice_of(args->mid)))
		return options_complain(
			complaint, args->mid, " is no message id: 1 to 64 of A-Z a-z 0-9 _ . : -");
	return true;
}

bool args_fit(const struct ctl_args *args, unsigned takes, struct buf *complaint)
{
	const bool may_name_user = (takes & (TAKES_USER_OPTION | TAKES_USER_WORD)) != 0;

	if (args->user != NULL && !may_name_user)
		return options_complain(complaint, args->command, ": takes no user");
	if (args->user != NULL && !name_is_uid(slice_of(args->user)))
		return options_complain(
			complaint, args->user, " is no user id: 1 to 128 of A-Z a-z 0-9 . _ @ : -");
	if ((takes & TAKES_USER_WORD) != 0 && args->user == NULL)
		return options_complain(complaint, args->command, ": needs a user id");
	if ((takes & TAKES_PUSH) == 0 &&
		(args->all || args->event != NULL || args->data != NULL || args->mid != NULL))
		return options_complain(complaint, args->command,
			": takes none of --all, --event, --data and --id");
	if ((takes & TAKES_YES) == 0 && args->yes)
		return options_complain(complaint, args->command, ": takes no --yes");
	if ((takes & TAKES_YES) != 0 && !args->yes)
		return options_complain(
			complaint, args->command, ": ends sessions; say --yes if you mean it");
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
		return options_complain(complaint, "--data", ": nested too deep");
	case JSON_BAD:
		break;
	}
	if (!is_word(text) || text.len > 60)
		return options_complain(complaint, "--data", ": not JSON");
	options_complain(complaint, "--data",
		": not JSON; for a string, quote it for the shell as well: '\"");
	plain_add(complaint, text);
	buf_add_text(complaint, "\"'");
	return false;
}
