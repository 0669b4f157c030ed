/*
 * clock_shim: a wall clock that jumps on demand, without a privilege.  Preloaded (LD_PRELOAD) into
 * a daemon, it adds to the time of day, and to no other clock, the milliseconds that stand in the
 * file that the environment variable POSTERN_CLOCK_JUMP names.  An empty file, or none: nothing.
 *
 * Who waits on a condition until a time of day waits as with the kernel's own clock: a jump forward
 * ends the wait, one back makes it longer.  The wait is cut into slices for that; a caller sees
 * each as a wakeup without a reason, which POSIX allows.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#define NUMBER_BYTES 32
#define NS_PER_S 1000000000L
#define NS_PER_MS 1000000L
#define SLICE_NS 50000000L
#define DAY_TIME_S 1000000000 /* a time that is later is one of day, not since the boot */

static long jump_ms(void)
{
	const char *path = getenv("POSTERN_CLOCK_JUMP");
	int file = path == NULL ? -1 : open(path, O_RDONLY | O_CLOEXEC);
	char text[NUMBER_BYTES];
	ssize_t n;

	if (file < 0)
		return 0;
	n = read(file, text, sizeof(text) - 1);
	close(file);
	text[n > 0 ? n : 0] = '\0';
	return strtol(text, NULL, 10);
}

static struct timespec plus(struct timespec t, long ns)
{
	t.tv_sec += ns / NS_PER_S;
	t.tv_nsec += ns % NS_PER_S;
	if (t.tv_nsec < 0 || t.tv_nsec >= NS_PER_S) {
		t.tv_sec += t.tv_nsec < 0 ? -1 : 1;
		t.tv_nsec -= t.tv_nsec < 0 ? -NS_PER_S : NS_PER_S;
	}
	return t;
}

int clock_gettime(clockid_t id, struct timespec *out)
{
	int result = (int)syscall(SYS_clock_gettime, id, out);

	if (result == 0 && (id == CLOCK_REALTIME || id == CLOCK_REALTIME_COARSE))
		*out = plus(*out, jump_ms() * NS_PER_MS);
	return result;
}

int gettimeofday(struct timeval *restrict out, void *restrict zone)
{
	struct timespec now;

	(void)zone;
	if (clock_gettime(CLOCK_REALTIME, &now) < 0)
		return -1;
	*out = (struct timeval){now.tv_sec, now.tv_nsec / 1000};
	return 0;
}

time_t time(time_t *out)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_REALTIME, &now);
	if (out != NULL)
		*out = now.tv_sec;
	return now.tv_sec;
}

static long slice_ns(const struct timespec *now, const struct timespec *until)
{
	long left;

	if (until->tv_sec > now->tv_sec + 1)
		return SLICE_NS;
	left = (until->tv_sec - now->tv_sec) * NS_PER_S + until->tv_nsec - now->tv_nsec;
	return left < SLICE_NS ? left : SLICE_NS;
}

int pthread_cond_timedwait(pthread_cond_t *restrict cond, pthread_mutex_t *restrict mutex,
	const struct timespec *restrict until)
{
	struct timespec now, wake;
	int result;

	if (until->tv_sec < DAY_TIME_S)
		return pthread_cond_clockwait(cond, mutex, CLOCK_MONOTONIC, until);
	(void)clock_gettime(CLOCK_REALTIME, &now);
	if (now.tv_sec > until->tv_sec ||
		(now.tv_sec == until->tv_sec && now.tv_nsec >= until->tv_nsec))
		return ETIMEDOUT;
	(void)clock_gettime(CLOCK_MONOTONIC, &wake);
	wake = plus(wake, slice_ns(&now, until));
	result = pthread_cond_clockwait(cond, mutex, CLOCK_MONOTONIC, &wake);
	return result == ETIMEDOUT ? 0 : result;
}
