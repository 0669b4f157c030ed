/* The timer wheel, with a clock that the test moves. */
#include "edge/wheel.h"
#include "tests/unit/test.h"

#define TICK 10

struct timer {
	struct wheel_entry entry; /* first */
	int64_t due_ms;
	int64_t fired_ms; /* -1: not yet */
};

static void fire_until(struct wheel *w, int64_t now_ms)
{
	struct wheel_entry *e;

	while ((e = wheel_pop(w, now_ms)) != NULL) {
		struct timer *t = (struct timer *)e;

		assert_true(t->fired_ms < 0);
		t->fired_ms = now_ms;
	}
}

static void an_entry_fires_at_its_time_or_a_tick_later(void **state)
{
	(void)state;
	for (int64_t due = 1001; due < 1000 + (WHEEL_SLOTS - 2) * TICK; due += 7) {
		struct wheel w;
		struct timer t = {.due_ms = due, .fired_ms = -1};

		wheel_init(&w, TICK, 1000);
		wheel_set(&w, &t.entry, due);
		for (int64_t now = 1000; t.fired_ms < 0; now++)
			fire_until(&w, now);
		assert_in_range(t.fired_ms, due, due + TICK);
		assert_false(wheel_is_set(&t.entry));
	}
}

static void a_time_past_the_horizon_fires_at_the_horizon(void **state)
{
	struct wheel w;
	struct timer t = {.fired_ms = -1};

	(void)state;
	wheel_init(&w, TICK, 0);
	wheel_set(&w, &t.entry, INT64_MAX / 2);
	fire_until(&w, (WHEEL_SLOTS - 2) * TICK);
	assert_int_equal(t.fired_ms, -1);
	fire_until(&w, (WHEEL_SLOTS - 1) * TICK);
	assert_int_equal(t.fired_ms, (WHEEL_SLOTS - 1) * TICK);
}

static void a_time_that_has_passed_fires_with_the_next_tick(void **state)
{
	struct wheel w;
	struct timer t = {.fired_ms = -1};

	(void)state;
	wheel_init(&w, TICK, 5000);
	wheel_set(&w, &t.entry, 10);
	fire_until(&w, 5000);
	assert_int_equal(t.fired_ms, -1);
	fire_until(&w, 5000 + TICK);
	assert_int_equal(t.fired_ms, 5000 + TICK);
}

static void moved_and_unset_entries_do_not_fire_at_the_old_time(void **state)
{
	struct wheel w;
	struct timer a = {.fired_ms = -1};
	struct timer b = {.fired_ms = -1};

	(void)state;
	wheel_init(&w, TICK, 0);
	wheel_set(&w, &a.entry, 100);
	wheel_set(&w, &b.entry, 100);
	wheel_set(&w, &a.entry, 300);
	wheel_unset(&b.entry);
	wheel_unset(&b.entry);
	fire_until(&w, 299);
	assert_int_equal(a.fired_ms, -1);
	fire_until(&w, 300);
	assert_int_equal(a.fired_ms, 300);
	fire_until(&w, 10000);
	assert_int_equal(b.fired_ms, -1);
}

static void after_a_long_stall_everything_fires_once(void **state)
{
	struct wheel w;
	struct timer t[WHEEL_SLOTS];

	(void)state;
	wheel_init(&w, TICK, 0);
	for (int i = 0; i < WHEEL_SLOTS; i++) {
		t[i] = (struct timer){.fired_ms = -1};
		wheel_set(&w, &t[i].entry, i * TICK);
	}
	fire_until(&w, 1000000000);
	for (int i = 0; i < WHEEL_SLOTS; i++)
		assert_int_equal(t[i].fired_ms, 1000000000);
}

static void an_entry_may_be_set_again_while_entries_are_taken(void **state)
{
	struct wheel w;
	struct wheel_entry *e;
	struct timer t = {.fired_ms = -1};
	int fired = 0;

	(void)state;
	wheel_init(&w, TICK, 0);
	wheel_set(&w, &t.entry, 50);
	for (int64_t now = 0; now <= 1000; now += TICK)
		while ((e = wheel_pop(&w, now)) != NULL) {
			fired++;
			wheel_set(&w, e, now + 50);
		}
	assert_int_equal(fired, 20);
}

static void ten_thousand_phases_are_spread_over_the_period(void **state)
{
	static struct timer t[10000];
	struct wheel w;
	struct wheel_entry *e;
	int most = 0;

	(void)state;
	wheel_init(&w, TICK, 0);
	for (int i = 0; i < 10000; i++)
		wheel_set(&w, &t[i].entry, 1 + i * 7919LL % 5000);
	for (int64_t now = 0; now <= 5100; now += TICK) {
		int n = 0;

		while ((e = wheel_pop(&w, now)) != NULL)
			n++;
		most = n > most ? n : most;
	}
	assert_in_range(most, 15, 25);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_entry_fires_at_its_time_or_a_tick_later),
		cmocka_unit_test(a_time_past_the_horizon_fires_at_the_horizon),
		cmocka_unit_test(a_time_that_has_passed_fires_with_the_next_tick),
		cmocka_unit_test(moved_and_unset_entries_do_not_fire_at_the_old_time),
		cmocka_unit_test(after_a_long_stall_everything_fires_once),
		cmocka_unit_test(an_entry_may_be_set_again_while_entries_are_taken),
		cmocka_unit_test(ten_thousand_phases_are_spread_over_the_period),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
