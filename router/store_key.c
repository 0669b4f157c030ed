/*
 * The key is written under another name and moved, so a power cut leaves a whole key or none.
 */
#include "router/store_key.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <linux/magic.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include "common/cleanup.h"
#include "common/random.h"
#include "router/store_head.h"

int store_lock(int *out, const char *path)
{
	CLEANUP(fd_closep) int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);

	if (fd < 0 || flock(fd, LOCK_EX | LOCK_NB) < 0)
		return -errno;
	*out = fd;
	fd = -1;
	return 0;
}

int store_key_read(unsigned char out[STORE_KEY_FILE_BYTES], const char *path)
{
	CLEANUP(fd_closep) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0)
		return -errno;
	if ((st.st_mode & (S_IRWXG | S_IRWXO)) != 0)
		return -EPERM;
	if (!S_ISREG(st.st_mode) || st.st_size != STORE_KEY_FILE_BYTES)
		return -EINVAL;
	return read(fd, out, STORE_KEY_FILE_BYTES) == STORE_KEY_FILE_BYTES ? 0 : -EIO;
}

int store_key_make(unsigned char out[STORE_KEY_FILE_BYTES], const char *path)
{
	char part[PATH_MAX];
	CLEANUP(fd_closep) int fd = -1;

	if (snprintf(part, sizeof(part), "%s.new", path) >= (int)sizeof(part))
		return -ENAMETOOLONG;
	(void)unlink(part);
	fd = open(part, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0)
		return -errno;
	random_fill(out, STORE_KEY_FILE_BYTES);
	if (write(fd, out, STORE_KEY_FILE_BYTES) != STORE_KEY_FILE_BYTES)
		return -EIO;
	if (fsync(fd) < 0 || rename(part, path) < 0)
		return -errno;
	return store_dir_flush(path);
}

int store_is_volatile(const char *path)
{
	char copy[PATH_MAX];
	struct statfs fs;

	if (snprintf(copy, sizeof(copy), "%s", path) >= (int)sizeof(copy))
		return -ENAMETOOLONG;
	if (statfs(dirname(copy), &fs) < 0)
		return -errno;
	return fs.f_type == TMPFS_MAGIC || fs.f_type == RAMFS_MAGIC;
}
