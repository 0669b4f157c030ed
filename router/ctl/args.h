/*
 * args: routerctl's command line.  Pure.
 */
#ifndef POSTERN_ROUTER_CTL_ARGS_H
#define POSTERN_ROUTER_CTL_ARGS_H

#include <stdbool.h>

#include "common/buf.h"
#include "ctl.pb-c.h"

/* What a command takes beside --run, --json and --help. */
enum ctl_takes {
	TAKES_USER_OPTION = 1, /* --user ID */
	TAKES_USER_WORD = 2,   /* ID, required */
	TAKES_PUSH = 4,	       /* --all, --event, --data, --id, --wait, --timeout, --ttl; and one of
				  --user and --all */
	TAKES_YES = 8,	       /* --yes, required */
	TAKES_PURGE = 16,      /* --purge, and --yes with it */
	TAKES_COUNT = 32,      /* --count N */
	TAKES_EDGE = 64,       /* a number, required */
	TAKES_FILE = 128,      /* a path, required */
	TAKES_CODE = 256,      /* a code's number or name, or nothing */
};

struct ctl_args {
	const char *command; /* NULL: only --help or --version was there */
	const char *run;     /* NULL: the default */
	const char *word;    /* the second one, wherever it belongs */
	const char *user;
	const char *file;
	const char *event;
	const char *data; /* "-": standard input */
	const char *mid;
	const char *wait_text;
	const char *timeout_text;
	const char *ttl_text;
	const char *count_text;
	/* As args_fit() read them. */
	Pb__CtlWait wait;
	int64_t timeout_ms; /* 0: not given, as what follows */
	int64_t ttl_ms;
	uint32_t count;
	uint32_t edge_id;
	bool purge;
	bool all;
	bool yes;
	bool json;
	bool help;
	bool version;
};

/* Reads flags and words, in any order.  false: complaint has one line. */
bool args_read(int argc, char **argv, struct ctl_args *out, struct buf *complaint);
/* Whether they are what a command with this set of enum ctl_takes wants; reads its values. */
bool args_fit(struct ctl_args *args, unsigned takes, struct buf *complaint);
/* Whether text is one JSON value; a bare word is met with advice. */
bool args_data_is_json(struct slice text, struct buf *complaint);

#endif
