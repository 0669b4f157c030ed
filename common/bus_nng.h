/*
 * bus_nng: what the files of common/bus share with each other; nobody else includes it, or nng.h.
 *
 * One mutex (bus.lock) guards the queue to the loop and every field marked [lock].  No NNG function
 * that may call back is called with it held.  Fields without a mark belong to the loop's thread.
 */
#ifndef POSTERN_COMMON_BUS_NNG_H
#define POSTERN_COMMON_BUS_NNG_H

#include <nng/nng.h>
#include <nng/protocol/pair1/pair.h>
#include <nng/protocol/pubsub0/pub.h>
#include <nng/protocol/pubsub0/sub.h>
#include <nng/protocol/reqrep0/rep.h>
#include <nng/protocol/reqrep0/req.h>
#include <pthread.h>

#include "common/bus.h"

enum {
	BUS_MAX_PIPES = 256,	   /* of one listener: a peer must not take all descriptors */
	BUS_MAX_ASKS = 4096,	   /* outstanding, of one REQ socket */
	BUS_AHEAD = 64,		   /* messages received of one socket and not yet delivered */
	BUS_AHEAD_BYTES = 1 << 18, /* the same in bytes, and one message more */
	BUS_ANSWER_TIMEOUT = 5000, /* ms for a peer to take an answer, then its pipe is closed */
	BUS_REDIAL_MS = 50,
	BUS_TICK_MS = 1000,
	BUS_PATH_MAX_BYTES = 107,
	BUS_HEADER_BYTES = 4, /* of PAIR1, REQ and REP */
};

struct bus_pipe;
struct bus_ask;

enum bus_event_kind {
	BUS_EVENT_UP,
	BUS_EVENT_DOWN,
	BUS_EVENT_MESSAGE,
	BUS_EVENT_REQUEST,
	BUS_EVENT_SENT,
	BUS_EVENT_ANSWER,
};

/* Lives in what it tells of, so that queueing cannot fail. */
struct bus_event {
	struct bus_event *next; /* [lock] */
	enum bus_event_kind kind;
	struct bus_socket *socket;
	union {
		struct bus_pipe *pipe;
		struct bus_slot *slot;
		struct bus_request *request;
		struct bus_ask *ask;
	};
};

struct bus {
	uv_loop_t *loop;
	uv_async_t wake;
	pthread_mutex_t lock;
	struct bus_event *first; /* [lock] */
	struct bus_event **last; /* [lock] */
	uv_timer_t tick;
	int64_t wall_ahead_ms; /* of the monotonic clock, when the tick looked last */
	struct bus_socket *dialing;
};

/* A received message on its way to the loop. */
struct bus_slot {
	struct bus_event event;
	struct bus_slot *next_free; /* [lock] */
	struct bus_pipe *pipe;	    /* a reference */
	nng_msg *msg;
};

struct bus_socket {
	struct bus *bus;
	struct bus_options options;
	nng_socket sock;
	nng_dialer dialer; /* [lock] id 0: a listener */
	bool dial_due;	   /* [lock] the dialer starts when the last pipe is gone */
	char url[BUS_PATH_MAX_BYTES + sizeof("ipc://")]; /* of the dialer */
	struct bus_socket *next_dialing;
	int lock_fd;		/* listeners: held for life */
	struct bus_pipe *pipes; /* [lock] from ADD_PRE to REM_POST */
	size_t n_pipes;		/* [lock] */
	struct bus_pipe *peer;	/* [lock] PAIR: may be sent to */

	nng_aio *recv_aio;
	struct bus_slot slots[BUS_AHEAD];
	struct bus_slot *free_slots; /* [lock] */
	size_t ahead_bytes;	     /* [lock] */
	bool paused;		     /* [lock] no receive is in flight */

	nng_aio *send_aio;
	bool sending; /* until on_sent */
	bool in_nng;  /* [lock] the send aio is not done */
	bool sent_ok; /* [lock] */
	struct bus_event sent;

	struct bus_ask *free_asks;
	size_t n_asks; /* made so far */
};

/* bus.c.  bus_queue: lock held; when it returns true, bus_wake() is due after unlocking. */
bool bus_queue(struct bus *b, struct bus_event *e);
void bus_wake(struct bus *b);
/* -errno for one of NNG's numbers; 0 for 0. */
int bus_errno(int nng_error);
/* Starts NNG with few threads that take no signals. */
int bus_nng_start(void);
/* On NNG's threads. */
void bus_on_received(void *s);
void bus_on_send_done(void *s);

/*
 * A peer's connection.  NNG holds one reference from ADD_PRE to REM_POST, each queued event one
 * more. muted: closed by us; nothing of it is delivered any more but on_down.
 */
struct bus_pipe {
	struct bus_pipe *next; /* [lock] */
	struct bus_socket *socket;
	uint32_t id;
	uint32_t dialer;
	uid_t uid;     /* of the peer's process */
	int fd;	       /* NNG 1.5: a duplicate, to be shut down; -1 */
	unsigned refs; /* [lock] */
	bool up;       /* [lock] on_up is queued */
	bool down;     /* [lock] on_down is queued */
	bool muted;    /* [lock] */
	bool gone;     /* [lock] NNG has forgotten it */
	bool retired;  /* [lock] its dialer is to be closed after it */
	struct bus_event up_event;
	struct bus_event down_event;
};

/* bus_open.c */
int bus_tick_start(struct bus *b);

/* bus_pipe.c */
int bus_pipe_watch(struct bus_socket *s);
/* The pipe of a received message, announced and with a reference more; NULL: not to be delivered.
 * Lock held; *wake is set when something was queued. */
struct bus_pipe *bus_pipe_of(struct bus_socket *s, uint32_t id, bool *wake);
/* Lock held. */
void bus_pipe_unref(struct bus_pipe *p);
/* Mutes it now and closes it; lock not held.  Any thread. */
void bus_pipe_end(struct bus_socket *s, uint32_t id);
bool bus_pipe_any(struct bus_socket *s);
/* Replaces the socket's dialer by one that was not started. */
void bus_pipe_switch(struct bus_socket *s, nng_dialer dialer);
/* For the drain. */
void bus_pipe_deliver_up(struct bus_pipe *p);
void bus_pipe_deliver_down(struct bus_pipe *p);

/* bus_rpc.c */
int bus_rpc_serve(struct bus_socket *s);
void bus_rpc_deliver_request(struct bus_request *r);
void bus_rpc_deliver_answer(struct bus_ask *a);

#endif
