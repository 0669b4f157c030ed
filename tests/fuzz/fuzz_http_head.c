/*
 * Any bytes are a head, not yet one, or refused; a verdict is the same for all longer inputs; and
 * what was parsed lies inside the bytes.
 */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>

#include "proto/http_head.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void assert_inside(struct slice part, struct slice in)
{
	assert(part.data >= in.data && part.data + part.len <= in.data + in.len);
}

static void check_parts(struct slice in, const struct http_head *head)
{
	char buf[64];
	struct slice value;

	assert(head->bytes <= in.len && head->bytes <= HEAD_MAX_BYTES);
	assert(head->n_fields <= HEAD_MAX_FIELDS);
	assert_inside(head->path, in);
	assert_inside(head->query, in);
	for (size_t i = 0; i < head->n_fields; i++) {
		assert_inside(head->fields[i].name, in);
		assert_inside(head->fields[i].value, in);
	}
	http_head_has_token(head, "Connection", "upgrade");
	if (http_query_get(head->query, "dev", buf, sizeof(buf), &value) == 1)
		assert(value.len <= sizeof(buf));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice in = {(const char *)data, size};
	struct http_head head;
	enum http_head_result result = http_head_parse(in, &head);
	/* one shorter input each, chosen by the bytes */
	size_t cut = size == 0 ? 0 : (size_t)data[size - 1] * size / 256;

	if (result == HTTP_HEAD_OK)
		check_parts(in, &head);
	in.len = cut;
	switch (http_head_parse(in, &head)) {
	case HTTP_HEAD_MORE:
		break;
	case HTTP_HEAD_OK:
		assert(result == HTTP_HEAD_OK);
		break;
	case HTTP_HEAD_BAD:
		assert(result == HTTP_HEAD_BAD);
		break;
	case HTTP_HEAD_TOO_LARGE:
		assert(result == HTTP_HEAD_TOO_LARGE);
		break;
	case HTTP_HEAD_VERSION:
		assert(result == HTTP_HEAD_VERSION);
		break;
	}
	return 0;
}
