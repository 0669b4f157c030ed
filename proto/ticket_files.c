/*
 * A directory has the keys by their names, so that no other file has to agree with it after a
 * crash.  Which of two keys is the newer follows from their ids: each rotation takes the next one.
 */
#include "proto/ticket_files.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/random.h"

enum { BOOT_ID_BYTES = 36, PATH_BYTES = 4096 };

static const char old_name[] = "ticket.key"; /* of the key with id 1 */

static void dir_closep(DIR **dir)
{
	if (*dir != NULL)
		closedir(*dir);
}

/* Reads until size or the end; the number read, or -errno. */
static ssize_t read_all(int fd, void *buf, size_t size)
{
	size_t n = 0;

	while (n < size) {
		ssize_t got = read(fd, (char *)buf + n, size - n);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return -errno;
		if (got == 0)
			break;
		n += (size_t)got;
	}
	return (ssize_t)n;
}

int boot_id_read(char buf[40])
{
	CLEANUP(fd_closep) int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
	ssize_t n;

	if (fd < 0)
		return -errno;
	n = read_all(fd, buf, BOOT_ID_BYTES);
	if (n < 0)
		return (int)n;
	if (n != BOOT_ID_BYTES)
		return -EIO;
	buf[BOOT_ID_BYTES] = '\0';
	return strspn(buf, "0123456789abcdef-") == BOOT_ID_BYTES ? 0 : -EIO;
}

/* A complete, synced key file under a name of its own in dir; its name goes to path. */
static int write_secret(const char *dir, char path[PATH_BYTES])
{
	unsigned char secret[TICKET_KEY_BYTES];
	CLEANUP(fd_closep) int fd = -1;
	int err = 0;

	if (snprintf(path, PATH_BYTES, "%s/.ticket.key.XXXXXX", dir) >= PATH_BYTES)
		return -ENAMETOOLONG;
	random_fill(secret, sizeof(secret));
	fd = mkostemp(path, O_CLOEXEC);
	if (fd < 0) {
		err = -errno;
		explicit_bzero(secret, sizeof(secret));
		return err;
	}
	/* 32 bytes into a fresh file arrive together or not at all. */
	if (write(fd, secret, sizeof(secret)) != (ssize_t)sizeof(secret))
		err = -ENOSPC;
	else if (fchmod(fd, 0640) < 0 || fsync(fd) < 0)
		err = -errno;
	explicit_bzero(secret, sizeof(secret));
	if (err < 0)
		unlink(path);
	return err;
}

static int sync_dir(const char *dir)
{
	CLEANUP(fd_closep) int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	return fd < 0 || fsync(fd) < 0 ? -errno : 0;
}

static int path_of(char path[PATH_BYTES], const char *dir, const char *name)
{
	return snprintf(path, PATH_BYTES, "%s/%s", dir, name) >= PATH_BYTES ? -ENAMETOOLONG : 0;
}

static int path_of_id(char path[PATH_BYTES], const char *dir, unsigned char id)
{
	return snprintf(path, PATH_BYTES, "%s/%u.key", dir, id) >= PATH_BYTES ? -ENAMETOOLONG : 0;
}

int ticket_file_make(const char *dir, unsigned char id)
{
	char temporary[PATH_BYTES];
	char final[PATH_BYTES];
	int err = path_of_id(final, dir, id);

	if (err < 0)
		return err;
	if (access(final, F_OK) == 0)
		return 0;
	err = write_secret(dir, temporary);
	if (err < 0)
		return err;
	/* link() never replaces: of two processes that start together one key wins, for both. */
	err = link(temporary, final) < 0 && errno != EEXIST ? -errno : 0;
	unlink(temporary);
	return err < 0 ? err : sync_dir(dir);
}

static int secret_read(const char *path, unsigned char out[TICKET_KEY_BYTES])
{
	CLEANUP(fd_closep) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	struct stat st;
	ssize_t n;

	if (fd < 0 || fstat(fd, &st) < 0)
		return -errno;
	if ((st.st_mode & (S_IWGRP | S_IRWXO)) != 0)
		return -EACCES;
	if (!S_ISREG(st.st_mode) || st.st_size != TICKET_KEY_BYTES)
		return -EINVAL;
	n = read_all(fd, out, TICKET_KEY_BYTES);
	if (n == TICKET_KEY_BYTES)
		return 0;
	explicit_bzero(out, TICKET_KEY_BYTES);
	return n < 0 ? (int)n : -EIO;
}

