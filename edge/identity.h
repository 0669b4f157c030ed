/*
 * identity: whose a live connection is, while a new token may make it somebody else's, as one
 * table.  It is the whole proof that from the question to its end nothing is carried out, and that
 * another user takes over only after auth's word and then the router's.  Pure.
 *
 * One question at a time.  Each has a number, and whoever answers says which he means: an answer to
 * a question that has ended changes nothing.
 */
#ifndef POSTERN_EDGE_IDENTITY_H
#define POSTERN_EDGE_IDENTITY_H

#include <stdbool.h>
#include <stdint.h>

enum identity_state {
	ID_ENDED, /* nothing more is heard */
	ID_STEADY,
	ID_ASKING,   /* auth has the token */
	ID_SETTLING, /* another user's: what was sent as the old one is still to be answered */
	ID_MOVING,   /* the router has the rebind */
	ID_N_STATES
};

enum identity_event {
	ID_EV_LEFT,  /* the client, or the edge closes it */
	ID_EV_SHUT,  /* the router ended the session */
	ID_EV_TOKEN, /* a reauth, or a frame with another token than the one in force */
	ID_EV_FRAME, /* any other */
	/* answers of auth */
	ID_EV_SAME,
	ID_EV_OTHER,
	ID_EV_DENIED,
	ID_EV_BUSY,
	ID_EV_AWAY,
	/* of the router */
	ID_EV_OPENED,
	ID_EV_REFUSED,
	ID_EV_SETTLED, /* no send is in flight */
	ID_EV_LOST,    /* the link is, or it takes nothing */
	ID_EV_TIMEOUT, /* of the question */
	/* Made of the above by what else is known; nobody says them. */
	ID_EV_TOKEN_OVER,   /* too many questions */
	ID_EV_OTHER_DENIED, /* no swap is allowed */
	ID_EV_OTHER_LOST,   /* there is no session to move */
	ID_EV_OTHER_READY,  /* no send is in flight */
	ID_EV_N
};

enum identity_action {
	ID_CLOSE, /* 4200 */
	ID_NOTHING,
	ID_ASK,
	ID_EXECUTE,	/* the frame */
	ID_SAY_OVER,	/* 1301 */
	ID_SAY_BETWEEN, /* 1409 */
	ID_RENEW,  /* the same user's new ticket holds; the frame that brought it is executed */
	ID_WAIT,   /* for ID_EV_SETTLED */
	ID_REBIND, /* ask the router */
	ID_SWITCH, /* the other user's from here on */
	ID_SAY_INVALID, /* 1401 */
	ID_SAY_AWAY,	/* 1503 */
	ID_SAY_REFUSED, /* 1404, or 1503 where the router may let him in later */
	ID_MISMATCH,	/* 1403, then close 4403 */
};

/* Embedded; identity_init(). */
struct identity {
	uint16_t question; /* the number of the open one */
	uint8_t state;	   /* enum identity_state */
};

struct identity_facts {
	bool may_swap;	  /* --swap rebind */
	bool may_ask;	  /* not too many questions lately */
	bool has_session; /* the router holds it, and knows how to move it */
	bool has_sends;	  /* in flight */
};

void identity_init(struct identity *id);
/* question: the number that an answer, or the timeout, belongs to; of other events it means
 * nothing. */
enum identity_action identity_step(struct identity *id, enum identity_event ev, uint16_t question,
	const struct identity_facts *facts);
/* A question is open: frames are not carried out. */
static inline bool identity_is_asking(const struct identity *id)
{
	return id->state > ID_STEADY;
}

#endif
