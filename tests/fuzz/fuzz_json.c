/*
 * What is read as JSON is written as JSON that means the same, and is valid UTF-8.
 */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>

#include "common/json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	CLEANUP(json_decrefp) json_t *first = NULL;
	CLEANUP(json_decrefp) json_t *second = NULL;
	struct slice in = {(const char *)data, size};
	struct buf b;

	if (json_read(in, 16, &first) != JSON_READ)
		return 0;
	assert(utf8_is_valid(in));
	buf_init(&b, 8 * size + 64);
	json_write(&b, first);
	assert(!b.failed && utf8_is_valid(buf_slice(&b)));
	assert(json_read(buf_slice(&b), 16, &second) == JSON_READ);
	assert(json_equal(first, second));
	buf_fini(&b);
	return 0;
}
