/*
 * The way from NNG's threads to the loop, and sending.
 *
 * NNG calls back on threads of its own.  Such a callback notes what happened in an event, appends
 * it to the bus's one queue and wakes the loop with uv_async_send(); on_wake() takes all of the
 * queue and calls the owner.  Since there is one queue and each socket has one receive in flight,
 * everything about a socket arrives in order: on_up, messages, on_down.
 *
 * The queue is bounded: a received message needs one of the socket's slots, and the next receive is
 * started only while a slot and bytes are left; NNG then stops reading, and the peer's kernel
 * buffer fills.  The other events live in their pipe, question or request.
 *
 * Sockets are opened in bus_open.c, pipes kept in bus_pipe.c, questions and answers in bus_rpc.c;
 * the tools' bus_call() is bus_call.c.
 */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>

#include "common/bus_nng.h"
#include "common/cleanup.h"

int bus_errno(int nng_error)
{
	static const struct {
		int nng;
		int sys;
	} table[] = {
		{NNG_EINTR, EINTR},
		{NNG_ENOMEM, ENOMEM},
		{NNG_EINVAL, EINVAL},
		{NNG_EBUSY, EBUSY},
		{NNG_ETIMEDOUT, ETIMEDOUT},
		{NNG_ECONNREFUSED, ECONNREFUSED},
		{NNG_ECLOSED, ECONNRESET},
		{NNG_ECONNRESET, ECONNRESET},
		{NNG_ECONNSHUT, ECONNRESET},
		{NNG_ECONNABORTED, ECONNABORTED},
		{NNG_EAGAIN, EAGAIN},
		{NNG_ENOTSUP, ENOTSUP},
		{NNG_EADDRINUSE, EADDRINUSE},
		{NNG_ENOENT, ENOENT},
		{NNG_EPROTO, EPROTO},
		{NNG_EADDRINVAL, EINVAL},
		{NNG_EPERM, EACCES},
		{NNG_EMSGSIZE, EMSGSIZE},
		{NNG_ECANCELED, ECANCELED},
		{NNG_ENOFILES, EMFILE},
		{NNG_ENOSPC, ENOSPC},
	};

	if (nng_error == 0)
		return 0;
	if ((nng_error & NNG_ESYSERR) != 0)
		return -(nng_error & ~NNG_ESYSERR);
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
		if (table[i].nng == nng_error)
			return -table[i].sys;
	return -EIO;
}

bool bus_queue(struct bus *b, struct bus_event *e)
{
	bool was_empty = b->first == NULL;

	e->next = NULL;
	*b->last = e;
	b->last = &e->next;
	return was_empty;
}

void bus_wake(struct bus *b)
{
	(void)uv_async_send(&b->wake);
}

struct bus_msg *bus_msg_new(size_t len)
{
	nng_msg *m;

	return nng_msg_alloc(&m, len) == 0 ? (struct bus_msg *)m : NULL;
}

void bus_msg_free(struct bus_msg *m)
{
	if (m != NULL)
		nng_msg_free((nng_msg *)m);
}

char *bus_msg_data(struct bus_msg *m)
{
	return nng_msg_body((nng_msg *)m);
}

struct slice bus_msg_bytes(const struct bus_msg *m)
{
	/* nng_msg_body() only lacks a const. */
	nng_msg *msg = (nng_msg *)(uintptr_t)m;

	return (struct slice){nng_msg_body(msg), nng_msg_len(msg)};
}

/* Whether one more message may be received before the loop has taken what is there.  Lock held. */
static bool may_receive(const struct bus_socket *s)
{
	return s->free_slots != NULL && s->ahead_bytes < BUS_AHEAD_BYTES;
}

void bus_on_received(void *arg)
{
	struct bus_socket *s = arg;
	struct bus *b = s->bus;
	nng_msg *msg = NULL;
	struct bus_pipe *pipe;
	bool wake = false;
	bool more;

	if (nng_aio_result(s->recv_aio) == 0)
		msg = nng_aio_get_msg(s->recv_aio);
	else if (nng_aio_result(s->recv_aio) == NNG_ECLOSED)
		return;
	pthread_mutex_lock(&b->lock);
	if (msg != NULL && (pipe = bus_pipe_of(s, (uint32_t)nng_pipe_id(nng_msg_get_pipe(msg)),
				    &wake)) != NULL) {
		struct bus_slot *slot = s->free_slots;

		s->free_slots = slot->next_free;
		slot->msg = msg;
		slot->pipe = pipe;
		s->ahead_bytes += nng_msg_len(msg);
		wake |= bus_queue(b, &slot->event);
		msg = NULL;
	}
	more = may_receive(s);
	s->paused = !more;
	pthread_mutex_unlock(&b->lock);
	if (msg != NULL)
		nng_msg_free(msg);
	if (wake)
		bus_wake(b);
	if (more)
		nng_recv_aio(s->sock, s->recv_aio);
}

