/*
 * What the SQLite store does when the disk is full, or breaks.
 */
#include <sqlite3.h>
#include <stdlib.h>

#include "tests/unit/store_rig.h"
#include "tests/unit/store_vfs.h"
#include "tests/unit/test.h"

static struct store_vfs *disk;

static int setup(void **state)
{
	struct rig *r = malloc(sizeof(*r));

	disk = store_vfs_install();
	rig_init(r, "sqlite");
	rig_open(r);
	*state = r;
	return 0;
}

static int teardown(void **state)
{
	disk = store_vfs_install();
	rig_fini(*state);
	free(*state);
	return 0;
}

static void wait_for_failures(struct rig *r, size_t n)
{
	for (uint64_t began = uv_hrtime(); r->failures < n;)
		rig_turn(r, began);
}

static void a_full_disk_fails_the_generation_once_and_reads_go_on(void **state)
{
	struct rig *r = *state;

	for (int i = 0; i < 10; i++)
		rig_send(r, "ann", "bob", 100);
	rig_settle(r);
	atomic_store(&disk->write, SQLITE_FULL);
	for (int i = 0; i < 2000; i++)
		rig_send(r, "ann", "bob", 100);
	wait_for_failures(r, 1);
	rig_send(r, "ann", "bob", 100); /* still of that generation: dropped without a word */
	rig_settle(r);
	assert_int_equal(r->failures, 1);
	assert_int_equal(r->failed, 1);
	assert_int_equal(r->stored, 10);
	assert_false(r->is_broken);
	assert_int_equal(rig_read_all(r, "bob"), 10);

	atomic_store(&disk->write, 0);
	rig_fall_back(r);
	for (int i = 0; i < 10; i++)
		rig_send(r, "bob", "ann", 50);
	rig_settle(r);
	assert_int_equal(r->failures, 1);
	assert_int_equal(rig_read_all(r, "bob"), 20);
	assert_int_equal(rig_read_all(r, "ann"), 20);
	assert_int_equal(r->wrong, 0);
	rig_close(r);
	rig_open(r);
	assert_int_equal(rig_read_all(r, "bob"), 20);
	assert_int_equal(r->wrong, 0);
}

static void each_generation_fails_while_the_disk_is_full(void **state)
{
	struct rig *r = *state;

	rig_send(r, "ann", "bob", 100);
	rig_settle(r);
	atomic_store(&disk->write, SQLITE_FULL);
	for (uint64_t i = 1; i <= 5; i++) {
		rig_send(r, "ann", "new", 100);
		rig_settle(r);
		assert_int_equal(r->failures, i);
		assert_int_equal(r->failed, i);
		rig_fall_back(r);
	}
	atomic_store(&disk->write, 0);
	rig_send(r, "ann", "new", 100);
	rig_settle(r);
	assert_int_equal(r->failures, 5);
	assert_int_equal(rig_read_all(r, "new"), 1);
	assert_int_equal(r->wrong, 0);
	rig_close(r);
	rig_open(r);
	assert_int_equal(rig_read_all(r, "new"), 1);
}

static void a_position_outlives_a_full_disk(void **state)
{
	struct rig *r = *state;
	struct rig_user *bob = &r->users[rig_user(r, "bob")];
	struct store_device d = {SLICE_LITERAL("bob"), SLICE_LITERAL("phone"), 3, 0, 17};
	struct store_counts c = {0};

	for (int i = 0; i < 5; i++)
		rig_send(r, "ann", "bob", 100);
	rig_settle(r);
	atomic_store(&disk->write, SQLITE_FULL);
	assert_int_equal(store_position(r->store, &d), 0);
	for (uint64_t began = uv_hrtime(); c.failures == 0; store_counts(r->store, &c))
		rig_turn(r, began);
	rig_send(r, "ann", "bob", 100);
	wait_for_failures(r, 1);
	assert_int_equal(bob->acked, 0);
	assert_false(store_is_idle(r->store));
	atomic_store(&disk->write, 0);
	rig_fall_back(r);
	rig_settle(r); /* by itself */
	assert_int_equal(bob->acked, 3);
	assert_int_equal(r->failures, 1);
}

static void a_disk_that_fills_in_the_middle_of_a_commit_is_full(void **state)
{
	struct rig *r = *state;

	for (int writes = 0; writes < 12; writes++) {
		size_t before = r->failures;
		uint64_t stored = r->stored;

		atomic_store(&disk->writes_left, writes);
		atomic_store(&disk->write, SQLITE_FULL);
		rig_send(r, "ann", "bob", 6000);
		rig_settle(r);
		atomic_store(&disk->write, 0);
		assert_false(r->is_broken);
		assert_int_equal(r->failures - before, r->stored == stored ? 1 : 0);
		if (r->failures > before)
			rig_fall_back(r);
	}
	assert_true(r->failures > 2);
	rig_send(r, "ann", "bob", 10);
	rig_settle(r);
	assert_int_equal(rig_read_all(r, "bob"), r->users[rig_user(r, "bob")].head.seq);
	assert_int_equal(r->wrong, 0);
}

static void breaks(struct rig *r)
{
	struct rig_user *bob = &r->users[rig_user(r, "bob")];
	uint64_t head = bob->head.seq;

	rig_send(r, "ann", "bob", 100);
	rig_wait(r, &r->is_broken);
	assert_int_equal(r->failures, 0);
	assert_int_equal(r->stored, head);
	(void)store_vfs_install(); /* the disk is well again: nothing is tried */
	rig_send(r, "ann", "bob", 100);
	for (int i = 0; i < 20; i++)
		(void)uv_run(&r->loop, UV_RUN_NOWAIT);
	assert_int_equal(r->stored, head);
	rig_close(r);
	r->is_broken = false;
	rig_fall_back(r);
	rig_open(r);
	assert_true(rig_read_all(r, "bob") >= head);
	assert_int_equal(r->wrong, 0);
}

static void a_failed_flush_breaks_the_store_for_good(void **state)
{
	struct rig *r = *state;

	for (int i = 0; i < 10; i++)
		rig_send(r, "ann", "bob", 100);
	rig_settle(r);
	atomic_store(&disk->sync, SQLITE_IOERR_FSYNC);
	breaks(r);
}

static void a_failed_write_breaks_the_store_for_good(void **state)
{
	struct rig *r = *state;

	for (int i = 0; i < 10; i++)
		rig_send(r, "ann", "bob", 100);
	rig_settle(r);
	atomic_store(&disk->write, SQLITE_IOERR_WRITE);
	breaks(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			a_full_disk_fails_the_generation_once_and_reads_go_on, setup, teardown),
		cmocka_unit_test_setup_teardown(
			each_generation_fails_while_the_disk_is_full, setup, teardown),
		cmocka_unit_test_setup_teardown(a_position_outlives_a_full_disk, setup, teardown),
		cmocka_unit_test_setup_teardown(
			a_disk_that_fills_in_the_middle_of_a_commit_is_full, setup, teardown),
		cmocka_unit_test_setup_teardown(
			a_failed_flush_breaks_the_store_for_good, setup, teardown),
		cmocka_unit_test_setup_teardown(
			a_failed_write_breaks_the_store_for_good, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
