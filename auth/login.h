/*
 * login: a name and a password, checked within the limits on failures, by the worker.  Loop thread
 * only.
 */
#ifndef POSTERN_AUTH_LOGIN_H
#define POSTERN_AUTH_LOGIN_H

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

#include "auth/users.h"
#include "common/slice.h"

struct login_desk;

struct login_attempt {
	struct slice username;
	struct slice password;
	struct slice address; /* prefix of the client's address */
};

/* uid is NULL unless the password fits; username and uid are borrowed. */
typedef void login_done_fn(void *arg, struct slice username, const char *uid);

/* users is borrowed.  Starts the worker.  0 and an owned *out, or -errno. */
int login_desk_new(struct login_desk **out, uv_loop_t *loop, struct users *users);
/* Attempts that are queued or being hashed get no callback. */
void login_desk_close(struct login_desk *d);

/*
 * Copies the attempt.  0: done() will be called from the loop.  Positive: not taken, ms until it
 * may be tried again.  -errno: not taken.
 */
int64_t login_begin(
	struct login_desk *d, const struct login_attempt *attempt, login_done_fn *done, void *arg);

#endif
