/*
 * questions: an edge has a token, alone or for a session that is live, a one-time ticket in its
 * place, or a ticket that is to be renewed.  All are answered at once.
 */
#include "auth/questions.h"

#include <errno.h>
#include <inttypes.h>

#include "auth/grant.h"
#include "common/bug.h"
#include "common/clock.h"
#include "common/log.h"
#include "common/random.h"

bool question_token_is_good(
	const struct question *q, struct slice token, int64_t wall_ms, struct token_facts *out)
{
	enum token_verdict verdict = token_check(q->a->ring, token, wall_ms, out);
	const bool is_void =
		verdict == TOKEN_GOOD && !BUG(46) && revocations_void_token(q->a->revocations, out);

	if (verdict == TOKEN_GOOD && !is_void)
		return true;
	q->a->counts.denied++;
	log_debug("denied", "edge=%" PRIu32 " reason=\"%s\"", q->edge->id,
		is_void ? "revoked" : token_verdict_text(verdict));
	return false;
}

static struct grant_terms terms_of(const struct question *q, uint64_t nonce)
{
	return (struct grant_terms){
		.edge_id = q->edge->id,
		.edge_epoch = q->edge->epoch,
		.nonce = nonce,
		.session = random_u64(),
		.auth_epoch = q->a->epoch,
		.wall_ms = clock_wall_ms(),
		.boot_ms = clock_boot_ms(),
	};
}

static void deny_ticket(const struct question *q, const char *what, struct answer *out)
{
	q->a->counts.denied++;
	log_debug("denied", "edge=%" PRIu32 " reason=\"%s\"", q->edge->id, what);
	say_deny(out);
}

static bool ticket_is_good(const struct question *q, struct slice bytes, struct ticket *out)
{
	return ticket_verify(q->a->ticket_keys, bytes, out) == TICKET_OK &&
	       !revocations_void_ticket(q->a->revocations, out);
}

/* The ticket that a good token is granted: of a session of its own, or of the live one.  0, or
 * -errno as grant_replace(). */
static int ticket_fill(const struct question *q, const struct token_facts *facts,
	const struct grant_terms *terms, struct ticket *out)
{
	struct slice bytes = codec_slice(q->ask->verify->ticket);
	struct ticket live;

	if (bytes.len == 0) {
		grant_fill(out, facts, terms);
		return 0;
	}
	return ticket_is_good(q, bytes, &live) ? grant_replace(out, &live, facts, terms) : -EPERM;
}

void question_verify(const struct question *q, struct answer *out)
{
	const Pb__AuthVerify *verify = q->ask->verify;
	struct grant_terms terms = terms_of(q, verify->nonce);
	struct token_facts facts;
	struct ticket ticket;
	int r;

	if (!question_token_is_good(q, codec_slice(verify->token), terms.wall_ms, &facts)) {
		say_deny(out);
		return;
	}
	r = ticket_fill(q, &facts, &terms, &ticket);
	if (r == -EAGAIN) {
		q->a->counts.busy++;
		say_busy(out, GRANT_AHEAD_MS);
		return;
	}
	if (r < 0) {
		deny_ticket(q, "the live session's ticket", out);
		return;
	}
	q->a->counts.granted++;
	say_grant(q->a, &ticket, terms.boot_ms, out);
}

/* What revoked or ended its token since it was made, does so for the one-time ticket. */
static bool facts_still_hold(
	const struct question *q, const struct token_facts *facts, int64_t wall_ms)
{
	return wall_ms < facts->exp_ms + TOKEN_LEEWAY_MS &&
	       !revocations_void_token(q->a->revocations, facts);
}

void question_redeem(const struct question *q, struct answer *out)
{
	const Pb__AuthRedeem *redeem = q->ask->redeem;
	struct grant_terms terms = terms_of(q, redeem->nonce);
	struct token_facts facts;
	struct ticket ticket;

	if (!onetime_take(q->a->onetime, codec_slice(redeem->secret), codec_slice(redeem->origin),
		    terms.boot_ms, &facts) ||
		!facts_still_hold(q, &facts, terms.wall_ms)) {
		deny_ticket(q, "one-time ticket", out);
		return;
	}
	q->a->counts.granted++;
	grant_fill(&ticket, &facts, &terms);
	say_grant(q->a, &ticket, terms.boot_ms, out);
}

void question_renew(const struct question *q, struct answer *out)
{
	int64_t boot_ms = clock_boot_ms();
	struct ticket ticket;

	if (!ticket_is_good(q, codec_slice(q->ask->renew->ticket), &ticket) ||
		!grant_renew(&ticket, q->edge->id, q->edge->epoch, boot_ms)) {
		deny_ticket(q, "not renewed", out);
		return;
	}
	q->a->counts.renewed++;
	say_grant(q->a, &ticket, boot_ms, out);
}
