/*
 * users: who may log in with a password, and the numbered facts about users that the router is
 * told. One SQLite file, auth.db.  Loop thread only; every change is on disk when the function
 * returns.
 */
#ifndef POSTERN_AUTH_USERS_H
#define POSTERN_AUTH_USERS_H

#include <stdbool.h>
#include <stdint.h>

#include "auth/hash.h"
#include "common/cleanup.h"
#include "common/slice.h"
#include "proto/limits.h"

struct users;

/* Opens path, making it (0600) if needed.  0 and an owned *out, or -errno. */
int users_open(struct users **out, const char *path);
void users_close(struct users *u);
DEFINE_FREEP(struct users, users_close)

/*
 * Demo users (jim, uid 1, and john, uid 2, whose password everybody knows) can be found only while
 * this is on; they are made the first time.  Off after users_open().  0 or -errno.
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

/* 0, -EEXIST: the name or the uid is taken, -EINVAL: not a uid, or a name that is empty or too
 * long. */
int users_add(struct users *u, const struct user_new *user);
/* 0, -ENOENT, or another -errno. */
int users_find(struct users *u, struct slice username, struct user *out);

/* uid is borrowed.  Non-zero stops and is returned. */
typedef int users_fact_fn(void *arg, uint64_t number, struct slice uid);

/* Facts are numbered from 1 without holes and never change.  The number of the last, 0: none. */
uint64_t users_last_fact(const struct users *u);
/* The facts after a number, in order, at most max.  0, -errno, or what each() returned. */
int users_facts(struct users *u, uint64_t after, unsigned max, users_fact_fn *each, void *arg);

#endif
