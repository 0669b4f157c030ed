/* page: which Host may ask. */
#include "router/page.h"
#include "tests/unit/test.h"

static bool allowed(const char *host, const char *hosts)
{
	return page_host_is_allowed(slice_of(host), hosts);
}

static void loopback_is_always_allowed_with_any_port(void **state)
{
	static const char *const good[] = {"localhost", "LocalHost:9090", "127.0.0.1",
		"127.0.0.1:", "127.0.0.1:1", "127.0.0.1:65535", "[::1]", "[::1]:9090"};

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		assert_true(allowed(good[i], NULL));
}

static void other_names_and_tricks_are_not(void **state)
{
	static const char *const bad[] = {"", ":", ":9090", "evil.example",
		"localhost.evil.example", "localhost.", "127.0.0.1.evil.example",
		"127.0.0.1:9090.evil.example", "127.0.0.1:9090:9090", "evil@127.0.0.1", "[::1",
		"[::1]x", "::1", "[::2]", "127.0.0.1:1234567", " localhost", "localhost\t",
		"127.0.0.2", "2130706433"};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		if (allowed(bad[i], NULL))
			fail_msg("allowed: %s", bad[i]);
	}
}

static void listed_names_are_allowed_with_their_port_or_any(void **state)
{
	const char *hosts = "router,metrics.example:9090";

	(void)state;
	assert_true(allowed("router", hosts));
	assert_true(allowed("Router:9090", hosts));
	assert_true(allowed("metrics.example:9090", hosts));
	assert_false(allowed("metrics.example:9091", hosts));
	assert_false(allowed("metrics.example", hosts));
	assert_false(allowed("route", hosts));
	assert_false(allowed("routerx", hosts));
	assert_false(allowed("router,metrics.example", hosts));
	assert_false(allowed("", ","));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(loopback_is_always_allowed_with_any_port),
		cmocka_unit_test(other_names_and_tricks_are_not),
		cmocka_unit_test(listed_names_are_allowed_with_their_port_or_any),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
