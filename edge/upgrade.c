/*
 * Not listed means {UP_CLOSED, ACT_CLOSE}: forgetting a case shuts the door.  libwebsockets cannot
 * wait for auth, so it does not see the socket before EV_OPENED.
 */
#include "edge/upgrade.h"

#define REFUSE(why)                                                                                \
	{                                                                                          \
		UP_CLOSED, ACT_REFUSE, REFUSAL_##why                                               \
	}

static const struct upgrade_step steps[UP_N_STATES][EV_N] = {
	/* Whoever is not a balancer of ours gets no answer here, only the end of the connection. */
	[UP_READING_PROXY] =
		{
			[EV_PROXY_OK] = {UP_READING_HEAD, ACT_WAIT, 0},
		},
	[UP_READING_HEAD] =
		{
			[EV_HEAD_UPGRADE] = {UP_ASKING_AUTH, ACT_ASK_AUTH,
				0}, /* starts the deadline */
			[EV_HEAD_CHECK] = {UP_CHECKING, ACT_ASK_AUTH, 0},
			[EV_HEAD_BODY] = {UP_READING_BODY, ACT_READ_BODY, 0},
			[EV_HEAD_CALL] = {UP_READING_CALL, ACT_READ_BODY, 0},
			[EV_HEAD_PLAIN] = {UP_CLOSED, ACT_ANSWER_PLAIN, 0},
			[EV_HEAD_REFUSED] = {UP_CLOSED, ACT_REFUSE_KNOWN, 0},
			[EV_TIMEOUT] = REFUSE(HEAD_TIMEOUT),
			[EV_DRAIN] = REFUSE(DRAINING),
		},
	[UP_ASKING_AUTH] =
		{
			[EV_GRANTED] = {UP_OPENING, ACT_OPEN_SESSION,
				0}, /* the ticket goes to the router */
			[EV_DENIED] = REFUSE(UNAUTHORIZED),
			[EV_BUSY] = REFUSE(FULL),
			[EV_AUTH_AWAY] = REFUSE(AUTH_AWAY),
			[EV_TIMEOUT] = REFUSE(AUTH_AWAY),
			[EV_MORE_BYTES] = REFUSE(EARLY_BYTES), /* talking before being let in */
			[EV_DRAIN] = REFUSE(DRAINING),
		},
	[UP_OPENING] =
		{
			[EV_OPENED] = {UP_ADOPTED, ACT_HAND_TO_LWS, 0}, /* here and nowhere else */
			[EV_OPEN_REFUSED] = {UP_CLOSED, ACT_REFUSE_KNOWN, 0},
			[EV_ROUTER_AWAY] = REFUSE(ROUTER_AWAY),
			[EV_TIMEOUT] = REFUSE(ROUTER_AWAY),
			[EV_MORE_BYTES] = REFUSE(EARLY_BYTES),
			[EV_DRAIN] = REFUSE(DRAINING),
		},
	[UP_CHECKING] =
		{
			[EV_GRANTED] = {UP_CLOSED, ACT_ANSWER_CHECK, 0},
			[EV_DENIED] = REFUSE(UNAUTHORIZED),
			[EV_BUSY] = REFUSE(FULL),
			[EV_AUTH_AWAY] = REFUSE(AUTH_AWAY),
			[EV_TIMEOUT] = REFUSE(AUTH_AWAY),
			[EV_MORE_BYTES] = {UP_CHECKING, ACT_WAIT,
				0}, /* an error for upgrades only */
			[EV_DRAIN] = REFUSE(DRAINING),
		},
	[UP_READING_BODY] =
		{
			[EV_BODY_OK] = {UP_LOGGING_IN, ACT_ASK_LOGIN, 0},
			[EV_BODY_BAD] = REFUSE(LOGIN),
			[EV_TIMEOUT] = REFUSE(BODY_TIMEOUT),
			[EV_DRAIN] = REFUSE(DRAINING),
		},
	[UP_LOGGING_IN] =
		{
			[EV_GRANTED] = {UP_CLOSED, ACT_ANSWER_LOGIN, 0},
			[EV_DENIED] = REFUSE(UNAUTHORIZED),
			[EV_BUSY] = REFUSE(RATE),
			[EV_AUTH_AWAY] = REFUSE(AUTH_AWAY),
			[EV_TIMEOUT] = REFUSE(AUTH_AWAY),
			[EV_MORE_BYTES] = {UP_LOGGING_IN, ACT_WAIT, 0},
			[EV_DRAIN] = REFUSE(DRAINING),
		},
	[UP_READING_CALL] =
		{
			[EV_BODY_OK] = {UP_PERMITTING, ACT_ASK_AUTH, 0},
			[EV_BODY_BAD] = {UP_CLOSED, ACT_REFUSE_CALL, 0},
			[EV_TIMEOUT] = REFUSE(BODY_TIMEOUT),
			[EV_DRAIN] = REFUSE(DRAINING),
		},
	[UP_PERMITTING] =
		{
			[EV_GRANTED] = {UP_CALLING, ACT_CALL, 0},
			[EV_DENIED] = REFUSE(UNAUTHORIZED),
			[EV_BUSY] = REFUSE(FULL),
			[EV_AUTH_AWAY] = REFUSE(AUTH_AWAY),
			[EV_TIMEOUT] = REFUSE(AUTH_AWAY),
			[EV_MORE_BYTES] = {UP_PERMITTING, ACT_WAIT, 0},
			[EV_DRAIN] = REFUSE(DRAINING),
		},
	[UP_CALLING] =
		{
			[EV_CALLED] = {UP_CLOSED, ACT_ANSWER_CALL, 0},
			[EV_CALL_REFUSED] = {UP_CLOSED, ACT_REFUSE_CALL, 0},
			[EV_OPEN_REFUSED] = {UP_CLOSED, ACT_REFUSE_KNOWN, 0},
			[EV_ROUTER_AWAY] = REFUSE(ROUTER_AWAY),
			[EV_BUSY] = REFUSE(FULL),
			[EV_TIMEOUT] = REFUSE(ROUTER_AWAY),
			[EV_MORE_BYTES] = {UP_CALLING, ACT_WAIT, 0},
			/* It may be on disk already: its answer is waited for. */
			[EV_DRAIN] = {UP_CALLING, ACT_WAIT, 0},
		},
};

/* Whether the router was asked for a session that does not end with this event. */
static bool leaves_session(enum upgrade_state state, enum upgrade_event ev)
{
	if (state == UP_OPENING)
		return ev != EV_OPENED && ev != EV_OPEN_REFUSED && ev != EV_ROUTER_AWAY;
	return state == UP_CALLING && ev != EV_CALLED && ev != EV_CALL_REFUSED &&
	       ev != EV_OPEN_REFUSED && ev != EV_ROUTER_AWAY && ev != EV_BUSY;
}

struct upgrade_step upgrade_step(
	enum upgrade_state *state, enum upgrade_event ev, bool *out_end_session)
{
	const struct upgrade_step *step = &steps[*state][ev];

	/* Said once for all ways out, so that none leaves a session behind.  One that the router
	 * refused or cannot speak of does not exist, and a call that was answered is over. */
	*out_end_session = step->next != *state && leaves_session(*state, ev);
	*state = step->next;
	return *step;
}
