/*
 * question_logout: a token's own end.  A token of auth's own key ends with all that were refreshed
 * from the same login, since they share its jti, so its revocation is kept until the last of them
 * has expired.
 */
#include <errno.h>
#include <stdlib.h>

#include "auth/questions.h"
#include "auth/revoke.h"
#include "common/clock.h"
#include "common/log.h"
#include "proto/codes.h"
#include "proto/limits.h"

/* Each holds one of the edges' contexts while it waits for the router; the other questions need
 * some. */
#define LOGOUTS_IN_FLIGHT 32

struct pending_logout {
	struct authd *a;
	struct bus_request *req;
	uint32_t wire;
};

static void on_revoked(void *arg, bool in_force)
{
	CLEANUP(mem_freep) struct pending_logout *p = arg;
	struct answer answer;

	(void)in_force; /* here it is, and the router gets it: the client has no more to do */
	p->a->logouts_in_flight--;
	say_done(&answer);
	answer_one(p->req, p->wire, &answer);
}

static int logout_start(const struct question *q, const struct token_facts *facts, int64_t wall_ms)
{
	struct revocation revocation = {
		.kind = REVOCATION_TOKEN,
		.uid = {facts->uid, facts->uid_len},
		.hash = facts->hash,
		.wall_ms = wall_ms,
		.boot_ms = clock_boot_ms(),
		.until_ms = revocations_token_until_ms(facts, wall_ms),
		.code = CLOSE_LOGGED_OUT,
	};
	struct pending_logout *p = malloc(sizeof(*p));
	int r;

	if (p == NULL)
		return -ENOMEM;
	*p = (struct pending_logout){q->a, q->req, q->wire};
	r = revoke_all(q->a, &revocation, 1, on_revoked, p);
	if (r < 0) {
		free(p);
		return r;
	}
	q->a->logouts_in_flight++;
	return 0;
}

void question_logout(const struct question *q, struct answer *out)
{
	int64_t wall_ms = clock_wall_ms();
	struct token_facts facts;

	if (!question_token_is_good(q, codec_slice(q->ask->logout->token), wall_ms, &facts)) {
		say_deny(out);
	} else if (q->a->logouts_in_flight >= LOGOUTS_IN_FLIGHT) {
		q->a->counts.busy++;
		say_busy(out, BUSY_RETRY_MS);
	} else if (logout_start(q, &facts, wall_ms) < 0) {
		say_busy(out, BUSY_RETRY_MS);
	} else {
		return;
	}
	answer_one(q->req, q->wire, out);
}
