/*
 * store_vfs: SQLite's own file layer with a disk that fails when a test says so.
 */
#ifndef POSTERN_TESTS_UNIT_STORE_VFS_H
#define POSTERN_TESTS_UNIT_STORE_VFS_H

#include <stdatomic.h>

/* What every write, or every flush, answers from now on; 0: what the disk says. */
struct store_vfs {
	_Atomic int write;
	_Atomic int sync;
	_Atomic int read;
	_Atomic int writes_left; /* before `write` holds */
};

/* Becomes the layer of every database that is opened from now on. */
struct store_vfs *store_vfs_install(void);

#endif
