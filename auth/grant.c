/*
 * grant: the times of a ticket.  The token's exp is wall time and is turned into CLOCK_BOOTTIME
 * here, once; from then on a jump of the wall clock neither revives nor kills a session.
 */
#include "auth/grant.h"

#include <errno.h>

static int64_t earlier(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

static void times_fill(struct ticket *t, int64_t boot_ms)
{
	t->issued_at_ms = boot_ms;
	t->present_by_ms = boot_ms + TICKET_PRESENT_MS;
	t->session_end_ms = earlier(t->ceiling_ms, boot_ms + SESSION_MAX_MS);
}

void grant_fill(
	struct ticket *out, const struct token_facts *facts, const struct grant_terms *terms)
{
	unsigned flags = facts->read_only ? TICKET_READ_ONLY : TICKET_MAY_SEND;

	if (facts->may_push)
		flags |= TICKET_MAY_PUSH;
	*out = (struct ticket){
		.flags = (unsigned char)flags,
		.session = terms->session,
		.edge_id = terms->edge_id,
		.edge_epoch = terms->edge_epoch,
		.nonce = terms->nonce,
		.ceiling_ms = terms->boot_ms + (facts->exp_ms - terms->wall_ms) + TOKEN_LEEWAY_MS,
		.token_hash = facts->hash,
		.auth_epoch = terms->auth_epoch,
		.issuer_id = facts->issuer_id,
		.uid_len = facts->uid_len,
	};
	memcpy(out->uid, facts->uid, facts->uid_len);
	times_fill(out, terms->boot_ms);
}

static bool is_live(const struct ticket *t, uint32_t edge_id, uint32_t edge_epoch, int64_t boot_ms)
{
	return t->edge_id == edge_id && t->edge_epoch == edge_epoch &&
	       boot_ms < t->session_end_ms && boot_ms < t->ceiling_ms;
}

bool grant_renew(struct ticket *t, uint32_t edge_id, uint32_t edge_epoch, int64_t boot_ms)
{
	if (!is_live(t, edge_id, edge_epoch, boot_ms))
		return false;
	times_fill(t, boot_ms);
	return true;
}

int grant_replace(struct ticket *out, const struct ticket *live, const struct token_facts *facts,
	const struct grant_terms *terms)
{
	if (!is_live(live, terms->edge_id, terms->edge_epoch, terms->boot_ms))
		return -EPERM;
	grant_fill(out, facts, terms);
	if (!slice_eq((struct slice){live->uid, live->uid_len},
		    (struct slice){out->uid, out->uid_len}))
		return 0;
	/* A chain of replacements must not get ahead of the clock, and so of a revocation. */
	if (live->issued_at_ms >= terms->boot_ms + GRANT_AHEAD_MS)
		return -EAGAIN;
	out->session = live->session;
	out->nonce = live->nonce; /* of its opening, which a reopen repeats */
	/* Of two tickets of a session the one that was issued later holds, also within a ms. */
	if (out->issued_at_ms <= live->issued_at_ms)
		out->issued_at_ms = live->issued_at_ms + 1;
	return 0;
}

int64_t grant_expires_in_ms(const struct ticket *t, int64_t boot_ms)
{
	return t->ceiling_ms - TOKEN_LEEWAY_MS - boot_ms;
}
