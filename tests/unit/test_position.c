/* Where a client is, as text. */
#include <string.h>

#include "edge/position.h"
#include "tests/unit/test.h"

static void what_was_written_is_read(void **state)
{
	static const uint64_t numbers[] = {0, 1, 9, 10, 120, 4294967296, 9999999999999999999u};

	(void)state;
	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
		struct position p = {{0}, numbers[i], numbers[6 - i]};
		struct position q;
		char text[POSITION_TEXT_BYTES];
		const char *dot;
		size_t len;

		memcpy(p.epoch, "0k3f9xyz", EPOCH_BYTES);
		len = position_write(text, &p);
		assert_true(len < sizeof(text));
		assert_true(position_read((struct slice){text, len}, &q));
		assert_memory_equal(&p, &q, sizeof(p));
		dot = memrchr(text, '.', len);
		for (size_t n = 0; text + n <= dot + 1; n++)
			assert_false(position_read((struct slice){text, n}, &q));
	}
}

static void anything_else_is_no_position(void **state)
{
	static const char *const wrong[] = {"", "-", ".", "..", "0k3f9xyz", "0k3f9xyz.",
		"0k3f9xyz.1", "0k3f9xyz.1.", "0k3f9xyz..1", "0k3f9xyz.1.2.3", "0k3f9xyz.1.2 ",
		"0k3f9xyz.01.2", "0k3f9xyz.1.02", "0k3f9xyz.-1.2",
		"0k3f9xyz.1.10000000000000000000", "0K3f9xyz.1.2", "0k3f9xyl.1.2", "0k3f9xy.1.2",
		"00k3f9xyz.1.2", "0k3f9xyz,1.2"};

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		struct position p;

		if (position_read(slice_of(wrong[i]), &p))
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
