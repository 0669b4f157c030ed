/*
 * ticketkey: the router follows auth from one key to the next, and back to none.  The links and the
 * clock are played here; files and keys are real.
 */
#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>

#include "common/clock.h"
#include "proto/ticket_files.h"
#include "router/links.h"
#include "router/ticketkey.h"
#include "tests/unit/test.h"

static char state_dir[64];
static char dir[80];
static struct router_config config;
static struct hub hub;
static struct ticketkey tk;
static int64_t now_ms;
static unsigned told, ended;

int64_t clock_boot_ms(void)
{
	return now_ms;
}

int64_t clock_mono_ms(void)
{
	return now_ms;
}

int64_t clock_wall_ms(void)
{
	return now_ms;
}

void links_new_credentials(struct links *ls)
{
	(void)ls;
	told++;
}

void links_end_old_credentials(struct links *ls)
{
	(void)ls;
	ended++;
}

static int set_up(void **state)
{
	(void)state;
	strcpy(state_dir, "/tmp/postern-test-XXXXXX");
	if (mkdtemp(state_dir) == NULL)
		return -1;
	snprintf(dir, sizeof(dir), "%s/ticket", state_dir);
	config.daemon.state = state_dir;
	hub = (struct hub){.config = &config};
	tk = (struct ticketkey){0};
	now_ms = 1000000;
	told = ended = 0;
	return mkdir(dir, 0700);
}

static int tear_down(void **state)
{
	(void)state;
	ticket_keys_free(hub.keys);
	for (unsigned char id = 1; id < 9; id++)
		(void)ticket_file_remove(dir, id);
	return rmdir(dir) < 0 || rmdir(state_dir) < 0 ? -1 : 0;
}

static void start_with(unsigned char id)
{
	assert_int_equal(ticket_file_make(dir, id), 0);
	assert_int_equal(ticketkey_look(&tk, &hub, now_ms), TICKETKEY_READY);
	assert_int_equal(ticket_keys_minting(hub.keys), id);
}

static void expect_ids(size_t n, uint32_t first, uint32_t second)
{
	uint32_t ids[TICKET_KEYS_MAX] = {0};

	assert_int_equal(ticketkey_ids(&hub, ids), n);
	assert_true(n < 1 || ids[0] == first);
	assert_true(n < 2 || ids[1] == second);
}

static void before_auth_has_made_one_there_is_nothing(void **state)
{
	(void)state;
	assert_int_equal(ticketkey_look(&tk, &hub, now_ms), TICKETKEY_WAIT);
	ticketkey_wanted(&hub, 1);
	expect_ids(0, 0, 0);
	assert_int_equal(ticketkey_look(&tk, &hub, now_ms + 60000), TICKETKEY_WAIT);
	start_with(1);
	expect_ids(1, 1, 0);
}

static void a_key_that_others_can_read_stops_the_router(void **state)
{
	char path[96];

	(void)state;
	assert_int_equal(ticket_file_make(dir, 1), 0);
	snprintf(path, sizeof(path), "%s/1.key", dir);
	assert_int_equal(chmod(path, 0644), 0);
	assert_int_equal(ticketkey_look(&tk, &hub, now_ms), TICKETKEY_WAIT);
	assert_int_equal(ticketkey_look(&tk, &hub, now_ms + 10000), TICKETKEY_UNSAFE);
}

static void the_key_that_auth_wants_is_loaded_and_every_edge_is_told(void **state)
{
	(void)state;
	start_with(1);
	ticketkey_wanted(&hub, 0); /* an auth that says nothing */
	ticketkey_wanted(&hub, 1);
	assert_int_equal(told, 0);
	assert_int_equal(ticket_file_make(dir, 2), 0);
	ticketkey_wanted(&hub, 2);
	expect_ids(2, 1, 2);
	assert_int_equal(ticket_keys_minting(hub.keys), 2);
	ticketkey_wanted(&hub, 2);
	assert_int_equal(told, 1);
}

static void one_that_cannot_be_read_is_not_taken(void **state)
{
	char path[96];

	(void)state;
	start_with(1);
	ticketkey_wanted(&hub, 2);
	expect_ids(1, 1, 0);
	assert_int_equal(ticket_file_make(dir, 2), 0);
	snprintf(path, sizeof(path), "%s/2.key", dir);
	assert_int_equal(chmod(path, 0666), 0);
	ticketkey_wanted(&hub, 2);
	ticketkey_wanted(&hub, 256 + 1);
	expect_ids(1, 1, 0);
	assert_true(told == 0 && ticket_keys_minting(hub.keys) == 1);
	assert_int_equal(chmod(path, 0640), 0);
	ticketkey_wanted(&hub, 2);
	expect_ids(2, 1, 2);
}

static void the_older_one_goes_with_its_file(void **state)
{
	(void)state;
	start_with(1);
	assert_int_equal(ticket_file_make(dir, 2), 0);
	ticketkey_wanted(&hub, 2);
	ticketkey_wanted(&hub, 2);
	expect_ids(2, 1, 2);
	assert_int_equal(ticket_file_remove(dir, 1), 0);
	ticketkey_wanted(&hub, 2);
	expect_ids(1, 2, 0);
	/* And leaves its place to the next. */
	assert_int_equal(ticket_file_make(dir, 3), 0);
	ticketkey_wanted(&hub, 3);
	expect_ids(2, 2, 3);
	assert_int_equal(ticket_keys_minting(hub.keys), 3);
}

static void a_start_in_the_middle_waits_for_auth(void **state)
{
	(void)state;
	assert_int_equal(ticket_file_make(dir, 2), 0);
	start_with(1); /* the older one mints */
	expect_ids(2, 1, 2);
	ticketkey_wanted(&hub, 2);
	assert_true(told == 1 && ticket_keys_minting(hub.keys) == 2);
}

static void edges_that_cannot_be_told_come_again_before_the_older_one_goes(void **state)
{
	(void)state;
	start_with(1);
	assert_int_equal(ticket_file_make(dir, 2), 0);
	ticketkey_wanted(&hub, 2);
	now_ms += TICKET_KEY_RETIRE_MS / 2 - 1;
	ticketkey_wanted(&hub, 2);
	assert_int_equal(ended, 0);
	now_ms++;
	ticketkey_wanted(&hub, 2);
	ticketkey_wanted(&hub, 2);
	assert_int_equal(ended, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			before_auth_has_made_one_there_is_nothing, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			a_key_that_others_can_read_stops_the_router, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			the_key_that_auth_wants_is_loaded_and_every_edge_is_told, set_up,
			tear_down),
		cmocka_unit_test_setup_teardown(
			one_that_cannot_be_read_is_not_taken, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			the_older_one_goes_with_its_file, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			a_start_in_the_middle_waits_for_auth, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			edges_that_cannot_be_told_come_again_before_the_older_one_goes, set_up,
			tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
