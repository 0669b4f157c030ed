/*
 * buf grows by doubling up to its bound, with one byte to spare so that printf's terminator has a
 * place. A failure sticks until buf_clear(): whoever builds a text in twenty steps looks once, at
 * the end, and never sends one with a hole in it.
 */
#include "common/buf.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

enum { FIRST_BYTES = 64 };

void buf_init(struct buf *b, size_t max)
{
	/* one less leaves cap + 1 a number */
	*b = (struct buf){.max = max == SIZE_MAX ? max - 1 : max};
}

void buf_init_secret(struct buf *b, size_t max)
{
	buf_init(b, max);
	b->is_secret = true;
}

static void give_back(struct buf *b)
{
	if (b->is_secret && b->data != NULL)
		explicit_bzero(b->data, b->cap);
	free(b->data);
}

void buf_fini(struct buf *b)
{
	give_back(b);
	*b = (struct buf){.max = b->max, .is_secret = b->is_secret};
}

void buf_clear(struct buf *b)
{
	b->len = 0;
	b->failed = false;
}

static bool grow(struct buf *b, size_t cap)
{
	/* realloc() would leave a copy behind. */
	char *data = b->is_secret ? malloc(cap + 1) : realloc(b->data, cap + 1);

	if (data == NULL)
		return false;
	if (b->is_secret) {
		if (b->len > 0)
			memcpy(data, b->data, b->len);
		give_back(b);
	}
	b->data = data;
	b->cap = cap;
	return true;
}

/* Room for n more bytes and a terminator. */
static bool reserve(struct buf *b, size_t n)
{
	size_t cap = b->cap < FIRST_BYTES ? FIRST_BYTES : b->cap;

	if (b->failed || n > b->max - b->len) {
		b->failed = true;
		return false;
	}
	if (b->data != NULL && n <= b->cap - b->len)
		return true;
	while (cap < b->len + n)
		cap = cap > b->max / 2 ? b->max : cap * 2;
	if (cap > b->max)
		cap = b->max;
	b->failed = !grow(b, cap);
	return !b->failed;
}

void buf_add(struct buf *b, struct slice s)
{
	if (s.len == 0 || !reserve(b, s.len))
		return;
	memcpy(b->data + b->len, s.data, s.len);
	b->len += s.len;
}

void buf_add_text(struct buf *b, const char *text)
{
	buf_add(b, slice_of(text));
}

void buf_printf(struct buf *b, const char *format, ...)
{
	va_list args;
	int n;

	va_start(args, format);
	n = vsnprintf(NULL, 0, format, args);
	va_end(args);
	if (n < 0)
		b->failed = true;
	if (n <= 0 || !reserve(b, (size_t)n))
		return;
	va_start(args, format);
	vsnprintf(b->data + b->len, (size_t)n + 1, format, args);
	va_end(args);
	b->len += (size_t)n;
}

/* The letter of a two-character escape, or 0. */
static char short_escape(char c)
{
	switch (c) {
	case '"':
	case '\\':
		return c;
	case '\b':
		return 'b';
	case '\f':
		return 'f';
	case '\n':
		return 'n';
	case '\r':
		return 'r';
	case '\t':
		return 't';
	default:
		return 0;
	}
}

void buf_add_json_string(struct buf *b, struct slice s)
{
	size_t from = 0;

	buf_add(b, SLICE_LITERAL("\""));
	for (size_t i = 0; i < s.len; i++) {
		char c = s.data[i];
		char letter = short_escape(c);

		if (letter == 0 && (unsigned char)c >= 0x20)
			continue;
		buf_add(b, (struct slice){s.data + from, i - from});
		if (letter != 0)
			buf_add(b, (struct slice){(char[]){'\\', letter}, 2});
		else
			buf_printf(b, "\\u%04x", (unsigned)(unsigned char)c);
		from = i + 1;
	}
	if (from < s.len)
		buf_add(b, (struct slice){s.data + from, s.len - from});
	buf_add(b, SLICE_LITERAL("\""));
}

struct slice buf_slice(const struct buf *b)
{
	return (struct slice){b->data, b->len};
}

/*
 * Length of the character that starts with lead, and the range of its second byte, which is where
 * overlong forms, surrogates and what lies beyond U+10FFFF show.  0: no character starts so.
 */
static size_t utf8_lead(unsigned char lead, unsigned char *out_low, unsigned char *out_high)
{
	*out_low = 0x80;
	*out_high = 0xbf;
	if (lead < 0x80)
		return 1;
	if (lead >= 0xc2 && lead <= 0xdf)
		return 2;
	if (lead >= 0xe0 && lead <= 0xef) {
		if (lead == 0xe0)
			*out_low = 0xa0;
		if (lead == 0xed)
			*out_high = 0x9f;
		return 3;
	}
	if (lead >= 0xf0 && lead <= 0xf4) {
		if (lead == 0xf0)
			*out_low = 0x90;
		if (lead == 0xf4)
			*out_high = 0x8f;
		return 4;
	}
	return 0;
}

bool utf8_is_valid(struct slice s)
{
	const unsigned char *p = (const unsigned char *)s.data;

	for (size_t i = 0; i < s.len;) {
		unsigned char low;
		unsigned char high;
		size_t n = utf8_lead(p[i], &low, &high);

		if (n == 0 || n > s.len - i)
			return false;
		if (n > 1 && (p[i + 1] < low || p[i + 1] > high))
			return false;
		for (size_t k = 2; k < n; k++) {
			if (p[i + k] < 0x80 || p[i + k] > 0xbf)
				return false;
		}
		i += n;
	}
	return true;
}
