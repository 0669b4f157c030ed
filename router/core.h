/*
 * core: who is where and who gets what, as one pure step(state, event) -> commands.  No clock, no
 * I/O, no threads, no randomness of its own: time and random numbers come in the event.  links.c
 * turns batches into events and commands into batches; a simulation may do the same.
 *
 * A session is {id, user, device, link, dialect, end}.  The sender of a message is the session's
 * user; no event carries one.  An event about a session of another link is a violation.
 *
 * Numbers and the disk.  A send that is allowed gets its numbers at once and becomes an APPEND; its
 * sender is answered and its readers get it when CORE_STORED says that it is durable.  CORE_FAILED
 * (disk full) takes back every number that was not stored, so streams have no holes.  A session is
 * live when it has everything up to the stored head of its user's stream; one that is not asks for
 * pages (CORE_SYNC -> READ -> CORE_ROWS -> DELIVER.. PAGE) and gets nothing live until it is.
 *
 * Identity.  A session has one user for its life; a connection that changes its user changes its
 * session (CORE_REBIND, one step).  A revocation is in force with its step: sessions that it names
 * are shut, and no ticket that it names opens or renews one; its MARK makes it outlive the router.
 * A session of the dialect CORE_API belongs to one HTTP request: it sends or pushes and is closed,
 * at the latest after API_SESSION_MS.  Nobody sees it: no presence, delivery, carbon or position,
 * in no list or count of sessions; its device is "api".  To say anything else for it is a
 * violation.
 */
#ifndef POSTERN_ROUTER_CORE_H
#define POSTERN_ROUTER_CORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/slice.h"
#include "proto/codes.h"
#include "proto/limits.h"
#include "proto/ticket.h"
#include "router/mark.h"
#include "router/message.h"

struct core;

enum core_dialect { CORE_NATIVE, CORE_PLAIN, CORE_API };
/* What a new session does where its user has sessions_per_user of them. */
enum core_limit {
	CORE_LIMIT_REFUSE, /* it is refused, 4004 */
	CORE_LIMIT_OLDEST, /* the one that was opened first is shut, 4409 */
	CORE_LIMIT_DEVICE, /* a session of the same named device is shut, 4409, at any number; else
			      REFUSE */
};
enum core_recipients { CORE_RECIPIENTS_KNOWN, CORE_RECIPIENTS_ANY };
/* Whose presence a session may watch. */
enum core_watching { CORE_WATCH_CONTACTS, CORE_WATCH_ANY, CORE_WATCH_OFF };
enum core_stream { CORE_STREAM_USER, CORE_STREAM_SYSTEM };
enum core_reset { CORE_RESET_NONE, CORE_RESET_EPOCH_CHANGED, CORE_RESET_TOO_OLD, CORE_RESET_AHEAD };
enum core_wait { CORE_WAIT_DELIVERED, CORE_WAIT_ACCEPTED, CORE_WAIT_ACKED };

struct core_config {
	enum core_recipients recipients;
	enum core_watching watching;
	size_t sessions_per_user;
	enum core_limit limit;
	bool is_durable;     /* false: nothing is kept for a recipient without a session (1102) */
	uint64_t inbox_rows; /* not acknowledged, per user */
	uint64_t inbox_bytes;
	int64_t retention_ms;	 /* contacts, and trimming of what nobody acknowledged */
	char epoch[EPOCH_BYTES]; /* the store's */
	uint64_t random;	 /* keys the tables */
	int64_t started_ms;	 /* BOOTTIME: reopens are taken for REOPEN_WINDOW_MS */
	bool after_restart; /* users are `unknown` until edges have reopened or 5 s have passed */
};

