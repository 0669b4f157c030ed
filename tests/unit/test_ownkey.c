/* ownkey: after a change old tokens are good until their end and new ones have the new kid; and no
 * crash in between leaves a directory that does not load. */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "auth/keyring.h"
#include "auth/ownkey.h"
#include "auth/token.h"
#include "tests/unit/forge.h"
#include "tests/unit/test.h"

#define NOW_S INT64_C(1767225600)
#define DAY_S INT64_C(86400)

static struct forge forge;
static struct keyring *ring;

static int setup(void **state)
{
	(void)state;
	forge_init(&forge);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	forge_fini(&forge);
	return 0;
}

static int clear(void **state)
{
	(void)state;
	keyring_free(ring);
	ring = NULL;
	forge_clear(&forge);
	return 0;
}

static void load(void)
{
	struct key_error e;

	keyring_free(ring);
	ring = NULL;
	if (keyring_load(&ring, forge.dir, false, &e) < 0)
		fail_msg("%s", e.text);
}

static void first_start(void)
{
	struct key_error e;

	assert_int_equal(keyring_make_own(forge.dir, &e), 1);
	load();
}

static char *token_of(int64_t now_s, int64_t ttl_s)
{
	struct token_order order = {.sub = SLICE_LITERAL("7"), .iat_s = now_s, .ttl_s = ttl_s};
	char *token = NULL;

	assert_int_equal(token_make(&token, keyring_own(ring), &order), 0);
	return token;
}

static enum token_verdict verdict(const char *token, int64_t now_s)
{
	struct token_facts facts;

	return token_check(ring, slice_of(token), now_s * 1000, &facts);
}

static void rotate(int64_t now_s)
{
	struct key_error e;

	if (ownkey_rotate(forge.dir, keyring_own(ring), now_s, &e) < 0)
		fail_msg("%s", e.text);
	load();
}

static void tidy(int64_t now_s)
{
	struct key_error e;

	if (ownkey_tidy(forge.dir, now_s, &e) < 0)
		fail_msg("%s", e.text);
}

static size_t files(void)
{
	DIR *dir = opendir(forge.dir);
	const struct dirent *entry;
	size_t n = 0;

	assert_non_null(dir);
	while ((entry = readdir(dir)) != NULL) {
		struct stat st;

		if (entry->d_type != DT_REG)
			continue;
		n++;
		assert_int_equal(fstatat(dirfd(dir), entry->d_name, &st, 0), 0);
		assert_int_equal(st.st_mode & 07777, 0600);
	}
	closedir(dir);
	return n;
}

static bool has(const char *name)
{
	char path[512];

	snprintf(path, sizeof(path), "%s/%s", forge.dir, name);
	return access(path, F_OK) == 0;
}

static void old_tokens_are_good_until_their_end(void **state)
{
	char *before, *after;

	(void)state;
	first_start();
	before = token_of(NOW_S, DAY_S);
	rotate(NOW_S);
	assert_true(has("own-own.conf"));
	assert_int_equal(keyring_count(ring), 2);
	assert_string_not_equal(keyring_own(ring)->kid, "own");
	after = token_of(NOW_S, 3600);
	assert_int_equal(verdict(before, NOW_S), TOKEN_GOOD);
	assert_int_equal(verdict(before, NOW_S + DAY_S - 1), TOKEN_GOOD);
	assert_int_equal(verdict(after, NOW_S), TOKEN_GOOD);
	free(before);
	free(after);
}

static void after_its_time_an_old_key_verifies_nothing(void **state)
{
	const struct key *old;
	struct token_order order = {
		.sub = SLICE_LITERAL("7"), .iat_s = NOW_S + DAY_S, .ttl_s = DAY_S};
	char *token = NULL;

	(void)state;
	first_start();
	rotate(NOW_S);
	/* Who has the old secret can sign with it for ever. */
	old = keyring_by_kid(ring, SLICE_LITERAL("own"));
	assert_int_equal(token_make(&token, old, &order), 0);
	assert_int_equal(verdict(token, NOW_S + DAY_S), TOKEN_GOOD);
	assert_int_equal(verdict(token, NOW_S + DAY_S + 90), TOKEN_UNKNOWN_KEY);
	free(token);
}

