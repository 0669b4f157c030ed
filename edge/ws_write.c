/*
 * One connection's queue into its socket: many frames in one system call, and no copy, since the
 * frames are shared as they are.  The socket itself says when it is full; asking first would cost a
 * call more.
 */
#include <errno.h>
#include <sys/socket.h>

#include "edge/ws.h"

#define FRAMES_PER_CALL 64

static ssize_t send_some(int fd, struct iovec *iov, int n)
{
	const int flags = MSG_NOSIGNAL | MSG_DONTWAIT;
	struct msghdr msg = {.msg_iov = iov, .msg_iovlen = (size_t)n};
	ssize_t sent;

	do
		sent = n == 1 ? send(fd, iov->iov_base, iov->iov_len, flags)
			      : sendmsg(fd, &msg, flags);
	while (sent < 0 && errno == EINTR);
	return sent;
}

enum ws_written ws_write(int fd, struct outq *out, struct ws_counts *counts,
	struct wire **out_frame, struct slice *out_rest)
{
	while (!outq_is_empty(out)) {
		struct iovec iov[FRAMES_PER_CALL];
		int n = outq_gather(out, iov, FRAMES_PER_CALL);
		uint32_t before = out->bytes;
		uint32_t frames = out->count;
		size_t offered = 0;
		ssize_t sent = send_some(fd, iov, n);

		if (sent < 0)
			return errno == EAGAIN || errno == ENOBUFS ? WS_WRITE_BLOCKED
								   : WS_WRITE_FAILED;
		for (int i = 0; i < n; i++)
			offered += iov[i].iov_len;
		*out_frame = outq_advance(out, (size_t)sent, out_rest);
		counts->frames_out += frames - out->count;
		counts->bytes_out += before - out->bytes;
		counts->queued_bytes -= before - out->bytes;
		if (*out_frame != NULL)
			return WS_WRITE_PARTIAL;
		if ((size_t)sent < offered)
			return WS_WRITE_BLOCKED;
	}
	return WS_WRITTEN;
}
