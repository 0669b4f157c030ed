/* seeds: see seeds.h. */
#include "tests/fuzz/seeds.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define SEED_MAX_BYTES 65536

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

/* How often the byte behind \*N; is there, with what of the text says so; 0: this is none. */
static size_t repeated(const char *text, size_t *out_times)
{
	char *end;
	unsigned long times;

	if (text[0] != '*')
		return 0;
	times = strtoul(text + 1, &end, 10);
	if (end == text + 1 || *end != ';' || times > SEED_MAX_BYTES)
		return 0;
	*out_times = times;
	return (size_t)(end + 1 - text);
}

/* One byte of a line, how often it is there, and how many characters say so; 0: a mistake. */
static size_t byte_read(const char *text, uint8_t *out, size_t *out_times)
{
	size_t before = 0, n;

	*out_times = 1;
	if (text[0] == '\\') {
		before = repeated(text + 1, out_times);
		before += before > 0;
	}
	*out = (uint8_t)text[before];
	if (*out != '\\')
		return *out == '\0' || *out == '\n' ? 0 : before + 1;
	n = unescape(text + before + 1, out);
	return n == 0 ? 0 : before + 1 + n;
}

/* The length, or -1. */
static long line_read(const char *line, uint8_t out[SEED_MAX_BYTES])
{
	size_t len = 0;

	while (*line != '\0' && *line != '\n') {
		size_t times, n;
		uint8_t byte;

		n = byte_read(line, &byte, &times);
		if (n == 0 || times > SEED_MAX_BYTES - len)
			return -1;
		memset(out + len, byte, times);
		len += times;
		line += n;
	}
	return (long)len;
}

int seeds_read(const char *path, seeds_each_fn *each, void *arg)
{
	FILE *f = fopen(path, "re");
	uint8_t *bytes = malloc(SEED_MAX_BYTES);
	char *line = NULL;
	size_t size = 0;
	int number = 0, n = 0;

	if (f == NULL || bytes == NULL) {
		fprintf(stderr, "%s: %s\n", path, strerror(errno));
		free(bytes);
		return -1;
	}
	while (n >= 0 && getline(&line, &size, f) >= 0) {
		long len;

		number++;
		if (line[0] == '#' || line[0] == '\n')
			continue;
		len = line_read(line, bytes);
		if (len < 0) {
			fprintf(stderr, "%s:%d: no escape, or too long\n", path, number);
			n = -1;
			break;
		}
		each(arg, bytes, (size_t)len);
		n++;
	}
	free(line);
	free(bytes);
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
