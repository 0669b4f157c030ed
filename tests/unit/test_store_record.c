/*
 * Messages as bytes, and the MAC over them.
 */
#include "router/store_mac.h"
#include "router/store_record.h"
#include "tests/unit/test.h"

static const struct message sample = {
	.kind = MESSAGE_PUSH,
	.to = {"bob", 3},
	.from = {"ann@example.org", 15},
	.device = {"phone", 5},
	.mid = {"m-1", 3},
	.event = {"news", 4},
	.body = {"{\"a\":1}", 7},
	.at_to = {1, 2, 3},
	.at_from = {UINT64_MAX, UINT64_MAX - 1, 1ull << 63},
	.ts_ms = 1700000000000,
	.expires_ms = -1,
};

static void assert_same(const struct message *a, const struct message *b)
{
	assert_int_equal(a->kind, b->kind);
	assert_true(slice_eq(a->to, b->to) && slice_eq(a->from, b->from));
	assert_true(slice_eq(a->device, b->device) && slice_eq(a->mid, b->mid));
	assert_true(slice_eq(a->event, b->event) && slice_eq(a->body, b->body));
	assert_memory_equal(&a->at_to, &b->at_to, sizeof(a->at_to));
	assert_memory_equal(&a->at_from, &b->at_from, sizeof(a->at_from));
	assert_int_equal(a->ts_ms, b->ts_ms);
	assert_int_equal(a->expires_ms, b->expires_ms);
}

static void a_message_comes_back_as_it_was(void **state)
{
	char bytes[256];
	struct message got, empty = {.kind = MESSAGE_CHAT};

	(void)state;
	store_record_encode(&sample, bytes);
	assert_true(store_record_decode((struct slice){bytes, store_record_size(&sample)}, &got));
	assert_same(&sample, &got);
	store_record_encode(&empty, bytes);
	assert_true(store_record_decode((struct slice){bytes, store_record_size(&empty)}, &got));
	assert_same(&empty, &got);
}

static void other_lengths_and_kinds_are_no_record(void **state)
{
	char bytes[256] = {0};
	size_t size = store_record_size(&sample);
	struct message got;

	(void)state;
	store_record_encode(&sample, bytes);
	for (size_t len = 0; len < sizeof(bytes); len++)
		assert_int_equal(
			store_record_decode((struct slice){bytes, len}, &got), len == size);
	bytes[0] = 2;
	assert_false(store_record_decode((struct slice){bytes, size}, &got));
}

static void no_turned_bit_keeps_its_mac(void **state)
{
	static const unsigned char key[STORE_KEY_BYTES] = "0123456789abcde";
	struct store_mac *mac;
	char bytes[256];
	size_t size = store_record_size(&sample);
	struct slice whole = {bytes, size + STORE_MAC_BYTES};

	(void)state;
	assert_int_equal(store_mac_new(&mac, key), 0);
	store_record_encode(&sample, bytes);
	assert_true(store_mac_make(
		mac, STORE_DOMAIN_MESSAGE, 7, (struct slice){bytes, size}, bytes + size));
	assert_true(store_mac_fits(mac, STORE_DOMAIN_MESSAGE, 7, whole));
	assert_false(store_mac_fits(mac, STORE_DOMAIN_MESSAGE, 8, whole));
	assert_false(store_mac_fits(mac, STORE_DOMAIN_USER, 7, whole));
	for (size_t i = 0; i < whole.len * 8; i++) {
		bytes[i / 8] ^= (char)(1 << i % 8);
		assert_false(store_mac_fits(mac, STORE_DOMAIN_MESSAGE, 7, whole));
		bytes[i / 8] ^= (char)(1 << i % 8);
	}
	for (size_t len = 0; len < whole.len; len++)
		assert_false(
			store_mac_fits(mac, STORE_DOMAIN_MESSAGE, 7, (struct slice){bytes, len}));
	assert_true(store_mac_fits(mac, STORE_DOMAIN_MESSAGE, 7, whole));
	store_mac_free(mac);
}

static void another_key_makes_another_mac(void **state)
{
	static const unsigned char keys[2][STORE_KEY_BYTES] = {
		"0123456789abcde", "0123456789abcdf"};
	struct store_mac *a, *b;
	char bytes[8 + STORE_MAC_BYTES] = "message";

	(void)state;
	assert_int_equal(store_mac_new(&a, keys[0]), 0);
	assert_int_equal(store_mac_new(&b, keys[1]), 0);
	assert_true(store_mac_make(a, STORE_DOMAIN_HEAD, 0, (struct slice){bytes, 8}, bytes + 8));
	assert_true(store_mac_fits(a, STORE_DOMAIN_HEAD, 0, (struct slice){bytes, sizeof(bytes)}));
	assert_false(store_mac_fits(b, STORE_DOMAIN_HEAD, 0, (struct slice){bytes, sizeof(bytes)}));
	store_mac_free(a);
	store_mac_free(b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_message_comes_back_as_it_was),
		cmocka_unit_test(other_lengths_and_kinds_are_no_record),
		cmocka_unit_test(no_turned_bit_keeps_its_mac),
		cmocka_unit_test(another_key_makes_another_mac),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
