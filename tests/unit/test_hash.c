/* hash: which texts are hashes that this auth made. */
#include <stdlib.h>
#include <string.h>

#include "auth/hash.h"
#include "proto/limits.h"
#include "tests/unit/test.h"

static void a_hash_fits_its_password_alone(void **state)
{
	char hash[HASH_MAX_BYTES], again[HASH_MAX_BYTES];

	(void)state;
	assert_int_equal(hash_make(slice_of("secret"), hash), 0);
	assert_int_equal(hash_make(slice_of("secret"), again), 0);
	assert_string_not_equal(hash, again);
	assert_true(hash_fits(hash, slice_of("secret")));
	assert_false(hash_fits(hash, slice_of("secret ")));
	assert_false(hash_fits(hash, slice_of("")));
}

static void what_was_made_here_is_known(void **state)
{
	char hash[HASH_MAX_BYTES];

	(void)state;
	for (int i = 0; i < 5; i++) {
		assert_int_equal(hash_make(slice_of("x"), hash), 0);
		assert_true(hash_is_ours(slice_of(hash)));
	}
}

static void what_is_cut_altered_or_dearer_is_not(void **state)
{
	static const char *const others[] = {"", "$", "$$$$", "*0", "secret",
		"$1$abcdefgh$9wNmvKKCfRDW0BcVsaH0d/", /* MD5 */
		"$2b$10$abcdefghijklmnopqrstuuAbCdEfGhIjKlMnOpQrStUvWxYz012345",
		"$6$rounds=999999999$abcdefgh$x"};
	char hash[HASH_MAX_BYTES], bad[HASH_MAX_BYTES + 64];
	size_t len;

	(void)state;
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		assert_false(hash_is_ours(slice_of(others[i])));
	assert_int_equal(hash_make(slice_of("x"), hash), 0);
	len = strlen(hash);
	for (size_t n = 0; n < len; n++)
		assert_false(hash_is_ours((struct slice){hash, n}));
	memset(bad, 'x', sizeof(bad));
	memcpy(bad, hash, len);
	for (size_t n = len + 1; n < sizeof(bad); n++)
		assert_false(hash_is_ours((struct slice){bad, n}));
	/* Its parameters, to the last dollar of them: anything else is another cost. */
	for (size_t i = 0; i < len && i < 7; i++) {
		memcpy(bad, hash, len);
		bad[i] = bad[i] == 'k' ? 'l' : 'k';
		assert_false(hash_is_ours((struct slice){bad, len}));
	}
	/* No byte that is not of its alphabet. */
	for (size_t i = 7; i < len; i++) {
		static const char outside[] = {'\0', '\n', ' ', ':', '$', '*', '\x80'};

		for (size_t k = 0; k < sizeof(outside); k++) {
			memcpy(bad, hash, len);
			if (bad[i] == outside[k])
				continue;
			bad[i] = outside[k];
			assert_false(hash_is_ours((struct slice){bad, len}));
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_hash_fits_its_password_alone),
		cmocka_unit_test(what_was_made_here_is_known),
		cmocka_unit_test(what_is_cut_altered_or_dearer_is_not),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
