/*
 * json_uid: a user id in JSON: a string, or a number that is written as its id is.  Pure.
 */
#ifndef POSTERN_EDGE_JSON_UID_H
#define POSTERN_EDGE_JSON_UID_H

#include <stdbool.h>

#include "common/json.h"
#include "common/slice.h"

#define UID_DIGITS 24

/* text is all of the JSON that value is of.  *out points into value or into digits. */
bool json_uid(struct slice text, const json_t *value, char digits[UID_DIGITS], struct slice *out);

#endif
