/*
 * guest: one connection at the door, from accept until it is let in, answered or refused.
 * guest.c: its life and its socket; guest_step.c: what its steps do; guest_call.c: those of the
 * HTTP API's calls.  front.c owns the door.  Loop thread only.
 */
#ifndef POSTERN_EDGE_GUEST_H
#define POSTERN_EDGE_GUEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>

#include "common/address.h"
#include "common/buf.h"
#include "edge/api.h"
#include "edge/auth_client.h"
#include "edge/http.h"
#include "edge/live.h"
#include "edge/live_call.h"
#include "edge/request.h"
#include "edge/upgrade.h"
#include "edge/watch.h"
#include "edge/wheel.h"

enum { SCRATCH_BYTES = 16384, RANDOM_BYTES = 512 };

/* Those that may have to go for others, and those that somebody was asked about.  The second ones
 * are bounded by what auth_client and live_call take, and by their deadlines. */
enum guest_list { GUESTS_IDLE, GUESTS_BUSY, GUEST_LISTS };

/* What all guests share. */
struct door {
	uv_loop_t *loop;
	struct watch *watch;
	struct auth_client *auth;
	struct live *live;
	struct request_rules rules;
	int64_t head_timeout_ms;
	int64_t upgrade_timeout_ms;
	size_t max_connections;
	bool is_draining;
	struct wheel deadlines;
	struct guest *newest[GUEST_LISTS]; /* each by the time that a guest came to it */
	struct guest *oldest[GUEST_LISTS];
	size_t n_guests;
	size_t n_asking; /* upgrades that live does not count yet */
	uint64_t n_adopted;
	uint64_t n_refused;
	uint64_t n_answered;
	size_t random_left;
	unsigned char random[RANDOM_BYTES];
	char scratch[SCRATCH_BYTES]; /* one read's bytes */
};

/* Where its socket is; what may happen is upgrade.h's to say. */
enum guest_phase {
	GUEST_TALKING,
	GUEST_SENDING,	 /* an answer that did not fit at once */
	GUEST_LINGERING, /* all is sent; until the client has closed, or a reset would eat the
			    answer */
};

struct guest {
	struct watch_source source;
	struct wheel_entry deadline;
	struct guest *older;
	struct guest *newer;
	enum guest_list list;
	struct door *door;
	int fd;
	enum guest_phase phase;
	enum upgrade_state state;
	struct address peer;
	int64_t due_ms;
	struct buf in; /* what came so far of a proxy header, a head or a body */
	struct buf out;
	struct slice out_page; /* follows out; the page's own memory */
	size_t sent;
	size_t discarded;
	bool has_ended; /* the client's EOF while an answer is being sent */
	bool is_asking; /* counted in n_asking */
	bool is_for_upgrade;
	bool is_native;
	enum request_kind kind;
	size_t body_bytes;
	struct cors cors;
	struct guest_call *call; /* owned; NULL: it is none */
	uint64_t ask;		 /* at auth; 0: none */
	uint64_t nonce;
	struct fingerprint token; /* of an upgrade; zero: it came with a one-time ticket */
	size_t device_len;
	char device[DEVICE_MAX_BYTES];
	bool has_position;
	struct position position;
	char key[WEBSOCKET_KEY_BYTES];
};

/* Takes fd, also when there is no memory.  state: UP_READING_PROXY or UP_READING_HEAD. */
void guest_new(struct door *d, int fd, const struct address *peer, enum upgrade_state state);
void guest_free(struct guest *g);
/* Closes the one that is idle longest: silent, slow, or answered and not gone.  False: none. */
bool guest_make_room(struct door *d);
/* Its deadline passed. */
void guest_on_deadline(struct guest *g);

/* What happened, and what the table needs to act on it. */
struct news {
	enum upgrade_event event;
	enum refusal refusal;		       /* EV_HEAD_REFUSED, EV_OPEN_REFUSED */
	unsigned code;			       /* EV_OPEN_REFUSED */
	int64_t after_ms;		       /* EV_BUSY */
	const struct request *request;	       /* EV_HEAD_* */
	const struct auth_reply *reply;	       /* EV_GRANTED */
	const struct http_login *login;	       /* EV_BODY_OK, of a login */
	struct api_error error;		       /* EV_BODY_BAD of a call */
	const struct live_call_result *result; /* EV_CALLED, EV_CALL_REFUSED */
};

/* Takes the step and does what it says.  g may be gone afterwards. */
void guest_tell(struct guest *g, const struct news *news);

/* guest.c, for guest_step.c: */
void guest_set_deadline(struct guest *g, int64_t in_ms);
/* Sends what is in g->out and g->out_page, then lingers.  g may be gone afterwards. */
void guest_send(struct guest *g);
/* Whether the client left or spoke meanwhile. */
enum upgrade_event guest_look(struct guest *g, enum upgrade_event otherwise);

/* Puts it into the list where it belongs now. */
void guest_sort(struct guest *g);

/* guest_step.c, for guest_call.c: */
void guest_on_auth_reply(void *arg, const struct auth_reply *reply);
/* A one-time ticket is redeemed, a token verified. */
struct guest_proof {
	struct slice token;
	bool is_one_time;
	struct slice origin;
};
void guest_ask_auth(struct guest *g, const struct guest_proof *proof);
/* What is told to those that come back later. */
int64_t guest_after_ms(struct guest *g, int64_t said_ms);

/* guest_call.c */
/* Keeps what the head said of a call.  False: no memory. */
bool guest_call_begin(struct guest *g, const struct request *request);
void guest_call_free(struct guest_call *call);
/* The body is there. */
void guest_call_take_body(struct guest *g, struct slice body);
void guest_call_ask(struct guest *g);
void guest_call_make(struct guest *g, const struct auth_reply *grant);
void guest_call_answer(struct guest *g, const struct news *news);
void guest_call_refuse(struct guest *g, const struct news *news);

uint64_t door_random(struct door *d);

#endif
