/* What tells one token from another. */
#include "edge/fingerprint.h"
#include "tests/unit/test.h"

static void it_is_the_beginning_of_sha_256(void **state)
{
	/* FIPS 180-2: "abc" */
	static const unsigned char abc[FINGERPRINT_BYTES] = {0xba, 0x78, 0x16, 0xbf, 0x8f, 0x01,
		0xcf, 0xea, 0x41, 0x41, 0x40, 0xde, 0x5d, 0xae, 0x22, 0x23};
	struct fingerprint f = fingerprint_of(slice_of("abc"));

	(void)state;
	assert_memory_equal(f.bytes, abc, sizeof(abc));
}

static void every_other_token_is_another(void **state)
{
	const struct fingerprint none = {{0}};
	struct fingerprint f = fingerprint_of(slice_of("a.b.c"));

	(void)state;
	assert_true(fingerprint_is(&f, slice_of("a.b.c")));
	assert_false(fingerprint_is(&f, slice_of("a.b.C")));
	assert_false(fingerprint_is(&f, slice_of("a.b.c ")));
	assert_false(fingerprint_is(&f, slice_of("")));
	assert_false(fingerprint_is(&none, slice_of("a.b.c")));
	assert_false(fingerprint_is(&none, slice_of("")));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(it_is_the_beginning_of_sha_256),
		cmocka_unit_test(every_other_token_is_another),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
