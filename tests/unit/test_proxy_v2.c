/* The PROXY header: what a balancer may say, and every way to say it wrongly. */
#include <stdlib.h>

#include "edge/proxy_v2.h"
#include "tests/unit/test.h"

#define SIGNATURE "\r\n\r\n\0\r\nQUIT\n"
#define V4 "\xc0\x00\x02\x01\x0a\x00\x00\x01\x30\x39\x00\x50"
#define V6_SOURCE "\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x07"
#define V6 V6_SOURCE V6_SOURCE "\x30\x39\x01\xbb"
#define BYTES(s)                                                                                   \
	{                                                                                          \
		(s), sizeof(s) - 1                                                                 \
	}

static const struct {
	const char *name;
	struct slice bytes;
	enum proxy_result result;
	const char *source; /* NULL: local */
} table[] = {
	{"IPv4", BYTES(SIGNATURE "\x21\x11\x00\x0c" V4), PROXY_OK, "192.0.2.1:12345"},
	{"IPv6", BYTES(SIGNATURE "\x21\x21\x00\x24" V6), PROXY_OK, "[2001:db8::7]:12345"},
	{"IPv4 in IPv6",
		BYTES(SIGNATURE "\x21\x21\x00\x24"
				"\0\0\0\0\0\0\0\0\0\0\xff\xff\xc0\x00\x02\x01" V6_SOURCE
				"\x30\x39\x01\xbb"),
		PROXY_OK, "192.0.2.1:12345"},
	{"an extension", BYTES(SIGNATURE "\x21\x11\x00\x11" V4 "\x04\x00\x02xx"), PROXY_OK,
		"192.0.2.1:12345"},
	{"two extensions", BYTES(SIGNATURE "\x21\x11\x00\x14" V4 "\x04\x00\x02xx\x05\x00\x00"),
		PROXY_OK, "192.0.2.1:12345"},
	{"LOCAL", BYTES(SIGNATURE "\x20\x00\x00\x00"), PROXY_OK, NULL},
	{"LOCAL with an address", BYTES(SIGNATURE "\x20\x11\x00\x0c" V4), PROXY_OK, NULL},
	{"nothing", {"", 0}, PROXY_MORE, NULL},
	{"version 1", BYTES("PROXY TCP4 192.0.2.1 10.0.0.1 1 2\r\n"), PROXY_BAD, NULL},
	{"HTTP", BYTES("GET / HTTP/1.1\r\n"), PROXY_BAD, NULL},
	{"version 3", BYTES(SIGNATURE "\x31\x11\x00\x0c" V4), PROXY_BAD, NULL},
	{"command 2", BYTES(SIGNATURE "\x22\x11\x00\x0c" V4), PROXY_BAD, NULL},
	{"UDP", BYTES(SIGNATURE "\x21\x12\x00\x0c" V4), PROXY_BAD, NULL},
	{"unix", BYTES(SIGNATURE "\x21\x31\x00\x0c" V4), PROXY_BAD, NULL},
	{"no family", BYTES(SIGNATURE "\x21\x00\x00\x0c" V4), PROXY_BAD, NULL},
	{"IPv4 too short", BYTES(SIGNATURE "\x21\x11\x00\x0b" V4), PROXY_BAD, NULL},
	{"IPv6 too short", BYTES(SIGNATURE "\x21\x21\x00\x0c" V4), PROXY_BAD, NULL},
	{"half an extension", BYTES(SIGNATURE "\x21\x11\x00\x0e" V4 "\x04\x00"), PROXY_BAD, NULL},
	{"an extension beyond the end", BYTES(SIGNATURE "\x21\x11\x00\x10" V4 "\x04\x00\x02x"),
		PROXY_BAD, NULL},
	{"too long", BYTES(SIGNATURE "\x21\x11\xff\xff"), PROXY_BAD, NULL},
	{"LOCAL too long", BYTES(SIGNATURE "\x20\x00\xff\xff"), PROXY_BAD, NULL},
};

/* In memory of exactly that size, so that the sanitizer sees a read past the end. */
static enum proxy_result parse(struct slice bytes, struct proxy_header *out)
{
	char *copy = malloc(bytes.len == 0 ? 1 : bytes.len);
	enum proxy_result result;

	assert_non_null(copy);
	memcpy(copy, bytes.data, bytes.len);
	memset(out, 0xa5, sizeof(*out));
	result = proxy_v2_parse((struct slice){copy, bytes.len}, out);
	free(copy);
	return result;
}

static void each_header_has_its_verdict(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		struct proxy_header header;
		char text[ADDRESS_TEXT_BYTES];

		if (parse(table[i].bytes, &header) != table[i].result)
			fail_msg("%s", table[i].name);
		if (table[i].result != PROXY_OK)
			continue;
		assert_int_equal(header.bytes, table[i].bytes.len);
		assert_int_equal(header.is_local, table[i].source == NULL);
		if (table[i].source != NULL)
			assert_string_equal(address_format(&header.source, text), table[i].source);
	}
}

static void a_good_header_in_pieces_is_waited_for_at_each_byte(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		struct slice part = table[i].bytes;

		if (table[i].result != PROXY_OK)
			continue;
		for (part.len = 0; part.len < table[i].bytes.len; part.len++) {
			struct proxy_header header;

			assert_int_equal(parse(part, &header), PROXY_MORE);
		}
	}
}

static void what_follows_is_not_part_of_it(void **state)
{
	static const char bytes[] = SIGNATURE "\x21\x11\x00\x0c" V4 "GET / HTTP/1.1";
	struct proxy_header header;

	(void)state;
	assert_int_equal(parse((struct slice){bytes, sizeof(bytes) - 1}, &header), PROXY_OK);
	assert_int_equal(header.bytes, 28);
}

static void a_changed_byte_is_never_read_past_its_end(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		for (size_t at = 0; at < table[i].bytes.len; at++) {
			for (int value = 0; value < 256; value++) {
				struct proxy_header header;
				char copy[128];
				enum proxy_result result;

				memcpy(copy, table[i].bytes.data, table[i].bytes.len);
				copy[at] = (char)value;
				result = parse((struct slice){copy, table[i].bytes.len}, &header);
				if (at < 12 && value != (unsigned char)table[i].bytes.data[at])
					assert_int_equal(result, PROXY_BAD);
				if (result == PROXY_OK)
					assert_true(header.bytes <= table[i].bytes.len);
			}
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_header_has_its_verdict),
		cmocka_unit_test(a_good_header_in_pieces_is_waited_for_at_each_byte),
		cmocka_unit_test(what_follows_is_not_part_of_it),
		cmocka_unit_test(a_changed_byte_is_never_read_past_its_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
