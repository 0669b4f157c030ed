/*
 * upgrade: what may happen to one connection at the door, from accept to the 101 or the refusal, as
 * one table.  Plain requests that wait for something (a body, auth) are in it too, so that the
 * table is the whole proof that nothing but auth's yes and then the router's leads to the 101.
 * Pure.
 */
#ifndef POSTERN_EDGE_UPGRADE_H
#define POSTERN_EDGE_UPGRADE_H

#include <stdbool.h>

#include "edge/refusal.h"

enum upgrade_state {
	UP_CLOSED, /* nothing more is heard: answered, refused, or gone */
	UP_READING_PROXY,
	UP_READING_HEAD,
	UP_ASKING_AUTH,
	UP_OPENING,
	UP_ADOPTED,
	UP_CHECKING,	 /* /auth/...: whatever auth is asked about a token */
	UP_READING_BODY, /* /api/login */
	UP_LOGGING_IN,
	UP_READING_CALL, /* /api/chat, /api/push: a session without a connection */
	UP_PERMITTING,	 /* auth is asked */
	UP_CALLING,	 /* the router has it */
	UP_N_STATES
};

enum upgrade_event {
	EV_GONE, /* the client left, or its socket failed */
	EV_TIMEOUT,
	EV_DRAIN,
	EV_MORE_BYTES, /* behind what was asked for */
	EV_PROXY_OK,
	EV_PROXY_BAD,
	EV_HEAD_UPGRADE, /* a good upgrade, with something that looks like a token */
	EV_HEAD_CHECK,
	EV_HEAD_BODY,
	EV_HEAD_CALL,
	EV_HEAD_PLAIN,
	EV_HEAD_REFUSED, /* the caller knows the refusal */
	EV_BODY_OK,
	EV_BODY_BAD,
	EV_GRANTED,
	EV_DENIED,
	EV_BUSY,
	EV_AUTH_AWAY,
	EV_OPENED,
	EV_OPEN_REFUSED, /* the caller knows the refusal */
	EV_ROUTER_AWAY,
	EV_CALLED,	 /* the caller knows the answer */
	EV_CALL_REFUSED, /* the caller knows the exception */
	EV_N
};

enum upgrade_action {
	ACT_CLOSE,
	ACT_WAIT,
	ACT_ASK_AUTH,
	ACT_OPEN_SESSION,
	ACT_HAND_TO_LWS, /* the 101 */
	ACT_READ_BODY,
	ACT_ASK_LOGIN,
	ACT_ANSWER_PLAIN,
	ACT_ANSWER_CHECK,
	ACT_ANSWER_LOGIN,
	ACT_CALL,
	ACT_ANSWER_CALL,
	ACT_REFUSE_CALL,  /* with the caller's exception */
	ACT_REFUSE,	  /* with the step's refusal */
	ACT_REFUSE_KNOWN, /* with the caller's */
};

struct upgrade_step {
	enum upgrade_state next;
	enum upgrade_action action;
	enum refusal refusal; /* of ACT_REFUSE */
};

/*
 * Moves *state and says what to do.  *out_end_session: the router was asked for a session, which
 * nobody waits for any more.
 */
struct upgrade_step upgrade_step(
	enum upgrade_state *state, enum upgrade_event ev, bool *out_end_session);

#endif
