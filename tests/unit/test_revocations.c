/* revocations: which tokens and tickets are void, also after a restart and another boot. */
#include <errno.h>
#include <stdio.h>

#include "tests/unit/db_rig.h"
#include "tests/unit/test.h"

#define WALL 1767225600500LL /* half a second after a second */
#define WALL_S (WALL / 1000)
#define BOOT 9000000LL

static struct token_facts token(const char *uid, int64_t iat_s, uint64_t hash)
{
	struct token_facts facts = {
		.issuer_id = 11, .iat_ms = iat_s * 1000, .hash = hash, .uid_len = strlen(uid)};

	memcpy(facts.uid, uid, facts.uid_len);
	return facts;
}

static struct ticket ticket(const char *uid, int64_t issued_at_ms, uint64_t hash)
{
	struct ticket t = {.issuer_id = 11,
		.issued_at_ms = issued_at_ms,
		.token_hash = hash,
		.uid_len = strlen(uid)};

	memcpy(t.uid, uid, t.uid_len);
	return t;
}

static bool token_void(const char *uid, int64_t iat_s, uint64_t hash)
{
	struct token_facts facts = token(uid, iat_s, hash);

	return revocations_void_token(rig.revocations, &facts);
}

static bool ticket_void(const char *uid, int64_t issued_at_ms, uint64_t hash)
{
	struct ticket t = ticket(uid, issued_at_ms, hash);

	return revocations_void_ticket(rig.revocations, &t);
}

static struct revocation of_user(const char *uid)
{
	return (struct revocation){.kind = REVOCATION_USER,
		.uid = slice_of(uid),
		.wall_ms = WALL,
		.boot_ms = BOOT,
		.code = 4404};
}

static struct revocation of_token(uint64_t hash, int64_t until_ms)
{
	return (struct revocation){.kind = REVOCATION_TOKEN,
		.hash = hash,
		.wall_ms = WALL,
		.boot_ms = BOOT,
		.until_ms = until_ms,
		.code = 4410};
}

static struct revocation of_issuer(uint32_t id)
{
	return (struct revocation){.kind = REVOCATION_ISSUER,
		.issuer = id,
		.wall_ms = WALL,
		.boot_ms = BOOT,
		.code = 4404};
}

static void add(struct revocation v)
{
	assert_int_equal(revocations_add(rig.revocations, &v, 1), 0);
}

static void a_users_tokens_are_void_up_to_the_second_of_the_revocation(void **state)
{
	(void)state;
	rig_open();
	assert_false(token_void("ann", WALL_S, 1));
	assert_false(token_void("ann", 0, 1));
	add(of_user("ann"));
	for (int again = 0; again < 2; again++, rig_restart()) {
		assert_true(token_void("ann", 0, 1)); /* without iat */
		assert_true(token_void("ann", WALL_S - 1, 1));
		assert_true(token_void("ann", WALL_S, 1));
		assert_false(token_void("ann", WALL_S + 1, 1));
		assert_false(token_void("Ann", WALL_S, 1));
		assert_false(token_void("an", WALL_S, 1));
		assert_true(ticket_void("ann", BOOT - 1, 1));
		assert_true(ticket_void("ann", BOOT, 1));
		assert_false(ticket_void("ann", BOOT + 1, 1));
		assert_false(ticket_void("ben", BOOT, 1));
	}
}

static void an_issuers_tokens_are_void_for_all_users(void **state)
{
	(void)state;
	rig_open();
	add(of_issuer(12));
	assert_false(token_void("ann", WALL_S, 1));
	assert_false(ticket_void("ann", BOOT, 1));
	add(of_issuer(11));
	for (int again = 0; again < 2; again++, rig_restart()) {
		assert_true(token_void("ann", WALL_S, 1));
		assert_true(token_void("ben", 0, 1));
		assert_false(token_void("ann", WALL_S + 1, 1));
		assert_true(ticket_void("ben", BOOT, 1));
		assert_false(ticket_void("ben", BOOT + 1, 1));
	}
}

