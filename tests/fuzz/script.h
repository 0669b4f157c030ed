/*
 * script: a fuzz input that is read as instructions: bytes, numbers and slices from the front, and
 * zeros when it is over.
 */
#ifndef POSTERN_TESTS_FUZZ_SCRIPT_H
#define POSTERN_TESTS_FUZZ_SCRIPT_H

#include <stdbool.h>
#include <stdint.h>

#include "common/slice.h"

struct script {
	const uint8_t *at;
	size_t left;
};

static inline bool script_is_over(const struct script *s)
{
	return s->left == 0;
}

static inline uint8_t script_byte(struct script *s)
{
	if (s->left == 0)
		return 0;
	s->left--;
	return *s->at++;
}

/* Of n bytes, the lowest first. */
static inline uint64_t script_number(struct script *s, unsigned n)
{
	uint64_t value = 0;

	for (unsigned i = 0; i < n; i++)
		value |= (uint64_t)script_byte(s) << (8 * i);
	return value;
}

static inline struct slice script_take(struct script *s, size_t len)
{
	struct slice out = {(const char *)s->at, len < s->left ? len : s->left};

	s->at += out.len;
	s->left -= out.len;
	return out;
}

/* A byte of length and so many bytes; after 255 two bytes of length. */
static inline struct slice script_slice(struct script *s)
{
	size_t len = script_byte(s);

	return script_take(s, len == 255 ? script_number(s, 2) : len);
}

static inline struct slice script_rest(struct script *s)
{
	return script_take(s, s->left);
}

#endif
