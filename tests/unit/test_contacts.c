/* Who exchanged a message with whom. */
#include <stdio.h>

#include "router/contacts.h"
#include "test.h"

static struct slice uid(char out[8], unsigned n)
{
	snprintf(out, 8, "u%u", n);
	return slice_of(out);
}

static void a_pair_is_one_whoever_is_named_first(void **state)
{
	struct contacts cs;
	struct slice a = SLICE_LITERAL("a");
	struct slice ab = SLICE_LITERAL("ab");
	struct slice b = SLICE_LITERAL("b");

	(void)state;
	contacts_init(&cs, 5);
	assert_int_equal(contacts_last(&cs, a, b), 0);
	assert_int_equal(contacts_put(&cs, b, a, 17), 0);
	assert_int_equal(contacts_last(&cs, a, b), 17);
	assert_int_equal(contacts_last(&cs, b, a), 17);
	assert_int_equal(contacts_put(&cs, a, b, 18), 0);
	assert_int_equal(contacts_last(&cs, b, a), 18);
	assert_int_equal(cs.n, 1);
	assert_int_equal(contacts_last(&cs, a, ab), 0);
	assert_int_equal(contacts_last(&cs, ab, b), 0);
	assert_true(contacts_in_order(a, ab));
	assert_true(contacts_in_order(ab, b));
	assert_false(contacts_in_order(b, a));
	contacts_fini(&cs);
}

static void a_sweep_forgets_the_old_ones_and_only_them(void **state)
{
	enum { USERS = 60 };
	struct contacts cs;
	size_t young = 0;
	char x[8];
	char y[8];

	(void)state;
	contacts_init(&cs, 5);
	for (unsigned a = 0; a < USERS; a++) {
		for (unsigned b = a + 1; b < USERS; b++) {
			assert_int_equal(
				contacts_put(&cs, uid(x, a), uid(y, b), 1 + (a * 7 + b) % 100), 0);
			young += 1 + (a * 7 + b) % 100 >= 40;
		}
	}
	contacts_sweep(&cs, 40, 10);
	assert_in_range(cs.n, young, USERS * (USERS - 1) / 2);
	/* twice round: an element may have moved behind the sweep */
	contacts_sweep(&cs, 40, 4 * cs.n_slots);
	assert_int_equal(cs.n, young);
	for (unsigned a = 0; a < USERS; a++) {
		for (unsigned b = a + 1; b < USERS; b++) {
			int64_t at = 1 + (a * 7 + b) % 100;

			assert_int_equal(
				contacts_last(&cs, uid(y, b), uid(x, a)), at >= 40 ? at : 0);
		}
	}
	contacts_fini(&cs);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_pair_is_one_whoever_is_named_first),
		cmocka_unit_test(a_sweep_forgets_the_old_ones_and_only_them),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
