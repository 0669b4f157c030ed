/* Heads of the HTTP API, and where a token may come from. */
#include "tests/unit/request_rig.h"

#define X "0123456789012345678901234567890123456789_-A"

static void the_api_has_its_routes(void **state)
{
	static const struct row rows[] = {
		{"POST /api/chat", BEARER LENGTH("10"), REQUEST_CHAT, NONE},
		{"POST /user/chat", BEARER LENGTH("10"), REQUEST_CHAT, NONE},
		{"POST /api/push", BEARER LENGTH("10"), REQUEST_PUSH, NONE},
		{"POST /api/chat", BEARER LENGTH("0"), REQUEST_CHAT, NONE},
		{"POST /api/chat", BEARER LENGTH("65537"), REQUEST_REFUSED, REFUSAL_BODY_TOO_LARGE},
		{"POST /api/chat", BEARER, REQUEST_REFUSED, REFUSAL_BODY},
		{"POST /api/chat", LENGTH("10"), REQUEST_REFUSED, REFUSAL_UNAUTHORIZED},
		{"GET /api/chat", BEARER, REQUEST_REFUSED, REFUSAL_METHOD},
		{"PUT /api/push", BEARER LENGTH("2"), REQUEST_REFUSED, REFUSAL_METHOD},
		{"POST /api/chat/", BEARER LENGTH("2"), REQUEST_REFUSED, REFUSAL_NOT_FOUND},
		{"POST /user/push", BEARER LENGTH("2"), REQUEST_REFUSED, REFUSAL_NOT_FOUND},
		{"POST /api/chat", BEARER "Transfer-Encoding: chunked\r\n", REQUEST_REFUSED,
			REFUSAL_TRANSFER_ENCODING},
		{"POST /api/chat", BEARER LENGTH("2") "Idempotency-Key: a_b.c:d-9\r\n",
			REQUEST_CHAT, NONE},
		{"POST /api/chat", BEARER LENGTH("2") "Idempotency-Key:\r\n", REQUEST_REFUSED,
			REFUSAL_KEY},
		{"POST /api/chat", BEARER LENGTH("2") "Idempotency-Key: a b\r\n", REQUEST_REFUSED,
			REFUSAL_KEY},
		{"POST /api/chat", BEARER LENGTH("2") "Idempotency-Key: \"a\"\r\n", REQUEST_REFUSED,
			REFUSAL_KEY},
		{"POST /api/push",
			BEARER LENGTH("2") "Idempotency-Key: a\r\nIdempotency-Key: a\r\n",
			REQUEST_REFUSED, REFUSAL_KEY},
		{"POST /auth/refresh", BEARER, REQUEST_REFRESH, NONE},
		{"POST /auth/refresh", BEARER LENGTH("0"), REQUEST_REFRESH, NONE},
		{"POST /auth/refresh", BEARER LENGTH("2"), REQUEST_REFRESH, NONE},
		{"POST /auth/refresh", BEARER LENGTH("65537"), REQUEST_REFUSED,
			REFUSAL_BODY_TOO_LARGE},
		{"POST /auth/refresh", "", REQUEST_REFUSED, REFUSAL_UNAUTHORIZED},
		{"GET /auth/refresh", BEARER, REQUEST_REFUSED, REFUSAL_METHOD},
		{"POST /auth/logout", BEARER, REQUEST_LOGOUT, NONE},
		{"GET /auth/logout", BEARER, REQUEST_REFUSED, REFUSAL_METHOD},
		{"POST /auth/ticket", BEARER, REQUEST_TICKET, NONE},
		{"GET /auth/ticket", BEARER, REQUEST_REFUSED, REFUSAL_METHOD},
		{"OPTIONS /api/chat", "", REQUEST_OPTIONS, NONE},
		{"OPTIONS /auth/ticket", "", REQUEST_OPTIONS, NONE},
	};
	const struct origin_list no_origins = {0};
	const struct request_rules rules = {.origins = &no_origins};
	struct request r;

	(void)state;
	CHECK_ROWS(rows, &rules);
	r = judge("POST /api/chat", BEARER LENGTH("7") "Idempotency-Key: k1\r\n", &rules);
	assert_true(slice_is(r.mid, "k1"));
	assert_true(slice_is(r.token, T));
	assert_int_equal(r.body_bytes, 7);
	assert_int_equal(judge("POST /auth/logout", BEARER LENGTH("7"), &rules).body_bytes, 0);
	assert_string_equal(judge("GET /auth/logout", BEARER, &rules).allow, "POST, OPTIONS");
}

