/*
 * seeds: the inputs that a target begins with, as text that can be read and reviewed: one input a
 * line, with \n, \r, \t, \\ and \xNN for what is no plain ASCII, and \*N; before a byte that is
 * there N times.  Empty lines, and lines that begin with #, are left out; an input that begins so
 * is written with an escape.
 */
#ifndef POSTERN_TESTS_FUZZ_SEEDS_H
#define POSTERN_TESTS_FUZZ_SEEDS_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/* bytes are borrowed for the call. */
typedef void seeds_each_fn(void *arg, const uint8_t *bytes, size_t len);

/* How many there were; -1 after a line on stderr. */
int seeds_read(const char *path, seeds_each_fn *each, void *arg);
/* One line. */
void seeds_write(FILE *to, const uint8_t *bytes, size_t len);

#endif
