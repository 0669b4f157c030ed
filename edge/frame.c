/*
 * One frame of a client: a JSON object with `event`, and beside it `data`, `id` and `mid`.  The
 * envelope is read first, `id` before all else, so that the exception for anything that is wrong
 * later can be matched with its frame.  Then one reader per event looks at `data`.  What is of the
 * wrong type is refused by name, never converted; the one conversion is a uid that came as a
 * number.
 */
#include "edge/frame.h"

#include "proto/names.h"

static const struct frame_error fine = {EX_NONE, NULL};

static struct frame_error bad(const char *field)
{
	return (struct frame_error){EX_BAD_DATA, field};
}

static struct slice text_of(const json_t *value)
{
	return (struct slice){json_string_value(value), json_string_length(value)};
}

static struct frame_error read_chat(struct slice text, const json_t *data, struct frame *out)
{
	const json_t *message = json_object_get(data, "message");

	if (!json_is_object(data))
		return bad("data");
	if (!json_uid(text, json_object_get(data, "toUserId"), out->digits[0], &out->to))
		return bad("toUserId");
	if (!json_is_string(message))
		return bad("message");
	out->message = text_of(message);
	if (out->message.len > CHAT_MAX_BYTES)
		return (struct frame_error){EX_TOO_LARGE, "message"};
	return fine;
}

static struct frame_error read_typing(struct slice text, const json_t *data, struct frame *out)
{
	if (!json_is_object(data))
		return bad("data");
	if (!json_uid(text, json_object_get(data, "toUserId"), out->digits[0], &out->to))
		return bad("toUserId");
	return fine;
}

/* A number of a stream, which may be missing. */
static bool read_number(const json_t *value, bool *there, uint64_t *out)
{
	*there = value != NULL;
	if (value == NULL)
		return true;
	if (!json_is_integer(value) || json_integer_value(value) < 0)
		return false;
	*out = (uint64_t)json_integer_value(value);
	return true;
}

static struct frame_error read_position(const json_t *data, struct frame *out)
{
	if (!json_is_object(data))
		return bad("data");
	if (!read_number(json_object_get(data, "u"), &out->has_u, &out->u))
		return bad("u");
	if (!read_number(json_object_get(data, "s"), &out->has_s, &out->s))
		return bad("s");
	return fine;
}

static struct frame_error read_heartbeat(struct slice text, const json_t *data, struct frame *out)
{
	(void)text;
	return data == NULL || json_is_null(data) ? fine : read_position(data, out);
}

static struct frame_error read_sync(struct slice text, const json_t *data, struct frame *out)
{
	const json_t *epoch = json_object_get(data, "e");

	(void)text;
	if (!json_is_object(data))
		return bad("data");
	if (!json_is_string(epoch))
		return bad("e");
	out->epoch = text_of(epoch);
	return read_position(data, out);
}

static struct frame_error read_watch(struct slice text, const json_t *data, struct frame *out)
{
	const json_t *users = json_object_get(data, "users");

	if (!json_is_object(data))
		return bad("data");
	if (!json_is_array(users))
		return bad("users");
	if (json_array_size(users) > WATCH_MAX_USERS)
		return (struct frame_error){EX_TOO_MANY_WATCHES, "users"};
	for (size_t i = 0; i < json_array_size(users); i++) {
		const json_t *user = json_array_get(users, i);

		if (!json_uid(text, user, out->digits[i], &out->users[i]))
			return bad("users");
		out->n_users = i + 1;
	}
	return fine;
}

static struct frame_error read_push(struct slice text, const json_t *data, struct frame *out)
{
	const json_t *name = json_object_get(data, "event");
	const json_t *body = json_object_get(data, "data");
	const json_t *user = json_object_get(data, "user");

