/*
 * ws: the sockets of connections that were let in.  The only module that includes libwebsockets.h;
 * it turns libwebsockets' callbacks into four events and writes each connection's queue. Loop
 * thread only.
 *
 * Writing: ws_put() only queues.  ws_flush() at the end of a loop turn writes what all connections
 * have, each with one system call where its socket is free, without a callback from the loop.
 */
#ifndef POSTERN_EDGE_WS_H
#define POSTERN_EDGE_WS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>

#include "common/buf.h"
#include "common/slice.h"
#include "edge/outq.h"

struct ws;

/* Embedded in its owner, all zero at first.  Lives until on_closed(), or for ever when not adopted.
 */
struct ws_link {
	struct ws *ws;
	void *wsi;		    /* struct lws; NULL: not adopted yet, or gone */
	struct ws_link *next_dirty; /* has something to write */
	struct buf *rx;		    /* a message of which pieces are missing */
	struct outq out;
	int fd;
	uint16_t empty_pieces;
	bool is_granted;     /* by ws_adopt(), and by nothing else */
	bool is_established; /* the 101 was sent */
	bool is_dirty;
	bool is_blocked; /* the socket is full: libwebsockets tells when it is not */
	bool is_closing; /* ws_close() was called */
	bool is_ending;	 /* libwebsockets closes it: nothing more is written by us */
	bool is_told;	 /* on_closed() was called */
	bool wants_room; /* on_room(), once, when the queue is short again */
	bool has_moved;	 /* the socket has taken something; for the owner to clear */
};

/* None of these may free the link but on_closed(), and that not before ws_flush() has returned. */
struct ws_events {
	void (*on_open)(struct ws_link *link);
	void (*on_bytes)(struct ws_link *link);			  /* anything from the client */
	void (*on_text)(struct ws_link *link, struct slice text); /* a whole message, valid UTF-8 */
	void (*on_pong)(struct ws_link *link, struct slice payload); /* after on_bytes() */
	void (*on_room)(struct ws_link *link);
	/* The client said close, with this code (0: none); on_closed() follows. */
	void (*on_leaving)(struct ws_link *link, unsigned code);
	void (*on_closed)(struct ws_link *link); /* exactly once; the socket is gone */
};

struct ws_counts {
	uint64_t frames_in;
	uint64_t frames_out;
	uint64_t bytes_in;
	uint64_t bytes_out;
	uint64_t queued_bytes; /* now */
};

/* 0 and an owned *out, or -errno.  events is borrowed for ever.  RLIMIT_NOFILE is read here, once.
 */
int ws_new(struct ws **out, uv_loop_t *loop, const struct ws_events *events, size_t pending_bytes);
const struct ws_counts *ws_counts(const struct ws *ws);

struct ws_adoption {
	int fd;		  /* taken, whatever happens */
	struct slice key; /* Sec-WebSocket-Key */
	bool is_native;	  /* answer with the subprotocol postern.v1 */
};
/* Sends the 101.  0; or -errno: on_closed() was or will be called all the same. */
int ws_adopt(struct ws *ws, struct ws_link *link, const struct ws_adoption *a);

/* Queues a frame, before on_open() too.  OUTQ_FULL, OUTQ_FAILED: the caller closes the connection.
 */
enum outq_result ws_put(struct ws *ws, struct ws_link *link, struct wire *w);
/* Whether numbered frames may be queued: the queue, without what may be dropped, is under half of
 * its bound. */
bool ws_has_room(struct ws_link *link);
/* The queue is so short that a page of an inbox fits. */
bool ws_is_short(const struct ws_link *link);
void ws_flush(struct ws *ws);
/* How many connections ws_flush() will look at. */
size_t ws_dirty(const struct ws *ws);

/* Writes what is queued and a close frame, and waits for the client's: on_closed().  It may never
 * come: the caller has a deadline and ws_kill().  The first call counts. */
void ws_close(struct ws_link *link, unsigned code, uint32_t after_ms);
/* Forgets what is queued. */
void ws_drop_queue(struct ws_link *link);
/* The same, but for what the edge itself said (wire.is_own).  A frame of which the socket has taken
 * a part is not in the queue any more, and its rest is written. */
void ws_drop_messages(struct ws_link *link);
/* Resets the connection: for a close that took too long.  on_closed() follows. */
void ws_kill(struct ws_link *link);
/* Once a second: keeps libwebsockets' timers going. */
void ws_tick(struct ws *ws);

/* ws_write.c, without libwebsockets */
enum ws_written {
	WS_WRITTEN,	  /* the queue is empty */
	WS_WRITE_BLOCKED, /* the socket is full, at the end of a frame */
	WS_WRITE_PARTIAL, /* the same, within a frame: *out_frame and *out_rest */
	WS_WRITE_FAILED,  /* the connection is dead */
};
/* *out_frame is owned. */
enum ws_written ws_write(int fd, struct outq *out, struct ws_counts *counts,
	struct wire **out_frame, struct slice *out_rest);

#endif
