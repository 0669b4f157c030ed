/*
 * authctl against a hostile auth, as fuzz_routerctl.c against a router.  Passwords are not asked
 * for.
 */
#include <assert.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>

#include "auth/ctl/commands.h"
#include "auth/ctl/secret.h"
#include "auth/hash.h"
#include "proto/limits.h"
#include "tests/fuzz/ctl.h"
#include "tests/fuzz/script.h"
#include "tests/fuzz/shown.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum secret_result secret_from_terminal(const char *username, char *out, size_t size)
{
	(void)username;
	snprintf(out, size, "123456");
	return SECRET_GOT;
}

enum secret_result secret_from_stdin(char *out, size_t size)
{
	return secret_from_terminal("", out, size);
}

int hash_make(struct slice password, char out[HASH_MAX_BYTES])
{
	(void)password;
	snprintf(out, HASH_MAX_BYTES, "$y$hash");
	return 0;
}

static const struct option_words words[] = {
	{{"token"}, 1},
	{{"check", "a.b.c"}, 2},
	{{"revoke"}, 1},
	{{"user", "add", "eve"}, 3},
	{{"user", "passwd", "eve"}, 3},
	{{"user", "list"}, 2},
	{{"user", "remove", "eve"}, 3},
	{{"keys", "list"}, 2},
	{{"keys", "rotate", "own"}, 3},
	{{"ping"}, 1},
};

static bool is_exit(enum ctl_exit code)
{
	switch (code) {
	case CTL_OK:
	case CTL_ERROR:
	case CTL_RECORDED:
	case CTL_REFUSED:
	case CTL_USAGE:
		return true;
	}
	return false;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct script s = {data, size};
	const struct option_words *w = &words[script_byte(&s) % (sizeof(words) / sizeof(words[0]))];
	unsigned flags = script_byte(&s);
	const struct ctl_args args = {
		.words = *w,
		.word = w->list[w->n - 1],
		.sub = "7",
		.ttl_s = 60,
		.count = flags & 2 ? 1500 : 0,
		.user = flags & 4 ? "ann" : NULL,
		.token = flags & 4 ? NULL : "a.b.c",
		.json = flags & 1,
		.run = "/run",
	};
	struct shown shown;
	enum ctl_exit code;

	ctl_answers(&s);
	shown_begin(&shown);
	code = commands_run(commands_find(w), &args);
	shown_end(&shown, args.json, "authctl: ");
	assert(is_exit(code));
	return 0;
}
