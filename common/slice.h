/*
 * slice: borrowed bytes, pointer and length.  Not terminated, may hold NUL.
 */
#ifndef POSTERN_COMMON_SLICE_H
#define POSTERN_COMMON_SLICE_H

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

struct slice {
	const char *data;
	size_t len;
};

#define SLICE_LITERAL(s) ((struct slice){(s), sizeof(s) - 1})
/* For printf("%.*s") */
#define SLICE_ARGS(s) (int)(s).len, (s).data

static inline struct slice slice_of(const char *text)
{
	return (struct slice){text, text == NULL ? 0 : strlen(text)};
}

static inline bool slice_eq(struct slice a, struct slice b)
{
	return a.len == b.len && (a.len == 0 || memcmp(a.data, b.data, a.len) == 0);
}

static inline bool slice_is(struct slice a, const char *text)
{
	return slice_eq(a, slice_of(text));
}

#endif
