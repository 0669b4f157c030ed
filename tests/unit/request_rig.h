/*
 * request_rig: heads, and the judgements of them that are expected.
 */
#ifndef POSTERN_TESTS_UNIT_REQUEST_RIG_H
#define POSTERN_TESTS_UNIT_REQUEST_RIG_H

#include <stdio.h>

#include "edge/request.h"
#include "tests/unit/test.h"

#define T "eyJh.eyJz.c2ln"
#define BEARER "Authorization: Bearer " T "\r\n"
#define KEY "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
#define VERSION "Sec-WebSocket-Version: 13\r\n"
#define UPGRADE "Upgrade: websocket\r\nConnection: Upgrade\r\n" KEY VERSION
#define NONE N_REFUSALS
#define ORIGIN(o) "Origin: " o "\r\n"
#define LENGTH(n) "Content-Length: " n "\r\n"

static struct origin_list origins;

static inline struct request judge(
	const char *line, const char *fields, const struct request_rules *rules)
{
	static char text[HEAD_MAX_BYTES];
	struct http_head head;
	struct request r;
	int len = snprintf(text, sizeof(text), "%s HTTP/1.1\r\nHost: a\r\n%s\r\n", line, fields);

	assert_int_equal(http_head_parse((struct slice){text, (size_t)len}, &head), HTTP_HEAD_OK);
	request_judge(&head, rules, &r);
	return r;
}

struct row {
	const char *line;
	const char *fields;
	enum request_kind kind;
	enum refusal refusal;
};

static inline void check_rows(const struct row *rows, size_t n, const struct request_rules *rules)
{
	for (size_t i = 0; i < n; i++) {
		struct request r = judge(rows[i].line, rows[i].fields, rules);

		if (r.kind != rows[i].kind || r.refusal != rows[i].refusal)
			fail_msg("%s %s: kind %d refusal %d", rows[i].line, rows[i].fields,
				(int)r.kind, (int)r.refusal);
	}
}

#define CHECK_ROWS(rows, rules) check_rows(rows, sizeof(rows) / sizeof((rows)[0]), rules)

static inline int read_origins(void **state)
{
	struct slice bad;

	(void)state;
	return origin_list_parse("https://app.example", &origins, &bad) ? 0 : -1;
}

#endif
