/*
 * login: the same work for a user that is unknown as for one that is known: a hash of a password
 * that nobody has stands in.  Limits are asked before anything is hashed, by user and by address
 * prefix, and look the same for names that do not exist.
 */
#include "auth/login.h"

#include <errno.h>
#include <string.h>

#include "auth/base64url.h"
#include "auth/failures.h"
#include "auth/password.h"
#include "common/random.h"

#define ADDRESS_MAX_BYTES 64
#define FULL_RETRY_MS 1000

struct login_desk {
	uv_loop_t *loop;
	struct users *users;
	struct password_worker *worker;
	struct failures *by_user;
	struct failures *by_address;
	struct try *tries; /* in flight */
	char nobody[HASH_MAX_BYTES];
};

struct
try {
	struct try *next, **link;
	struct login_desk *desk;
	login_done_fn *done;
	void *arg;
	bool known;
	struct user user;
	size_t name_len;
	size_t address_len;
	char name[USERNAME_MAX_BYTES];
	char address[ADDRESS_MAX_BYTES];
};

static int nobody_make(char out[HASH_MAX_BYTES])
{
	unsigned char secret[24];
	char text[BASE64URL_ENCODED_MAX(sizeof(secret)) + 1];

	random_fill(secret, sizeof(secret));
	base64url_encode(secret, sizeof(secret), text);
	return hash_make(slice_of(text), out);
}

static void try_unlink(struct try *t)
{
	*t->link = t->next;
	if (t->next != NULL)
		t->next->link = t->link;
	free(t);
}

void login_desk_close(struct login_desk *d)
{
	if (d == NULL)
		return;
	password_worker_close(d->worker);
	while (d->tries != NULL)
		try_unlink(d->tries);
	failures_free(d->by_user);
	failures_free(d->by_address);
	free(d);
}

DEFINE_FREEP(struct login_desk, login_desk_close)

int login_desk_new(struct login_desk **out, uv_loop_t *loop, struct users *users)
{
	CLEANUP(login_desk_closep) struct login_desk *d = calloc(1, sizeof(*d));
	int r;

	if (d == NULL)
		return -ENOMEM;
	d->loop = loop;
	d->users = users;
	r = nobody_make(d->nobody);
	if (r == 0)
		r = failures_new(&d->by_user);
	if (r == 0)
		r = failures_new(&d->by_address);
	if (r == 0)
		r = password_worker_new(&d->worker, loop);
	if (r < 0)
		return r;
	*out = d;
	d = NULL;
	return 0;
}

static int64_t now_ms(const struct login_desk *d)
{
	return (int64_t)uv_now(d->loop);
}

static struct slice name_of(const struct try *t)
{
	return (struct slice){t->name, t->name_len};
}

static void limits_end(struct try *t, bool failed)
{
	struct login_desk *d = t->desk;

	failures_end(d->by_user, name_of(t), failed, now_ms(d));
	failures_end(d->by_address, (struct slice){t->address, t->address_len}, failed, now_ms(d));
}

static int64_t limits_begin(struct try *t)
{
	struct login_desk *d = t->desk;
	int64_t wait = failures_begin(d->by_user, name_of(t), now_ms(d));

	if (wait > 0)
		return wait;
	wait = failures_begin(d->by_address, (struct slice){t->address, t->address_len}, now_ms(d));
	if (wait > 0)
		failures_end(d->by_user, name_of(t), false, now_ms(d));
	return wait;
}

/* Whoever was removed, or got another password, while his was being hashed is not let in. */
static bool is_unchanged(const struct try *t)
{
	struct user now;

	return users_find(t->desk->users, name_of(t), &now) == 0 &&
	       strcmp(now.uid, t->user.uid) == 0 && strcmp(now.hash, t->user.hash) == 0;
}

static void on_password_checked(void *arg, bool fits)
{
	struct try *t = arg;
	bool good = fits && t->known && is_unchanged(t);

	limits_end(t, !good);
	t->done(t->arg, name_of(t), good ? t->user.uid : NULL);
	try_unlink(t);
}

static struct try *try_new(
	struct login_desk *d, const struct login_attempt *a, login_done_fn *done, void *arg)
{
	struct try *t = calloc(1, sizeof(*t));

	if (t == NULL)
		return NULL;
	t->desk = d;
	t->done = done;
	t->arg = arg;
	t->name_len = a->username.len;
	if (a->username.len > 0)
		memcpy(t->name, a->username.data, a->username.len);
	t->address_len = a->address.len;
	if (a->address.len > 0)
		memcpy(t->address, a->address.data, a->address.len);
	t->next = d->tries;
	t->link = &d->tries;
	if (t->next != NULL)
		t->next->link = &t->next;
	d->tries = t;
	return t;
}

/* Finds the user and queues the hash. */
static int64_t try_start(struct try *t, struct slice password)
{
	struct login_desk *d = t->desk;
	int r = users_find(d->users, name_of(t), &t->user);

	if (r < 0 && r != -ENOENT)
		return r;
	t->known = r == 0;
	r = password_check(
		d->worker, t->known ? t->user.hash : d->nobody, password, on_password_checked, t);
	return r == -EAGAIN ? FULL_RETRY_MS : r;
}

int64_t login_begin(
	struct login_desk *d, const struct login_attempt *attempt, login_done_fn *done, void *arg)
{
	struct try *t;
	int64_t r;

	if (attempt->username.len > USERNAME_MAX_BYTES ||
		attempt->address.len > ADDRESS_MAX_BYTES ||
		attempt->password.len > PASSWORD_MAX_BYTES)
		return -EINVAL;
	t = try_new(d, attempt, done, arg);
	if (t == NULL)
		return -ENOMEM;
	r = limits_begin(t);
	if (r == 0) {
		r = try_start(t, attempt->password);
		if (r != 0)
			limits_end(t, false);
	}
	if (r != 0)
		try_unlink(t);
	return r;
}
