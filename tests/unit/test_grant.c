/* grant: the bounds of every ticket that auth signs. */
#include <errno.h>
#include <string.h>

#include "auth/grant.h"
#include "tests/unit/test.h"

#define WALL 1767225600000LL
#define BOOT 5000000LL
#define MINUTE 60000LL

static struct token_facts facts_until(int64_t exp_ms)
{
	struct token_facts facts = {.issuer_id = 77,
		.exp_ms = exp_ms,
		.hash = 0x1122334455667788,
		.uid_len = 3,
		.uid = "jim"};

	return facts;
}

static const struct grant_terms terms = {
	.edge_id = 3,
	.edge_epoch = 9,
	.nonce = 0xabcdef,
	.session = 42,
	.auth_epoch = 8,
	.wall_ms = WALL,
	.boot_ms = BOOT,
};

static struct ticket ticket_until(int64_t exp_ms)
{
	struct token_facts facts = facts_until(exp_ms);
	struct ticket t;

	grant_fill(&t, &facts, &terms);
	return t;
}

static void a_ticket_says_what_credential_and_token_said(void **state)
{
	struct ticket t = ticket_until(WALL + 60 * MINUTE);

	(void)state;
	assert_int_equal(t.edge_id, 3);
	assert_int_equal(t.edge_epoch, 9);
	assert_true(t.nonce == 0xabcdef);
	assert_true(t.session == 42);
	assert_true(t.auth_epoch == 8);
	assert_int_equal(t.issuer_id, 77);
	assert_true(t.token_hash == 0x1122334455667788);
	assert_int_equal(t.uid_len, 3);
	assert_memory_equal(t.uid, "jim", 3);
	assert_int_equal(t.flags, TICKET_MAY_SEND);
}

static void scopes_become_flags(void **state)
{
	struct token_facts facts = facts_until(WALL + MINUTE);
	struct ticket t;

	(void)state;
	facts.may_push = true;
	grant_fill(&t, &facts, &terms);
	assert_int_equal(t.flags, TICKET_MAY_SEND | TICKET_MAY_PUSH);
	facts.read_only = true;
	grant_fill(&t, &facts, &terms);
	assert_int_equal(t.flags, TICKET_READ_ONLY | TICKET_MAY_PUSH);
	facts.may_push = false;
	grant_fill(&t, &facts, &terms);
	assert_int_equal(t.flags, TICKET_READ_ONLY);
}

/* Every second of a token's remaining life, from the end of the leeway to a day. */
static void a_session_ends_with_the_token_or_after_15_minutes(void **state)
{
	(void)state;
	for (int64_t left = -30000 + 1; left <= 24 * 60 * MINUTE; left += 997) {
		struct ticket t = ticket_until(WALL + left);
		int64_t ceiling = BOOT + left + 30000;

		assert_int_equal(t.issued_at_ms, BOOT);
		assert_int_equal(t.present_by_ms, BOOT + 10000);
		assert_int_equal(t.ceiling_ms, ceiling);
		assert_int_equal(t.session_end_ms,
			ceiling < BOOT + 15 * MINUTE ? ceiling : BOOT + 15 * MINUTE);
		assert_true(t.session_end_ms > BOOT);
		assert_int_equal(grant_expires_in_ms(&t, BOOT), left);
	}
}

static void a_renewal_keeps_the_session_and_moves_its_end(void **state)
{
	struct ticket t = ticket_until(WALL + 60 * MINUTE);
	struct ticket before = t;

	(void)state;
	assert_true(grant_renew(&t, 3, 9, BOOT + 7 * MINUTE));
	assert_true(t.session == before.session && t.nonce == before.nonce);
	assert_true(t.token_hash == before.token_hash && t.auth_epoch == before.auth_epoch);
	assert_int_equal(t.flags, before.flags);
	assert_int_equal(t.issued_at_ms, BOOT + 7 * MINUTE);
	assert_int_equal(t.present_by_ms, BOOT + 7 * MINUTE + 10000);
	assert_int_equal(t.session_end_ms, BOOT + 22 * MINUTE);
	assert_int_equal(t.ceiling_ms, before.ceiling_ms);
}

