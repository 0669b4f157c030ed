/*
 * core_internal: what the files of the core share, and nobody else sees: core.c (dispatch),
 * core_sessions.c (who is there), core_open.c (a ticket becomes a session), core_messages.c (who
 * may say what to whom), core_accept.c (a message gets its numbers), core_stored.c (it is on disk,
 * and is told), core_streams.c (pages, positions, trimming), core_load.c and core_queries.c.
 */
#ifndef POSTERN_ROUTER_CORE_INTERNAL_H
#define POSTERN_ROUTER_CORE_INTERNAL_H

#include "router/commands.h"
#include "router/contacts.h"
#include "router/core.h"
#include "router/mids.h"
#include "router/pending.h"
#include "router/positions.h"
#include "router/presence.h"
#include "router/sessions.h"
#include "router/text.h"
#include "router/users.h"

#define DAY_MS 86400000

struct core {
	struct core_config config;
	struct commands commands;
	struct users users;
	struct sessions sessions;
	struct presence presence;
	struct contacts contacts;
	struct mids mids;
	struct positions positions;
	struct numbers system; /* the system stream's */
	struct pendings pending;
	struct pendings told;	/* in this step, which may point into them; freed by the next */
	uint64_t last_number;	/* of an APPEND */
	uint64_t stored_number; /* as the store said it */
	uint64_t generation;
	uint64_t unacked_rows;
	int64_t now_ms; /* of the last event */
	struct core_counts counts;
};

/* 0, or -ENOMEM and the state is as before.  The commands are thrown away then. */
typedef int core_handler_fn(struct core *c, const struct core_event *e);

core_handler_fn core_on_edge_up;
core_handler_fn core_on_edge_down;
core_handler_fn core_on_open;
core_handler_fn core_on_close;
core_handler_fn core_on_watch;
core_handler_fn core_on_away;
core_handler_fn core_on_renew;
core_handler_fn core_on_user_known;
core_handler_fn core_on_kick;
core_handler_fn core_on_tick;

core_handler_fn core_on_send;
core_handler_fn core_on_push; /* CORE_PUSH and CORE_CTL_PUSH */
core_handler_fn core_on_typing;

core_handler_fn core_on_stored;
core_handler_fn core_on_failed;

core_handler_fn core_on_ack;
core_handler_fn core_on_sync;
core_handler_fn core_on_rows;
core_handler_fn core_on_acked;
core_handler_fn core_on_old;
core_handler_fn core_on_purge;

/* Whose is the session that an event of this link names? */
enum owner {
	OWNER_NONE,  /* another link's, or nobody's: a violation */
	OWNER_ENDED, /* it was this edge's: the edge had not heard of the end */
	OWNER_LINK,
};
enum owner core_owner(
	const struct core *c, const struct core_event *e, uint64_t id, struct session **out);

/* For the operator; without it the step is as good.  why: NULL, or a literal. */
void core_note_session(struct core *c, const struct session *s, const char *kind, const char *why);

/* what is a literal. */
int core_violation(struct core *c, const struct core_event *e, const char *what);

/* A message that is allowed, but for what is known of its mid and for bounds. */
struct draft {
	const struct core_event *e;
	struct session *session; /* NULL: an operator's */
	struct asker asker;
	struct message message; /* without places; mid empty: one is drawn */
};
/* Why not; code EX_NONE: it is fine. */
struct refusal {
	enum exception_code code;
	const char *field;
	uint32_t after_ms;
};
/*
 * Appends it, or, when its mid is known, answers or lets wait for the first one's answer.  *out:
 * why neither.  0 or -ENOMEM.
 */
int core_accept(struct core *c, struct draft *d, struct refusal *out);
/*
 * Whether there may be a message for that uid.  *out is NULL when the first message would make the
 * user.
 */
enum exception_code core_recipient(const struct core *c, struct slice uid, struct user **out);

/* The answer to an asker, borrowed until the next command.  *out is NULL when he cannot hear it any
 * more.  0 or -ENOMEM. */
int core_answer(struct core *c, const struct asker *asker, struct core_command **out);

/* One text to the sessions of a user. */
struct fanout {
	const struct user *user;
	uint64_t except; /* session; 0: none */
	struct core_text text;
	bool live_only;
	bool shed;
	bool native_only;
	uint64_t number;
};
bool core_has_receiver(const struct fanout *f);
/* 0 and the number of receivers, or -ENOMEM. */
int core_fan_out(struct core *c, const struct fanout *f, uint32_t *out_n);

/* Tells of what is stored or has failed, one message after the other; what there is no memory for
 * is told by a later tick. */
void core_tell(struct core *c, const struct core_event *e);
/* Positions that the store does not know yet, a bounded number. */
void core_flush_positions(struct core *c);
/* A session of that device has ended: its others alone count. */
void core_settle_position(struct core *c, struct user *u, struct slice device);

/* Received and not acknowledged, of what is stored. */
static inline uint64_t core_unacked(const struct user *u)
{
	return u->numbers.stored.rows - u->acked.rows;
}

#endif
