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
/* The same as the member of that name, which needs no escapes. */
void plain_add_member(struct buf *b, const char *name, struct slice s);

/*
 * A cell of a table: s as plain_add() shows it, - where it is empty, and blanks: up to width, and
 * two to the next column.  A longer one pushes its line to the right, which is uglier than cutting
 * it and more useful: columns have fixed widths, since lists come in pages and streams.
 */
void plain_add_cell(struct buf *b, struct slice s, size_t width);
/* Ends a line of cells, without blanks at its end. */
void plain_end_line(struct buf *b);

#endif
