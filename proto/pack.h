/*
 * pack: a protobuf-c message as a message of the bus, encoded straight into it.  A header, so that
 * proto/ does not need the bus to be linked.
 */
#ifndef POSTERN_PROTO_PACK_H
#define POSTERN_PROTO_PACK_H

#include <protobuf-c/protobuf-c.h>
#include <stdint.h>

#include "common/bus.h"

/* Owned, or NULL: out of memory.  m is &x.base of a generated struct. */
static inline struct bus_msg *pack_message(const ProtobufCMessage *m)
{
	struct bus_msg *msg = bus_msg_new(protobuf_c_message_get_packed_size(m));

	if (msg != NULL)
		protobuf_c_message_pack(m, (uint8_t *)bus_msg_data(msg));
	return msg;
}

/* Answers req, or drops it when there is no memory for the answer. */
static inline void pack_answer(struct bus_request *req, const ProtobufCMessage *reply)
{
	struct bus_msg *msg = pack_message(reply);

	if (msg == NULL)
		bus_request_drop(req);
	else
		bus_answer(req, msg);
}

#endif
