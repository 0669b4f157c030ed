/*
 * The echo is off while a password is typed, so nothing may end or stop the process meanwhile: the
 * signals that do are blocked, but for the moments in which the terminal is waited for; there a
 * handler notes them, and they are raised again when the echo is back.
 */
#include "auth/ctl/secret.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "common/cleanup.h"

static const int numbers[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGTSTP, SIGTTIN, SIGTTOU};
#define N_SIGNALS (sizeof(numbers) / sizeof(numbers[0]))

static volatile sig_atomic_t noted;

static void on_signal(int number)
{
	noted = number;
}

struct quiet {
	int fd;
	struct termios loud;
	sigset_t mask; /* of before */
	struct sigaction actions[N_SIGNALS];
};

static bool quiet_begin(struct quiet *q)
{
	struct sigaction action = {.sa_handler = on_signal};
	struct termios silent;
	sigset_t blocked;

	if (tcgetattr(q->fd, &q->loud) < 0)
		return false;
	sigemptyset(&blocked);
	for (size_t i = 0; i < N_SIGNALS; i++)
		sigaddset(&blocked, numbers[i]);
	if (sigprocmask(SIG_BLOCK, &blocked, &q->mask) < 0)
		return false;
	for (size_t i = 0; i < N_SIGNALS; i++)
		(void)sigaction(numbers[i], &action, &q->actions[i]);
	silent = q->loud;
	silent.c_lflag &= ~(tcflag_t)(ECHO | ECHONL);
	silent.c_lflag |= ICANON | ISIG;
	return tcsetattr(q->fd, TCSAFLUSH, &silent) == 0;
}

static void quiet_end(struct quiet *q)
{
	(void)tcsetattr(q->fd, TCSAFLUSH, &q->loud);
	for (size_t i = 0; i < N_SIGNALS; i++)
		(void)sigaction(numbers[i], &q->actions[i], NULL);
	if (noted != 0)
		(void)raise(noted); /* comes with the mask */
	(void)sigprocmask(SIG_SETMASK, &q->mask, NULL);
}

/*
 * The line without its newline, which ^D may end as well; false: errno, EINTR when a signal was
 * noted.
 */
static bool line_read(const struct quiet *q, char *out, size_t size, size_t *out_len)
{
	struct pollfd p = {.fd = q->fd, .events = POLLIN};
	size_t n = 0;

	for (;;) {
		ssize_t got;

		if (noted != 0 || ppoll(&p, 1, NULL, &q->mask) < 0) {
			errno = noted != 0 ? EINTR : errno;
			return false;
		}
		got = read(q->fd, out + n, size - n);
		if (got < 0)
			return false;
		n += (size_t)got;
		if (got == 0 || out[n - 1] == '\n' || n == size)
			break;
	}
	*out_len = n > 0 && out[n - 1] == '\n' ? n - 1 : n;
	return true;
}

static enum secret_result terminate(char *text, size_t len, size_t size)
{
	if (len == 0 || len >= size || memchr(text, '\0', len) != NULL ||
		memchr(text, '\n', len) != NULL)
		return SECRET_BAD;
	text[len] = '\0';
	return SECRET_GOT;
}

static enum secret_result prompt(
	struct quiet *q, const char *before, const char *username, char *out, size_t size)
{
	size_t len = 0;
	bool ok;

	dprintf(q->fd, "%s for %s: ", before, username);
	ok = line_read(q, out, size, &len);
	dprintf(q->fd, "\n");
	return ok ? terminate(out, len, size) : SECRET_FAILED;
}

static enum secret_result ask_twice(struct quiet *q, const char *username, char *out, size_t size)
{
	char again[1024];
	enum secret_result got = prompt(q, "New password", username, out, size);

	if (got != SECRET_GOT)
		return got;
	got = prompt(
		q, "The same again", username, again, size < sizeof(again) ? size : sizeof(again));
	if (got == SECRET_BAD || (got == SECRET_GOT && strcmp(out, again) != 0))
		got = SECRET_DIFFERENT;
	explicit_bzero(again, sizeof(again));
	return got;
}

enum secret_result secret_from_terminal(const char *username, char *out, size_t size)
{
	CLEANUP(fd_closep) int fd = open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY);
	struct quiet q = {.fd = fd};
	enum secret_result result = SECRET_FAILED;
	int error;

	if (fd < 0)
		return SECRET_NO_TERMINAL;
	if (quiet_begin(&q))
		result = ask_twice(&q, username, out, size);
	error = errno;
	if (result != SECRET_GOT)
		explicit_bzero(out, size);
	quiet_end(&q);
	errno = error;
	return result;
}

enum secret_result secret_from_stdin(char *out, size_t size)
{
	size_t len = fread(out, 1, size, stdin);
	enum secret_result result;

	if (ferror(stdin))
		return SECRET_FAILED;
	if (len > 0 && out[len - 1] == '\n')
		len--;
	else if (len == size && getc(stdin) != EOF)
		return SECRET_BAD;
	result = terminate(out, len, size);
	if (result != SECRET_GOT)
		explicit_bzero(out, size);
	return result;
}