static void deliver_message(struct bus_slot *slot)
{
	struct bus_socket *s = slot->event.socket;
	struct bus *b = s->bus;
	nng_msg *msg = slot->msg;
	size_t len = nng_msg_len(msg);
	bool muted;
	bool resume;

	pthread_mutex_lock(&b->lock);
	muted = slot->pipe->muted;
	pthread_mutex_unlock(&b->lock);
	if (!muted && s->options.on_message != NULL)
		s->options.on_message(
			s->options.arg, slot->pipe->id, (struct slice){nng_msg_body(msg), len});
	nng_msg_free(msg);

	pthread_mutex_lock(&b->lock);
	bus_pipe_unref(slot->pipe);
	slot->next_free = s->free_slots;
	s->free_slots = slot;
	s->ahead_bytes -= len;
	resume = s->paused && may_receive(s);
	if (resume)
		s->paused = false;
	pthread_mutex_unlock(&b->lock);
	if (resume)
		nng_recv_aio(s->sock, s->recv_aio);
}

void bus_on_send_done(void *arg)
{
	struct bus_socket *s = arg;
	struct bus *b = s->bus;
	bool ok = nng_aio_result(s->send_aio) == 0;
	bool wake;

	if (!ok && nng_aio_get_msg(s->send_aio) != NULL) {
		nng_msg_free(nng_aio_get_msg(s->send_aio));
		nng_aio_set_msg(s->send_aio, NULL);
	}
	pthread_mutex_lock(&b->lock);
	s->in_nng = false;
	s->sent_ok = ok;
	wake = bus_queue(b, &s->sent);
	pthread_mutex_unlock(&b->lock);
	if (wake)
		bus_wake(b);
}

static void deliver_sent(struct bus_socket *s)
{
	bool ok;

	pthread_mutex_lock(&s->bus->lock);
	ok = s->sent_ok;
	pthread_mutex_unlock(&s->bus->lock);
	s->sending = false;
	if (s->options.on_sent != NULL)
		s->options.on_sent(s->options.arg, ok);
}

static void deliver(struct bus_event *e)
{
	switch (e->kind) {
	case BUS_EVENT_UP:
		bus_pipe_deliver_up(e->pipe);
		break;
	case BUS_EVENT_DOWN:
		bus_pipe_deliver_down(e->pipe);
		break;
	case BUS_EVENT_MESSAGE:
		deliver_message(e->slot);
		break;
	case BUS_EVENT_REQUEST:
		bus_rpc_deliver_request(e->request);
		break;
	case BUS_EVENT_SENT:
		deliver_sent(e->socket);
		break;
	case BUS_EVENT_ANSWER:
		bus_rpc_deliver_answer(e->ask);
		break;
	}
}

static void on_wake(uv_async_t *handle)
{
	struct bus *b = handle->data;
	struct bus_event *e;
	struct bus_event *next;

	pthread_mutex_lock(&b->lock);
	e = b->first;
	b->first = NULL;
	b->last = &b->first;
	pthread_mutex_unlock(&b->lock);
	for (; e != NULL; e = next) {
		next = e->next; /* delivering gives e away */
		deliver(e);
	}
}

/* NNG starts its threads when an aio is first made, and they keep the signal mask of that moment.
 */
int bus_nng_start(void)
{
	sigset_t all;
	sigset_t old;
	nng_socket probe;
	int rc;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
#if NNG_MAJOR_VERSION == 1 && NNG_MINOR_VERSION >= 7
	nng_init_set_parameter(NNG_INIT_MAX_TASK_THREADS, 8);
	nng_init_set_parameter(NNG_INIT_MAX_EXPIRE_THREADS, 4);
	nng_init_set_parameter(NNG_INIT_MAX_POLLER_THREADS, 4);
	nng_init_set_parameter(NNG_INIT_NUM_RESOLVER_THREADS, 1);
#endif
	/* Left open: it has nothing to do and nothing in flight. */
	rc = nng_pub0_open(&probe);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	return bus_errno(rc);
}

int bus_new(struct bus **out, uv_loop_t *loop)
{
	CLEANUP(mem_freep) struct bus *b = calloc(1, sizeof(*b));
	int rc;

	if (b == NULL)
		return -ENOMEM;
	b->loop = loop;
	b->last = &b->first;
	b->wake.data = b;
	pthread_mutex_init(&b->lock, NULL);
	rc = bus_nng_start();
	if (rc == 0)
		rc = uv_async_init(loop, &b->wake, on_wake);
	if (rc == 0)
		rc = bus_tick_start(b);
	if (rc < 0)
		return rc;
	*out = b;
	b = NULL;
	return 0;
}

bool bus_can_send(const struct bus_socket *s)
{
	bool has_peer;

	pthread_mutex_lock(&s->bus->lock);
	has_peer = s->options.pattern != BUS_PAIR || s->peer != NULL;
	pthread_mutex_unlock(&s->bus->lock);
	return has_peer && !s->sending;
}

/*
 * in_nng is set while the peer is known to be there, and no other peer is let in before it is
 * cleared (bus_pipe.c): what is meant for one peer can not wait in NNG for the next one.
 */
bool bus_send(struct bus_socket *s, struct bus_msg *m)
{
	struct bus *b = s->bus;
	bool has_peer;

	pthread_mutex_lock(&b->lock);
	has_peer = s->options.pattern != BUS_PAIR || s->peer != NULL;
	if (has_peer && !s->sending)
		s->in_nng = true;
	pthread_mutex_unlock(&b->lock);
	if (!has_peer || s->sending) {
		bus_msg_free(m);
		return false;
	}
	s->sending = true;
	nng_aio_set_msg(s->send_aio, (nng_msg *)m);
	nng_send_aio(s->sock, s->send_aio);
	return true;
}

void bus_pipe_close(struct bus_socket *s, uint32_t pipe)
{
	bus_pipe_end(s, pipe);
}
