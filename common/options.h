/*
 * options: the command line of a tool: options in any order between words.  --name VALUE and
 * --name=VALUE; no abbreviations, nothing twice; a - alone is a word, and behind -- all are.  Pure.
 */
#ifndef POSTERN_COMMON_OPTIONS_H
#define POSTERN_COMMON_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/buf.h"

struct option_spec {
	const char *name; /* with its dashes; NULL ends a table */
	bool has_value;
	size_t offset; /* of a const char *, which is borrowed from argv, or else of a bool */
};

#define OPTIONS_MAX_WORDS 8

struct option_words {
	const char *list[OPTIONS_MAX_WORDS];
	size_t n;
};

/* out is zeroed by the caller.  false: complaint has one line. */
bool options_read(const struct option_spec *table, int argc, char **argv, void *out,
	struct option_words *words, struct buf *complaint);

/* A number of digits alone, from 0 to max (below 10^18).  false: it is none. */
bool options_number(const char *text, uint64_t max, uint64_t *out);

/* Puts `what`, made plain, and text into an emptied complaint.  Always false, to be returned. */
bool options_complain(struct buf *complaint, const char *what, const char *text);

#endif
