/*
 * args: authctl's command line.  Pure.
 */
#ifndef POSTERN_AUTH_CTL_ARGS_H
#define POSTERN_AUTH_CTL_ARGS_H

#include <stdbool.h>
#include <stdint.h>

#include "common/buf.h"
#include "common/options.h"
#include "ctl.pb-c.h"

/* What a command takes beside --run, --json and --help. */
enum ctl_takes {
	TAKES_TOKEN = 1,     /* --sub, --ttl, --scope, --aud, --count */
	TAKES_TEXT = 2,	     /* a token, required */
	TAKES_NAME = 4,	     /* the name of a user, required */
	TAKES_UID = 8,	     /* --uid ID */
	TAKES_PASSWORD = 16, /* --password - */
	TAKES_REVOKE =
		32,	 /* --user, --jti, --issuer, --token; and one of them, or jti with issuer */
	TAKES_KEY = 64,	 /* ticket or own, required */
	TAKES_YES = 128, /* --yes, required */
};

struct ctl_args {
	const char *run; /* NULL: the default */
	const char *sub;
	const char *ttl_text;
	const char *scope;
	const char *aud;
	const char *count_text;
	const char *uid;
	const char *password; /* "-", or NULL */
	const char *user;
	const char *jti;
	const char *issuer;
	const char *token; /* "-": standard input */
	bool yes;
	bool json;
	bool help;
	bool version;
	struct option_words words;
	/* As args_fit() read them. */
	const char *word; /* what stands after the command; NULL: nothing */
	uint64_t ttl_s;
	uint64_t count;	    /* 0: not given */
	uint64_t first_sub; /* with count */
	Pb__CtlKeysWhat what;
};

/* Reads flags and words, in any order.  false: complaint has one line. */
bool args_read(int argc, char **argv, struct ctl_args *out, struct buf *complaint);
/*
 * Whether they are what a command of n_words words with this set of enum ctl_takes wants; reads its
 * values.
 */
bool args_fit(struct ctl_args *args, size_t n_words, unsigned takes, struct buf *complaint);

#endif
