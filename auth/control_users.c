/*
 * control_users: the users of the password login.  A password comes as its hash, made by authctl.
 * A user who is removed loses his tokens too, and one who is new is waited for at the router, which
 * takes no message for somebody that it does not know.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "auth/authd_parts.h"
#include "common/log.h"
#include "proto/codes.h"
#include "proto/limits.h"

/* A user who is known here and not yet at the router. */
struct newcomer {
	struct trust_wait wait; /* the first member: on_told() turns it back */
	struct authd *a;
	struct control_asker asker;
	char uid[UID_MAX_BYTES + 1];
};

static bool refuse_error(Pb__AuthCtlReply *reply, int error)
{
	switch (error) {
	case -EEXIST:
		return control_refuse(
			reply, EX_NOT_PERMITTED, "this name or this user id is another user's");
	case -EINVAL:
		return control_refuse(reply, EX_BAD_DATA,
			"a name is 1 to 128 bytes of text, a user id 1 to 128 of [A-Za-z0-9._@:-]");
	case -ENOENT:
		return control_refuse(reply, EX_NOT_PERMITTED, "there is no such user");
	case -EPERM:
		return control_refuse(reply, EX_NOT_PERMITTED,
			"jim and john are the demo's: start auth without --demo instead");
	default:
		log_error("users_failed", "error=\"%s\"", strerror(-error));
		return control_refuse(
			reply, EX_INTERNAL, "auth.db cannot be written: see auth's log");
	}
}

/* The uid is copied into the arena. */
static bool reply_done(struct authd *a, Pb__AuthCtlReply *reply, const char *uid, bool in_force)
{
	size_t len = strlen(uid);
	char *copy = arena_alloc(a->arena, len + 1);
	Pb__CtlDone *done = arena_alloc(a->arena, sizeof(*done));

	if (copy == NULL || done == NULL)
		return control_refuse(reply, EX_INTERNAL, "out of memory");
	memcpy(copy, uid, len + 1);
	pb__ctl_done__init(done);
	done->in_force = in_force;
	done->uid = codec_bytes((struct slice){copy, len});
	reply->result_case = PB__AUTH_CTL_REPLY__RESULT_DONE;
	reply->done = done;
	return true;
}

/* Terminated; false: authctl did not make it. */
static bool hash_take(ProtobufCBinaryData bytes, char out[HASH_MAX_BYTES], Pb__AuthCtlReply *reply)
{
	struct slice hash = codec_slice(bytes);

	if (hash.len >= HASH_MAX_BYTES || !hash_is_ours(hash)) {
		(void)control_refuse(reply, EX_BAD_DATA,
			"the hash is none that authctl makes here: is it of the same version?");
		return false;
	}
	memcpy(out, hash.data, hash.len);
	out[hash.len] = '\0';
	return true;
}

static void on_told(struct trust_wait *w, bool in_force)
{
	CLEANUP(mem_freep) struct newcomer *n = (struct newcomer *)w;
	Pb__AuthCtlReply reply = PB__AUTH_CTL_REPLY__INIT;
	Pb__CtlDone done = PB__CTL_DONE__INIT;

	done.in_force = in_force;
	done.uid = codec_bytes(slice_of(n->uid));
	reply.wire = n->asker.wire;
	reply.result_case = PB__AUTH_CTL_REPLY__RESULT_DONE;
	reply.done = &done;
	control_answer(n->a, &n->asker, &reply);
}

static int add(struct authd *a, const Pb__CtlUserAdd *ask, const char *hash, struct newcomer *n)
{
	struct user_new user = {.username = codec_slice(ask->username), .hash = hash};
	int r = 0;

	if (ask->uid.len > UID_MAX_BYTES)
		return -EINVAL;
	if (ask->uid.len > 0)
		memcpy(n->uid, ask->uid.data, ask->uid.len);
	else
		r = users_next_uid(a->users, n->uid);
	user.uid = ask->uid.len > 0 ? codec_slice(ask->uid) : slice_of(n->uid);
	return r < 0 ? r : users_add(a->users, &user);
}