enum core_event_kind {
	CORE_EDGE_UP,	/* link was claimed: edge */
	CORE_EDGE_DOWN, /* its pipe is gone: every session of the link ends */
	CORE_OPEN,
	CORE_CLOSE,
	CORE_SEND,
	CORE_PUSH, /* from a session */
	CORE_TYPING,
	CORE_WATCH,
	CORE_AWAY,
	CORE_RENEW,
	CORE_USER_KNOWN, /* auth says that this user exists */
	CORE_CTL_PUSH,	 /* from an operator */
	CORE_CTL_KICK,
	CORE_ACK,    /* a client has everything up to there */
	CORE_SYNC,   /* a client's edge asks for a page */
	CORE_STORED, /* by the store, as what follows */
	CORE_FAILED,
	CORE_ROWS,
	CORE_ACKED,
	CORE_OLD,
	CORE_CTL_PURGE,
	CORE_REBIND, /* a session's connection gets another user: it ends, another one begins */
	CORE_REVOKE, /* auth says: tickets are void */
	CORE_TICK,   /* at least every 250 ms: session ends, presence */
};

/* All slices are borrowed for the call. */
struct core_event {
	enum core_event_kind kind;
	int64_t now_ms;	    /* CLOCK_BOOTTIME */
	int64_t wall_ms;    /* ms since 1970 */
	uint64_t random[2]; /* for a mid */
	uint32_t link;	    /* slot, below MAX_EDGES; 0 for CTL, TICK and USER_KNOWN */
	union {
		struct {
			uint32_t id;
			uint32_t epoch;
		} edge;
		struct {
			const struct ticket *ticket; /* its MAC was verified by the caller */
			uint64_t nonce;
			struct slice device;
			enum core_dialect dialect;
			bool reopen;
			bool has_position;
			struct slice epoch;
			uint64_t u;
			uint64_t s;
			uint64_t replaces; /* CORE_REBIND: the session of this link that ends, if
					      the new one is opened; if not it goes on */
		} open;			   /* CORE_OPEN, CORE_REBIND */
		struct {
			uint64_t session;
			unsigned code; /* close code, or 0: it left without a word */
		} close;
		struct {
			struct mark mark;
			uint64_t tag; /* of its CORE_DO_MARK; there is none when the mark is too old
					 to name anything, or names nothing */
		} revoke;
		struct {
			uint64_t session;
			uint64_t ref;
			struct slice to;
			struct slice content; /* UTF-8 text; checked here */
			struct slice mid;
		} send;
		struct {
			uint64_t session; /* CORE_PUSH only */
			uint64_t ref; /* CORE_PUSH: of DownResult; CORE_CTL_PUSH: the caller's */
			struct slice user; /* empty: to all */
			struct slice event;
			struct slice data; /* JSON text, checked and compacted by the caller
					      (json_read) */
			struct slice mid;
			int64_t ttl_ms; /* CORE_CTL_PUSH; 0: the retention */
		} push;
		struct {
			uint64_t session;
			struct slice to;
		} typing;
		struct {
			uint64_t session;
			const struct slice *users;
			size_t n_users;
		} watch;
		struct {
			uint64_t session;
			bool away;
		} away;
		struct {
			uint64_t session;
			const struct ticket *ticket;
		} renew;
		struct {
			struct slice uid;
		} user; /* CORE_USER_KNOWN, CORE_CTL_KICK, CORE_CTL_PURGE */
		struct {
			uint64_t session;
			uint64_t u; /* 0: nothing said of this stream */
			uint64_t s;
		} ack;
		struct {
			uint64_t session;
			enum core_stream stream;
			uint64_t after;
		} sync;
		struct {
			uint64_t number; /* of the last APPEND that is durable */
		} stored;
		struct {
			uint64_t generation;
		} failed;
		struct {
			uint64_t session; /* as in READ, as what follows */
			enum core_stream stream;
			uint64_t after;
			uint64_t floor;
			const struct message_row *rows; /* after + 1 and on; may be none */
			size_t n;
		} rows;
		struct {
			struct slice uid;
			struct message_place place;
		} acked;
		struct {
			struct slice uid;
			uint64_t seq;
			int64_t ts_ms;
		} old;
	};
};

