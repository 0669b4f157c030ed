/*
 * A copy in slices, on the store's own connection: what is written meanwhile goes to the copy too.
 * It is made under another name and moved when it is complete and on disk.
 */
#include <errno.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <stdio.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "router/store_head.h"
#include "router/store_sqlite_inner.h"

#define SLICE_PAGES 256
#define LEFT_BYTES 67108864 /* for messages, beside the copy */

const char *sq_backup_path(const struct store_backend *b)
{
	return ((const struct store_sqlite *)b)->backup_path;
}

void sq_backup_end(struct store_sqlite *s)
{
	sqlite3_backup_finish(s->backup);
	sqlite3_close(s->copy);
	s->backup = NULL;
	s->copy = NULL;
}

/* A copy that fills the disk would have messages refused until it has failed. */
static int look_for_room(struct store_sqlite *s)
{
	struct statvfs disk;
	int64_t pages, page_bytes;
	int r = sq_number(s, "PRAGMA page_count", &pages);

	if (r == 0)
		r = sq_number(s, "PRAGMA page_size", &page_bytes);
	if (r < 0)
		return r;
	if (statvfs(s->path, &disk) < 0)
		return -errno;
	return (uint64_t)disk.f_bavail * disk.f_frsize <
			       (uint64_t)pages * (uint64_t)page_bytes + LEFT_BYTES
		       ? -ENOSPC
		       : 0;
}

static int begin(struct store_sqlite *s)
{
	CLEANUP(fd_closep) int fd = -1;
	int r = look_for_room(s);

	if (r < 0)
		return r;
	(void)unlink(s->backup_part);
	fd = open(s->backup_part, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0)
		return -errno;
	r = sq_errno(sqlite3_open_v2(s->backup_part, &s->copy,
		SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE, NULL));
	if (r == 0)
		r = sq_errno(sqlite3_exec(s->copy,
			"PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF;", NULL, NULL, NULL));
	if (r < 0)
		return r;
	s->backup = sqlite3_backup_init(s->copy, "main", s->db, "main");
	return s->backup == NULL ? sq_errno(sqlite3_errcode(s->copy)) : 0;
}

static int finish(struct store_sqlite *s)
{
	CLEANUP(fd_closep) int fd = -1;
	int r = sq_errno(sqlite3_backup_finish(s->backup));

	s->backup = NULL;
	sq_backup_end(s);
	if (r < 0)
		return r;
	fd = open(s->backup_part, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || fsync(fd) < 0 || rename(s->backup_part, s->backup_path) < 0)
		return -errno;
	return store_dir_flush(s->backup_path);
}

int sq_backup(struct store_backend *b, bool *more)
{
	struct store_sqlite *s = (struct store_sqlite *)b;
	int code, r = s->backup == NULL ? begin(s) : 0;

	*more = false;
	if (r == 0) {
		code = sqlite3_backup_step(s->backup, SLICE_PAGES);
		*more = code == SQLITE_OK;
		r = code == SQLITE_DONE ? finish(s) : sq_errno(code);
	}
	if (r < 0) {
		sq_backup_end(s);
		(void)unlink(s->backup_part);
	}
	return r;
}
