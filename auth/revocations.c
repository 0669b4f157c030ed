/*
 * revocations: three tables by subject.  A place in its table is made for each revocation before it
 * is written to disk, so that nothing can fail after that.  Places of logouts are counted, in all
 * and for each user, since whoever may log in can make as many as he likes.
 */
#include "auth/revocations.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/map.h"
#include "proto/codes.h"
#include "proto/limits.h"

#define KEEP_EXPIRED_MS 86400000
#define LOAD_PAGE 1024

/* A user who logged out. */
struct owner {
	size_t n; /* places */
	size_t uid_len;
	char uid[];
};

struct entry {
	bool is_set;	     /* false: only its place was made */
	uint64_t hash;	     /* of a token */
	struct owner *owner; /* of a logout; NULL: an operator's */
	int64_t wall_ms;
	int64_t boot_ms;
	int64_t until_ms;
};

struct revocations {
	struct db *db;
	struct facts *facts;
	size_t max;
	size_t count;
	size_t logouts;	     /* of them */
	int64_t made_s;	     /* the highest iat that revocations_iat_s() gave */
	struct map *users;   /* by uid */
	struct map *issuers; /* by id */
	struct map *tokens;  /* by hash */
	struct map *owners;  /* by uid */
};

static void entries_free(struct map *m)
{
	struct entry *e;

	if (m == NULL)
		return;
	for (size_t i = 0; (e = map_next(m, &i)) != NULL;)
		free(e);
	map_free(m);
}

static void owners_free(struct map *m)
{
	struct owner *o;

	if (m == NULL)
		return;
	for (size_t i = 0; (o = map_next(m, &i)) != NULL;)
		free(o);
	map_free(m);
}

void revocations_free(struct revocations *r)
{
	if (r == NULL)
		return;
	entries_free(r->users);
	entries_free(r->issuers);
	entries_free(r->tokens);
	owners_free(r->owners);
	free(r);
}

size_t revocations_count(const struct revocations *r)
{
	return r->count;
}

static struct entry *entry_find(const struct revocations *r, const struct revocation *v)
{
	switch (v->kind) {
	case REVOCATION_USER:
		return map_get(r->users, v->uid);
	case REVOCATION_TOKEN:
		return map_get_u64(r->tokens, v->hash);
	case REVOCATION_ISSUER:
		return map_get_u64(r->issuers, v->issuer);
	}
	return NULL;
}

static int entry_put(struct revocations *r, const struct revocation *v, struct entry *e)
{
	switch (v->kind) {
	case REVOCATION_USER:
		return map_put(r->users, v->uid, e);
	case REVOCATION_TOKEN:
		return map_put_u64(r->tokens, v->hash, e);
	case REVOCATION_ISSUER:
		return map_put_u64(r->issuers, v->issuer, e);
	}
	return -EINVAL;
}

static bool is_logout(const struct revocation *v)
{
	return v->kind == REVOCATION_TOKEN && v->code == CLOSE_LOGGED_OUT;
}

/* NULL: no memory. */
static struct owner *owner_get(struct revocations *r, struct slice uid)
{
	struct owner *o = map_get(r->owners, uid);

	if (o != NULL)
		return o;
	o = malloc(sizeof(*o) + uid.len);
	if (o == NULL)
		return NULL;
	*o = (struct owner){.uid_len = uid.len};
	if (uid.len > 0)
		memcpy(o->uid, uid.data, uid.len);
	if (map_put(r->owners, uid, o) == 0)
		return o;
	free(o);
	return NULL;
}

static void owner_leave(struct revocations *r, struct entry *e)
{
	struct owner *o = e->owner;

	if (o == NULL)
		return;
	e->owner = NULL;
	r->logouts--;
	if (--o->n > 0)
		return;
	(void)map_remove(r->owners, (struct slice){o->uid, o->uid_len});
	free(o);
}

static int owner_join(struct revocations *r, struct entry *e, struct slice uid)
{
	struct owner *o = owner_get(r, uid);

	if (o == NULL)
		return -ENOMEM;
	e->owner = o;
	o->n++;
	r->logouts++;
	return 0;
}

static bool has_room(const struct revocations *r, const struct revocation *v)
{
	const struct owner *o = is_logout(v) ? map_get(r->owners, v->uid) : NULL;

	if (entry_find(r, v) != NULL)
		return true;
	return r->count < r->max && (!is_logout(v) || r->logouts < r->max / 2) &&
	       (o == NULL || o->n < LOGOUTS_PER_USER);
}

