/*
 * plain: text from the wire or a command line, made safe for a terminal or for JSON.  A hostile
 * daemon, or a user id that went through one, must not move the cursor, colour the screen or set a
 * title.  Pure.
 */
#ifndef POSTERN_COMMON_PLAIN_H
#define POSTERN_COMMON_PLAIN_H

#include <stddef.h>
#include <stdint.h>

#include "common/buf.h"
#include "common/slice.h"

/*
 * Appends s with everything that is not plain text escaped: control characters (C0, C1, DEL) and
 * bytes that are no UTF-8 as \xNN, characters that change the direction of text and line separators
 * as \u{N}, a backslash as \\.
 */
void plain_add(struct buf *b, struct slice s);
/* How many columns plain_add() gives, where every character is one wide. */
size_t plain_width(struct slice safe);

/* Appends s as a JSON string.  Bytes that are no UTF-8 become U+FFFD. */
void plain_add_json(struct buf *b, struct slice s);

#endif
