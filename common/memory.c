/*
 * A container's limit is in its own cgroup, a service's often in one above it, so all of them up to
 * the root are looked at.  The resident size is one line of /proc, in pages.
 */
#include "common/memory.h"

#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/cleanup.h"

#define TEXT_BYTES 4096
#define CGROUP_ROOT "/sys/fs/cgroup"

/* The file's first bytes as text; empty when there is no such file. */
static void read_text(const char *path, char out[TEXT_BYTES])
{
	CLEANUP(fd_closep) int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? 0 : read(fd, out, TEXT_BYTES - 1);

	out[n > 0 ? n : 0] = '\0';
}

/* 0: "max", or no such file. */
static uint64_t limit_of(const char *root, const char *path)
{
	char file[PATH_MAX];
	char text[TEXT_BYTES];
	uint64_t limit = 0;

	if (snprintf(file, sizeof(file), "%s%s/memory.max", root, path) >= (int)sizeof(file))
		return 0;
	read_text(file, text);
	return sscanf(text, "%" SCNu64, &limit) == 1 ? limit : 0;
}

uint64_t memory_cgroup_limit(const char *root, const char *path)
{
	char at[PATH_MAX];
	uint64_t smallest = 0;

	if (snprintf(at, sizeof(at), "%s", path) >= (int)sizeof(at))
		return 0;
	for (;;) {
		char *slash = strrchr(at, '/');
		uint64_t limit = limit_of(root, at);

		if (limit != 0 && (smallest == 0 || limit < smallest))
			smallest = limit;
		if (slash == NULL)
			return smallest;
		*slash = '\0';
	}
}

static uint64_t own_cgroup_limit(void)
{
	char text[TEXT_BYTES];
	char *path;

	read_text("/proc/self/cgroup", text);
	path = strstr(text, "0::");
	if (path == NULL || (path != text && path[-1] != '\n'))
		return 0;
	path += 3;
	path[strcspn(path, "\n")] = '\0';
	return memory_cgroup_limit(CGROUP_ROOT, path);
}

void memory_open(struct memory *m, uint64_t setting)
{
	m->statm = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
	m->limit = setting != 0 ? setting : own_cgroup_limit();
	m->used = 0;
	memory_read(m);
}

void memory_read(struct memory *m)
{
	char text[128];
	uint64_t pages = 0;
	ssize_t n = m->statm < 0 ? -1 : pread(m->statm, text, sizeof(text) - 1, 0);

	if (n <= 0)
		return;
	text[n] = '\0';
	if (sscanf(text, "%*u %" SCNu64, &pages) == 1)
		m->used = pages * (uint64_t)sysconf(_SC_PAGESIZE);
}

bool memory_is_tight(const struct memory *m)
{
	return m->limit != 0 && m->used / MEMORY_TIGHT_PERCENT >= m->limit / 100;
}
