/*
 * buf: a growing byte string with a bound.  Appending past max or out of memory sets failed and
 * changes nothing; look at it once, at the end.  Loop thread only.
 */
#ifndef POSTERN_COMMON_BUF_H
#define POSTERN_COMMON_BUF_H

#include <stdbool.h>
#include <stddef.h>

#include "common/slice.h"

struct buf {
	char *data;
	size_t len;
	size_t cap;
	size_t max;
	bool failed;
	bool is_secret;
};

void buf_init(struct buf *b, size_t max);
/* What it held stays behind in no memory that it gave back, when it grew or at its end. */
void buf_init_secret(struct buf *b, size_t max);
void buf_fini(struct buf *b);
/* Empties it and keeps the memory. */
void buf_clear(struct buf *b);
void buf_add(struct buf *b, struct slice s);
void buf_add_text(struct buf *b, const char *text);
void buf_printf(struct buf *b, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* s as a JSON string with its quotes (RFC 8259, 7).  s must be valid UTF-8. */
void buf_add_json_string(struct buf *b, struct slice s);
struct slice buf_slice(const struct buf *b);

/* RFC 3629: no overlong forms, no surrogates, at most U+10FFFF. */
bool utf8_is_valid(struct slice s);

#endif
