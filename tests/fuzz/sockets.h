/*
 * sockets: ws.h without libwebsockets, for the target that drives the edge's live half.  A client
 * reads as much as it is told to; what it got is given to the target frame by frame.
 */
#ifndef POSTERN_TESTS_FUZZ_SOCKETS_H
#define POSTERN_TESTS_FUZZ_SOCKETS_H

#include "edge/ws.h"

#define SOCKETS_MAX 8
#define SOCKETS_FD 1000 /* the first one's descriptor, which is none of the process's */

/* A frame that is whole at the client. */
struct sockets_frame {
	size_t client;
	unsigned op; /* 1 text, 8 close, 9 ping */
	struct slice payload;
};
typedef void sockets_frame_fn(const struct sockets_frame *frame);

/* fn is called from ws_flush() and sockets_read(). */
void sockets_on_frame(sockets_frame_fn *fn);
/* The connection that was adopted with this descriptor; NULL: none, or gone. */
struct ws_link *sockets_link(size_t client);
/* The 101 was sent. */
void sockets_establish(size_t client);
/* There is room for so many bytes more in its socket. */
void sockets_read(size_t client, size_t bytes);
void sockets_say(size_t client, struct slice text);
void sockets_pong(size_t client, struct slice payload);
/* It says close with this code, and goes; or only goes. */
void sockets_leave(size_t client, unsigned code, bool says_close);
/* Ends all that are left. */
void sockets_reset(void);

#endif
