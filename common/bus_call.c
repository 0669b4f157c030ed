/*
 * One question without a loop, for the control tools.
 *
 * NNG dials in the background and does not say that nobody listens, so the path is tried first with
 * a socket of our own, which waits for the listener's greeting before it leaves: NNG 1.5 does not
 * survive a peer that leaves earlier (nng_guard.c).  A listener that lives but does not greet is
 * stopped or very busy: that is a timeout.
 *
 * The socket stays open for the next call, since closing one may abort the process: a tool talks to
 * one daemon.
 */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "common/bus_nng.h"
#include "common/cleanup.h"
#include "common/clock.h"

enum { GREETING_BYTES = 8 };

/* The one socket, and what it was opened for. */
static struct {
	nng_socket sock;
	char url[sizeof(((struct sockaddr_un *)0)->sun_path) + sizeof("ipc://")];
	size_t max_answer;
} line;

static int time_left(int64_t deadline)
{
	int64_t left = deadline - clock_mono_ms();

	return left < 1 ? 1 : (int)left;
}

static int knock(const char *path, int64_t deadline)
{
	CLEANUP(fd_closep) int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct sockaddr_un sa = {.sun_family = AF_UNIX};
	char greeting[GREETING_BYTES];
	struct pollfd p = {.fd = fd, .events = POLLIN};
	int rc;

	if (fd < 0)
		return -errno;
	if (strlen(path) >= sizeof(sa.sun_path))
		return -ENAMETOOLONG;
	memcpy(sa.sun_path, path, strlen(path) + 1);
	if (connect(fd, (struct sockaddr *)&sa, sizeof(sa)) < 0)
		return errno == ENOENT ? -ECONNREFUSED : -errno;
	rc = poll(&p, 1, time_left(deadline));
	if (rc <= 0)
		return rc == 0 ? -ETIMEDOUT : -errno;
	return recv(fd, greeting, sizeof(greeting), 0) > 0 ? 0 : -ECONNREFUSED;
}

static int open_line(const char *url, size_t max_answer)
{
	nng_dialer dialer;
	int rc;

	if (strcmp(url, line.url) == 0 && max_answer == line.max_answer)
		return 0;
	rc = bus_nng_start();
	if (rc < 0)
		return rc;
	rc = nng_req0_open(&line.sock);
	if (rc == 0)
		rc = nng_socket_set_size(
			line.sock, NNG_OPT_RECVMAXSZ, max_answer + BUS_HEADER_BYTES);
	if (rc == 0)
		rc = nng_socket_set_ms(line.sock, NNG_OPT_REQ_RESENDTIME, NNG_DURATION_INFINITE);
	if (rc == 0)
		rc = nng_socket_set_ms(line.sock, NNG_OPT_RECONNMINT, BUS_REDIAL_MS);
	if (rc == 0)
		rc = nng_dialer_create(&dialer, line.sock, url);
	if (rc == 0)
		rc = nng_dialer_start(dialer, NNG_FLAG_NONBLOCK);
	if (rc != 0)
		return bus_errno(rc);
	snprintf(line.url, sizeof(line.url), "%s", url);
	line.max_answer = max_answer;
	return 0;
}

/* Takes m. */
static int exchange(nng_ctx ctx, nng_aio *aio, nng_msg *m, int64_t deadline, nng_msg **out)
{
	nng_aio_set_msg(aio, m);
	nng_aio_set_timeout(aio, time_left(deadline));
	nng_ctx_send(ctx, aio);
	nng_aio_wait(aio);
	if (nng_aio_result(aio) != 0) {
		nng_msg_free(m);
		return bus_errno(nng_aio_result(aio));
	}
	nng_aio_set_msg(aio, NULL);
	nng_aio_set_timeout(aio, time_left(deadline));
	nng_ctx_recv(ctx, aio);
	nng_aio_wait(aio);
	if (nng_aio_result(aio) != 0)
		return bus_errno(nng_aio_result(aio));
	*out = nng_aio_get_msg(aio);
	return 0;
}

static int ask_line(nng_msg *m, int64_t deadline, nng_msg **out)
{
	nng_ctx ctx;
	nng_aio *aio = NULL;
	int rc = nng_ctx_open(&ctx, line.sock);

	if (rc == 0 && (rc = nng_aio_alloc(&aio, NULL, NULL)) != 0)
		nng_ctx_close(ctx);
	if (rc != 0) {
		nng_msg_free(m);
		return bus_errno(rc);
	}
	rc = exchange(ctx, aio, m, deadline, out);
	nng_aio_stop(aio);
	nng_ctx_close(ctx);
	nng_aio_free(aio);
	return rc;
}

int bus_call(const char *path, struct bus_msg *m, size_t max_answer, int timeout_ms,
	struct bus_msg **out)
{
	char url[sizeof(line.url)];
	int64_t deadline = clock_mono_ms() + timeout_ms;
	nng_msg *answer = NULL;
	int rc = knock(path, deadline);

	if (rc == 0) {
		snprintf(url, sizeof(url), "ipc://%s", path);
		rc = open_line(url, max_answer);
	}
	if (rc < 0) {
		bus_msg_free(m);
		return rc;
	}
	rc = ask_line((nng_msg *)m, deadline, &answer);
	if (rc == 0)
		*out = (struct bus_msg *)answer;
	return rc;
}