static void one_token_is_void_whenever_it_was_issued(void **state)
{
	(void)state;
	rig_open();
	add(of_token(77, WALL + 1000));
	add(of_token(UINT64_MAX, 0));
	for (int again = 0; again < 2; again++, rig_restart()) {
		assert_true(token_void("ann", WALL_S + 1000, 77));
		assert_true(token_void("ben", 0, UINT64_MAX));
		assert_false(token_void("ann", 0, 78));
		assert_true(ticket_void("ann", BOOT + 5000, 77));
		assert_false(ticket_void("ann", BOOT - 5000, 78));
	}
}

static void after_another_boot_tokens_stay_void_and_new_tickets_are_good(void **state)
{
	(void)state;
	rig_open();
	add(of_user("ann"));
	rig_boot = "the next boot";
	rig_restart();
	assert_true(token_void("ann", WALL_S, 1));
	assert_false(ticket_void("ann", 1, 1));
}

static void a_token_made_in_the_second_of_the_revocation_is_good(void **state)
{
	int64_t iat_s;

	(void)state;
	rig_open();
	assert_int_equal(
		revocations_iat_s(rig.revocations, SLICE_LITERAL("ann"), 11, WALL), WALL_S);
	add(of_user("ann"));
	iat_s = revocations_iat_s(rig.revocations, SLICE_LITERAL("ann"), 11, WALL);
	assert_int_equal(iat_s, WALL_S + 1);
	assert_false(token_void("ann", iat_s, 1));
	assert_int_equal(
		revocations_iat_s(rig.revocations, SLICE_LITERAL("ben"), 11, WALL), WALL_S);
	assert_int_equal(revocations_iat_s(rig.revocations, SLICE_LITERAL("ann"), 11, WALL + 500),
		WALL_S + 1);
	assert_int_equal(revocations_iat_s(rig.revocations, SLICE_LITERAL("ann"), 11, WALL + 2000),
		WALL_S + 2);
	add(of_issuer(11)); /* after the token of WALL_S + 2 */
	assert_int_equal(
		revocations_iat_s(rig.revocations, SLICE_LITERAL("ben"), 11, WALL), WALL_S + 3);
}

/* A token that was made right after a revocation has an iat that lies ahead. */
static void a_second_revocation_in_the_same_second_is_one_too(void **state)
{
	const struct slice ann = SLICE_LITERAL("ann");
	int64_t first_s, second_s, third_s;

	(void)state;
	rig_open();
	add(of_user("ann"));
	first_s = revocations_iat_s(rig.revocations, ann, 11, WALL);
	add(of_user("ann"));
	for (int again = 0; again < 2; again++, rig_restart())
		assert_true(token_void("ann", first_s, 1));
	second_s = revocations_iat_s(rig.revocations, ann, 11, WALL + 100);
	assert_false(token_void("ann", second_s, 1));
	add(of_issuer(11));
	for (int again = 0; again < 2; again++, rig_restart())
		assert_true(token_void("ann", second_s, 1));
	third_s = revocations_iat_s(rig.revocations, ann, 11, WALL + 200);
	assert_false(token_void("ann", third_s, 1));
	assert_false(token_void("ann", WALL_S + 10, 1));
}

/* What was made under a clock that was far ahead must not lock a user out for so long. */
static void a_clock_that_was_wrong_does_not_move_a_revocation(void **state)
{
	const struct slice ann = SLICE_LITERAL("ann");

	(void)state;
	rig_open();
	(void)revocations_iat_s(rig.revocations, ann, 11, WALL + 86400000);
	add(of_user("ann"));
	assert_true(token_void("ann", WALL_S, 1));
	assert_false(token_void("ann", WALL_S + 1, 1));
}

