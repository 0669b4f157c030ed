/*
 * setting: the value of one setting of config.h: reading, defaults, and the words for what is
 * allowed. Used by config.c alone.
 */
#ifndef POSTERN_COMMON_SETTING_H
#define POSTERN_COMMON_SETTING_H

#include <stdbool.h>
#include <stddef.h>

#include "common/config.h"

/* Reads text into the field of out; false: not allowed, and the field is as it was. */
bool setting_parse(const struct setting *s, const char *text, void *out);
void setting_set_default(const struct setting *s, void *out);
/* Frees a text field and sets it to NULL. */
void setting_free(const struct setting *s, void *out);

/* The default as the user would write it, in buf or static. */
const char *setting_default(const struct setting *s, char buf[32]);
/* What stands behind the name in --help: TEXT, NUMBER, a|b|c, or nothing; static or in buf. */
const char *setting_form(const struct setting *s, char *buf, size_t size);
/* ", 1 to 10", ", at least 1s", or nothing, in buf. */
const char *setting_range(const struct setting *s, char *buf, size_t size);
/* "a whole number, 1 to 10", in buf. */
const char *setting_allowed(const struct setting *s, char *buf, size_t size);

#endif
