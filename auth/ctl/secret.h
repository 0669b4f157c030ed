/*
 * secret: a password from whoever sits at the terminal, or from standard input.
 */
#ifndef POSTERN_AUTH_CTL_SECRET_H
#define POSTERN_AUTH_CTL_SECRET_H

#include <stddef.h>

enum secret_result {
	SECRET_FAILED, /* errno */
	SECRET_NO_TERMINAL,
	SECRET_BAD, /* empty, too long, or with a NUL or a newline in it */
	SECRET_DIFFERENT,
	SECRET_GOT,
};

/* Asks twice, without echo.  The text is terminated; the caller wipes it.  A signal that would stop
 * or end the process does so after the echo is back. */
enum secret_result secret_from_terminal(const char *username, char *out, size_t size);
/* All of standard input, without its last newline. */
enum secret_result secret_from_stdin(char *out, size_t size);

#endif