static void no_chain_of_renewals_passes_the_ceiling(void **state)
{
	struct ticket t = ticket_until(WALL + 60 * MINUTE);
	int64_t now = BOOT;
	int renewals = 0;

	(void)state;
	while (grant_renew(&t, 3, 9, now)) {
		assert_true(t.session_end_ms <= BOOT + 60 * MINUTE + 30000);
		assert_true(t.session_end_ms <= now + 15 * MINUTE);
		now = t.session_end_ms - 1000;
		assert_true(++renewals < 5000);
		if (now + 1000 >= t.ceiling_ms)
			now = t.ceiling_ms;
	}
	assert_true(renewals >= 4);
	assert_int_equal(now, BOOT + 60 * MINUTE + 30000);
}

static void no_other_edge_and_no_other_life_of_it_renews(void **state)
{
	struct ticket t = ticket_until(WALL + 60 * MINUTE);
	struct ticket before = t;

	(void)state;
	assert_false(grant_renew(&t, 4, 9, BOOT));
	assert_false(grant_renew(&t, 3, 8, BOOT));
	assert_false(grant_renew(&t, 3, 10, BOOT));
	assert_false(grant_renew(&t, 9, 3, BOOT));
	assert_memory_equal(&t, &before, sizeof(t));
}

static void what_has_ended_is_not_renewed(void **state)
{
	struct ticket t = ticket_until(WALL + 60 * MINUTE);
	struct ticket short_lived = ticket_until(WALL + MINUTE);

	(void)state;
	assert_false(grant_renew(&t, 3, 9, BOOT + 15 * MINUTE));
	assert_false(grant_renew(&t, 3, 9, BOOT + 90 * MINUTE));
	assert_false(grant_renew(&short_lived, 3, 9, BOOT + MINUTE + 30000));
	assert_true(grant_renew(&short_lived, 3, 9, BOOT + MINUTE + 29999));
	assert_int_equal(short_lived.session_end_ms, BOOT + MINUTE + 30000);
	assert_true(grant_renew(&t, 3, 9, BOOT + 15 * MINUTE - 1));
}

/* A token with everything different, ten minutes later. */
static struct grant_terms later_terms(void)
{
	struct grant_terms later = terms;

	later.session = 43;
	later.nonce = 0x123;
	later.wall_ms += 10 * MINUTE;
	later.boot_ms += 10 * MINUTE;
	return later;
}

static void the_same_users_next_token_keeps_the_session_alone(void **state)
{
	struct ticket live = ticket_until(WALL + 60 * MINUTE);
	struct token_facts facts = facts_until(WALL + 12 * MINUTE);
	struct grant_terms later = later_terms();
	struct ticket t;

	(void)state;
	facts.issuer_id = 78;
	facts.hash = 5;
	facts.may_push = true;
	facts.read_only = true;
	assert_int_equal(grant_replace(&t, &live, &facts, &later), 0);
	assert_true(t.session == 42);
	assert_true(t.nonce == 0xabcdef);
	assert_int_equal(t.issuer_id, 78);
	assert_true(t.token_hash == 5);
	assert_int_equal(t.flags, TICKET_READ_ONLY | TICKET_MAY_PUSH);
	assert_int_equal(t.issued_at_ms, BOOT + 10 * MINUTE);
	/* also when it ends earlier */
	assert_int_equal(t.ceiling_ms, BOOT + 12 * MINUTE + 30000);
	assert_int_equal(t.session_end_ms, BOOT + 12 * MINUTE + 30000);
}

