/*
 * conn: the rules of one live connection, without its socket: is it alive, may it send, what is
 * due. Pure: time comes as an argument (ms, any steady clock), answers are enums and numbers.
 */
#ifndef POSTERN_EDGE_CONN_H
#define POSTERN_EDGE_CONN_H

#include <stdbool.h>
#include <stdint.h>

#include "edge/identity.h"
#include "edge/stream.h"
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
	uint32_t bucket;	/* thousandths of a message */
	uint32_t refused;	/* messages over the rate since bad_ms */
	int64_t bad_ms;		/* begin of the window that refused and bad are counted in */
	int64_t position_at_ms; /* a ping with the position is due; 0: none */
	int64_t slow_at_ms;	/* until then it must have read something; 0: it need not */
	int64_t drain_at_ms;	/* its slot; 0: none */
	struct stream user;	/* what was written of the user's own stream, by number */
	struct stream system;
	struct identity state; /* whether a new token is being looked at */
	uint32_t asks_until;   /* tenths of a second: when all questions to auth are paid for */
	uint16_t identity;     /* number of the identity in force; the first is 1 */
	uint16_t in_flight;    /* sends that the router has not answered */
	uint8_t bad;	       /* bad frames since bad_ms */
	uint8_t dialect;       /* enum conn_dialect */
	bool away : 1;
	bool tells_position : 1; /* it said where it is, at least once: pongs say nothing then */
	bool has_untold : 1;	 /* numbered frames were written that no ping asked about yet */
	bool is_unseen : 1;	 /* no pong has shown yet that it knows the identity in force */
	bool told_expiring : 1;	 /* of this token */
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
	CONN_POSITION = 8,  /* ping with the position, then conn_asked_position() */
	CONN_SLOW = 16,	    /* has it read anything? then conn_slow_begin() again, or close 4108 */
	CONN_EXPIRING = 32, /* say auth.expiring */
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

/* A question about another token.  false: too many lately (1301), again after *out_after_ms. */
bool conn_may_ask(const struct conn *c, int64_t now_ms, uint32_t *out_after_ms);
void conn_asked(struct conn *c, int64_t now_ms);
/* Another token of the same user holds from now on, with ends of its own, also when they are
 * earlier.  times: phase_ms means nothing. */
void conn_reauthed(struct conn *c, const struct conn_times *times);
/* The next identity: another user's, who begins like a client that has just come. */
void conn_switch(struct conn *c, const struct conn_times *times);
/* A pong to a ping of that identity.  false: it acknowledges nothing. */
bool conn_takes_pong(struct conn *c, uint16_t identity);

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

/*
 * A numbered frame was written.  Of the user's own stream: true, if the timer must be set anew, for
 * a ping that asks for it is due within POSITION_PING_MS.  What is of the system stream alone waits
 * for the next ordinary ping: 10,000 pongs a second for a push to all would be dear.
 */
bool conn_on_written(struct conn *c, bool is_user, int64_t now_ms);
/* The ping is queued. */
void conn_asked_position(struct conn *c);
/* It has shown that it knows the identity in force: what it says of a position is about that. */
bool conn_knows_identity(const struct conn *c);
/* The client says itself where it is.  false: it may not know yet whose streams it means, and
 * nothing must come of it. */
bool conn_tells_position(struct conn *c);

/* Frames wait in the inbox until the client reads. */
void conn_slow_begin(struct conn *c, int64_t now_ms);
void conn_slow_end(struct conn *c);

/* Its slot for close 4202; it waits for the answers to its sends. */
void conn_drain(struct conn *c, int64_t at_ms);

#endif
