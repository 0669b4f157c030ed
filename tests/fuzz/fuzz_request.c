/*
 * Whatever head the parser takes, the judgement of it borrows from its bytes only, an upgrade has
 * all that the next steps use, and a token has the alphabet and the bounds of one.
 */
#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "edge/request.h"
#include "proto/names.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void assert_inside(struct slice part, struct slice in)
{
	assert(part.data >= in.data && part.data + part.len <= in.data + in.len);
}

static void check_token(struct slice token)
{
	assert(token.len >= 5 && token.len <= TOKEN_MAX_BYTES);
	for (size_t i = 0; i < token.len; i++)
		assert(token.data[i] > ' ' && (unsigned char)token.data[i] < 0x7f);
}

static void check(struct slice in, const struct http_head *head, const struct request_rules *rules)
{
	struct request r;

	request_judge(head, rules, &r);
	assert((r.kind == REQUEST_REFUSED) == (r.refusal != N_REFUSALS));
	if (r.kind == REQUEST_UPGRADE || r.kind == REQUEST_CHECK) {
		assert_inside(r.token, in);
		check_token(r.token);
	}
	if (r.kind == REQUEST_UPGRADE) {
		assert(head->method == HTTP_GET && r.key.len == WEBSOCKET_KEY_BYTES);
		assert_inside(r.key, in);
		assert(r.device_len == 0 || name_is_device((struct slice){r.device, r.device_len}));
	}
	assert(r.body_bytes <= BODY_MAX_BYTES);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct origin_list none;
	static struct origin_list some;
	struct slice in = {(const char *)data, size};
	struct http_head head;
	struct slice bad;

	if (some.n == 0)
		assert(origin_list_parse("https://a.example,http://[::1]:80", &some, &bad));
	if (http_head_parse(in, &head) != HTTP_HEAD_OK)
		return 0;
	check(in, &head, &(struct request_rules){&none, NULL});
	check(in, &head, &(struct request_rules){&some, NULL});
	return 0;
}
