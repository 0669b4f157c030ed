/*
 * frame: what clients say and hear, as text (PROTOCOL.md 3 and 4).  Reads one frame of a client
 * into a struct, strictly; writes the frames that the edge itself has to say.  What the router
 * wrote is passed on as it is and never comes here.  Pure.
 */
#ifndef POSTERN_EDGE_FRAME_H
#define POSTERN_EDGE_FRAME_H

#include <stdbool.h>
#include <stdint.h>

#include "common/buf.h"
#include "common/json.h"
#include "common/slice.h"
#include "edge/json_uid.h"
#include "proto/codes.h"
#include "proto/limits.h"

enum frame_event {
	FRAME_CHAT,
	FRAME_HEARTBEAT,
	FRAME_TYPING,
	FRAME_WATCH,
	FRAME_PUSH,
	FRAME_SYNC,
	FRAME_REAUTH,
};

/* Slices are borrowed from root or from this struct: it is not copied, and lives until
 * frame_fini(). */
struct frame {
	enum frame_event event;
	json_t *root;	      /* owned; NULL: it was no JSON */
	struct slice id;      /* JSON text; empty: none, or not to be had */
	struct slice mid;     /* empty: none */
	struct slice token;   /* of data, in a frame of any event; data NULL: none.  A secret */
	struct slice to;      /* chat, typing: the recipient; push: empty is all */
	struct slice message; /* chat */
	struct slice name;    /* push: the event's name */
	struct buf data;      /* push: JSON text */
	struct slice epoch;   /* sync */
	bool has_u;	      /* heartbeat, sync: u and s were given */
	bool has_s;
	uint64_t u;
	uint64_t s;
	size_t n_users; /* watch */
	struct slice users[WATCH_MAX_USERS];
	struct buf id_text;
	char digits[WATCH_MAX_USERS][UID_DIGITS]; /* uids that came as numbers */
};

/* Why a frame is refused: EX_NONE when it is not.  field is static, or NULL. */
struct frame_error {
	enum exception_code code;
	const char *field;
};

/* Whatever the answer, frame_fini() follows, and out->id and out->token are set where they could be
 * read. */
struct frame_error frame_read(struct slice text, struct frame *out);
void frame_fini(struct frame *f);

/* Writers append one frame.  An empty id: the frame has none. */

/* Where a user's streams begin on a connection. */
struct frame_resume {
	struct slice epoch;
	uint64_t u; /* the heads */
	uint64_t s;
	bool recovered;
	uint64_t missed; /* messages that follow */
};

struct frame_ready {
	const char *conn; /* names the connection in logs */
	struct slice user;
	struct slice device;
	uint16_t identity;
	struct frame_resume resume;
	int64_t interval_ms;
	int64_t grace_ms;
	int64_t expires_in_ms;
	bool may_swap;
	uint32_t msgs_per_s;
	uint32_t msgs_burst;
	uint64_t pending_bytes;
};
void frame_write_ready(struct buf *b, const struct frame_ready *r);

/* The connection is another user's from here on. */
struct frame_identity {
	struct slice user;
	uint16_t identity;
	struct frame_resume resume;
	int64_t expires_in_ms;
	bool may_swap;
};
void frame_write_identity(struct buf *b, const struct frame_identity *i);
/* The ack of a reauth. */
void frame_write_reauthed(struct buf *b, struct slice id, uint16_t identity, int64_t expires_in_ms);
void frame_write_expiring(struct buf *b, int64_t expires_in_ms);

struct frame_ack {
	struct slice id;
	struct slice mid;
	const char *state;
	const char *first; /* what it was at first, of a duplicate; else NULL */
	uint32_t devices;
	uint64_t seq; /* 0: none */
};
void frame_write_ack(struct buf *b, const struct frame_ack *a);

struct frame_exception {
	struct slice id;
	unsigned code;
	struct slice field; /* empty: none */
	uint32_t after_ms;  /* 0: a second, where the code's rule is to try again after a while */
};
void frame_write_exception(struct buf *b, const struct frame_exception *e);

void frame_write_heartbeat(struct buf *b, struct slice id, struct slice user, int64_t wall_ms);
void frame_write_goaway(struct buf *b, uint32_t reconnect_after_ms, uint32_t close_in_ms);
/* The client is at these numbers from here on, whatever it had: what lies between is not sent. */
struct frame_reset {
	const char *reason;
	struct slice epoch;
	uint64_t u;
	uint64_t s;
};
void frame_write_reset(struct buf *b, const struct frame_reset *r);
/* The ack of a frame that makes no message: {"event":"ack","id":..,"data":{}} */
void frame_write_done(struct buf *b, struct slice id);

/* The reason of a close frame, name[;after=ms][;resume=1]; its length.  0 for codes of RFC 6455. */
#define FRAME_REASON_BYTES 64
size_t frame_close_reason(char out[FRAME_REASON_BYTES], unsigned code, uint32_t after_ms);

#endif
