/*
 * clock: the times that the pure parts get as arguments, in ms.  A test of what reads them links
 * its own.
 */
#ifndef POSTERN_COMMON_CLOCK_H
#define POSTERN_COMMON_CLOCK_H

#include <stdint.h>

int64_t clock_boot_ms(void); /* CLOCK_BOOTTIME: the same in all processes, also over a suspend */
int64_t clock_wall_ms(void); /* since 1970 */
int64_t clock_mono_ms(void); /* CLOCK_MONOTONIC: for deadlines */

#endif
