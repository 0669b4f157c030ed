/* facts: numbers that ascend, whatever is replaced, pruned or undone. */
#include "tests/unit/db_rig.h"
#include "tests/unit/test.h"

static int add(struct fact fact)
{
	int r = db_begin(rig.db);

	if (r == 0)
		r = facts_add(rig.facts, &fact);
	if (r == 0)
		r = db_commit(rig.db);
	facts_committed(rig.facts);
	return r;
}

static void add_user(const char *uid)
{
	assert_int_equal(add((struct fact){.kind = FACT_USER, .uid = slice_of(uid)}), 0);
}

static void revoke_user(const char *uid, int64_t wall_ms, int64_t boot_ms)
{
	assert_int_equal(add((struct fact){.kind = FACT_REVOKE_USER,
				 .uid = slice_of(uid),
				 .wall_ms = wall_ms,
				 .boot_ms = boot_ms,
				 .code = 4404}),
		0);
}

static void revoke_token(uint64_t hash, const char *uid, int64_t until_ms)
{
	assert_int_equal(add((struct fact){.kind = FACT_REVOKE_TOKEN,
				 .uid = slice_of(uid),
				 .subject = hash,
				 .wall_ms = 1,
				 .boot_ms = 1,
				 .until_ms = until_ms,
				 .code = 4410}),
		0);
}

static void revoke_issuer(uint32_t id)
{
	assert_int_equal(add((struct fact){.kind = FACT_REVOKE_ISSUER,
				 .subject = id,
				 .wall_ms = 1,
				 .boot_ms = 1,
				 .code = 4404}),
		0);
}

static struct fact kept;

static int keep(void *arg, const struct fact *fact)
{
	unsigned *n = arg;

	kept = *fact;
	kept.uid = (struct slice){NULL, 0};
	(*n)++;
	return 0;
}

/* The only fact with this number. */
static const struct fact *fact_at(uint64_t number)
{
	unsigned n = 0;

	assert_int_equal(facts_after(rig.facts, number - 1, 1, INT64_MIN, keep, &n), 0);
	assert_int_equal(n, 1);
	assert_int_equal(kept.number, number);
	return &kept;
}

static void a_newer_revocation_of_the_same_subject_takes_a_new_number(void **state)
{
	(void)state;
	rig_open();
	add_user("ann");
	revoke_user("ann", 1000, 500);
	add_user("ann"); /* known: nothing happens */
	revoke_issuer(9);
	revoke_token(9, "ann", 50); /* the same number, another kind */
	assert_string_equal(rig_facts(0),
		"1 user ann; 2 revoke_user ann; 3 revoke_issuer 9; 4 revoke_token 9 ann");
	revoke_user("ann", 2000, 600);
	revoke_issuer(9);
	revoke_user("Ann", 2000, 600);
	assert_string_equal(rig_facts(0), "1 user ann; 4 revoke_token 9 ann; 5 revoke_user ann; "
					  "6 revoke_issuer 9; 7 revoke_user Ann");
	rig_restart();
	assert_int_equal(facts_last(rig.facts), 7);
	assert_string_equal(rig_facts(5), "6 revoke_issuer 9; 7 revoke_user Ann");
	assert_int_equal(fact_at(5)->wall_ms, 2000);
	assert_int_equal(fact_at(5)->boot_ms, 600);
	assert_int_equal(fact_at(5)->code, 4404);
}

static void a_revocation_is_never_weakened_by_a_later_one(void **state)
{
	(void)state;
	rig_open();
	revoke_user("ann", 2000, 600);
	revoke_user("ann", 1500, 700); /* the wall clock was put back */
	assert_int_equal(fact_at(2)->wall_ms, 2000);
	assert_int_equal(fact_at(2)->boot_ms, 700);
	revoke_token(7, "ann", 900);
	revoke_token(7, "", 400);
	assert_string_equal(rig_facts(2), "4 revoke_token 7 ann");
	assert_int_equal(fact_at(4)->until_ms, 900);
	revoke_token(7, "", 0);
	revoke_token(7, "", 1000);
	assert_int_equal(fact_at(6)->until_ms, 0); /* for ever */
	assert_string_equal(rig_facts(2), "6 revoke_token 7 ann");
}

static void a_hash_of_any_value_is_kept_as_it_is(void **state)
{
	(void)state;
	rig_open();
	revoke_token(UINT64_MAX, "", 0);
	revoke_token((uint64_t)1 << 63, "", 0);
	revoke_token(0, "", 0);
	rig_restart();
	assert_string_equal(rig_facts(0), "1 revoke_token 18446744073709551615; "
					  "2 revoke_token 9223372036854775808; 3 revoke_token");
}

