/*
 * bug: bugs that the tests must catch.  `if (BUG(3))` is the third of them; in every build but
 * those of scripts/bugs it is 0 and vanishes.  scripts/bugs makes each bug in turn, runs the
 * scenario that stands beside it and says caught or missed.
 *
 *   n  caught by            what
 */
#ifndef POSTERN_COMMON_BUG_H
#define POSTERN_COMMON_BUG_H

/* Written by scripts/bugs into its own build directory, so that only what has bugs is built anew.
 */
#if __has_include(<bug_number.h>)
#include <bug_number.h>
#endif
#ifndef POSTERN_BUG
#define POSTERN_BUG 0
#endif

#define BUG(n) (POSTERN_BUG == (n))

#endif
