/*
 * random: bytes of the kernel's generator.  It cannot fail once a machine is up, so the process
 * ends when it does.  Any thread.
 */
#ifndef POSTERN_COMMON_RANDOM_H
#define POSTERN_COMMON_RANDOM_H

#include <stddef.h>
#include <stdint.h>

void random_fill(void *out, size_t bytes);
/* Never 0. */
uint64_t random_u64(void);

#endif
