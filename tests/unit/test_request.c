/* What can be said about a request head without asking anybody. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/unit/request_rig.h"

static void upgrades_are_strict(void **state)
{
	static const struct row rows[] = {
		{"GET /ws", UPGRADE BEARER, REQUEST_UPGRADE, NONE},
		{"GET /ws?token=" T, UPGRADE, REQUEST_REFUSED, REFUSAL_UNAUTHORIZED},
		{"GET /ws", UPGRADE, REQUEST_REFUSED, REFUSAL_UNAUTHORIZED},
		{"GET /ws", UPGRADE "Authorization: Bearer\r\n", REQUEST_REFUSED,
			REFUSAL_UNAUTHORIZED},
		{"GET /ws", UPGRADE BEARER BEARER, REQUEST_REFUSED, REFUSAL_TWO_TOKENS},
		{"GET /ws", BEARER, REQUEST_REFUSED, REFUSAL_NO_UPGRADE},
		{"GET /ws", BEARER "Connection: keep-alive\r\nUpgrade: foobar\r\n", REQUEST_REFUSED,
			REFUSAL_NO_UPGRADE},
		{"GET /ws", BEARER "Upgrade: h2c\r\nConnection: Upgrade\r\n", REQUEST_REFUSED,
			REFUSAL_NO_UPGRADE},
		{"GET /ws", BEARER "Upgrade: h2c, websocket\r\nConnection: Upgrade\r\n" KEY VERSION,
			REQUEST_REFUSED, REFUSAL_NO_UPGRADE},
		{"GET /ws", UPGRADE BEARER "Upgrade: websocket\r\n", REQUEST_REFUSED,
			REFUSAL_UPGRADE_FIELDS},
		{"GET /ws",
			BEARER
			"Upgrade: WebSocket\r\nConnection: keep-alive, Upgrade\r\n" KEY VERSION,
			REQUEST_UPGRADE, NONE},
		{"GET /ws", BEARER "Upgrade: websocket\r\n" KEY VERSION, REQUEST_REFUSED,
			REFUSAL_UPGRADE_FIELDS},
		{"GET /ws", BEARER "Upgrade: websocket\r\nConnection: upgrades\r\n" KEY VERSION,
			REQUEST_REFUSED, REFUSAL_UPGRADE_FIELDS},
		{"GET /ws", BEARER "Upgrade: websocket\r\nConnection: upgrade\r\n" KEY,
			REQUEST_REFUSED, REFUSAL_WEBSOCKET_VERSION},
		{"GET /ws", UPGRADE BEARER VERSION, REQUEST_REFUSED, REFUSAL_WEBSOCKET_VERSION},
		{"GET /ws",
			BEARER "Upgrade: websocket\r\nConnection: upgrade\r\n" KEY
			       "Sec-WebSocket-Version: 1337\r\n",
			REQUEST_REFUSED, REFUSAL_WEBSOCKET_VERSION},
		{"GET /ws", UPGRADE BEARER KEY, REQUEST_REFUSED, REFUSAL_UPGRADE_FIELDS},
		{"POST /ws", UPGRADE BEARER, REQUEST_REFUSED, REFUSAL_METHOD},
		{"HEAD /ws", UPGRADE BEARER, REQUEST_REFUSED, REFUSAL_METHOD},
		{"GET /ws/", UPGRADE BEARER, REQUEST_REFUSED, REFUSAL_NOT_FOUND},
		{"GET //ws", UPGRADE BEARER, REQUEST_REFUSED, REFUSAL_NOT_FOUND},
		{"GET /WS", UPGRADE BEARER, REQUEST_REFUSED, REFUSAL_NOT_FOUND},
		{"GET /%77s", UPGRADE BEARER, REQUEST_REFUSED, REFUSAL_NOT_FOUND},
		{"GET /", UPGRADE BEARER, REQUEST_REFUSED, REFUSAL_NOT_FOUND},
		{"GET /ws", UPGRADE BEARER "Content-Length: 1\r\n", REQUEST_REFUSED, REFUSAL_BODY},
		{"GET /ws", UPGRADE BEARER "Content-Length: 0\r\n", REQUEST_UPGRADE, NONE},
		{"GET /ws", UPGRADE BEARER "Transfer-Encoding: chunked\r\n", REQUEST_REFUSED,
			REFUSAL_TRANSFER_ENCODING},
		{"GET /ws", UPGRADE BEARER "Origin: https://any.example\r\n", REQUEST_UPGRADE,
			NONE},
		{"GET /ws", UPGRADE BEARER "Origin: a\r\nOrigin: a\r\n", REQUEST_REFUSED,
			REFUSAL_UPGRADE_FIELDS},
		{"GET /ws", UPGRADE BEARER "Sec-WebSocket-Protocol: chat\r\n", REQUEST_REFUSED,
			REFUSAL_SUBPROTOCOL},
		{"GET /ws", UPGRADE "Sec-WebSocket-Protocol: bearer." T "\r\n", REQUEST_REFUSED,
			REFUSAL_SUBPROTOCOL},
		{"GET /ws", UPGRADE "Sec-WebSocket-Protocol: chat\r\n", REQUEST_REFUSED,
			REFUSAL_UNAUTHORIZED},
		{"GET /ws?e=k3f9k3f9", UPGRADE BEARER, REQUEST_UPGRADE, NONE},
		{"GET /ws?e=k3f9k3f9&u=0&s=9999999999999999999", UPGRADE BEARER, REQUEST_UPGRADE,
			NONE},
		{"GET /ws?e=", UPGRADE BEARER, REQUEST_REFUSED, REFUSAL_POSITION},
		{"GET /ws?e=k3f9k3f", UPGRADE BEARER, REQUEST_REFUSED, REFUSAL_POSITION},
		{"GET /ws?e=k3f9k3f9k", UPGRADE BEARER, REQUEST_REFUSED, REFUSAL_POSITION},
		{"GET /ws?e=k3f9k3fI", UPGRADE BEARER, REQUEST_REFUSED, REFUSAL_POSITION},
		{"GET /ws?e=k3f9k3f9&e=k3f9k3f9", UPGRADE BEARER, REQUEST_REFUSED,
			REFUSAL_POSITION},
		{"GET /ws?u=1", UPGRADE BEARER, REQUEST_REFUSED, REFUSAL_POSITION},
		{"GET /ws?s=1", UPGRADE BEARER, REQUEST_REFUSED, REFUSAL_POSITION},
		{"GET /ws?e=k3f9k3f9&u=", UPGRADE BEARER, REQUEST_REFUSED, REFUSAL_POSITION},
		{"GET /ws?e=k3f9k3f9&u=01", UPGRADE BEARER, REQUEST_REFUSED, REFUSAL_POSITION},
		{"GET /ws?e=k3f9k3f9&u=-1", UPGRADE BEARER, REQUEST_REFUSED, REFUSAL_POSITION},
		{"GET /ws?e=k3f9k3f9&s=1x", UPGRADE BEARER, REQUEST_REFUSED, REFUSAL_POSITION},
		{"GET /ws?e=k3f9k3f9&u=1&u=1", UPGRADE BEARER, REQUEST_REFUSED, REFUSAL_POSITION},
		{"GET /ws?e=k3f9k3f9&s=10000000000000000000", UPGRADE BEARER, REQUEST_REFUSED,
			REFUSAL_POSITION},
		{"GET /ws?dev=", UPGRADE BEARER, REQUEST_REFUSED, REFUSAL_DEVICE},
		{"GET /ws?dev=a.b", UPGRADE BEARER, REQUEST_REFUSED, REFUSAL_DEVICE},
		{"GET /ws?dev=~0123456789abcdef", UPGRADE BEARER, REQUEST_REFUSED, REFUSAL_DEVICE},
		{"GET /ws?dev=a&dev=a", UPGRADE BEARER, REQUEST_REFUSED, REFUSAL_DEVICE},
		{"GET /ws?dev=%zz", UPGRADE BEARER, REQUEST_REFUSED, REFUSAL_DEVICE},
		{"GET /ws?dev=abcdefghijklmnopqrstuvwxyz01234567890", UPGRADE BEARER,
			REQUEST_REFUSED, REFUSAL_DEVICE},
	};
	const struct origin_list no_origins = {0};
	const struct request_rules rules = {.origins = &no_origins};

	(void)state;
	CHECK_ROWS(rows, &rules);
}

static void a_key_is_16_bytes_in_base64(void **state)
{
	static const struct {
		const char *key;
		bool good;
	} table[] = {
		{"dGhlIHNhbXBsZSBub25jZQ==", true},
		{"++++++++++++++++++////==", true},
		{"", false},
		{"a", false},
		{"dGhlIHNhbXBsZSBub25jZQ=", false},
		{"dGhlIHNhbXBsZSBub25jZQ===", false},
		{"dGhlIHNhbXBsZSBub25jZQAA", false},
		{"dGhlIHNhbXBsZSBub25jZQA=", false},
		{"dGhlIHNhbXBsZSBub25jZQ=A", false},
		{"dGhlIHNhbXBsZSBub25j_Q==", false},
		{"dGhlIHNhbXBsZSBub25j Q==", false},
		{"dGhlIHNhbXBsZSBub25jZQ==, dGhlIHNhbXBsZSBub25jZQ==", false},
	};
	const struct origin_list no_origins = {0};
	const struct request_rules rules = {.origins = &no_origins};

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		char fields[512];
		struct request r;

		snprintf(fields, sizeof(fields),
			"Upgrade: websocket\r\nConnection: Upgrade\r\n" VERSION BEARER
			"Sec-WebSocket-Key: %s\r\n",
			table[i].key);
		r = judge("GET /ws", fields, &rules);
		assert_int_equal(r.kind == REQUEST_UPGRADE, table[i].good);
		if (table[i].good)
			assert_true(slice_is(r.key, table[i].key));
	}
}

static void an_upgrade_holds_what_the_next_steps_need(void **state)
{
	const struct origin_list no_origins = {0};
	const struct request_rules rules = {.origins = &no_origins};
	struct request r = judge("GET /ws?e=k3f9k3f9&dev=my%2Dphone_1&u=3",
		UPGRADE "Sec-WebSocket-Protocol: postern.v1, bearer." T "\r\n", &rules);

	(void)state;
	assert_int_equal(r.kind, REQUEST_UPGRADE);
	assert_true(r.is_for_upgrade);
	assert_true(r.is_native);
	assert_true(slice_is(r.token, T));
	assert_int_equal(r.device_len, 10);
	assert_true(r.has_position);
	assert_memory_equal(r.position.epoch, "k3f9k3f9", EPOCH_BYTES);
	assert_int_equal(r.position.u, 3);
	assert_int_equal(r.position.s, 0);
	assert_memory_equal(r.device, "my-phone_1", 10);
	r = judge("GET /ws", UPGRADE BEARER, &rules);
	assert_false(r.is_native);
	assert_int_equal(r.device_len, 0);
}

static void a_list_of_origins_lets_nobody_else_in(void **state)
{
	static const struct row rows[] = {
		{"GET /ws", UPGRADE BEARER, REQUEST_UPGRADE, NONE},
		{"GET /ws", UPGRADE BEARER ORIGIN("https://app.example"), REQUEST_UPGRADE, NONE},
		{"GET /ws", UPGRADE BEARER ORIGIN("https://evil.example"), REQUEST_REFUSED,
			REFUSAL_ORIGIN},
		{"GET /ws", UPGRADE BEARER ORIGIN("null"), REQUEST_REFUSED, REFUSAL_ORIGIN},
		{"GET /ws", UPGRADE BEARER ORIGIN(""), REQUEST_REFUSED, REFUSAL_ORIGIN},
		{"GET /ws", UPGRADE ORIGIN("https://evil.example"), REQUEST_REFUSED,
			REFUSAL_ORIGIN},
		{"GET /auth/check", BEARER ORIGIN("https://evil.example"), REQUEST_REFUSED,
			REFUSAL_ORIGIN},
		{"GET /auth/check", BEARER ORIGIN("https://app.example"), REQUEST_CHECK, NONE},
		{"POST /api/login", "Content-Length: 2\r\n" ORIGIN("https://evil.example"),
			REQUEST_REFUSED, REFUSAL_ORIGIN},
		{"OPTIONS /api/login", ORIGIN("https://evil.example"), REQUEST_REFUSED,
			REFUSAL_ORIGIN},
		{"OPTIONS /api/login", ORIGIN("https://app.example"), REQUEST_OPTIONS, NONE},
		{"GET /healthz", ORIGIN("https://evil.example"), REQUEST_HEALTH, NONE},
	};
	const struct request_rules rules = {.origins = &origins};
	struct request r;

	(void)state;
	CHECK_ROWS(rows, &rules);
	r = judge("OPTIONS /api/login", ORIGIN("https://app.example:443"), &rules);
	assert_true(slice_is(r.cors.origin, "https://app.example"));
	assert_false(r.cors.has_cookies);
}

static void plain_requests_have_their_routes(void **state)
{
	static const struct row rows[] = {
		{"GET /healthz", "", REQUEST_HEALTH, NONE},
		{"GET /healthz?x=1", "", REQUEST_HEALTH, NONE},
		{"GET /readyz", "", REQUEST_READY, NONE},
		{"GET /auth/check", BEARER, REQUEST_CHECK, NONE},
		{"GET /auth/check", "Sec-WebSocket-Protocol: chat, bearer." T "\r\n", REQUEST_CHECK,
			NONE},
		{"GET /auth/check", "", REQUEST_REFUSED, REFUSAL_UNAUTHORIZED},
		{"POST /auth/check", BEARER, REQUEST_REFUSED, REFUSAL_METHOD},
		{"POST /api/login", LENGTH("10"), REQUEST_LOGIN, NONE},
		{"POST /user/login", LENGTH("65536"), REQUEST_LOGIN, NONE},
		{"POST /api/login", LENGTH("65537"), REQUEST_REFUSED, REFUSAL_BODY_TOO_LARGE},
		{"POST /api/login", LENGTH("0"), REQUEST_LOGIN, NONE},
		{"POST /api/login", "", REQUEST_REFUSED, REFUSAL_BODY},
		{"POST /api/login", "Transfer-Encoding: chunked\r\n", REQUEST_REFUSED,
			REFUSAL_TRANSFER_ENCODING},
		{"GET /api/login", "", REQUEST_REFUSED, REFUSAL_METHOD},
		{"OPTIONS /api/login", "", REQUEST_OPTIONS, NONE},
		{"OPTIONS /nothing", "", REQUEST_REFUSED, REFUSAL_NOT_FOUND},
		{"GET /healthz", LENGTH("5"), REQUEST_REFUSED, REFUSAL_BODY},
		{"DELETE /healthz", "", REQUEST_REFUSED, REFUSAL_METHOD},
		{"GET /", "", REQUEST_REFUSED, REFUSAL_NOT_FOUND},
		{"GET /socket.io/", "", REQUEST_REFUSED, REFUSAL_NOT_FOUND},
		{"GET /../etc/passwd", "", REQUEST_REFUSED, REFUSAL_NOT_FOUND},
	};
	const struct origin_list no_origins = {0};
	const struct request_rules rules = {.origins = &no_origins};

	(void)state;
	CHECK_ROWS(rows, &rules);
	assert_int_equal(judge("POST /api/login", LENGTH("10"), &rules).body_bytes, 10);
	assert_string_equal(judge("GET /api/login", "", &rules).allow, "POST, OPTIONS");
}

static void write_file(const char *dir, const char *name, const char *text)
{
	char path[256];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	f = fopen(path, "w");
	assert_non_null(f);
	fputs(text, f);
	fclose(f);
}

static void remove_file(const char *dir, const char *name)
{
	char path[256];

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	assert_int_equal(remove(path), 0);
}

static void pages_are_what_was_there_at_start(void **state)
{
	char dir[] = "/tmp/postern-pages-XXXXXX";
	const struct origin_list no_origins = {0};
	struct request_rules rules = {.origins = &no_origins};
	struct pages *pages = NULL;
	char inner[64];
	char match[64];
	struct request r;

	(void)state;
	assert_non_null(mkdtemp(dir));
	snprintf(inner, sizeof(inner), "%s/img", dir);
	assert_int_equal(mkdir(inner, 0700), 0);
	write_file(dir, "index.html", "<p>hello");
	write_file(dir, "app.mjs", "1");
	write_file(dir, ".secret", "no");
	write_file(inner, "x.svg", "<svg/>");
	assert_int_equal(pages_load(&pages, dir), 0);
	remove_file(inner, "x.svg");
	remove_file(dir, "img");
	remove_file(dir, ".secret");
	remove_file(dir, "app.mjs");
	remove_file(dir, "index.html");
	remove_file(dir, "");

	assert_int_equal(pages_count(pages), 3);
	rules.pages = pages;
	r = judge("GET /", "", &rules);
	assert_int_equal(r.kind, REQUEST_PAGE);
	assert_true(slice_is(r.page->body, "<p>hello"));
	assert_ptr_equal(judge("GET /index.html?x", "", &rules).page, r.page);
	snprintf(match, sizeof(match), "If-None-Match: \"x\", %s\r\n", r.page->etag);
	assert_true(judge("GET /", match, &rules).is_unchanged);
	assert_false(judge("GET /app.mjs", match, &rules).is_unchanged);
	assert_string_equal(judge("GET /app.mjs", "", &rules).page->content_type,
		"text/javascript; charset=utf-8");
	assert_string_equal(
		judge("GET /img/x.svg", "", &rules).page->content_type, "image/svg+xml");
	assert_int_equal(judge("GET /.secret", "", &rules).refusal, REFUSAL_NOT_FOUND);
	assert_int_equal(judge("GET /img", "", &rules).refusal, REFUSAL_NOT_FOUND);
	assert_int_equal(judge("GET /img/../index.html", "", &rules).refusal, REFUSAL_NOT_FOUND);
	assert_int_equal(judge("POST /", "", &rules).refusal, REFUSAL_METHOD);
	pages_free(pages);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(upgrades_are_strict),
		cmocka_unit_test(a_key_is_16_bytes_in_base64),
		cmocka_unit_test(an_upgrade_holds_what_the_next_steps_need),
		cmocka_unit_test(a_list_of_origins_lets_nobody_else_in),
		cmocka_unit_test(plain_requests_have_their_routes),
		cmocka_unit_test(pages_are_what_was_there_at_start),
	};

	return cmocka_run_group_tests(tests, read_origins, NULL);
}
