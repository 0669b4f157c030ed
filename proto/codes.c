/*
 * The tables of codes.h as data.  The two ranges do not meet (1000-1999 and 4000-4999), so one
 * search serves both.
 */
#include "proto/codes.h"

#include <stddef.h>

#define ENTRY_(number, symbol, text, retry) {number, text, retry},

static const struct code_info codes[] = {EXCEPTION_CODES(ENTRY_) CLOSE_CODES(ENTRY_)};

const struct code_info *code_info(unsigned code)
{
	for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++) {
		if (codes[i].code == code)
			return &codes[i];
	}
	return NULL;
}
