/*
 * users: who may log in with a password.  A table of auth.db.  A fact says to the router that the
 * user exists; it stays when the user goes, so that his number is not given to somebody else.  Loop
 * thread only; every change is on disk when the function returns.
 */
#ifndef POSTERN_AUTH_USERS_H
#define POSTERN_AUTH_USERS_H

#include <stdbool.h>
#include <stdint.h>

#include "auth/db.h"
#include "auth/facts.h"
#include "auth/hash.h"
#include "common/cleanup.h"
#include "common/slice.h"
#include "proto/limits.h"

struct users;

/* Both are borrowed.  0 and an owned *out, or -errno. */
int users_new(struct users **out, struct db *db, struct facts *facts);
void users_free(struct users *u);
DEFINE_FREEP(struct users, users_free)

/*
 * Demo users (jim, uid 1, and john, uid 2, whose password everybody knows) can be found and are
 * listed only while this is on; they are made the first time.  Off after users_new().  0 or -errno.
 */
int users_set_demo(struct users *u, bool on);

struct user {
	char uid[UID_MAX_BYTES + 1];
	char hash[HASH_MAX_BYTES];
};

struct user_new {
	struct slice username;
	struct slice uid;
	const char *hash;
	bool demo;
};

/* 0, -EEXIST: the name or the uid is taken, -EINVAL: not a uid, or a name that is empty, too long
 * or no text (UTF-8 without control characters). */
int users_add(struct users *u, const struct user_new *user);
/* 0, -ENOENT, or another -errno. */
int users_find(struct users *u, struct slice username, struct user *out);
/* A demo user's password cannot be changed: -EPERM.  0, -ENOENT, or another -errno. */
int users_set_hash(struct users *u, struct slice username, const char *hash);
/* His tokens stay good: revoke them first.  A demo user: -EPERM.  0, -ENOENT, or another -errno. */
int users_remove(struct users *u, struct slice username);

struct user_row {
	struct slice username; /* borrowed, as uid */
	struct slice uid;
	bool demo;
};
/* Non-zero stops and is returned. */
typedef int users_fn(void *arg, const struct user_row *row);
/* Those whose names sort after `after` (bytewise), at most max.  0, -errno, or what each()
 * returned.
 */
int users_list(struct users *u, struct slice after, unsigned max, users_fn *each, void *arg);

/* A number as text that is no user's and never was one's.  0 or -errno. */
int users_next_uid(struct users *u, char out[UID_MAX_BYTES + 1]);

#endif