bool control_user_add(const struct control_ask *ask, Pb__AuthCtlReply *reply)
{
	struct authd *a = ask->a;
	char hash[HASH_MAX_BYTES];
	struct newcomer *n;
	int r;

	if (!hash_take(ask->request->user_add->hash, hash, reply))
		return true;
	n = calloc(1, sizeof(*n));
	if (n == NULL)
		return refuse_error(reply, -ENOMEM);
	r = add(a, ask->request->user_add, hash, n);
	if (r < 0) {
		free(n);
		return refuse_error(reply, r);
	}
	log_info("user_added", "uid=%s", n->uid);
	n->a = a;
	n->asker = *ask->asker;
	n->wait.done = on_told;
	trust_wait_for(a->trust, &n->wait, facts_last(a->facts));
	return false;
}

bool control_user_passwd(const struct control_ask *ask, Pb__AuthCtlReply *reply)
{
	struct slice username = codec_slice(ask->request->user_passwd->username);
	char hash[HASH_MAX_BYTES];
	struct user user;
	int r;

	if (!hash_take(ask->request->user_passwd->hash, hash, reply))
		return true;
	r = users_find(ask->a->users, username, &user);
	if (r == 0)
		r = users_set_hash(ask->a->users, username, hash);
	if (r < 0)
		return refuse_error(reply, r);
	log_info("password_changed", "uid=%s", user.uid);
	return reply_done(ask->a, reply, user.uid, true);
}

/* The other order would say of a user that is still there that all is done. */
bool control_user_remove(const struct control_ask *ask, Pb__AuthCtlReply *reply)
{
	struct slice username = codec_slice(ask->request->user_remove->username);
	struct user user;
	int r = users_find(ask->a->users, username, &user);

	if (r == 0)
		r = users_remove(ask->a->users, username);
	if (r < 0)
		return refuse_error(reply, r);
	log_info("user_removed", "uid=%s", user.uid);
	if (!control_revoke_user(ask, slice_of(user.uid), reply))
		return false;
	return control_refuse(reply, EX_INTERNAL,
		"he cannot log in any more, but his tokens are not revoked: authctl revoke --user");
}

/* One page, in the arena. */
struct page {
	struct arena *arena;
	Pb__CtlLogins *logins;
};

static bool copy_text(struct arena *arena, struct slice text, ProtobufCBinaryData *out)
{
	char *copy = arena_alloc(arena, text.len + 1);

	if (copy == NULL)
		return false;
	memcpy(copy, text.data, text.len);
	*out = codec_bytes((struct slice){copy, text.len});
	return true;
}

static int page_add(void *arg, const struct user_row *row)
{
	struct page *p = arg;
	Pb__CtlLogin *login;

	if (p->logins->n_logins == CTL_LOGINS_PER_PAGE) {
		p->logins->more = true;
		return 0;
	}
	login = arena_alloc(p->arena, sizeof(*login));
	if (login == NULL)
		return -ENOMEM;
	pb__ctl_login__init(login);
	if (!copy_text(p->arena, row->username, &login->username) ||
		!copy_text(p->arena, row->uid, &login->uid))
		return -ENOMEM;
	login->demo = row->demo;
	p->logins->logins[p->logins->n_logins++] = login;
	return 0;
}

bool control_user_list(const struct control_ask *ask, Pb__AuthCtlReply *reply)
{
	struct authd *a = ask->a;
	struct page page = {a->arena, arena_alloc(a->arena, sizeof(*page.logins))};
	int r;

	if (page.logins == NULL)
		return refuse_error(reply, -ENOMEM);
	pb__ctl_logins__init(page.logins);
	page.logins->logins =
		arena_alloc(a->arena, CTL_LOGINS_PER_PAGE * sizeof(*page.logins->logins));
	if (page.logins->logins == NULL)
		return refuse_error(reply, -ENOMEM);
	r = users_list(a->users, codec_slice(ask->request->user_list->after),
		CTL_LOGINS_PER_PAGE + 1, page_add, &page);
	if (r < 0)
		return refuse_error(reply, r);
	reply->result_case = PB__AUTH_CTL_REPLY__RESULT_LOGINS;
	reply->logins = page.logins;
	return true;
}
