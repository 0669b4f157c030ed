/* seeds: see seeds.h. */
#include "tests/fuzz/seeds.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

static int hex(char c)
{
	const char *digits = "0123456789abcdef";
	const char *at = c == '\0' ? NULL : strchr(digits, c);

	return at == NULL ? -1 : (int)(at - digits);
}

/* One escape, behind its backslash; how many characters it has, 0: it is none. */
static size_t unescape(const char *text, uint8_t *out)
{
	static const char names[] = "nrt\\";
	static const char values[] = "\n\r\t\\";
	const char *name = text[0] == '\0' ? NULL : strchr(names, text[0]);

	if (name != NULL) {
		*out = (uint8_t)values[name - names];
		return 1;
	}
	if (text[0] != 'x' || hex(text[1]) < 0 || hex(text[2]) < 0)
		return 0;
	*out = (uint8_t)(hex(text[1]) << 4 | hex(text[2]));
	return 3;
}

/* In place; the length, or -1. */
static long line_read(char *line)
{
	uint8_t *to = (uint8_t *)line;

	for (const char *p = line; *p != '\0' && *p != '\n'; p++) {
		size_t n = 0;

		if (*p != '\\') {
			*to++ = (uint8_t)*p;
			continue;
		}
		n = unescape(p + 1, to);
		if (n == 0)
			return -1;
		to++;
		p += n;
	}
	return (long)(to - (uint8_t *)line);
}

int seeds_read(const char *path, seeds_each_fn *each, void *arg)
{
	FILE *f = fopen(path, "re");
	char *line = NULL;
	size_t size = 0;
	int number = 0, n = 0;

	if (f == NULL) {
		fprintf(stderr, "%s: %s\n", path, strerror(errno));
		return -1;
	}
	while (n >= 0 && getline(&line, &size, f) >= 0) {
		long len;

		number++;
		if (line[0] == '#' || line[0] == '\n')
			continue;
		len = line_read(line);
		if (len < 0) {
			fprintf(stderr, "%s:%d: a backslash that begins no escape\n", path, number);
			n = -1;
			break;
		}
		each(arg, (const uint8_t *)line, (size_t)len);
		n++;
	}
	free(line);
	fclose(f);
	return n;
}

void seeds_write(FILE *to, const uint8_t *bytes, size_t len)
{
	static const char plain[] = " !\"$%&'()*+,-./:;<=>?@[]^_`{|}~";

	for (size_t i = 0; i < len; i++) {
		uint8_t c = bytes[i];
		bool is_plain = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') ||
				(c >= 'A' && c <= 'Z') || (c != 0 && strchr(plain, c) != NULL) ||
				(c == '#' && i > 0);

		if (c == '\n')
			fputs("\\n", to);
		else if (c == '\r')
			fputs("\\r", to);
		else if (c == '\\')
			fputs("\\\\", to);
		else if (is_plain)
			fputc(c, to);
		else
			fprintf(to, "\\x%02x", c);
	}
	fputc('\n', to);
}