static void pruning_forgets_expired_tokens_but_never_gives_a_number_twice(void **state)
{
	(void)state;
	rig_open();
	revoke_token(1, "", 100);
	revoke_user("ann", 50, 50);
	revoke_token(2, "", 0);
	revoke_token(3, "", 200);
	revoke_token(4, "", 100);
	assert_int_equal(facts_prune(rig.facts, 150), 0);
	assert_string_equal(rig_facts(0), "2 revoke_user ann; 3 revoke_token 2; 4 revoke_token 3; "
					  "5 revoke_token 4");
	rig_restart();
	assert_int_equal(facts_last(rig.facts), 5);
	revoke_token(5, "", 300);
	assert_int_equal(facts_prune(rig.facts, 250), 0);
	assert_string_equal(rig_facts(0), "2 revoke_user ann; 3 revoke_token 2; 6 revoke_token 5");
}

static void another_boot_takes_the_boot_times_away(void **state)
{
	(void)state;
	rig_open();
	revoke_user("ann", 1000, 500);
	rig_restart();
	assert_int_equal(fact_at(1)->boot_ms, 500);
	rig_boot = "the next boot";
	rig_restart();
	assert_int_equal(fact_at(1)->boot_ms, 0);
	assert_int_equal(fact_at(1)->wall_ms, 1000);
	revoke_user("ben", 2000, 30);
	rig_restart();
	assert_int_equal(fact_at(2)->boot_ms, 30);
}

static int count(void *arg, const struct fact *fact)
{
	uint64_t *sum = arg;

	*sum = *sum * 10 + fact->number;
	return *sum == 13 ? 7 : 0;
}

static void old_revocations_are_left_out_but_for_the_very_last_fact(void **state)
{
	uint64_t seen = 0;

	(void)state;
	rig_open();
	revoke_user("ann", 1, 100);
	add_user("ben");
	revoke_user("cem", 1, 300);
	revoke_user("dan", 1, 100);
	assert_int_equal(facts_after(rig.facts, 0, 9, 200, count, &seen), 0);
	assert_int_equal(seen, 234);
	seen = 0;
	assert_int_equal(facts_after(rig.facts, 0, 2, 200, count, &seen), 0);
	assert_int_equal(seen, 23);
	add_user("eva");
	seen = 0;
	assert_int_equal(facts_after(rig.facts, 2, 9, 200, count, &seen), 0);
	assert_int_equal(seen, 35);
	seen = 1;
	assert_int_equal(facts_after(rig.facts, 2, 9, 200, count, &seen), 7); /* each() said so */
	seen = 0;
	assert_int_equal(facts_after(rig.facts, UINT64_MAX, 9, INT64_MIN, count, &seen), 0);
	assert_int_equal(seen, 0);
}

static void numbers_that_the_router_took_are_skipped(void **state)
{
	(void)state;
	rig_open();
	add_user("ann");
	facts_skip(rig.facts, 40);
	facts_skip(rig.facts, 30);
	revoke_user("ann", 1, 1);
	add_user("ben");
	assert_string_equal(rig_facts(0), "1 user ann; 41 revoke_user ann; 42 user ben");
}

/* Each looks for an older one of its subject: with a table that was read for it, this would take
 * many minutes. */
static void a_revocation_is_found_among_many(void **state)
{
	enum { MANY = 100000 };
	struct fact fact = {.kind = FACT_REVOKE_TOKEN, .wall_ms = 1, .boot_ms = 1, .code = 4410};

	(void)state;
	rig_open();
	assert_int_equal(db_begin(rig.db), 0);
	for (uint64_t i = 0; i < MANY; i++) {
		fact.subject = i * 0x9e3779b97f4a7c15;
		assert_int_equal(facts_add(rig.facts, &fact), 0);
	}
	assert_int_equal(db_commit(rig.db), 0);
	facts_committed(rig.facts);
	assert_int_equal(facts_last(rig.facts), MANY);
	revoke_token(0, "ann", 7);
	assert_string_equal(rig_facts(MANY), "100001 revoke_token ann");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			a_newer_revocation_of_the_same_subject_takes_a_new_number, db_rig_setup,
			db_rig_teardown),
		cmocka_unit_test_setup_teardown(a_revocation_is_never_weakened_by_a_later_one,
			db_rig_setup, db_rig_teardown),
		cmocka_unit_test_setup_teardown(
			a_hash_of_any_value_is_kept_as_it_is, db_rig_setup, db_rig_teardown),
		cmocka_unit_test_setup_teardown(
			pruning_forgets_expired_tokens_but_never_gives_a_number_twice, db_rig_setup,
			db_rig_teardown),
		cmocka_unit_test_setup_teardown(
			another_boot_takes_the_boot_times_away, db_rig_setup, db_rig_teardown),
		cmocka_unit_test_setup_teardown(
			old_revocations_are_left_out_but_for_the_very_last_fact, db_rig_setup,
			db_rig_teardown),
		cmocka_unit_test_setup_teardown(
			numbers_that_the_router_took_are_skipped, db_rig_setup, db_rig_teardown),
		cmocka_unit_test_setup_teardown(
			a_revocation_is_found_among_many, db_rig_setup, db_rig_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
