/* ticketring: a change of the ticket key, and what a start in the middle of one makes of it. */
#include <errno.h>
#include <stdio.h>

#include "auth/ticketring.h"
#include "proto/ticket_files.h"
#include "tests/unit/test.h"

#define NOW_MS 5000000

static char dir[64];
static struct ticket_keys *keys;
static struct ticketring *ring;

/* What a start of auth does. */
static void start(void)
{
	ticketring_free(ring);
	ticket_keys_free(keys);
	assert_int_equal(ticket_files_adopt(dir), 0);
	assert_int_equal(ticket_keys_load(&keys, dir), 0);
	assert_int_equal(ticketring_new(&ring, keys, dir), 0);
}

static int set_up(void **state)
{
	(void)state;
	strcpy(dir, "/tmp/postern-test-XXXXXX");
	if (mkdtemp(dir) == NULL)
		return -1;
	ring = NULL;
	keys = NULL;
	start();
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	ticketring_free(ring);
	ticket_keys_free(keys);
	for (int id = 1; id <= 255; id++)
		(void)ticket_file_remove(dir, (unsigned char)id);
	return rmdir(dir); /* fails, and so the test, when anything else was left behind */
}

static void router_has(uint32_t first, uint32_t second, int64_t now_ms)
{
	uint32_t ids[] = {first, second};

	ticketring_router_has(ring, ids, second == 0 ? 1 : 2, now_ms);
}

static bool is_there(unsigned char id)
{
	unsigned char secret[TICKET_KEY_BYTES];

	return ticket_file_read(dir, id, secret) == 0;
}

static void a_new_key_mints_when_the_router_has_it(void **state)
{
	(void)state;
	assert_int_equal(ticketring_wanted(ring), 1);
	assert_int_equal(ticket_keys_minting(keys), 1);
	assert_int_equal(ticketring_rotate(ring), 0);
	assert_true(is_there(1) && is_there(2));
	assert_int_equal(ticketring_wanted(ring), 2);
	assert_int_equal(ticket_keys_minting(keys), 1);
	assert_true(ticket_keys_has(keys, 2)); /* the router may mint with it at once */
	router_has(1, 0, NOW_MS);
	ticketring_router_has(ring, NULL, 0, NOW_MS); /* a router that does not say */
	assert_int_equal(ticket_keys_minting(keys), 1);
	router_has(1, 2, NOW_MS);
	assert_int_equal(ticket_keys_minting(keys), 2);
	assert_true(ticket_keys_has(keys, 1));
}

static void the_key_before_is_good_for_as_long_as_what_it_made(void **state)
{
	(void)state;
	assert_int_equal(ticketring_rotate(ring), 0);
	assert_false(ticketring_tick(ring, NOW_MS + 2 * TICKET_KEY_RETIRE_MS));
	router_has(1, 2, NOW_MS);
	router_has(1, 2, NOW_MS + 1000); /* said each second: the time does not begin anew */
	assert_int_equal(ticketring_rotate(ring), -EBUSY);
	assert_false(ticketring_tick(ring, NOW_MS + TICKET_KEY_RETIRE_MS - 1));
	assert_true(ticket_keys_has(keys, 1) && is_there(1));
	assert_true(ticketring_tick(ring, NOW_MS + TICKET_KEY_RETIRE_MS));
	assert_false(ticket_keys_has(keys, 1) || is_there(1));
	assert_false(ticketring_tick(ring, NOW_MS + TICKET_KEY_RETIRE_MS));
	assert_int_equal(ticketring_rotate(ring), 0);
	assert_int_equal(ticketring_wanted(ring), 3);
}

static void one_change_at_a_time(void **state)
{
	(void)state;
	assert_int_equal(ticketring_rotate(ring), 0);
	assert_int_equal(ticketring_rotate(ring), -EBUSY);
	assert_false(is_there(3));
}

static void a_start_before_the_router_has_the_new_key_goes_on_with_the_older(void **state)
{
	(void)state;
	assert_int_equal(ticketring_rotate(ring), 0);
	start();
	assert_int_equal(ticket_keys_minting(keys), 1);
	assert_int_equal(ticketring_wanted(ring), 2);
	assert_int_equal(ticketring_rotate(ring), -EBUSY);
	router_has(1, 2, NOW_MS);
	assert_int_equal(ticket_keys_minting(keys), 2);
}

