/* lease: who may use which slot. */
#include <string.h>

#include "router/lease.h"
#include "tests/unit/test.h"

#define NOW 1000000

static struct lease_ask ask_of(struct lease_identity edge, unsigned char key, int64_t now)
{
	struct lease_ask ask = {.now_ms = now, .edge = edge};

	memset(ask.key, key, sizeof(ask.key));
	return ask;
}

static struct slice key_of(char buf[LINK_KEY_BYTES], unsigned char key)
{
	memset(buf, key, LINK_KEY_BYTES);
	return (struct slice){buf, LINK_KEY_BYTES};
}

/* Leases and claims; the slot. */
static uint32_t bring_up(struct leases *ls, struct lease_identity edge, int64_t now)
{
	struct lease_ask ask = ask_of(edge, 7, now);
	char key[LINK_KEY_BYTES];
	uint32_t slot = 99;

	assert_int_equal(leases_ask(ls, &ask, &slot), LEASE_GIVEN);
	assert_true(leases_claim(ls, slot, key_of(key, 7), now));
	return slot;
}

static void a_link_is_claimed_once_and_only_with_its_key(void **state)
{
	const struct lease_identity edge = {1, 2};
	struct lease_ask ask = ask_of(edge, 7, NOW);
	struct leases ls;
	char key[LINK_KEY_BYTES];
	uint32_t slot = 99;

	(void)state;
	leases_init(&ls);
	assert_int_equal(leases_ask(&ls, &ask, &slot), LEASE_GIVEN);
	assert_false(leases_claim(&ls, slot, key_of(key, 8), NOW));
	assert_false(leases_claim(&ls, slot, (struct slice){key_of(key, 7).data, 15}, NOW));
	assert_false(leases_claim(&ls, slot, (struct slice){NULL, 0}, NOW));
	assert_false(leases_claim(&ls, slot ^ 1, key_of(key, 7), NOW));
	assert_true(leases_claim(&ls, slot, key_of(key, 7), NOW + LINK_CLAIM_MS));
	assert_false(leases_claim(&ls, slot, key_of(key, 7), NOW));
	assert_int_equal(ls.slots[slot].state, SLOT_LIVE);
}

static void a_slot_keeps_the_wire_of_its_last_lease(void **state)
{
	const struct lease_identity edge = {1, 2};
	struct lease_ask ask = ask_of(edge, 7, NOW);
	struct leases ls;
	uint32_t slot = 99;

	(void)state;
	leases_init(&ls);
	ask.wire = 2;
	assert_int_equal(leases_ask(&ls, &ask, &slot), LEASE_GIVEN);
	assert_int_equal(ls.slots[slot].wire, 2);
	ask.wire = 1; /* it asked again, after a downgrade */
	assert_int_equal(leases_ask(&ls, &ask, &slot), LEASE_GIVEN);
	assert_int_equal(ls.slots[slot].wire, 1);
}

static void the_key_of_a_slot_that_nobody_leased_opens_nothing(void **state)
{
	struct leases ls;
	char key[LINK_KEY_BYTES];

	(void)state;
	leases_init(&ls);
	for (uint32_t i = 0; i < MAX_EDGES; i++)
		assert_false(leases_claim(&ls, i, key_of(key, 0), NOW));
}

static void a_lease_that_is_not_claimed_in_time_is_void(void **state)
{
	struct lease_ask ask = ask_of((struct lease_identity){1, 2}, 7, NOW);
	struct leases ls;
	char key[LINK_KEY_BYTES];
	uint32_t slot = 99;

	(void)state;
	leases_init(&ls);
	assert_int_equal(leases_ask(&ls, &ask, &slot), LEASE_GIVEN);
	assert_false(leases_claim(&ls, slot, key_of(key, 7), NOW + LINK_CLAIM_MS + 1));
	leases_tick(&ls, NOW + LINK_CLAIM_MS);
	assert_int_equal(ls.slots[slot].state, SLOT_LEASED);
	leases_tick(&ls, NOW + LINK_CLAIM_MS + 1);
	assert_int_equal(ls.slots[slot].state, SLOT_FREE);
}

