/* audit: one whole line for each command, at the end of the file, or no command. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/audit.h"
#include "common/clock.h"
#include "common/json.h"
#include "tests/unit/test.h"

static char dir[64];
static char path[128];
static char other[128];

static int setup(void **state)
{
	(void)state;
	snprintf(dir, sizeof(dir), "/tmp/postern-audit-XXXXXX");
	if (mkdtemp(dir) == NULL)
		return -1;
	snprintf(path, sizeof(path), "%s/audit.log", dir);
	snprintf(other, sizeof(other), "%s/audit.log.1", dir);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	(void)unlink(path);
	(void)rmdir(path);
	(void)unlink(other);
	return rmdir(dir);
}

static const char *text_of(const char *file)
{
	static char text[65536];
	FILE *f = fopen(file, "r");
	size_t n;

	assert_non_null(f);
	n = fread(text, 1, sizeof(text) - 1, f);
	text[n] = '\0';
	fclose(f);
	return text;
}

static size_t count_lines(const char *text)
{
	size_t n = 0;

	for (; *text != '\0'; text++)
		n += *text == '\n';
	return n;
}

/* The n-th line, 0 the first, which must be JSON. */
static json_t *line_of(const char *file, size_t n)
{
	const char *line = text_of(file);
	json_t *value = NULL;

	for (; n > 0; n--) {
		line = strchr(line, '\n');
		assert_non_null(line);
		line++;
	}
	assert_non_null(strchr(line, '\n'));
	assert_int_equal(
		json_read((struct slice){line, strcspn(line, "\n")}, 3, &value), JSON_READ);
	return value;
}

static void expect_text(const json_t *object, const char *name, const char *wanted)
{
	const json_t *value = json_object_get(object, name);

	assert_non_null(value);
	assert_string_equal(json_string_value(value), wanted);
}

static int write_kick(struct audit *a, const char *user)
{
	const struct audit_arg args[] = {{"user", slice_of(user)}};
	const struct audit_entry e = {1000, "kick", "begun", args, 1, 1};

	return audit_write(a, &e);
}

static void a_line_says_when_who_what_and_how_it_went(void **state)
{
	struct audit *a = NULL;
	const struct audit_arg args[] = {
		{"user", slice_of("7")}, {"empty", slice_of("")}, {"none", {NULL, 0}}};
	const struct audit_entry e = {4294967294U, "kick", "ok", args, 3, 9007199254740991ULL};
	json_t *line;
	struct stat st;

	(void)state;
	(void)umask(022);
	assert_int_equal(audit_open(&a, path, "router"), 0);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0640);
	assert_int_equal(audit_write(a, &e), 0);
	line = line_of(path, 0);
	assert_int_equal(strlen(json_string_value(json_object_get(line, "time"))), 24);
	assert_true(json_integer_value(json_object_get(line, "id")) == 9007199254740991LL);
	expect_text(line, "daemon", "router");
	expect_text(line, "command", "kick");
	expect_text(line, "result", "ok");
	assert_true(json_integer_value(json_object_get(line, "uid")) == 4294967294LL);
	assert_int_equal(json_object_size(json_object_get(line, "args")), 1);
	expect_text(json_object_get(line, "args"), "user", "7");
	assert_null(json_object_get(line, "cut"));
	json_decref(line);
	audit_close(a);
}

static void ids_ascend_and_a_start_does_not_repeat_them(void **state)
{
	uint64_t last = 0;

	(void)state;
	for (int start = 0; start < 3; start++) {
		const int64_t began = clock_wall_ms();
		struct audit *a = NULL;

		assert_int_equal(audit_open(&a, path, "router"), 0);
		for (int i = 0; i < 20; i++) {
			uint64_t id = audit_next_id(a);

			assert_true(id > last && id < 1ULL << 53);
			last = id;
		}
		audit_close(a);
		/* more than one for a millisecond is not what operators do */
		while (clock_wall_ms() < began + 30)
			(void)usleep(1000);
	}
}

static void what_is_there_stays_and_lines_come_after_it(void **state)
{
	struct audit *a = NULL, *b = NULL;
	json_t *line;
	FILE *f;

	(void)state;
	f = fopen(path, "w");
	assert_non_null(f);
	fputs("{\"old\":1}\n", f);
	fclose(f);
	assert_int_equal(audit_open(&a, path, "auth"), 0);
	assert_int_equal(audit_open(&b, path, "router"), 0);
	for (int i = 0; i < 100; i++)
		assert_int_equal(write_kick(i % 2 == 0 ? a : b, "7"), 0);
	assert_int_equal(count_lines(text_of(path)), 101);
	line = line_of(path, 0);
	assert_non_null(json_object_get(line, "old"));
	json_decref(line);
	for (size_t i = 0; i < 100; i++) {
		line = line_of(path, i + 1);
		expect_text(line, "daemon", i % 2 == 0 ? "auth" : "router");
		json_decref(line);
	}
	audit_close(a);
	audit_close(b);
}

