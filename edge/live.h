/*
 * live: all connections that were let in, and the link to the router behind them.  The door
 * (front.h) calls live_open() after auth's yes and live_adopt() after the router's; live.c owns the
 * parts: uplink (HELLO, link, system messages), ws (libwebsockets), conn (one connection's rules).
 * Loop thread only.
 */
#ifndef POSTERN_EDGE_LIVE_H
#define POSTERN_EDGE_LIVE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>

#include "common/bus.h"
#include "common/slice.h"
#include "edge/auth_client.h"
#include "edge/fingerprint.h"
#include "edge/position.h"

struct live;

struct live_config {
	const char *hello_path;	 /* router.sock */
	const char *system_path; /* system.sock */
	int64_t interval_ms;	 /* heartbeat */
	int64_t grace_ms;
	size_t msgs_per_s; /* per connection */
	size_t msgs_burst;
	size_t pending_bytes; /* unsent, per connection */
	size_t max_connections;
	uint64_t memory_limit; /* bytes; 0: the cgroup's */
	bool may_swap;	       /* another user's token moves a connection; false: it ends it */
	/* The router wants the edge to drain. */
	void (*on_drain)(void *arg);
	void *arg;
};

/* 0 and an owned *out, or -errno.  config is copied, paths are borrowed for ever. */
int live_new(struct live **out, uv_loop_t *loop, struct bus *bus, struct auth_client *auth,
	const struct live_config *config);

/* The router gave us a link and hears us. */
bool live_is_up(const struct live *l);
/* Established and being established. */
size_t live_count(const struct live *l);
/* The process is near its budget of memory: nobody new. */
bool live_is_tight(const struct live *l);

enum live_dialect { LIVE_NATIVE, LIVE_PLAIN };

struct live_open {
	uint64_t nonce; /* the one in the ticket; names this opening */
	struct slice ticket;
	struct slice uid;
	struct slice device;
	enum live_dialect dialect;
	int64_t expires_in_ms; /* of the token */
	int64_t ends_in_ms;    /* of the ticket */
	bool may_push;
	struct fingerprint token; /* the one in force; zero: not known, every token is another */
	bool has_position;	  /* what the client has already */
	struct position position;
};

enum live_open_outcome { LIVE_OPENED, LIVE_REFUSED, LIVE_AWAY };

/* Called exactly once, from the loop, unless live_open_cancel() came first.  code: a close code
 * when refused. */
typedef void live_opened_fn(void *arg, enum live_open_outcome outcome, unsigned code);

/* Asks the router to OPEN the session.  All of o is copied.  0, or -ENOMEM, or -EAGAIN: no link. */
int live_open(struct live *l, const struct live_open *o, live_opened_fn *fn, void *arg);
/* The client left or the deadline passed: forgets it, and closes the session at the router. */
void live_open_cancel(struct live *l, uint64_t nonce);

/*
 * After LIVE_OPENED: takes fd (always, also when it fails) and gives it to libwebsockets with a
 * head that this module writes.  THE 101 IS SENT HERE AND NOWHERE ELSE.  key is the client's
 * Sec-WebSocket-Key, already checked.  fd must be non-blocking and watched by nobody.  0 or -errno.
 */
int live_adopt(struct live *l, uint64_t nonce, int fd, struct slice key);

/*
 * Every client is told to go, and closed with 4202 in a slot of its own, after its sends in flight
 * were answered.  All slots are over in a part of max_ms that leaves time for the last words.
 * done() is called when none is left.  Once.
 */
void live_drain(struct live *l, int64_t max_ms, void (*done)(void *arg), void *arg);
/* All that are left, at once. */
void live_drain_now(struct live *l);

/* For UpGauges: what the door counted. */
void live_count_upgrade(struct live *l, bool refused);

#endif
