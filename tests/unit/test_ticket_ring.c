/* ticket: several keys by id, and what one ticket costs. */
#include <errno.h>
#include <stdio.h>
#include <time.h>

#include "proto/ticket.h"
#include "tests/unit/test.h"

#define TIMED 20000

static const unsigned char first[TICKET_KEY_BYTES] = "0123456789abcdef0123456789abcde";
static const unsigned char second[TICKET_KEY_BYTES] = "fedcba9876543210fedcba987654321";

struct made {
	size_t len;
	unsigned char bytes[TICKET_MAX_BYTES];
};

static struct ticket_keys *keys;

static int setup(void **state)
{
	(void)state;
	return ticket_keys_new(&keys, SLICE_LITERAL("6f1c4a52-0000-4000-8000-123456789abc"));
}

static int teardown(void **state)
{
	(void)state;
	ticket_keys_free(keys);
	return 0;
}

static struct ticket a_ticket(void)
{
	return (struct ticket){
		.flags = TICKET_MAY_SEND,
		.session = 77,
		.issued_at_ms = 1000,
		.present_by_ms = 11000,
		.session_end_ms = 901000,
		.ceiling_ms = 9000000,
		.uid_len = 3,
		.uid = "jim",
	};
}

static struct made mint(void)
{
	struct ticket t = a_ticket();
	struct made m;

	m.len = ticket_mint(keys, &t, m.bytes);
	assert_true(m.len > 0);
	return m;
}

static enum ticket_result verify(const struct made *m)
{
	struct ticket t;

	return ticket_verify(keys, (struct slice){(const char *)m->bytes, m->len}, &t);
}

static enum ticket_result verify_credential(const unsigned char bytes[CREDENTIAL_BYTES])
{
	uint32_t id, epoch;

	return credential_verify(
		keys, (struct slice){(const char *)bytes, CREDENTIAL_BYTES}, &id, &epoch);
}

static void without_a_key_nothing_is_minted_and_nothing_is_good(void **state)
{
	struct ticket t = a_ticket();
	struct made m = {.len = TICKET_FIXED_BYTES + 3 + TICKET_MAC_BYTES};

	(void)state;
	assert_int_equal(ticket_keys_minting(keys), 0);
	assert_int_equal(ticket_mint(keys, &t, m.bytes), 0);
	memset(m.bytes, 0, sizeof(m.bytes));
	m.bytes[6] = 3;
	for (unsigned id = 0; id < 256; id++) {
		m.bytes[4] = (unsigned char)id;
		assert_int_equal(verify(&m), TICKET_BAD_KEY);
		assert_int_equal(verify_credential(m.bytes), TICKET_BAD_KEY);
	}
}

static void two_keys_check_what_each_made(void **state)
{
	unsigned char old_credential[CREDENTIAL_BYTES];
	unsigned char new_credential[CREDENTIAL_BYTES];
	struct made old, new;

	(void)state;
	assert_int_equal(ticket_keys_add(keys, 3, first), 0);
	assert_int_equal(ticket_keys_minting(keys), 3);
	old = mint();
	credential_mint(keys, 1, 2, old_credential);
	assert_int_equal(ticket_keys_add(keys, 4, second), 0);
	assert_int_equal(ticket_keys_minting(keys), 3); /* the first one, until it is said */
	assert_memory_equal(mint().bytes, old.bytes, old.len);
	assert_true(ticket_keys_mint_with(keys, 4));
	new = mint();
	credential_mint(keys, 1, 2, new_credential);
	assert_int_equal(old.bytes[4], 3);
	assert_int_equal(new.bytes[4], 4);
	assert_memory_not_equal(
		old.bytes + old.len - TICKET_MAC_BYTES, new.bytes + new.len - TICKET_MAC_BYTES, 32);
	assert_int_equal(verify(&old), TICKET_OK);
	assert_int_equal(verify(&new), TICKET_OK);
	assert_int_equal(verify_credential(old_credential), TICKET_OK);
	assert_int_equal(verify_credential(new_credential), TICKET_OK);
}

static void a_key_checks_nothing_of_another(void **state)
{
	struct made m;

	(void)state;
	assert_int_equal(ticket_keys_add(keys, 3, first), 0);
	assert_int_equal(ticket_keys_add(keys, 4, second), 0);
	m = mint();
	m.bytes[4] = 4; /* the bytes are right under 3 */
	assert_int_equal(verify(&m), TICKET_BAD_MAC);
	for (unsigned id = 0; id < 256; id++) {
		m.bytes[4] = (unsigned char)id;
		if (id != 3 && id != 4)
			assert_int_equal(verify(&m), TICKET_BAD_KEY);
	}
	m.bytes[4] = 3;
	assert_int_equal(verify(&m), TICKET_OK);
}

