/*
 * test: cmocka with the headers that it wants before it.
 */
#ifndef POSTERN_TESTS_UNIT_TEST_H
#define POSTERN_TESTS_UNIT_TEST_H

/* The order matters.  */
/* clang-format off */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#endif
