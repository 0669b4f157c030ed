/*
 * store_record: a message as bytes.  The front makes them on the loop thread, so that submitting
 * is one allocation and one copy; the backends keep them as they are.
 */
#ifndef POSTERN_ROUTER_STORE_RECORD_H
#define POSTERN_ROUTER_STORE_RECORD_H

#include "router/message.h"

size_t store_record_size(const struct message *m);
/* out has store_record_size(m) bytes. */
void store_record_encode(const struct message *m, char *out);
/* Slices of *out borrow bytes.  false: not a record. */
bool store_record_decode(struct slice bytes, struct message *out);

/* Fixed-size numbers, least significant byte first. */
void store_put_u64(char *out, uint64_t value);
uint64_t store_get_u64(const char *in);

#endif
