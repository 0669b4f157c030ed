/*
 * users: the user table.  A user and the fact that he exists are made in one transaction.
 */
#include "auth/users.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/buf.h"
#include "proto/names.h"

#define DEMO_UIDS 2 /* 1 and 2 are jim and john, also before they are made */

enum query { Q_ADD, Q_FIND, Q_SET_HASH, Q_REMOVE, Q_LIST, Q_HIGHEST, Q_N };

static const char *const queries[Q_N] = {
	[Q_ADD] = "INSERT INTO users(username, uid, hash, demo) VALUES(?1, ?2, ?3, ?4)",
	[Q_FIND] = "SELECT uid, hash, demo FROM users WHERE username = ?1 AND demo <= ?2",
	[Q_SET_HASH] = "UPDATE users SET hash = ?2 WHERE username = ?1",
	[Q_REMOVE] = "DELETE FROM users WHERE username = ?1",
	[Q_LIST] = "SELECT username, uid, demo FROM users WHERE username > ?1 AND demo <= ?3"
		   " ORDER BY username LIMIT ?2",
	/* of those that name_is_number() takes; who was removed still has his fact */
	[Q_HIGHEST] = "SELECT coalesce(max(CAST(uid AS INTEGER)), 0) FROM facts WHERE kind = 1"
		      " AND length(uid) < 15 AND uid GLOB '[1-9]*' AND NOT uid GLOB '*[^0-9]*'",
};

struct users {
	struct db *db;
	struct facts *facts;
	struct db_query *queries[Q_N];
	bool demo;
};

void users_free(struct users *u)
{
	free(u);
}

int users_new(struct users **out, struct db *db, struct facts *facts)
{
	CLEANUP(users_freep) struct users *u = calloc(1, sizeof(*u));
	int r;

	if (u == NULL)
		return -ENOMEM;
	u->db = db;
	u->facts = facts;
	r = db_prepare(db, queries, Q_N, u->queries);
	if (r < 0)
		return r;
	*out = u;
	u = NULL;
	return 0;
}

/* Names are shown to operators, in lists and in lines of the audit log. */
static bool name_is_text(struct slice name)
{
	for (size_t i = 0; i < name.len; i++) {
		unsigned char c = (unsigned char)name.data[i];

		if (c < 0x20 || c == 0x7f)
			return false;
	}
	return name.len > 0 && name.len <= USERNAME_MAX_BYTES && utf8_is_valid(name);
}

static int user_insert(struct users *u, const struct user_new *user)
{
	CLEANUP(db_resetp) struct db_query *q = u->queries[Q_ADD];
	int r = db_bind_text(q, 1, user->username);

	if (r == 0)
		r = db_bind_text(q, 2, user->uid);
	if (r == 0)
		r = db_bind_text(q, 3, slice_of(user->hash));
	if (r == 0)
		r = db_bind_int(q, 4, user->demo);
	return r < 0 ? r : db_step(q);
}

int users_add(struct users *u, const struct user_new *user)
{
	struct fact fact = {.kind = FACT_USER, .uid = user->uid};
	int r;

	if (!name_is_uid(user->uid) || !name_is_text(user->username))
		return -EINVAL;
	r = db_begin(u->db);
	if (r < 0)
		return r;
	r = user_insert(u, user);
	if (r == 0)
		r = facts_add(u->facts, &fact);
	if (r == 0)
		r = db_commit(u->db);
	if (r < 0) {
		db_rollback(u->db);
		facts_undone(u->facts);
		return r;
	}
	facts_committed(u->facts);
	return 0;
}

static bool copy(struct slice text, char *out, size_t size)
{
	if (text.data == NULL || text.len >= size)
		return false;
	memcpy(out, text.data, text.len);
	out[text.len] = '\0';
	return true;
}

static int find(struct users *u, struct slice username, struct user *out, bool *out_demo)
{
	CLEANUP(db_resetp) struct db_query *q = u->queries[Q_FIND];
	int r;

	if (username.len == 0 || username.len > USERNAME_MAX_BYTES)
		return -ENOENT;
	r = db_bind_text(q, 1, username);
	if (r == 0)
		r = db_bind_int(q, 2, u->demo);
	if (r == 0)
		r = db_step(q);
	if (r <= 0)
		return r == 0 ? -ENOENT : r;
	*out_demo = db_int(q, 2) != 0;
	return copy(db_text(q, 0), out->uid, sizeof(out->uid)) &&
			       copy(db_text(q, 1), out->hash, sizeof(out->hash))
		       ? 0
		       : -EIO;
}

int users_find(struct users *u, struct slice username, struct user *out)
{
	bool demo;

	return find(u, username, out, &demo);
}

/* Carries out a change of one row, which is its own transaction. */
static int change(struct users *u, enum query query, struct slice username, const char *hash)
{
	CLEANUP(db_resetp) struct db_query *q = u->queries[query];
	struct user user;
	bool demo;
	int r = find(u, username, &user, &demo);

	if (r == 0 && demo)
		r = -EPERM;
	if (r == 0)
		r = db_bind_text(q, 1, username);
	if (r == 0 && hash != NULL)
		r = db_bind_text(q, 2, slice_of(hash));
	return r < 0 ? r : db_step(q);
}

int users_set_hash(struct users *u, struct slice username, const char *hash)
{
	return change(u, Q_SET_HASH, username, hash);
}

int users_remove(struct users *u, struct slice username)
{
	return change(u, Q_REMOVE, username, NULL);
}

int users_list(struct users *u, struct slice after, unsigned max, users_fn *each, void *arg)
{
	CLEANUP(db_resetp) struct db_query *q = u->queries[Q_LIST];
	int r = db_bind_text(q, 1, after);

	if (r == 0)
		r = db_bind_int(q, 2, max);
	if (r == 0)
		r = db_bind_int(q, 3, u->demo);
	if (r < 0)
		return r;
	while ((r = db_step(q)) > 0) {
		struct user_row row = {db_text(q, 0), db_text(q, 1), db_int(q, 2) != 0};

		r = each(arg, &row);
		if (r != 0)
			return r;
	}
	return r;
}

int users_next_uid(struct users *u, char out[UID_MAX_BYTES + 1])
{
	CLEANUP(db_resetp) struct db_query *q = u->queries[Q_HIGHEST];
	int r = db_step(q);
	int64_t highest;

	if (r <= 0)
		return r == 0 ? -EIO : r;
	highest = db_int(q, 0);
	if (highest < DEMO_UIDS)
		highest = DEMO_UIDS;
	snprintf(out, UID_MAX_BYTES + 1, "%" PRId64, highest + 1);
	return 0;
}

static int demo_add(struct users *u, const char *username, const char *uid)
{
	struct user_new user = {.username = slice_of(username), .uid = slice_of(uid), .demo = true};
	char hash[HASH_MAX_BYTES];
	struct user found;
	int r = users_find(u, user.username, &found);

	if (r != -ENOENT)
		return r;
	r = hash_make(SLICE_LITERAL("123456"), hash);
	if (r < 0)
		return r;
	user.hash = hash;
	return users_add(u, &user);
}

int users_set_demo(struct users *u, bool on)
{
	int r;

	u->demo = on;
	if (!on)
		return 0;
	r = demo_add(u, "jim", "1");
	return r < 0 ? r : demo_add(u, "john", "2");
}