/* What asks about the token itself is not answered for a one-time ticket. */
static void a_one_time_ticket_stands_for_a_token_where_a_session_begins(void **state)
{
	static const struct row rows[] = {
		{"GET /ws?ticket=" X, UPGRADE, REQUEST_UPGRADE, NONE},
		{"GET /auth/check?ticket=" X, "", REQUEST_CHECK, NONE},
		{"POST /api/chat?ticket=" X, LENGTH("2"), REQUEST_CHAT, NONE},
		{"POST /api/push?ticket=" X, LENGTH("2"), REQUEST_PUSH, NONE},
		{"POST /auth/refresh?ticket=" X, "", REQUEST_REFUSED, REFUSAL_UNAUTHORIZED},
		{"POST /auth/logout?ticket=" X, "", REQUEST_REFUSED, REFUSAL_UNAUTHORIZED},
		{"POST /auth/ticket?ticket=" X, "", REQUEST_REFUSED, REFUSAL_UNAUTHORIZED},
		{"GET /ws?ticket=" X, UPGRADE BEARER, REQUEST_REFUSED, REFUSAL_TWO_TOKENS},
		{"GET /ws?ticket=short", UPGRADE, REQUEST_REFUSED, REFUSAL_UNAUTHORIZED},
		{"GET /ws?token=" T, UPGRADE, REQUEST_REFUSED, REFUSAL_UNAUTHORIZED},
	};
	const struct origin_list no_origins = {0};
	struct request_rules rules = {.origins = &no_origins, .places = {.ticket = true}};
	struct request r;

	(void)state;
	CHECK_ROWS(rows, &rules);
	r = judge("GET /ws?ticket=" X, UPGRADE "Origin: https://any.example\r\n", &rules);
	assert_true(r.is_one_time);
	assert_true(slice_is(r.origin, "https://any.example"));
	rules.places = (struct credential_places){.query = true};
	assert_int_equal(judge("GET /ws?token=" T, UPGRADE, &rules).kind, REQUEST_UPGRADE);
	assert_int_equal(judge("GET /ws?ticket=" X, UPGRADE, &rules).refusal, REFUSAL_UNAUTHORIZED);
}

static void a_cookie_counts_only_beside_a_listed_origin(void **state)
{
#define COOKIE "Cookie: postern_token=" T "\r\n"
#define GOOD ORIGIN("https://app.example")
#define EVIL ORIGIN("https://evil.example")
	static const struct row rows[] = {
		{"GET /ws", UPGRADE COOKIE GOOD, REQUEST_UPGRADE, NONE},
		{"GET /ws", UPGRADE COOKIE, REQUEST_REFUSED, REFUSAL_ORIGIN},
		{"GET /ws", UPGRADE COOKIE EVIL, REQUEST_REFUSED, REFUSAL_ORIGIN},
		{"GET /ws", UPGRADE COOKIE ORIGIN("null"), REQUEST_REFUSED, REFUSAL_ORIGIN},
		{"GET /ws", UPGRADE COOKIE GOOD GOOD, REQUEST_REFUSED, REFUSAL_UPGRADE_FIELDS},
		{"GET /ws", UPGRADE COOKIE BEARER, REQUEST_UPGRADE, NONE},
		{"GET /ws", UPGRADE COOKIE "Authorization: Bearer a.b.c\r\n", REQUEST_REFUSED,
			REFUSAL_TWO_TOKENS},
		{"GET /auth/check", COOKIE GOOD, REQUEST_CHECK, NONE},
		{"GET /auth/check", COOKIE, REQUEST_REFUSED, REFUSAL_ORIGIN},
		{"POST /api/chat", COOKIE GOOD LENGTH("2"), REQUEST_CHAT, NONE},
		{"POST /api/chat", COOKIE LENGTH("2"), REQUEST_REFUSED, REFUSAL_ORIGIN},
		{"POST /api/chat", COOKIE EVIL LENGTH("2"), REQUEST_REFUSED, REFUSAL_ORIGIN},
		{"POST /api/push", COOKIE LENGTH("2"), REQUEST_REFUSED, REFUSAL_ORIGIN},
		{"POST /auth/refresh", COOKIE, REQUEST_REFUSED, REFUSAL_ORIGIN},
		{"POST /auth/refresh", COOKIE GOOD, REQUEST_REFRESH, NONE},
		{"POST /auth/logout", COOKIE, REQUEST_REFUSED, REFUSAL_ORIGIN},
		{"POST /auth/logout", COOKIE EVIL, REQUEST_REFUSED, REFUSAL_ORIGIN},
		{"POST /auth/ticket", COOKIE, REQUEST_REFUSED, REFUSAL_ORIGIN},
		{"POST /auth/ticket", COOKIE GOOD, REQUEST_TICKET, NONE},
	};
	const struct origin_list no_origins = {0};
	struct request_rules rules = {.origins = &origins, .places = {.cookie = true}};

	(void)state;
	CHECK_ROWS(rows, &rules);
	assert_true(judge("OPTIONS /api/chat", GOOD, &rules).cors.has_cookies);
	/* No list: such an edge does not start, and would not take a cookie. */
	rules.origins = &no_origins;
	assert_int_equal(judge("GET /ws", UPGRADE COOKIE GOOD, &rules).refusal, REFUSAL_ORIGIN);
	rules = (struct request_rules){.origins = &origins};
	assert_int_equal(
		judge("GET /ws", UPGRADE COOKIE GOOD, &rules).refusal, REFUSAL_UNAUTHORIZED);
}

