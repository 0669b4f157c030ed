/*
 * control_internal: what control.c (socket), control_audit.c (the table, and what is recorded),
 * control_push.c, control_tail.c and control_backup.c share, and nobody else sees.
 */
#ifndef POSTERN_ROUTER_CONTROL_INTERNAL_H
#define POSTERN_ROUTER_CONTROL_INTERNAL_H

#include <sys/types.h>

#include "ctl.pb-c.h"
#include "router/control.h"

#define TAIL_WAITERS 32
#define PUSH_WAITERS 64

/* Who asked, and in which version: the answer repeats it. */
struct asker {
	struct bus_request *req; /* NULL: nobody */
	uid_t uid;
	uint32_t wire;
	struct control *control;
	const struct control_command *command;
	bool changes;	   /* the result is recorded, too */
	uint64_t audit_id; /* of both its lines there */
};

struct tail_waiter {
	struct asker asker; /* req NULL: a free place */
	uint64_t after;
	int64_t until_ms;
	size_t user_len;
	char user[UID_MAX_BYTES];
};

/* A push on its way.  Its number (ref) names it to the core. */
struct push_waiter {
	struct asker asker; /* req NULL: a free place */
	uint64_t ref;
	enum core_wait wait;
	int64_t until_ms;
	bool is_stored; /* what follows is known */
	enum core_state state;
	bool is_duplicate;
	uint32_t devices;
	uint64_t seq;
	size_t mid_len;
	size_t user_len; /* 0: to all */
	char mid[MID_MAX_BYTES];
	char user[UID_MAX_BYTES];
};

struct backup {
	uint64_t id; /* 0: there is none */
	int fd;	     /* -1: not complete yet */
	uint64_t total;
	int64_t used_ms; /* last asked for */
	bool failed;
};

struct control {
	struct hub *hub;
	struct bus_socket *socket;
	struct arena *arena; /* of replies */
	uint64_t noted;	     /* the last note that waiters were looked through for */
	uint64_t refs;	     /* given to pushes so far */
	/* What a kick or a purge, which the core answers at once, gave. */
	struct {
		bool answered;
		unsigned code;
		uint32_t sessions;
	} now;
	struct tail_waiter tails[TAIL_WAITERS];
	struct push_waiter pushes[PUSH_WAITERS];
	struct backup backup;
	struct audit *audit; /* NULL: not opened yet */
};

void control_answer(struct asker asker, Pb__RouterCtlReply *reply);
/* A refusal.  more, a literal or of the core's own, says which field or why; or NULL. */
void control_refuse(struct asker asker, unsigned code, const char *more);

typedef void control_fn(struct control *c, const Pb__RouterCtlRequest *request, struct asker asker);

/* control_audit.c */
struct control_args; /* what of a command is recorded */
enum control_recording {
	RECORD_NOTHING,
	RECORD_BEGUN,  /* before it is carried out */
	RECORD_RESULT, /* and how it went */
};
struct control_command {
	const char *name; /* in audit.log */
	control_fn *handle;
	enum control_recording record;
	void (*args)(const Pb__RouterCtlRequest *request, struct control_args *out); /* or NULL */
};
/* Never NULL: there is one for a request without a command, too. */
const struct control_command *control_command_of(Pb__RouterCtlRequest__CommandCase kind);
/* Gives the asker his audit_id.  false: it could not be written and must not be carried out. */
bool control_record(struct control *c, const Pb__RouterCtlRequest *request, struct asker *asker);
bool control_changes(const Pb__RouterCtlRequest *request);
void control_record_result(const struct asker *asker, const Pb__RouterCtlReply *reply);

control_fn control_on_who;
control_fn control_on_user;
control_fn control_on_edges;
control_fn control_on_stats;
control_fn control_on_kick;
control_fn control_on_top;
control_fn control_on_inbox;
control_fn control_on_drain;
control_fn control_on_why;
control_fn control_on_ping;
control_fn control_on_none;

control_fn control_on_push;
/* CORE_DO_CTL_RESULT of a push. */
void control_pushed(struct control *c, const struct core_command *result);
/* Answers those whose message was acknowledged, or who waited long enough; at the end, all. */
void control_push_turn(struct control *c, int64_t now_ms, bool is_end);

control_fn control_on_tail;
void control_tail_turn(struct control *c);
void control_tail_tick(struct control *c, int64_t now_ms);

control_fn control_on_backup;
void control_backup_tick(struct control *c, int64_t now_ms);

#endif