static void several_are_one_transaction(void **state)
{
	struct revocation list[] = {of_token(1, 0), of_token(2, 0), of_user("ann"), of_user("ann")};

	(void)state;
	rig_open();
	assert_int_equal(db_begin(rig.db), 0); /* so that theirs cannot begin */
	assert_true(revocations_add(rig.revocations, list, 4) < 0);
	db_rollback(rig.db);
	assert_false(token_void("ann", 0, 1));
	assert_false(token_void("ann", 0, 2));
	assert_string_equal(rig_facts(0), "");
	assert_int_equal(revocations_add(rig.revocations, list, 4), 0);
	assert_int_equal(revocations_count(rig.revocations), 3);
	assert_true(token_void("ben", 0, 1));
	assert_true(token_void("ben", 0, 2));
	assert_string_equal(rig_facts(0), "1 revoke_token 1; 2 revoke_token 2; 4 revoke_user ann");
}

static void expired_tokens_are_forgotten_after_a_day(void **state)
{
	const int64_t day_ms = 86400000;

	(void)state;
	rig_open();
	add(of_token(1, WALL));
	add(of_token(2, WALL + 1000));
	add(of_token(3, 0));
	add(of_user("ann"));
	assert_int_equal(revocations_prune(rig.revocations, WALL + day_ms - 1), 0);
	assert_int_equal(revocations_count(rig.revocations), 4);
	assert_int_equal(revocations_prune(rig.revocations, WALL + day_ms), 0);
	for (int again = 0; again < 2; again++, rig_restart()) {
		assert_int_equal(revocations_count(rig.revocations), 3);
		assert_false(token_void("ben", 0, 1));
		assert_true(token_void("ben", 0, 2));
		assert_true(token_void("ben", 0, 3));
		assert_true(token_void("ann", 0, 9));
	}
	add(of_token(1, 0)); /* and may come again */
	assert_true(token_void("ben", 0, 1));
}

static void many_are_found_again_after_a_restart(void **state)
{
	enum { BATCHES = 60, BATCH = 64 };
	struct revocation list[BATCH];

	(void)state;
	rig_open();
	for (uint64_t i = 0; i < BATCHES; i++) {
		for (uint64_t k = 0; k < BATCH; k++) {
			list[k] = of_token((i * BATCH + k) * 0x9e3779b97f4a7c15, 0);
			list[k].code = 4404;
		}
		assert_int_equal(revocations_add(rig.revocations, list, BATCH), 0);
	}
	rig_restart();
	assert_int_equal(revocations_count(rig.revocations), BATCHES * BATCH);
	for (uint64_t i = 0; i < BATCHES * BATCH; i++)
		assert_true(token_void("ann", WALL_S + 9, i * 0x9e3779b97f4a7c15));
	assert_false(token_void("ann", WALL_S + 9, 1));
}

static int attempt(struct revocation v)
{
	return revocations_add(rig.revocations, &v, 1);
}

static struct revocation logout(const char *uid, uint64_t hash)
{
	struct revocation v = of_token(hash, WALL);

	v.uid = slice_of(uid);
	return v;
}

static void logouts_take_half_and_operators_the_rest(void **state)
{
	struct revocation by_operator = of_token(9, 0);

	(void)state;
	by_operator.code = 4404;
	rig_max = 8;
	rig_open();
	add(logout("ann", 1));
	add(logout("ben", 2));
	add(logout("ann", 3));
	add(logout("cat", 4));
	for (int again = 0; again < 2; again++, rig_restart()) {
		assert_int_equal(attempt(logout("dan", 5)), -ENOBUFS);
		assert_false(token_void("dan", 0, 5));
		assert_int_equal(attempt(logout("ann", 1)), 0); /* once more */
	}
	add(of_user("ann"));
	add(of_user("ben"));
	add(of_issuer(12));
	add(by_operator);
	for (int again = 0; again < 2; again++, rig_restart()) {
		assert_int_equal(revocations_count(rig.revocations), 8);
		assert_int_equal(attempt(of_user("cat")), -ENOBUFS);
		assert_int_equal(attempt(of_user("ann")), 0);
	}
	rig_max = 2;
	rig_restart(); /* what is on disk is in force, however many may be added to */
	assert_int_equal(revocations_count(rig.revocations), 8);
	assert_true(token_void("cat", 0, 4));
}

