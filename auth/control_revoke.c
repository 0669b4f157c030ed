/*
 * control_revoke: what an operator revokes, as revocations: of a user, of a jti under one issuer or
 * under each that there is a key of, of an issuer, or of one token.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "auth/authd_parts.h"
#include "auth/grant.h"
#include "auth/revoke.h"
#include "auth/token.h"
#include "common/clock.h"
#include "common/log.h"
#include "proto/codes.h"
#include "proto/limits.h"
#include "proto/names.h"

/* Those of one command: a jti may be of as many issuers as there are files. */
struct order {
	size_t n;
	struct revocation list[KEYRING_MAX_FILES];
	char uid[UID_MAX_BYTES]; /* of a token */
	size_t uid_len;
};

struct pending {
	struct authd *a;
	struct control_asker asker;
	size_t uid_len;
	char uid[UID_MAX_BYTES];
};

static void on_revoked(void *arg, bool in_force)
{
	CLEANUP(mem_freep) struct pending *p = arg;
	Pb__CtlDone done = PB__CTL_DONE__INIT;
	Pb__AuthCtlReply reply = PB__AUTH_CTL_REPLY__INIT;

	done.in_force = in_force;
	done.uid = codec_bytes((struct slice){p->uid, p->uid_len});
	reply.wire = p->asker.wire;
	reply.result_case = PB__AUTH_CTL_REPLY__RESULT_DONE;
	reply.done = &done;
	control_answer(p->a, &p->asker, &reply);
}

bool control_revoke_all(const struct control_ask *ask, const struct revocation *list, size_t n,
	struct slice uid, Pb__AuthCtlReply *reply)
{
	struct pending *p = calloc(1, sizeof(*p));
	int r = p == NULL ? -ENOMEM : 0;

	if (r == 0) {
		p->a = ask->a;
		p->asker = *ask->asker;
		p->uid_len = uid.len <= sizeof(p->uid) ? uid.len : 0;
		if (p->uid_len > 0)
			memcpy(p->uid, uid.data, p->uid_len);
		r = revoke_all(ask->a, list, n, on_revoked, p);
	}
	if (r == 0)
		return false;
	free(p);
	if (r == -ENOBUFS)
		return control_refuse(
			reply, EX_UNAVAILABLE, "there are as many revocations as auth keeps");
	return control_refuse(reply, EX_INTERNAL,
		"auth.db cannot be written: nothing is revoked; see auth's log");
}

static void order_add(struct order *o, struct revocation revocation)
{
	revocation.wall_ms = clock_wall_ms();
	revocation.boot_ms = clock_boot_ms() + GRANT_AHEAD_MS;
	revocation.code = CLOSE_REVOKED;
	o->list[o->n++] = revocation;
}

bool control_revoke_user(const struct control_ask *ask, struct slice uid, Pb__AuthCtlReply *reply)
{
	struct order o = {.n = 0};

	order_add(&o, (struct revocation){.kind = REVOCATION_USER, .uid = uid});
	return control_revoke_all(ask, o.list, o.n, uid, reply);
}

static bool is_of(const struct key_policy *policy, struct slice issuer)
{
	return (policy->iss != NULL && slice_is(issuer, policy->iss)) ||
	       slice_is(issuer, policy->name);
}

static bool has_issuer(const struct order *o, uint64_t hash, uint32_t issuer)
{
	for (size_t i = 0; i < o->n; i++) {
		if (o->list[i].hash == hash && o->list[i].issuer == issuer)
			return true;
	}
	return false;
}

/*
 * One revocation for each issuer that fits (empty: all), of its token with this jti (empty: of all
 * its tokens).  A jti's is kept for ever, since nobody knows when its token expires.
 */
static void order_fill(
	const struct keyring *ring, struct slice issuer, struct slice jti, struct order *o)
{
	for (size_t i = 0; i < keyring_count(ring); i++) {
		const struct key_policy *policy = keyring_at(ring, i)->policy;
		struct revocation revocation = {.kind = REVOCATION_ISSUER};

		if (issuer.len > 0 && !is_of(policy, issuer))
			continue;
		if (jti.len > 0) {
			revocation.kind = REVOCATION_TOKEN;
			revocation.hash = token_jti_hash(policy, jti);
		} else {
			revocation.issuer = policy->issuer_id;
		}
		if (o->n < KEYRING_MAX_FILES && !has_issuer(o, revocation.hash, revocation.issuer))
			order_add(o, revocation);
	}
}

static bool revoke_issuer(const struct control_ask *ask, Pb__AuthCtlReply *reply)
{
	const Pb__CtlRevoke *revoke = ask->request->revoke;
	struct order o = {.n = 0};

	order_fill(ask->a->ring, codec_slice(revoke->issuer), codec_slice(revoke->jti), &o);
	if (o.n == 0)
		return control_refuse(reply, EX_BAD_DATA,
			"no key file has this iss or name; revoke before the file is removed");
	return control_revoke_all(ask, o.list, o.n, (struct slice){0}, reply);
}

static bool revoke_token(const struct control_ask *ask, Pb__AuthCtlReply *reply)
{
	int64_t wall_ms = clock_wall_ms();
	struct order o = {.n = 0};
	struct token_facts facts;
	struct slice uid;
	enum token_verdict verdict = token_check(
		ask->a->ring, codec_slice(ask->request->revoke->token), wall_ms, &facts);

	if (verdict != TOKEN_GOOD)
		return control_refuse(reply, EX_TOKEN_INVALID, token_verdict_text(verdict));
	uid = (struct slice){facts.uid, facts.uid_len};
	order_add(&o, (struct revocation){.kind = REVOCATION_TOKEN,
			      .uid = uid,
			      .hash = facts.hash,
			      .until_ms = revocations_token_until_ms(&facts, wall_ms)});
	return control_revoke_all(ask, o.list, o.n, uid, reply);
}

bool control_revoke(const struct control_ask *ask, Pb__AuthCtlReply *reply)
{
	const Pb__CtlRevoke *revoke = ask->request->revoke;
	bool by_issuer = revoke->jti.len > 0 || revoke->issuer.len > 0;

	if ((revoke->user.len > 0) + (revoke->token.len > 0) + by_issuer != 1)
		return control_refuse(
			reply, EX_BAD_DATA, "one of user, token, jti, issuer; or jti and issuer");
	if (revoke->jti.len > TOKEN_MAX_BYTES)
		return control_refuse(reply, EX_BAD_DATA, "jti is longer than a token");
	if (by_issuer)
		return revoke_issuer(ask, reply);
	if (revoke->token.len > 0)
		return revoke_token(ask, reply);
	if (!name_is_uid(codec_slice(revoke->user)))
		return control_refuse(reply, EX_BAD_DATA, "user is 1 to 128 of [A-Za-z0-9._@:-]");
	return control_revoke_user(ask, codec_slice(revoke->user), reply);
}
