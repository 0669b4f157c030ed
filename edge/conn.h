/*
 * conn: the rules of one live connection, without its socket: is it alive, may it send, what is
 * due. Pure: time comes as an argument (ms, any steady clock), answers are enums and numbers.
 */
#ifndef POSTERN_EDGE_CONN_H
#define POSTERN_EDGE_CONN_H

#include <stdbool.h>
#include <stdint.h>

#include "proto/codes.h"
#include "proto/limits.h"

/* Shared by all connections. */
struct conn_limits {
	int64_t interval_ms; /* heartbeat: silent longer is away */
	int64_t grace_ms;    /* silent longer than both together is lost */
	uint32_t msgs_per_s;
	uint32_t msgs_burst;
};

enum conn_dialect { CONN_NATIVE, CONN_PLAIN };

struct conn {
	int64_t last_byte_ms;
	int64_t ping_at_ms;
	int64_t renew_at_ms;	/* INT64_MAX: nothing more to renew */
	int64_t session_end_ms; /* of the ticket */
	int64_t token_end_ms;	/* when the connection is closed with 4230 */
	int64_t bucket_ms;
	uint32_t bucket;      /* thousandths of a message */
	uint32_t refused;     /* messages over the rate since bad_ms */
	int64_t bad_ms;	      /* begin of the window that refused and bad are counted in */
	uint64_t system_seen; /* last system number written */
	uint16_t identity;    /* number of the identity in force; the first is 1 */
	uint16_t in_flight;   /* sends that the router has not answered */
	uint8_t bad;	      /* bad frames since bad_ms */
	uint8_t dialect;      /* enum conn_dialect */
	bool away;
};

struct conn_times {
	int64_t now_ms;
	int64_t phase_ms;      /* any number: spreads the pings of many connections */
	int64_t expires_in_ms; /* of the token; may be negative within the leeway */
	int64_t ends_in_ms;    /* of the ticket */
};

void conn_init(struct conn *c, const struct conn_limits *l, enum conn_dialect dialect,
	const struct conn_times *t);

/* Something arrived.  true: it was away and is back. */
bool conn_on_bytes(struct conn *c, int64_t now_ms);

/* What the clock asks for: flags. */
enum conn_due {
	CONN_PING = 1,
	CONN_AWAY = 2,	/* tell the router */
	CONN_RENEW = 4, /* ask auth for a new ticket, then conn_renewed() or conn_renew_later() */
};
/* close: CLOSE_NONE, or the code to close with (then the flags mean nothing). */
struct conn_verdict {
	unsigned due;
	enum close_code close;
};
struct conn_verdict conn_on_time(struct conn *c, const struct conn_limits *l, int64_t now_ms);
/* The time at which conn_on_time() has something to say, if nothing happens until then. */
int64_t conn_next_ms(const struct conn *c, const struct conn_limits *l);

/* Of the token; may be negative within the leeway. */
int64_t conn_token_left_ms(const struct conn *c, int64_t now_ms);

/* A ticket that ends in so many ms replaces the old one. */
void conn_renewed(struct conn *c, int64_t ends_in_ms, int64_t now_ms);
/* Auth is away or busy: again after a while. */
void conn_renew_later(struct conn *c, int64_t after_ms, int64_t now_ms);
/* Auth refused: the session lives until the ticket's end and no longer. */
void conn_renew_never(struct conn *c);

enum conn_message {
	CONN_MESSAGE_OK,
	CONN_MESSAGE_OVER,  /* exception 1301 with *out_after_ms */
	CONN_MESSAGE_FLOOD, /* many times over: close 4129 */
};
enum conn_message conn_on_message(
	struct conn *c, const struct conn_limits *l, int64_t now_ms, uint32_t *out_after_ms);
/* An answer 1002 was given.  true: the last of BAD_FRAMES, close 4001. */
bool conn_on_bad_frame(struct conn *c, int64_t now_ms);

/* A send or push goes to the router.  false: CONN_SENDS_IN_FLIGHT are there already (1301). */
bool conn_send_begin(struct conn *c);
void conn_send_end(struct conn *c);

/* The answer of OPEN or of a reopen: system messages up to s are not for this connection. */
void conn_system_start(struct conn *c, uint64_t s);
/* Whether system message n is to be written; then it counts as written. */
bool conn_system_take(struct conn *c, uint64_t n);

#endif