int ticket_file_read(const char *dir, unsigned char id, unsigned char out[TICKET_KEY_BYTES])
{
	char path[PATH_BYTES];
	int err = path_of_id(path, dir, id);

	if (err == 0)
		err = secret_read(path, out);
	if (err != -ENOENT || id != 1)
		return err;
	err = path_of(path, dir, old_name);
	return err < 0 ? err : secret_read(path, out);
}

int ticket_file_remove(const char *dir, unsigned char id)
{
	char path[PATH_BYTES];
	int err = path_of_id(path, dir, id);

	if (err < 0)
		return err;
	if (unlink(path) < 0 && errno != ENOENT)
		return -errno;
	return sync_dir(dir);
}

/* 0: no key file's name. */
static unsigned char id_of_name(const char *name)
{
	unsigned id = 0;
	const char *p = name;

	for (; *p >= '0' && *p <= '9' && id <= UINT8_MAX; p++)
		id = id * 10 + (unsigned)(*p - '0');
	return name[0] == '0' || id > UINT8_MAX || strcmp(p, ".key") != 0 ? 0 : (unsigned char)id;
}

/* a was made after b: ids go round, and live ones are near each other. */
static bool is_newer(unsigned char a, unsigned char b)
{
	return (a + UINT8_MAX - b) % UINT8_MAX < UINT8_MAX / 2;
}

int ticket_files_ids(const char *dir, unsigned char out[TICKET_KEYS_MAX])
{
	CLEANUP(dir_closep) DIR *d = opendir(dir);
	const struct dirent *entry;
	bool is_old_there = false;
	int n = 0;

	if (d == NULL)
		return -errno;
	while ((entry = readdir(d)) != NULL) {
		unsigned char id = id_of_name(entry->d_name);
		int at = n;

		is_old_there = is_old_there || strcmp(entry->d_name, old_name) == 0;
		if (id == 0)
			continue;
		if (n == TICKET_KEYS_MAX)
			return -E2BIG;
		for (; at > 0 && is_newer(out[at - 1], id); at--)
			out[at] = out[at - 1];
		out[at] = id;
		n++;
	}
	if (n == 0 && is_old_there)
		out[n++] = 1;
	return n;
}

int ticket_files_adopt(const char *dir)
{
	unsigned char ids[TICKET_KEYS_MAX];
	char before[PATH_BYTES];
	char first[PATH_BYTES];
	int n = ticket_files_ids(dir, ids);
	int err = n < 0 ? n : path_of(before, dir, old_name);

	if (err == 0)
		err = path_of_id(first, dir, 1);
	if (err < 0)
		return err;
	if (n == 0)
		return ticket_file_make(dir, 1);
	if (access(before, F_OK) < 0)
		return errno == ENOENT ? 0 : -errno;
	/* Beside newer keys it is what an auth of before left that ran in between. */
	if (access(first, F_OK) == 0 || n > 1 || ids[0] != 1)
		err = unlink(before);
	else
		err = rename(before, first);
	return err < 0 ? -errno : sync_dir(dir);
}

int ticket_keys_load_one(struct ticket_keys *keys, const char *dir, unsigned char id)
{
	unsigned char secret[TICKET_KEY_BYTES];
	int err = ticket_file_read(dir, id, secret);

	if (err < 0)
		return err;
	err = ticket_keys_add(keys, id, secret);
	explicit_bzero(secret, sizeof(secret));
	return err == -EEXIST ? 0 : err;
}

int ticket_keys_load(struct ticket_keys **out, const char *dir)
{
	CLEANUP(ticket_keys_freep) struct ticket_keys *keys = NULL;
	unsigned char ids[TICKET_KEYS_MAX];
	char boot_id[40];
	int n = ticket_files_ids(dir, ids);
	int err = n == 0 ? -ENOENT : n;

	if (err > 0)
		err = boot_id_read(boot_id);
	if (err == 0)
		err = ticket_keys_new(&keys, slice_of(boot_id));
	for (int i = 0; err == 0 && i < n; i++)
		err = ticket_keys_load_one(keys, dir, ids[i]);
	if (err < 0)
		return err;
	*out = keys;
	keys = NULL;
	return 0;
}
