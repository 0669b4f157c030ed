/* ticket: the key's file, made once and read only where nobody else could have. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "proto/ticket_files.h"
#include "tests/unit/test.h"

/* A directory of its own for each test, removed with what is in it. */
struct place {
	char dir[64];
	char file[96];
};

static int set_up(void **state)
{
	struct place *p = calloc(1, sizeof(*p));

	if (p == NULL)
		return -1;
	strcpy(p->dir, "/tmp/postern-test-XXXXXX");
	if (mkdtemp(p->dir) == NULL)
		return -1;
	snprintf(p->file, sizeof(p->file), "%s/1.key", p->dir);
	*state = p;
	return 0;
}

static int tear_down(void **state)
{
	struct place *p = *state;

	static const char *const others[] = {"ticket.key", "2.key", "3.key", "255.key", "x.key"};

	unlink(p->file);
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		char path[96];

		snprintf(path, sizeof(path), "%s/%s", p->dir, others[i]);
		unlink(path);
	}
	/* fails, and so the test, when anything else was left behind */
	int result = rmdir(p->dir);

	free(p);
	return result;
}

static void a_secret_is_made_once(void **state)
{
	const struct place *p = *state;
	unsigned char first[TICKET_KEY_BYTES];
	unsigned char second[TICKET_KEY_BYTES];
	mode_t mask = umask(0077);
	struct stat st;

	assert_int_equal(ticket_file_read(p->dir, 1, first), -ENOENT);
	assert_int_equal(ticket_file_make(p->dir, 1), 0);
	umask(mask);
	assert_int_equal(stat(p->file, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0640);
	assert_int_equal(st.st_size, TICKET_KEY_BYTES);
	assert_int_equal(ticket_file_read(p->dir, 1, first), 0);
	assert_int_equal(ticket_file_make(p->dir, 1), 0);
	assert_int_equal(ticket_file_read(p->dir, 1, second), 0);
	assert_memory_equal(first, second, sizeof(first));
	assert_int_equal(unlink(p->file), 0);
	assert_int_equal(ticket_file_make(p->dir, 1), 0);
	assert_int_equal(ticket_file_read(p->dir, 1, second), 0);
	assert_memory_not_equal(first, second, sizeof(first));
}

static void a_secret_that_others_can_reach_is_refused(void **state)
{
	static const struct {
		mode_t mode;
		int result;
	} modes[] = {
		{0600, 0},
		{0400, 0},
		{0640, 0},
		{0440, 0},
		{0660, -EACCES},
		{0620, -EACCES},
		{0644, -EACCES},
		{0602, -EACCES},
		{0604, -EACCES},
		{0666, -EACCES},
	};
	const struct place *p = *state;
	unsigned char out[TICKET_KEY_BYTES];

	assert_int_equal(ticket_file_make(p->dir, 1), 0);
	for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
		assert_int_equal(chmod(p->file, modes[i].mode), 0);
		assert_int_equal(ticket_file_read(p->dir, 1, out), modes[i].result);
	}
}

static void a_secret_of_another_size_or_kind_is_refused(void **state)
{
	const struct place *p = *state;
	unsigned char out[TICKET_KEY_BYTES];
	char path[96];

	for (off_t size = 0; size <= 64; size++) {
		int fd = open(p->file, O_CREAT | O_WRONLY, 0600);

		assert_true(fd >= 0);
		assert_int_equal(ftruncate(fd, size), 0);
		close(fd);
		assert_int_equal(
			ticket_file_read(p->dir, 1, out), size == TICKET_KEY_BYTES ? 0 : -EINVAL);
	}
	assert_int_equal(unlink(p->file), 0);
	snprintf(path, sizeof(path), "%s/real", p->dir);
	assert_int_equal(symlink("/dev/zero", p->file), 0);
	assert_int_equal(ticket_file_read(p->dir, 1, out), -ELOOP);
}

static void a_missing_directory_is_an_error(void **state)
{
	unsigned char out[TICKET_KEY_BYTES];

	(void)state;
	assert_int_equal(ticket_file_make("/nonexistent/postern", 1), -ENOENT);
	assert_int_equal(ticket_file_read("/nonexistent/postern", 1, out), -ENOENT);
}

static void put(const struct place *p, const char *name, char fill)
{
	char path[96];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", p->dir, name);
	f = fopen(path, "w");
	assert_non_null(f);
	for (int i = 0; i < TICKET_KEY_BYTES; i++)
		fputc(fill, f);
	fclose(f);
	assert_int_equal(chmod(path, 0640), 0);
}

static bool is_there(const struct place *p, const char *name)
{
	char path[96];

	snprintf(path, sizeof(path), "%s/%s", p->dir, name);
	return access(path, F_OK) == 0;
}

static void expect_ids(const struct place *p, int n, unsigned char first, unsigned char second)
{
	unsigned char ids[TICKET_KEYS_MAX] = {0};

	assert_int_equal(ticket_files_ids(p->dir, ids), n);
	assert_true(n < 1 || ids[0] == first);
	assert_true(n < 2 || ids[1] == second);
}