static void a_start_after_the_change_waits_for_the_router_again(void **state)
{
	(void)state;
	assert_int_equal(ticketring_rotate(ring), 0);
	router_has(1, 2, NOW_MS);
	start();
	assert_int_equal(ticket_keys_minting(keys), 1);
	assert_false(ticketring_tick(ring, NOW_MS + 2 * TICKET_KEY_RETIRE_MS));
	router_has(1, 2, NOW_MS + 7);
	assert_int_equal(ticket_keys_minting(keys), 2);
	assert_false(ticketring_tick(ring, NOW_MS + 6 + TICKET_KEY_RETIRE_MS));
	assert_true(ticketring_tick(ring, NOW_MS + 7 + TICKET_KEY_RETIRE_MS));
	start();
	assert_int_equal(ticket_keys_minting(keys), 2);
}

static void a_router_that_lost_the_new_key_gets_tickets_of_the_older(void **state)
{
	(void)state;
	assert_int_equal(ticketring_rotate(ring), 0);
	router_has(1, 2, NOW_MS);
	router_has(1, 0, NOW_MS);
	assert_int_equal(ticket_keys_minting(keys), 1);
	assert_false(ticketring_tick(ring, NOW_MS + 2 * TICKET_KEY_RETIRE_MS));
	router_has(2, 1, NOW_MS);
	assert_int_equal(ticket_keys_minting(keys), 2);
}

static void ids_go_round(void **state)
{
	int64_t now_ms = NOW_MS;

	(void)state;
	for (unsigned i = 2; i < 600; i++) {
		unsigned char id = (unsigned char)((i - 1) % 255 + 1);

		assert_int_equal(ticketring_rotate(ring), 0);
		if (i % 7 == 0)
			start();
		assert_int_equal(ticketring_wanted(ring), id);
		assert_int_not_equal(ticket_keys_minting(keys), id);
		router_has(id, 0, now_ms);
		assert_int_equal(ticket_keys_minting(keys), id);
		now_ms += TICKET_KEY_RETIRE_MS;
		assert_true(ticketring_tick(ring, now_ms));
	}
}

static void a_file_that_cannot_be_made_changes_nothing(void **state)
{
	char away[80];

	(void)state;
	snprintf(away, sizeof(away), "%s-away", dir);
	assert_int_equal(rename(dir, away), 0);
	assert_int_equal(ticketring_rotate(ring), -ENOENT);
	assert_int_equal(rename(away, dir), 0);
	assert_int_equal(ticketring_wanted(ring), 1);
	assert_int_equal(ticketring_rotate(ring), 0);
}

static void the_list_says_who_waits_for_what(void **state)
{
	struct ticketring_line list[TICKET_KEYS_MAX];

	(void)state;
	assert_int_equal(ticketring_rotate(ring), 0);
	router_has(1, 0, NOW_MS);
	assert_int_equal(ticketring_list(ring, NOW_MS, list), 2);
	assert_true(list[0].id == 1 && list[0].is_minting && list[0].router_has_it);
	assert_true(list[1].id == 2 && !list[1].is_minting && !list[1].router_has_it);
	assert_true(list[0].retires_in_ms == 0 && list[1].retires_in_ms == 0);
	router_has(1, 2, NOW_MS);
	assert_int_equal(ticketring_list(ring, NOW_MS + 1, list), 2);
	assert_true(!list[0].is_minting && list[1].is_minting && list[1].router_has_it);
	assert_true(list[0].retires_in_ms == TICKET_KEY_RETIRE_MS - 1);
	assert_int_equal(list[1].retires_in_ms, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			a_new_key_mints_when_the_router_has_it, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			the_key_before_is_good_for_as_long_as_what_it_made, set_up, tear_down),
		cmocka_unit_test_setup_teardown(one_change_at_a_time, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			a_start_before_the_router_has_the_new_key_goes_on_with_the_older, set_up,
			tear_down),
		cmocka_unit_test_setup_teardown(
			a_start_after_the_change_waits_for_the_router_again, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			a_router_that_lost_the_new_key_gets_tickets_of_the_older, set_up,
			tear_down),
		cmocka_unit_test_setup_teardown(ids_go_round, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			a_file_that_cannot_be_made_changes_nothing, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			the_list_says_who_waits_for_what, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