/* A place that stays empty, when the disk fails, is used again; a token's is pruned, too. */
static int place_make(struct revocations *r, const struct revocation *v)
{
	CLEANUP(mem_freep) struct entry *e = NULL;
	int result = 0;

	if (entry_find(r, v) != NULL)
		return 0;
	e = calloc(1, sizeof(*e));
	if (e == NULL)
		return -ENOMEM;
	e->hash = v->hash;
	if (is_logout(v))
		result = owner_join(r, e, v->uid);
	if (result == 0)
		result = entry_put(r, v, e);
	if (result < 0) {
		owner_leave(r, e);
		return result;
	}
	e = NULL;
	r->count++;
	return 0;
}

/* As facts_add() merges: the later of both times, the longer memory. */
static void place_fill(struct revocations *r, const struct revocation *v)
{
	struct entry *e = entry_find(r, v);

	if (!is_logout(v))
		owner_leave(r, e);
	if (!e->is_set) {
		*e = (struct entry){true, v->hash, e->owner, v->wall_ms, v->boot_ms, v->until_ms};
		return;
	}
	if (v->wall_ms > e->wall_ms)
		e->wall_ms = v->wall_ms;
	if (v->boot_ms > e->boot_ms)
		e->boot_ms = v->boot_ms;
	if (v->until_ms == 0 || (e->until_ms != 0 && v->until_ms > e->until_ms))
		e->until_ms = v->until_ms;
}

static struct fact fact_of(const struct revocation *v)
{
	struct fact fact = {
		.uid = v->uid,
		.wall_ms = v->wall_ms,
		.boot_ms = v->boot_ms,
		.until_ms = v->until_ms,
		.code = v->code,
	};

	switch (v->kind) {
	case REVOCATION_USER:
		fact.kind = FACT_REVOKE_USER;
		break;
	case REVOCATION_TOKEN:
		fact.kind = FACT_REVOKE_TOKEN;
		fact.subject = v->hash;
		break;
	case REVOCATION_ISSUER:
		fact.kind = FACT_REVOKE_ISSUER;
		fact.subject = v->issuer;
		break;
	}
	return fact;
}

/*
 * With the tokens that were made in the second of a revocation before, whose iat lies ahead.  What
 * lies further ahead is no good token now, and shuts nobody out.
 */
static struct revocation with_those_ahead(
	const struct revocations *r, const struct revocation *revocation)
{
	struct revocation v = *revocation;
	int64_t made_ms = r->made_s * 1000;

	if (v.kind != REVOCATION_TOKEN && made_ms > v.wall_ms &&
		made_ms - v.wall_ms <= TOKEN_LEEWAY_MS)
		v.wall_ms = made_ms;
	return v;
}

static int write_all(struct revocations *r, const struct revocation *list, size_t n)
{
	int result = db_begin(r->db);

	if (result < 0)
		return result;
	for (size_t i = 0; i < n && result == 0; i++) {
		struct revocation v = with_those_ahead(r, &list[i]);
		struct fact fact = fact_of(&v);

		result = facts_add(r->facts, &fact);
	}
	if (result == 0)
		result = db_commit(r->db);
	if (result < 0) {
		db_rollback(r->db);
		facts_undone(r->facts);
		return result;
	}
	facts_committed(r->facts);
	return 0;
}

int revocations_add(struct revocations *r, const struct revocation *list, size_t n)
{
	int result = 0;

	for (size_t i = 0; i < n && result == 0; i++)
		result = has_room(r, &list[i]) ? place_make(r, &list[i]) : -ENOBUFS;
	if (result == 0)
		result = write_all(r, list, n);
	for (size_t i = 0; i < n && result == 0; i++) {
		struct revocation v = with_those_ahead(r, &list[i]);

		place_fill(r, &v);
	}
	return result;
}

struct loading {
	struct revocations *r;
	uint64_t last;
	unsigned n;
};

static int on_fact(void *arg, const struct fact *fact)
{
	struct loading *l = arg;
	struct revocation v = {
		.uid = fact->uid,
		.hash = fact->subject,
		.issuer = (uint32_t)fact->subject,
		.wall_ms = fact->wall_ms,
		.boot_ms = fact->boot_ms,
		.until_ms = fact->until_ms,
		.code = fact->code,
	};
	int result;

	l->last = fact->number;
	l->n++;
	switch (fact->kind) {
	case FACT_REVOKE_USER:
		v.kind = REVOCATION_USER;
		break;
	case FACT_REVOKE_TOKEN:
		v.kind = REVOCATION_TOKEN;
		break;
	case FACT_REVOKE_ISSUER:
		v.kind = REVOCATION_ISSUER;
		break;
	case FACT_USER:
		return 0;
	default:
		return -EIO; /* one that is not understood might be a revocation */
	}
	result = place_make(l->r, &v); /* however many there are */
	if (result == 0)
		place_fill(l->r, &v);
	return result;
}

