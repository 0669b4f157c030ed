/*
 * The small readers and writers of text: what one writes the other reads, what is shown moves no
 * cursor, and what is taken has the one spelling that it can have.
 */
#include <assert.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "auth/base64url.h"
#include "auth/hash.h"
#include "auth/keyfile.h"
#include "common/address.h"
#include "common/config.h"
#include "common/json.h"
#include "common/log.h"
#include "common/plain.h"
#include "edge/origin.h"
#include "edge/position.h"
#include "proto/http_head.h"
#include "router/page.h"
#include "tests/fuzz/script.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_base64url(struct slice in)
{
	const size_t bytes_max = in.len + 2;
	unsigned char *bytes = malloc(bytes_max);
	char *text = malloc(BASE64URL_ENCODED_MAX(in.len) + 1);
	size_t len;

	assert(bytes != NULL && text != NULL);
	if (base64url_decode(in, bytes, bytes_max, &len)) {
		assert(len <= BASE64URL_DECODED_MAX(in.len));
		assert(base64url_encode(bytes, len, text) == in.len);
		assert(memcmp(text, in.data, in.len) == 0);
		assert(len == 0 || !base64url_decode(in, bytes, len - 1, &len));
	}
	/* And the other way round. */
	len = base64url_encode((const unsigned char *)in.data, in.len, text);
	assert(base64url_decode((struct slice){text, len}, bytes, bytes_max, &len));
	assert(len == in.len && memcmp(bytes, in.data, len) == 0);
	free(bytes);
	free(text);
}

/* Nothing of C0, C1 or DEL, and valid UTF-8. */
static void check_shown(struct slice text)
{
	assert(utf8_is_valid(text));
	for (size_t i = 0; i < text.len; i++) {
		unsigned char c = (unsigned char)text.data[i];

		assert(c >= ' ' && c != 0x7f);
		assert(c != 0xc2 || (unsigned char)text.data[i + 1] >= 0xa0);
	}
}

static void check_plain(struct slice in)
{
	CLEANUP(json_decrefp) json_t *value = NULL;
	char quoted[64];
	struct buf b;

	buf_init(&b, 16 * in.len + 64);
	plain_add(&b, in);
	assert(!b.failed && b.len >= plain_width(buf_slice(&b)));
	check_shown(buf_slice(&b));
	buf_clear(&b);
	plain_add_json(&b, in);
	assert(!b.failed && json_read(buf_slice(&b), 1, &value) == JSON_READ);
	assert(json_is_string(value));
	if (utf8_is_valid(in))
		assert(slice_eq(
			in, (struct slice){json_string_value(value), json_string_length(value)}));
	buf_fini(&b);
	check_shown(slice_of(log_quote(quoted, sizeof(quoted), in)));
	assert(strlen(quoted) < sizeof(quoted));
}

static void check_address(const char *text)
{
	char written[ADDRESS_TEXT_BYTES], prefix[ADDRESS_TEXT_BYTES];
	struct sockaddr_storage name;
	struct address a, b;
	struct network n;

	if (address_parse(text, &a)) {
		assert(address_parse(address_format(&a, written), &b));
		assert(memcmp(a.bytes, b.bytes, sizeof(a.bytes)) == 0 && a.port == b.port);
		address_to_sockaddr(&a, &name);
		assert(address_of_sockaddr(&name, &b) && a.is_v6 == b.is_v6 && a.port == b.port);
		assert(network_parse(slice_of(address_prefix(&a, prefix)), &n));
		assert(network_has(&n, &a));
	}
	if (network_parse(slice_of(text), &n)) {
		assert(n.bits <= (n.base.is_v6 ? 128u : 32u) && network_has(&n, &n.base));
	}
}

static void check_origin(const char *text)
{
	struct origin_list list;
	struct slice bad;

	if (!origin_list_parse(text, &list, &bad)) {
		assert(bad.data >= text && bad.data + bad.len <= text + strlen(text));
		return;
	}
	assert(list.n <= ORIGINS_MAX);
	for (size_t i = 0; i < list.n; i++) {
		const struct origin *o = &list.entries[i];
		const struct origin *found = origin_find(&list, o->text);

		assert(found != NULL && slice_eq(found->host, o->host) && found->port == o->port);
		assert(memchr(o->text.data, '@', o->text.len) == NULL && o->port <= 65535);
	}
}

static void check_query(struct slice query)
{
	char buf[32];
	struct slice value;
	size_t at = 0, times = 0;
	int got = http_query_get(query, "token", buf, sizeof(buf), &value);

	while (http_query_next(query, "token", &at, &value)) {
		assert(value.data >= query.data &&
			value.data + value.len <= query.data + query.len);
		times++;
	}
	assert(got < 0 || (size_t)got == times);
}

static void check_times(const char *text)
{
	int64_t s = 0;
	struct slice in = slice_of(text);

	if (keyfile_until_parse(in, &s))
		assert(s > 0);
	assert(duration_parse(text) >= -1);
}

static void check_names(struct slice in)
{
	char text[POSITION_TEXT_BYTES];
	struct position p;
	uint16_t identity;

	if (position_read(in, &p, &identity))
		assert(identity >= 1 &&
			slice_eq(in, (struct slice){text, position_write(text, &p, identity)}));
	if (hash_is_ours(in))
		assert(in.len < HASH_MAX_BYTES && memchr(in.data, '\0', in.len) == NULL);
	/* Without a list only loopback may ask. */
	if (page_host_is_allowed(in, NULL))
		assert(strchr("lL1[", in.data[0]) != NULL && in.len <= 15);
	if (in.len > 0 && page_host_is_allowed(in, "page.example,other:8080"))
		assert(in.len <= sizeof("page.example:65535") - 1);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice in = {data == NULL ? "" : (const char *)data, size};
	char *text = strndup(in.data, in.len);

	assert(text != NULL);
	check_base64url(in);
	check_plain(in);
	check_address(text);
	check_origin(text);
	check_query(in);
	check_times(text);
	check_names(in);
	free(text);
	return 0;
}
