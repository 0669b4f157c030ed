/*
 * names: the character sets of what travels as text.  Pure.
 */
#ifndef POSTERN_PROTO_NAMES_H
#define POSTERN_PROTO_NAMES_H

#include <stdbool.h>

#include "common/slice.h"

bool name_is_uid(struct slice s); /* 1..UID_MAX_BYTES of [A-Za-z0-9._@:-] */
bool name_is_device(
	struct slice s); /* 1..DEVICE_MAX_BYTES of [A-Za-z0-9_-]; as a client may choose it */
bool name_is_event(struct slice s); /* 1..EVENT_MAX_BYTES of [A-Za-z0-9_.:-] */
bool name_is_mid(struct slice s);   /* 1..MID_MAX_BYTES of the same */
/* The server's own event names, which a push may not use: ready, ack, chat, auth.*, and so on. */
bool name_is_reserved_event(struct slice s);
/* A uid that is written as a JSON number: 0|[1-9][0-9]{0,14}. */
bool name_is_number(struct slice s);

#endif
