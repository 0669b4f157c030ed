/*
 * disk_shim: a disk that fails on demand.  Preloaded (LD_PRELOAD) into a router, it stands before
 * the writes and flushes of every file whose path holds "inbox.db".  The file that the environment
 * variable POSTERN_DISK_FAULTS names says, at each call, what is wrong:
 *
 *	enospc		every write fails: the disk is full, and copies on write
 *	eio-write	every write fails with EIO
 *	eio-fsync	every flush fails with EIO
 *	slow=MS		every flush takes MS milliseconds longer
 *
 * An empty file, or none: nothing.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define WORDS_BYTES 256
#define LINK_BYTES 64
#define TARGET_BYTES 1024

/* Of the program, which would call the C library's. */
ssize_t write(int fd, const void *bytes, size_t n);
ssize_t pwrite(int fd, const void *bytes, size_t n, off_t at);
ssize_t pwrite64(int fd, const void *bytes, size_t n, off_t at);
int fsync(int fd);
int fdatasync(int fd);

static int is_store(int fd)
{
	char link[LINK_BYTES], target[TARGET_BYTES];
	ssize_t n;

	(void)snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	n = readlink(link, target, sizeof(target) - 1);
	if (n <= 0)
		return 0;
	target[n] = '\0';
	return strstr(target, "inbox.db") != NULL;
}

/* What is wrong now, for this file; errno is kept. */
static void faults(int fd, char words[WORDS_BYTES])
{
	const char *path = getenv("POSTERN_DISK_FAULTS");
	int saved = errno, file = -1;
	ssize_t n = 0;

	words[0] = '\0';
	if (path != NULL && is_store(fd))
		file = open(path, O_RDONLY | O_CLOEXEC);
	if (file >= 0) {
		n = read(file, words, WORDS_BYTES - 1);
		words[n > 0 ? n : 0] = '\0';
		close(file);
	}
	errno = saved;
}

static int write_error(int fd)
{
	char words[WORDS_BYTES];

	faults(fd, words);
	if (strstr(words, "enospc") != NULL)
		return ENOSPC;
	return strstr(words, "eio-write") != NULL ? EIO : 0;
}

static int flush_error(int fd)
{
	char words[WORDS_BYTES];
	const char *slow;

	faults(fd, words);
	slow = strstr(words, "slow=");
	if (slow != NULL) {
		long ms = strtol(slow + strlen("slow="), NULL, 10);
		struct timespec wait = {ms / 1000, ms % 1000 * 1000000};

		(void)nanosleep(&wait, NULL);
	}
	return strstr(words, "eio-fsync") != NULL ? EIO : 0;
}

static int failed(int error)
{
	errno = error;
	return -1;
}

ssize_t write(int fd, const void *bytes, size_t n)
{
	int error = write_error(fd);

	return error != 0 ? failed(error) : syscall(SYS_write, fd, bytes, n);
}

ssize_t pwrite64(int fd, const void *bytes, size_t n, off_t at)
{
	int error = write_error(fd);

	return error != 0 ? failed(error) : syscall(SYS_pwrite64, fd, bytes, n, at);
}

ssize_t pwrite(int fd, const void *bytes, size_t n, off_t at)
{
	return pwrite64(fd, bytes, n, at);
}

int fsync(int fd)
{
	int error = flush_error(fd);

	return error != 0 ? failed(error) : (int)syscall(SYS_fsync, fd);
}

int fdatasync(int fd)
{
	int error = flush_error(fd);

	return error != 0 ? failed(error) : (int)syscall(SYS_fdatasync, fd);
}
