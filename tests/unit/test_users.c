/* users: the table, the demo users, and hashes. */
#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>

#include "tests/unit/db_rig.h"
#include "tests/unit/test.h"

static void what_is_added_is_found_again_after_a_restart(void **state)
{
	struct user found;
	struct stat st;

	(void)state;
	rig_open();
	assert_int_equal(users_find(rig.users, SLICE_LITERAL("ann"), &found), -ENOENT);
	assert_int_equal(rig_add("ann", "7"), 0);
	rig_restart();
	assert_int_equal(users_find(rig.users, SLICE_LITERAL("ann"), &found), 0);
	assert_string_equal(found.uid, "7");
	assert_string_equal(found.hash, "$y$not-a-hash");
	assert_int_equal(users_find(rig.users, SLICE_LITERAL("Ann"), &found), -ENOENT);
	assert_int_equal(users_find(rig.users, SLICE_LITERAL("ann\0"), &found), -ENOENT);
	assert_int_equal(users_find(rig.users, SLICE_LITERAL("ann' --"), &found), -ENOENT);
	assert_int_equal(users_find(rig.users, SLICE_LITERAL(""), &found), -ENOENT);
	assert_int_equal(stat(rig_file, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
}

static void a_name_and_a_uid_are_given_once(void **state)
{
	(void)state;
	rig_open();
	assert_int_equal(rig_add("ann", "7"), 0);
	assert_int_equal(rig_add("ann", "8"), -EEXIST);
	assert_int_equal(rig_add("ben", "7"), -EEXIST);
	assert_int_equal(rig_add("ben", "not a uid"), -EINVAL);
	assert_int_equal(rig_add("", "9"), -EINVAL);
	assert_int_equal(rig_add("line\nline", "9"), -EINVAL);
	assert_int_equal(rig_add("\xff", "9"), -EINVAL);
	assert_int_equal(facts_last(rig.facts), 1); /* a refused user leaves no fact */
	assert_int_equal(rig_add("ben", "8"), 0);
	assert_int_equal(facts_last(rig.facts), 2);
}

static void demo_users_are_found_only_while_demo_is_on(void **state)
{
	struct user jim, john;

	(void)state;
	rig_open();
	assert_int_equal(users_find(rig.users, SLICE_LITERAL("jim"), &jim), -ENOENT);
	assert_int_equal(users_set_demo(rig.users, true), 0);
	assert_int_equal(users_find(rig.users, SLICE_LITERAL("jim"), &jim), 0);
	assert_int_equal(users_find(rig.users, SLICE_LITERAL("john"), &john), 0);
	assert_string_equal(jim.uid, "1");
	assert_string_equal(john.uid, "2");
	assert_true(hash_fits(jim.hash, SLICE_LITERAL("123456")));
	assert_string_not_equal(jim.hash, john.hash);
	rig_restart();
	assert_int_equal(users_find(rig.users, SLICE_LITERAL("jim"), &jim), -ENOENT);
	assert_int_equal(users_set_demo(rig.users, true), 0);
	assert_int_equal(users_find(rig.users, SLICE_LITERAL("jim"), &john), 0);
	assert_int_equal(users_set_demo(rig.users, false), 0);
	assert_int_equal(users_find(rig.users, SLICE_LITERAL("jim"), &jim), -ENOENT);
}

static void a_password_is_changed_for_the_one_user(void **state)
{
	struct user found;

	(void)state;
	rig_open();
	assert_int_equal(users_set_demo(rig.users, true), 0);
	assert_int_equal(rig_add("ann", "7"), 0);
	assert_int_equal(rig_add("ben", "8"), 0);
	assert_int_equal(users_set_hash(rig.users, SLICE_LITERAL("ann"), "$y$other"), 0);
	assert_int_equal(users_set_hash(rig.users, SLICE_LITERAL("nobody"), "$y$x"), -ENOENT);
	assert_int_equal(users_set_hash(rig.users, SLICE_LITERAL("jim"), "$y$x"), -EPERM);
	rig_restart();
	assert_int_equal(users_find(rig.users, SLICE_LITERAL("ann"), &found), 0);
	assert_string_equal(found.hash, "$y$other");
	assert_int_equal(users_find(rig.users, SLICE_LITERAL("ben"), &found), 0);
	assert_string_equal(found.hash, "$y$not-a-hash");
}

struct names {
	size_t len;
	char text[512];
};

static int name_print(void *arg, const struct user_row *row)
{
	struct names *n = arg;

	n->len += (size_t)snprintf(n->text + n->len, sizeof(n->text) - n->len, "%.*s=%.*s%s ",
		(int)row->username.len, row->username.data, (int)row->uid.len, row->uid.data,
		row->demo ? "*" : "");
	return 0;
}

static const char *list(const char *after, unsigned max)
{
	static struct names n;

	n = (struct names){0};
	assert_int_equal(users_list(rig.users, slice_of(after), max, name_print, &n), 0);
	return n.text;
}

static void users_are_listed_in_pages_by_their_names(void **state)
{
	(void)state;
	rig_open();
	assert_string_equal(list("", 10), "");
	assert_int_equal(rig_add("cem", "9"), 0);
	assert_int_equal(rig_add("ann", "7"), 0);
	assert_int_equal(rig_add("Zoe", "x:1"), 0);
	assert_int_equal(rig_add("b\xc3\xa9n", "8"), 0);
	assert_string_equal(list("", 3), "Zoe=x:1 ann=7 b\xc3\xa9n=8 ");
	assert_string_equal(list("b\xc3\xa9n", 3), "cem=9 ");
	assert_string_equal(list("cem", 3), "");
	assert_int_equal(users_set_demo(rig.users, true), 0);
	assert_string_equal(list("c", 10), "cem=9 jim=1* john=2* ");
	assert_int_equal(users_set_demo(rig.users, false), 0);
	assert_string_equal(list("c", 10), "cem=9 ");
}

static void a_removed_user_is_gone_and_his_number_is_not_given_again(void **state)
{
	char uid[UID_MAX_BYTES + 1];
	struct user found;

	(void)state;
	rig_open();
	assert_int_equal(users_next_uid(rig.users, uid), 0);
	assert_string_equal(uid, "3"); /* 1 and 2 are the demo users', also before they are made */
	assert_int_equal(rig_add("ann", "41"), 0);
	assert_int_equal(rig_add("ben", "0100"), 0);		 /* no number */
	assert_int_equal(rig_add("cem", "1234567890123456"), 0); /* none either: too long */
	assert_int_equal(rig_add("dan", "99:x"), 0);
	assert_int_equal(users_next_uid(rig.users, uid), 0);
	assert_string_equal(uid, "42");
	assert_int_equal(users_remove(rig.users, SLICE_LITERAL("ann")), 0);
	assert_int_equal(users_remove(rig.users, SLICE_LITERAL("ann")), -ENOENT);
	rig_restart();
	assert_int_equal(users_find(rig.users, SLICE_LITERAL("ann"), &found), -ENOENT);
	assert_int_equal(users_next_uid(rig.users, uid), 0);
	assert_string_equal(uid, "42");
	assert_int_equal(rig_add("ann", "41"), 0); /* who asks for it gets it */
	assert_string_equal(rig_facts(0), "1 user 41; 2 user 0100; 3 user 1234567890123456; "
					  "4 user 99:x");
	assert_int_equal(users_set_demo(rig.users, true), 0);
	assert_int_equal(users_remove(rig.users, SLICE_LITERAL("jim")), -EPERM);
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
		cmocka_unit_test_setup_teardown(what_is_added_is_found_again_after_a_restart,
			db_rig_setup, db_rig_teardown),
		cmocka_unit_test_setup_teardown(
			a_name_and_a_uid_are_given_once, db_rig_setup, db_rig_teardown),
		cmocka_unit_test_setup_teardown(
			demo_users_are_found_only_while_demo_is_on, db_rig_setup, db_rig_teardown),
		cmocka_unit_test_setup_teardown(
			a_password_is_changed_for_the_one_user, db_rig_setup, db_rig_teardown),
		cmocka_unit_test_setup_teardown(
			users_are_listed_in_pages_by_their_names, db_rig_setup, db_rig_teardown),
		cmocka_unit_test_setup_teardown(
			a_removed_user_is_gone_and_his_number_is_not_given_again, db_rig_setup,
			db_rig_teardown),
		cmocka_unit_test(a_hash_fits_its_password_alone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