static void another_users_token_is_of_another_session(void **state)
{
	static const char *const others[] = {"jin", "ji", "jimm", "JIM"};
	struct ticket live = ticket_until(WALL + 60 * MINUTE);
	struct grant_terms later = later_terms();

	(void)state;
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		struct token_facts facts = facts_until(WALL + 60 * MINUTE);
		struct ticket t;

		facts.uid_len = strlen(others[i]);
		memcpy(facts.uid, others[i], facts.uid_len);
		assert_int_equal(grant_replace(&t, &live, &facts, &later), 0);
		assert_true(t.session == 43);
		assert_true(t.nonce == 0x123);
		assert_int_equal(t.uid_len, facts.uid_len);
		assert_memory_equal(t.uid, others[i], t.uid_len);
	}
}

static void only_a_live_session_of_this_edge_takes_another_token(void **state)
{
	struct ticket live = ticket_until(WALL + 60 * MINUTE);
	struct token_facts facts = facts_until(WALL + 60 * MINUTE);
	struct grant_terms bad = terms;
	struct ticket t;

	(void)state;
	bad.edge_id = 4;
	assert_int_equal(grant_replace(&t, &live, &facts, &bad), -EPERM);
	bad = terms;
	bad.edge_epoch = 8;
	assert_int_equal(grant_replace(&t, &live, &facts, &bad), -EPERM);
	bad = terms;
	bad.boot_ms = live.session_end_ms;
	assert_int_equal(grant_replace(&t, &live, &facts, &bad), -EPERM);
	bad.boot_ms--;
	assert_int_equal(grant_replace(&t, &live, &facts, &bad), 0);
	live = ticket_until(WALL + MINUTE);
	bad.boot_ms = live.ceiling_ms;
	assert_int_equal(grant_replace(&t, &live, &facts, &bad), -EPERM);
}

static void a_replacement_is_issued_after_what_it_replaces(void **state)
{
	struct ticket live = ticket_until(WALL + 60 * MINUTE);
	struct token_facts facts = facts_until(WALL + 60 * MINUTE);

	(void)state;
	for (int64_t i = 1; i <= REAUTHS_PER_MINUTE; i++) {
		struct ticket t;

		assert_int_equal(grant_replace(&t, &live, &facts, &terms), 0);
		assert_int_equal(t.issued_at_ms, BOOT + i);
		live = t;
	}
}

/* An edge that asks more than once in a ms would else have a ticket from after a revocation that
 * comes next. */
static void no_chain_of_replacements_gets_ahead_of_the_clock(void **state)
{
	struct ticket live = ticket_until(WALL + 60 * MINUTE);
	struct token_facts facts = facts_until(WALL + 60 * MINUTE);
	struct grant_terms now = terms;

	(void)state;
	for (int i = 0; i < 5000; i++) {
		struct ticket t;
		int r = grant_replace(&t, &live, &facts, &now);

		assert_true(r == 0 || r == -EAGAIN);
		if (r == 0) {
			assert_true(t.issued_at_ms > live.issued_at_ms);
			assert_true(t.issued_at_ms <= now.boot_ms + GRANT_AHEAD_MS);
			live = t;
		}
		now.boot_ms += i % 7 == 0;
	}
	assert_true(live.issued_at_ms >= now.boot_ms);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_ticket_says_what_credential_and_token_said),
		cmocka_unit_test(scopes_become_flags),
		cmocka_unit_test(a_session_ends_with_the_token_or_after_15_minutes),
		cmocka_unit_test(a_renewal_keeps_the_session_and_moves_its_end),
		cmocka_unit_test(no_chain_of_renewals_passes_the_ceiling),
		cmocka_unit_test(no_other_edge_and_no_other_life_of_it_renews),
		cmocka_unit_test(what_has_ended_is_not_renewed),
		cmocka_unit_test(the_same_users_next_token_keeps_the_session_alone),
		cmocka_unit_test(another_users_token_is_of_another_session),
		cmocka_unit_test(only_a_live_session_of_this_edge_takes_another_token),
		cmocka_unit_test(a_replacement_is_issued_after_what_it_replaces),
		cmocka_unit_test(no_chain_of_replacements_gets_ahead_of_the_clock),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
