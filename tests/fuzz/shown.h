/*
 * shown: what a tool prints of a hostile daemon's answer, caught and judged.
 */
#ifndef POSTERN_TESTS_FUZZ_SHOWN_H
#define POSTERN_TESTS_FUZZ_SHOWN_H

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/json.h"

struct shown {
	FILE *real_out;
	FILE *real_err;
	char *text;
	size_t len;
};

/* From here on what goes to stdout and stderr is kept. */
static inline void shown_begin(struct shown *s)
{
	s->real_out = stdout;
	s->real_err = stderr;
	s->text = NULL;
	stdout = stderr = open_memstream(&s->text, &s->len);
	assert(stdout != NULL);
}

/* Whole lines of valid UTF-8 in which nothing moves a cursor or turns the direction of text. */
static inline void shown_check_plain(const char *text, size_t len)
{
	assert(utf8_is_valid((struct slice){text, len}));
	assert(len == 0 || text[len - 1] == '\n');
	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)text[i];

		assert((c >= ' ' || c == '\n') && c != 0x7f);
		assert(c != 0xc2 || (unsigned char)text[i + 1] >= 0xa0);
		assert(c != 0xe2 || memcmp(text + i, "\xe2\x80\xae", 3) != 0);
	}
}

/* One JSON object a line; what is for stderr is none. */
static inline void shown_check_json(const char *text, size_t len, const char *tool)
{
	while (len > 0) {
		CLEANUP(json_decrefp) json_t *value = NULL;
		const char *end = memchr(text, '\n', len);
		struct slice line;

		assert(end != NULL);
		line = (struct slice){text, (size_t)(end - text)};
		if (line.len < strlen(tool) || memcmp(line.data, tool, strlen(tool)) != 0) {
			/* A hostile daemon may name a counter twice, or with a NUL, which jansson
			 * takes in no name. */
			value = json_loadb(line.data, line.len, JSON_ALLOW_NUL, NULL);
			assert(json_is_object(value) ||
				memmem(line.data, line.len, "\\u0000", 6) != NULL);
		}
		len -= line.len + 1;
		text = end + 1;
	}
}

/* tool: what its complaints begin with. */
static inline void shown_end(struct shown *s, bool is_json, const char *tool)
{
	fclose(stdout);
	stdout = s->real_out;
	stderr = s->real_err;
	if (is_json)
		shown_check_json(s->text, s->len, tool);
	else
		shown_check_plain(s->text, s->len);
	free(s->text);
}

#endif
