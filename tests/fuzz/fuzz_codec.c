/*
 * What is decoded is packed again, and that decodes to the same.  It takes no more bytes but for a
 * list of numbers that came one by one and leaves as one field.  The first byte chooses the schema.
 */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "auth.pb-c.h"
#include "common/cleanup.h"
#include "ctl.pb-c.h"
#include "hello.pb-c.h"
#include "link.pb-c.h"
#include "proto/codec.h"
#include "trust.pb-c.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const ProtobufCMessageDescriptor *const schemas[] = {
	&pb__link_up__descriptor,
	&pb__link_down__descriptor,
	&pb__system_batch__descriptor,
	&pb__auth_request__descriptor,
	&pb__auth_reply__descriptor,
	&pb__hello_request__descriptor,
	&pb__hello_reply__descriptor,
	&pb__trust_request__descriptor,
	&pb__trust_reply__descriptor,
	&pb__router_ctl_request__descriptor,
	&pb__router_ctl_reply__descriptor,
	&pb__auth_ctl_request__descriptor,
	&pb__auth_ctl_reply__descriptor,
};

static uint8_t *pack(const ProtobufCMessage *m, size_t *out_len)
{
	uint8_t *bytes;

	*out_len = protobuf_c_message_get_packed_size(m);
	bytes = malloc(*out_len + 1);
	assert(bytes != NULL);
	assert(protobuf_c_message_pack(m, bytes) == *out_len);
	return bytes;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct codec_bounds bounds = {.max_bytes = 1 << 16, .max_elements = 4096};
	CLEANUP(arena_freep) struct arena *arena = NULL;
	CLEANUP(mem_freep) uint8_t *once = NULL;
	CLEANUP(mem_freep) uint8_t *twice = NULL;
	const ProtobufCMessageDescriptor *desc;
	ProtobufCMessage *m;
	size_t once_len;
	size_t twice_len;

	if (size == 0)
		return 0;
	assert(arena_new(&arena, 1 << 22) == 0);
	desc = schemas[data[0] % (sizeof(schemas) / sizeof(schemas[0]))];
	if (codec_decode(desc, (struct slice){(const char *)data + 1, size - 1}, &bounds, arena,
		    &m) != CODEC_OK)
		return 0;
	once = pack(m, &once_len);
	assert(once_len <= 2 * (size - 1));
	assert(codec_decode(desc, (struct slice){(const char *)once, once_len}, &bounds, arena,
		       &m) == CODEC_OK);
	twice = pack(m, &twice_len);
	assert(once_len == twice_len && memcmp(once, twice, once_len) == 0);
	return 0;
}
