/*
 * The one thread that touches the disk.  A cycle takes what was submitted while the one before was
 * going on, writes it in one transaction, then answers some reads, and does a bounded part of what
 * is not urgent: taking away trimmed rows, a slice of a backup, looking for old messages.
 *
 * A batch that did not fit takes its whole generation along.  What it held besides messages is
 * worth keeping (a position is the client's word that it has something) and goes with the next
 * batch; when there is none, a second is waited for.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/bug.h"
#include "common/clock.h"
#include "router/store_inner.h"

#define BATCH_OPS 4096
#define BATCH_BYTES 16777216
#define READS_PER_CYCLE 32
#define AGAIN_MAX 8192 /* the oldest are dropped: a position is followed by a newer one */
#define AGAIN_MS 1000
#define TIDY_ROWS_BUSY 128
#define TIDY_ROWS_IDLE 500
#define SCAN_STEP_MS 20
#define SCAN_PASS_MS 60000 /* but at least a hundred times in keep_acked_ms */
#define SCAN_PASS_MIN_MS 100

static int64_t now_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

/* Hands what there is to tell to the loop. */
static void flush(struct store *s)
{
	pthread_mutex_lock(&s->lock);
	s->counts.damaged = s->backend->damaged;
	s->counts.trimmed = s->backend->trimmed;
	s->counts.marks = s->backend->marks;
	store_list_join(&s->done, &s->told);
	pthread_mutex_unlock(&s->lock);
	uv_async_send(&s->wake);
}

static void broken(struct store *s, const char *what, int error)
{
	s->is_broken = true;
	pthread_mutex_lock(&s->lock);
	s->has_broken = true;
	(void)snprintf(s->broken_why, sizeof(s->broken_why), "%s: %s", what, strerror(-error));
	pthread_mutex_unlock(&s->lock);
	uv_async_send(&s->wake);
}

/* The pending counts are the caller's matter, under the lock. */
static void count_gone(struct store *s, const struct store_op *append)
{
	s->counts.pending_rows--;
	s->counts.pending_bytes -= append->record.message.body.len;
}

static bool is_dropped(const struct store *s, const struct store_op *op)
{
	return op->kind == STORE_OP_APPEND && op->generation < s->dropped_below;
}

/* Under the lock. */
static void take(struct store *s)
{
	struct store_op *op;
	size_t rows = 0, bytes = 0;

	while (rows < STORE_BATCH_ROWS && bytes < BATCH_BYTES && s->batch.n < BATCH_OPS &&
		(op = store_list_pop(&s->todo)) != NULL) {
		if (is_dropped(s, op)) {
			count_gone(s, op);
			store_op_free(op);
		} else if (op->kind == STORE_OP_READ) {
			store_list_push(&s->reads, op);
		} else if (op->kind == STORE_OP_BACKUP) {
			s->backup = op;
		} else {
			rows += op->kind == STORE_OP_APPEND;
			bytes += op->kind == STORE_OP_APPEND ? op->record.len : 0;
			store_list_push(&s->batch, op);
		}
	}
}

static bool has_chores(const struct store *s)
{
	return s->again.n > 0 || s->backend->ops->has_untidy(s->backend);
}

/* When the thread has something to do though nothing was submitted. */
static int64_t due_ms(const struct store *s)
{
	int64_t due = s->scan_ms;

	if (s->reads.n > 0 || s->backup != NULL)
		return 0;
	if (has_chores(s) && s->again_ms < due)
		due = s->again_ms;
	return due;
}

static void wait_until(struct store *s, int64_t ms)
{
	struct timespec t = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};

	(void)pthread_cond_timedwait(&s->work, &s->lock, &t);
}

