/* ticket: what comes back is what was minted, and nothing else comes back. */
#include <errno.h>
#include <openssl/hmac.h>
#include <stdlib.h>

#include "proto/ticket_files.h"
#include "tests/unit/test.h"

static const unsigned char secret[TICKET_KEY_BYTES] = "0123456789abcdef0123456789abcde";
static const char boot_id[] = "6f1c4a52-0000-4000-8000-123456789abc";

static struct ticket_keys *new_key(unsigned char id, const char *boot)
{
	struct ticket_keys *key = NULL;

	assert_int_equal(ticket_keys_new(&key, slice_of(boot)), 0);
	assert_int_equal(ticket_keys_add(key, id, secret), 0);
	return key;
}

static struct ticket a_ticket(void)
{
	return (struct ticket){
		.flags = TICKET_MAY_SEND | TICKET_MAY_PUSH,
		.session = UINT64_C(0xfedcba9876543210),
		.edge_id = 7,
		.edge_epoch = 0xfffffffe,
		.nonce = UINT64_C(0x8000000000000001),
		.issued_at_ms = 1000,
		.present_by_ms = 11000,
		.session_end_ms = 901000,
		.ceiling_ms = INT64_MAX,
		.token_hash = 0x1122334455667788,
		.auth_epoch = 3,
		.issuer_id = 0xdeadbeef,
		.rate_class = 2,
		.uid_len = 3,
		.uid = "jim",
	};
}

static struct slice as_slice(const unsigned char *bytes, size_t len)
{
	return (struct slice){(const char *)bytes, len};
}

static void what_was_minted_comes_back(void **state)
{
	struct ticket_keys *key = new_key(1, boot_id);
	struct ticket in = a_ticket();
	unsigned char bytes[TICKET_MAX_BYTES];

	(void)state;
	for (size_t len = 1; len <= UID_MAX_BYTES; len++) {
		struct ticket out;
		size_t n;

		memset(in.uid, 0, sizeof(in.uid));
		memset(in.uid, 'u', len);
		in.uid_len = len;
		n = ticket_mint(key, &in, bytes);
		assert_int_equal(n, TICKET_FIXED_BYTES + len + TICKET_MAC_BYTES);
		memset(&out, 0xee, sizeof(out));
		assert_int_equal(ticket_verify(key, as_slice(bytes, n), &out), TICKET_OK);
		assert_int_equal(out.flags, in.flags);
		assert_true(out.session == in.session && out.nonce == in.nonce);
		assert_int_equal(out.edge_id, in.edge_id);
		assert_int_equal(out.edge_epoch, in.edge_epoch);
		assert_true(out.issued_at_ms == in.issued_at_ms);
		assert_true(out.present_by_ms == in.present_by_ms);
		assert_true(out.session_end_ms == in.session_end_ms);
		assert_true(out.ceiling_ms == in.ceiling_ms);
		assert_true(out.token_hash == in.token_hash && out.auth_epoch == in.auth_epoch);
		assert_int_equal(out.issuer_id, in.issuer_id);
		assert_int_equal(out.rate_class, in.rate_class);
		assert_int_equal(out.uid_len, len);
		assert_memory_equal(out.uid, in.uid, sizeof(in.uid));
	}
	ticket_keys_free(key);
}

static void the_layout_is_the_documented_one(void **state)
{
	/* clang-format off */
	static const unsigned char expected[TICKET_FIXED_BYTES + 3] = {
		'T', 'K', 'T', '1', 9, 3, 3, 0,                 /* magic, key, flags, uid */
		0x10, 0x32, 0x54, 0x76, 0x98, 0xba, 0xdc, 0xfe, /* session */
		7, 0, 0, 0, 0xfe, 0xff, 0xff, 0xff,             /* edge id, epoch */
		1, 0, 0, 0, 0, 0, 0, 0x80,                      /* nonce */
		0xe8, 3, 0, 0, 0, 0, 0, 0,                      /* issued at */
		0xf8, 0x2a, 0, 0, 0, 0, 0, 0,                   /* present by */
		0x88, 0xbf, 0x0d, 0, 0, 0, 0, 0,                /* session end */
		0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f, /* ceiling */
		0x88, 0x77, 0x66, 0x55, 0x44, 0x33, 0x22, 0x11, /* token hash */
		3, 0, 0, 0, 0, 0, 0, 0,                         /* auth epoch */
		0xef, 0xbe, 0xad, 0xde, 2, 0, 0, 0,             /* issuer, rate class */
		0, 0, 0, 0, 0, 0, 0, 0,                         /* zero */
		'j', 'i', 'm',
	};
	/* clang-format on */
	struct ticket_keys *key = new_key(9, boot_id);
	struct ticket in = a_ticket();
	unsigned char bytes[TICKET_MAX_BYTES];

	(void)state;
	assert_int_equal(ticket_mint(key, &in, bytes), sizeof(expected) + TICKET_MAC_BYTES);
	assert_memory_equal(bytes, expected, sizeof(expected));
	ticket_keys_free(key);
}

