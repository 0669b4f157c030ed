/*
 * ctl: bus_call() for the targets of the control tools.  What a daemon answers is the next slice of
 * the script; when that is over nobody answers any more.
 */
#ifndef POSTERN_TESTS_FUZZ_CTL_H
#define POSTERN_TESTS_FUZZ_CTL_H

#include "tests/fuzz/script.h"

/* Borrowed until the next. */
void ctl_answers(struct script *s);

#endif
