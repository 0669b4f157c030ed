/*
 * One table of options for all commands; which of them a command takes is its own to say.
 */
#include "router/ctl/args.h"

#include <stddef.h>

#include "common/config.h"
#include "common/json.h"
#include "common/options.h"
#include "common/plain.h"
#include "proto/limits.h"
#include "proto/names.h"

#define TTL_MAX_MS 315360000000

static const struct option_spec options[] = {
	{"--run", true, offsetof(struct ctl_args, run)},
	{"--user", true, offsetof(struct ctl_args, user)},
	{"--event", true, offsetof(struct ctl_args, event)},
	{"--data", true, offsetof(struct ctl_args, data)},
	{"--id", true, offsetof(struct ctl_args, mid)},
	{"--wait", true, offsetof(struct ctl_args, wait_text)},
	{"--timeout", true, offsetof(struct ctl_args, timeout_text)},
	{"--ttl", true, offsetof(struct ctl_args, ttl_text)},
	{"--count", true, offsetof(struct ctl_args, count_text)},
	{"--purge", false, offsetof(struct ctl_args, purge)},
	{"--all", false, offsetof(struct ctl_args, all)},
	{"--yes", false, offsetof(struct ctl_args, yes)},
	{"--json", false, offsetof(struct ctl_args, json)},
	{"--help", false, offsetof(struct ctl_args, help)},
	{"--version", false, offsetof(struct ctl_args, version)},
	{0},
};

/* The command, and one word more. */
bool args_read(int argc, char **argv, struct ctl_args *out, struct buf *complaint)
{
	struct option_words words;

	*out = (struct ctl_args){0};
	if (!options_read(options, argc, argv, out, &words, complaint))
		return false;
	if (words.n > 0)
		out->command = words.list[0];
	if (words.n > 2)
		return options_complain(complaint, words.list[words.n - 1], ": one word too many");
	if (words.n == 2)
		out->word = words.list[1];
	return true;
}

static bool read_number(const char *text, uint32_t max, uint32_t *out)
{
	uint64_t value = 0;
	bool fits = options_number(text, max, &value) && value > 0;

	*out = (uint32_t)value;
	return fits;
}

static bool read_wait(struct ctl_args *args)
{
	static const struct {
		const char *word;
		Pb__CtlWait wait;
	} waits[] = {
		{"delivered", PB__CTL_WAIT__CTL_WAIT_DELIVERED},
		{"accepted", PB__CTL_WAIT__CTL_WAIT_ACCEPTED},
		{"acked", PB__CTL_WAIT__CTL_WAIT_ACKED},
	};

	for (size_t i = 0; i < sizeof(waits) / sizeof(waits[0]); i++) {
		if (args->wait_text == NULL || strcmp(args->wait_text, waits[i].word) == 0) {
			args->wait = waits[i].wait; /* not given: the first */
			return true;
		}
	}
	return false;
}

static bool read_time(const char *text, int64_t max_ms, int64_t *out)
{
	*out = text == NULL ? 0 : duration_parse(text);
	return text == NULL || (*out > 0 && *out <= max_ms);
}

static bool fit_push(struct ctl_args *args, struct buf *complaint)
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
	if (!read_wait(args))
		return options_complain(
			complaint, args->wait_text, ": --wait takes accepted, delivered or acked");
	if (args->all && args->wait == PB__CTL_WAIT__CTL_WAIT_ACKED)
		return options_complain(
			complaint, "--wait acked", ": of one user; there is no acked of --all");
	if (!read_time(args->timeout_text, CTL_WAIT_MAX_MS, &args->timeout_ms))
		return options_complain(complaint, args->timeout_text,
			": --timeout takes a time up to 1min, as 5s");
	if (!read_time(args->ttl_text, TTL_MAX_MS, &args->ttl_ms))
		return options_complain(
			complaint, args->ttl_text, ": --ttl takes a time up to 3650d, as 1h");
	return true;
}

/* Options of other commands. */
static bool fit_options(const struct ctl_args *args, unsigned takes, struct buf *complaint)
{
	if ((takes & TAKES_PUSH) == 0 &&
		(args->all || args->event != NULL || args->data != NULL || args->mid != NULL ||
			args->wait_text != NULL || args->timeout_text != NULL ||
			args->ttl_text != NULL))
		return options_complain(complaint, args->command,
			": takes none of --all, --event, --data, --id, --wait, --timeout and "
			"--ttl");
	if ((takes & TAKES_COUNT) == 0 && args->count_text != NULL)
		return options_complain(complaint, args->command, ": takes no --count");
	if ((takes & TAKES_PURGE) == 0 && args->purge)
		return options_complain(complaint, args->command, ": takes no --purge");
	if (args->purge && !args->yes)
		return options_complain(complaint, args->command,
			": --purge forgets messages; say --yes if you mean it");
	if ((takes & TAKES_YES) == 0 && args->yes && !args->purge)
		return options_complain(complaint, args->command, ": takes no --yes");
	if ((takes & TAKES_YES) != 0 && !args->yes)
		return options_complain(
			complaint, args->command, ": ends sessions; say --yes if you mean it");
	return true;
}

/* The second word, where the command wants it. */
static bool fit_word(struct ctl_args *args, unsigned takes, struct buf *complaint)
{
	if ((takes & TAKES_EDGE) != 0)
		return (args->word != NULL &&
			       read_number(args->word, UINT32_MAX, &args->edge_id)) ||
		       options_complain(complaint, args->command,
			       ": needs an edge's number, see routerctl edges");
	if ((takes & TAKES_CODE) != 0)
		return true;
	if ((takes & TAKES_FILE) != 0) {
		args->file = args->word;
		return (args->file != NULL && args->file[0] != '\0') ||
		       options_complain(complaint, args->command, ": needs the name of a file");
	}
	if (args->word != NULL && args->user != NULL)
		return options_complain(complaint, args->word, ": one word too many");
	if (args->word != NULL)
		args->user = args->word;
	return true;
}

bool args_fit(struct ctl_args *args, unsigned takes, struct buf *complaint)
{
	const bool may_name_user = (takes & (TAKES_USER_OPTION | TAKES_USER_WORD)) != 0;

	if (!fit_word(args, takes, complaint))
		return false;
	if (args->user != NULL && !may_name_user)
		return options_complain(complaint, args->command, ": takes no user");
	if (args->user != NULL && !name_is_uid(slice_of(args->user)))
		return options_complain(
			complaint, args->user, " is no user id: 1 to 128 of A-Z a-z 0-9 . _ @ : -");
	if ((takes & TAKES_USER_WORD) != 0 && args->user == NULL)
		return options_complain(complaint, args->command, ": needs a user id");
	if (!fit_options(args, takes, complaint))
		return false;
	if (args->count_text != NULL && !read_number(args->count_text, CTL_TOP_MAX, &args->count))
		return options_complain(
			complaint, args->count_text, ": --count takes a number from 1 to 100");
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
