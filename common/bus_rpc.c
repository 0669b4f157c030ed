/*
 * Questions (REQ) and requests (REP).
 *
 * A question has an NNG context of its own, so that many may be out on one socket; contexts are
 * kept and used again.  First the message is sent, which waits for a peer, then the answer is
 * received, both within the one deadline.  NNG's resending is off: when the connection breaks, the
 * question fails, and whoever asked knows whether it may be asked again.
 *
 * A request is a context of a REP socket: receiving, then held by the owner, then answering, then
 * receiving again.  When all are held, NNG reads no further request and its peers wait.
 */
#include <errno.h>
#include <stdlib.h>

#include "common/bus_nng.h"
#include "common/cleanup.h"
#include "common/clock.h"

struct bus_ask {
	struct bus_event event;
	struct bus_ask *next_free;
	nng_ctx ctx;
	nng_aio *aio;
	bool sent; /* of one thread at a time, as the aio */
	int64_t deadline_ms;
	enum bus_answer_result result;
	bus_answer_fn *fn;
	void *arg;
};

enum phase { PHASE_RECEIVING, PHASE_HELD, PHASE_ANSWERING };

struct bus_request {
	struct bus_event event;
	nng_ctx ctx;
	nng_aio *aio;
	enum phase phase;
	struct bus_pipe *pipe; /* a reference, until delivered */
	uint32_t pipe_id;
	uid_t uid;
};

static void free_message_of(nng_aio *aio)
{
	if (nng_aio_get_msg(aio) != NULL) {
		nng_msg_free(nng_aio_get_msg(aio));
		nng_aio_set_msg(aio, NULL);
	}
}

/* 0 would be a poll and a negative number for ever. */
static void set_time_left(struct bus_ask *a)
{
	int64_t left = a->deadline_ms - clock_mono_ms();

	if (left < 1)
		left = 1;
	nng_aio_set_timeout(a->aio, left > INT32_MAX ? INT32_MAX : (nng_duration)left);
}

static void queue_event(struct bus_event *e)
{
	struct bus *b = e->socket->bus;
	bool wake;

	pthread_mutex_lock(&b->lock);
	wake = bus_queue(b, e);
	pthread_mutex_unlock(&b->lock);
	if (wake)
		bus_wake(b);
}

/* NNG's thread. */
static void on_ask(void *arg)
{
	struct bus_ask *a = arg;
	int rc = nng_aio_result(a->aio);

	if (rc == 0 && !a->sent) {
		a->sent = true;
		set_time_left(a);
		nng_aio_set_msg(a->aio, NULL);
		nng_ctx_recv(a->ctx, a->aio);
		return;
	}
	if (rc != 0)
		free_message_of(a->aio);
	a->result = rc == 0 ? BUS_ANSWERED : rc == NNG_ETIMEDOUT ? BUS_TIMED_OUT : BUS_BROKE;
	queue_event(&a->event);
}

static int ask_new(struct bus_socket *s, struct bus_ask **out)
{
	CLEANUP(mem_freep) struct bus_ask *a = calloc(1, sizeof(*a));
	int rc;

	if (a == NULL)
		return -ENOMEM;
	a->event.kind = BUS_EVENT_ANSWER;
	a->event.socket = s;
	a->event.ask = a;
	rc = nng_ctx_open(&a->ctx, s->sock);
	if (rc == 0 && (rc = nng_aio_alloc(&a->aio, on_ask, a)) != 0)
		nng_ctx_close(a->ctx);
	if (rc != 0)
		return bus_errno(rc);
	s->n_asks++;
	*out = a;
	a = NULL;
	return 0;
}

static int take_ask(struct bus_socket *s, struct bus_ask **out)
{
	struct bus_ask *a = s->free_asks;

	if (a == NULL)
		return s->n_asks < BUS_MAX_ASKS ? ask_new(s, out) : -EAGAIN;
	s->free_asks = a->next_free;
	*out = a;
	return 0;
}

int bus_ask(struct bus_socket *s, struct bus_msg *m, int64_t timeout_ms, bus_answer_fn *on_answer,
	void *arg)
{
	struct bus_ask *a = NULL;
	int rc = take_ask(s, &a);

	if (rc < 0) {
		bus_msg_free(m);
		return rc;
	}
	a->sent = false;
	a->fn = on_answer;
	a->arg = arg;
	a->deadline_ms = clock_mono_ms() + timeout_ms;
	set_time_left(a);
	nng_aio_set_msg(a->aio, (nng_msg *)m);
	nng_ctx_send(a->ctx, a->aio);
	return 0;
}