static void ids_are_the_files_the_oldest_first(void **state)
{
	const struct place *p = *state;

	expect_ids(p, 0, 0, 0);
	put(p, "x.key", 'x');
	expect_ids(p, 0, 0, 0);
	put(p, "2.key", '2');
	expect_ids(p, 1, 2, 0);
	put(p, "1.key", '1');
	expect_ids(p, 2, 1, 2);
	put(p, "3.key", '3');
	expect_ids(p, -E2BIG, 0, 0);
	assert_int_equal(ticket_file_remove(p->dir, 2), 0);
	assert_int_equal(ticket_file_remove(p->dir, 3), 0);
	assert_int_equal(ticket_file_remove(p->dir, 3), 0);
	put(p, "255.key", 'f');
	expect_ids(p, 2, 255, 1); /* ids go round */
}

static void a_key_of_before_is_the_first(void **state)
{
	const struct place *p = *state;
	unsigned char out[TICKET_KEY_BYTES];
	struct ticket_keys *keys = NULL;

	put(p, "ticket.key", 'o');
	/* The router may look before auth was started. */
	expect_ids(p, 1, 1, 0);
	assert_int_equal(ticket_keys_load(&keys, p->dir), 0);
	assert_int_equal(ticket_keys_minting(keys), 1);
	ticket_keys_free(keys);
	assert_int_equal(ticket_files_adopt(p->dir), 0);
	assert_true(is_there(p, "1.key") && !is_there(p, "ticket.key"));
	assert_int_equal(ticket_file_read(p->dir, 1, out), 0);
	assert_int_equal(out[0], 'o');
	assert_int_equal(ticket_files_adopt(p->dir), 0);
	assert_int_equal(ticket_file_read(p->dir, 1, out), 0);
	assert_int_equal(out[0], 'o');
}

static void a_key_of_before_beside_newer_ones_goes(void **state)
{
	const struct place *p = *state;
	unsigned char out[TICKET_KEY_BYTES];

	put(p, "ticket.key", 'o');
	put(p, "1.key", '1');
	expect_ids(p, 1, 1, 0);
	assert_int_equal(ticket_files_adopt(p->dir), 0);
	assert_false(is_there(p, "ticket.key"));
	assert_int_equal(ticket_file_read(p->dir, 1, out), 0);
	assert_int_equal(out[0], '1');
	assert_int_equal(ticket_file_remove(p->dir, 1), 0);
	put(p, "3.key", '3');
	put(p, "ticket.key", 'o');
	assert_int_equal(ticket_files_adopt(p->dir), 0);
	assert_false(is_there(p, "ticket.key"));
	expect_ids(p, 1, 3, 0);
}

static void without_any_the_first_is_made(void **state)
{
	const struct place *p = *state;
	struct ticket_keys *keys = NULL;

	assert_int_equal(ticket_keys_load(&keys, p->dir), -ENOENT);
	assert_int_equal(ticket_files_adopt(p->dir), 0);
	expect_ids(p, 1, 1, 0);
	assert_int_equal(ticket_keys_load(&keys, p->dir), 0);
	assert_int_equal(ticket_keys_minting(keys), 1);
	ticket_keys_free(keys);
}

static void the_oldest_mints_after_a_load(void **state)
{
	const struct place *p = *state;
	struct ticket_keys *keys = NULL;

	put(p, "3.key", '3');
	put(p, "2.key", '2');
	assert_int_equal(ticket_keys_load(&keys, p->dir), 0);
	assert_int_equal(ticket_keys_minting(keys), 2);
	assert_true(ticket_keys_has(keys, 3));
	assert_int_equal(ticket_keys_load_one(keys, p->dir, 3), 0);
	assert_int_equal(ticket_keys_load_one(keys, p->dir, 4), -ENOENT);
	ticket_keys_free(keys);
}

/* All of them or none: half a ring would refuse what it should take. */
static void one_bad_key_spoils_the_load(void **state)
{
	const struct place *p = *state;
	struct ticket_keys *keys = NULL;

	put(p, "1.key", '1');
	put(p, "2.key", '2');
	assert_int_equal(chmod(p->file, 0644), 0);
	assert_int_equal(ticket_keys_load(&keys, p->dir), -EACCES);
	assert_null(keys);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_secret_is_made_once, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			a_secret_that_others_can_reach_is_refused, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			a_secret_of_another_size_or_kind_is_refused, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_missing_directory_is_an_error, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			ids_are_the_files_the_oldest_first, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_key_of_before_is_the_first, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			a_key_of_before_beside_newer_ones_goes, set_up, tear_down),
		cmocka_unit_test_setup_teardown(without_any_the_first_is_made, set_up, tear_down),
		cmocka_unit_test_setup_teardown(the_oldest_mints_after_a_load, set_up, tear_down),
		cmocka_unit_test_setup_teardown(one_bad_key_spoils_the_load, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
