/* A process's memory and its budget. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/memory.h"
#include "tests/unit/test.h"

static void the_use_grows_with_what_is_touched(void **state)
{
	const size_t bytes = 64 << 20;
	struct memory m;
	uint64_t before;
	char *p;

	(void)state;
	memory_open(&m, 0);
	before = m.used;
	assert_true(before > 100000);
	p = malloc(bytes);
	assert_non_null(p);
	memset(p, 1, bytes);
	memory_read(&m);
	assert_true(m.used > before + bytes / 2);
	assert_int_equal(p[bytes - 1], 1);
	free(p);
	close(m.statm);
}

static void eighty_percent_of_the_budget_is_tight(void **state)
{
	struct memory m = {.statm = -1, .limit = 1000000};

	(void)state;
	m.used = 799900;
	assert_false(memory_is_tight(&m));
	m.used = 800000;
	assert_true(memory_is_tight(&m));
	m.used = UINT64_MAX;
	assert_true(memory_is_tight(&m));
	m.limit = 0;
	assert_false(memory_is_tight(&m));
	memory_read(&m); /* without /proc nothing changes */
	assert_true(m.used == UINT64_MAX);
}

static void a_setting_wins_over_the_cgroup(void **state)
{
	struct memory m;

	(void)state;
	memory_open(&m, 12345);
	assert_int_equal(m.limit, 12345);
	close(m.statm);
}

static void write_limit(const char *root, const char *path, const char *text)
{
	char file[256];
	FILE *f;

	snprintf(file, sizeof(file), "%s%s", root, path);
	mkdir(file, 0700);
	snprintf(file, sizeof(file), "%s%s/memory.max", root, path);
	f = fopen(file, "w");
	assert_non_null(f);
	fputs(text, f);
	fclose(f);
}

static void the_smallest_limit_on_the_way_up_counts(void **state)
{
	char root[] = "/tmp/postern-memory-XXXXXX";
	char command[64];

	(void)state;
	assert_non_null(mkdtemp(root));
	assert_int_equal(memory_cgroup_limit(root, "/a/b"), 0);
	write_limit(root, "/a", "5000000\n");
	write_limit(root, "/a/b", "max\n");
	assert_int_equal(memory_cgroup_limit(root, "/a/b"), 5000000);
	assert_int_equal(memory_cgroup_limit(root, "/"), 0);
	write_limit(root, "/a/b", "7000000\n");
	assert_int_equal(memory_cgroup_limit(root, "/a/b"), 5000000);
	write_limit(root, "/a/b", "4000000\n");
	assert_int_equal(memory_cgroup_limit(root, "/a/b"), 4000000);
	assert_int_equal(memory_cgroup_limit(root, "/a/b/c/d"), 4000000);
	write_limit(root, "", "3000000\n");
	assert_int_equal(memory_cgroup_limit(root, "/"), 3000000);
	snprintf(command, sizeof(command), "rm -r %s", root);
	assert_int_equal(system(command), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_use_grows_with_what_is_touched),
		cmocka_unit_test(eighty_percent_of_the_budget_is_tight),
		cmocka_unit_test(a_setting_wins_over_the_cgroup),
		cmocka_unit_test(the_smallest_limit_on_the_way_up_counts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
