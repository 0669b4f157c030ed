/*
 * questions: an edge has a token, or a ticket that is to be renewed.  Both are answered at once.
 */
#include "auth/questions.h"

#include <inttypes.h>

#include "auth/grant.h"
#include "auth/token.h"
#include "common/clock.h"
#include "common/log.h"
#include "common/random.h"

void question_verify(const struct question *q, struct answer *out)
{
	struct authd *a = q->a;
	const Pb__AuthVerify *verify = q->ask->verify;
	struct grant_terms terms = {
		.edge_id = q->edge->id,
		.edge_epoch = q->edge->epoch,
		.nonce = verify->nonce,
		.auth_epoch = a->epoch,
		.wall_ms = clock_wall_ms(),
		.boot_ms = clock_boot_ms(),
	};
	struct token_facts facts;
	struct ticket ticket;
	enum token_verdict verdict =
		token_check(a->ring, codec_slice(verify->token), terms.wall_ms, &facts);

	if (verdict != TOKEN_GOOD) {
		a->counts.denied++;
		log_debug("denied", "edge=%" PRIu32 " reason=\"%s\"", q->edge->id,
			token_verdict_text(verdict));
		say_deny(out);
		return;
	}
	a->counts.granted++;
	terms.session = random_u64();
	grant_fill(&ticket, &facts, &terms);
	say_grant(a, &ticket, terms.boot_ms, out);
}

void question_renew(const struct question *q, struct answer *out)
{
	struct authd *a = q->a;
	int64_t boot_ms = clock_boot_ms();
	struct ticket ticket;

	if (ticket_verify(a->ticket_keys, codec_slice(q->ask->renew->ticket), &ticket) !=
			TICKET_OK ||
		!grant_renew(&ticket, q->edge->id, q->edge->epoch, boot_ms)) {
		a->counts.denied++;
		log_debug("not_renewed", "edge=%" PRIu32, q->edge->id);
		say_deny(out);
		return;
	}
	a->counts.renewed++;
	say_grant(a, &ticket, boot_ms, out);
}
