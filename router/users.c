/*
 * The table is a map; the roster is a treap: a search tree by uid that is at the same time a heap
 * by rank.  Ranks are a keyed hash of the uid, so the tree is balanced whatever uids clients have,
 * and the recursion below is about as deep as the logarithm of its size.
 */
#include "router/users.h"

#include <errno.h>
#include <stdlib.h>

int users_init(struct users *us, uint64_t random)
{
	*us = (struct users){.rank_key = random};
	return map_new(&us->by_uid);
}

void users_fini(struct users *us)
{
	struct user *u;

	if (us->by_uid == NULL)
		return;
	for (size_t i = 0; (u = map_next(us->by_uid, &i)) != NULL;)
		free(u);
	map_free(us->by_uid);
}

struct user *users_find(const struct users *us, struct slice uid)
{
	return map_get(us->by_uid, uid);
}

struct user *users_make(struct users *us, struct slice uid)
{
	struct user *u = users_find(us, uid);

	if (u != NULL)
		return u;
	u = calloc(1, sizeof(*u) + uid.len);
	if (u == NULL)
		return NULL;
	u->numbers.floor = 1;
	memcpy(u->uid, uid.data, uid.len);
	u->uid_len = uid.len;
	if (map_put(us->by_uid, uid, u) < 0) {
		free(u);
		return NULL;
	}
	return u;
}

void users_know(struct users *us, struct user *u)
{
	if (!u->known)
		us->n_known++;
	u->known = true;
}

void users_drop_idle(struct users *us, struct user *u)
{
	if (u->known || u->watchers != NULL)
		return;
	map_remove(us->by_uid, user_uid(u));
	free(u);
}

static int order(struct slice a, struct slice b)
{
	int order = memcmp(a.data, b.data, a.len < b.len ? a.len : b.len);

	if (order != 0)
		return order;
	return a.len < b.len ? -1 : a.len > b.len;
}

/* The tree t as two: what sorts before uid, and what does not. */
static void split(struct user *t, struct slice uid, struct user **before, struct user **rest)
{
	if (t == NULL) {
		*before = NULL;
		*rest = NULL;
	} else if (order(user_uid(t), uid) < 0) {
		split(t->right, uid, &t->right, rest);
		*before = t;
	} else {
		split(t->left, uid, before, &t->left);
		*rest = t;
	}
}

/* All of a sorts before all of b. */
static struct user *merge(struct user *a, struct user *b)
{
	if (a == NULL)
		return b;
	if (b == NULL)
		return a;
	if (a->rank > b->rank) {
		a->right = merge(a->right, b);
		return a;
	}
	b->left = merge(a, b->left);
	return b;
}

void users_enrol(struct users *us, struct user *u)
{
	struct user **at = &us->roster;

	u->rank = map_siphash(us->rank_key, 0, user_uid(u));
	while (*at != NULL && (*at)->rank > u->rank)
		at = order(user_uid(u), user_uid(*at)) < 0 ? &(*at)->left : &(*at)->right;
	split(*at, user_uid(u), &u->left, &u->right);
	*at = u;
	us->n_online++;
}

void users_strike(struct users *us, struct user *u)
{
	struct user **at = &us->roster;

	while (*at != u)
		at = order(user_uid(u), user_uid(*at)) < 0 ? &(*at)->left : &(*at)->right;
	*at = merge(u->left, u->right);
	u->left = NULL;
	u->right = NULL;
	us->n_online--;
}

const struct user *users_next_online(const struct users *us, struct slice after)
{
	const struct user *best = NULL;

	for (const struct user *t = us->roster; t != NULL;) {
		if (after.len == 0 || order(user_uid(t), after) > 0) {
			best = t;
			t = t->left;
		} else {
			t = t->right;
		}
	}
	return best;
}
