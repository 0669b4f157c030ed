/*
 * base64url: RFC 4648, section 5, without padding.  Strict: one text for each byte string, so
 * blanks, padding, other alphabets and left-over bits that are not zero are errors.  Pure.
 */
#ifndef POSTERN_AUTH_BASE64URL_H
#define POSTERN_AUTH_BASE64URL_H

#include <stdbool.h>
#include <stddef.h>

#include "common/slice.h"

/* Upper bounds, exact for whole groups. */
#define BASE64URL_DECODED_MAX(chars) ((chars) / 4 * 3 + 2)
#define BASE64URL_ENCODED_MAX(bytes) (((bytes) + 2) / 3 * 4)

/* Decodes text into out, which holds out_size bytes.  False: not base64url, or it does not fit. */
bool base64url_decode(struct slice text, unsigned char *out, size_t out_size, size_t *out_len);

/* out holds BASE64URL_ENCODED_MAX(n) + 1 bytes and is terminated.  The number of characters. */
size_t base64url_encode(const unsigned char *bytes, size_t n, char *out);

#endif
