/*
 * login: the desk and its worker, with a real loop and real hashes.  Nothing sleeps: the loop runs
 * until the answers are there.
 */
#include <stdlib.h>

#include "auth/login.h"
#include "proto/limits.h"
#include "tests/unit/db_rig.h"
#include "tests/unit/test.h"

struct bench {
	uv_loop_t loop;
	struct login_desk *desk;
	unsigned answered;
	unsigned good;
	char uid[UID_MAX_BYTES + 1];
};

static int setup(void **state)
{
	struct bench *b = calloc(1, sizeof(*b));

	if (b == NULL)
		return -1;
	*state = b;
	if (db_rig_setup(NULL) < 0)
		return -1;
	rig_open();
	return uv_loop_init(&b->loop) < 0 || users_set_demo(rig.users, true) < 0 ||
			       login_desk_new(&b->desk, &b->loop, rig.users) < 0
		       ? -1
		       : 0;
}

static int teardown(void **state)
{
	struct bench *b = *state;

	login_desk_close(b->desk);
	(void)uv_run(&b->loop, UV_RUN_DEFAULT);
	if (uv_loop_close(&b->loop) < 0)
		return -1;
	free(b);
	return db_rig_teardown(NULL);
}

static void on_done(void *arg, struct slice username, const char *uid)
{
	struct bench *b = arg;

	assert_true(username.len > 0);
	b->answered++;
	if (uid != NULL) {
		b->good++;
		snprintf(b->uid, sizeof(b->uid), "%s", uid);
	}
}

static int64_t begin(struct bench *b, const char *name, const char *password, const char *address)
{
	struct login_attempt attempt = {slice_of(name), slice_of(password), slice_of(address)};

	return login_begin(b->desk, &attempt, on_done, b);
}

static void answers_await(struct bench *b, unsigned n)
{
	while (b->answered < n)
		(void)uv_run(&b->loop, UV_RUN_ONCE);
}

static void the_right_password_gives_the_uid(void **state)
{
	struct bench *b = *state;

	assert_int_equal(begin(b, "jim", "123456", "a"), 0);
	assert_int_equal(b->answered, 0); /* never inside the call */
	answers_await(b, 1);
	assert_int_equal(b->good, 1);
	assert_string_equal(b->uid, "1");
}

static void a_wrong_password_and_an_unknown_user_look_alike(void **state)
{
	struct bench *b = *state;

	assert_int_equal(begin(b, "jim", "123457", "a"), 0);
	assert_int_equal(begin(b, "nobody", "123456", "a"), 0);
	assert_int_equal(begin(b, "jim", "", "a"), 0);
	answers_await(b, 3);
	assert_int_equal(b->good, 0);
}

static void five_failures_lock_the_user_from_every_address(void **state)
{
	struct bench *b = *state;

	for (int i = 0; i < LOGIN_FAILURES_PER_MINUTE; i++) {
		char address[16];

		snprintf(address, sizeof(address), "%d", i);
		assert_int_equal(begin(b, "jim", "wrong", address), 0);
	}
	answers_await(b, LOGIN_FAILURES_PER_MINUTE);
	assert_true(begin(b, "jim", "123456", "elsewhere") > 1000);
	assert_int_equal(begin(b, "john", "123456", "1"), 0);
	answers_await(b, LOGIN_FAILURES_PER_MINUTE + 1);
	assert_int_equal(b->good, 1);
}

static void five_failures_lock_the_address_for_every_user(void **state)
{
	struct bench *b = *state;

	for (int i = 0; i < LOGIN_FAILURES_PER_MINUTE; i++) {
		char name[24];

		snprintf(name, sizeof(name), "guess%d", i);
		assert_int_equal(begin(b, name, "wrong", "a"), 0);
	}
	answers_await(b, LOGIN_FAILURES_PER_MINUTE);
	assert_true(begin(b, "jim", "123456", "a") > 1000);
	assert_int_equal(begin(b, "jim", "123456", "b"), 0);
	answers_await(b, LOGIN_FAILURES_PER_MINUTE + 1);
	assert_int_equal(b->good, 1);
}

/* More than the queue holds, each under a name and an address of its own. */
static void a_flood_is_refused_and_what_was_taken_is_answered(void **state)
{
	struct bench *b = *state;
	unsigned taken = 0, refused = 0;

	for (int i = 0; i < 3 * LOGIN_QUEUE; i++) {
		char name[24];
		int64_t r;

		snprintf(name, sizeof(name), "u%d", i);
		r = begin(b, name, "x", name);
		assert_true(r >= 0);
		if (r == 0)
			taken++;
		else
			refused++;
	}
	assert_true(taken >= LOGIN_QUEUE);
	assert_true(refused > 0);
	/* The refused left no trace in the limits. */
	answers_await(b, taken);
	assert_int_equal(b->answered, taken);
	assert_int_equal(begin(b, "jim", "123456", "u95"), 0);
	answers_await(b, taken + 1);
	assert_int_equal(b->good, 1);
}

static void closing_with_logins_in_flight_is_clean(void **state)
{
	struct bench *b = *state;

	for (int i = 0; i < 4; i++)
		assert_int_equal(begin(b, "jim", "123456", "a"), 0);
	/* teardown closes the desk; the sanitizer is the judge */
}

static void who_is_changed_while_his_password_is_hashed_is_not_let_in(void **state)
{
	struct bench *b = *state;
	char hash[HASH_MAX_BYTES];
	struct user_new mary = {.username = slice_of("mary"), .uid = slice_of("7"), .hash = hash};

	assert_int_equal(hash_make(slice_of("secret"), hash), 0);
	assert_int_equal(users_add(rig.users, &mary), 0);
	assert_int_equal(begin(b, "mary", "secret", "a"), 0);
	assert_int_equal(users_remove(rig.users, mary.username), 0);
	answers_await(b, 1);
	assert_int_equal(b->good, 0);

	assert_int_equal(users_add(rig.users, &mary), 0);
	assert_int_equal(begin(b, "mary", "secret", "a"), 0);
	assert_int_equal(hash_make(slice_of("secret"), hash), 0);
	assert_int_equal(users_set_hash(rig.users, mary.username, hash), 0);
	answers_await(b, 2);
	assert_int_equal(b->good, 0);
	assert_int_equal(begin(b, "mary", "secret", "a"), 0);
	answers_await(b, 3);
	assert_int_equal(b->good, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(the_right_password_gives_the_uid, setup, teardown),
		cmocka_unit_test_setup_teardown(
			a_wrong_password_and_an_unknown_user_look_alike, setup, teardown),
		cmocka_unit_test_setup_teardown(
			five_failures_lock_the_user_from_every_address, setup, teardown),
		cmocka_unit_test_setup_teardown(
			five_failures_lock_the_address_for_every_user, setup, teardown),
		cmocka_unit_test_setup_teardown(
			a_flood_is_refused_and_what_was_taken_is_answered, setup, teardown),
		cmocka_unit_test_setup_teardown(
			closing_with_logins_in_flight_is_clean, setup, teardown),
		cmocka_unit_test_setup_teardown(
			who_is_changed_while_his_password_is_hashed_is_not_let_in, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
