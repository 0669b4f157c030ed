/*
 * Whatever a body holds, a call or a login that comes out of it has the bounds and the character
 * sets of one, and the answer to the client is a head and JSON.
 */
#include <assert.h>
#include <stdint.h>

#include "edge/api.h"
#include "edge/http.h"
#include "proto/limits.h"
#include "proto/names.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A head with a length, and JSON of that length with these members. */
static void check_answer(const struct buf *out, const char *member)
{
	const char *body = memmem(out->data, out->len, "\r\n\r\n", 4);
	CLEANUP(json_decrefp) json_t *json = NULL;

	assert(!out->failed && memcmp(out->data, "HTTP/1.1 ", 9) == 0 && body != NULL);
	body += 4;
	assert(json_read((struct slice){body, (size_t)(out->data + out->len - body)}, 3, &json) ==
		JSON_READ);
	assert(json_object_get(json, member) != NULL);
}

static void check_refused(struct api_error e)
{
	const struct refusal_exception refused = {
		.code = e.code, .field = api_field(slice_of(e.field)), .after_ms = 1000};
	struct buf out;

	assert(code_info(e.code) != NULL);
	buf_init(&out, 4096);
	refusal_write_exception(&out, &refused);
	check_answer(&out, "code");
	buf_fini(&out);
}

static void check_sent(const struct api_call *call)
{
	const struct cors cors = {SLICE_LITERAL("https://a.example"), true};
	const struct live_call_result sent = {
		.state = "stored",
		.first = call->content.len % 2 ? "delivered" : NULL,
		.mid = SLICE_LITERAL("m-1"),
		.seq = call->to.len,
	};
	struct buf out;

	buf_init(&out, 4096);
	api_write_sent(&out, &sent, &cors);
	check_answer(&out, "mid");
	buf_fini(&out);
}

static void check_login(struct slice body)
{
	struct http_login login;

	if (!http_read_login(body, &login))
		return;
	assert(login.username.len > 0 && login.username.len <= USERNAME_MAX_BYTES);
	assert(login.password.len > 0 && login.password.len <= PASSWORD_MAX_BYTES);
	assert(utf8_is_valid(login.username) && utf8_is_valid(login.password));
	json_decref(login.json);
}

static void check_chat(struct slice body)
{
	struct api_call call;
	struct api_error e = api_read_chat(body, &call);

	if (e.code == EX_NONE)
		assert(name_is_uid(call.to) && call.content.len <= CHAT_MAX_BYTES &&
			utf8_is_valid(call.content));
	else
		check_refused(e);
	check_sent(&call);
	api_call_fini(&call);
}

static void check_push(struct slice body)
{
	struct api_call call;
	struct api_error e = api_read_push(body, &call);
	json_t *json = NULL;

	if (e.code == EX_NONE) {
		assert(call.to.len == 0 || name_is_uid(call.to));
		assert(name_is_event(call.event) && !name_is_reserved_event(call.event));
		assert(call.data.len <= CHAT_MAX_BYTES);
		assert(json_read(call.data, FRAME_MAX_DEPTH, &json) == JSON_READ);
	} else {
		check_refused(e);
	}
	json_decref(json);
	api_call_fini(&call);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct slice body = {(const char *)data, size};

	check_chat(body);
	check_push(body);
	check_login(body);
	return 0;
}
