/*
 * core_internal: what the files of the core share, and nobody else sees: core.c (dispatch),
 * core_sessions.c (who is there), core_open.c (a ticket becomes a session), core_revoke.c (sessions
 * that others end, and marks), core_messages.c (who may say what to whom), core_accept.c (a message
 * gets its numbers), core_stored.c (it is on disk, and is told), core_streams.c (pages, positions,
 * trimming), core_load.c, core_queries.c and core_digest.c.
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
#include "router/voids.h"

#define DAY_MS 86400000

struct core {
	struct core_config config;
	struct commands commands;
	struct users users;
	struct sessions sessions;
	struct voids voids;
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
	int64_t now_ms;		  /* of the last event */
	const struct user *named; /* whose session or ticket this event is about, where known */
	struct core_counts counts;
};

/* 0, or -ENOMEM and the state is as before.  The commands are thrown away then. */
typedef int core_handler_fn(struct core *c, const struct core_event *e);

core_handler_fn core_on_edge_up;
core_handler_fn core_on_edge_down;
core_handler_fn core_on_open;
core_handler_fn core_on_rebind;
core_handler_fn core_on_close;
core_handler_fn core_on_watch;
core_handler_fn core_on_away;
core_handler_fn core_on_renew;
core_handler_fn core_on_user_known;
core_handler_fn core_on_kick;
core_handler_fn core_on_revoke;
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
	struct core *c, const struct core_event *e, uint64_t id, struct session **out);

/* The same for what is said of connections alone: a session of an HTTP request is nobody's. */
enum owner core_connection(
	struct core *c, const struct core_event *e, uint64_t id, struct session **out);

/* How a session ends, and how a note says it. */
struct ending {
	const char *kind; /* closed, kicked, ...: a literal, as why */
	const char *why;  /* or NULL */
	unsigned code;	  /* close code; 0: none */
	bool is_final;	  /* no ticket opens it again */
};
/* For the operator; without it the step is as good. */
void core_note_session(struct core *c, const struct session *s, const struct ending *how);
void core_end_session(struct core *c, struct session *s, const struct ending *how);
/* Its SHUT, and the MARK of one that ends for good.  false: out of memory. */
bool core_add_shut(struct core *c, const struct session *s, const struct ending *how);
/* Ends all that this step shuts; how many. */
uint64_t core_end_shut(struct core *c, const struct ending *how);

static inline struct slice ticket_uid(const struct ticket *t)
{
	return (struct slice){t->uid, t->uid_len};
}
struct voids_ticket core_ticket_of(const struct session *s);
/* The close code for a ticket that is void, or CLOSE_NONE. */
enum close_code core_void_code(const struct core *c, const struct ticket *t);
/* A ticket may come from a clock reading that is a little ahead of ours. */
#define ISSUED_AHEAD_MS 1000

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
