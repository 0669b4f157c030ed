/*
 * clock: the times and the random numbers that the pure parts get in their events.
 */
#ifndef POSTERN_ROUTER_CLOCK_H
#define POSTERN_ROUTER_CLOCK_H

#include <stddef.h>
#include <stdint.h>

int64_t clock_boot_ms(void); /* CLOCK_BOOTTIME */
int64_t clock_wall_ms(void); /* since 1970 */

/* Fills out from the kernel's generator; the process ends when that fails (it cannot, after boot).
 */
void clock_random(void *out, size_t bytes);
/* Never 0. */
uint64_t clock_random_u64(void);

#endif
