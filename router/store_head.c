/*
 * Forty bytes in one sector: magic, epoch, counter, MAC.
 */
#include "router/store_head.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "router/store_record.h"

#define MAGIC "POSTHEAD"
#define MAGIC_BYTES 8
#define AT_COUNTER (MAGIC_BYTES + EPOCH_BYTES)
#define SEALED_BYTES (AT_COUNTER + 8)
#define HEAD_BYTES (SEALED_BYTES + STORE_MAC_BYTES)

enum store_head_found store_head_open(struct store_head *h, const char *path)
{
	char in[HEAD_BYTES + 1];
	ssize_t n;

	h->fd = open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
	if (h->fd < 0)
		return errno == ENOENT ? STORE_HEAD_NONE : STORE_HEAD_FAILED;
	n = pread(h->fd, in, sizeof(in), 0);
	if (n < 0)
		return STORE_HEAD_FAILED;
	if (n != HEAD_BYTES || memcmp(in, MAGIC, MAGIC_BYTES) != 0 ||
		!store_mac_fits(h->mac, STORE_DOMAIN_HEAD, 0, (struct slice){in, HEAD_BYTES}))
		return STORE_HEAD_DAMAGED;
	memcpy(h->epoch, in + MAGIC_BYTES, EPOCH_BYTES);
	h->counter = store_get_u64(in + AT_COUNTER);
	return STORE_HEAD_FOUND;
}

int store_head_seal(struct store_head *h, uint64_t counter)
{
	char out[HEAD_BYTES];
	ssize_t n;

	memcpy(out, MAGIC, MAGIC_BYTES);
	memcpy(out + MAGIC_BYTES, h->epoch, EPOCH_BYTES);
	store_put_u64(out + AT_COUNTER, counter);
	if (!store_mac_make(h->mac, STORE_DOMAIN_HEAD, 0, (struct slice){out, SEALED_BYTES},
		    out + SEALED_BYTES))
		return -EIO;
	n = pwrite(h->fd, out, sizeof(out), 0);
	if (n != (ssize_t)sizeof(out))
		return n < 0 ? -errno : -EIO;
	h->counter = counter;
	return 0;
}

int store_dir_flush(const char *path)
{
	char copy[PATH_MAX];
	CLEANUP(fd_closep) int fd = -1;

	if (snprintf(copy, sizeof(copy), "%s", path) >= (int)sizeof(copy))
		return -ENAMETOOLONG;
	fd = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return fd < 0 || fsync(fd) < 0 ? -errno : 0;
}

int store_head_make(struct store_head *h, const char *path)
{
	int r;

	if (h->fd < 0)
		h->fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (h->fd < 0 || ftruncate(h->fd, HEAD_BYTES) < 0)
		return -errno;
	r = store_head_seal(h, h->counter);
	if (r < 0)
		return r;
	return fsync(h->fd) < 0 ? -errno : store_dir_flush(path);
}

void store_head_fini(struct store_head *h)
{
	if (h->fd >= 0)
		close(h->fd);
	store_mac_free(h->mac);
}
