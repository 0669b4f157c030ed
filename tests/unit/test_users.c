/* users: the table, the demo users, and facts whose numbers never move. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "auth/users.h"
#include "tests/unit/test.h"

static char dir[64];
static char path[128];

static int setup(void **state)
{
	(void)state;
	snprintf(dir, sizeof(dir), "/tmp/postern-users-XXXXXX");
	if (mkdtemp(dir) == NULL)
		return -1;
	snprintf(path, sizeof(path), "%s/auth.db", dir);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	(void)unlink(path);
	return rmdir(dir);
}

static struct users *open_users(void)
{
	struct users *u = NULL;

	assert_int_equal(users_open(&u, path), 0);
	return u;
}

static int add(struct users *u, const char *name, const char *uid)
{
	struct user_new user = {
		.username = slice_of(name), .uid = slice_of(uid), .hash = "$y$not-a-hash"};

	return users_add(u, &user);
}

static void what_is_added_is_found_again_after_a_restart(void **state)
{
	struct users *u = open_users();
	struct user found;
	struct stat st;

	(void)state;
	assert_int_equal(users_find(u, SLICE_LITERAL("ann"), &found), -ENOENT);
	assert_int_equal(add(u, "ann", "7"), 0);
	users_close(u);
	u = open_users();
	assert_int_equal(users_find(u, SLICE_LITERAL("ann"), &found), 0);
	assert_string_equal(found.uid, "7");
	assert_string_equal(found.hash, "$y$not-a-hash");
	assert_int_equal(users_find(u, SLICE_LITERAL("Ann"), &found), -ENOENT);
	assert_int_equal(users_find(u, SLICE_LITERAL("ann\0"), &found), -ENOENT);
	assert_int_equal(users_find(u, SLICE_LITERAL("ann' --"), &found), -ENOENT);
	assert_int_equal(users_find(u, SLICE_LITERAL(""), &found), -ENOENT);
	users_close(u);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
}

static void a_name_and_a_uid_are_given_once(void **state)
{
	struct users *u = open_users();

	(void)state;
	assert_int_equal(add(u, "ann", "7"), 0);
	assert_int_equal(add(u, "ann", "8"), -EEXIST);
	assert_int_equal(add(u, "ben", "7"), -EEXIST);
	assert_int_equal(add(u, "ben", "not a uid"), -EINVAL);
	assert_int_equal(add(u, "", "9"), -EINVAL);
	assert_int_equal(users_last_fact(u), 1); /* a refused user leaves no hole */
	assert_int_equal(add(u, "ben", "8"), 0);
	assert_int_equal(users_last_fact(u), 2);
	users_close(u);
}

static void demo_users_are_found_only_while_demo_is_on(void **state)
{
	struct users *u = open_users();
	struct user jim, john;

	(void)state;
	assert_int_equal(users_find(u, SLICE_LITERAL("jim"), &jim), -ENOENT);
	assert_int_equal(users_set_demo(u, true), 0);
	assert_int_equal(users_find(u, SLICE_LITERAL("jim"), &jim), 0);
	assert_int_equal(users_find(u, SLICE_LITERAL("john"), &john), 0);
	assert_string_equal(jim.uid, "1");
	assert_string_equal(john.uid, "2");
	assert_true(hash_fits(jim.hash, SLICE_LITERAL("123456")));
	assert_string_not_equal(jim.hash, john.hash);
	users_close(u);
	u = open_users();
	assert_int_equal(users_find(u, SLICE_LITERAL("jim"), &jim), -ENOENT);
	assert_int_equal(users_set_demo(u, true), 0);
	assert_int_equal(users_find(u, SLICE_LITERAL("jim"), &john), 0);
	assert_int_equal(users_set_demo(u, false), 0);
	assert_int_equal(users_find(u, SLICE_LITERAL("jim"), &jim), -ENOENT);
	users_close(u);
}

struct seen {
	uint64_t next;
	unsigned n;
};