static int load(struct revocations *r)
{
	struct loading l = {.r = r};
	int result;

	do {
		l.n = 0;
		result = facts_after(r->facts, l.last, LOAD_PAGE, INT64_MIN, on_fact, &l);
	} while (result == 0 && l.n == LOAD_PAGE);
	return result;
}

int revocations_new(struct revocations **out, struct db *db, struct facts *facts, size_t max)
{
	CLEANUP(revocations_freep) struct revocations *r = calloc(1, sizeof(*r));
	int result;

	if (r == NULL)
		return -ENOMEM;
	r->db = db;
	r->facts = facts;
	r->max = max;
	result = map_new(&r->users);
	if (result == 0)
		result = map_new(&r->issuers);
	if (result == 0)
		result = map_new(&r->tokens);
	if (result == 0)
		result = map_new(&r->owners);
	if (result == 0)
		result = load(r);
	if (result < 0)
		return result;
	*out = r;
	r = NULL;
	return 0;
}

/*
 * Tokens that were refreshed keep the jti of their login, which was at the token's iat or before:
 * the last of them is made REFRESH_MAX_MS after it.  And the one that they all came from may live
 * for as long as its key allows.  Of other keys' tokens this keeps some for longer than they need;
 * whose key it is may change.
 */
int64_t revocations_token_until_ms(const struct token_facts *facts, int64_t wall_ms)
{
	int64_t lifetime_ms = facts->key->policy->max_lifetime_s * 1000;

	if (lifetime_ms < REFRESH_MAX_MS + LOGIN_TTL_S * 1000)
		lifetime_ms = REFRESH_MAX_MS + LOGIN_TTL_S * 1000;
	return wall_ms + lifetime_ms + 2 * TOKEN_LEEWAY_MS; /* iat may lie ahead */
}

int revocations_prune(struct revocations *r, int64_t wall_ms)
{
	int64_t before_ms = wall_ms - KEEP_EXPIRED_MS;
	struct entry *e;
	int result = before_ms > 0 ? facts_prune(r->facts, before_ms) : 0;

	if (result < 0)
		return result;
	for (size_t i = 0; (e = map_next(r->tokens, &i)) != NULL;) {
		if (e->is_set && (e->until_ms == 0 || e->until_ms > before_ms))
			continue;
		(void)map_remove_u64(r->tokens, e->hash);
		owner_leave(r, e);
		free(e);
		r->count--;
	}
	return 0;
}

static const struct entry *set_only(const struct entry *e)
{
	return e != NULL && e->is_set ? e : NULL;
}

static const struct entry *of_user(const struct revocations *r, struct slice uid)
{
	return set_only(map_get(r->users, uid));
}

static const struct entry *of_issuer(const struct revocations *r, uint32_t id)
{
	return set_only(map_get_u64(r->issuers, id));
}

static bool is_from_before(const struct entry *e, int64_t iat_s)
{
	return e != NULL && iat_s <= e->wall_ms / 1000;
}

bool revocations_void_token(const struct revocations *r, const struct token_facts *facts)
{
	int64_t iat_s = facts->iat_ms / 1000;

	return set_only(map_get_u64(r->tokens, facts->hash)) != NULL ||
	       is_from_before(of_user(r, (struct slice){facts->uid, facts->uid_len}), iat_s) ||
	       is_from_before(of_issuer(r, facts->issuer_id), iat_s);
}

bool revocations_void_ticket(const struct revocations *r, const struct ticket *t)
{
	const struct entry *user = of_user(r, (struct slice){t->uid, t->uid_len});
	const struct entry *issuer = of_issuer(r, t->issuer_id);

	return set_only(map_get_u64(r->tokens, t->token_hash)) != NULL ||
	       (user != NULL && t->issued_at_ms <= user->boot_ms) ||
	       (issuer != NULL && t->issued_at_ms <= issuer->boot_ms);
}

static int64_t later_than(const struct entry *e, int64_t iat_s)
{
	return is_from_before(e, iat_s) ? e->wall_ms / 1000 + 1 : iat_s;
}

int64_t revocations_iat_s(
	struct revocations *r, struct slice uid, uint32_t issuer_id, int64_t now_ms)
{
	int64_t iat_s =
		later_than(of_issuer(r, issuer_id), later_than(of_user(r, uid), now_ms / 1000));

	if (iat_s > r->made_s)
		r->made_s = iat_s;
	return iat_s;
}
