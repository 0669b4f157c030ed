/*
 * live_question: a new token that is being looked at, and what came of it so far.  An allocation of
 * its own, for the few seconds that it lasts; live_identity.c says what is done with it.  For
 * live_question.c and live_identity.c alone.
 */
#ifndef POSTERN_EDGE_LIVE_QUESTION_H
#define POSTERN_EDGE_LIVE_QUESTION_H

#include "edge/live_inner.h"

struct live_question {
	struct live_conn *c;
	uint64_t ask;	/* of auth; 0: not being asked */
	uint64_t nonce; /* in live->by_nonce while the router is asked */
	uint16_t number;
	bool is_reauth; /* else another frame that carried the token */
	bool may_push;
	bool is_at_router;
	int64_t due_ms;	 /* INT64_MAX: auth_client has the deadline */
	int64_t ends_ms; /* of the other user's ticket, and of the token */
	int64_t expires_ms;
	struct fingerprint token;
	struct live_user *user; /* the other one */
	char *frame;		/* as it came, with the token in it: wiped; NULL: is_reauth */
	size_t frame_len;
	size_t id_len;
	char id[FRAME_ID_MAX_BYTES]; /* JSON text */
};

/* The open one; NULL: none. */
static inline struct live_question *live_question(const struct live_conn *c)
{
	return c->change == NULL ? NULL : c->change->question;
}
static inline struct slice live_question_id(const struct live_question *q)
{
	return (struct slice){q->id, q->id_len};
}

/* Opens one for the token in f, which came as text.  NULL: no memory. */
struct live_question *live_question_open(
	struct live_conn *c, const struct frame *f, struct slice text);
/* It is over: nobody answers it any more.  Owned by the caller; NULL: there is none. */
struct live_question *live_question_take(struct live_conn *c);
/* Wipes; NULL is allowed. */
void live_question_free(struct live_question *q);
/* Auth's grant for another user.  0 or -ENOMEM. */
int live_question_keep_user(struct live_question *q, const struct auth_reply *reply);
/* Asks the router to move the session.  0 or -errno. */
int live_question_say_rebind(struct live_question *q);

#endif
