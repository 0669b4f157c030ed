/*
 * Three functions of libc that NNG finds in the executable before it finds them in libc.  They are
 * here since NNG 1 cannot be repaired from outside in another way.
 *
 * sendmsg: a peer that goes away while NNG writes makes EPIPE or ECONNRESET.  During the greeting
 * NNG 1.5 takes that for the end of its own listener and accepts nobody any more; later it closes
 * the pipe from the write side, and when a read is half done at that moment its reaper waits for
 * ever (1.5) or a PAIR loses count of its pipe and crashes at the next receive (seen with 1.10.1).
 * So a lost write is called a success here; the reading side, which sees the end of the stream
 * next, does it right.
 *
 * getsockopt: NNG does not tell the descriptor of a pipe.  A pipe must be ended by shutting down
 * its reading half, since nng_pipe_close() has the same race with the reaper.  When the bus asks
 * for the peer's uid, NNG asks the kernel on the same thread, and the descriptor is noted.
 *
 * sysconf: NNG starts threads by the number of processors, 87 on 64; four are enough to count.
 *
 * They run in every thread, also before a sanitizer is set up: no allocation, no library call.
 */
#include "common/nng_guard.h"

#include <errno.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { PROCESSORS_MAX = 4 };

static __thread int peer_fd = -1;

/* glibc's own name of sysconf. */
long __sysconf(int name);

int nng_guard_peer_fd(void)
{
	return peer_fd;
}

ssize_t sendmsg(int fd, const struct msghdr *msg, int flags)
{
	long n = syscall(SYS_sendmsg, fd, msg, flags);
	size_t total = 0;

	if (n >= 0 || (errno != EPIPE && errno != ECONNRESET))
		return n;
	for (size_t i = 0; i < msg->msg_iovlen; i++)
		total += msg->msg_iov[i].iov_len;
	return (ssize_t)total;
}

int getsockopt(int fd, int level, int name, void *restrict value, socklen_t *restrict len)
{
	if (level == SOL_SOCKET && name == SO_PEERCRED)
		peer_fd = fd;
	return (int)syscall(SYS_getsockopt, fd, level, name, value, len);
}

long sysconf(int name)
{
	long n = __sysconf(name);

	return name == _SC_NPROCESSORS_ONLN && n > PROCESSORS_MAX ? PROCESSORS_MAX : n;
}
