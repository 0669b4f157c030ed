/*
 * authd_parts: the daemon's inside, for authd.c, dispatch.c, questions and control commands alone.
 */
#ifndef POSTERN_AUTH_AUTHD_PARTS_H
#define POSTERN_AUTH_AUTHD_PARTS_H

#include <stdint.h>
#include <uv.h>

#include "auth.pb-c.h"
#include "auth/authd.h"
#include "auth/db.h"
#include "auth/facts.h"
#include "auth/keyring.h"
#include "auth/login.h"
#include "auth/onetime.h"
#include "auth/peers.h"
#include "auth/revocations.h"
#include "auth/trust.h"
#include "auth/users.h"
#include "common/audit.h"
#include "common/bus.h"
#include "ctl.pb-c.h"
#include "proto/codec.h"
#include "proto/ticket.h"

struct authd_counts {
	uint64_t granted;
	uint64_t denied;
	uint64_t busy;
	uint64_t renewed;
	uint64_t logins;
	uint64_t refreshed;
	uint64_t one_time;
	uint64_t revocations;
	uint64_t violations;
};

struct authd {
	const struct auth_config *cfg;
	uv_loop_t loop;
	uv_signal_t signals[3];
	struct bus *bus;
	struct bus_socket *edge_socket;
	struct bus_socket *ctl_socket;
	struct keyring *ring;
	struct db *db;
	struct facts *facts;
	struct users *users;
	struct revocations *revocations;
	uv_timer_t prune;
	struct login_desk *login;
	struct onetime *onetime;
	struct ticket_keys *ticket_keys;
	struct peers *peers;
	struct trust *trust;
	struct rotation *rotation;
	struct arena *arena;
	struct audit *audit; /* of authctl's commands; NULL: it could not be opened yet */
	uint64_t epoch;	     /* of this auth, in every ticket */
	unsigned logouts_in_flight;
	struct authd_counts counts;
};

/* authd.c: reads the key files again; 0, or -errno after a line, and the keys of before stay. */
int authd_reload_keys(struct authd *a);

/* dispatch.c */
void on_edge_request(void *arg, uint32_t pipe, struct slice msg, struct bus_request *req);
void on_edge_down(void *arg, uint32_t pipe);
void on_ctl_request(void *arg, uint32_t pipe, struct slice msg, struct bus_request *req);

#define CONTROL_JTI_SIZE 33

/* Who asked for what; a handler that answers later keeps a copy. */
struct control_asker {
	struct bus_request *req;
	uint32_t wire;
	Pb__AuthCtlRequest__CommandCase kind;
	uint64_t audit_id;	    /* of both its lines there */
	char jti[CONTROL_JTI_SIZE]; /* of the first token that was made; empty: none */
};
/* A command of authctl. */
struct control_ask {
	struct authd *a;
	const Pb__AuthCtlRequest *request;
	struct control_asker *asker;
};
/*
 * Carries the command out.  true: reply is filled, from the arena or with what is static, and is
 * sent.  false: the handler answers later by control_answer() with a reply of the asker's wire.
 */
typedef bool control_fn(const struct control_ask *ask, Pb__AuthCtlReply *reply);

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
	void (*args)(const Pb__AuthCtlRequest *request, struct control_args *out); /* NULL: none */
};
/* NULL: there is no such command. */
const struct control_command *control_command_of(Pb__AuthCtlRequest__CommandCase kind);

/* Opens audit.log, which is tried again with each command until it could be opened.  0 or -errno.
 */
int control_audit_open(struct authd *a);
/* Gives the asker his audit_id.  false: it could not be recorded and must not be carried out. */
bool control_record(const struct control_command *command, const struct control_ask *ask);
/* Sends the reply, and records how it went where the command changes something. */
void control_answer(
	struct authd *a, const struct control_asker *asker, const Pb__AuthCtlReply *reply);

/* control.c */
control_fn control_token;
control_fn control_check;
control_fn control_ping;
/* control_users.c */
control_fn control_user_add;
control_fn control_user_passwd;
control_fn control_user_list;
control_fn control_user_remove;
/* control_keys.c */
control_fn control_keys_list;
control_fn control_keys_rotate;
/* control_revoke.c */
control_fn control_revoke;
/* Revokes, and answers CtlDone with this uid (copied) when it is in force or is not after
 * REVOKE_CONFIRM_MS.  As a control_fn: true: it was refused. */
bool control_revoke_all(const struct control_ask *ask, const struct revocation *list, size_t n,
	struct slice uid, Pb__AuthCtlReply *reply);
/* All tokens of this user, so. */
bool control_revoke_user(const struct control_ask *ask, struct slice uid, Pb__AuthCtlReply *reply);

/* why: static.  code: an exception code of codes.h.  Always true, to be returned. */
bool control_refuse(Pb__AuthCtlReply *reply, unsigned code, const char *why);

#endif
