/*
 * core: who is where and who gets what, as one pure step(state, event) -> commands.  No clock, no
 * I/O, no threads, no randomness of its own: time and random numbers come in the event.  links.c
 * turns batches into events and commands into batches; a simulation may do the same.
 *
 * A session is {id, user, device, link, dialect, end}.  The sender of a message is the session's
 * user; no event carries one.  An event about a session of another link is a violation.
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

struct core;

enum core_dialect { CORE_NATIVE, CORE_PLAIN };
enum core_recipients { CORE_RECIPIENTS_KNOWN, CORE_RECIPIENTS_ANY };

struct core_config {
	enum core_recipients recipients;
	size_t sessions_per_user;
	uint64_t epoch_random; /* makes the epoch's text */
	int64_t started_ms;    /* BOOTTIME: reopens are taken for REOPEN_WINDOW_MS */
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
	CORE_TICK, /* at least every 250 ms: session ends, presence */
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
		} open;
		struct {
			uint64_t session;
		} close;
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
		} user; /* CORE_USER_KNOWN, CORE_CTL_KICK */
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
	CORE_DO_NOTE,	   /* for routerctl tail, and for the log */
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
			uint64_t u;
			uint64_t s;
		} opened;
		struct {
			uint64_t nonce;
			unsigned code;
		} open_refused;
		struct {
			uint64_t ref;
			bool delivered;
			uint32_t devices;
			uint64_t seq;
			struct slice mid;
			unsigned code; /* exception code when not delivered */
			uint32_t after_ms;
			const char *field; /* or NULL */
		} result;		   /* CORE_DO_RESULT, CORE_DO_CTL_RESULT */
		struct {
			const uint64_t *sessions;
			size_t n_sessions;
			struct core_text text;
			bool shed;
			bool native_only;
		} deliver;
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
			const char *what;
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
	bool away;
	int64_t opened_ms;
	int64_t ends_ms;
};
struct core_user_info {
	struct slice uid;
	const char *state; /* online, away, offline, unknown */
	uint64_t seq;
	size_t n_sessions;
};
/* false: not known. */
bool core_user(const struct core *c, struct slice uid, struct core_user_info *out);
/* The i-th session of a user (0..n_sessions-1). */
bool core_user_session(
	const struct core *c, struct slice uid, size_t i, struct core_session_info *out);
/* The first user with a session whose uid sorts after `after` (bytewise); empty: the first of all.
 */
bool core_next_online(const struct core *c, struct slice after, struct core_user_info *out);
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
};
void core_counts(const struct core *c, struct core_counts *out);
/* The epoch's text, EPOCH_BYTES. */
struct slice core_epoch(const struct core *c);
/* One number for the whole logical state, counters left out: equal states have equal digests. */
uint64_t core_digest(const struct core *c);

#endif
