/* Sends that wait for the router's answer. */
#include <stdio.h>
#include <stdlib.h>

#include "edge/sends.h"
#include "tests/unit/test.h"

static int add(struct sends *s, uint64_t session, int64_t at_ms, const char *id, uint64_t *out_ref)
{
	const struct send_entry e = {.session = session, .at_ms = at_ms, .takes_number = true};

	return sends_add(s, &e, slice_of(id), out_ref);
}

static void an_answer_finds_its_session_and_id_once(void **state)
{
	struct sends *s;
	uint64_t ref[1000];
	char id[16];

	(void)state;
	assert_int_equal(sends_new(&s), 0);
	for (uint64_t i = 0; i < 1000; i++) {
		snprintf(id, sizeof(id), "\"%d\"", (int)i);
		assert_int_equal(add(s, i + 5, 0, i % 2 ? id : "", &ref[i]), 0);
	}
	assert_int_equal(sends_count(s), 1000);
	for (uint64_t i = 1000; i-- > 0;) {
		struct send_entry *e = sends_take(s, ref[i]);

		assert_non_null(e);
		assert_int_equal(e->session, i + 5);
		assert_true(e->takes_number);
		snprintf(id, sizeof(id), "\"%d\"", (int)i);
		assert_true(slice_is(send_id(e), i % 2 ? id : ""));
		free(e);
		assert_null(sends_take(s, ref[i]));
	}
	assert_null(sends_take(s, 0));
	sends_free(s);
}

static void count_one(void *arg, const struct send_entry *e)
{
	*(uint64_t *)arg += e->session;
}

static void all_are_taken_when_the_link_is_gone(void **state)
{
	struct sends *s;
	uint64_t ref;
	uint64_t sum = 0;

	(void)state;
	assert_int_equal(sends_new(&s), 0);
	for (uint64_t i = 1; i <= 100; i++)
		assert_int_equal(add(s, i, 0, "1", &ref), 0);
	sends_take_all(s, count_one, &sum);
	assert_int_equal(sum, 5050);
	assert_int_equal(sends_count(s), 0);
	assert_int_equal(add(s, 1, 0, "1", &ref), 0);
	assert_int_equal(ref, 101);
	sends_free(s);
}

static void what_waits_too_long_is_taken_oldest_first(void **state)
{
	struct sends *s;
	uint64_t ref[100];
	uint64_t sum = 0;

	(void)state;
	assert_int_equal(sends_new(&s), 0);
	for (uint64_t i = 0; i < 100; i++)
		assert_int_equal(add(s, i, (int64_t)(i * 10), "1", &ref[i]), 0);
	free(sends_take(s, ref[3])); /* answered meanwhile */
	sends_take_old(s, -1, count_one, &sum);
	assert_int_equal(sum, 0);
	sends_take_old(s, 40, count_one, &sum);
	assert_int_equal(sum, 0 + 1 + 2 + 4);
	assert_int_equal(sends_count(s), 95);
	assert_null(sends_take(s, ref[4]));
	sends_take_old(s, 40, count_one, &sum);
	assert_int_equal(sum, 7);
	sends_take_old(s, 990, count_one, &sum);
	assert_int_equal(sum, 4950 - 3);
	assert_int_equal(sends_count(s), 0);
	sends_take_old(s, 2000, count_one, &sum);
	assert_int_equal(add(s, 1, 1000, "1", &ref[0]), 0);
	sends_take_old(s, 1000, count_one, &sum);
	assert_int_equal(sum, 4950 - 2);
	sends_free(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_answer_finds_its_session_and_id_once),
		cmocka_unit_test(all_are_taken_when_the_link_is_gone),
		cmocka_unit_test(what_waits_too_long_is_taken_oldest_first),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
