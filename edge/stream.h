/*
 * stream: what one connection has of one stream of numbered frames.  The rule that makes a hole or
 * a double impossible: a frame is written only if it is the next.  What is not written is in the
 * inbox, and the connection is behind until it has asked for it.  Pure.
 */
#ifndef POSTERN_EDGE_STREAM_H
#define POSTERN_EDGE_STREAM_H

#include <stdbool.h>
#include <stdint.h>

struct stream {
	uint64_t sent;	/* everything up to here was written for the client */
	uint64_t told;	/* the highest number in an ack, which may be ahead of a replay */
	bool is_behind; /* what follows must be asked for */
	bool has_moved; /* since stream_asked(), or would have with more room */
};

enum stream_take {
	STREAM_OLD,    /* it was written before */
	STREAM_NEXT,   /* to be written now, and counted as such already */
	STREAM_BEHIND, /* not to be written: it is not the next, or there is no room for it */
};

/* The client is at this number. */
void stream_start(struct stream *s, uint64_t sent);
/* Goes forward to this number, never back: what lies between is not kept any more. */
void stream_jump(struct stream *s, uint64_t sent);
/* Goes back to this number: the client says that it has no more. */
void stream_rewind(struct stream *s, uint64_t sent);
/* A frame of this number came. */
enum stream_take stream_take(struct stream *s, uint64_t number, bool has_room);

/* An ack with this number is written. */
void stream_tell(struct stream *s, uint64_t number);
/* Whether the client may be at this number: it takes an ack that is ahead once it has what is
 * before it. */
bool stream_reaches(const struct stream *s, uint64_t number);

/* A page is being asked for. */
void stream_asked(struct stream *s);
enum stream_page {
	STREAM_CAUGHT_UP,
	STREAM_AGAIN, /* still behind: ask for more */
	STREAM_STUCK, /* the page brought nothing, though there was room */
};
/* The end of a page that was asked for: its last number, and whether more follows. */
enum stream_page stream_page(struct stream *s, uint64_t last, bool more, bool has_room);

#endif
