/* names: each set, byte by byte, and each length. */
#include "proto/limits.h"
#include "proto/names.h"
#include "tests/unit/test.h"

static const struct set {
	const char *name;
	bool (*is)(struct slice s);
	size_t max_bytes;
	const char *others;
} sets[] = {
	{"uid", name_is_uid, UID_MAX_BYTES, "._@:-"},
	{"device", name_is_device, DEVICE_MAX_BYTES, "_-"},
	{"event", name_is_event, EVENT_MAX_BYTES, "_.:-"},
	{"mid", name_is_mid, MID_MAX_BYTES, "_.:-"},
};

enum { N_SETS = sizeof(sets) / sizeof(sets[0]) };

static bool belongs(int c, const char *others)
{
	return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
	       (c != 0 && strchr(others, c) != NULL);
}

static void each_byte_is_in_the_set_or_refused_at_any_place(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_SETS; i++) {
		for (int c = 0; c < 256; c++) {
			for (size_t at = 0; at < 3; at++) {
				char text[3] = {'a', 'b', 'c'};

				text[at] = (char)c;
				if (sets[i].is((struct slice){text, 3}) !=
					belongs(c, sets[i].others))
					fail_msg("%s: byte %d at %zu", sets[i].name, c, at);
			}
		}
	}
}

static void each_length_up_to_the_bound_is_good(void **state)
{
	char text[300];

	(void)state;
	memset(text, 'a', sizeof(text));
	for (size_t i = 0; i < N_SETS; i++) {
		for (size_t len = 0; len <= sizeof(text); len++)
			assert_int_equal(sets[i].is((struct slice){text, len}),
				len >= 1 && len <= sets[i].max_bytes);
	}
	assert_false(name_is_uid((struct slice){NULL, 0}));
}

static void the_servers_own_device_names_cannot_be_chosen(void **state)
{
	(void)state;
	assert_false(name_is_device(SLICE_LITERAL("~0123456789abcdef")));
}

static void the_servers_own_events_are_reserved(void **state)
{
	static const char *const reserved[] = {"ready", "ack", "exception", "presence", "typing",
		"heartbeat", "identity", "goaway", "gone", "reset", "chat", "auth.",
		"auth.expiring", "auth.x"};
	static const char *const free_names[] = {"system", "readyx", "Ready", "rea", "auth",
		"authx", "chat.room", "news", "x.auth.y", "a"};

	(void)state;
	for (size_t i = 0; i < sizeof(reserved) / sizeof(reserved[0]); i++)
		assert_true(name_is_reserved_event(slice_of(reserved[i])));
	for (size_t i = 0; i < sizeof(free_names) / sizeof(free_names[0]); i++)
		assert_false(name_is_reserved_event(slice_of(free_names[i])));
	assert_false(name_is_reserved_event((struct slice){NULL, 0}));
}

static void only_canonical_numbers_are_numbers(void **state)
{
	static const char *const good[] = {
		"0", "1", "9", "10", "42", "123456789012345", "999999999999999"};
	static const char *const bad[] = {"", "00", "01", "-1", "+1", "1.0", "1e3", " 1", "1 ", "a",
		"1a", "1234567890123456", "1000000000000000", "\xd9\xa1"};

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		assert_true(name_is_number(slice_of(good[i])));
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_false(name_is_number(slice_of(bad[i])));
	for (int c = 0; c < 256; c++) {
		char text[2] = {'1', (char)c};

		assert_int_equal(name_is_number((struct slice){text, 2}), c >= '0' && c <= '9');
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_byte_is_in_the_set_or_refused_at_any_place),
		cmocka_unit_test(each_length_up_to_the_bound_is_good),
		cmocka_unit_test(the_servers_own_device_names_cannot_be_chosen),
		cmocka_unit_test(the_servers_own_events_are_reserved),
		cmocka_unit_test(only_canonical_numbers_are_numbers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