static void every_flipped_bit_is_refused(void **state)
{
	struct ticket_keys *key = new_key(1, boot_id);
	struct ticket in = a_ticket();
	unsigned char bytes[TICKET_MAX_BYTES];
	size_t n = ticket_mint(key, &in, bytes);

	(void)state;
	for (size_t i = 0; i < n * 8; i++) {
		enum ticket_result expected = TICKET_BAD_MAC;
		struct ticket out;

		if (i / 8 == 4)
			expected = TICKET_BAD_KEY;
		if (i / 8 == 6 || i / 8 == 7)
			expected = TICKET_BAD_LENGTH;
		bytes[i / 8] ^= (unsigned char)(1u << (i % 8));
		assert_int_equal(ticket_verify(key, as_slice(bytes, n), &out), expected);
		bytes[i / 8] ^= (unsigned char)(1u << (i % 8));
	}
	ticket_keys_free(key);
}

static void every_other_length_is_refused(void **state)
{
	struct ticket_keys *key = new_key(1, boot_id);
	struct ticket in = a_ticket();
	unsigned char bytes[2 * TICKET_MAX_BYTES] = {0};
	size_t n = ticket_mint(key, &in, bytes);

	(void)state;
	for (size_t len = 0; len <= sizeof(bytes); len++) {
		unsigned char *copy = malloc(len + 1);
		struct ticket out;

		assert_non_null(copy);
		memcpy(copy + 1, bytes, len); /* ends where the allocation ends */
		assert_int_equal(ticket_verify(key, as_slice(copy + 1, len), &out),
			len == n ? TICKET_OK : TICKET_BAD_LENGTH);
		free(copy);
	}
	ticket_keys_free(key);
}

static void another_key_id_secret_or_boot_is_refused(void **state)
{
	struct ticket_keys *key = new_key(1, boot_id);
	struct ticket_keys *id = new_key(2, boot_id);
	struct ticket_keys *boot = new_key(1, "6f1c4a52-0000-4000-8000-123456789abd");
	struct ticket_keys *shorter = new_key(1, "6f1c4a52-0000-4000-8000-123456789ab");
	struct ticket_keys *other = NULL;
	unsigned char changed[TICKET_KEY_BYTES];
	unsigned char bytes[TICKET_MAX_BYTES];
	struct ticket in = a_ticket();
	struct slice ticket = as_slice(bytes, ticket_mint(key, &in, bytes));
	struct ticket out;

	(void)state;
	memcpy(changed, secret, sizeof(changed));
	changed[31] ^= 1;
	assert_int_equal(ticket_keys_new(&other, slice_of(boot_id)), 0);
	assert_int_equal(ticket_keys_add(other, 1, changed), 0);
	assert_int_equal(ticket_verify(id, ticket, &out), TICKET_BAD_KEY);
	assert_int_equal(ticket_verify(boot, ticket, &out), TICKET_BAD_MAC);
	assert_int_equal(ticket_verify(shorter, ticket, &out), TICKET_BAD_MAC);
	assert_int_equal(ticket_verify(other, ticket, &out), TICKET_BAD_MAC);
	assert_int_equal(ticket_verify(key, ticket, &out), TICKET_OK);
	ticket_keys_free(key);
	ticket_keys_free(id);
	ticket_keys_free(boot);
	ticket_keys_free(shorter);
	ticket_keys_free(other);
	ticket_keys_free(NULL);
}