/* The descriptor itself appends: a write at another place is not possible. */
static void the_descriptor_appends(void **state)
{
	char link[64];
	char target[128];
	struct audit *a = NULL;
	bool found = false;

	(void)state;
	assert_int_equal(audit_open(&a, path, "auth"), 0);
	for (int fd = 0; fd < 64; fd++) {
		ssize_t n;

		snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
		n = readlink(link, target, sizeof(target) - 1);
		if (n <= 0)
			continue;
		target[n] = '\0';
		if (strcmp(target, path) != 0)
			continue;
		found = true;
		assert_true((fcntl(fd, F_GETFL) & O_APPEND) != 0);
		assert_true((fcntl(fd, F_GETFD) & FD_CLOEXEC) != 0);
	}
	assert_true(found);
	audit_close(a);
}

static void a_long_value_is_cut_between_characters(void **state)
{
	char value[1024];
	struct audit *a = NULL;
	const struct audit_arg args[] = {{"plain", {value, 300}}, {"exact", {value, 256}},
		{"two", {value + 300, 300}}, {"three", {value + 600, 300}}};
	const struct audit_entry e = {0, "push", "begun", args, 4, 1};
	json_t *line;
	const char *text;

	(void)state;
	memset(value, 'a', 300);
	for (int i = 0; i < 150; i++)
		memcpy(value + 300 + 2 * i, "\xc3\xa9", 2);
	value[600] = 'x';
	for (int i = 0; i < 99; i++)
		memcpy(value + 601 + 3 * i, "\xe2\x82\xac", 3);
	assert_int_equal(audit_open(&a, path, "router"), 0);
	assert_int_equal(audit_write(a, &e), 0);
	line = line_of(path, 0);
	text = json_string_value(json_object_get(json_object_get(line, "args"), "plain"));
	assert_int_equal(strlen(text), 259);
	assert_string_equal(text + 254, "aa...");
	text = json_string_value(json_object_get(json_object_get(line, "args"), "exact"));
	assert_int_equal(strlen(text), 256);
	text = json_string_value(json_object_get(json_object_get(line, "args"), "two"));
	assert_string_equal(text + 254, "\xc3\xa9...");
	text = json_string_value(json_object_get(json_object_get(line, "args"), "three"));
	assert_string_equal(text + 253, "\xe2\x82\xac...");
	json_decref(line);
	audit_close(a);
}

static void no_value_can_end_the_line_or_its_string(void **state)
{
	static const char bad[] = "a\n{\"daemon\":\"x\"}\"\\\x1b[2J\0\xff\xfe\x7f";
	struct audit *a = NULL;
	const struct audit_arg args[] = {{"user", {bad, sizeof(bad) - 1}}};
	const struct audit_entry e = {0, "kick", "begun", args, 1, 1};
	json_t *line;
	const json_t *value;

	(void)state;
	assert_int_equal(audit_open(&a, path, "router"), 0);
	assert_int_equal(audit_write(a, &e), 0);
	assert_int_equal(count_lines(text_of(path)), 1);
	line = line_of(path, 0);
	expect_text(line, "daemon", "router");
	value = json_object_get(json_object_get(line, "args"), "user");
	assert_memory_equal(json_string_value(value), bad, 23);
	json_decref(line);
	audit_close(a);
}

static void a_line_is_never_longer_than_its_bound(void **state)
{
	char value[256];
	struct audit *a = NULL;
	char names[32][24];
	struct audit_arg args[32];
	struct audit_entry e = {0, "push", "begun", args, 32, 1};
	json_t *line;

	(void)state;
	memset(value, 1, sizeof(value)); /* six bytes each */
	for (size_t i = 0; i < 32; i++) {
		snprintf(names[i], sizeof(names[i]), "%zu", i);
		args[i] = (struct audit_arg){names[i], {value, 8 * i}};
	}
	assert_int_equal(audit_open(&a, path, "router"), 0);
	assert_int_equal(audit_write(a, &e), 0);
	assert_true(strlen(text_of(path)) <= AUDIT_LINE_MAX);
	line = line_of(path, 0);
	assert_true(json_is_true(json_object_get(line, "cut")));
	expect_text(line, "result", "begun");
	json_decref(line);
	audit_close(a);
}

static void a_place_that_takes_no_file_is_refused(void **state)
{
	struct audit *a = NULL;
	char inner[192];

	(void)state;
	snprintf(inner, sizeof(inner), "%s/none/audit.log", dir);
	assert_int_equal(audit_open(&a, inner, "auth"), -ENOENT);
	assert_int_equal(mkdir(path, 0700), 0);
	assert_int_equal(audit_open(&a, path, "auth"), -EISDIR);
	assert_int_equal(rmdir(path), 0);
	assert_int_equal(symlink(other, path), 0);
	assert_int_equal(audit_open(&a, path, "auth"), -ELOOP);
	assert_int_equal(access(other, F_OK), -1);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(mkfifo(path, 0600), 0);
	assert_int_equal(audit_open(&a, path, "auth"), -EINVAL);
	assert_null(a);
}

