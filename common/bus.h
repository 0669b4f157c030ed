/*
 * bus: messages between Postern's processes, over NNG on unix sockets.  The only module that
 * includes nng.h.  NNG's threads end here: every callback below runs on the loop's thread, inside
 * the loop.
 *
 * Sockets live as long as the process (NNG may abort when a socket with operations in flight is
 * closed); bus_free() does not exist, a daemon leaves with _exit() after its drain.
 * Every fork must be done before bus_new().
 */
#ifndef POSTERN_COMMON_BUS_H
#define POSTERN_COMMON_BUS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <uv.h>

#include "common/slice.h"

struct bus;
struct bus_socket;
struct bus_msg;
struct bus_request;

/* One per process.  0 and an owned *out, or -errno. */
int bus_new(struct bus **out, uv_loop_t *loop);

/* Messages.  An owned message of len uninitialised bytes, or NULL. */
struct bus_msg *bus_msg_new(size_t len);
void bus_msg_free(struct bus_msg *m);
char *bus_msg_data(struct bus_msg *m);
struct slice bus_msg_bytes(const struct bus_msg *m);

/* The pattern decides which functions and callbacks apply. */
enum bus_pattern {
	BUS_PAIR, /* one peer; bus_send, on_message, on_sent, on_up, on_down */
	BUS_REQ,  /* bus_ask */
	BUS_REP,  /* on_request, bus_answer, on_up, on_down */
	BUS_PUB,  /* bus_send, on_sent; on_up/on_down per subscriber */
	BUS_SUB,  /* on_message, on_up, on_down; subscribes to everything */
};

struct bus_options {
	enum bus_pattern pattern;
	/* Bytes that a peer may send in one message, 1 or more; more closes its pipe. */
	size_t max_message;
	int contexts;	   /* REP: requests that may be open at once */
	int queue;	   /* PUB, SUB: messages NNG keeps per pipe, at most 8192 */
	const uid_t *uids; /* listeners: who may connect (SO_PEERCRED); borrowed for ever */
	size_t n_uids;	   /* 0: anyone who can open the path */
	mode_t mode;	   /* listeners: of the socket file, for instance 0666; for the owner
			    alone when uids has no other */
	void *arg;	   /* of all callbacks */
	/* msg is borrowed until the callback returns; pipe names the peer's connection. */
	void (*on_message)(void *arg, uint32_t pipe, struct slice msg);
	/* Answer req exactly once, now or later, with bus_answer() or bus_request_drop().  Requests
	 * that a peer has out at the same time come in any order. */
	void (*on_request)(void *arg, uint32_t pipe, struct slice msg, struct bus_request *req);
	/* The bus_send() before is done, and the next may be made.  ok: NNG has taken it. */
	void (*on_sent)(void *arg, bool ok);
	/*
	 * Everything of a pipe comes between these two; for REQ they are called too.  A dialer
	 * whose peer refuses it (the PAIR has one, its uid is not listed) may hear on_up and, at
	 * once, on_down.
	 */
	void (*on_up)(void *arg, uint32_t pipe);
	void (*on_down)(void *arg, uint32_t pipe);
};

/*
 * options is copied.  The lock on PATH.lock, made beside it and kept, tells a live listener from a
 * stale file: a stale one is replaced, a live one is -EADDRINUSE.  At most 256 peers.  0 or -errno.
 */
int bus_listen(struct bus *b, const char *path, const struct bus_options *options,
	struct bus_socket **out);
/* Connects in the background, and again within 50 ms when the connection breaks.  0 or -errno. */
int bus_dial(struct bus *b, const char *path, const struct bus_options *options,
	struct bus_socket **out);
/* PAIR and SUB dialers: leaves the old path, closing its pipe, and connects to this one. */
int bus_redial(struct bus_socket *s, const char *path);

/* Takes m.  One send at a time: false (m is freed) before on_sent, or without a peer (PAIR). */
bool bus_send(struct bus_socket *s, struct bus_msg *m);
bool bus_can_send(const struct bus_socket *s);

enum bus_answer_result {
	BUS_ANSWERED,
	BUS_TIMED_OUT, /* no answer, or no peer, within the time */
	BUS_BROKE,     /* the peer's connection broke after the request may have been sent */
};
typedef void bus_answer_fn(void *arg, enum bus_answer_result result, struct slice answer);

/*
 * REQ.  Takes m.  Never resends.  on_answer is called exactly once, later, from the loop.
 * Up to 4,096 may be outstanding.  0, or -errno: m is freed, on_answer is not called (-EAGAIN: too
 * many).
 */
int bus_ask(struct bus_socket *s, struct bus_msg *m, int64_t timeout_ms, bus_answer_fn *on_answer,
	void *arg);
/* REP.  Of the process that asked, told by the kernel when it connected. */
uid_t bus_request_uid(const struct bus_request *req);
/* REP.  Takes m; req is gone.  A peer that does not read it within 5 s loses its pipe. */
void bus_answer(struct bus_request *req, struct bus_msg *m);
/* REP.  Gives no answer at all (a peer that broke the rules). */
void bus_request_drop(struct bus_request *req);

/* Closes one peer's connection; on_down follows, and nothing else of it. */
void bus_pipe_close(struct bus_socket *s, uint32_t pipe);

/*
 * Without a loop, for the control tools: sends m (taken), waits, gives an owned answer.  From one
 * thread.  0 or -errno (-ETIMEDOUT, -ECONNREFUSED: nobody listens there).
 */
int bus_call(const char *path, struct bus_msg *m, size_t max_answer, int timeout_ms,
	struct bus_msg **out);

#endif
