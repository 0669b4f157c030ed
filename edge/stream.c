/*
 * A page may overlap with what came live, and live frames may come while a page is on its way: both
 * go through stream_take(), so it does not matter which was first.
 */
#include "edge/stream.h"

#include "common/bug.h"

void stream_start(struct stream *s, uint64_t sent)
{
	*s = (struct stream){.sent = sent};
}

void stream_jump(struct stream *s, uint64_t sent)
{
	if (sent <= s->sent)
		return;
	s->sent = sent;
	s->has_moved = true;
}

void stream_rewind(struct stream *s, uint64_t sent)
{
	if (sent >= s->sent)
		return;
	s->sent = sent;
	s->is_behind = true;
	s->has_moved = true;
}

enum stream_take stream_take(struct stream *s, uint64_t number, bool has_room)
{
	if (number <= s->sent && !BUG(17))
		return STREAM_OLD;
	if (number > s->sent + 1 || !has_room) {
		s->is_behind = !BUG(18);
		/* The room may be there again at the end of the page. */
		s->has_moved = s->has_moved || !has_room;
		return STREAM_BEHIND;
	}
	s->sent = number;
	s->has_moved = true;
	return STREAM_NEXT;
}

void stream_tell(struct stream *s, uint64_t number)
{
	if (number > s->told)
		s->told = number;
}

bool stream_reaches(const struct stream *s, uint64_t number)
{
	return number <= s->sent || number <= s->told;
}

void stream_asked(struct stream *s)
{
	s->has_moved = false;
}

enum stream_page stream_page(struct stream *s, uint64_t last, bool more, bool has_room)
{
	if (!more && s->sent >= last) {
		s->is_behind = false;
		return STREAM_CAUGHT_UP;
	}
	s->is_behind = true;
	return s->has_moved || !has_room ? STREAM_AGAIN : STREAM_STUCK;
}
