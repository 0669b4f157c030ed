/*
 * password: a bounded queue, a thread and a way back.  A yescrypt hash takes tens of milliseconds
 * and megabytes by design; a queue without a bound, or hashes on the loop, would give a flood of
 * wrong passwords the power to stop every upgrade.
 *
 * Jobs move through two lists under one lock: todo (loop -> worker) and done (worker -> loop); the
 * async handle wakes the loop and may coalesce, so the whole done list is taken each time.
 */
#include "auth/password.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>

#include "auth/hash.h"
#include "common/cleanup.h"
#include "proto/limits.h"

struct job {
	struct job *next;
	password_done_fn *done;
	void *arg;
	bool fits;
	char hash[HASH_MAX_BYTES];
	size_t password_len;
	char password[PASSWORD_MAX_BYTES];
};

struct jobs {
	struct job *first;
	struct job **last;
	size_t n;
};

struct password_worker {
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t work;
	struct jobs todo; /* lock */
	struct jobs done; /* lock */
	bool stop;	  /* lock */
	uv_async_t wake;
};

static void job_free(struct job *j)
{
	if (j != NULL)
		explicit_bzero(j->password, sizeof(j->password));
	free(j);
}

static void jobs_init(struct jobs *q)
{
	*q = (struct jobs){.last = &q->first};
}

static void jobs_push(struct jobs *q, struct job *j)
{
	j->next = NULL;
	*q->last = j;
	q->last = &j->next;
	q->n++;
}

static struct job *jobs_pop(struct jobs *q)
{
	struct job *j = q->first;

	if (j == NULL)
		return NULL;
	q->first = j->next;
	if (q->first == NULL)
		q->last = &q->first;
	q->n--;
	return j;
}

/* The next job, waiting for it; NULL: stop. */
static struct job *job_wait(struct password_worker *w)
{
	struct job *j = NULL;

	pthread_mutex_lock(&w->lock);
	while (!w->stop && (j = jobs_pop(&w->todo)) == NULL)
		pthread_cond_wait(&w->work, &w->lock);
	pthread_mutex_unlock(&w->lock);
	return j;
}

static void *worker_run(void *arg)
{
	struct password_worker *w = arg;
	struct job *j;

	while ((j = job_wait(w)) != NULL) {
		j->fits = hash_fits(j->hash, (struct slice){j->password, j->password_len});
		pthread_mutex_lock(&w->lock);
		jobs_push(&w->done, j);
		pthread_mutex_unlock(&w->lock);
		uv_async_send(&w->wake);
	}
	return NULL;
}

static void on_wake(uv_async_t *handle)
{
	struct password_worker *w = handle->data;
	struct job *j;

	for (;;) {
		pthread_mutex_lock(&w->lock);
		j = jobs_pop(&w->done);
		pthread_mutex_unlock(&w->lock);
		if (j == NULL)
			return;
		j->done(j->arg, j->fits);
		job_free(j);
	}
}

static int thread_start(struct password_worker *w)
{
	sigset_t all, before;
	int r;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	r = pthread_create(&w->thread, NULL, worker_run, w);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return -r;
}

static void on_wake_closed(uv_handle_t *handle)
{
	struct password_worker *w = handle->data;

	pthread_cond_destroy(&w->work);
	pthread_mutex_destroy(&w->lock);
	free(w);
}

int password_worker_new(struct password_worker **out, uv_loop_t *loop)
{
	struct password_worker *w = calloc(1, sizeof(*w));
	int r;

	if (w == NULL)
		return -ENOMEM;
	r = uv_async_init(loop, &w->wake, on_wake);
	if (r < 0) {
		free(w);
		return r;
	}
	w->wake.data = w;
	jobs_init(&w->todo);
	jobs_init(&w->done);
	pthread_mutex_init(&w->lock, NULL);
	pthread_cond_init(&w->work, NULL);
	r = thread_start(w);
	if (r < 0) {
		uv_close((uv_handle_t *)&w->wake, on_wake_closed);
		return r;
	}
	*out = w;
	return 0;
}

void password_worker_close(struct password_worker *w)
{
	struct job *j;

	if (w == NULL)
		return;
	pthread_mutex_lock(&w->lock);
	w->stop = true;
	pthread_cond_signal(&w->work);
	pthread_mutex_unlock(&w->lock);
	pthread_join(w->thread, NULL);
	while ((j = jobs_pop(&w->todo)) != NULL || (j = jobs_pop(&w->done)) != NULL)
		job_free(j);
	uv_close((uv_handle_t *)&w->wake, on_wake_closed);
}

int password_check(struct password_worker *w, const char *hash, struct slice password,
	password_done_fn *done, void *arg)
{
	struct job *j;
	bool full;

	if (password.len > PASSWORD_MAX_BYTES || strlen(hash) >= HASH_MAX_BYTES)
		return -EINVAL;
	j = calloc(1, sizeof(*j));
	if (j == NULL)
		return -ENOMEM;
	j->done = done;
	j->arg = arg;
	memcpy(j->hash, hash, strlen(hash));
	j->password_len = password.len;
	if (password.len > 0)
		memcpy(j->password, password.data, password.len);
	pthread_mutex_lock(&w->lock);
	full = w->todo.n >= LOGIN_QUEUE;
	if (!full) {
		jobs_push(&w->todo, j);
		pthread_cond_signal(&w->work);
	}
	pthread_mutex_unlock(&w->lock);
	if (full)
		job_free(j);
	return full ? -EAGAIN : 0;
}
