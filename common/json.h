/*
 * json: strict JSON (RFC 8259) in, through jansson, with a bound on depth before it parses.  The
 * only module besides auth's token rules that includes jansson.h.  Duplicate keys, invalid UTF-8,
 * lone surrogates, trailing bytes and numbers out of range are errors.  Pure.
 */
#ifndef POSTERN_COMMON_JSON_H
#define POSTERN_COMMON_JSON_H

#include <jansson.h>

#include "common/buf.h"
#include "common/cleanup.h"
#include "common/slice.h"

enum json_result { JSON_READ, JSON_BAD, JSON_TOO_DEEP };

/* An owned *out (json_decref; CLEANUP(json_decrefp) for locals), any type at the top. */
enum json_result json_read(struct slice text, unsigned max_depth, json_t **out);

/* Appends value's compact text. */
void json_write(struct buf *b, const json_t *value);

/* Member of an object as a slice, borrowed from obj; {NULL, 0} when absent or no string. */
struct slice json_text(const json_t *obj, const char *key);

#endif
