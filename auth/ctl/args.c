/*
 * One table of options for all commands; which of them a command takes is its own to say.
 */
#include "auth/ctl/args.h"

#include <stddef.h>
#include <string.h>

#include "common/config.h"
#include "proto/limits.h"
#include "proto/names.h"

#define COUNT_MAX 10000000
#define FIRST_SUB_MAX 999999999999999

static const struct option_spec options[] = {
	{"--run", true, offsetof(struct ctl_args, run)},
	{"--sub", true, offsetof(struct ctl_args, sub)},
	{"--ttl", true, offsetof(struct ctl_args, ttl_text)},
	{"--scope", true, offsetof(struct ctl_args, scope)},
	{"--aud", true, offsetof(struct ctl_args, aud)},
	{"--count", true, offsetof(struct ctl_args, count_text)},
	{"--uid", true, offsetof(struct ctl_args, uid)},
	{"--password", true, offsetof(struct ctl_args, password)},
	{"--user", true, offsetof(struct ctl_args, user)},
	{"--jti", true, offsetof(struct ctl_args, jti)},
	{"--issuer", true, offsetof(struct ctl_args, issuer)},
	{"--token", true, offsetof(struct ctl_args, token)},
	{"--yes", false, offsetof(struct ctl_args, yes)},
	{"--json", false, offsetof(struct ctl_args, json)},
	{"--help", false, offsetof(struct ctl_args, help)},
	{"--version", false, offsetof(struct ctl_args, version)},
	{0},
};

bool args_read(int argc, char **argv, struct ctl_args *out, struct buf *complaint)
{
	*out = (struct ctl_args){0};
	return options_read(options, argc, argv, out, &out->words, complaint);
}

static bool fit_token(struct ctl_args *args, struct buf *complaint)
{
	int64_t ttl_ms = duration_parse(args->ttl_text == NULL ? "1h" : args->ttl_text);

	args->first_sub = 1;
	if (args->count_text != NULL &&
		(!options_number(args->count_text, COUNT_MAX, &args->count) || args->count == 0))
		return options_complain(
			complaint, args->count_text, ": --count is a number up to 10000000");
	if (args->sub == NULL && args->count == 0)
		return options_complain(complaint, "token", ": --sub is missing");
	if (args->count > 0 && args->sub != NULL &&
		!options_number(args->sub, FIRST_SUB_MAX, &args->first_sub))
		return options_complain(complaint, args->sub, ": with --count, --sub is a number");
	if (ttl_ms < 1000)
		return options_complain(complaint, args->ttl_text,
			": --ttl is a time of 1s or more, for instance 1h");
	args->ttl_s = (uint64_t)ttl_ms / 1000;
	return true;
}

static bool fit_revoke(const struct ctl_args *args, struct buf *complaint)
{
	const bool by_issuer = args->jti != NULL || args->issuer != NULL;

	if ((args->user != NULL) + (args->token != NULL) + by_issuer != 1)
		return options_complain(complaint, "revoke",
			": needs one of --user, --jti, --issuer and --token; or --jti with "
			"--issuer");
	if (args->user != NULL && !name_is_uid(slice_of(args->user)))
		return options_complain(
			complaint, args->user, " is no user id: 1 to 128 of A-Z a-z 0-9 . _ @ : -");
	if ((args->jti != NULL && args->jti[0] == '\0') ||
		(args->issuer != NULL && args->issuer[0] == '\0'))
		return options_complain(complaint, "revoke", ": an empty name is none");
	return true;
}

static bool fit_options(
	const struct ctl_args *args, size_t n_words, unsigned takes, struct buf *complaint)
{
	const struct {
		unsigned takes;
		const char *option;
		bool given;
	} list[] = {
		{TAKES_TOKEN, "--sub", args->sub != NULL},
		{TAKES_TOKEN, "--ttl", args->ttl_text != NULL},
		{TAKES_TOKEN, "--scope", args->scope != NULL},
		{TAKES_TOKEN, "--aud", args->aud != NULL},
		{TAKES_TOKEN, "--count", args->count_text != NULL},
		{TAKES_UID, "--uid", args->uid != NULL},
		{TAKES_PASSWORD, "--password", args->password != NULL},
		{TAKES_REVOKE, "--user", args->user != NULL},
		{TAKES_REVOKE, "--jti", args->jti != NULL},
		{TAKES_REVOKE, "--issuer", args->issuer != NULL},
		{TAKES_REVOKE, "--token", args->token != NULL},
		{TAKES_YES, "--yes", args->yes},
	};

	for (size_t i = 0; i < sizeof(list) / sizeof(list[0]); i++) {
		if (list[i].given && (takes & list[i].takes) == 0)
			return options_complain(
				complaint, list[i].option, ": not an option of this command");
	}
	if ((takes & TAKES_YES) != 0 && !args->yes)
		return options_complain(complaint, args->words.list[n_words - 1],
			": cannot be undone; say --yes if you mean it");
	/* Others of this machine see the words of a command line. */
	if (args->password != NULL && strcmp(args->password, "-") != 0)
		return options_complain(complaint, "--password",
			": takes - alone, which reads it from standard input");
	return true;
}

static bool fit_key(struct ctl_args *args, struct buf *complaint)
{
	if (strcmp(args->word, "ticket") == 0)
		args->what = PB__CTL_KEYS_WHAT__CTL_KEYS_TICKET;
	else if (strcmp(args->word, "own") == 0)
		args->what = PB__CTL_KEYS_WHAT__CTL_KEYS_OWN;
	else
		return options_complain(complaint, args->word, ": keys rotate takes ticket or own");
	return true;
}

static bool fit_word(struct ctl_args *args, size_t n_words, unsigned takes, struct buf *complaint)
{
	const bool wants = (takes & (TAKES_TEXT | TAKES_NAME | TAKES_KEY)) != 0;

	if (args->words.n > n_words + wants)
		return options_complain(
			complaint, args->words.list[args->words.n - 1], ": one word too many");
	if (args->words.n == n_words)
		return !wants ||
		       options_complain(complaint, args->words.list[n_words - 1],
			       (takes & TAKES_TEXT) != 0 ? ": needs a token, or - to read it from "
							   "standard input"
			       : (takes & TAKES_NAME) != 0 ? ": needs a user's name"
							   : ": needs ticket or own");
	args->word = args->words.list[n_words];
	return (takes & TAKES_KEY) == 0 || fit_key(args, complaint);
}

bool args_fit(struct ctl_args *args, size_t n_words, unsigned takes, struct buf *complaint)
{
	if (!fit_word(args, n_words, takes, complaint) ||
		!fit_options(args, n_words, takes, complaint))
		return false;
	if ((takes & TAKES_NAME) != 0 &&
		(args->word[0] == '\0' || strlen(args->word) > USERNAME_MAX_BYTES))
		return options_complain(complaint, args->word, ": a name is 1 to 128 bytes");
	if (args->uid != NULL && !name_is_uid(slice_of(args->uid)))
		return options_complain(
			complaint, args->uid, " is no user id: 1 to 128 of A-Z a-z 0-9 . _ @ : -");
	if ((takes & TAKES_REVOKE) != 0 && !fit_revoke(args, complaint))
		return false;
	return (takes & TAKES_TOKEN) == 0 || fit_token(args, complaint);
}
