/*
 * store_key: the files beside a store that are not SQLite's: the lock and the key.
 */
#ifndef POSTERN_ROUTER_STORE_KEY_H
#define POSTERN_ROUTER_STORE_KEY_H

#include <stdbool.h>

#include "router/store_mac.h"

/* Half of the file is for rows, half for the sealed head. */
#define STORE_KEY_FILE_BYTES (2 * STORE_KEY_BYTES)

/* Owned *out, a descriptor that holds the lock as long as it is open.  -EWOULDBLOCK: another
 * process holds it. */
int store_lock(int *out, const char *path);
/* -ENOENT: there is none; -EINVAL: not a key; -EPERM: others may read it.  The caller wipes. */
int store_key_read(unsigned char out[STORE_KEY_FILE_BYTES], const char *path);
/* A new one, durable.  0 or -errno. */
int store_key_make(unsigned char out[STORE_KEY_FILE_BYTES], const char *path);
/* Whether path's directory is in memory.  1, 0 or -errno. */
int store_is_volatile(const char *path);

#endif