static void old_keys_go_with_their_secrets(void **state)
{
	char *token;

	(void)state;
	first_start();
	rotate(NOW_S);
	token = token_of(NOW_S, DAY_S);
	rotate(NOW_S + 10);
	assert_int_equal(keyring_count(ring), 3);
	assert_int_equal(files(), 6);
	tidy(NOW_S + DAY_S + 89);
	assert_int_equal(files(), 6);
	tidy(NOW_S + DAY_S + 90);
	load();
	assert_int_equal(files(), 4);
	assert_false(has("own.secret") || has("own-own.conf"));
	assert_int_equal(verdict(token, NOW_S + 100), TOKEN_GOOD);
	tidy(NOW_S + 2 * DAY_S);
	load();
	assert_int_equal(files(), 2);
	assert_int_equal(verdict(token, NOW_S + 100), TOKEN_UNKNOWN_KEY);
	free(token);
}

static void the_other_settings_stay(void **state)
{
	const struct key_policy *own, *old;

	(void)state;
	forge_file(&forge, "own.conf",
		"# ours\n  alg=HS512\nfile = my.secret # the file\nkid = 2026/1\niss = https://us\n"
		"aud = chat\nusers = u:\nmax-lifetime = 2h",
		0600);
	forge_file(&forge, "my.secret", "0123456789abcdef0123456789abcdef0123456789", 0600);
	load();
	rotate(NOW_S);
	own = keyring_own(ring)->policy;
	assert_string_equal(own->iss, "https://us");
	assert_string_equal(own->aud, "chat");
	assert_string_equal(own->users, "u:");
	assert_true(own->max_lifetime_s == 7200 && own->until_s == 0);
	assert_string_equal(keyring_own(ring)->alg->name, "HS512");
	assert_int_equal(keyring_own(ring)->secret_len, 64);
	old = keyring_by_kid(ring, SLICE_LITERAL("2026/1"))->policy;
	assert_true(old->until_s > NOW_S + 7200 && old->until_s < NOW_S + 7500);
	assert_int_equal(old->issuer_id, own->issuer_id);
	rotate(NOW_S + 1);
	/* A secret of another name may be somebody's else, too. */
	tidy(NOW_S + DAY_S);
	load();
	assert_int_equal(keyring_count(ring), 1);
	assert_true(has("my.secret"));
}

static void the_shortest_old_name_goes_too(void **state)
{
	(void)state;
	forge_file(
		&forge, "own.conf", "alg = HS256\nfile = own.secret\nkid = own-\niss = us\n", 0600);
	forge_file(&forge, "own.secret", "0123456789abcdef0123456789abcdef", 0600);
	load();
	rotate(NOW_S);
	assert_true(has("own-.conf"));
	tidy(NOW_S + DAY_S + 90);
	load();
	assert_int_equal(keyring_count(ring), 1);
	assert_int_equal(files(), 2);
}

static void a_key_without_issuer_is_not_changed(void **state)
{
	struct key_error e;

	(void)state;
	forge_file(&forge, "own.conf", "alg = HS256\nfile = own.secret\n", 0600);
	forge_file(&forge, "own.secret", "0123456789abcdef0123456789abcdef", 0600);
	load();
	assert_int_equal(ownkey_rotate(forge.dir, keyring_own(ring), NOW_S, &e), -EINVAL);
	assert_non_null(strstr(e.text, "iss"));
	assert_int_equal(files(), 2);
}

