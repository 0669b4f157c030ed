/* db: files that are new, old, too new, or no database. */
#include <errno.h>
#include <sqlite3.h>
#include <stdio.h>

#include "tests/unit/db_rig.h"
#include "tests/unit/test.h"

/* As it was made before there were revocations, word for word. */
static const char schema_1[] =
	"BEGIN IMMEDIATE;"
	"CREATE TABLE IF NOT EXISTS users("
	" id INTEGER PRIMARY KEY, username TEXT NOT NULL UNIQUE, uid TEXT NOT NULL UNIQUE,"
	" hash TEXT NOT NULL, demo INTEGER NOT NULL) STRICT;"
	"CREATE TABLE IF NOT EXISTS facts("
	" number INTEGER PRIMARY KEY, uid TEXT NOT NULL UNIQUE) STRICT;"
	"PRAGMA user_version=1;"
	"COMMIT;";

static void run(const char *sql)
{
	sqlite3 *db = NULL;

	assert_int_equal(sqlite3_open(rig_file, &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

static void a_file_of_schema_1_keeps_its_users_and_facts(void **state)
{
	struct user found;

	(void)state;
	run(schema_1);
	run("INSERT INTO users(username, uid, hash, demo) VALUES"
	    " ('ann', '7', '$y$a', 0), ('ben', 'ben', '$y$b', 0), ('jim', '1', '$y$j', 1);"
	    "INSERT INTO facts(number, uid) VALUES (1, '7'), (2, 'gone'), (3, 'ben'), (4, '1');");
	for (int i = 0; i < 2; i++) {
		rig_open();
		assert_string_equal(rig_facts(0), "1 user 7; 2 user gone; 3 user ben; 4 user 1");
		assert_int_equal(facts_last(rig.facts), 4);
		assert_int_equal(users_find(rig.users, SLICE_LITERAL("ben"), &found), 0);
		assert_string_equal(found.uid, "ben");
		assert_string_equal(found.hash, "$y$b");
		rig_close();
	}
	rig_open();
	assert_int_equal(users_set_demo(rig.users, true), 0); /* john is new */
	assert_int_equal(users_find(rig.users, SLICE_LITERAL("jim"), &found), 0);
	assert_string_equal(found.hash, "$y$j");
	assert_int_equal(rig_add("cem", "9"), 0);
	assert_int_equal(rig_add("dan", "gone"), 0);
	assert_string_equal(rig_facts(4), "5 user 2; 6 user 9");
}

static void a_file_of_a_later_schema_is_refused_and_not_touched(void **state)
{
	struct db *db = NULL;

	(void)state;
	run("PRAGMA user_version=3; CREATE TABLE users(x);");
	assert_int_equal(db_open(&db, rig_file), -EPROTONOSUPPORT);
	assert_null(db);
	run("INSERT INTO users(x) VALUES (1);"); /* it is as it was */
}

static void a_file_that_is_no_database_is_refused(void **state)
{
	struct db *db = NULL;
	FILE *f = fopen(rig_file, "w");

	(void)state;
	assert_non_null(f);
	fputs("this is not a database, and it is long enough to have been one, were it one\n", f);
	fclose(f);
	assert_true(db_open(&db, rig_file) < 0);
	assert_null(db);
	assert_int_equal(db_open(&db, "/nonexistent/auth.db"), -ENOENT);
}

static void what_is_rolled_back_leaves_no_trace(void **state)
{
	struct fact fact = {.kind = FACT_USER, .uid = SLICE_LITERAL("ann")};

	(void)state;
	rig_open();
	assert_int_equal(db_begin(rig.db), 0);
	assert_int_equal(facts_add(rig.facts, &fact), 0);
	db_rollback(rig.db);
	facts_undone(rig.facts);
	assert_int_equal(facts_last(rig.facts), 0);
	assert_string_equal(rig_facts(0), "");
	db_rollback(rig.db); /* without a transaction it is nothing */
	assert_int_equal(rig_add("ann", "7"), 0);
	assert_string_equal(rig_facts(0), "1 user 7");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_file_of_schema_1_keeps_its_users_and_facts,
			db_rig_setup, db_rig_teardown),
		cmocka_unit_test_setup_teardown(a_file_of_a_later_schema_is_refused_and_not_touched,
			db_rig_setup, db_rig_teardown),
		cmocka_unit_test_setup_teardown(
			a_file_that_is_no_database_is_refused, db_rig_setup, db_rig_teardown),
		cmocka_unit_test_setup_teardown(
			what_is_rolled_back_leaves_no_trace, db_rig_setup, db_rig_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
