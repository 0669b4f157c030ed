/* Settings of the edge that are refused, and what the others become. */
#include "edge/config.h"
#include "tests/unit/capture.h"
#include "tests/unit/test.h"

#define ARGS_MAX 8

static struct edge_config cfg;

/* args: words with one blank between them. */
static enum config_result load(const char *args, const char **out_line)
{
	static char copy[1024];
	char *argv[ARGS_MAX + 2] = {(char[]){"postern-edge"}};
	struct capture c;
	char *rest = copy;
	int argc = 1;
	enum config_result result;

	assert_true(strlen(args) < sizeof(copy));
	strcpy(copy, args);
	while (args[0] != '\0' && rest != NULL && argc <= ARGS_MAX)
		argv[argc++] = strsep(&rest, " ");
	c = capture_begin(STDERR_FILENO);
	result = edge_config_load(&cfg, argc, argv);
	*out_line = capture_end(&c);
	return result;
}

static void unsafe_settings_are_refused_with_one_line(void **state)
{
	static const struct {
		const char *args;
		const char *word; /* that the line must have */
	} table[] = {
		{"--demo --listen 0.0.0.0:8080", "--demo-public"},
		{"--demo --listen [::]:8080", "--demo-public"},
		{"--demo --listen 192.0.2.1:8080", "--demo-public"},
		{"--demo --listen-proxy 0.0.0.0:81 --proxy-from 10.0.0.0/8", "--demo-public"},
		{"--listen-proxy 127.0.0.1:8081", "--proxy-from"},
		{"--listen-proxy 127.0.0.1:8081 --proxy-from=", "--proxy-from"},
		{"--token-cookie", "--origins"},
		{"--token-cookie --origins=", "--origins"},
		{"--run "
		 "/a/very/long/path/a/very/long/path/a/very/long/path/a/very/long/path/a/very/"
		 "long/path/a/very/long/path",
			"--run"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		const char *line;
		enum config_result result = load(table[i].args, &line);

		if (result != CONFIG_UNSAFE || strstr(line, table[i].word) == NULL ||
			strchr(line, '\n') != line + strlen(line) - 1)
			fail_msg("%s: %d %s", table[i].args, (int)result, line);
		edge_config_free(&cfg);
	}
}

static void values_that_are_not_allowed_are_a_wrong_command_line(void **state)
{
	static const char *const table[] = {"--listen localhost:8080", "--listen 8080",
		"--listen=", "--listen-proxy x", "--proxy-from 10.0.0.1/8", "--proxy-from any",
		"--proxy-from 10.0.0.0/8,,10.1.0.0/16", "--origins *",
		"--origins https://a.example/", "--log-level loud", "--log-format xml",
		"--max-connections 0", "--head-timeout 0s", "--head-timeout 5",
		"--upgrade-timeout 2h", "--msgs-burst 0", "--pending-bytes 1", "--nothing",
		"stray"};

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		const char *line;

		if (load(table[i], &line) != CONFIG_USAGE ||
			strchr(line, '\n') != line + strlen(line) - 1)
			fail_msg("%s: %s", table[i], line);
		edge_config_free(&cfg);
	}
}

static void a_demo_on_loopback_needs_no_more_words(void **state)
{
	static const char *const table[] = {"--demo", "--demo --listen [::1]:0",
		"--demo --listen 127.8.8.8:1", "--demo --demo-public --listen 0.0.0.0:8080",
		"--demo --listen-proxy 127.0.0.1:81 --proxy-from 127.0.0.1"};

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		const char *line;

		if (load(table[i], &line) != CONFIG_OK)
			fail_msg("%s: %s", table[i], line);
		edge_config_free(&cfg);
	}
}

static void what_is_given_is_made_ready(void **state)
{
	const char *line;

	(void)state;
	assert_int_equal(load("--run /r --listen-proxy 0.0.0.0:81 --proxy-from=10.0.0.0/8,fd00::/8 "
			      "--origins=https://a.example,https://b.example --log-format json",
				 &line),
		CONFIG_OK);
	assert_true(cfg.has_listen_proxy);
	assert_int_equal(cfg.listen_proxy.port, 81);
	assert_int_equal(cfg.n_proxy_from, 2);
	assert_true(cfg.proxy_from[1].base.is_v6);
	assert_int_equal(cfg.origins.n, 2);
	assert_int_equal(cfg.daemon.log_format, DAEMON_LOG_JSON);
	assert_int_equal(cfg.daemon.log_level, LOG_INFO);
	assert_string_equal(cfg.auth_path, "/r/auth/auth.sock");
	assert_string_equal(cfg.hello_path, "/r/router/router.sock");
	assert_string_equal(cfg.system_path, "/r/router/system.sock");
	assert_string_equal(line, "");
	edge_config_free(&cfg);
	assert_int_equal(
		load("--token-cookie --origins https://a.example --token-query --token-ticket=off",
			&line),
		CONFIG_OK);
	assert_true(cfg.token_cookie && cfg.token_query && !cfg.token_ticket);
	edge_config_free(&cfg);
}

static void defaults_are_those_that_are_documented(void **state)
{
	const char *line;

	(void)state;
	assert_int_equal(load("", &line), CONFIG_OK);
	assert_string_equal(cfg.listen_text, "127.0.0.1:8080");
	assert_int_equal(cfg.max_connections, 10000);
	assert_int_equal(cfg.head_timeout_ms, 5000);
	assert_int_equal(cfg.upgrade_timeout_ms, 3000);
	assert_int_equal(cfg.interval_ms, 25000);
	assert_int_equal(cfg.grace_ms, 20000);
	assert_int_equal(cfg.msgs_per_second, 20);
	assert_int_equal(cfg.msgs_burst, 40);
	assert_int_equal(cfg.pending_bytes, 262144);
	assert_false(cfg.demo);
	assert_false(cfg.token_cookie);
	assert_false(cfg.token_query);
	assert_true(cfg.token_ticket);
	assert_false(cfg.has_listen_proxy);
	edge_config_free(&cfg);
	assert_int_equal(load("--check-config", &line), CONFIG_CHECK);
	edge_config_free(&cfg);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(unsafe_settings_are_refused_with_one_line),
		cmocka_unit_test(values_that_are_not_allowed_are_a_wrong_command_line),
		cmocka_unit_test(a_demo_on_loopback_needs_no_more_words),
		cmocka_unit_test(what_is_given_is_made_ready),
		cmocka_unit_test(defaults_are_those_that_are_documented),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
