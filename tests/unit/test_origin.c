/* Web origins: equal means equal. */
#include "edge/origin.h"
#include "tests/unit/test.h"

static const char *const listed =
	"https://app.example, http://localhost:3000,https://b.example:8443,"
	"http://[::1]:8080,capacitor://localhost";

static void only_the_listed_origins_are_found(void **state)
{
	static const struct {
		const char *value;
		bool found;
	} table[] = {
		{"https://app.example", true},
		{"https://app.example:443", true},
		{"http://localhost:3000", true},
		{"https://b.example:8443", true},
		{"http://[::1]:8080", true},
		{"capacitor://localhost", true},
		{"", false},
		{"null", false},
		{"http://app.example", false},
		{"https://app.example:80", false},
		{"https://app.example:8443", false},
		{"https://b.example", false},
		{"http://localhost", false},
		{"https://app.example.evil.example", false},
		{"https://evilapp.example", false},
		{"https://sub.app.example", false},
		{"https://app.exampl", false},
		{"https://app.example.", false},
		{"https://app.example/", false},
		{"https://app.example/x", false},
		{"https://app.example?", false},
		{"https://app.example#", false},
		{"https://user@app.example", false},
		{"https://app.example@evil.example", false},
		{"https://app.example:443@evil.example", false},
		{"https://APP.example", false},
		{"HTTPS://app.example", false},
		{"https:/app.example", false},
		{"https:app.example", false},
		{"//app.example", false},
		{"app.example", false},
		{"https://", false},
		{"https://app.example:", false},
		{"https://app.example:0443", false},
		{"https://app.example:443443", false},
		{"https://app.example:4x3", false},
		{"https://app.example https://app.example", false},
		{" https://app.example", false},
		{"https://app.example\\", false},
		{"https://app%2eexample", false},
		{"http://[::1", false},
		{"http://[::1]8080", false},
		{"http://::1:8080", false},
		{"http://[0:0:0:0:0:0:0:1]:8080", false},
	};
	struct origin_list list;
	struct slice bad;

	(void)state;
	assert_true(origin_list_parse(listed, &list, &bad));
	assert_int_equal(list.n, 5);
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		bool found = origin_find(&list, slice_of(table[i].value)) != NULL;

		if (found != table[i].found)
			fail_msg("%s", table[i].value);
	}
}

static void a_nul_byte_ends_no_comparison(void **state)
{
	static const char value[] = "https://app.example\0.evil.example";
	struct origin_list list;
	struct slice bad;

	(void)state;
	assert_true(origin_list_parse(listed, &list, &bad));
	assert_null(origin_find(&list, (struct slice){value, sizeof(value) - 1}));
}

static void a_wrong_entry_is_named(void **state)
{
	static const struct {
		const char *text;
		const char *bad;
	} table[] = {
		{"https://a.example,*", "*"},
		{"https://a.example,,https://b.example", ""},
		{"a.example", "a.example"},
		{"https://a.example/", "https://a.example/"},
		{"https://*.example", "https://*.example"},
		{"https://A.example", "https://A.example"},
		{"null", "null"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		struct origin_list list;
		struct slice bad;

		assert_false(origin_list_parse(table[i].text, &list, &bad));
		assert_true(slice_is(bad, table[i].bad));
	}
}

static void no_list_holds_nothing(void **state)
{
	struct origin_list list;
	struct slice bad;

	(void)state;
	assert_true(origin_list_parse("", &list, &bad));
	assert_int_equal(list.n, 0);
	assert_null(origin_find(&list, slice_of("https://app.example")));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(only_the_listed_origins_are_found),
		cmocka_unit_test(a_nul_byte_ends_no_comparison),
		cmocka_unit_test(a_wrong_entry_is_named),
		cmocka_unit_test(no_list_holds_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
