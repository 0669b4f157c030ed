/*
 * Whatever head the parser takes, the judgement of it borrows from its bytes only, an upgrade has
 * all that the next steps use, and a token has the alphabet and the bounds of one.
 */
#include <assert.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "edge/request.h"
#include "proto/names.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void assert_inside(struct slice part, struct slice in)
{
	assert(part.data >= in.data && part.data + part.len <= in.data + in.len);
}

static void check_token(const struct request *r, struct slice in)
{
	if (r->token.len == 0) {
		assert(r->kind != REQUEST_UPGRADE && r->kind != REQUEST_CHECK);
		assert(r->kind < REQUEST_REFRESH || r->kind > REQUEST_TICKET);
		assert(r->kind != REQUEST_CHAT && r->kind != REQUEST_PUSH);
		return;
	}
	assert_inside(r->token, in);
	if (r->is_one_time)
		assert(r->token.len == ONE_TIME_TEXT_BYTES &&
			(r->kind < REQUEST_REFRESH || r->kind > REQUEST_TICKET));
	else
		assert(r->token.len >= 5 && r->token.len <= TOKEN_MAX_BYTES);
	for (size_t i = 0; i < r->token.len; i++)
		assert(r->token.data[i] > ' ' && (unsigned char)r->token.data[i] < 0x7f);
}

/* Nobody is let in for a cookie alone but a page of a listed Origin. */
static void check_cookie(
	const struct http_head *head, const struct request_rules *rules, const struct request *r)
{
	const struct credential_places others = {false, rules->places.query, rules->places.ticket};
	struct credentials found;

	if (r->kind == REQUEST_REFUSED || r->token.len == 0 || r->cors.origin.len > 0)
		return;
	assert(credentials_find(head, &others, &found) == CREDENTIALS_FOUND);
}

static void check(struct slice in, const struct http_head *head, const struct request_rules *rules)
{
	struct request r;

	request_judge(head, rules, &r);
	assert((r.kind == REQUEST_REFUSED) == (r.refusal != N_REFUSALS));
	if (r.kind != REQUEST_REFUSED)
		check_token(&r, in);
	check_cookie(head, rules, &r);
	assert(r.mid.len == 0 || r.kind == REQUEST_REFUSED || name_is_mid(r.mid));
	if (r.kind == REQUEST_UPGRADE) {
		assert(head->method == HTTP_GET && r.key.len == WEBSOCKET_KEY_BYTES);
		assert_inside(r.key, in);
		assert(r.device_len == 0 || name_is_device((struct slice){r.device, r.device_len}));
	}
	assert(r.body_bytes <= BODY_MAX_BYTES);
	assert(r.kind != REQUEST_PAGE || (r.page != NULL && slice_is(head->path, r.page->path)));
}

/* One page, whose file is gone when it has been read. */
static const struct pages *pages_begin(void)
{
	char dir[] = "/tmp/postern-fuzz-XXXXXX", path[64];
	struct pages *pages = NULL;
	FILE *f;

	assert(mkdtemp(dir) != NULL);
	snprintf(path, sizeof(path), "%s/page.html", dir);
	f = fopen(path, "we");
	assert(f != NULL && fputs("a page", f) >= 0 && fclose(f) == 0);
	assert(pages_load(&pages, dir) == 0 && pages_count(pages) == 1);
	assert(unlink(path) == 0 && rmdir(dir) == 0);
	return pages;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct origin_list none;
	static struct origin_list some;
	static const struct pages *pages;
	struct slice in = {(const char *)data, size};
	struct http_head head;
	struct slice bad;

	if (pages == NULL)
		pages = pages_begin();
	if (some.n == 0)
		assert(origin_list_parse("https://a.example,http://[::1]:80", &some, &bad));
	if (http_head_parse(in, &head) != HTTP_HEAD_OK)
		return 0;
	for (unsigned i = 0; i < 8; i++) {
		const struct credential_places places = {i & 1, i & 2, i & 4};

		check(in, &head, &(struct request_rules){&none, NULL, places});
		check(in, &head, &(struct request_rules){&some, pages, places});
	}
	return 0;
}
