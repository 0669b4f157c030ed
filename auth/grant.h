/*
 * grant: from a good token to a session ticket, and from a ticket to its renewal or to that of
 * another token.  Pure: clocks and random numbers are arguments.
 */
#ifndef POSTERN_AUTH_GRANT_H
#define POSTERN_AUTH_GRANT_H

#include <stdbool.h>
#include <stdint.h>

#include "auth/token.h"
#include "proto/ticket.h"

/* A ticket may be issued so far ahead of the clock: as often a session's token may be replaced at
 * once.  A revocation names those too. */
#define GRANT_AHEAD_MS REAUTHS_PER_MINUTE

struct grant_terms {
	uint32_t edge_id; /* of the credential that the request showed, and of nothing else */
	uint32_t edge_epoch;
	uint64_t nonce;
	uint64_t session; /* random */
	uint64_t auth_epoch;
	int64_t wall_ms; /* both clocks, read together */
	int64_t boot_ms;
};

void grant_fill(
	struct ticket *out, const struct token_facts *facts, const struct grant_terms *terms);

/*
 * Extends a ticket whose MAC held, in place, within its ceiling.  False, and t is unchanged: it is
 * another edge's or another life's of this edge, or its session or token has ended.
 */
bool grant_renew(struct ticket *t, uint32_t edge_id, uint32_t edge_epoch, int64_t boot_ms);

/*
 * For the token that is to replace the one of a live session, whose ticket's MAC held.  The same
 * user's is a ticket of that same session and nonce, issued after live; another one's is of the
 * session that terms name.  0; -EPERM: live is another edge's or another life's of this edge, or
 * its session has ended; -EAGAIN: it was replaced too often in this moment.
 */
int grant_replace(struct ticket *out, const struct ticket *live, const struct token_facts *facts,
	const struct grant_terms *terms);

/* Until the token's exp; negative within the leeway. */
int64_t grant_expires_in_ms(const struct ticket *t, int64_t boot_ms);

#endif
