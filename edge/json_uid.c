/*
 * 7 and "7" name the same user; 7.0, 07 and -0 name nobody, and numbers end where JavaScript's are
 * exact.
 */
#include "edge/json_uid.h"

#include <stdio.h>

#include "proto/names.h"

#define UID_NUMBER_MAX 999999999999999 /* 15 digits */

/* Whether a number outside of strings is written -0, which jansson reads as 0. */
static bool has_minus_zero(struct slice text)
{
	bool in_string = false;

	for (size_t i = 0; i + 1 < text.len; i++) {
		char c = text.data[i];

		if (in_string && c == '\\')
			i++;
		else if (c == '"')
			in_string = !in_string;
		else if (!in_string && c == '-' && text.data[i + 1] == '0')
			return true;
	}
	return false;
}

bool json_uid(struct slice text, const json_t *value, char digits[UID_DIGITS], struct slice *out)
{
	json_int_t n;

	if (json_is_string(value)) {
		*out = (struct slice){json_string_value(value), json_string_length(value)};
		return name_is_uid(*out);
	}
	if (!json_is_integer(value))
		return false;
	n = json_integer_value(value);
	if (n < 0 || n > UID_NUMBER_MAX || (n == 0 && has_minus_zero(text)))
		return false;
	*out = (struct slice){
		digits, (size_t)snprintf(digits, UID_DIGITS, "%" JSON_INTEGER_FORMAT, n)};
	return true;
}
