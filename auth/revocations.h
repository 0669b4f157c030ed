/*
 * revocations: which tokens and tickets are void.  On disk in auth.db as numbered facts (facts.h),
 * in memory for the checks, which every verification and renewal makes.  Loop thread only.
 *
 * A token is void when its user or issuer was revoked at or after its iat (a token without iat is
 * from before), or when itself was (by issuer and jti, or by its signed part: token_facts.hash).  A
 * ticket is void when it was issued at or before the revocation of its user or issuer, by
 * CLOCK_BOOTTIME, or when its token was revoked.
 */
#ifndef POSTERN_AUTH_REVOCATIONS_H
#define POSTERN_AUTH_REVOCATIONS_H

#include <stdbool.h>
#include <stdint.h>

#include "auth/facts.h"
#include "auth/token.h"
#include "common/cleanup.h"
#include "common/slice.h"
#include "proto/ticket.h"

struct revocations;

enum revocation_kind { REVOCATION_USER, REVOCATION_TOKEN, REVOCATION_ISSUER };

struct revocation {
	enum revocation_kind kind;
	struct slice uid; /* USER; TOKEN: whose it was, or empty */
	uint64_t hash;	  /* TOKEN */
	uint32_t issuer;  /* ISSUER */
	int64_t wall_ms;  /* both clocks, read together */
	int64_t boot_ms;
	int64_t until_ms; /* TOKEN: wall clock, when it is expired anyway; 0: never forgotten */
	unsigned code;	  /* 4404; 4410: a logout */
};

/* Reads what the facts hold; both are borrowed.  max: how many may be added to.  0 and an owned
 * *out, or -errno. */
int revocations_new(struct revocations **out, struct db *db, struct facts *facts, size_t max);
void revocations_free(struct revocations *r);
DEFINE_FREEP(struct revocations, revocations_free)

/*
 * All n in one transaction: on disk and in force here, or -errno and nothing was done.  -ENOBUFS:
 * there are max, or, of logouts, half as many or LOGOUTS_PER_USER of that user; so there is always
 * room for an operator's.
 */
int revocations_add(struct revocations *r, const struct revocation *list, size_t n);
size_t revocations_count(const struct revocations *r);

/* How long the revocation of this token is to be kept: until no token of its login can be good. */
int64_t revocations_token_until_ms(const struct token_facts *facts, int64_t wall_ms);

/*
 * Forgets the tokens that have been expired for a day; for a timer.  The day is for a wall clock
 * that is ahead for a while: what it made look expired would be good again afterwards.  0 or
 * -errno.
 */
int revocations_prune(struct revocations *r, int64_t wall_ms);

bool revocations_void_token(const struct revocations *r, const struct token_facts *facts);
bool revocations_void_ticket(const struct revocations *r, const struct ticket *t);

/*
 * An iat for a token of this user that is made now and shall be good: now, or, in the second of a
 * revocation of the user or issuer, the next.  A revocation that follows names it, too.
 */
int64_t revocations_iat_s(
	struct revocations *r, struct slice uid, uint32_t issuer_id, int64_t now_ms);

#endif