static void an_edge_that_asks_again_gets_a_new_key_and_the_old_one_is_void(void **state)
{
	const struct lease_identity edge = {1, 2};
	struct lease_ask first = ask_of(edge, 7, NOW);
	struct lease_ask second = ask_of(edge, 8, NOW + 1);
	struct leases ls;
	char key[LINK_KEY_BYTES];
	uint32_t a = 99;
	uint32_t b = 99;

	(void)state;
	leases_init(&ls);
	assert_int_equal(leases_ask(&ls, &first, &a), LEASE_GIVEN);
	assert_int_equal(leases_ask(&ls, &second, &b), LEASE_GIVEN);
	assert_int_equal(a, b);
	assert_false(leases_claim(&ls, a, key_of(key, 7), NOW + 1));
	assert_true(leases_claim(&ls, a, key_of(key, 8), NOW + 1));
}

static void a_second_live_claimant_gets_no_link(void **state)
{
	const struct lease_identity edge = {1, 2};
	struct lease_ask ask = ask_of(edge, 8, NOW + 1);
	struct leases ls;
	uint32_t live;
	uint32_t held = 99;

	(void)state;
	leases_init(&ls);
	live = bring_up(&ls, edge, NOW);
	assert_int_equal(leases_ask(&ls, &ask, &held), LEASE_HELD);
	assert_int_equal(held, live);
	leases_closing(&ls, live);
	assert_int_equal(leases_ask(&ls, &ask, &held), LEASE_HELD);
	leases_end(&ls, live);
	assert_int_equal(leases_ask(&ls, &ask, &held), LEASE_GIVEN);
}

static void the_same_id_with_another_epoch_is_another_edge(void **state)
{
	struct lease_ask ask = ask_of((struct lease_identity){1, 3}, 8, NOW);
	struct leases ls;
	uint32_t live;
	uint32_t slot = 99;

	(void)state;
	leases_init(&ls);
	live = bring_up(&ls, (struct lease_identity){1, 2}, NOW);
	assert_int_equal(leases_ask(&ls, &ask, &slot), LEASE_GIVEN);
	assert_int_not_equal(slot, live);
}

static void every_slot_is_leased_before_one_is_busy(void **state)
{
	bool used[MAX_EDGES] = {0};
	struct leases ls;
	struct lease_ask ask;
	uint32_t slot;

	(void)state;
	leases_init(&ls);
	for (uint32_t i = 0; i < MAX_EDGES; i++) {
		slot = bring_up(&ls, (struct lease_identity){i + 1, 1}, NOW + i);
		assert_false(used[slot]);
		used[slot] = true;
	}
	ask = ask_of((struct lease_identity){1000, 1}, 9, NOW + 100);
	assert_int_equal(leases_ask(&ls, &ask, &slot), LEASE_BUSY);
	leases_end(&ls, 17);
	assert_int_equal(leases_ask(&ls, &ask, &slot), LEASE_GIVEN);
	assert_int_equal(slot, 17);
}

static void a_slot_that_strangers_sit_on_is_leased_last(void **state)
{
	struct leases ls;

	(void)state;
	leases_init(&ls);
	leases_taint(&ls, 0, NOW);
	for (uint32_t i = 1; i < MAX_EDGES; i++)
		assert_int_not_equal(bring_up(&ls, (struct lease_identity){i, 1}, NOW + i), 0);
	assert_int_equal(bring_up(&ls, (struct lease_identity){1000, 1}, NOW + 100), 0);
}

static void a_wrong_key_does_not_end_the_lease_of_the_right_one(void **state)
{
	struct lease_ask ask = ask_of((struct lease_identity){1, 2}, 7, NOW);
	struct leases ls;
	char key[LINK_KEY_BYTES];
	uint32_t slot = 99;

	(void)state;
	leases_init(&ls);
	assert_int_equal(leases_ask(&ls, &ask, &slot), LEASE_GIVEN);
	assert_false(leases_claim(&ls, slot, key_of(key, 1), NOW));
	leases_end(&ls, slot); /* the stranger's pipe is gone */
	assert_true(leases_claim(&ls, slot, key_of(key, 7), NOW));
}

