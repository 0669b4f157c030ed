/*
 * authd_parts: the daemon's inside, for authd.c, dispatch.c and control.c alone.
 */
#ifndef POSTERN_AUTH_AUTHD_PARTS_H
#define POSTERN_AUTH_AUTHD_PARTS_H

#include <stdint.h>
#include <uv.h>

#include "auth.pb-c.h"
#include "auth/authd.h"
#include "auth/keyring.h"
#include "auth/login.h"
#include "auth/peers.h"
#include "auth/trust.h"
#include "auth/users.h"
#include "common/bus.h"
#include "ctl.pb-c.h"
#include "proto/codec.h"
#include "proto/ticket.h"

/* A peer's role comes from the socket that it arrived on. */
enum role { ROLE_EDGE = 1, ROLE_CTL = 2 };

struct authd_counts {
	uint64_t granted;
	uint64_t denied;
	uint64_t busy;
	uint64_t renewed;
	uint64_t logins;
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
	struct users *users;
	struct login_desk *login;
	struct ticket_key *ticket_key;
	struct peers *peers;
	struct trust *trust;
	struct arena *arena;
	uint64_t epoch; /* of this auth, in every ticket */
	struct authd_counts counts;
};

/* dispatch.c */
void on_edge_request(void *arg, uint32_t pipe, struct slice msg, struct bus_request *req);
void on_edge_down(void *arg, uint32_t pipe);
void on_ctl_request(void *arg, uint32_t pipe, struct slice msg, struct bus_request *req);

/* control.c: the commands of authctl, each fills reply from its request. */
void control_token(struct authd *a, const Pb__AuthCtlRequest *request, Pb__AuthCtlReply *reply);
void control_check(struct authd *a, const Pb__AuthCtlRequest *request, Pb__AuthCtlReply *reply);

#endif
