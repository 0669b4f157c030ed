/* Where a client is, as text. */
#include <string.h>

#include "edge/position.h"
#include "tests/unit/test.h"

static void what_was_written_is_read(void **state)
{
	static const uint64_t numbers[] = {0, 1, 9, 10, 120, 4294967296, 9999999999999999999u};
	static const uint16_t identities[] = {1, 2, 10, UINT16_MAX};

	(void)state;
	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]) * 4; i++) {
		struct position p = {{0}, numbers[i / 4], numbers[6 - i / 4]};
		struct position q;
		uint16_t identity = 0;
		char text[POSITION_TEXT_BYTES];
		const char *dot;
		size_t len;

		memcpy(p.epoch, "0k3f9xyz", EPOCH_BYTES);
		len = position_write(text, &p, identities[i % 4]);
		assert_true(len < sizeof(text));
		assert_true(position_read((struct slice){text, len}, &q, &identity));
		assert_memory_equal(&p, &q, sizeof(p));
		assert_int_equal(identity, identities[i % 4]);
		dot = memchr(text + EPOCH_BYTES + 1, '.', len);
		for (size_t n = 0; text + n <= dot + 1; n++)
			assert_false(position_read((struct slice){text, n}, &q, &identity));
	}
}

static void anything_else_is_no_position(void **state)
{
	static const char *const wrong[] = {"", "-", ".", "..", "0k3f9xyz", "0k3f9xyz.",
		"0k3f9xyz.1", "0k3f9xyz.1.", "0k3f9xyz..1", "0k3f9xyz.1.2.0", "0k3f9xyz.1.2.1",
		"0k3f9xyz.1.2.3.4", "0k3f9xyz.1.2.02", "0k3f9xyz.1.2.65536", "0k3f9xyz.1.2.",
		"0k3f9xyz.1.2 ", "0k3f9xyz.01.2", "0k3f9xyz.1.02", "0k3f9xyz.-1.2",
		"0k3f9xyz.1.10000000000000000000", "0K3f9xyz.1.2", "0k3f9xyl.1.2", "0k3f9xy.1.2",
		"00k3f9xyz.1.2", "0k3f9xyz,1.2"};

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		struct position p;
		uint16_t identity;

		if (position_read(slice_of(wrong[i]), &p, &identity))
			fail_msg("%s", wrong[i]);
	}
	assert_false(position_is_epoch((struct slice){"0k3f\0xyz", EPOCH_BYTES}));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_was_written_is_read),
		cmocka_unit_test(anything_else_is_no_position),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