static void a_quarantined_edge_is_refused_and_its_slot_waits_for_its_pipe(void **state)
{
	const struct lease_identity edge = {5, 6};
	struct lease_ask ask = ask_of(edge, 8, NOW);
	struct leases ls;
	uint32_t slot;
	uint32_t other = 99;

	(void)state;
	leases_init(&ls);
	slot = bring_up(&ls, edge, NOW);
	leases_quarantine(&ls, edge);
	assert_int_equal(ls.slots[slot].state, SLOT_CLOSING);
	assert_int_equal(leases_ask(&ls, &ask, &other), LEASE_REFUSED);
	leases_end(&ls, slot);
	assert_int_equal(ls.slots[slot].state, SLOT_FREE);
	assert_int_equal(leases_ask(&ls, &ask, &other), LEASE_REFUSED);
	ask = ask_of((struct lease_identity){5, 7}, 8, NOW);
	assert_int_equal(leases_ask(&ls, &ask, &other), LEASE_GIVEN);
}

static void an_id_is_drawn_that_no_other_edge_has(void **state)
{
	struct leases ls;
	struct lease_identity edge;

	(void)state;
	leases_init(&ls);
	for (uint32_t i = 0; i < MAX_EDGES; i++) {
		edge = leases_draw(&ls, 41); /* bad luck: the same number each time */
		assert_int_not_equal(edge.id, 0);
		assert_int_not_equal(edge.epoch, 0);
		for (uint32_t n = 0; n < MAX_EDGES; n++)
			assert_false(
				ls.slots[n].state != SLOT_FREE && ls.slots[n].edge.id == edge.id);
		bring_up(&ls, edge, NOW);
	}
}

static void hellos_have_a_burst_and_then_one_a_second(void **state)
{
	struct leases ls;
	uint32_t after = 0;

	(void)state;
	leases_init(&ls);
	for (int i = 0; i < MAX_EDGES; i++)
		assert_true(leases_admit(&ls, NOW, &after));
	assert_false(leases_admit(&ls, NOW, &after));
	assert_int_equal(after, 1000);
	assert_false(leases_admit(&ls, NOW + 999, &after));
	assert_int_equal(after, 1);
	assert_true(leases_admit(&ls, NOW + 1000, &after));
	assert_false(leases_admit(&ls, NOW + 1001, &after));
	for (int i = 0; i < MAX_EDGES; i++)
		assert_true(leases_admit(&ls, NOW + 1000000, &after));
	assert_false(leases_admit(&ls, NOW + 1000000, &after));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_link_is_claimed_once_and_only_with_its_key),
		cmocka_unit_test(a_slot_keeps_the_wire_of_its_last_lease),
		cmocka_unit_test(the_key_of_a_slot_that_nobody_leased_opens_nothing),
		cmocka_unit_test(a_lease_that_is_not_claimed_in_time_is_void),
		cmocka_unit_test(an_edge_that_asks_again_gets_a_new_key_and_the_old_one_is_void),
		cmocka_unit_test(a_second_live_claimant_gets_no_link),
		cmocka_unit_test(the_same_id_with_another_epoch_is_another_edge),
		cmocka_unit_test(every_slot_is_leased_before_one_is_busy),
		cmocka_unit_test(a_slot_that_strangers_sit_on_is_leased_last),
		cmocka_unit_test(a_wrong_key_does_not_end_the_lease_of_the_right_one),
		cmocka_unit_test(a_quarantined_edge_is_refused_and_its_slot_waits_for_its_pipe),
		cmocka_unit_test(an_id_is_drawn_that_no_other_edge_has),
		cmocka_unit_test(hellos_have_a_burst_and_then_one_a_second),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