static void the_id_is_under_the_mac(void **state)
{
	struct made m;

	(void)state;
	/* The same secret twice: the id alone tells them apart. */
	assert_int_equal(ticket_keys_add(keys, 3, first), 0);
	assert_int_equal(ticket_keys_add(keys, 4, first), 0);
	m = mint();
	m.bytes[4] = 4;
	assert_int_equal(verify(&m), TICKET_BAD_MAC);
}

static void a_retired_key_checks_nothing_any_more(void **state)
{
	unsigned char credential[CREDENTIAL_BYTES];
	struct made m;

	(void)state;
	assert_int_equal(ticket_keys_add(keys, 3, first), 0);
	m = mint();
	credential_mint(keys, 1, 2, credential);
	assert_int_equal(ticket_keys_add(keys, 4, second), 0);
	assert_false(ticket_keys_remove(keys, 3)); /* it mints */
	assert_true(ticket_keys_mint_with(keys, 4));
	assert_true(ticket_keys_remove(keys, 3));
	assert_false(ticket_keys_remove(keys, 3));
	assert_false(ticket_keys_mint_with(keys, 3));
	assert_false(ticket_keys_has(keys, 3));
	assert_int_equal(verify(&m), TICKET_BAD_KEY);
	assert_int_equal(verify_credential(credential), TICKET_BAD_KEY);
	assert_int_equal(ticket_keys_minting(keys), 4);
	m = mint();
	assert_int_equal(m.bytes[4], 4);
	assert_int_equal(verify(&m), TICKET_OK);
}

static void the_ring_has_a_bound_and_an_order(void **state)
{
	unsigned char ids[TICKET_KEYS_MAX];
	unsigned char minting;

	(void)state;
	assert_int_equal(ticket_keys_add(keys, 0, first), -EINVAL);
	for (unsigned char i = 0; i < TICKET_KEYS_MAX; i++)
		assert_int_equal(ticket_keys_add(keys, (unsigned char)(200 + i), first), 0);
	assert_int_equal(ticket_keys_add(keys, 200, second), -EEXIST);
	assert_int_equal(ticket_keys_add(keys, 100, second), -ENOSPC);
	assert_int_equal(ticket_keys_ids(keys, ids), TICKET_KEYS_MAX);
	for (unsigned char i = 0; i < TICKET_KEYS_MAX; i++)
		assert_int_equal(ids[i], 200 + i);
	minting = ids[TICKET_KEYS_MAX - 1];
	assert_true(ticket_keys_mint_with(keys, minting));
	assert_true(ticket_keys_remove(keys, ids[0]));
	assert_int_equal(ticket_keys_count(keys), TICKET_KEYS_MAX - 1);
	assert_int_equal(ticket_keys_minting(keys), minting);
	assert_int_equal(ticket_keys_add(keys, 100, second), 0);
	assert_int_equal(ticket_keys_minting(keys), minting);
}

static void ids_go_round(void **state)
{
	unsigned char id = 0;

	(void)state;
	for (unsigned i = 0; i < 255; i++) {
		id = ticket_key_next(id);
		assert_int_equal(id, i + 1);
	}
	assert_int_equal(ticket_key_next(255), 1);
}

static double now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

/* Says what it takes, and asserts no time. */
static void one_ticket_costs_so_much(void **state)
{
	double before, minted, verified;
	struct made m;

	(void)state;
	assert_int_equal(ticket_keys_add(keys, 3, first), 0);
	assert_int_equal(ticket_keys_add(keys, 4, second), 0);
	before = now_ns();
	for (unsigned i = 0; i < TIMED; i++)
		m = mint();
	minted = now_ns();
	for (unsigned i = 0; i < TIMED; i++)
		assert_int_equal(verify(&m), TICKET_OK);
	verified = now_ns();
	printf("ticket: %.0f ns to mint, %.0f ns to verify (%u each, of the processor)\n",
		(minted - before) / TIMED, (verified - minted) / TIMED, TIMED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			without_a_key_nothing_is_minted_and_nothing_is_good, setup, teardown),
		cmocka_unit_test_setup_teardown(two_keys_check_what_each_made, setup, teardown),
		cmocka_unit_test_setup_teardown(a_key_checks_nothing_of_another, setup, teardown),
		cmocka_unit_test_setup_teardown(the_id_is_under_the_mac, setup, teardown),
		cmocka_unit_test_setup_teardown(
			a_retired_key_checks_nothing_any_more, setup, teardown),
		cmocka_unit_test_setup_teardown(the_ring_has_a_bound_and_an_order, setup, teardown),
		cmocka_unit_test_setup_teardown(ids_go_round, setup, teardown),
		cmocka_unit_test_setup_teardown(one_ticket_costs_so_much, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
