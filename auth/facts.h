/*
 * facts: what auth alone knows and the router is told, as numbered rows of auth.db: which users
 * exist, and what is revoked.  Numbers ascend from 1 and none is given twice.  There are holes: a
 * newer revocation of the same subject takes the place of the older one, and a token's revocation
 * goes when the token has long expired.  The fact with the highest number never goes.  Loop thread
 * only.
 */
#ifndef POSTERN_AUTH_FACTS_H
#define POSTERN_AUTH_FACTS_H

#include <stdint.h>

#include "auth/db.h"

struct facts;

/* The numbers are on disk. */
enum fact_kind {
	FACT_USER = 1,
	FACT_REVOKE_USER = 2,
	FACT_REVOKE_TOKEN = 3,
	FACT_REVOKE_ISSUER = 4,
};

struct fact {
	uint64_t number; /* ignored by facts_add() */
	enum fact_kind kind;
	struct slice uid; /* of a token: whose it was, or empty */
	uint64_t subject; /* the token's hash, the issuer's id; else 0 */
	int64_t wall_ms;
	int64_t boot_ms;  /* 0: before this boot */
	int64_t until_ms; /* of a token: 0: it is never forgotten */
	unsigned code;
};

/* db is borrowed.  boot_id: the kernel's, as text: CLOCK_BOOTTIME is kept with it.  0 and an owned
 * *out, or -errno. */
int facts_new(struct facts **out, struct db *db, struct slice boot_id);
void facts_free(struct facts *f);
DEFINE_FREEP(struct facts, facts_free)

/* The highest number, 0: there is no fact. */
uint64_t facts_last(const struct facts *f);

/* The next fact gets a number above this one: the router knows more than an auth.db that was put
 * back, and takes no number twice. */
void facts_skip(struct facts *f, uint64_t number);

/*
 * Within the caller's transaction; facts_committed() or facts_undone() must follow its end.  A user
 * that is known stays as it is.  A revocation is never weakened by a later one of its subject: the
 * later of both times holds, and the longer memory.
 */
int facts_add(struct facts *f, const struct fact *fact);
void facts_committed(struct facts *f);
void facts_undone(struct facts *f);

/* fact is borrowed.  Non-zero stops and is returned. */
typedef int facts_fn(void *arg, const struct fact *fact);
/*
 * The facts after a number, in order, at most max.  Revocations from since_boot_ms or before are
 * left out, but for the very last fact; INT64_MIN: none is.  0, -errno, or what each() returned.
 */
int facts_after(struct facts *f, uint64_t after, unsigned max, int64_t since_boot_ms,
	facts_fn *each, void *arg);

/* Forgets revocations of tokens whose until_ms has passed.  0 or -errno. */
int facts_prune(struct facts *f, int64_t wall_ms);

#endif