	if (!json_is_object(data))
		return bad("data");
	if (!json_is_string(name))
		return bad("event");
	out->name = text_of(name);
	if (!name_is_event(out->name) || name_is_reserved_event(out->name))
		return bad("event");
	if (user != NULL && !json_uid(text, user, out->digits[0], &out->to))
		return bad("user");
	if (body == NULL)
		return bad("data");
	json_write(&out->data, body);
	if (out->data.failed)
		return (struct frame_error){EX_TOO_LARGE, "data"};
	return fine;
}

/* The token itself was taken before. */
static struct frame_error read_reauth(struct slice text, const json_t *data, struct frame *out)
{
	(void)text;
	if (!json_is_object(data))
		return bad("data");
	return out->token.data == NULL ? bad("token") : fine;
}

typedef struct frame_error read_fn(struct slice text, const json_t *data, struct frame *out);

static const struct {
	const char *name;
	enum frame_event event;
	read_fn *read;
} events[] = {
	{"chat", FRAME_CHAT, read_chat},
	{"heartbeat", FRAME_HEARTBEAT, read_heartbeat},
	{"typing", FRAME_TYPING, read_typing},
	{"watch", FRAME_WATCH, read_watch},
	{"push", FRAME_PUSH, read_push},
	{"sync", FRAME_SYNC, read_sync},
	{"reauth", FRAME_REAUTH, read_reauth},
};

/* A string or an integer, written anew. */
static struct frame_error read_id(const json_t *id, struct frame *out)
{
	if (id == NULL)
		return fine;
	if (!json_is_string(id) && !json_is_integer(id))
		return bad("id");
	json_write(&out->id_text, id);
	if (out->id_text.failed)
		return bad("id");
	out->id = buf_slice(&out->id_text);
	return fine;
}

static struct frame_error read_mid(const json_t *mid, struct frame *out)
{
	if (mid == NULL)
		return fine;
	if (!json_is_string(mid))
		return bad("mid");
	out->mid = text_of(mid);
	return name_is_mid(out->mid) ? fine : bad("mid");
}

static struct frame_error read_envelope(json_t *root, struct frame *out, const json_t **out_event)
{
	struct frame_error e;

	if (!json_is_object(root))
		return (struct frame_error){EX_BAD_FRAME, NULL};
	e = read_id(json_object_get(root, "id"), out);
	if (e.code != EX_NONE)
		return e;
	*out_event = json_object_get(root, "event");
	if (!json_is_string(*out_event))
		return (struct frame_error){EX_BAD_FRAME, "event"};
	return read_mid(json_object_get(root, "mid"), out);
}

/* Whatever the event: no client may go on as one user with the token of another. */
static void take_token(const json_t *data, struct frame *out)
{
	const json_t *token = json_object_get(data, "token");

	if (json_is_string(token))
		out->token = text_of(token);
}

struct frame_error frame_read(struct slice text, struct frame *out)
{
	const json_t *event = NULL;
	struct frame_error e;

	out->event = FRAME_CHAT;
	out->root = NULL;
	out->id = out->mid = out->token = out->to = out->message = out->name = out->epoch =
		(struct slice){NULL, 0};
	out->has_u = out->has_s = false;
	out->u = out->s = 0;
	out->n_users = 0;
	buf_init(&out->data, CHAT_MAX_BYTES);
	buf_init(&out->id_text, FRAME_ID_MAX_BYTES);

	if (json_read(text, FRAME_MAX_DEPTH, &out->root) != JSON_READ)
		return (struct frame_error){EX_BAD_FRAME, NULL};
	take_token(json_object_get(out->root, "data"), out);
	e = read_envelope(out->root, out, &event);
	if (e.code != EX_NONE)
		return e;
	for (size_t i = 0; i < sizeof(events) / sizeof(events[0]); i++) {
		if (!slice_is(text_of(event), events[i].name))
			continue;
		out->event = events[i].event;
		return events[i].read(text, json_object_get(out->root, "data"), out);
	}
	return (struct frame_error){EX_UNKNOWN_EVENT, NULL};
}

void frame_fini(struct frame *f)
{
	json_decref(f->root);
	f->root = NULL;
	buf_fini(&f->data);
	buf_fini(&f->id_text);
}