/* Until there is something to do; false: to be ended, and everything is done. */
static bool wait_and_take(struct store *s)
{
	bool goes_on = true;

	pthread_mutex_lock(&s->lock);
	s->busy = s->reads.n > 0 || s->again.n > 0;
	while (s->todo.n == 0 && !s->stop && !s->has_lost && due_ms(s) > clock_mono_ms())
		wait_until(s, due_ms(s));
	if (s->stop && s->todo.n == 0 && s->reads.n == 0)
		goes_on = false;
	s->busy = true;
	if (s->has_lost && s->lost_generation >= s->dropped_below) {
		s->dropped_below = s->lost_generation + 1;
		s->has_failed = true;
		s->failed = s->lost_generation;
		s->failed_why = "no memory";
	}
	s->has_lost = false;
	take(s);
	pthread_mutex_unlock(&s->lock);
	return goes_on;
}

static int apply(struct store *s, struct store_op *op)
{
	struct store_backend *b = s->backend;

	switch (op->kind) {
	case STORE_OP_APPEND:
		return b->ops->append(b, &op->record);
	case STORE_OP_USER:
		return b->ops->user(b, op->user.uid, op->user.seq);
	case STORE_OP_POSITION:
		return b->ops->position(b, &op->device, &op->place);
	case STORE_OP_CONTACT:
		return b->ops->contact(b, &op->contact);
	case STORE_OP_MARK:
		return b->ops->mark(b, &op->mark.mark);
	case STORE_OP_TRIM:
		return b->ops->trim(b, op->user.uid, op->user.seq, &op->place);
	case STORE_OP_READ:
	case STORE_OP_BACKUP:
	case STORE_OP_OLD:
		break;
	}
	return -EINVAL;
}

static int write_batch(struct store *s, bool tidy)
{
	struct store_backend *b = s->backend;
	int r = b->ops->begin(b);

	for (struct store_op *op = s->batch.first; r == 0 && op != NULL; op = op->next)
		r = apply(s, op);
	if (r == 0 && tidy && b->ops->has_untidy(b))
		r = b->ops->tidy(b, s->batch.n > 0 ? TIDY_ROWS_BUSY : TIDY_ROWS_IDLE);
	if (r == 0)
		r = BUG(16) ? (b->ops->commit(b), 0) : b->ops->commit(b);
	if (r < 0)
		b->ops->rollback(b);
	return r;
}

/* Whether the loop is to hear of an operation that is durable. */
static bool is_news(struct store_op *op)
{
	if (op->kind == STORE_OP_MARK) {
		op->mark.is_durable = true;
		return op->mark.tag != 0;
	}
	return op->place.seq > 0;
}

static void batch_stored(struct store *s, int64_t began_us)
{
	struct store_op *op;
	uint64_t rows = 0;

	pthread_mutex_lock(&s->lock);
	while ((op = store_list_pop(&s->batch)) != NULL) {
		if (op->kind == STORE_OP_APPEND) {
			rows++;
			count_gone(s, op);
			s->has_stored = true;
			s->stored = op->number;
		}
		if (is_news(op))
			store_list_push(&s->told, op);
		else
			store_op_free(op);
	}
	s->counts.commits++;
	s->counts.rows += rows;
	if (rows > 0)
		s->counts.last_batch = rows;
	s->counts.commit_us = (uint64_t)(now_us() - began_us);
	pthread_mutex_unlock(&s->lock);
}

static void batch_failed(struct store *s, int error)
{
	struct store_op *op;
	bool has_rows = false;

	pthread_mutex_lock(&s->lock);
	s->counts.failures++;
	while ((op = store_list_pop(&s->batch)) != NULL) {
		if (op->kind == STORE_OP_APPEND) {
			has_rows = true;
			s->dropped_below = op->generation + 1;
			s->failed = op->generation;
			count_gone(s, op);
			store_op_free(op);
		} else if (op->kind == STORE_OP_MARK && op->mark.tag != 0) {
			store_list_push(&s->told, op); /* not durable; it is asked for again */
		} else {
			store_list_push(&s->again, op);
		}
	}
	if (has_rows) {
		s->has_failed = true;
		s->failed_why = error == -ENOSPC ? "no space" : "no memory";
	}
	pthread_mutex_unlock(&s->lock);
	s->again_ms = clock_mono_ms() + AGAIN_MS;
	while (s->again.n > AGAIN_MAX)
		store_op_free(store_list_pop(&s->again));
}

