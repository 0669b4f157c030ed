/*
 * world: a small world around one connection, for a search over everything that can happen in it:
 * a client, the edge's connection with its socket, auth, the link with a queue for each direction,
 * and a router with two users' streams.  The rules of the connection are the real ones
 * (edge/identity.c, conn.c, stream.c, outq.c); what moves bytes around them is written here once
 * more, as small as it can be.  Time is not modelled: whatever has a deadline may miss it at any
 * time.
 */
#ifndef POSTERN_TESTS_MODEL_WORLD_H
#define POSTERN_TESTS_MODEL_WORLD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define USERS 2
#define CLIENT_QUEUE 3
#define OUT_QUEUE 14
#define LINK_QUEUE 12
#define QUESTIONS 4
#define SESSIONS 4
#define REFS 4

/* Of users 0 and 1; a second one of user 0; and one that is not good. */
enum token { TOKEN_A, TOKEN_B, TOKEN_A_AGAIN, TOKEN_BAD, TOKENS };

/* What the client says. */
enum said { SAID_SEND, SAID_SEND_WITH_TOKEN, SAID_REAUTH, SAID_POSITION, SAID_PONG };
struct saying {
	uint8_t what;
	uint8_t token;
	uint8_t number;	  /* a send's ref; a position */
	uint8_t identity; /* of a pong */
};

/* What is written to it. */
enum frame_kind { FRAME_MESSAGE, FRAME_ANSWER, FRAME_SENT, FRAME_IDENTITY, FRAME_PING };
struct out_frame {
	uint8_t kind;
	uint8_t identity; /* in force when it was queued */
	uint8_t user;	  /* whose message; the new one */
	uint8_t number;
};

enum item_kind {
	/* up */
	UP_OPEN,
	UP_REBIND,
	UP_SEND,
	UP_ACK,
	UP_SYNC,
	UP_CLOSE,
	/* down */
	DOWN_OPENED,
	DOWN_REFUSED,
	DOWN_RESULT,
	DOWN_DELIVER,
	DOWN_PAGE,
	DOWN_SHUT,
};
struct item {
	uint8_t kind;
	uint8_t session;
	uint8_t user;	/* of a ticket, a sender, a message */
	uint8_t number; /* a ref, a position, a start */
	uint8_t other;	/* UP_REBIND: the new session; DOWN_OPENED: the head */
};

struct question_to_auth {
	bool is_open;
	uint8_t number;
	uint8_t token;
};

/* How often what may still happen; the bounds of a search. */
struct budget {
	uint8_t sends;
	uint8_t sends_with_token;
	uint8_t reauths;
	uint8_t positions;
	uint8_t leaves;
	uint8_t messages; /* to either user */
	uint8_t pings;
	uint8_t partial_writes;
	uint8_t late_questions; /* auth does not answer in time */
	uint8_t busy;
	uint8_t timeouts; /* of a send, or of the router */
	uint8_t refusals;
	uint8_t restarts;
	uint8_t shuts;
	uint8_t late_deliveries; /* for a session that was moved */
};

/* Bytes alone, so that equal worlds are equal bytes. */
struct world {
	struct budget left;
	bool may_swap;
	/* the client */
	bool has_left;
	uint8_t n_said;
	struct saying said[CLIENT_QUEUE];
	uint8_t client_user;
	uint8_t received[USERS]; /* all numbers up to here */
	uint8_t unanswered;
	uint8_t next_ref;
	/* its socket, and what waits for it */
	bool has_partial;
	struct out_frame partial;
	uint8_t n_out;
	struct out_frame out[OUT_QUEUE];
	uint8_t written_identity;
	/* the connection: what conn.h's struct has, as far as it changes here */
	uint8_t state;
	uint8_t question;
	uint8_t identity;
	uint8_t in_flight;
	bool tells_position;
	bool has_untold;
	bool is_unseen;
	bool position_is_due;
	uint8_t sent;
	uint8_t told;
	bool is_behind;
	bool has_moved;
	/* and live_conn's */
	bool has_ended;
	bool is_open;
	bool is_reopening;
	bool is_syncing;
	uint8_t user;
	uint8_t token;
	uint8_t session;
	uint8_t mapped[2]; /* sessions that name the connection; 0: none */
	uint8_t refs;	   /* sends in flight, a bit each */
	/* the open question */
	uint8_t asked_token;
	bool asked_holds_frame;
	struct saying asked_frame;
	uint8_t asked_identity; /* in force when it came */
	uint8_t asked_user;
	uint8_t asked_session;
	/* auth */
	struct question_to_auth auth[QUESTIONS];
	/* the link */
	bool is_linked;
	uint8_t n_up;
	struct item up[LINK_QUEUE];
	uint8_t n_down;
	struct item down[LINK_QUEUE];
	/* the router */
	struct {
		uint8_t session; /* 0: none */
		uint8_t user;
		bool is_live;
	} sessions[SESSIONS];
	uint8_t next_session;
	uint8_t head[USERS];
	uint8_t acked[USERS];
	uint8_t stored; /* sends, a bit each */
	uint8_t moved_session;
	uint8_t moved_user;
};

/* What must never be.  The first word names it. */
extern const char *world_broken; /* NULL: nothing is */
void world_must(bool holds, const char *what);

void world_init(struct world *w, const struct budget *budget, bool may_swap);

/* What may happen next, by number; false: not now (or never).  With name, says it. */
#define WORLD_STEPS 64
bool world_step(struct world *w, unsigned step);
const char *world_step_name(unsigned step);
/* Nothing is on its way: what must hold then. */
void world_look(const struct world *w);

/* edge.c */
void edge_take_saying(struct world *w, struct saying s);
void edge_take_item(struct world *w, struct item i);
void edge_take_answer(struct world *w, const struct question_to_auth *q, bool is_busy);
void edge_question_late(struct world *w);
void edge_send_late(struct world *w);
void edge_lose_link(struct world *w);
void edge_get_link(struct world *w);
void edge_ping(struct world *w);
void edge_client_gone(struct world *w);
/* Of the queue: the next frame, whole or its first byte.  false: there is none. */
bool edge_write(struct world *w, bool whole, struct out_frame *out);
void edge_has_room(struct world *w);
static inline uint8_t token_user(uint8_t token)
{
	return token == TOKEN_B;
}

/* queue.c: edge/outq.c's queue, made of out[] and written back. */
void queue_put(struct world *w, struct out_frame f);
void queue_keep_own(struct world *w);
bool queue_advance(struct world *w, bool whole, struct out_frame *out);

/* For both directions. */
static inline void put_up(struct world *w, struct item i)
{
	world_must(
		w->n_up < LINK_QUEUE, "bounds: the link's queue up is too short for this search");
	if (w->n_up < LINK_QUEUE)
		w->up[w->n_up++] = i;
}
static inline void put_down(struct world *w, struct item i)
{
	world_must(w->n_down < LINK_QUEUE,
		"bounds: the link's queue down is too short for this search");
	if (w->n_down < LINK_QUEUE)
		w->down[w->n_down++] = i;
}

#endif
