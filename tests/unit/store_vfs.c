/*
 * A file of this layer is the real one with other methods in front: they look at the switch and
 * then ask the real ones.
 */
#include "tests/unit/store_vfs.h"

#include <sqlite3.h>
#include <stddef.h>
#include <string.h>

struct file {
	sqlite3_file base;
	/* the real one follows */
};

#define REAL_AT 64 /* aligned, past struct file */

static struct store_vfs faults;
static sqlite3_vfs *real_vfs;
static sqlite3_vfs vfs;

static sqlite3_file *real(sqlite3_file *f)
{
	return (sqlite3_file *)((char *)f + REAL_AT);
}

static int file_close(sqlite3_file *f)
{
	return real(f)->pMethods->xClose(real(f));
}

static int file_read(sqlite3_file *f, void *out, int n, sqlite3_int64 at)
{
	int fault = atomic_load(&faults.read);

	return fault != 0 ? fault : real(f)->pMethods->xRead(real(f), out, n, at);
}

static int file_write(sqlite3_file *f, const void *in, int n, sqlite3_int64 at)
{
	int fault = atomic_load(&faults.write);

	if (fault != 0 && atomic_fetch_sub(&faults.writes_left, 1) <= 0)
		return fault;
	return real(f)->pMethods->xWrite(real(f), in, n, at);
}

static int file_truncate(sqlite3_file *f, sqlite3_int64 size)
{
	return real(f)->pMethods->xTruncate(real(f), size);
}

static int file_sync(sqlite3_file *f, int flags)
{
	int fault = atomic_load(&faults.sync);

	return fault != 0 ? fault : real(f)->pMethods->xSync(real(f), flags);
}

static int file_size(sqlite3_file *f, sqlite3_int64 *out)
{
	return real(f)->pMethods->xFileSize(real(f), out);
}

static int file_lock(sqlite3_file *f, int lock)
{
	return real(f)->pMethods->xLock(real(f), lock);
}

static int file_unlock(sqlite3_file *f, int lock)
{
	return real(f)->pMethods->xUnlock(real(f), lock);
}

static int file_reserved(sqlite3_file *f, int *out)
{
	return real(f)->pMethods->xCheckReservedLock(real(f), out);
}

static int file_control(sqlite3_file *f, int op, void *arg)
{
	return real(f)->pMethods->xFileControl(real(f), op, arg);
}

static int file_sector(sqlite3_file *f)
{
	return real(f)->pMethods->xSectorSize(real(f));
}

static int file_device(sqlite3_file *f)
{
	return real(f)->pMethods->xDeviceCharacteristics(real(f));
}

/* Version 1: no shared memory, as the store needs none. */
static const sqlite3_io_methods methods = {
	.iVersion = 1,
	.xClose = file_close,
	.xRead = file_read,
	.xWrite = file_write,
	.xTruncate = file_truncate,
	.xSync = file_sync,
	.xFileSize = file_size,
	.xLock = file_lock,
	.xUnlock = file_unlock,
	.xCheckReservedLock = file_reserved,
	.xFileControl = file_control,
	.xSectorSize = file_sector,
	.xDeviceCharacteristics = file_device,
};

static int vfs_open(sqlite3_vfs *v, const char *name, sqlite3_file *f, int flags, int *out_flags)
{
	int code = real_vfs->xOpen(real_vfs, name, real(f), flags, out_flags);

	(void)v;
	f->pMethods = real(f)->pMethods == NULL ? NULL : &methods;
	return code;
}

struct store_vfs *store_vfs_install(void)
{
	if (real_vfs == NULL) {
		real_vfs = sqlite3_vfs_find(NULL);
		vfs = *real_vfs;
		vfs.szOsFile = real_vfs->szOsFile + REAL_AT;
		vfs.zName = "faults";
		vfs.xOpen = vfs_open;
		(void)sqlite3_vfs_register(&vfs, 1);
	}
	atomic_store(&faults.write, 0);
	atomic_store(&faults.sync, 0);
	atomic_store(&faults.read, 0);
	atomic_store(&faults.writes_left, 0);
	return &faults;
}
