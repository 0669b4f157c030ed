/*
 * password: checks passwords on one worker thread, so that the loop, and with it every
 * verification, never waits behind a hash.  Functions and callbacks belong to the loop thread.
 */
#ifndef POSTERN_AUTH_PASSWORD_H
#define POSTERN_AUTH_PASSWORD_H

#include <stdbool.h>
#include <uv.h>

#include "common/slice.h"

struct password_worker;

/* Called once for each check that was taken, from the loop. */
typedef void password_done_fn(void *arg, bool fits);

/* Starts the thread, with all signals blocked.  0 and an owned *out, or -errno. */
int password_worker_new(struct password_worker **out, uv_loop_t *loop);
/* Waits for the hash at work, drops the queue without callbacks, and frees once the loop ran. */
void password_worker_close(struct password_worker *w);

/* Copies hash and password.  0, -EAGAIN: LOGIN_QUEUE are waiting, -EINVAL: too long, -ENOMEM. */
int password_check(struct password_worker *w, const char *hash, struct slice password,
	password_done_fn *done, void *arg);

#endif
