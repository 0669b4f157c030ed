/*
 * UTF-8 is decoded by hand here, one character at a time, because what is wrong must be shown
 * rather than refused.
 */
#include "common/plain.h"

#include <stdbool.h>

/* Bytes of the character at s.data[0]; 0: not UTF-8. */
static size_t character(struct slice s, uint32_t *out)
{
	for (size_t n = 1; n <= 4 && n <= s.len; n++) {
		const unsigned char *p = (const unsigned char *)s.data;

		if (!utf8_is_valid((struct slice){s.data, n}))
			continue;
		*out = n == 1 ? p[0] : n == 2 ? p[0] & 0x1fu : n == 3 ? p[0] & 0x0fu : p[0] & 0x07u;
		for (size_t i = 1; i < n; i++)
			*out = *out << 6 | (p[i] & 0x3fu);
		return n;
	}
	return 0;
}

static bool is_control(uint32_t c)
{
	return c < 0x20 || (c >= 0x7f && c < 0xa0);
}

/* Marks, overrides and isolates of direction, and what some terminals take for a new line. */
static bool is_treacherous(uint32_t c)
{
	return (c >= 0x200b && c <= 0x200f) || (c >= 0x2028 && c <= 0x202e) ||
	       (c >= 0x2060 && c <= 0x206f) || c == 0x061c || c == 0xfeff ||
	       (c >= 0xe0000 && c <= 0xe0fff);
}

void plain_add(struct buf *b, struct slice s)
{
	while (s.len > 0) {
		uint32_t c = 0;
		size_t n = character(s, &c);

		if (n == 0 || (n == 1 && is_control(c)))
			buf_printf(b, "\\x%02x", (unsigned)(unsigned char)s.data[0]);
		else if (is_control(c) || is_treacherous(c))
			buf_printf(b, "\\u{%x}", (unsigned)c);
		else if (c == '\\')
			buf_add_text(b, "\\\\");
		else
			buf_add(b, (struct slice){s.data, n});
		n = n == 0 ? 1 : n;
		s.data += n;
		s.len -= n;
	}
}

size_t plain_width(struct slice safe)
{
	size_t columns = 0;

	for (size_t i = 0; i < safe.len; i++)
		columns += ((unsigned char)safe.data[i] & 0xc0) != 0x80;
	return columns;
}

void plain_add_json(struct buf *b, struct slice s)
{
	struct buf clean;
	uint32_t c;

	if (utf8_is_valid(s)) {
		buf_add_json_string(b, s);
		return;
	}
	buf_init(&clean, s.len * 3);
	while (s.len > 0) {
		size_t n = character(s, &c);

		if (n == 0)
			buf_add_text(&clean, "\xef\xbf\xbd");
		else
			buf_add(&clean, (struct slice){s.data, n});
		n = n == 0 ? 1 : n;
		s.data += n;
		s.len -= n;
	}
	if (clean.failed)
		b->failed = true;
	else
		buf_add_json_string(b, buf_slice(&clean));
	buf_fini(&clean);
}

void plain_add_member(struct buf *b, const char *name, struct slice s)
{
	buf_printf(b, "\"%s\":", name);
	plain_add_json(b, s);
}

void plain_add_cell(struct buf *b, struct slice s, size_t width)
{
	size_t from = b->len;

	plain_add(b, s.len > 0 ? s : SLICE_LITERAL("-"));
	if (b->failed)
		return;
	for (size_t n = plain_width((struct slice){b->data + from, b->len - from}); n < width; n++)
		buf_add_text(b, " ");
	buf_add_text(b, "  ");
}

void plain_end_line(struct buf *b)
{
	while (b->len > 0 && b->data[b->len - 1] == ' ')
		b->len--;
	buf_add_text(b, "\n");
}
