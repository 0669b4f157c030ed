/*
 * page_answer: which request gets which answer, as bytes.  Pure but for the hub's numbers.
 */
#ifndef POSTERN_ROUTER_PAGE_ANSWER_H
#define POSTERN_ROUTER_PAGE_ANSWER_H

#include "common/buf.h"
#include "proto/http_head.h"
#include "router/hub.h"

#define PAGE_ANSWER_MAX_BYTES 1048576

/* Appends a whole answer, which always ends the connection. */
void page_answer(struct buf *out, struct hub *h, const struct http_head *head);
void page_answer_status(struct buf *out, int status, const char *text);

#endif
