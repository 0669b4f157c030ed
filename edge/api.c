/*
 * A body is judged like a client's frame: what is of the wrong type is refused by name, never
 * converted.
 */
#include "edge/api.h"

#include <inttypes.h>

#include "edge/http.h"
#include "proto/limits.h"
#include "proto/names.h"

enum { ANSWER_MAX_BYTES = 512 };

static const struct api_error fine = {EX_NONE, NULL};

static struct api_error bad(const char *field)
{
	return (struct api_error){EX_BAD_DATA, field};
}

static bool read_object(struct slice body, struct api_call *out)
{
	memset(out, 0, sizeof(*out));
	buf_init(&out->text, CHAT_MAX_BYTES);
	return json_read(body, FRAME_MAX_DEPTH, &out->root) == JSON_READ &&
	       json_is_object(out->root);
}

struct api_error api_read_chat(struct slice body, struct api_call *out)
{
	if (!read_object(body, out))
		return bad(NULL);
	if (!json_uid(body, json_object_get(out->root, "toUser"), out->digits, &out->to))
		return bad("toUser");
	if (!json_is_string(json_object_get(out->root, "content")))
		return bad("content");
	out->content = json_text(out->root, "content");
	if (out->content.len > CHAT_MAX_BYTES)
		return (struct api_error){EX_TOO_LARGE, "content"};
	return fine;
}

/* To one user or, said in so many words, to all. */
static struct api_error read_receivers(struct slice body, struct api_call *out)
{
	const json_t *user = json_object_get(out->root, "user");
	const json_t *all = json_object_get(out->root, "all");

	if (all != NULL && (!json_is_true(all) || user != NULL))
		return bad("all");
	if (all == NULL && !json_uid(body, user, out->digits, &out->to))
		return bad("user");
	return fine;
}

struct api_error api_read_push(struct slice body, struct api_call *out)
{
	const json_t *data;
	struct api_error e;

	if (!read_object(body, out))
		return bad(NULL);
	e = read_receivers(body, out);
	if (e.code != EX_NONE)
		return e;
	out->event = json_text(out->root, "event");
	if (!name_is_event(out->event) || name_is_reserved_event(out->event))
		return bad("event");
	data = json_object_get(out->root, "data");
	if (data == NULL)
		return bad("data");
	json_write(&out->text, data);
	if (out->text.failed)
		return (struct api_error){EX_TOO_LARGE, "data"};
	out->data = buf_slice(&out->text);
	return fine;
}

void api_call_fini(struct api_call *call)
{
	json_decref(call->root);
	buf_fini(&call->text);
}

struct slice api_field(struct slice field)
{
	static const struct {
		const char *in_frames;
		const char *here;
	} names[] = {
		{"toUserId", "toUser"},
		{"message", "content"},
		{"mid", "Idempotency-Key"},
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (slice_is(field, names[i].in_frames))
			return slice_of(names[i].here);
	}
	return field;
}

void api_write_sent(struct buf *out, const struct live_call_result *r, const struct cors *cors)
{
	struct buf body;

	buf_init(&body, ANSWER_MAX_BYTES);
	buf_add_text(&body, "{\"mid\":");
	buf_add_json_string(&body, r->mid);
	buf_printf(&body, ",\"state\":\"%s\"", r->state);
	if (r->first != NULL)
		buf_printf(&body, ",\"first\":\"%s\"", r->first);
	buf_printf(&body, ",\"devices\":%" PRIu32, r->devices);
	if (r->seq != 0)
		buf_printf(&body, ",\"seq\":%" PRIu64, r->seq);
	buf_add_text(&body, "}");
	http_write_json(out, buf_slice(&body), cors);
	out->failed |= body.failed;
	buf_fini(&body);
}