static void what_is_no_logout_any_more_makes_room_for_one(void **state)
{
	struct revocation by_operator = logout("ann", 1);

	(void)state;
	by_operator.code = 4404;
	rig_max = 4;
	rig_open();
	add(logout("ann", 1));
	add(logout("ann", 2));
	assert_int_equal(attempt(logout("ann", 3)), -ENOBUFS);
	add(by_operator);
	add(logout("ann", 3));
	assert_int_equal(attempt(logout("ann", 4)), -ENOBUFS);
	assert_int_equal(revocations_prune(rig.revocations, WALL + 86400000), 0);
	assert_int_equal(revocations_count(rig.revocations), 0);
	add(logout("ann", 4));
	add(logout("ann", 5));
}

static void one_user_has_so_many_logouts(void **state)
{
	static struct revocation list[LOGOUTS_PER_USER];

	(void)state;
	for (uint64_t i = 0; i < LOGOUTS_PER_USER; i++)
		list[i] = logout("ann", i);
	rig_open();
	assert_int_equal(revocations_add(rig.revocations, list, LOGOUTS_PER_USER), 0);
	for (int again = 0; again < 2; again++, rig_restart()) {
		assert_int_equal(attempt(logout("ann", LOGOUTS_PER_USER)), -ENOBUFS);
		assert_int_equal(attempt(logout("ann", 0)), 0);
	}
	add(logout("ben", LOGOUTS_PER_USER));
	add(of_user("ann"));
}

/* Whatever has this jti and is good now, or is made of it by refreshing, has expired then. */
static void a_tokens_revocation_outlives_all_tokens_of_its_login(void **state)
{
	static const int64_t lifetimes_s[] = {60, 86400, 90 * 86400LL};

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		struct key_policy policy = {.max_lifetime_s = lifetimes_s[i]};
		struct key key = {.policy = &policy};
		struct token_facts facts = {.key = &key, .exp_ms = WALL + 1000};
		int64_t until_ms = revocations_token_until_ms(&facts, WALL);

		assert_true(until_ms >= WALL + lifetimes_s[i] * 1000 + 2 * TOKEN_LEEWAY_MS);
		assert_true(until_ms >= WALL + REFRESH_MAX_MS + LOGIN_TTL_S * 1000);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			a_users_tokens_are_void_up_to_the_second_of_the_revocation, db_rig_setup,
			db_rig_teardown),
		cmocka_unit_test_setup_teardown(
			an_issuers_tokens_are_void_for_all_users, db_rig_setup, db_rig_teardown),
		cmocka_unit_test_setup_teardown(
			one_token_is_void_whenever_it_was_issued, db_rig_setup, db_rig_teardown),
		cmocka_unit_test_setup_teardown(
			after_another_boot_tokens_stay_void_and_new_tickets_are_good, db_rig_setup,
			db_rig_teardown),
		cmocka_unit_test_setup_teardown(
			a_token_made_in_the_second_of_the_revocation_is_good, db_rig_setup,
			db_rig_teardown),
		cmocka_unit_test_setup_teardown(a_second_revocation_in_the_same_second_is_one_too,
			db_rig_setup, db_rig_teardown),
		cmocka_unit_test_setup_teardown(a_clock_that_was_wrong_does_not_move_a_revocation,
			db_rig_setup, db_rig_teardown),
		cmocka_unit_test_setup_teardown(
			several_are_one_transaction, db_rig_setup, db_rig_teardown),
		cmocka_unit_test_setup_teardown(
			expired_tokens_are_forgotten_after_a_day, db_rig_setup, db_rig_teardown),
		cmocka_unit_test_setup_teardown(
			logouts_take_half_and_operators_the_rest, db_rig_setup, db_rig_teardown),
		cmocka_unit_test_setup_teardown(what_is_no_logout_any_more_makes_room_for_one,
			db_rig_setup, db_rig_teardown),
		cmocka_unit_test_setup_teardown(
			one_user_has_so_many_logouts, db_rig_setup, db_rig_teardown),
		cmocka_unit_test(a_tokens_revocation_outlives_all_tokens_of_its_login),
		cmocka_unit_test_setup_teardown(
			many_are_found_again_after_a_restart, db_rig_setup, db_rig_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
