/*
 * A client's frame, whatever it is, gives what the router may be sent or an exception; and the
 * answer is itself a good frame that holds nothing of the client's but its id.
 */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>

#include "edge/fingerprint.h"
#include "edge/frame.h"
#include "edge/position.h"
#include "proto/names.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_good(const struct frame *f)
{
	bool has_to = f->event == FRAME_CHAT || f->event == FRAME_TYPING;

	assert(has_to ? name_is_uid(f->to) : f->to.len == 0 || name_is_uid(f->to));
	assert(f->mid.len == 0 || name_is_mid(f->mid));
	assert(f->message.len <= CHAT_MAX_BYTES && utf8_is_valid(f->message));
	assert(f->n_users <= WATCH_MAX_USERS);
	for (size_t i = 0; i < f->n_users; i++)
		assert(name_is_uid(f->users[i]));
	if (f->event == FRAME_PUSH)
		assert(name_is_event(f->name) && !name_is_reserved_event(f->name) &&
			f->data.len > 0 && f->data.len <= CHAT_MAX_BYTES);
}

/* Kept as a fingerprint, in whatever frame it came. */
static void check_token(const struct frame *f)
{
	struct fingerprint own = fingerprint_of(f->token);

	assert(f->event != FRAME_REAUTH || f->token.data != NULL);
	assert(f->token.data == NULL || fingerprint_is(&own, f->token));
	assert(f->token.len == 0 ||
		!fingerprint_is(&own, (struct slice){f->token.data, f->token.len - 1}));
}

static void check_answer(const struct frame *f, struct frame_error e)
{
	CLEANUP(json_decrefp) json_t *answer = NULL;
	struct frame_exception out = {f->id, e.code, slice_of(e.field), 0};
	struct buf b;

	buf_init(&b, 1024);
	frame_write_exception(&b, &out);
	assert(!b.failed);
	assert(json_read(buf_slice(&b), FRAME_MAX_DEPTH, &answer) == JSON_READ);
	assert(slice_is(json_text(answer, "event"), "exception"));
	assert(json_object_size(answer) == (f->id.len == 0 ? 2 : 3));
	buf_fini(&b);
}

/* The other thing that a client says: what is read as a position is written so again. */
static void check_pong(struct slice payload)
{
	char text[POSITION_TEXT_BYTES];
	struct position p;
	uint16_t identity;

	if (!position_read(payload, &p, &identity))
		return;
	assert(slice_eq(payload, (struct slice){text, position_write(text, &p, identity)}));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct frame f;
	struct frame_error e = frame_read((struct slice){(const char *)data, size}, &f);

	if (e.code == EX_NONE)
		check_good(&f);
	if (e.code == EX_NONE)
		check_token(&f);
	check_answer(&f, e);
	frame_fini(&f);
	check_pong((struct slice){(const char *)data, size});
	return 0;
}
