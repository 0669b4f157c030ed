/*
 * Long lives of the SQLite store: everything at random, against the model, and ends by kill -9.
 */
#include <signal.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/unit/store_rig.h"
#include "tests/unit/store_vfs.h"
#include "tests/unit/test.h"

#define USERS 9

static uint64_t state_of_chance;

static unsigned chance(unsigned n)
{
	state_of_chance = state_of_chance * 6364136223846793005u + 1442695040888963407u;
	return (unsigned)(state_of_chance >> 33) % n;
}

static const char *somebody(void)
{
	static const char *const names[USERS] = {
		"", "ann", "bob", "cid", "dan", "eve", "fay", "gus", "hal"};

	return names[chance(USERS)];
}

/* ann gets and sends most. */
static void send_one(struct rig *r)
{
	const char *to = chance(3) == 0 ? "ann" : somebody();
	const char *from = to[0] == '\0' || chance(5) == 0 ? NULL : somebody();

	if (from != NULL && from[0] == '\0')
		from = "ann";
	rig_send(r, from, to, chance(20) == 0 ? chance(9000) : chance(150));
}

static void send_some(struct rig *r)
{
	for (unsigned i = 1 + chance(chance(10) == 0 ? 1500 : 40); i > 0; i--)
		send_one(r);
}

static void trim_somebody(struct rig *r)
{
	const char *name = somebody();
	struct rig_user *u = &r->users[rig_user(r, name)];
	uint64_t seq = u->stored.seq == 0 ? 0 : chance((unsigned)u->stored.seq + 1);

	if (chance(10) == 0)
		seq = u->stored.seq;
	assert_int_equal(store_trim(r->store, slice_of(name), seq), 0);
	if (seq + 1 > u->floor)
		u->floor = seq + 1;
}

static void fill_the_disk(struct rig *r, struct store_vfs *disk)
{
	size_t failures = r->failures;

	atomic_store(&disk->writes_left, (int)chance(30));
	atomic_store(&disk->write, SQLITE_FULL);
	send_some(r);
	for (uint64_t began = uv_hrtime(); r->failures == failures && r->stored < r->number;)
		rig_turn(r, began);
	atomic_store(&disk->write, 0);
	if (r->failures > failures)
		rig_fall_back(r);
}

static void look_at_everything(struct rig *r)
{
	for (size_t i = 0; i < r->n_users; i++) {
		struct rig_user *u = &r->users[i];
		uint64_t kept = u->head.seq + 1 - (u->floor == 0 ? 1 : u->floor);

		assert_int_equal(rig_read_all(r, u->name), kept);
	}
	assert_int_equal(r->wrong, 0);
	assert_int_equal(r->all_damaged, 0);
}

static void live(struct rig *r, struct store_vfs *disk)
{
	switch (chance(10)) {
	case 0:
		rig_settle(r);
		rig_close(r);
		rig_open(r);
		break;
	case 1:
		fill_the_disk(r, disk);
		break;
	case 2:
	case 3:
		rig_settle(r);
		trim_somebody(r);
		break;
	case 4:
		rig_settle(r);
		look_at_everything(r);
		break;
	default:
		send_some(r);
		break;
	}
}

static void whatever_happens_every_row_is_right(void **state)
{
	const char *seeds = getenv("STORE_SEEDS");
	unsigned n = seeds == NULL ? 6 : (unsigned)strtoul(seeds, NULL, 10);

	(void)state;
	for (unsigned seed = 1; seed <= n; seed++) {
		struct store_vfs *disk = store_vfs_install();
		struct rig r;

		print_message("seed %u\n", seed);
		state_of_chance = seed;
		rig_init(&r, "sqlite");
		rig_open(&r);
		for (int i = 0; i < 150; i++)
			live(&r, disk);
		rig_settle(&r);
		rig_close(&r);
		rig_open(&r);
		look_at_everything(&r);
		rig_fini(&r);
	}
}

/* Which writes the tails too. */
static void trim_half(struct rig *r, const char *name)
{
	uint64_t seq = r->users[rig_user(r, name)].stored.seq / 2;

	assert_int_equal(store_trim(r->store, slice_of(name), seq), 0);
}

/* The process that is killed: it sends without end, and says what was acknowledged. */
static void run_until_killed(struct rig *r, int out, unsigned sends)
{
	uint64_t told = 0;
	unsigned sent = 0;

	alarm(60); /* whatever becomes of the test */
	rig_open(r);
	for (unsigned turns = 1;; turns++) {
		if (turns % 64 == 0)
			trim_half(r, turns % 128 == 0 ? "ann" : "bob");
		for (unsigned i = 0; i < 30 && sent < sends; i++, sent++)
			send_one(r);
		(void)uv_run(&r->loop, UV_RUN_NOWAIT);
		if (r->stored == told)
			continue;
		told = r->stored;
		if (write(out, &told, sizeof(told)) != (ssize_t)sizeof(told))
			_exit(1);
	}
}

/* The last number that the process said before its end, which comes once it said `enough`. */
static uint64_t kill_after(pid_t pid, int in, uint64_t enough)
{
	uint64_t number, last = 0;
	bool killed = false;

	while (read(in, &number, sizeof(number)) == (ssize_t)sizeof(number)) {
		last = number;
		if (killed || last < enough)
			continue;
		assert_int_equal(kill(pid, SIGKILL), 0);
		killed = true;
	}
	assert_true(killed);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	return last;
}

static void after_a_kill(struct rig *r, uint64_t acked)
{
	rig_count_stored(r, acked);
	rig_open(r);
	for (size_t i = 0; i < r->n_users; i++) {
		size_t right = rig_read_all(r, r->users[i].name);

		if (r->last < r->users[i].stored.seq || right != r->last + 1 - r->floor)
			fail_msg("%s: %zu from %llu to %llu of %llu", r->users[i].name, right,
				(unsigned long long)r->floor, (unsigned long long)r->last,
				(unsigned long long)r->users[i].stored.seq);
	}
	assert_int_equal(r->wrong, 0);
	assert_int_equal(r->all_damaged, 0);
}

static void what_was_acknowledged_outlives_kill_9(void **state)
{
	const char *rounds = getenv("STORE_KILLS");
	unsigned n = rounds == NULL ? 4 : (unsigned)strtoul(rounds, NULL, 10);

	(void)state;
	(void)store_vfs_install();
	for (unsigned seed = 1; seed <= n; seed++) {
		unsigned sends = 20000;
		int ends[2];
		uint64_t acked;
		struct rig r;
		pid_t pid;

		rig_init(&r, "sqlite");
		assert_int_equal(pipe(ends), 0);
		state_of_chance = seed;
		pid = fork();
		if (pid == 0) {
			close(ends[0]);
			run_until_killed(&r, ends[1], sends);
		}
		close(ends[1]);
		acked = kill_after(pid, ends[0], 1 + seed * 2503 % 15000);
		close(ends[0]);
		state_of_chance = seed;
		for (unsigned i = 0; i < sends; i++)
			send_one(&r);
		after_a_kill(&r, acked);
		print_message("seed %u: killed at %llu\n", seed, (unsigned long long)acked);
		rig_fini(&r);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(whatever_happens_every_row_is_right),
		cmocka_unit_test(what_was_acknowledged_outlives_kill_9),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
