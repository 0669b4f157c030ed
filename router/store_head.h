/*
 * store_head: the sealed head, a small file that says how far the store beside it has come.  It is
 * written after each commit; a store that is behind its head has lost something.
 */
#ifndef POSTERN_ROUTER_STORE_HEAD_H
#define POSTERN_ROUTER_STORE_HEAD_H

#include "proto/limits.h"
#include "router/store_mac.h"

struct store_head {
	struct store_mac *mac; /* of the head's own key */
	int fd;
	char epoch[EPOCH_BYTES];
	uint64_t counter;
};

enum store_head_found { STORE_HEAD_FOUND, STORE_HEAD_NONE, STORE_HEAD_DAMAGED, STORE_HEAD_FAILED };

/* fd is -1 before.  Opens and reads. */
enum store_head_found store_head_open(struct store_head *h, const char *path);
/* Makes the file, or writes it anew, with what epoch and counter say; durable.  0 or -errno. */
int store_head_make(struct store_head *h, const char *path);
/* 0 or -errno.  Not flushed: a head that is behind its store is none the worse. */
int store_head_seal(struct store_head *h, uint64_t counter);
void store_head_fini(struct store_head *h);

/* The directory that holds path, flushed: its new names survive.  0 or -errno. */
int store_dir_flush(const char *path);

#endif
