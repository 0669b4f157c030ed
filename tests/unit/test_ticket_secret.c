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

	unlink(p->file);
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_secret_is_made_once, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			a_secret_that_others_can_reach_is_refused, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			a_secret_of_another_size_or_kind_is_refused, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_missing_directory_is_an_error, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
