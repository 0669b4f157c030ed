/*
 * onetime without memory: a ticket that finds none leaves nothing behind, and what was there is as
 * good as before.  That nothing is lost is what ASan sees.
 */
#include <errno.h>
#include <string.h>

#include "auth/onetime.h"
#include "tests/sim/alloc.h"
#include "tests/unit/test.h"

#define NOW 1000
#define NONE ((struct slice){NULL, 0})

static int make(struct onetime *o, const char *uid, unsigned char number, char *out)
{
	unsigned char random[ONE_TIME_BYTES] = {number};
	struct token_facts facts = {.uid_len = strlen(uid)};

	memcpy(facts.uid, uid, facts.uid_len);
	return onetime_make(o, random, &facts, NONE, NOW, out);
}

static void a_ticket_that_finds_no_memory_leaves_nothing(void **state)
{
	char first[ONE_TIME_TEXT_BYTES + 1], other[ONE_TIME_TEXT_BYTES + 1];
	struct onetime *o = NULL;
	struct token_facts facts;
	unsigned n = 0;
	int r;

	(void)state;
	assert_int_equal(onetime_new(&o), 0);
	assert_int_equal(make(o, "ann", 1, first), 0);
	do {
		alloc_fail_at(++n, false);
		r = make(o, "ben", 2, other);
		if (r < 0) {
			assert_int_equal(r, -ENOMEM);
			assert_int_equal(onetime_count(o), 1);
		}
	} while (alloc_failed() > 0);
	alloc_fail_at(0, false);
	assert_int_equal(r, 0);
	assert_true(n > 2); /* the ticket and its owner, at the least */
	assert_true(onetime_take(o, slice_of(first), NONE, NOW, &facts));
	assert_true(onetime_take(o, slice_of(other), NONE, NOW, &facts));
	assert_int_equal(onetime_count(o), 0);
	onetime_free(o);
}

static void without_memory_there_is_no_table(void **state)
{
	struct onetime *o = NULL;
	unsigned n = 0;
	int r;

	(void)state;
	do {
		alloc_fail_at(++n, false);
		r = onetime_new(&o);
		assert_true(r == (alloc_failed() > 0 ? -ENOMEM : 0));
	} while (r < 0);
	alloc_fail_at(0, false);
	assert_true(n > 3);
	onetime_free(o);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_ticket_that_finds_no_memory_leaves_nothing),
		cmocka_unit_test(without_memory_there_is_no_table),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