/* Each way in, with each thing that looks like an allowed Origin and is none. */
static void no_route_lets_an_origin_trick_through(void **state)
{
	static const char *const tricks[] = {"null", "", "https://app.example.evil.example",
		"https://evilapp.example", "https://sub.app.example", "https://app.example.",
		"https://app.example/", "https://user@app.example",
		"https://app.example@evil.example", "https://APP.example", "HTTPS://app.example",
		"http://app.example", "https://app.example:80", "https://app.example:0443",
		"https://[::1]", "https://[app.example]", "https://app.example https://app.example",
		"https://app.example, https://evil.example", "https://app%2eexample", "*"};
	static const struct {
		const char *line;
		const char *fields;
	} routes[] = {{"GET /ws", UPGRADE BEARER}, {"GET /auth/check", BEARER},
		{"POST /api/login", LENGTH("2")}, {"POST /user/login", LENGTH("2")},
		{"POST /api/chat", BEARER LENGTH("2")}, {"POST /user/chat", BEARER LENGTH("2")},
		{"POST /api/push", BEARER LENGTH("2")}, {"POST /auth/refresh", BEARER},
		{"POST /auth/logout", BEARER}, {"POST /auth/ticket", BEARER},
		{"OPTIONS /api/chat", ""}, {"OPTIONS /auth/ticket", ""}};
	const struct request_rules rules = {.origins = &origins};

	(void)state;
	for (size_t i = 0; i < sizeof(routes) / sizeof(routes[0]); i++) {
		for (size_t k = 0; k < sizeof(tricks) / sizeof(tricks[0]); k++) {
			char fields[1024];
			struct request r;

			snprintf(fields, sizeof(fields), "%sOrigin: %s\r\n", routes[i].fields,
				tricks[k]);
			r = judge(routes[i].line, fields, &rules);
			if (r.refusal != REFUSAL_ORIGIN)
				fail_msg("%s, Origin: %s: %d", routes[i].line, tricks[k],
					(int)r.refusal);
			assert_int_equal(r.cors.origin.len, 0);
		}
	}
}

static void an_origin_without_end_is_none(void **state)
{
	const struct origin_list no_origins = {0};
	const struct request_rules rules = {.origins = &no_origins};
	char fields[1024];

	(void)state;
	snprintf(
		fields, sizeof(fields), BEARER "Origin: https://%0*d\r\n", ORIGIN_MAX_BYTES - 8, 7);
	assert_int_equal(judge("POST /auth/ticket", fields, &rules).kind, REQUEST_TICKET);
	snprintf(
		fields, sizeof(fields), BEARER "Origin: https://%0*d\r\n", ORIGIN_MAX_BYTES - 7, 7);
	assert_int_equal(
		judge("POST /auth/ticket", fields, &rules).refusal, REFUSAL_UPGRADE_FIELDS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_api_has_its_routes),
		cmocka_unit_test(a_one_time_ticket_stands_for_a_token_where_a_session_begins),
		cmocka_unit_test(a_cookie_counts_only_beside_a_listed_origin),
		cmocka_unit_test(no_route_lets_an_origin_trick_through),
		cmocka_unit_test(an_origin_without_end_is_none),
	};

	return cmocka_run_group_tests(tests, read_origins, NULL);
}
