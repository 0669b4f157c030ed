/*
 * capture: what a piece of code writes to stdout or stderr, as text.
 *
 *	struct capture c = capture_begin(STDERR_FILENO);
 *	log_info("x", "a=1");
 *	const char *text = capture_end(&c);     valid until the next capture_end()
 */
#ifndef POSTERN_TESTS_UNIT_CAPTURE_H
#define POSTERN_TESTS_UNIT_CAPTURE_H

#include <assert.h>
#include <stdio.h>
#include <unistd.h>

struct capture {
	int fd;
	int saved;
	FILE *file;
};

static inline struct capture capture_begin(int fd)
{
	struct capture c = {fd, dup(fd), tmpfile()};

	assert(c.saved >= 0 && c.file != NULL);
	fflush(NULL);
	dup2(fileno(c.file), fd);
	return c;
}

static inline const char *capture_end(struct capture *c)
{
	static char text[65536];
	size_t n;

	fflush(NULL);
	dup2(c->saved, c->fd);
	close(c->saved);
	rewind(c->file);
	n = fread(text, 1, sizeof(text) - 1, c->file);
	text[n] = '\0';
	fclose(c->file);
	return text;
}

#endif