static void a_ticket_that_breaks_a_bound_is_not_minted(void **state)
{
	struct ticket_keys *key = new_key(1, boot_id);
	unsigned char bytes[TICKET_MAX_BYTES];
	struct ticket t;

	(void)state;
	t = a_ticket();
	t.uid_len = 0;
	assert_int_equal(ticket_mint(key, &t, bytes), 0);
	t = a_ticket();
	t.uid_len = UID_MAX_BYTES + 1;
	assert_int_equal(ticket_mint(key, &t, bytes), 0);
	t = a_ticket();
	t.uid_len = SIZE_MAX;
	assert_int_equal(ticket_mint(key, &t, bytes), 0);
	t = a_ticket();
	t.uid[1] = ' ';
	assert_int_equal(ticket_mint(key, &t, bytes), 0);
	t = a_ticket();
	t.flags = 8;
	assert_int_equal(ticket_mint(key, &t, bytes), 0);
	t = a_ticket();
	t.present_by_ms = -1;
	assert_int_equal(ticket_mint(key, &t, bytes), 0);
	ticket_keys_free(key);
}

static void the_mac_is_stable_over_many_uses(void **state)
{
	struct ticket_keys *key = new_key(1, boot_id);
	struct ticket_keys *fresh = new_key(1, boot_id);
	unsigned char first[TICKET_MAX_BYTES];
	unsigned char again[TICKET_MAX_BYTES];
	struct ticket t = a_ticket();
	size_t n = ticket_mint(fresh, &t, first);

	(void)state;
	for (int i = 0; i < 1000; i++) {
		struct ticket out;

		t.nonce = (uint64_t)i;
		ticket_mint(key, &t, again);
		assert_int_equal(ticket_verify(key, as_slice(first, n), &out), TICKET_OK);
	}
	t = a_ticket();
	ticket_mint(key, &t, again);
	assert_memory_equal(first, again, n);
	ticket_keys_free(key);
	ticket_keys_free(fresh);
}

/* The MAC as the documents say, made by other means than the module's. */
static void forge(const char *domain, unsigned char *bytes, size_t len)
{
	unsigned char in[512];
	size_t n = strlen(domain) + 1;
	unsigned mac_len = TICKET_MAC_BYTES;

	memcpy(in, domain, n);
	memcpy(in + n, boot_id, sizeof(boot_id));
	n += sizeof(boot_id);
	memcpy(in + n, bytes, len);
	assert_non_null(
		HMAC(EVP_sha256(), secret, TICKET_KEY_BYTES, in, n + len, bytes + len, &mac_len));
}

static void a_field_that_is_wrong_is_refused_under_a_good_mac(void **state)
{
	static const struct {
		size_t at;
		unsigned char value;
		enum ticket_result result;
	} table[] = {
		{8, 0, TICKET_OK},
		{0, 't', TICKET_BAD_FIELD},
		{3, '2', TICKET_BAD_FIELD},
		{5, 8, TICKET_BAD_FIELD},
		{5, 0x80, TICKET_BAD_FIELD},
		{39, 0x80, TICKET_BAD_FIELD},
		{47, 0x80, TICKET_BAD_FIELD},
		{55, 0x80, TICKET_BAD_FIELD},
		{63, 0x80, TICKET_BAD_FIELD},
		{88, 1, TICKET_BAD_FIELD},
		{95, 1, TICKET_BAD_FIELD},
		{96, ' ', TICKET_BAD_FIELD},
		{98, 0, TICKET_BAD_FIELD},
	};
	struct ticket_keys *key = new_key(1, boot_id);
	struct ticket in = a_ticket();

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		unsigned char bytes[TICKET_MAX_BYTES];
		size_t n = ticket_mint(key, &in, bytes);
		struct ticket out;

		bytes[table[i].at] = table[i].value;
		forge("postern ticket 1", bytes, n - TICKET_MAC_BYTES);
		if (ticket_verify(key, as_slice(bytes, n), &out) != table[i].result)
			fail_msg("entry %zu", i);
		forge("postern edge 1", bytes, n - TICKET_MAC_BYTES);
		assert_int_equal(ticket_verify(key, as_slice(bytes, n), &out), TICKET_BAD_MAC);
	}
	ticket_keys_free(key);
}

