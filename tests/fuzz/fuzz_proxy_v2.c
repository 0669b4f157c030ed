/*
 * Any bytes are a PROXY header, not yet one, or refused; what was refused stays refused with more
 * bytes, and what was whole stays the same.
 */
#include <assert.h>
#include <stdint.h>

#include "edge/proxy_v2.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice in = {(const char *)data, size};
	struct proxy_header whole;
	enum proxy_result result = proxy_v2_parse(in, &whole);

	if (result == PROXY_OK)
		assert(whole.bytes >= 16 && whole.bytes <= size &&
			whole.bytes <= PROXY_V2_MAX_BYTES);
	for (size_t len = 0; len < size && len < 300; len++) {
		struct proxy_header part;
		enum proxy_result early = proxy_v2_parse((struct slice){in.data, len}, &part);

		assert(early == PROXY_MORE || early == result);
		if (early == PROXY_OK)
			assert(part.bytes == whole.bytes);
	}
	return 0;
}
