/*
 * Pipes: the connections of a socket's peers, from the moment NNG asks whether one may come in
 * (ADD_PRE), over its start (ADD_POST), to its end (REM_POST), all on NNG's threads.
 *
 * NNG starts a pipe before it calls ADD_POST, so a message may be there first: whichever is first
 * queues on_up.  A refused pipe has an ADD_PRE and a REM_POST only, and the loop never hears of it.
 *
 * PAIR: the second peer is refused by NNG itself, and here also one that comes while the first is
 * not quite gone or a message for it is still in NNG.
 *
 * Closing from our side: in NNG 1.5 nng_pipe_close() may hit the moment between a part of a message
 * and the read of the next part; then the pipe's end is waited for for ever, and so is the end of
 * every pipe after it.  In 1.10 as well it may hit the moment in which a PAIR takes a message in,
 * and the next receive follows a pointer to the pipe that is gone.  So the reading half of the
 * descriptor is shut down instead, and NNG closes the pipe by itself when it reads the end of the
 * stream.
 */
#include <fcntl.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/bus_nng.h"
#include "common/nng_guard.h"

static struct bus_pipe *find(const struct bus_socket *s, uint32_t id)
{
	struct bus_pipe *p = s->pipes;

	while (p != NULL && p->id != id)
		p = p->next;
	return p;
}

static void set_event(struct bus_event *e, enum bus_event_kind kind, struct bus_pipe *p)
{
	e->kind = kind;
	e->socket = p->socket;
	e->pipe = p;
}

static bool queue_of(struct bus_pipe *p, struct bus_event *e)
{
	p->refs++;
	return bus_queue(p->socket->bus, e);
}

void bus_pipe_unref(struct bus_pipe *p)
{
	if (--p->refs == 0)
		free(p);
}

static bool announce(struct bus_pipe *p)
{
	if (p->up)
		return false;
	p->up = true;
	return queue_of(p, &p->up_event);
}

/* on_down follows on_up only, and once. */
static bool announce_end(struct bus_pipe *p)
{
	if (p->socket->peer == p)
		p->socket->peer = NULL;
	if (!p->up || p->down)
		return false;
	p->down = true;
	return queue_of(p, &p->down_event);
}

struct bus_pipe *bus_pipe_of(struct bus_socket *s, uint32_t id, bool *wake)
{
	struct bus_pipe *p = find(s, id);

	if (p == NULL || p->muted)
		return NULL;
	*wake |= announce(p);
	p->refs++;
	return p;
}

/* Asking for the uid also tells the descriptor, see nng_guard.h. */
static bool peer_is_allowed(const struct bus_socket *s, nng_pipe pipe, uid_t *out_uid)
{
	const struct bus_options *o = &s->options;
	uint64_t uid;

	if (nng_pipe_get_uint64(pipe, NNG_OPT_IPC_PEER_UID, &uid) != 0)
		return false;
	*out_uid = (uid_t)uid;
	if (o->n_uids == 0 || nng_pipe_listener(pipe).id == 0)
		return true;
	for (size_t i = 0; i < o->n_uids; i++)
		if (o->uids[i] == uid)
			return true;
	return false;
}

static struct bus_pipe *pipe_new(struct bus_socket *s, nng_pipe pipe, uid_t uid)
{
	struct bus_pipe *p = calloc(1, sizeof(*p));

	if (p == NULL)
		return NULL;
	p->socket = s;
	p->id = (uint32_t)nng_pipe_id(pipe);
	p->dialer = nng_pipe_dialer(pipe).id;
	p->uid = uid;
	p->fd = -1;
	p->refs = 1;
	set_event(&p->up_event, BUS_EVENT_UP, p);
	set_event(&p->down_event, BUS_EVENT_DOWN, p);
	p->fd = fcntl(nng_guard_peer_fd(), F_DUPFD_CLOEXEC, 0);
	if (p->fd < 0) {
		free(p);
		return NULL;
	}
	return p;
}

static bool has_room(const struct bus_socket *s, const struct bus_pipe *p)
{
	if (p->dialer != s->dialer.id || s->n_pipes >= BUS_MAX_PIPES)
		return false;
	return s->options.pattern != BUS_PAIR || (s->pipes == NULL && !s->in_nng);
}

static bool let_in(struct bus_socket *s, struct bus_pipe *p)
{
	struct bus *b = s->bus;
	bool ok;
	bool stuck;

	pthread_mutex_lock(&b->lock);
	stuck = s->options.pattern == BUS_PAIR && s->in_nng && s->pipes == NULL;
	ok = has_room(s, p);
	if (ok) {
		p->next = s->pipes;
		s->pipes = p;
		s->n_pipes++;
	}
	pthread_mutex_unlock(&b->lock);
	/* A message came into NNG just when its peer was gone and would wait there for the next. */
	if (stuck)
		nng_aio_cancel(s->send_aio);
	return ok;
}

static void on_add_pre(nng_pipe pipe, nng_pipe_ev event, void *arg)
{
	struct bus_socket *s = arg;
	struct bus_pipe *p;
	uid_t uid = 0;

	(void)event;
	if (!peer_is_allowed(s, pipe, &uid) || (p = pipe_new(s, pipe, uid)) == NULL) {
		nng_pipe_close(pipe);
		return;
	}
	if (let_in(s, p))
		return;
	nng_pipe_close(pipe);
	if (p->fd >= 0)
		close(p->fd);
	free(p);
}