static void a_change_that_a_crash_interrupted_is_taken_back(void **state)
{
	char *token;

	(void)state;
	first_start();
	token = token_of(NOW_S, DAY_S);
	/* What is on disk before own.conf is replaced. */
	forge_file(&forge, "own-00000001.secret", "0123456789abcdef0123456789abcdef", 0600);
	forge_file(&forge, "own-own.conf",
		"alg = HS256\nfile = own.secret\nencoding = base64url\nkid = own\niss = postern\n"
		"until = 2026-01-02T00:01:30Z\n",
		0600);
	forge_file(&forge, ".own.conf.new", "alg = HS256\nfi", 0600);
	tidy(NOW_S);
	load();
	assert_int_equal(keyring_count(ring), 1);
	assert_string_equal(keyring_own(ring)->kid, "own");
	assert_int_equal(verdict(token, NOW_S), TOKEN_GOOD);
	rotate(NOW_S);
	assert_int_equal(verdict(token, NOW_S), TOKEN_GOOD);
	free(token);
}

static void an_old_key_goes_where_no_own_key_is_too(void **state)
{
	(void)state;
	forge_file(
		&forge, "own-1.conf", "file = own-1.secret\nuntil = 2026-01-01T00:00:00Z\n", 0600);
	forge_file(&forge, "own-1.secret", "0123456789abcdef0123456789abcdef", 0600);
	tidy(NOW_S);
	assert_int_equal(files(), 0);
}

static void an_operators_files_are_left_alone(void **state)
{
	(void)state;
	first_start();
	forge_file(&forge, "own-shop.conf",
		"alg = HS256\nfile = own.secret\nencoding = base64url\nkid = x\niss = postern\n",
		0600);
	forge_file(&forge, "until.conf",
		"alg = HS256\nfile = until.secret\nkid = y\niss = postern\n"
		"until = 2020-01-01T00:00:00Z\n",
		0600);
	forge_file(&forge, "until.secret", "0123456789abcdef0123456789abcdef", 0600);
	tidy(NOW_S);
	assert_int_equal(files(), 5);
	load();
	assert_int_equal(keyring_count(ring), 3);
}

static void a_time_is_one_in_utc(void **state)
{
	static const char *const bad[] = {"", "2026", "2026-01-01", "2026-01-01T00:00:00",
		"2026-01-01T00:00:00Z ?", "2026-13-01T00:00:00Z", "1900-01-01T00:00:00Z"};

	(void)state;
	forge_file(&forge, "a.secret", "0123456789abcdef0123456789abcdef", 0600);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct keyring *none = NULL;
		struct key_error e;
		char text[160];

		snprintf(text, sizeof(text), "alg = HS256\nfile = a.secret\nuntil = %s\n", bad[i]);
		forge_file(&forge, "a.conf", text, 0600);
		assert_int_equal(keyring_load(&none, forge.dir, false, &e), -EINVAL);
		assert_non_null(strstr(e.text, "until is a time in UTC"));
	}
	forge_file(&forge, "a.conf", "alg = HS256\nfile = a.secret\nuntil = 2026-01-01T00:00:00Z\n",
		0600);
	load();
	assert_true(keyring_at(ring, 0)->policy->until_s == NOW_S);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(old_tokens_are_good_until_their_end, clear),
		cmocka_unit_test_teardown(after_its_time_an_old_key_verifies_nothing, clear),
		cmocka_unit_test_teardown(old_keys_go_with_their_secrets, clear),
		cmocka_unit_test_teardown(the_other_settings_stay, clear),
		cmocka_unit_test_teardown(the_shortest_old_name_goes_too, clear),
		cmocka_unit_test_teardown(a_key_without_issuer_is_not_changed, clear),
		cmocka_unit_test_teardown(a_change_that_a_crash_interrupted_is_taken_back, clear),
		cmocka_unit_test_teardown(an_old_key_goes_where_no_own_key_is_too, clear),
		cmocka_unit_test_teardown(an_operators_files_are_left_alone, clear),
		cmocka_unit_test_teardown(a_time_is_one_in_utc, clear),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
