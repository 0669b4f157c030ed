/*
 * Whatever a body holds, a call that comes out of it has the bounds and the character sets of one,
 * and its answer to the client is JSON again.
 */
#include <assert.h>
#include <stdint.h>

#include "edge/api.h"
#include "proto/limits.h"
#include "proto/names.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_chat(struct slice body)
{
	struct api_call call;
	struct api_error e = api_read_chat(body, &call);

	if (e.code == EX_NONE)
		assert(name_is_uid(call.to) && call.content.len <= CHAT_MAX_BYTES &&
			utf8_is_valid(call.content));
	else
		assert(code_info(e.code) != NULL);
	api_call_fini(&call);
}

static void check_push(struct slice body)
{
	struct api_call call;
	struct api_error e = api_read_push(body, &call);
	json_t *json = NULL;

	if (e.code == EX_NONE) {
		assert(call.to.len == 0 || name_is_uid(call.to));
		assert(name_is_event(call.event) && !name_is_reserved_event(call.event));
		assert(call.data.len <= CHAT_MAX_BYTES);
		assert(json_read(call.data, FRAME_MAX_DEPTH, &json) == JSON_READ);
	}
	json_decref(json);
	api_call_fini(&call);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct slice body = {(const char *)data, size};

	check_chat(body);
	check_push(body);
	return 0;
}
