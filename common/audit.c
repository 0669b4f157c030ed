/*
 * The file is opened for appending, a line leaves with one write(2), and it is synced before the
 * command may be carried out: so a line is whole and after all that were there before it, whoever
 * else writes the same file.  Only a disk that fills up can take a part of one; the next line then
 * begins on a line of its own.
 *
 * The file is looked for without O_CREAT first: in a sticky directory the kernel lets nobody
 * "create" a file that is there and another's (fs.protected_regular).
 */
#include "common/audit.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "common/buf.h"
#include "common/cleanup.h"
#include "common/clock.h"
#include "common/plain.h"

enum {
	VALUE_MAX_BYTES = 256,
	ARGS_MAX_BYTES = AUDIT_LINE_MAX - 640, /* leaves room for all that is not an argument */
};

struct audit {
	int fd;
	bool torn;	  /* the file does not end with a newline */
	uint64_t last_id; /* given */
	const char *daemon;
	char path[];
};

/* A pipe or a device is no record, and would keep the daemon waiting. */
static int open_file(const char *path)
{
	const int flags = O_RDWR | O_APPEND | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK;
	int fd = open(path, flags);

	if (fd < 0 && errno == ENOENT)
		fd = open(path, flags | O_CREAT | O_EXCL, 0640);
	if (fd < 0 && errno == EEXIST)
		fd = open(path, flags); /* the other daemon was quicker */
	return fd < 0 ? -errno : fd;
}

static int file_take(struct audit *a)
{
	CLEANUP(fd_closep) int fd = open_file(a->path);
	struct stat st;
	char last = '\n';

	if (fd < 0)
		return fd;
	if (fstat(fd, &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode))
		return -EINVAL;
	if (st.st_size > 0 && pread(fd, &last, 1, st.st_size - 1) < 0)
		return -errno;
	if (a->fd >= 0)
		close(a->fd);
	a->fd = fd;
	a->torn = last != '\n';
	fd = -1;
	return 0;
}

int audit_open(struct audit **out, const char *path, const char *daemon)
{
	CLEANUP(audit_closep) struct audit *a = calloc(1, sizeof(*a) + strlen(path) + 1);
	int r;

	if (a == NULL)
		return -ENOMEM;
	a->fd = -1;
	a->daemon = daemon;
	memcpy(a->path, path, strlen(path) + 1);
	r = file_take(a);
	if (r < 0)
		return r;
	*out = a;
	a = NULL;
	return 0;
}

void audit_close(struct audit *a)
{
	if (a == NULL)
		return;
	if (a->fd >= 0)
		close(a->fd);
	free(a);
}

int audit_reopen(struct audit *a)
{
	return file_take(a);
}

/* The clock's milliseconds, so that no start has to know what the one before gave. */
uint64_t audit_next_id(struct audit *a)
{
	int64_t now = clock_wall_ms();

	a->last_id = now > 0 && (uint64_t)now > a->last_id ? (uint64_t)now : a->last_id + 1;
	return a->last_id;
}

/* Not in the middle of a character. */
static size_t cut_at(struct slice value)
{
	size_t n = VALUE_MAX_BYTES;

	while (n > VALUE_MAX_BYTES - 4 && ((unsigned char)value.data[n] & 0xc0) == 0x80)
		n--;
	return n;
}

static void add_value(struct buf *b, struct slice value)
{
	struct buf text;

	if (value.len <= VALUE_MAX_BYTES) {
		plain_add_json(b, value);
		return;
	}
	buf_init(&text, VALUE_MAX_BYTES + 3);
	buf_add(&text, (struct slice){value.data, cut_at(value)});
	buf_add_text(&text, "...");
	if (text.failed)
		b->failed = true;
	else
		plain_add_json(b, buf_slice(&text));
	buf_fini(&text);
}

/* False: an argument was left out, since it would not fit. */
static bool add_args(struct buf *b, const struct audit_entry *e)
{
	bool all = true;
	size_t n = 0;

	for (size_t i = 0; i < e->n_args; i++) {
		struct buf one;

		if (e->args[i].value.len == 0)
			continue;
		buf_init(&one, AUDIT_LINE_MAX);
		buf_add_text(&one, n == 0 ? "" : ",");
		plain_add_json(&one, slice_of(e->args[i].name));
		buf_add_text(&one, ":");
		add_value(&one, e->args[i].value);
		if (!one.failed && b->len + one.len <= ARGS_MAX_BYTES) {
			buf_add(b, buf_slice(&one));
			n++;
		} else {
			all = false;
		}
		buf_fini(&one);
	}
	return all;
}

static void add_time(struct buf *b)
{
	int64_t now = clock_wall_ms();
	time_t seconds = (time_t)(now / 1000);
	struct tm utc;

	gmtime_r(&seconds, &utc);
	buf_printf(b, "\"time\":\"%04d-%02d-%02dT%02d:%02d:%02d.%03dZ\"", utc.tm_year + 1900,
		utc.tm_mon + 1, utc.tm_mday, utc.tm_hour, utc.tm_min, utc.tm_sec,
		(int)(now % 1000));
}

static void add_line(struct buf *b, const struct audit *a, const struct audit_entry *e)
{
	bool all;

	buf_add_text(b, a->torn ? "\n{" : "{");
	add_time(b);
	buf_printf(b, ",\"id\":%" PRIu64 ",\"daemon\":", e->id);
	plain_add_json(b, slice_of(a->daemon));
	buf_printf(b, ",\"uid\":%ju,\"command\":", (uintmax_t)e->uid);
	plain_add_json(b, slice_of(e->command));
	buf_add_text(b, ",\"args\":{");
	all = add_args(b, e);
	buf_add_text(b, all ? "},\"result\":" : "},\"cut\":true,\"result\":");
	add_value(b, slice_of(e->result));
	buf_add_text(b, "}\n");
}

static int line_write(struct audit *a, struct slice line)
{
	ssize_t n;

	do
		n = write(a->fd, line.data, line.len);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	a->torn = (size_t)n < line.len;
	if (a->torn)
		return -ENOSPC;
	return fdatasync(a->fd) < 0 ? -errno : 0;
}

/* A file that was removed would take lines that nobody can read. */
static int file_check(struct audit *a)
{
	struct stat st;

	if (fstat(a->fd, &st) < 0)
		return -errno;
	return st.st_nlink == 0 ? file_take(a) : 0;
}

int audit_write(struct audit *a, const struct audit_entry *e)
{
	struct buf line;
	int r = file_check(a);

	if (r < 0)
		return r;
	buf_init(&line, AUDIT_LINE_MAX);
	add_line(&line, a, e);
	r = line.failed ? -EMSGSIZE : line_write(a, buf_slice(&line));
	buf_fini(&line);
	return r;
}
