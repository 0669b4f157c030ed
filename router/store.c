/*
 * The loop's side.  A submission is one block of memory: the operation and the text it names.  It
 * travels to the thread in `todo` and, when there is something to say about it, back in `done` as
 * the event.  What must be said even when memory is short (stored, failed, broken) has a place of
 * its own and needs none.
 */
#include "router/store.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "router/store_inner.h"
#include "router/store_record.h"

DEFINE_FREEP(struct store, store_free)

void store_list_init(struct store_ops_list *l)
{
	*l = (struct store_ops_list){.last = &l->first};
}

void store_list_push(struct store_ops_list *l, struct store_op *op)
{
	op->next = NULL;
	*l->last = op;
	l->last = &op->next;
	l->n++;
}

struct store_op *store_list_pop(struct store_ops_list *l)
{
	struct store_op *op = l->first;

	if (op == NULL)
		return NULL;
	l->first = op->next;
	if (l->first == NULL)
		l->last = &l->first;
	l->n--;
	return op;
}

void store_list_join(struct store_ops_list *l, struct store_ops_list *more)
{
	if (more->first == NULL)
		return;
	*l->last = more->first;
	l->last = more->last;
	l->n += more->n;
	store_list_init(more);
}

void store_op_free(struct store_op *op)
{
	if (op == NULL)
		return;
	if (op->kind == STORE_OP_READ)
		store_rows_fini(&op->rows);
	free(op);
}

void store_list_free(struct store_ops_list *l)
{
	struct store_op *op;

	while ((op = store_list_pop(l)) != NULL)
		store_op_free(op);
}

static enum store_opened backend_open(
	struct store *s, const struct store_config *config, char why[STORE_WHY_BYTES])
{
	struct slice url = slice_of(config->url);

	if (slice_is(url, "memory"))
		return store_memory_open(
			&s->backend, (struct slice){NULL, 0}, config->boot_ms, why);
	if (strncmp(config->url, "memory:", 7) == 0)
		return store_memory_open(
			&s->backend, slice_of(config->url + 7), config->boot_ms, why);
	if (strncmp(config->url, "sqlite:", 7) == 0 && config->url[7] != '\0')
		return store_sqlite_open(&s->backend, config->url + 7, config, why);
	(void)snprintf(why, STORE_WHY_BYTES, "no such store: sqlite:PATH and memory are known");
	return STORE_OPEN_REFUSED;
}

/* Timed waits are for what a wall clock that jumps must not move. */
static void work_init(pthread_cond_t *work)
{
	pthread_condattr_t attr;

	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(work, &attr);
	pthread_condattr_destroy(&attr);
}

enum store_opened store_open(
	struct store **out, const struct store_config *config, char why[STORE_WHY_BYTES])
{
	CLEANUP(store_freep) struct store *s = calloc(1, sizeof(*s));
	enum store_opened opened;

	if (s == NULL) {
		(void)snprintf(why, STORE_WHY_BYTES, "no memory");
		return STORE_OPEN_FAILED;
	}
	s->keep_acked_ms = config->keep_acked_ms;
	pthread_mutex_init(&s->lock, NULL);
	work_init(&s->work);
	store_list_init(&s->todo);
	store_list_init(&s->done);
	store_list_init(&s->batch);
	store_list_init(&s->again);
	store_list_init(&s->reads);
	store_list_init(&s->told);
	opened = backend_open(s, config, why);
	if (opened != STORE_OPENED)
		return opened;
	*out = s;
	s = NULL;
	return STORE_OPENED;
}

void store_free(struct store *s)
{
	if (s == NULL)
		return;
	store_list_free(&s->todo);
	store_list_free(&s->done);
	store_list_free(&s->batch);
	store_list_free(&s->again);
	store_list_free(&s->reads);
	store_list_free(&s->told);
	store_op_free(s->backup);
	if (s->backend != NULL)
		s->backend->ops->close(s->backend);
	pthread_cond_destroy(&s->work);
	pthread_mutex_destroy(&s->lock);
	free(s);
}

bool store_is_durable(const struct store *s)
{
	return s->backend->ops->is_durable;
}

struct slice store_epoch(const struct store *s)
{
	return (struct slice){s->backend->epoch, EPOCH_BYTES};
}

int store_load(struct store *s, const struct store_visitor *v, int64_t wall_ms, void *arg)
{
	return s->backend->ops->load(s->backend, v, wall_ms, arg);
}