enum core_command_kind {
	CORE_DO_OPENED,
	CORE_DO_OPEN_REFUSED,
	CORE_DO_RESULT,	 /* to a session's send or push */
	CORE_DO_DELIVER, /* one text to some sessions of one link */
	CORE_DO_SHUT,
	CORE_DO_SYSTEM, /* PUB once */
	CORE_DO_CTL_RESULT,
	CORE_DO_VIOLATION, /* count against the link; its event changed nothing */
	CORE_DO_PAGE,	   /* the end of what one SYNC asked for */
	CORE_DO_RESET,	   /* what it asked for is not kept; the PAGE that ends it follows */
	CORE_DO_APPEND,	   /* to the store, as what follows */
	CORE_DO_READ,
	CORE_DO_USER, /* he begins: with his first session or the first message for him */
	CORE_DO_POSITION,
	CORE_DO_CONTACT,
	CORE_DO_TRIM,
	CORE_DO_MARK, /* to the store */
	CORE_DO_NOTE, /* for routerctl tail and why, and for the log */
};

/* What became of a send or push. */
enum core_state {
	CORE_REFUSED,	/* code says why */
	CORE_DELIVERED, /* stored, and handed to the links of `devices` live sessions */
	CORE_ACCEPTED,	/* stored; the recipient's sessions are reading up to it */
	CORE_KEPT,	/* stored; the recipient has no session */
	CORE_DUPLICATE, /* the mid is known: first, devices and seq are the first one's */
};

struct core_text { /* see DownDeliver in link.proto */
	struct slice text;
	uint32_t data_end;
	uint32_t plain_end;
};

struct core_command {
	enum core_command_kind kind;
	uint32_t link; /* not for SYSTEM, CTL_RESULT, NOTE */
	union {
		struct {
			uint64_t nonce;
			uint64_t session;
			uint64_t u; /* stored heads */
			uint64_t s;
			uint64_t start_u; /* what the client has; below u: pages are to be asked for
					   */
			uint64_t start_s;
			bool recovered;
			enum core_reset reset;
		} opened;
		struct {
			uint64_t nonce;
			unsigned code;
		} open_refused;
		struct {
			uint64_t ref;
			enum core_state state;
			enum core_state first; /* of a duplicate */
			uint32_t devices;
			uint64_t seq; /* chat: in the sender's stream, 0 when he is the recipient;
					 push: in the recipient's, or the system's */
			struct slice mid;
			unsigned code; /* exception code when refused */
			uint32_t after_ms;
			const char *field; /* or NULL */
		} result;		   /* CORE_DO_RESULT, CORE_DO_CTL_RESULT */
		struct {
			const uint64_t *sessions;
			size_t n_sessions;
			struct core_text text;
			bool shed;
			bool native_only; /* to plain ones it is sent for its number alone */
			uint64_t number;  /* in the stream; 0: none */
			bool system;	  /* of the system stream, in a page */
		} deliver;
		struct {
			uint64_t session;
			enum core_stream stream;
			uint64_t last;
			bool more;
		} page;
		struct {
			uint64_t session;
			enum core_reset reason;
			uint64_t
				u; /* it goes on after it; 0: of the other stream nothing is said */
			uint64_t s;
		} reset;
		struct {
			uint64_t number;
			uint64_t generation;
			const struct message *message;
		} append;
		struct {
			uint64_t session;
			enum core_stream stream;
			struct slice uid; /* empty: the system stream */
			uint64_t after;
		} read; /* at most SYNC_PAGE_ROWS and SYNC_PAGE_BYTES */
		struct {
			struct slice uid;
			uint64_t acked_system;
		} user;
		struct {
			struct slice uid;
			struct slice device; /* empty: of none */
			uint64_t u;
			uint64_t s;
			int64_t seen_ms;
		} position;
		struct {
			struct slice a; /* sorts before b */
			struct slice b;
			int64_t last_ms;
		} contact;
		struct {
			struct slice uid;
			uint64_t seq;
		} trim;
		struct {
			uint64_t session;
			unsigned code; /* close code */
			uint32_t after_ms;
		} shut;
		struct {
			uint64_t number;
			struct core_text text;
		} system;
		struct {
			struct mark mark;
			uint64_t tag; /* of a CORE_REVOKE; 0: nobody waits for it */
		} mark;
		struct {
			const char *what;
			struct slice user; /* whose session or ticket it names, where known */
		} violation;
		struct {
			const char *kind; /* opened, closed, sent, ... */
			struct slice user;
			struct slice detail; /* key=value ... */
		} note;
	};
};

struct core_commands {
	const struct core_command *list; /* borrowed until the next core_step() */
	size_t n;
};

