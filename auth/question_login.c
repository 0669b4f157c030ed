/*
 * question_login: a name and a password, answered when the worker has hashed it.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "auth/questions.h"
#include "auth/token.h"
#include "common/clock.h"
#include "common/log.h"
#include "common/random.h"
#include "proto/limits.h"

/* A login on its way.  The edge's quota lives as long as it does. */
struct pending_login {
	struct authd *a;
	struct peer_edge *edge;
	struct bus_request *req;
	uint32_t wire;
};

static char *login_token(struct authd *a, struct slice username, const char *uid)
{
	const struct key *own = keyring_own(a->ring);
	struct token_order order = {
		.sub = slice_of(uid),
		.name = username,
		.ttl_s = LOGIN_TTL_S,
		.jti = {random_u64(), random_u64()},
	};
	char *token = NULL;
	int r;

	if (own == NULL) {
		LOG_LIMITED(LOG_ERROR, "no_own_key", "hint=\"logins need keys/own.conf\"");
		return NULL;
	}
	order.iat_s = revocations_iat_s(
		a->revocations, order.sub, own->policy->issuer_id, clock_wall_ms());
	order.auth_time_s = order.iat_s;
	if (order.ttl_s > own->policy->max_lifetime_s)
		order.ttl_s = own->policy->max_lifetime_s;
	r = token_make(&token, own, &order);
	if (r < 0)
		LOG_LIMITED(LOG_ERROR, "token_not_made", "error=%d", -r);
	return token;
}

static void on_login_checked(void *arg, struct slice username, const char *uid)
{
	CLEANUP(mem_freep) struct pending_login *p = arg;
	CLEANUP(mem_freep) char *token = NULL;
	struct answer answer;

	if (uid != NULL)
		token = login_token(p->a, username, uid);
	if (token != NULL)
		say_token(&answer, token);
	else
		say_deny(&answer);
	answer_one(p->req, p->wire, &answer);
	peers_login_end(p->a->peers, p->edge);
}

/* 0: the worker has it.  Else the ms until the edge may try again, or -errno: denied. */
static int64_t login_start(const struct question *q)
{
	const Pb__AuthLogin *login = q->ask->login;
	struct login_attempt attempt = {
		.username = codec_slice(login->username),
		.password = codec_slice(login->password),
		.address = codec_slice(login->address),
	};
	struct pending_login *p;
	int64_t r;

	if (!peers_login_begin(q->a->peers, q->edge))
		return BUSY_RETRY_MS;
	p = malloc(sizeof(*p));
	r = -ENOMEM;
	if (p != NULL) {
		*p = (struct pending_login){q->a, q->edge, q->req, q->wire};
		r = login_begin(q->a->login, &attempt, on_login_checked, p);
	}
	if (r != 0) {
		free(p);
		peers_login_end(q->a->peers, q->edge);
	}
	return r;
}

void question_login(const struct question *q, struct answer *out)
{
	int64_t r = login_start(q);

	q->a->counts.logins++;
	if (q->ask->login->password.len > 0)
		explicit_bzero(q->ask->login->password.data, q->ask->login->password.len);
	if (r == 0)
		return;
	if (r > 0)
		say_busy(out, r);
	else
		say_deny(out);
	answer_one(q->req, q->wire, out);
}
