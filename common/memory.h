/*
 * memory: what this process may use and what it uses, so that it refuses new work before the kernel
 * ends it.  The budget is a setting or the limit of the cgroup (v2); the use is the resident size.
 */
#ifndef POSTERN_COMMON_MEMORY_H
#define POSTERN_COMMON_MEMORY_H

#include <stdbool.h>
#include <stdint.h>

struct memory {
	int statm;	/* kept open: later nothing may be opened any more */
	uint64_t limit; /* bytes; 0: none */
	uint64_t used;	/* at the last memory_read() */
};

/* setting: bytes; 0: the smallest limit of the process's cgroups.  Without /proc nothing is known,
 * and nothing is ever tight. */
void memory_open(struct memory *m, uint64_t setting);
/* Reads the use anew; once a second is enough. */
void memory_read(struct memory *m);
/* Over MEMORY_TIGHT_PERCENT of the limit: what is new is to be refused. */
#define MEMORY_TIGHT_PERCENT 80
bool memory_is_tight(const struct memory *m);

/* Of a cgroup's directory and those above it within root, the smallest memory.max; 0: none. */
uint64_t memory_cgroup_limit(const char *root, const char *path);

#endif