static int on_fact(void *arg, uint64_t number, struct slice uid)
{
	struct seen *s = arg;
	char wanted[24];

	assert_int_equal(number, s->next);
	snprintf(wanted, sizeof(wanted), "u%u", (unsigned)number);
	assert_true(slice_is(uid, wanted));
	s->next++;
	s->n++;
	return 0;
}

static void facts_are_numbered_from_1_without_holes(void **state)
{
	struct users *u = open_users();
	struct seen seen = {.next = 1};

	(void)state;
	for (int i = 1; i <= 20; i++) {
		char name[24], uid[24];

		snprintf(name, sizeof(name), "n%d", i);
		snprintf(uid, sizeof(uid), "u%d", i);
		assert_int_equal(add(u, name, uid), 0);
		assert_int_equal(add(u, name, uid), -EEXIST);
	}
	assert_int_equal(users_last_fact(u), 20);
	assert_int_equal(users_facts(u, 0, 7, on_fact, &seen), 0);
	assert_int_equal(seen.n, 7);
	users_close(u);
	u = open_users();
	assert_int_equal(users_last_fact(u), 20);
	assert_int_equal(users_facts(u, 7, 256, on_fact, &seen), 0);
	assert_int_equal(seen.n, 20);
	assert_int_equal(users_facts(u, 20, 256, on_fact, &seen), 0);
	assert_int_equal(users_facts(u, UINT64_MAX, 256, on_fact, &seen), 0);
	assert_int_equal(seen.n, 20);
	users_close(u);
}

static void a_file_that_is_no_database_is_refused(void **state)
{
	struct users *u = NULL;
	FILE *f = fopen(path, "w");

	(void)state;
	assert_non_null(f);
	fputs("this is not a database, and it is long enough to have been one, were it one\n", f);
	fclose(f);
	assert_true(users_open(&u, path) < 0);
	assert_null(u);
	assert_int_equal(users_open(&u, "/nonexistent/auth.db"), -ENOENT);
}

static void a_hash_fits_its_password_alone(void **state)
{
	char hash[HASH_MAX_BYTES], again[HASH_MAX_BYTES];
	char long_password[PASSWORD_MAX_BYTES + 1];

	(void)state;
	memset(long_password, 'x', sizeof(long_password));
	assert_int_equal(hash_make(SLICE_LITERAL("correct horse"), hash), 0);
	assert_int_equal(hash_make(SLICE_LITERAL("correct horse"), again), 0);
	assert_string_not_equal(hash, again);
	assert_int_equal(strncmp(hash, "$y$", 3), 0);
	assert_true(hash_fits(hash, SLICE_LITERAL("correct horse")));
	assert_true(hash_fits(again, SLICE_LITERAL("correct horse")));
	assert_false(hash_fits(hash, SLICE_LITERAL("correct horsf")));
	assert_false(hash_fits(hash, SLICE_LITERAL("correct horse\0")));
	assert_false(hash_fits(hash, SLICE_LITERAL("")));
	assert_false(hash_fits("", SLICE_LITERAL("")));
	assert_false(hash_fits("*0", SLICE_LITERAL("x")));
	assert_false(hash_fits("*1", SLICE_LITERAL("x")));
	assert_false(hash_fits("nonsense", SLICE_LITERAL("x")));
	assert_int_equal(hash_make(SLICE_LITERAL(""), hash), -EINVAL);
	assert_int_equal(hash_make(SLICE_LITERAL("a\0b"), hash), -EINVAL);
	assert_int_equal(
		hash_make((struct slice){long_password, sizeof(long_password)}, hash), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			what_is_added_is_found_again_after_a_restart, setup, teardown),
		cmocka_unit_test_setup_teardown(a_name_and_a_uid_are_given_once, setup, teardown),
		cmocka_unit_test_setup_teardown(
			demo_users_are_found_only_while_demo_is_on, setup, teardown),
		cmocka_unit_test_setup_teardown(
			facts_are_numbered_from_1_without_holes, setup, teardown),
		cmocka_unit_test_setup_teardown(
			a_file_that_is_no_database_is_refused, setup, teardown),
		cmocka_unit_test(a_hash_fits_its_password_alone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