static void on_add_post(nng_pipe pipe, nng_pipe_ev event, void *arg)
{
	struct bus_socket *s = arg;
	struct bus *b = s->bus;
	struct bus_pipe *p;
	bool wake = false;

	(void)event;
	pthread_mutex_lock(&b->lock);
	p = find(s, (uint32_t)nng_pipe_id(pipe)); /* it may be over already */
	if (p != NULL && !p->muted)
		wake = announce(p);
	pthread_mutex_unlock(&b->lock);
	if (wake)
		bus_wake(b);
}

static void unlink_pipe(struct bus_socket *s, struct bus_pipe *p)
{
	struct bus_pipe **at = &s->pipes;

	while (*at != p)
		at = &(*at)->next;
	*at = p->next;
	s->n_pipes--;
}

static void start_due_dialer(struct bus_socket *s)
{
	nng_dialer dialer;
	bool due;

	pthread_mutex_lock(&s->bus->lock);
	dialer = s->dialer;
	due = s->dial_due && s->pipes == NULL;
	if (due)
		s->dial_due = false;
	pthread_mutex_unlock(&s->bus->lock);
	if (due)
		nng_dialer_start(dialer, NNG_FLAG_NONBLOCK);
}

static void on_rem_post(nng_pipe pipe, nng_pipe_ev event, void *arg)
{
	struct bus_socket *s = arg;
	struct bus *b = s->bus;
	struct bus_pipe *p;
	nng_dialer retired = NNG_DIALER_INITIALIZER;
	bool wake = false;
	bool cancel = false;

	(void)event;
	pthread_mutex_lock(&b->lock);
	p = find(s, (uint32_t)nng_pipe_id(pipe));
	if (p != NULL) {
		unlink_pipe(s, p);
		p->gone = true;
		if (p->fd >= 0)
			close(p->fd);
		wake = announce_end(p);
		if (p->retired)
			retired.id = p->dialer;
		cancel = s->options.pattern == BUS_PAIR && s->in_nng;
		bus_pipe_unref(p);
	}
	pthread_mutex_unlock(&b->lock);
	if (retired.id != 0)
		nng_dialer_close(retired);
	start_due_dialer(s);
	if (cancel)
		nng_aio_cancel(s->send_aio);
	if (wake)
		bus_wake(b);
}

int bus_pipe_watch(struct bus_socket *s)
{
	int rc = nng_pipe_notify(s->sock, NNG_PIPE_EV_ADD_PRE, on_add_pre, s);

	if (rc == 0)
		rc = nng_pipe_notify(s->sock, NNG_PIPE_EV_ADD_POST, on_add_post, s);
	if (rc == 0)
		rc = nng_pipe_notify(s->sock, NNG_PIPE_EV_REM_POST, on_rem_post, s);
	return rc;
}

/* Lock held.  Whether nng_pipe_close() is still due, after unlocking. */
static bool mute(struct bus_pipe *p, bool *wake)
{
	if (p->muted)
		return false;
	p->muted = true;
	*wake |= announce_end(p);
	if (p->fd < 0)
		return true;
	shutdown(p->fd, SHUT_RD);
	return false;
}

void bus_pipe_end(struct bus_socket *s, uint32_t id)
{
	struct bus *b = s->bus;
	struct bus_pipe *p;
	bool wake = false;
	bool due;

	pthread_mutex_lock(&b->lock);
	p = find(s, id);
	due = p != NULL && mute(p, &wake);
	pthread_mutex_unlock(&b->lock);
	if (wake)
		bus_wake(b);
	if (due)
		nng_pipe_close((nng_pipe){.id = id});
}

bool bus_pipe_any(struct bus_socket *s)
{
	bool any;

	pthread_mutex_lock(&s->bus->lock);
	any = s->pipes != NULL;
	pthread_mutex_unlock(&s->bus->lock);
	return any;
}

/*
 * Closing a dialer closes its pipe, which must not be done to a pipe in use (see above); so that is
 * done at the pipe's end, just before NNG would let the old one dial again.  The new one starts
 * then: a PAIR refuses a second pipe, and its peer would think for a moment that it had us.
 */
void bus_pipe_switch(struct bus_socket *s, nng_dialer dialer)
{
	struct bus *b = s->bus;
	struct bus_pipe *p;
	nng_dialer old;
	bool wake = false;
	bool due = true;

	pthread_mutex_lock(&b->lock);
	old = s->dialer;
	s->dialer = dialer;
	s->dial_due = true;
	for (p = s->pipes; p != NULL && p->dialer != old.id; p = p->next)
		;
	if (p != NULL) {
		due = mute(p, &wake);
		p->retired = !due;
	}
	pthread_mutex_unlock(&b->lock);
	if (wake)
		bus_wake(b);
	if (due)
		nng_dialer_close(old);
	start_due_dialer(s);
}

void bus_pipe_deliver_up(struct bus_pipe *p)
{
	struct bus_socket *s = p->socket;

	pthread_mutex_lock(&s->bus->lock);
	if (s->options.pattern == BUS_PAIR && !p->muted && !p->gone)
		s->peer = p;
	pthread_mutex_unlock(&s->bus->lock);
	if (s->options.on_up != NULL)
		s->options.on_up(s->options.arg, p->id);
	pthread_mutex_lock(&s->bus->lock);
	bus_pipe_unref(p);
	pthread_mutex_unlock(&s->bus->lock);
}

void bus_pipe_deliver_down(struct bus_pipe *p)
{
	struct bus_socket *s = p->socket;

	if (s->options.on_down != NULL)
		s->options.on_down(s->options.arg, p->id);
	pthread_mutex_lock(&s->bus->lock);
	bus_pipe_unref(p);
	pthread_mutex_unlock(&s->bus->lock);
}
