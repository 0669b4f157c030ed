/*
 * cleanup: scope-bound ownership for locals.  CLEANUP(freep) struct x *p = NULL; then p is freed at
 * the end of its block; give it away with *out = p; p = NULL;
 */
#ifndef POSTERN_COMMON_CLEANUP_H
#define POSTERN_COMMON_CLEANUP_H

#include <stdlib.h>
#include <unistd.h>

#define CLEANUP(fn) __attribute__((cleanup(fn)))

/* Makes fn##p for use with CLEANUP: DEFINE_FREEP(struct x, x_free) */
#define DEFINE_FREEP(type, fn)                                                                     \
	static inline void fn##p(type **p)                                                         \
	{                                                                                          \
		fn(*p);                                                                            \
	}

static inline void mem_freep(void *p)
{
	free(*(void **)p);
}

static inline void fd_closep(int *fd)
{
	if (*fd >= 0)
		close(*fd);
}

#endif