static void tell(struct store *s, struct store_op *op)
{
	struct store_page page;

	switch (op->kind) {
	case STORE_OP_READ:
		page = (struct store_page){.tag = op->read.tag,
			.uid = op->read.uid,
			.after = op->read.after,
			.floor = op->rows.floor,
			.rows = op->rows.rows,
			.n = op->rows.n};
		s->events->on_page(s->arg, &page);
		break;
	case STORE_OP_POSITION:
		s->events->on_acked(s->arg, op->device.uid, &op->place);
		break;
	case STORE_OP_TRIM:
		s->events->on_acked(s->arg, op->user.uid, &op->place);
		break;
	case STORE_OP_MARK:
		s->events->on_marked(s->arg, op->mark.tag, op->mark.is_durable);
		break;
	case STORE_OP_OLD:
		s->events->on_old(s->arg, op->user.uid, op->user.seq, op->user.ts_ms);
		break;
	case STORE_OP_BACKUP:
		/* Not before: the next one would be told of this one's end. */
		pthread_mutex_lock(&s->lock);
		s->backing_up = false;
		pthread_mutex_unlock(&s->lock);
		s->events->on_backup(s->arg,
			op->error == 0 ? s->backend->ops->backup_path(s->backend) : NULL,
			op->error == 0 ? NULL : strerror(-op->error));
		break;
	case STORE_OP_APPEND:
	case STORE_OP_USER:
	case STORE_OP_CONTACT:
		break;
	}
}

/* Wakes are coalesced: everything that is there is told. */
static void on_wake(uv_async_t *handle)
{
	struct store *s = handle->data;
	struct store_ops_list done;
	struct store_op *op;
	bool has_stored, has_failed, has_broken;
	uint64_t stored, failed;
	const char *why;

	store_list_init(&done);
	pthread_mutex_lock(&s->lock);
	has_stored = s->has_stored;
	stored = s->stored;
	has_failed = s->has_failed;
	failed = s->failed;
	why = s->failed_why;
	has_broken = s->has_broken;
	s->has_stored = s->has_failed = s->has_broken = false;
	store_list_join(&done, &s->done);
	pthread_mutex_unlock(&s->lock);

	if (has_stored)
		s->events->on_stored(s->arg, stored);
	if (has_failed)
		s->events->on_failed(s->arg, failed, why);
	while ((op = store_list_pop(&done)) != NULL) {
		tell(s, op);
		store_op_free(op);
	}
	if (has_broken)
		s->events->on_broken(s->arg, s->broken_why);
}

int store_start(struct store *s, uv_loop_t *loop, const struct store_events *events, void *arg)
{
	int r = uv_async_init(loop, &s->wake, on_wake);

	if (r < 0)
		return r;
	s->wake.data = s;
	s->events = events;
	s->arg = arg;
	r = store_thread_start(s);
	if (r < 0) {
		uv_close((uv_handle_t *)&s->wake, NULL);
		return r;
	}
	s->started = true;
	return 0;
}

static void on_wake_closed(uv_handle_t *handle)
{
	store_free(handle->data);
}

void store_stop(struct store *s)
{
	pthread_mutex_lock(&s->lock);
	s->stop = true;
	pthread_cond_signal(&s->work);
	pthread_mutex_unlock(&s->lock);
	pthread_join(s->thread, NULL);
	s->backend->ops->close(s->backend);
	s->backend = NULL;
	uv_close((uv_handle_t *)&s->wake, on_wake_closed);
}

/* A zeroed operation with room for text_bytes. */
static struct store_op *op_new(enum store_op_kind kind, size_t text_bytes)
{
	struct store_op *op = malloc(sizeof(*op) + text_bytes);

	if (op == NULL)
		return NULL;
	memset(op, 0, sizeof(*op));
	op->kind = kind;
	return op;
}

/* Copies s to *at, which moves on; the copy. */
static struct slice keep(char **at, struct slice s)
{
	struct slice kept = {*at, s.len};

	if (s.len > 0)
		memcpy(*at, s.data, s.len);
	*at += s.len;
	return kept;
}

static void submit(struct store *s, struct store_op *op)
{
	pthread_mutex_lock(&s->lock);
	if (op->kind == STORE_OP_APPEND) {
		s->counts.pending_rows++;
		s->counts.pending_bytes += op->record.message.body.len;
	}
	store_list_push(&s->todo, op);
	if (s->todo.n == 1)
		pthread_cond_signal(&s->work);
	pthread_mutex_unlock(&s->lock);
}