static void write_some(struct store *s)
{
	int64_t began_us = now_us();
	bool chores = has_chores(s) && s->again_ms <= began_us / 1000;
	int r;

	if (s->batch.n == 0 && !chores)
		return;
	store_list_join(&s->again, &s->batch);
	store_list_join(&s->batch, &s->again);
	r = write_batch(s, chores);
	if (r == 0)
		batch_stored(s, began_us);
	else if (r == -ENOSPC || r == -ENOMEM)
		batch_failed(s, r);
	else
		broken(s, "the store cannot be written", r);
}

static void answer_reads(struct store *s)
{
	struct store_op *op;
	uint64_t n = 0;
	int r = 0;

	while (n < READS_PER_CYCLE && r == 0 && (op = store_list_pop(&s->reads)) != NULL) {
		n++;
		r = s->backend->ops->read(s->backend, &op->read, &op->rows);
		if (r == -ENOMEM) { /* an empty page: the reader asks again */
			store_rows_clear(&op->rows);
			r = 0;
		}
		store_rows_finish(&op->rows);
		store_list_push(&s->told, op);
	}
	if (r < 0)
		broken(s, "the store cannot be read", r);
	pthread_mutex_lock(&s->lock);
	s->counts.reads += n;
	pthread_mutex_unlock(&s->lock);
}

static void back_up(struct store *s)
{
	bool more = false;
	int r;

	if (s->backup == NULL)
		return;
	r = s->backend->ops->backup(s->backend, &more);
	if (r == 0 && more)
		return;
	s->backup->error = r;
	store_list_push(&s->told, s->backup);
	s->backup = NULL;
}

static void on_found(void *arg, struct slice uid, uint64_t seq, int64_t ts_ms)
{
	struct store *s = arg;
	struct store_op *op = calloc(1, sizeof(*op) + uid.len);

	if (op == NULL) /* the next pass finds it again */
		return;
	op->kind = STORE_OP_OLD;
	if (uid.len > 0)
		memcpy(op->text, uid.data, uid.len);
	op->user.uid = (struct slice){op->text, uid.len};
	op->user.seq = seq;
	op->user.ts_ms = ts_ms;
	store_list_push(&s->told, op);
}

static int64_t pass_ms(const struct store *s)
{
	int64_t ms = s->keep_acked_ms / 100;

	if (ms < SCAN_PASS_MIN_MS)
		return SCAN_PASS_MIN_MS;
	return ms > SCAN_PASS_MS ? SCAN_PASS_MS : ms;
}

static void look_for_old(struct store *s)
{
	int64_t now = clock_mono_ms();
	bool more = false;
	int r;

	if (now < s->scan_ms)
		return;
	r = s->backend->ops->scan(
		s->backend, clock_wall_ms() - s->keep_acked_ms, on_found, s, &more);
	if (r < 0)
		broken(s, "the store cannot be read", r);
	s->scan_ms = now + (more ? SCAN_STEP_MS : pass_ms(s));
}

static void *run(void *arg)
{
	struct store *s = arg;

	while (wait_and_take(s)) {
		write_some(s);
		flush(s);
		if (!s->is_broken)
			answer_reads(s);
		if (!s->is_broken)
			back_up(s);
		if (!s->is_broken)
			look_for_old(s);
		flush(s);
		if (s->is_broken)
			break;
	}
	return NULL;
}

/* Signals are the loop's. */
int store_thread_start(struct store *s)
{
	sigset_t all, before;
	int r;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	r = pthread_create(&s->thread, NULL, run, s);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return -r;
}
