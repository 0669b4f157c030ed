/* Addresses, prefixes and networks. */
#include <arpa/inet.h>
#include <netinet/in.h>

#include "common/address.h"
#include "tests/unit/test.h"

static struct address must_parse(const char *text)
{
	struct address a;

	if (!address_parse(text, &a))
		fail_msg("%s", text);
	return a;
}

static void what_is_parsed_is_printed_the_same(void **state)
{
	static const char *const good[] = {"127.0.0.1:8080", "0.0.0.0:0", "255.255.255.255:65535",
		"[::1]:8080", "[::]:1", "[2001:db8::7]:443"};
	char text[ADDRESS_TEXT_BYTES];

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		struct address a = must_parse(good[i]);
		struct sockaddr_storage name;
		struct address back;

		assert_string_equal(address_format(&a, text), good[i]);
		address_to_sockaddr(&a, &name);
		assert_true(address_of_sockaddr(&name, &back));
		assert_memory_equal(&a, &back, sizeof(a));
	}
}

static void what_is_no_address_and_port_is_refused(void **state)
{
	static const char *const bad[] = {"", ":", "8080", ":8080", "127.0.0.1",
		"127.0.0.1:", "127.0.0.1:65536", "127.0.0.1:-1", "127.0.0.1:80x", "127.0.0.1: 80",
		"localhost:80", "127.1:80", "::1:8080", "[::1]", "[::1]:", "[::1:80",
		"[127.0.0.1]:80", "[]:80", "[::1%lo]:80", "1.2.3.4.5:80", "127.0.0.1:080000"};
	struct address a;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		if (address_parse(bad[i], &a))
			fail_msg("%s", bad[i]);
	}
}

static void a_mapped_address_is_an_ipv4_address(void **state)
{
	struct address a = must_parse("[::ffff:127.0.0.1]:80");
	struct network n;
	char text[ADDRESS_TEXT_BYTES];

	(void)state;
	assert_string_equal(address_format(&a, text), "127.0.0.1:80");
	assert_true(address_is_loopback(&a));
	assert_true(network_parse(slice_of("127.0.0.0/8"), &n));
	assert_true(network_has(&n, &a));
}

static void only_loopback_is_loopback(void **state)
{
	static const struct {
		const char *text;
		bool is_loopback;
	} table[] = {
		{"127.0.0.1:1", true},
		{"127.255.0.3:1", true},
		{"[::1]:1", true},
		{"0.0.0.0:1", false},
		{"128.0.0.1:1", false},
		{"[::]:1", false},
		{"[::2]:1", false},
		{"[fe80::1]:1", false},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		struct address a = must_parse(table[i].text);

		assert_int_equal(address_is_loopback(&a), table[i].is_loopback);
	}
}

static void a_prefix_is_what_one_client_owns(void **state)
{
	char text[ADDRESS_TEXT_BYTES];
	struct address v4 = must_parse("203.0.113.9:5");
	struct address v6 = must_parse("[2001:db8:1:2:3:4:5:6]:5");

	(void)state;
	assert_string_equal(address_prefix(&v4, text), "203.0.113.9");
	assert_string_equal(address_prefix(&v6, text), "2001:db8:1:2::/64");
}

static void a_network_has_its_addresses_and_no_others(void **state)
{
	static const struct {
		const char *network;
		const char *address;
		bool has;
	} table[] = {
		{"10.0.0.0/8", "10.255.255.255:1", true},
		{"10.0.0.0/8", "11.0.0.0:1", false},
		{"192.168.4.0/22", "192.168.7.255:1", true},
		{"192.168.4.0/22", "192.168.8.0:1", false},
		{"192.168.4.1", "192.168.4.1:9", true},
		{"192.168.4.1", "192.168.4.2:9", false},
		{"0.0.0.0/0", "1.2.3.4:1", true},
		{"0.0.0.0/0", "[2001::1]:1", false},
		{"fd00::/8", "[fdff::1]:1", true},
		{"fd00::/8", "[fe00::1]:1", false},
		{"::/0", "[2001::1]:1", true},
		{"::/0", "1.2.3.4:1", false},
		{"::1/128", "[::1]:1", true},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		struct address a = must_parse(table[i].address);
		struct network n;

		assert_true(network_parse(slice_of(table[i].network), &n));
		if (network_has(&n, &a) != table[i].has)
			fail_msg("%s %s", table[i].network, table[i].address);
	}
}

static void what_is_no_network_is_refused(void **state)
{
	static const char *const bad[] = {"", "/8", "10.0.0.0/", "10.0.0.0/33", "10.0.0.0/-1",
		"10.0.0.0/8/8", "10.0.0.1/8", "fd00::1/8", "::/129", "10.0.0/8", "any",
		"10.0.0.0/ 8"};
	struct network n;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		if (network_parse(slice_of(bad[i]), &n))
			fail_msg("%s", bad[i]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_parsed_is_printed_the_same),
		cmocka_unit_test(what_is_no_address_and_port_is_refused),
		cmocka_unit_test(a_mapped_address_is_an_ipv4_address),
		cmocka_unit_test(only_loopback_is_loopback),
		cmocka_unit_test(a_prefix_is_what_one_client_owns),
		cmocka_unit_test(a_network_has_its_addresses_and_no_others),
		cmocka_unit_test(what_is_no_network_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