/* Root may write everywhere, so it steps down for this. */
static void a_directory_that_may_not_be_written_is_refused(void **state)
{
	pid_t child;
	int status = 0;

	(void)state;
	assert_int_equal(chmod(dir, 0555), 0);
	child = fork();
	if (child == 0) {
		struct audit *a = NULL;

		if (geteuid() == 0 && setuid(65534) < 0)
			_exit(1);
		_exit(audit_open(&a, path, "auth") == -EACCES ? 0 : 2);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(chmod(dir, 0700), 0);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

/* In a child: the limit is the process's. */
static int fill_up(void)
{
	struct rlimit limit;
	struct audit *a = NULL;
	struct stat st;
	int r;

	signal(SIGXFSZ, SIG_IGN);
	if (audit_open(&a, path, "auth") < 0 || write_kick(a, "1") < 0 || stat(path, &st) < 0)
		return 1;
	limit = (struct rlimit){(rlim_t)st.st_size + 20, RLIM_INFINITY};
	if (setrlimit(RLIMIT_FSIZE, &limit) < 0)
		return 2;
	if (write_kick(a, "2") != -ENOSPC) /* 20 bytes of it are there */
		return 3;
	r = write_kick(a, "3");
	if (r != -EFBIG)
		return 4;
	limit.rlim_cur = RLIM_INFINITY;
	if (setrlimit(RLIMIT_FSIZE, &limit) < 0 || write_kick(a, "4") < 0)
		return 5;
	audit_close(a);
	return 0;
}

static void a_full_disk_refuses_and_spoils_no_later_line(void **state)
{
	struct audit *a = NULL;
	pid_t child = fork();
	int status = 0;
	json_t *line;
	FILE *f;

	(void)state;
	if (child == 0)
		_exit(fill_up());
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
	assert_int_equal(count_lines(text_of(path)), 3);
	line = line_of(path, 2);
	expect_text(json_object_get(line, "args"), "user", "4");
	json_decref(line);

	f = fopen(path, "a");
	assert_non_null(f);
	fputs("{\"torn", f);
	fclose(f);
	assert_int_equal(audit_open(&a, path, "auth"), 0);
	assert_int_equal(write_kick(a, "5"), 0);
	line = line_of(path, 4);
	expect_text(json_object_get(line, "args"), "user", "5");
	json_decref(line);
	audit_close(a);
}

static void a_file_that_was_moved_is_left_at_reopen(void **state)
{
	struct audit *a = NULL;

	(void)state;
	assert_int_equal(audit_open(&a, path, "auth"), 0);
	assert_int_equal(write_kick(a, "1"), 0);
	assert_int_equal(rename(path, other), 0);
	assert_int_equal(write_kick(a, "2"), 0);
	assert_int_equal(count_lines(text_of(other)), 2);
	assert_int_equal(audit_reopen(a), 0);
	assert_int_equal(write_kick(a, "3"), 0);
	assert_int_equal(count_lines(text_of(other)), 2);
	assert_int_equal(count_lines(text_of(path)), 1);

	/* A reopen that fails keeps what is open. */
	assert_int_equal(rename(path, other), 0);
	assert_int_equal(mkdir(path, 0700), 0);
	assert_int_equal(audit_reopen(a), -EISDIR);
	assert_int_equal(write_kick(a, "4"), 0);
	assert_int_equal(count_lines(text_of(other)), 2);
	audit_close(a);
}

static void a_file_that_was_removed_is_made_again_or_refused(void **state)
{
	struct audit *a = NULL;

	(void)state;
	assert_int_equal(audit_open(&a, path, "auth"), 0);
	assert_int_equal(write_kick(a, "1"), 0);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(write_kick(a, "2"), 0);
	assert_int_equal(count_lines(text_of(path)), 1);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(mkdir(path, 0700), 0);
	assert_int_equal(write_kick(a, "3"), -EISDIR);
	assert_int_equal(rmdir(path), 0);
	assert_int_equal(write_kick(a, "4"), 0);
	assert_int_equal(count_lines(text_of(path)), 1);
	audit_close(a);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_line_says_when_who_what_and_how_it_went),
		TEST(ids_ascend_and_a_start_does_not_repeat_them),
		TEST(what_is_there_stays_and_lines_come_after_it),
		TEST(the_descriptor_appends),
		TEST(a_long_value_is_cut_between_characters),
		TEST(no_value_can_end_the_line_or_its_string),
		TEST(a_line_is_never_longer_than_its_bound),
		TEST(a_place_that_takes_no_file_is_refused),
		TEST(a_directory_that_may_not_be_written_is_refused),
		TEST(a_full_disk_refuses_and_spoils_no_later_line),
		TEST(a_file_that_was_moved_is_left_at_reopen),
		TEST(a_file_that_was_removed_is_made_again_or_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
