/* peers: no service without a credential, and one share for each edge however many pipes it opens.
 */
#include "auth/peers.h"
#include "proto/limits.h"
#include "tests/unit/test.h"

#define RATE 1000

static struct ticket_keys *key;
static struct ticket_keys *other;
static struct peers *peers;

static int setup(void **state)
{
	static const unsigned char secret[TICKET_KEY_BYTES] = "a secret of the test";
	static const unsigned char wrong[TICKET_KEY_BYTES] = "another secret";

	(void)state;
	return ticket_keys_new(&key, SLICE_LITERAL("boot")) < 0 ||
			       ticket_keys_add(key, 1, secret) < 0 ||
			       ticket_keys_new(&other, SLICE_LITERAL("boot")) < 0 ||
			       ticket_keys_add(other, 1, wrong) < 0 ||
			       peers_new(&peers, key, RATE) < 0
		       ? -1
		       : 0;
}

static int teardown(void **state)
{
	(void)state;
	peers_free(peers);
	ticket_keys_free(key);
	ticket_keys_free(other);
	return 0;
}

static struct peer_edge *admit(uint32_t pipe, struct ticket_keys *by, uint32_t id, uint32_t epoch)
{
	unsigned char credential[CREDENTIAL_BYTES];

	credential_mint(by, id, epoch, credential);
	return peers_admit(
		peers, pipe, (struct slice){(const char *)credential, sizeof(credential)}, 0);
}

static void a_valid_credential_names_the_edge(void **state)
{
	struct peer_edge *edge = admit(1, key, 3, 9);

	(void)state;
	assert_non_null(edge);
	assert_int_equal(edge->id, 3);
	assert_int_equal(edge->epoch, 9);
	assert_ptr_equal(admit(1, key, 3, 9), edge);
	assert_ptr_equal(admit(2, key, 3, 9), edge);
	assert_ptr_not_equal(admit(3, key, 3, 10), edge);
}

static void no_other_credential_is_served(void **state)
{
	unsigned char good[CREDENTIAL_BYTES];

	(void)state;
	assert_null(admit(1, other, 3, 9));
	credential_mint(key, 3, 9, good);
	for (size_t i = 0; i < sizeof(good); i++) {
		unsigned char bad[CREDENTIAL_BYTES];

		memcpy(bad, good, sizeof(bad));
		bad[i] ^= 1;
		assert_null(
			peers_admit(peers, 1, (struct slice){(const char *)bad, sizeof(bad)}, 0));
		assert_null(peers_admit(peers, 1, (struct slice){(const char *)good, i}, 0));
	}
	assert_null(peers_admit(peers, 1, (struct slice){NULL, 0}, 0));
}

static void a_remembered_pipe_still_wants_the_credential(void **state)
{
	(void)state;
	assert_non_null(admit(1, key, 3, 9));
	assert_null(admit(1, other, 3, 9));
	assert_null(peers_admit(peers, 1, (struct slice){NULL, 0}, 0));
	assert_non_null(admit(1, key, 3, 9));
}

static void a_pipe_may_show_a_newer_credential(void **state)
{
	struct peer_edge *edge;

	(void)state;
	assert_non_null(admit(1, key, 3, 9));
	edge = admit(1, key, 5, 12);
	assert_non_null(edge);
	assert_int_equal(edge->id, 5);
	assert_int_equal(admit(1, key, 3, 9)->id, 3);
}

static void an_edges_share_refills_and_is_shared_by_its_pipes(void **state)
{
	struct peer_edge *edge = admit(1, key, 3, 9);
	struct peer_edge *neighbour = admit(9, key, 4, 9);

	(void)state;
	assert_true(peers_spend(peers, edge, RATE - 1, 0));
	assert_false(peers_spend(peers, admit(2, key, 3, 9), 2, 0));
	assert_true(peers_spend(peers, edge, 1, 0));
	assert_false(peers_spend(peers, edge, 1, 0));
	assert_true(peers_spend(peers, neighbour, 64, 0));
	assert_true(peers_spend(peers, edge, 1, 1));
	assert_false(peers_spend(peers, edge, 1, 1));
	assert_true(peers_spend(peers, edge, 64, 65));
	assert_false(peers_spend(peers, edge, RATE + 1, 1000000));
	assert_true(peers_spend(peers, edge, RATE, 1000000));
	assert_false(peers_spend(peers, edge, 1, 1000000));
	assert_false(
		peers_spend(peers, edge, 1, 999999)); /* a clock that stands still gives nothing */
}

static void reconnecting_does_not_refill_the_share_of_an_edge_with_another_pipe(void **state)
{
	struct peer_edge *edge = admit(1, key, 3, 9);

	(void)state;
	assert_non_null(admit(2, key, 3, 9));
	assert_true(peers_spend(peers, edge, RATE, 0));
	peers_pipe_gone(peers, 1);
	edge = admit(3, key, 3, 9);
	assert_false(peers_spend(peers, edge, 1, 0));
}

static void an_edge_has_16_logins_in_flight_over_all_its_pipes(void **state)
{
	struct peer_edge *edge = admit(1, key, 3, 9);

	(void)state;
	for (int i = 0; i < AUTH_LOGINS_IN_FLIGHT; i++)
		assert_true(peers_login_begin(peers, edge));
	assert_false(peers_login_begin(peers, admit(2, key, 3, 9)));
	peers_pipe_gone(peers, 1);
	peers_pipe_gone(peers, 2);
	peers_pipe_gone(peers, 2);
	/* The edge outlives its pipes while logins are on their way. */
	assert_ptr_equal(admit(7, key, 3, 9), edge);
	assert_false(peers_login_begin(peers, edge));
	peers_login_end(peers, edge);
	assert_true(peers_login_begin(peers, edge));
	peers_pipe_gone(peers, 7);
	for (int i = 0; i < AUTH_LOGINS_IN_FLIGHT; i++)
		peers_login_end(peers, edge);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_valid_credential_names_the_edge, setup, teardown),
		cmocka_unit_test_setup_teardown(no_other_credential_is_served, setup, teardown),
		cmocka_unit_test_setup_teardown(
			a_remembered_pipe_still_wants_the_credential, setup, teardown),
		cmocka_unit_test_setup_teardown(
			a_pipe_may_show_a_newer_credential, setup, teardown),
		cmocka_unit_test_setup_teardown(
			an_edges_share_refills_and_is_shared_by_its_pipes, setup, teardown),
		cmocka_unit_test_setup_teardown(
			reconnecting_does_not_refill_the_share_of_an_edge_with_another_pipe, setup,
			teardown),
		cmocka_unit_test_setup_teardown(
			an_edge_has_16_logins_in_flight_over_all_its_pipes, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