static void a_credential_has_a_domain_and_zeros_of_its_own(void **state)
{
	struct ticket_keys *key = new_key(1, boot_id);
	unsigned char bytes[CREDENTIAL_BYTES];
	unsigned char minted[CREDENTIAL_BYTES];
	uint32_t id;
	uint32_t epoch;

	(void)state;
	credential_mint(key, 3, 4, minted);
	memcpy(bytes, minted, sizeof(bytes));
	forge("postern edge 1", bytes, sizeof(bytes) - TICKET_MAC_BYTES);
	assert_memory_equal(bytes, minted, sizeof(bytes));
	for (size_t at = 0; at < 8; at++) {
		if (at == 4)
			continue; /* the key's id */
		memcpy(bytes, minted, sizeof(bytes));
		bytes[at] ^= 1;
		forge("postern edge 1", bytes, sizeof(bytes) - TICKET_MAC_BYTES);
		assert_int_equal(
			credential_verify(key, as_slice(bytes, sizeof(bytes)), &id, &epoch),
			TICKET_BAD_FIELD);
	}
	forge("postern ticket 1", bytes, sizeof(bytes) - TICKET_MAC_BYTES);
	assert_int_equal(credential_verify(key, as_slice(bytes, sizeof(bytes)), &id, &epoch),
		TICKET_BAD_MAC);
	ticket_keys_free(key);
}

static void credentials_come_back_and_nothing_else_does(void **state)
{
	struct ticket_keys *key = new_key(1, boot_id);
	unsigned char bytes[CREDENTIAL_BYTES + 1] = {0};
	uint32_t id = 0;
	uint32_t epoch = 0;

	(void)state;
	credential_mint(key, 0xfffffff0, 17, bytes);
	assert_memory_equal(bytes, "EDG1\1\0\0\0\xf0\xff\xff\xff\x11\0\0\0", 16);
	assert_int_equal(
		credential_verify(key, as_slice(bytes, CREDENTIAL_BYTES), &id, &epoch), TICKET_OK);
	assert_int_equal(id, 0xfffffff0);
	assert_int_equal(epoch, 17);
	for (size_t i = 0; i < CREDENTIAL_BYTES * 8; i++) {
		bytes[i / 8] ^= (unsigned char)(1u << (i % 8));
		assert_int_equal(
			credential_verify(key, as_slice(bytes, CREDENTIAL_BYTES), &id, &epoch),
			i / 8 == 4 ? TICKET_BAD_KEY : TICKET_BAD_MAC);
		bytes[i / 8] ^= (unsigned char)(1u << (i % 8));
	}
	for (size_t len = 0; len <= sizeof(bytes); len++)
		assert_int_equal(credential_verify(key, as_slice(bytes, len), &id, &epoch),
			len == CREDENTIAL_BYTES ? TICKET_OK : TICKET_BAD_LENGTH);
	ticket_keys_free(key);
}

static void a_boot_id_must_be_there_and_fit(void **state)
{
	struct ticket_keys *key = NULL;
	char long_id[65];

	(void)state;
	memset(long_id, 'a', sizeof(long_id));
	assert_int_equal(ticket_keys_new(&key, (struct slice){"", 0}), -EINVAL);
	assert_int_equal(ticket_keys_new(&key, (struct slice){long_id, 65}), -EINVAL);
	assert_int_equal(ticket_keys_new(&key, SLICE_LITERAL("a\0b")), -EINVAL);
	assert_null(key);
	assert_int_equal(ticket_keys_new(&key, (struct slice){long_id, 64}), 0);
	ticket_keys_free(key);
}

static void the_kernels_boot_id_is_read(void **state)
{
	char first[40];
	char second[40];

	(void)state;
	assert_int_equal(boot_id_read(first), 0);
	assert_int_equal(boot_id_read(second), 0);
	assert_int_equal(strlen(first), 36);
	assert_string_equal(first, second);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_was_minted_comes_back),
		cmocka_unit_test(the_layout_is_the_documented_one),
		cmocka_unit_test(every_flipped_bit_is_refused),
		cmocka_unit_test(every_other_length_is_refused),
		cmocka_unit_test(another_key_id_secret_or_boot_is_refused),
		cmocka_unit_test(a_ticket_that_breaks_a_bound_is_not_minted),
		cmocka_unit_test(the_mac_is_stable_over_many_uses),
		cmocka_unit_test(a_field_that_is_wrong_is_refused_under_a_good_mac),
		cmocka_unit_test(a_credential_has_a_domain_and_zeros_of_its_own),
		cmocka_unit_test(credentials_come_back_and_nothing_else_does),
		cmocka_unit_test(a_boot_id_must_be_there_and_fit),
		cmocka_unit_test(the_kernels_boot_id_is_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
