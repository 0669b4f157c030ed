/*
 * Bits of the SQLite store are turned over: every row is right, or reported damaged, or the store
 * is refused or begins a new epoch.  STORE_FLIPS says how many.
 */
#include <errno.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "router/store_backend.h"
#include "router/store_mac.h"
#include "router/store_record.h"
#include "tests/unit/store_rig.h"
#include "tests/unit/test.h"

/* One bit of the database, somewhere. */
static void flip(struct rig *r, unsigned seed)
{
	int fd = open(r->path, O_RDWR);
	off_t size = lseek(fd, 0, SEEK_END), at;
	unsigned char byte;

	srandom(seed);
	at = (off_t)(((uint64_t)random() << 16 ^ (uint64_t)random()) % (uint64_t)size);
	assert_int_equal(pread(fd, &byte, 1, at), 1);
	byte ^= (unsigned char)(1u << (seed % 8));
	assert_int_equal(pwrite(fd, &byte, 1, at), 1);
	close(fd);
}

/* Messages to all, and trims, on what is damaged: it goes on, or breaks and says so.  The model
 * forgets them. */
static bool write_on(struct rig *r)
{
	struct rig before = *r;
	bool broken;

	for (size_t i = 0; i < before.n_users; i++)
		rig_send(r, "ann", r->users[i].name, 50);
	rig_settle(r);
	for (size_t i = 0; i < before.n_users; i++)
		assert_int_equal(
			store_trim(r->store, slice_of(r->users[i].name), before.users[i].head.seq),
			0);
	rig_settle(r);
	broken = r->is_broken;
	if (!broken)
		(void)rig_read_everything(r);
	memcpy(r->users, before.users, sizeof(before.users));
	r->n_rows = before.n_rows;
	r->n_stored = before.n_stored;
	r->number = before.number;
	r->stored = before.stored;
	r->is_broken = false;
	return broken;
}

/* The copy with one bit turned. */
static bool open_turned(struct rig *r, unsigned seed, char epoch[EPOCH_BYTES + 1])
{
	rig_put_back(r, "copy");
	rig_restore(r, "copy", ".head");
	rig_remove(r, "-wal");
	(void)rig_epoch_of_file(r, epoch);
	flip(r, seed);
	r->all_damaged = 0;
	if (rig_try(r) != STORE_OPENED) {
		r->store = NULL;
		return false;
	}
	store_free(r->store);
	rig_open(r);
	return true;
}

static void turn_bits(struct rig *r, unsigned n)
{
	size_t refusals = 0, damaged = 0, whole = 0, epochs = 0, broken = 0, all;

	rig_copy(r, "copy");
	rig_open(r);
	all = rig_read_everything(r);
	rig_close(r);
	for (unsigned seed = 1; seed <= n; seed++) {
		char before[EPOCH_BYTES + 1], after[EPOCH_BYTES + 1];
		size_t right;

		if (!open_turned(r, seed, before)) {
			refusals++;
			continue;
		}
		right = rig_read_everything(r);
		if (right == all)
			whole++;
		else if (strcmp(before, rig_epoch(r, after)) != 0)
			epochs++;
		else if (right + r->all_damaged == all)
			damaged++;
		else
			fail_msg("seed %u: %zu right, %zu damaged of %zu", seed, right,
				r->all_damaged, all);
		if (strcmp(before, rig_epoch(r, after)) == 0)
			broken += write_on(r);
		if (r->wrong > 0)
			fail_msg("seed %u: a row was wrong", seed);
		rig_close(r);
	}
	print_message("%u bits turned: %zu stores not opened, %zu with damaged rows, %zu in a new"
		      " epoch, %zu whole; %zu broke when written\n",
		n, refusals, damaged, epochs, whole, broken);
	assert_true(damaged > n / 8);
}

static unsigned flips(void)
{
	const char *n = getenv("STORE_FLIPS");

	return n == NULL ? 300 : (unsigned)strtoul(n, NULL, 10);
}

static void a_turned_bit_is_found_and_never_read(void **state)
{
	struct rig *r = *state;

	rig_send_some(r, 600);
	rig_close(r);
	turn_bits(r, flips());
}

static void a_turned_bit_is_found_in_a_store_that_was_trimmed(void **state)
{
	struct rig *r = *state;

	rig_send_some(r, 600);
	assert_int_equal(
		store_trim(r->store, SLICE_LITERAL("dan"), 1000), 0); /* writes the tails */
	rig_send_some(r, 100);
	rig_close(r);
	turn_bits(r, flips());
}

int main(void)
{
#define TEST(test) cmocka_unit_test_setup_teardown(test, rig_setup_sqlite, rig_teardown)
	const struct CMUnitTest tests[] = {
		TEST(a_turned_bit_is_found_and_never_read),
		TEST(a_turned_bit_is_found_in_a_store_that_was_trimmed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
