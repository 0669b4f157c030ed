/*
 * The path that a client asks for is only ever compared with names that were found at start, so
 * there is nothing to escape from.  The ETag is a hash of the body with a fixed key: it must be the
 * same in every edge behind one balancer.
 */
#include "edge/pages.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/stat.h>

#include "common/cleanup.h"
#include "common/map.h"

enum { DEPTH_MAX = 4 };

struct pages {
	struct page pages[PAGES_MAX];
	size_t n;
	size_t bytes;
};

static const struct {
	const char *suffix;
	const char *content_type;
} types[] = {
	{".html", "text/html; charset=utf-8"},
	{".js", "text/javascript; charset=utf-8"},
	{".mjs", "text/javascript; charset=utf-8"},
	{".css", "text/css; charset=utf-8"},
	{".json", "application/json"},
	{".svg", "image/svg+xml"},
	{".png", "image/png"},
	{".ico", "image/x-icon"},
	{".woff2", "font/woff2"},
	{".txt", "text/plain; charset=utf-8"},
};

static const char *type_of(const char *name)
{
	const char *dot = strrchr(name, '.');

	for (size_t i = 0; dot != NULL && i < sizeof(types) / sizeof(types[0]); i++) {
		if (strcmp(dot, types[i].suffix) == 0)
			return types[i].content_type;
	}
	return "application/octet-stream";
}

void pages_free(struct pages *p)
{
	if (p == NULL)
		return;
	for (size_t i = 0; i < p->n; i++) {
		free(p->pages[i].path);
		free((void *)(uintptr_t)p->pages[i].body.data);
	}
	free(p);
}

/* An owned *out of exactly size bytes. */
static int read_all(int fd, size_t size, char **out)
{
	CLEANUP(mem_freep) char *data = malloc(size == 0 ? 1 : size);
	size_t at = 0;

	if (data == NULL)
		return -ENOMEM;
	while (at < size) {
		ssize_t n = read(fd, data + at, size - at);

		if (n < 0)
			return -errno;
		if (n == 0)
			return -EIO; /* it shrank while it was read */
		at += (size_t)n;
	}
	*out = data;
	data = NULL;
	return 0;
}

static int add_file(struct pages *p, int fd, size_t size, const char *path)
{
	struct page *page = &p->pages[p->n];
	char *data = NULL;
	int result;

	if (p->n == PAGES_MAX || size > PAGES_MAX_BYTES - p->bytes)
		return -E2BIG;
	result = read_all(fd, size, &data);
	if (result < 0)
		return result;
	page->path = strdup(path);
	if (page->path == NULL) {
		free(data);
		return -ENOMEM;
	}
	page->body = (struct slice){data, size};
	page->content_type = type_of(path);
	snprintf(page->etag, sizeof(page->etag), "\"%016" PRIx64 "\"",
		map_siphash(0, 0, page->body));
	p->bytes += size;
	p->n++;
	return 0;
}

static int add_directory(struct pages *p, int fd, const char *prefix, unsigned depth);

static int add_entry(struct pages *p, int dir, const char *prefix, const char *name, unsigned depth)
{
	CLEANUP(fd_closep) int fd = openat(dir, name, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	char path[256];
	struct stat st;
	int inner;

	if (fd < 0 || fstat(fd, &st) < 0)
		return -errno;
	if ((size_t)snprintf(path, sizeof(path), "%s/%s", prefix, name) >= sizeof(path))
		return -ENAMETOOLONG;
	if (S_ISREG(st.st_mode))
		return add_file(p, fd, (size_t)st.st_size, path);
	if (!S_ISDIR(st.st_mode))
		return 0;
	inner = fd;
	fd = -1; /* add_directory() takes it */
	return add_directory(p, inner, path, depth + 1);
}

/* Takes fd. */
static int add_directory(struct pages *p, int fd, const char *prefix, unsigned depth)
{
	DIR *dir = depth > DEPTH_MAX ? NULL : fdopendir(fd);
	struct dirent *entry;
	int result = 0;

	if (dir == NULL) {
		result = depth > DEPTH_MAX ? -E2BIG : -errno;
		close(fd);
		return result;
	}
	while (result == 0 && (entry = readdir(dir)) != NULL) {
		if (entry->d_name[0] != '.')
			result = add_entry(p, dirfd(dir), prefix, entry->d_name, depth);
	}
	closedir(dir);
	return result;
}

int pages_load(struct pages **out, const char *dir)
{
	CLEANUP(pages_freep) struct pages *p = calloc(1, sizeof(*p));
	int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int result;

	if (p == NULL || fd < 0) {
		result = p == NULL ? -ENOMEM : -errno;
		if (fd >= 0)
			close(fd);
		return result;
	}
	result = add_directory(p, fd, "", 0);
	if (result < 0)
		return result;
	*out = p;
	p = NULL;
	return 0;
}

const struct page *pages_find(const struct pages *p, struct slice path)
{
	if (slice_is(path, "/"))
		path = SLICE_LITERAL("/index.html");
	for (size_t i = 0; p != NULL && i < p->n; i++) {
		if (slice_is(path, p->pages[i].path))
			return &p->pages[i];
	}
	return NULL;
}

size_t pages_count(const struct pages *p)
{
	return p->n;
}