void bus_rpc_deliver_answer(struct bus_ask *a)
{
	struct bus_socket *s = a->event.socket;
	nng_msg *msg = a->result == BUS_ANSWERED ? nng_aio_get_msg(a->aio) : NULL;
	struct slice bytes = {NULL, 0};

	if (msg != NULL)
		bytes = (struct slice){nng_msg_body(msg), nng_msg_len(msg)};
	a->fn(a->arg, a->result, bytes);
	if (msg != NULL)
		nng_msg_free(msg);
	nng_aio_set_msg(a->aio, NULL);
	a->next_free = s->free_asks;
	s->free_asks = a;
}

/* Any thread that has the request. */
static void receive_next(struct bus_request *r)
{
	r->phase = PHASE_RECEIVING;
	nng_aio_set_msg(r->aio, NULL);
	nng_aio_set_timeout(r->aio, NNG_DURATION_INFINITE);
	nng_ctx_recv(r->ctx, r->aio);
}

static void on_received(struct bus_request *r)
{
	struct bus_socket *s = r->event.socket;
	struct bus *b = s->bus;
	nng_msg *msg = nng_aio_get_msg(r->aio);
	struct bus_pipe *pipe;
	bool wake = false;

	pthread_mutex_lock(&b->lock);
	pipe = bus_pipe_of(s, (uint32_t)nng_pipe_id(nng_msg_get_pipe(msg)), &wake);
	if (pipe != NULL) {
		r->phase = PHASE_HELD;
		r->pipe = pipe;
		r->pipe_id = pipe->id;
		r->uid = pipe->uid;
		wake |= bus_queue(b, &r->event);
	}
	pthread_mutex_unlock(&b->lock);
	if (wake)
		bus_wake(b);
	if (pipe == NULL) {
		nng_msg_free(msg);
		receive_next(r);
	}
}

/* NNG's thread. */
static void on_request_aio(void *arg)
{
	struct bus_request *r = arg;
	int rc = nng_aio_result(r->aio);

	if (rc == NNG_ECLOSED)
		return;
	if (r->phase == PHASE_RECEIVING && rc == 0) {
		on_received(r);
		return;
	}
	if (r->phase == PHASE_ANSWERING && rc != 0) {
		free_message_of(r->aio);
		/* It asks and does not read: it must not hold the context that others need. */
		if (rc == NNG_ETIMEDOUT)
			bus_pipe_end(r->event.socket, r->pipe_id);
	}
	receive_next(r);
}

int bus_rpc_serve(struct bus_socket *s)
{
	for (int i = 0; i < (s->options.contexts > 0 ? s->options.contexts : 1); i++) {
		struct bus_request *r = calloc(1, sizeof(*r));
		int rc;

		if (r == NULL)
			return -ENOMEM;
		r->event.kind = BUS_EVENT_REQUEST;
		r->event.socket = s;
		r->event.request = r;
		rc = nng_ctx_open(&r->ctx, s->sock);
		if (rc == 0)
			rc = nng_aio_alloc(&r->aio, on_request_aio, r);
		if (rc != 0) {
			free(r);
			return bus_errno(rc);
		}
		receive_next(r);
	}
	return 0;
}

/* The owner may answer within on_request, so r is not touched after it. */
void bus_rpc_deliver_request(struct bus_request *r)
{
	struct bus_socket *s = r->event.socket;
	struct bus *b = s->bus;
	nng_msg *msg = nng_aio_get_msg(r->aio);
	uint32_t pipe = r->pipe_id;
	bool muted;

	nng_aio_set_msg(r->aio, NULL);
	pthread_mutex_lock(&b->lock);
	muted = r->pipe->muted;
	bus_pipe_unref(r->pipe);
	r->pipe = NULL;
	pthread_mutex_unlock(&b->lock);
	if (muted || s->options.on_request == NULL)
		receive_next(r);
	else
		s->options.on_request(s->options.arg, pipe,
			(struct slice){nng_msg_body(msg), nng_msg_len(msg)}, r);
	nng_msg_free(msg);
}

uid_t bus_request_uid(const struct bus_request *r)
{
	return r->uid;
}

void bus_answer(struct bus_request *r, struct bus_msg *m)
{
	r->phase = PHASE_ANSWERING;
	nng_aio_set_msg(r->aio, (nng_msg *)m);
	nng_aio_set_timeout(r->aio, BUS_ANSWER_TIMEOUT);
	nng_ctx_send(r->ctx, r->aio);
}

void bus_request_drop(struct bus_request *r)
{
	receive_next(r);
}