static void lost(struct store *s, uint64_t generation)
{
	pthread_mutex_lock(&s->lock);
	s->has_lost = true;
	s->lost_generation = generation;
	pthread_cond_signal(&s->work);
	pthread_mutex_unlock(&s->lock);
}

int store_append(struct store *s, uint64_t number, uint64_t generation, const struct message *m)
{
	size_t len = store_record_size(m);
	struct store_op *op = op_new(STORE_OP_APPEND, len + STORE_MAC_BYTES);

	if (op == NULL) {
		lost(s, generation);
		return -ENOMEM;
	}
	op->number = number;
	op->generation = generation;
	op->record.bytes = op->text;
	op->record.len = len;
	store_record_encode(m, op->text);
	(void)store_record_decode((struct slice){op->text, len}, &op->record.message);
	submit(s, op);
	return 0;
}

int store_read(struct store *s, const struct store_read *read)
{
	struct store_op *op = op_new(STORE_OP_READ, read->uid.len);
	char *at;

	if (op == NULL)
		return -ENOMEM;
	at = op->text;
	op->read = *read;
	op->read.uid = keep(&at, read->uid);
	store_rows_init(&op->rows);
	submit(s, op);
	return 0;
}

static int submit_user(struct store *s, enum store_op_kind kind, struct slice uid, uint64_t seq)
{
	struct store_op *op = op_new(kind, uid.len);
	char *at;

	if (op == NULL)
		return -ENOMEM;
	at = op->text;
	op->user.uid = keep(&at, uid);
	op->user.seq = seq;
	submit(s, op);
	return 0;
}

int store_user(struct store *s, struct slice uid, uint64_t acked_system)
{
	return submit_user(s, STORE_OP_USER, uid, acked_system);
}

int store_trim(struct store *s, struct slice uid, uint64_t seq)
{
	return submit_user(s, STORE_OP_TRIM, uid, seq);
}

int store_position(struct store *s, const struct store_device *d)
{
	struct store_op *op = op_new(STORE_OP_POSITION, d->uid.len + d->device.len);
	char *at;

	if (op == NULL)
		return -ENOMEM;
	at = op->text;
	op->device = *d;
	op->device.uid = keep(&at, d->uid);
	op->device.device = keep(&at, d->device);
	submit(s, op);
	return 0;
}

int store_contact(struct store *s, const struct store_contact *c)
{
	struct store_op *op = op_new(STORE_OP_CONTACT, c->a.len + c->b.len);
	char *at;

	if (op == NULL)
		return -ENOMEM;
	at = op->text;
	op->contact.last_ms = c->last_ms;
	op->contact.a = keep(&at, c->a);
	op->contact.b = keep(&at, c->b);
	submit(s, op);
	return 0;
}

int store_mark(struct store *s, const struct mark *mark, uint64_t tag)
{
	struct store_op *op = op_new(STORE_OP_MARK, mark->uid.len);
	char *at;

	if (op == NULL)
		return -ENOMEM;
	at = op->text;
	op->mark.mark = *mark;
	op->mark.mark.uid = keep(&at, mark->uid);
	op->mark.tag = tag;
	submit(s, op);
	return 0;
}

int store_backup(struct store *s)
{
	struct store_op *op;
	bool busy;

	if (s->backend->ops->backup_path(s->backend) == NULL)
		return -EOPNOTSUPP;
	op = op_new(STORE_OP_BACKUP, 0);
	if (op == NULL)
		return -ENOMEM;
	pthread_mutex_lock(&s->lock);
	busy = s->backing_up;
	s->backing_up = true;
	pthread_mutex_unlock(&s->lock);
	if (busy) {
		store_op_free(op);
		return -EBUSY;
	}
	submit(s, op);
	return 0;
}

void store_counts(const struct store *s, struct store_counts *out)
{
	pthread_mutex_t *lock = (pthread_mutex_t *)&s->lock;

	pthread_mutex_lock(lock);
	*out = s->counts;
	pthread_mutex_unlock(lock);
}

bool store_is_idle(const struct store *s)
{
	pthread_mutex_t *lock = (pthread_mutex_t *)&s->lock;
	bool idle;

	pthread_mutex_lock(lock);
	idle = s->todo.n == 0 && !s->busy && s->done.n == 0 && !s->has_stored && !s->has_failed &&
	       !s->has_lost && !s->has_broken;
	pthread_mutex_unlock(lock);
	return idle;
}