/* 0 and an owned *out, or -ENOMEM. */
int core_new(struct core **out, const struct core_config *config);
void core_free(struct core *c);

/*
 * What the store kept, before the first step.  0 or -ENOMEM.  Users before what names them.
 */
struct core_stored_user {
	struct slice uid; /* empty: the system stream */
	struct message_place head;
	struct message_place acked;
	uint64_t acked_system;
	uint64_t floor;
};
struct core_stored_device {
	struct slice uid;
	struct slice device;
	uint64_t u;
	uint64_t s;
	int64_t seen_ms; /* wall */
};
int core_load_user(struct core *c, const struct core_stored_user *u);
int core_load_device(struct core *c, const struct core_stored_device *d);
int core_load_contact(struct core *c, struct slice a, struct slice b, int64_t last_ms);
/* One that the store kept: in force from the first step on. */
int core_load_mark(struct core *c, const struct mark *mark);
/* A message whose mid is still to be remembered; oldest first. */
int core_load_recent(struct core *c, const struct message *m);

/*
 * 0, or -ENOMEM: then the state is as before and there are no commands.  Commands are in the order
 * in which they must be sent; OPENED precedes every delivery to its session.
 */
int core_step(struct core *c, const struct core_event *event, struct core_commands *out);

/* What is going on, for operators.  Everything borrowed until the next step. */
struct core_session_info {
	uint64_t session;
	struct slice device;
	uint32_t edge_id;
	enum core_dialect dialect;
	unsigned flags; /* enum ticket_flag */
	bool away;
	int64_t opened_ms;
	int64_t ends_ms;
};
struct core_user_info {
	struct slice uid;
	const char *state; /* online, away, offline, unknown */
	uint64_t seq;	   /* stored */
	uint64_t acked;	   /* highest that any device acknowledged */
	uint64_t floor;	   /* lowest that is kept */
	uint64_t rows;	   /* received and not acknowledged */
	uint64_t bytes;
	size_t n_sessions;
	size_t n_devices; /* with a position */
};
/* false: not known. */
bool core_user(const struct core *c, struct slice uid, struct core_user_info *out);
/* The i-th session of a user (0..n_sessions-1). */
bool core_user_session(
	const struct core *c, struct slice uid, size_t i, struct core_session_info *out);
/* The first user with a session whose uid sorts after `after` (bytewise); empty: the first of all.
 */
bool core_next_online(const struct core *c, struct slice after, struct core_user_info *out);
/* The i-th device with a position. */
struct core_device_info {
	struct slice device;
	uint64_t u;
	uint64_t s;
	int64_t seen_ms; /* wall */
};
bool core_user_device(
	const struct core *c, struct slice uid, size_t i, struct core_device_info *out);
/* Fills out with at most max users, most unacknowledged rows first; how many. */
size_t core_top(const struct core *c, struct core_user_info *out, size_t max);
/* Sessions of one link, and of all. */
size_t core_link_sessions(const struct core *c, uint32_t link);

struct core_counts {
	uint64_t sessions;
	uint64_t users_online;
	uint64_t users_known;
	uint64_t sent;	  /* private messages delivered */
	uint64_t refused; /* private messages answered with an exception */
	uint64_t deliveries;
	uint64_t pushes;
	uint64_t system_head;
	uint64_t opened;
	uint64_t violations;
	uint64_t opens_refused;
	uint64_t pending_rows; /* appended, not stored yet */
	uint64_t pending_bytes;
	uint64_t syncing; /* sessions that are not live */
	uint64_t duplicates;
	uint64_t stored;
	uint64_t store_failures;
	uint64_t resets;
	uint64_t mids;
	uint64_t unacked_rows; /* of all users */
	uint64_t rebound;
	uint64_t revoked;  /* sessions that a revocation ended */
	uint64_t replaced; /* sessions that a newer one ended */
	uint64_t marks;
};
void core_counts(const struct core *c, struct core_counts *out);
/* The epoch's text, EPOCH_BYTES. */
struct slice core_epoch(const struct core *c);
/* One number for the whole logical state, counters left out: equal states have equal digests. */
uint64_t core_digest(const struct core *c);

#endif
